// Command lines about names and addresses: --resolve, --connect-to, and how long names are kept.
#include <doctest/doctest.h>

#include "adapters/cli/parse_command_line.hpp"
#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {

TEST_CASE("options: --resolve") {
  const Operation operation =
      one({"--resolve", "Example.org.:443:192.0.2.1,[2001:db8::1],2001:db8::2", "--resolve", "+b:80:127.0.0.1",
           "--resolve", "c:80:127.0.0.1", "--resolve", "-B:80", "--resolve", "*:80:127.0.0.1", "h"});
  const auto& resolve = operation.settings->resolve;
  REQUIRE(resolve.size() == 3);
  CHECK(resolve[0].host == "example.org");
  CHECK(resolve[0].port == 443);
  REQUIRE(resolve[0].addresses.size() == 3);
  CHECK(resolve[0].addresses[1].to_string() == "2001:db8::1");
  CHECK_FALSE(resolve[0].expires);
  CHECK(resolve[1].host == "c");
  CHECK(resolve[2] == ResolveEntry{"*", 80, {*IpAddress::parse("127.0.0.1")}});
  const Operation other = one({"--resolve", "+b:80:127.0.0.1", "--resolve", "*:81:::1", "--resolve", "-*:81", "h"});
  REQUIRE(other.settings->resolve.size() == 1);
  CHECK(other.settings->resolve[0] == ResolveEntry{"b", 80, {*IpAddress::parse("127.0.0.1")}, true});
  for (const char* bad :
       {"", "a", "a:80", "a:80:", "a:80:zz", "a:x:127.0.0.1", "a:0:127.0.0.1", "a:70000:127.0.0.1", ":80:127.0.0.1",
        "a:80:127.0.0.1,", "a:80:[::1", "[::1:80:127.0.0.1", "-a", "-a:80:1", "[::1]x:80:127.0.0.1"}) {
    CAPTURE(bad);
    CHECK(refused({"--resolve", bad, "h"}).exit_code == 49);
  }
}

TEST_CASE("options: --https-records holds for all transfers") {
  CHECK_FALSE(parse({"h"})->https_records);
  CHECK(parse({"--https-records", "h", "--next", "i"})->https_records);
  CHECK_FALSE(parse({"--https-records", "--no-https-records", "h"})->https_records);
}

TEST_CASE("options: --dns-ttl and --no-private-addresses hold for all transfers, however they are grouped") {
  const auto plain = parse({"h"});
  REQUIRE(plain.has_value());
  CHECK_FALSE(plain->dns_ttl);
  CHECK_FALSE(plain->no_private_addresses);
  const auto line = parse({"--dns-ttl", "1.5", "--no-private-addresses", "h", "--next", "i"});
  REQUIRE(line.has_value());
  CHECK(line->dns_ttl == std::chrono::milliseconds(1500));
  CHECK(line->no_private_addresses);
  const auto off = parse({"--dns-ttl", "0", "--no-private-addresses", "--private-addresses", "h"});
  REQUIRE(off.has_value());
  CHECK(off->dns_ttl == Duration::zero());
  CHECK_FALSE(off->no_private_addresses);
  CHECK(refused({"--dns-ttl", "x", "h"}).exit_code == 2);
  CHECK(refused({"--dns-ttl", "-1", "h"}).exit_code == 2);
}

TEST_CASE("options: --connect-to is matched against each URL, the first that matches decides") {
  const std::vector<std::string> rules = {
      "--connect-to", "a:80:b:8080", "--connect-to", "c::[::1]:", "--connect-to", "d:81::", "--connect-to", "::e:9"};
  const auto target = [&rules](const char* url) {
    std::vector<std::string> arguments = rules;
    arguments.emplace_back(url);
    return one(arguments).connect_to;
  };
  CHECK(target("http://A/") == ConnectTo{"b", 8080});
  CHECK(target("http://a:81/") == ConnectTo{"e", 9});
  CHECK(target("https://c/") == ConnectTo{"::1", 443});
  CHECK_FALSE(target("http://d:81/"));
  CHECK_FALSE(one({"--connect-to", "x::y:", "http://h/"}).connect_to);
  for (const char* bad : {"", "a", "a:1", "a:1:b:x", "a:x:b:1", "a:1:b:70000", "a:1:[::1", "a:1:b:0"}) {
    CAPTURE(bad);
    CHECK(refused({"--connect-to", bad, "h"}).exit_code == 49);
  }
}

}  // namespace sluice::cli
