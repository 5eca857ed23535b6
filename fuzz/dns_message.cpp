// Fuzzes core/dns_message.hpp. Input: a line with a host, a byte for the family, then the bytes of the answer. Oracles:
// an answer that is read has addresses of the family alone, as many as its bytes can hold, and has none without a
// question of its own; the query for a host is read by the rules that a server has; no failure shows the bytes of the
// answer.
#include <cstdint>
#include <string>

#include "core/dns_message.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace {
const bool kSights = sluice::fuzz::must_be_seen({"addresses", "no address", "an error", "an alias"});
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::string host(input.up_to('\n'));
  const std::string text(input.rest());
  if (text.empty() || host.empty() || host.size() > 300) return 0;
  const auto family = text.front() == '6' ? IpAddress::Kind::ipv6 : IpAddress::Kind::ipv4;
  const std::string message = text.substr(1);
  const auto answer = read_dns_answer(as_bytes(message), host, family);
  const auto query = dns_query(host, family);
  if (query) {
    // As the answer of a server that has changed nothing but one bit.
    std::string echo = *query;
    echo[2] = static_cast<char>(echo[2] | 0x80);
    const auto read = read_dns_answer(as_bytes(echo), host, family);
    FUZZ_CHECK_SAYING(read && read->addresses.empty() && !read->ttl, fuzz::shown(host));
  }
  if (!answer) {
    FUZZ_CHECK(answer.error().code == Code::resolve_failed);
    FUZZ_CHECK(answer.error().context.size() < host.size() + 100);
    fuzz::saw("an error");
    fuzz::last_verdict = "refused";
    return 0;
  }
  fuzz::saw(answer->addresses.empty() ? "no address" : "addresses");
  fuzz::last_verdict = answer->addresses.empty() ? "none" : "found";
  FUZZ_CHECK(answer->ttl.has_value() == !answer->addresses.empty());
  FUZZ_CHECK(answer->addresses.size() * (family == IpAddress::Kind::ipv6 ? 16 : 4) <= message.size());
  for (const IpAddress& address : answer->addresses) FUZZ_CHECK(address.kind == family && address.zone.empty());
  if (!answer->addresses.empty() && message.find(std::string("\0\5\0\1", 4)) != std::string::npos)
    fuzz::saw("an alias");
  return 0;
}
