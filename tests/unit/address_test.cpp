// core/address: accepted and refused literals, and their canonical text. The C library's inet_pton is the reference for
// generated literals.
#include "core/address.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

#include "core/url.hpp"

using sluice::Address;
using sluice::IpAddress;
using sluice::Url;

namespace {

std::string canonical(std::string_view literal) {
  const auto parsed = IpAddress::parse(literal);
  return parsed ? parsed->to_string() : "refused";
}

}  // namespace

TEST_CASE("IpAddress takes dotted quads and nothing like them") {
  CHECK(canonical("0.0.0.0") == "0.0.0.0");
  CHECK(canonical("127.0.0.1") == "127.0.0.1");
  CHECK(canonical("255.255.255.255") == "255.255.255.255");
  for (const char* bad :
       {"", "1", "127.1", "1.2.3", "1.2.3.4.", ".1.2.3.4", "1..2.3", "256.1.1.1", "1.2.3.256", "01.2.3.4", "1.2.3.00",
        "0x7f.0.0.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4.5", "1.2.3.-4", "1.2.3.+4", "1.2.3.1000", "1.2.3.a"}) {
    CAPTURE(bad);
    CHECK(canonical(bad) == "refused");
  }
}

TEST_CASE("IpAddress takes every form of RFC 4291 2.2") {
  CHECK(canonical("::") == "::");
  CHECK(canonical("::1") == "::1");
  CHECK(canonical("1::") == "1::");
  CHECK(canonical("2001:DB8:0:0:8:800:200C:417A") == "2001:db8::8:800:200c:417a");
  CHECK(canonical("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789") == "abcd:ef01:2345:6789:abcd:ef01:2345:6789");
  CHECK(canonical("1:2:3:4:5:6:7::") == "1:2:3:4:5:6:7:0");
  CHECK(canonical("::2:3:4:5:6:7:8") == "0:2:3:4:5:6:7:8");
  CHECK(canonical("::13.1.68.3") == "::d01:4403");
  CHECK(canonical("::ffff:129.144.52.38") == "::ffff:129.144.52.38");
  CHECK(canonical("::ffff:8190:3426") == "::ffff:129.144.52.38");
  CHECK(canonical("64:ff9b::192.0.2.33") == "64:ff9b::c000:221");
  CHECK(canonical("1:2:3:4:5:6:1.2.3.4") == "1:2:3:4:5:6:102:304");
}

TEST_CASE("IpAddress refuses what is nearly IPv6") {
  for (const char* bad : {":",
                          ":::",
                          "1:",
                          ":1",
                          "1::2::3",
                          "1:2:3:4:5:6:7",
                          "1:2:3:4:5:6:7:8:9",
                          "1:2:3:4:5:6:7:8::",
                          "::1:2:3:4:5:6:7:8",
                          "12345::",
                          "g::",
                          "[::1]",
                          "::1%eth0",
                          "fe80::1%25lo",
                          "::1.2.3",
                          "::1.2.3.256",
                          "1.2.3.4::",
                          "1:2:3:4:5:6:7:1.2.3.4",
                          "::1.2.3.4:5",
                          "1::2:3:4:5:6:7:8",
                          "::1 ",
                          "1:2:3:4:5:6:7:",
                          "::01.2.3.4",
                          "1:::2",
                          "::ffff:1.2.3.4.5"}) {
    CAPTURE(bad);
    CHECK(canonical(bad) == "refused");
  }
  CHECK(canonical(std::string("::1\0", 4)) == "refused");
}

TEST_CASE("IpAddress text is RFC 5952's") {
  CHECK(canonical("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");     // 4.2.3: the first of equal runs
  CHECK(canonical("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");  // 4.2.2: not for a single group
  CHECK(canonical("2001:0:0:1:0:0:0:1") == "2001:0:0:1::1");           // 4.2.3: the longest
  CHECK(canonical("2001:0db8::0001") == "2001:db8::1");
  CHECK(canonical("0:0:0:0:0:0:0:1") == "::1");
}

TEST_CASE("IpAddress agrees with inet_pton and survives its own text") {
  std::mt19937 random(5952);
  const std::string alphabet = "0123456789abcdefF:::::...";
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    const std::size_t size = random() % 24;
    for (std::size_t k = 0; k < size; ++k) text += alphabet[random() % alphabet.size()];
    std::array<std::uint8_t, 16> expected = {};
    const bool ipv4 = inet_pton(AF_INET, text.c_str(), expected.data()) == 1;
    if (!ipv4) expected = {};
    const bool ipv6 = !ipv4 && inet_pton(AF_INET6, text.c_str(), expected.data()) == 1;
    const auto parsed = IpAddress::parse(text);
    CAPTURE(text);
    REQUIRE(parsed.has_value() == (ipv4 || ipv6));
    if (parsed) REQUIRE(parsed->bytes == expected);
  }
  for (int i = 0; i < 20'000; ++i) {
    IpAddress address;
    address.kind = IpAddress::Kind::ipv6;
    for (auto& byte : address.bytes)
      byte = random() % 3 == 0 ? static_cast<std::uint8_t>(random() & 0xff) : std::uint8_t{0};
    REQUIRE(IpAddress::parse(address.to_string()) == address);
  }
}

// One reader and one writer: what is an address alone is one as a URL's host, in the same canonical text, and nothing
// else is.
TEST_CASE("an address alone and the host of a URL are read and written alike") {
  using enum IpAddress::Kind;
  struct Row {
    std::string_view given, canonical;  // "" : no address
    IpAddress::Kind kind = ipv6;
  };
  const Row table[] = {{"0.0.0.0", "0.0.0.0", ipv4},
                       {"127.0.0.1", "127.0.0.1", ipv4},
                       {"255.255.255.255", "255.255.255.255", ipv4},
                       {"9.10.99.100", "9.10.99.100", ipv4},
                       {"0.00.0.0", "", ipv4},
                       {"01.2.3.4", "", ipv4},
                       {"1.2.3.010", "", ipv4},
                       {"256.1.1.1", "", ipv4},
                       {"1.2.3.256", "", ipv4},
                       {"1.2.3.1000", "", ipv4},
                       {"1.2.3.0000", "", ipv4},
                       {"1", "", ipv4},
                       {"127.1", "", ipv4},
                       {"1.2.3", "", ipv4},
                       {"1.2.3.4.5", "", ipv4},
                       {"1..2.3", "", ipv4},
                       {".1.2.3.4", "", ipv4},
                       {"0x7f.0.0.1", "", ipv4},
                       {"1.2.3.0x4", "", ipv4},
                       {"0x7f000001", "", ipv4},
                       {"2130706433", "", ipv4},
                       {"::", "::"},
                       {"::1", "::1"},
                       {"1::", "1::"},
                       {"0:0:0:0:0:0:0:0", "::"},
                       {"0:0:0:0:0:0:0:1", "::1"},
                       {"1:0:0:0:0:0:0:0", "1::"},
                       {"2001:DB8::A", "2001:db8::a"},
                       {"2001:0db8::0001", "2001:db8::1"},
                       {"0000:0000::0000", "::"},
                       {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
                       {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
                       {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
                       {"1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8"},
                       {"1:0:0:4:5:0:0:8", "1::4:5:0:0:8"},
                       {"1:0:0:4:0:0:0:8", "1:0:0:4::8"},
                       {"0:0:0:4:5:0:0:0", "::4:5:0:0:0"},
                       {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
                       {"::FFFF:1.2.3.4", "::ffff:1.2.3.4"},
                       {"::ffff:102:304", "::ffff:1.2.3.4"},
                       {"::ffff:0:0", "::ffff:0.0.0.0"},
                       {"::fffe:1.2.3.4", "::fffe:102:304"},
                       {"1::ffff:1.2.3.4", "1::ffff:102:304"},
                       {"::ffff:0:1.2.3.4", "::ffff:0:102:304"},
                       {"::1.2.3.4", "::102:304"},
                       {"::0.0.0.1", "::1"},
                       {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
                       {"1:2:3:4:5:6:255.0.0.1", "1:2:3:4:5:6:ff00:1"},
                       {"1:2:3:4:5::1.2.3.4", "1:2:3:4:5:0:102:304"},
                       {"", ""},
                       {":", ""},
                       {":::", ""},
                       {"1:", ""},
                       {":1", ""},
                       {"::1:", ""},
                       {":1::", ""},
                       {"1::2::3", ""},
                       {"1:::2", ""},
                       {"::::", ""},
                       {"1:2:3:4:5:6:7", ""},
                       {"1:2:3:4:5:6:7:", ""},
                       {"1:2:3:4:5:6:7:8:", ""},
                       {"1:2:3:4:5:6:7:8:9", ""},
                       {"1:2:3:4:5:6:7:8::", ""},
                       {"::1:2:3:4:5:6:7:8", ""},
                       {"1:2:3:4::5:6:7:8", ""},
                       {"12345::", ""},
                       {"00001::", ""},
                       {"g::", ""},
                       {"0x1::", ""},
                       {"-1::", ""},
                       {"1:2:3:4:5:6:7:1.2.3.4", ""},
                       {"1:2:3:4:5:6::1.2.3.4", ""},
                       {"1:2:3:4:5:1.2.3.4", ""},
                       {"1.2.3.4::", ""},
                       {"::1.2.3.4:5", ""},
                       {"::1.2.3", ""},
                       {"::1.2.3.256", ""},
                       {"::01.2.3.4", ""},
                       {"::1.2.3.4.5", ""},
                       {"::1.2.3.4.", ""},
                       {"::.1.2.3", ""},
                       {"v1.x", ""},
                       {"::1]", ""},
                       {"[::1", ""},
                       {"::a\\b", ""}};
  for (const auto& [given, canonical_text, kind] : table) {
    CAPTURE(given);
    const auto alone = IpAddress::parse(given);
    const bool bracketed = kind == ipv6;
    const auto url =
        Url::parse(bracketed ? "http://[" + std::string(given) + "]/" : "http://" + std::string(given) + "/");
    CHECK(alone.has_value() == !canonical_text.empty());
    CHECK(url.has_value() == !canonical_text.empty());
    if (!alone || !url) continue;
    CHECK(alone->kind == kind);
    CHECK(url->host_kind() == (bracketed ? sluice::HostKind::ipv6 : sluice::HostKind::ipv4));
    CHECK(alone->to_string() == canonical_text);
    CHECK(url->host() == canonical_text);
    CHECK(IpAddress::parse(canonical_text) == alone);
  }
  // Brackets are for IPv6, and an address has no root.
  CHECK_FALSE(Url::parse("http://[1.2.3.4]/").has_value());
  CHECK(Url::parse("http://1.2.3.4./")->host() == "1.2.3.4");
  CHECK_FALSE(IpAddress::parse("1.2.3.4.").has_value());
}

TEST_CASE("Address text has brackets around IPv6 only, and the zone within") {
  Address address{*IpAddress::parse("192.0.2.7"), 443};
  CHECK(address.to_string() == "192.0.2.7:443");
  address.ip = *IpAddress::parse("2001:db8::1");
  CHECK(address.to_string() == "[2001:db8::1]:443");
  address.ip = *IpAddress::parse("fe80::1");
  address.ip.zone = "eth0";
  CHECK(address.to_string() == "[fe80::1%eth0]:443");
  CHECK(address.ip.to_string() == "fe80::1");
}
