// Fuzzes core/dns_message.hpp and core/https_record.hpp. Input: a line with a host, a byte for the family ('h': HTTPS
// records), then the bytes of the answer. Oracles: an answer that is read has addresses of the family alone, as many as
// its bytes can hold, and has none without a question of its own; HTTPS records are in order, lead to names that can be
// looked up, and have no more than their bytes can hold; the query for a host is read by the rules that a server has;
// no failure shows the bytes of the answer.
#include <cstdint>
#include <string>
#include <utility>

#include "core/dns_message.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace {
using namespace sluice;

const bool kSights =
    fuzz::must_be_seen({"addresses", "no address", "an error", "an alias", "records", "no record", "keys", "hints"});

void check_error(const Error& error, const std::string& host) {
  FUZZ_CHECK(error.code == Code::resolve_failed);
  FUZZ_CHECK(error.context.size() < host.size() + 100);
  fuzz::saw("an error");
  fuzz::last_verdict = "refused";
}

void check_record(const HttpsRecord& record, std::size_t size) {
  FUZZ_CHECK(record.priority != 0 && record.port != 0);
  if (!record.target.empty()) FUZZ_CHECK(dns_query(record.target, IpAddress::Kind::ipv4).has_value());
  FUZZ_CHECK(!IpAddress::parse(record.target));
  FUZZ_CHECK(!record.no_default_alpn || !record.alpn.empty());
  FUZZ_CHECK(record.ech.size() < size && record.hints.size() * 4 < size);
  for (const std::string& protocol : record.alpn) FUZZ_CHECK(!protocol.empty() && protocol.size() < 256);
  for (const IpAddress& hint : record.hints) FUZZ_CHECK(hint.kind != IpAddress::Kind::none);
  if (!record.ech.empty()) fuzz::saw("keys");
  if (!record.hints.empty()) fuzz::saw("hints");
}

void check_records(const std::string& host, const std::string& message) {
  if (const auto query = https_query(host)) {
    std::string echo = *query;
    echo[2] = static_cast<char>(echo[2] | 0x80);
    const auto read = read_https_answer(as_bytes(echo), host);
    FUZZ_CHECK_SAYING(read && read->records.empty() && !read->ttl, fuzz::shown(host));
  }
  const auto answer = read_https_answer(as_bytes(message), host);
  if (!answer) return check_error(answer.error(), host);
  fuzz::saw(answer->records.empty() ? "no record" : "records");
  fuzz::last_verdict = answer->records.empty() ? "none" : "found";
  FUZZ_CHECK(answer->ttl.has_value() == !answer->records.empty());
  FUZZ_CHECK(answer->records.size() <= 16);
  std::uint16_t before = 0;
  for (const HttpsRecord& record : answer->records) {
    FUZZ_CHECK(record.priority >= std::exchange(before, record.priority));
    check_record(record, message.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(Bytes(data, size));
  const std::string host(input.up_to('\n'));
  const std::string text(input.rest());
  if (text.empty() || host.empty() || host.size() > 300) return 0;
  if (text.front() == 'h') {
    check_records(host, text.substr(1));
    return 0;
  }
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
    check_error(answer.error(), host);
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
