// RFC 6724 6 by tables: which address of a name is tried first, depending on the source addresses of this machine.
#include "adapters/resolver/preference.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace sluice;
using namespace sluice::net;

namespace {

// Destinations in the order in which they should come, each with its source; "": none.
void check_order(const std::vector<std::pair<std::string, std::string>>& wanted) {
  std::map<std::string, std::string> sources(wanted.begin(), wanted.end());
  std::vector<IpAddress> expected;
  for (const auto& [destination, source] : wanted) expected.push_back(*IpAddress::parse(destination));
  const auto source_of = [&](const IpAddress& address) -> std::optional<IpAddress> {
    const std::string& source = sources.at(address.to_string());
    return source.empty() ? std::nullopt : IpAddress::parse(source);
  };
  std::vector<IpAddress> backwards(expected.rbegin(), expected.rend());
  sort_by_preference(backwards, source_of);
  CHECK(backwards == expected);
  std::vector<IpAddress> again = expected;
  sort_by_preference(again, source_of);
  CHECK(again == expected);
}

}  // namespace

TEST_CASE("preference: IPv6 comes first where it has an address of its own kind, and last where it cannot be reached") {
  check_order({{"2001:db8::1", "2001:db8::99"}, {"192.0.2.1", "198.51.100.1"}});
  check_order({{"192.0.2.1", "198.51.100.1"}, {"2001:db8::1", ""}});
  check_order({{"2001:db8::1", "2001:db8::99"}, {"192.0.2.1", ""}});
  check_order({{"2001:db8::1", ""}, {"192.0.2.1", ""}});
}

TEST_CASE("preference: from a unique local or a tunnel's address IPv4 reaches a global one better (rule 5)") {
  check_order({{"192.0.2.1", "198.51.100.1"}, {"2001:db8::1", "fd00::1"}});
  check_order({{"192.0.2.1", "198.51.100.1"}, {"2001:db8::1", "2002:c633:6401::1"}});
  check_order({{"fd00::2", "fd00::1"}, {"2001:db8::1", "fd00::1"}});
}

TEST_CASE("preference: scopes that match (rule 2), precedence (rule 6), the smaller scope (rule 8)") {
  check_order({{"192.0.2.1", "198.51.100.1"}, {"2001:db8::1", "fe80::1"}});
  check_order({{"2001:db8::1", "2001:db8::9"}, {"2002:c633:6401::1", "2002:c633:6402::1"}});
  check_order({{"fe80::1", "fe80::2"}, {"2001:db8::1", "2001:db8::9"}});
  check_order({{"::1", "::1"}, {"127.0.0.1", "127.0.0.1"}});
}

TEST_CASE("preference: what no rule tells apart stays in the answer's order, and IPv4 alone is not looked at") {
  std::vector<IpAddress> addresses;
  for (const char* literal : {"192.0.2.3", "192.0.2.1", "192.0.2.2"}) addresses.push_back(*IpAddress::parse(literal));
  const std::vector<IpAddress> before = addresses;
  sort_by_preference(addresses, [](const IpAddress&) -> std::optional<IpAddress> {
    FAIL("asked for a source");
    return std::nullopt;
  });
  CHECK(addresses == before);
  std::vector<IpAddress> sixes = {*IpAddress::parse("2001:db8::3"), *IpAddress::parse("2001:db8::1")};
  const std::vector<IpAddress> as_given = sixes;
  sort_by_preference(sixes, [](const IpAddress&) { return IpAddress::parse("2001:db8::9"); });
  CHECK(sixes == as_given);
}

TEST_CASE("preference: this machine's own source of a loopback address is that address") {
  CHECK(source_for(*IpAddress::parse("127.0.0.1")) == IpAddress::parse("127.0.0.1"));
}
