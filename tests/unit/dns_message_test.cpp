// core/dns_message: queries as bytes, and answers: aliases, TTLs, compression, failures, and malformed ones.
#include "core/dns_message.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using namespace std::string_literals;
using Kind = IpAddress::Kind;
using std::chrono::seconds;

namespace {

const std::string kHeader = "\0\0\x81\x80\0\1\0\1\0\0\0\0"s;  // one question, one answer
const std::string kName = "\1a\4test\0"s;
const std::string kQuestion = kName + "\0\1\0\1"s;
const std::string kPointer = "\xc0\x0c"s;  // to the name of the question

std::string header(int answers, int code = 0, bool truncated = false) {
  std::string bytes = kHeader;
  bytes[2] = static_cast<char>(bytes[2] | (truncated ? 2 : 0));
  bytes[3] = static_cast<char>(bytes[3] | code);
  bytes[7] = static_cast<char>(answers);
  return bytes;
}

// A record of class IN.
std::string record(const std::string& owner, int type, std::uint32_t ttl, const std::string& data) {
  std::string bytes = owner + '\0' + static_cast<char>(type) + "\0\1"s;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(ttl >> shift & 0xff);
  bytes += '\0';
  bytes += static_cast<char>(data.size());
  return bytes + data;
}

std::string a(const std::string& owner, std::uint32_t ttl, int last) {
  return record(owner, 1, ttl, "\xc0\0\2"s + static_cast<char>(last));
}

Result<DnsAddresses> read(const std::string& bytes, std::string_view host = "a.test", Kind family = Kind::ipv4) {
  return read_dns_answer(as_bytes(bytes), host, family);
}

std::string addresses_of(const Result<DnsAddresses>& answer) {
  if (!answer) return answer.error().message();
  std::string all;
  for (const IpAddress& address : answer->addresses) all += (all.empty() ? "" : " ") + address.to_string();
  return all + (answer->ttl ? " for " + std::to_string(*answer->ttl / seconds(1)) : "");
}

}  // namespace

TEST_CASE("dns: a query asks for one type, with recursion, has the id 0, and is filled up to 128 bytes") {
  const std::string question = "\0\0\1\0\0\1\0\0\0\0\0\1\7example\3org\0\0\1\0\1"s;
  const std::string padding = "\0\0\51\xff\xff\0\0\0\0\0\130\0\14\0\124"s + std::string(84, '\0');
  const std::string wanted = question + padding;
  REQUIRE(wanted.size() == 128);
  CHECK(dns_query("example.org", Kind::ipv4).value() == wanted);
  CHECK(dns_query("Example.ORG.", Kind::ipv4).value() == wanted);
  std::string ipv6 = wanted;
  ipv6[question.size() - 3] = 28;
  CHECK(dns_query("example.org", Kind::ipv6).value() == ipv6);
  std::string https = wanted;
  https[question.size() - 3] = 65;
  CHECK(https_query(https_owner("example.org", 443)).value() == https);
  CHECK(https_owner("example.org", 8443) == "_8443._https.example.org");
}

TEST_CASE("dns: a query of any length is filled up to a multiple of 128 bytes (RFC 8467 4.1)") {
  std::string host = "x";
  for (int i = 0; i < 250; ++i) {
    const std::string query = dns_query(host, Kind::ipv4).value();
    CAPTURE(host.size());
    // The header, the name, type and class, and the record and the option without its zeros.
    const std::size_t least = 12 + host.size() + 2 + 4 + 11 + 4;
    CHECK(query.size() % 128 == 0);
    CHECK(query.size() < least + 128);
    CHECK(query.size() >= least);
    const std::size_t zeros = query.size() - least;
    CHECK(static_cast<unsigned char>(query[least - 1]) == zeros % 256);
    CHECK(static_cast<unsigned char>(query[least - 5]) == zeros + 4);
    host += host.size() % 60 == 59 ? '.' : 'x';
    if (host.ends_with('.')) host += 'x';
    if (host.size() > 250) break;
  }
}

TEST_CASE("dns: what is no name is not asked for") {
  const std::string label(63, 'x');
  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'x');  // 255 bytes on the wire
  CHECK(dns_query(longest, Kind::ipv4).has_value());
  for (const std::string& host : {""s, "."s, "a..b"s, ".a"s, "a.."s, label + "x.test", longest + "x"}) {
    CAPTURE(host);
    const auto query = dns_query(host, Kind::ipv4);
    REQUIRE_FALSE(query.has_value());
    CHECK(query.error().code == Code::resolve_failed);
    CHECK(query.error().message() == "resolve " + host + ": it is no name that DNS can have");
  }
}

TEST_CASE("dns: the addresses of an answer, in order, with the least TTL") {
  CHECK(addresses_of(read(header(2) + kQuestion + a(kPointer, 60, 1) + a(kPointer, 30, 2))) ==
        "192.0.2.1 192.0.2.2 for 30");
  CHECK(addresses_of(read(header(1) + kQuestion + a("\1A\4tEsT\0"s, 60, 1), "A.Test.")) == "192.0.2.1 for 60");
  CHECK(addresses_of(read(header(1) + kQuestion + a(kPointer, 0x8000'0000, 1))) == "192.0.2.1 for 0");  // RFC 2181 8
  const std::string question6 = kName + "\0\34\0\1"s;
  const std::string data = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + '\7';
  CHECK(addresses_of(read(header(1) + question6 + record(kPointer, 28, 9, data), "a.test", Kind::ipv6)) ==
        "2001:db8::7 for 9");
}

TEST_CASE("dns: HTTPS records come by priority, with the least TTL; an alias, or a malformed one, ends them all") {
  const std::string question = kName + "\0\101\0\1"s;
  const auto services = [&](const std::string& records, int count) -> std::string {
    const std::string message = header(count) + question + records;
    const auto answer = read_https_answer(as_bytes(message), "a.test");
    if (!answer) return answer.error().message();
    std::string all;
    for (const HttpsRecord& one : answer->records) all += std::to_string(one.priority) + one.target + ' ';
    return all + (answer->ttl ? "for " + std::to_string(*answer->ttl / seconds(1)) : "");
  };
  const auto https = [&](std::uint32_t ttl, const std::string& data) { return record(kPointer, 65, ttl, data); };
  const std::string two = https(60, "\0\2\1t\0"s), one = https(30, "\0\1\0"s), other = https(60, "\0\2\1u\0"s);
  CHECK(services(two + one + other, 3) == "1 2t 2u for 30");
  CHECK(services("", 0) == "");
  const std::string unknown = https(9, "\0\1\0\0\0\0\2\0\x63\0\x63\0\0"s);  // its key 99 must be understood
  CHECK(services(unknown + two, 2) == "2t for 9");
  CHECK(services(unknown, 1) == "");
  CHECK(services(one + https(60, "\0\0\1t\0"s), 2) == "");
  CHECK(services(one + https(60, "\0\1\0\0\3\0\1x"s), 2) ==
        "resolve a.test: the answer of the DNS server is malformed");
  CHECK(services(https(60, "\0"s), 1) == "resolve a.test: the answer of the DNS server is malformed");
  const std::string b = "\1b\xc0\x0e"s;
  CHECK(services(record(kPointer, 5, 20, b) + record(b, 65, 60, "\0\1\0"s), 2) == "1 for 20");
  std::string many;
  for (int i = 0; i < 17; ++i) many += one;
  const std::string message = header(17) + question + many;
  CHECK(read_https_answer(as_bytes(message), "a.test").value().records.size() == 16);
  CHECK_FALSE(read_https_answer(as_bytes(header(0) + kQuestion), "a.test").has_value());  // of another type
}

TEST_CASE("dns: for another port, a record without a target has the addresses of its owner (RFC 9460 2.5.2)") {
  const std::string name = "\5_8443\6_https\1a\4test\0"s, question = name + "\0\101\0\1"s;
  const auto target = [&](const std::string& records, int count) -> std::string {
    const std::string message = header(count) + question + records;
    const auto answer = read_https_answer(as_bytes(message), https_owner("a.test", 8443));
    REQUIRE(answer.has_value());
    return answer->records.empty() ? "none" : answer->records.front().target;
  };
  CHECK(target(record(kPointer, 65, 60, "\0\1\0"s), 1) == "_8443._https.a.test");
  CHECK(target(record(kPointer, 65, 60, "\0\1\1t\0"s), 1) == "t");
  const std::string other = "\3SVC\1b\0"s, odd = "\3a b\0"s;
  CHECK(target(record(kPointer, 5, 60, other) + record(other, 65, 60, "\0\1\0"s), 2) == "svc.b");
  CHECK(target(record(kPointer, 5, 60, odd) + record(odd, 65, 60, "\0\1\0"s), 2) == "none");
}

TEST_CASE("dns: no records, and records of others, are no addresses") {
  CHECK(addresses_of(read(header(0) + kQuestion)) == "");
  CHECK(addresses_of(read(header(1) + kQuestion + a("\1b\4test\0"s, 60, 1))) == "");
  CHECK(addresses_of(read(header(1) + kQuestion + record(kPointer, 28, 9, std::string(16, 'x')))) ==
        "");  // another type
  std::string chaos = a(kPointer, 60, 1);
  chaos[kPointer.size() + 3] = 3;  // another class
  CHECK(addresses_of(read(header(1) + kQuestion + chaos)) == "");
  CHECK(addresses_of(read(header(1) + kQuestion + record(kPointer, 5, 60, "\1b"s + "\xc0\x0e"))) ==
        "");  // an alias alone
}

TEST_CASE("dns: aliases are followed, in any order of the records, and count for the TTL") {
  const std::string b = "\1b\xc0\x0e"s, c = "\1c\xc0\x0e"s;
  const std::string to_b = record(kPointer, 5, 20, b), to_c = record(b, 5, 40, c);
  CHECK(addresses_of(read(header(3) + kQuestion + to_b + to_c + a(c, 60, 1))) == "192.0.2.1 for 20");
  CHECK(addresses_of(read(header(3) + kQuestion + a(c, 10, 1) + to_c + to_b)) == "192.0.2.1 for 10");
  CHECK(addresses_of(read(header(3) + kQuestion + to_b + a(b, 60, 2) + to_c)) == "192.0.2.2 for 20");
  // In a circle, and too many.
  const std::string to_a = record(b, 5, 20, kPointer);
  CHECK(addresses_of(read(header(2) + kQuestion + to_b + to_a)) ==
        "resolve a.test: the answer of the DNS server is malformed");
  const auto chain = [&](int aliases) {
    std::string bytes = header(aliases + 1) + kQuestion;
    std::string owner = kPointer;
    for (int i = 0; i < aliases; ++i) {
      const std::string next = "\1"s + static_cast<char>('C' + i) + "\xc0\x0e"s;
      bytes += record(owner, 5, 60, next);
      owner = next;
    }
    return addresses_of(read(bytes + a(owner, 60, 1)));
  };
  CHECK(chain(16) == "192.0.2.1 for 60");
  CHECK(chain(17) == "resolve a.test: the answer of the DNS server is malformed");
}

TEST_CASE("dns: what a server says it could not do is the error") {
  const auto said = [](int code) {
    const auto answer = read(header(0, code) + kQuestion);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Code::resolve_failed);
    CHECK(answer.error().detail == code);
    return answer.error().message();
  };
  CHECK(said(1) == "resolve a.test: the DNS server did not understand the query");
  CHECK(said(2) == "resolve a.test: the DNS server failed");
  CHECK(said(3) == "resolve a.test: no such name");
  CHECK(said(4) == "resolve a.test: the DNS server does not know such queries");
  CHECK(said(5) == "resolve a.test: the DNS server refused the query");
  CHECK(said(9) == "resolve a.test: the DNS server gave an error");
  CHECK(addresses_of(read(header(0, 3).replace(4, 2, "\0\0"s))) ==
        "resolve a.test: no such name");  // without a question
  CHECK(addresses_of(read(header(1, 0, true) + kQuestion + a(kPointer, 60, 1))) ==
        "resolve a.test: the answer of the DNS server is truncated");
  for (const std::string& other : {"\1b\4test\0\0\1\0\1"s, kName + "\0\34\0\1"s}) {
    CHECK(addresses_of(read(header(0) + other)) == "resolve a.test: the DNS server answered another question");
  }
}

TEST_CASE("SB-91 dns: every malformed answer is an error, wherever it ends, and no pointer makes a loop") {
  const std::string whole =
      header(2) + kQuestion + record(kPointer, 5, 60, "\1b"s + "\xc0\x0e") + a("\1b\4test\0"s, 60, 1);
  REQUIRE(addresses_of(read(whole)) == "192.0.2.1 for 60");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read(whole.substr(0, size)).has_value());
  }
  const std::string rest = "\0\1\0\1\0\0\0\1\0\4\1\2\3\4"s;
  for (const std::string& name : {
           "\xc0\x18"s,  // to itself: the header and the question before it have 12 bytes each
           "\xc0\x19"s,
           "\xc0\xff"s,     // ahead
           "\1x\xc0\x18"s,  // to its own begin
           "\x40x"s,
           "\x80x"s,  // labels of other kinds
           "\xc0"s,
       }) {
    CAPTURE(name.size());
    CHECK_FALSE(read(header(1) + kQuestion + name + rest).has_value());
  }
  std::string endless;  // more than 255 bytes of labels
  for (int i = 0; i < 5; ++i) endless += '\77' + std::string(63, 'x');
  CHECK_FALSE(read(header(1) + kQuestion + endless + '\0' + rest).has_value());
  CHECK_FALSE(read(header(1) + kQuestion + record(kPointer, 1, 60, "abc")).has_value());
  CHECK_FALSE(read(header(1) + kQuestion + record(kPointer, 1, 60, "abcde")).has_value());
  CHECK_FALSE(read(header(1) + kQuestion + record(kPointer, 5, 60, "\1b"s + "\xc0\x0e" + "x")).has_value());
  CHECK_FALSE(read(header(1) + kQuestion + record(kPointer, 5, 60, "\1")).has_value());
  std::string query = header(0) + kQuestion;
  query[2] = 1;  // no answer, but a query
  CHECK_FALSE(read(query).has_value());
  query[2] = static_cast<char>(0x89);  // of another kind
  CHECK_FALSE(read(query).has_value());
}
