// core/https_record: every field of the data of an HTTPS record, at its bounds, and malformed ones (RFC 9460).
#include "core/https_record.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using namespace std::string_literals;

namespace {

const std::string kPrefix = "\0\1\0"s;  // priority 1, the owner itself

std::string param(int key, const std::string& value) {
  return std::string{static_cast<char>(key >> 8), static_cast<char>(key), static_cast<char>(value.size() >> 8),
                     static_cast<char>(value.size())} +
         value;
}

std::string kind_of(const std::string& data, HttpsRecord* out = nullptr) {
  HttpsRecord record;
  const auto kind = read_https_record(as_bytes(data), record);
  if (out) *out = record;
  switch (kind) {
    case HttpsRecordKind::service:
      return "service";
    case HttpsRecordKind::alias:
      return "alias";
    case HttpsRecordKind::unusable:
      return "unusable";
    case HttpsRecordKind::malformed:
      return "malformed";
  }
  return "";
}

HttpsRecord service(const std::string& data) {
  HttpsRecord record;
  REQUIRE(kind_of(data, &record) == "service");
  return record;
}

std::string with(int key, const std::string& value) { return kind_of(kPrefix + param(key, value)); }

}  // namespace

TEST_CASE("https record: all fields") {
  const std::string data = "\xff\xfe\3SVC\4test\0"s + param(0, "\0\1\0\3"s) + param(1, "\2h2\2h3"s) + param(2, "") +
                           param(3, "\x20\xfb"s) + param(4, "\xc0\0\2\1\xc0\0\2\2"s) + param(5, "keys") +
                           param(6, "\x20\x01\x0d\xb8"s + std::string(11, '\0') + '\7') + param(0x8000, "other");
  const HttpsRecord record = service(data);
  CHECK(record.priority == 65'534);
  CHECK(record.target == "svc.test");
  CHECK(record.alpn == std::vector<std::string>{"h2", "h3"});
  CHECK(record.no_default_alpn);
  CHECK_FALSE(record.speaks_http1());
  CHECK(record.port == 8443);
  REQUIRE(record.hints.size() == 3);
  CHECK(record.hints[0].to_string() == "2001:db8::7");
  CHECK(record.hints[1].to_string() == "192.0.2.1");
  CHECK(record.hints[2].to_string() == "192.0.2.2");
  CHECK(record.ech == "keys");
  for (std::size_t size = 0; size + 9 < data.size(); ++size) {
    CAPTURE(size);
    const std::string kind = kind_of(data.substr(0, size));
    // It may end after the target or a parameter, but those that are mandatory must be there.
    CHECK((kind == "malformed" || size == 12 || size > data.find("\x20\xfb"s)));
  }
}

TEST_CASE("https record: the least that one can have") {
  const HttpsRecord record = service(kPrefix);
  CHECK(record == HttpsRecord{});
  CHECK(record.speaks_http1());
  CHECK(service(kPrefix + param(1, "\2h2"s)).speaks_http1());
  CHECK(service(kPrefix + param(1, "\2h2\10http/1.1"s) + param(2, "")).speaks_http1());
}

TEST_CASE("https record: of very many protocols the first 16 are kept") {
  std::string many = "\10http/1.1"s;
  for (int i = 0; i < 40; ++i) many += "\2h2";
  const HttpsRecord record = service(kPrefix + param(1, many) + param(2, ""));
  CHECK(record.alpn.size() == 16);
  CHECK(record.speaks_http1());
}

TEST_CASE("https record: an alias is told from a service, and its parameters do not count") {
  CHECK(kind_of("\0\0\0"s) == "alias");
  CHECK(kind_of("\0\0\1a\0broken"s) == "alias");
  CHECK(kind_of("\0\0\1"s) == "malformed");
}

TEST_CASE("https record: what must be understood and is not, and what leads nowhere, is passed over") {
  CHECK(kind_of(kPrefix + param(0, "\0\7"s) + param(7, "x")) == "unusable");
  CHECK(kind_of(kPrefix + param(0, "\0\3\0\7"s) + param(3, "\0\1"s) + param(7, "x")) == "unusable");
  CHECK(kind_of(kPrefix + param(0, "\0\6"s) + param(6, std::string(16, 'x'))) == "service");
  CHECK(kind_of(kPrefix + param(2, "")) == "unusable");
  CHECK(with(3, "\0\0"s) == "unusable");
  for (const std::string& target : {"\3a.b\0"s, "\3a b\0"s, "\1*\0"s, "\2a\0\0"s, "\003192\0010\0012\0011\0"s}) {
    CAPTURE(target);
    CHECK(kind_of("\0\1"s + target) == "unusable");
  }
  CHECK(kind_of("\0\1\6_8443-\0"s) == "service");
}

TEST_CASE("https record: values at their bounds, and beyond") {
  CHECK(with(0, "") == "malformed");
  CHECK(with(0, "\0"s) == "malformed");
  CHECK(with(0, "\0\0"s) == "malformed");  // `mandatory` is never mandatory itself
  CHECK(with(0, "\0\3"s) == "malformed");  // it names a parameter that is not there
  for (const std::string& keys : {"\0\4\0\3"s, "\0\3\0\3"s}) {
    CHECK(kind_of(kPrefix + param(0, keys) + param(3, "\0\1"s) + param(4, "abcd")) == "malformed");
  }
  CHECK(with(1, "") == "malformed");
  CHECK(with(1, "\0"s) == "malformed");
  CHECK(with(1, "\3h2"s) == "malformed");
  CHECK(with(1, "\2h2\0"s) == "malformed");
  CHECK(with(1, '\xff' + std::string(255, 'x')) == "service");
  CHECK(with(2, "x") == "malformed");
  CHECK(with(3, "\1"s) == "malformed");
  CHECK(with(3, "\0\0\1"s) == "malformed");
  CHECK(service(kPrefix + param(3, "\xff\xff"s)).port == 65'535);
  CHECK(with(4, "") == "malformed");
  CHECK(with(4, "abcde") == "malformed");
  CHECK(with(5, "") == "malformed");
  CHECK(with(6, "") == "malformed");
  CHECK(with(6, std::string(4, 'x')) == "malformed");
  CHECK(with(0xfffe, std::string(65'000, 'x')) == "service");
  const HttpsRecord many = service(kPrefix + param(4, std::string(400, 'x')) + param(6, std::string(1'600, 'y')));
  CHECK(many.hints.size() == 128);
}

TEST_CASE("https record: parameters are in ascending order, and none comes twice") {
  CHECK(kind_of(kPrefix + param(3, "\0\1"s) + param(3, "\0\1"s)) == "malformed");
  CHECK(kind_of(kPrefix + param(3, "\0\1"s) + param(1, "\2h2"s)) == "malformed");
  CHECK(kind_of(kPrefix + param(9, "") + param(8, "")) == "malformed");
  CHECK(kind_of(kPrefix + "\0\3\0"s) == "malformed");
  CHECK(kind_of(kPrefix + "\0\3\0\2\1"s) == "malformed");
}

TEST_CASE("https record: a target has at most 255 bytes, and is not compressed") {
  const std::string label = '\77' + std::string(63, 'x');
  CHECK(kind_of("\0\1"s + label + label + label + '\75' + std::string(61, 'x') + '\0') == "service");
  CHECK(kind_of("\0\1"s + label + label + label + '\76' + std::string(62, 'x') + '\0') == "malformed");
  CHECK(kind_of("\0\1\xc0\x0c"s) == "malformed");
  CHECK(kind_of("\0\1\x40"s + std::string(64, 'x') + '\0') == "malformed");
  CHECK(kind_of("") == "malformed");
  CHECK(kind_of("\0\1"s) == "malformed");
}
