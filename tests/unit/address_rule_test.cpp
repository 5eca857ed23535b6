// core/address_rule: which addresses are public, and the ready rule. How an engine asks a rule:
// engine/forbidden_test.cpp.
#include "core/address_rule.hpp"

#include <doctest/doctest.h>

using namespace sluice;

namespace {
bool is_public_text(const char* text) {
  const auto address = IpAddress::parse(text);
  REQUIRE_MESSAGE(address.has_value(), text);
  return is_public(*address);
}
}  // namespace

TEST_CASE("SB-90 address rule: no address of a block that is not globally reachable is public") {
  for (const char* text :
       {"0.0.0.0",        "0.255.255.255",   "10.0.0.0",    "10.255.255.255",  "100.64.0.0",      "100.127.255.255",
        "127.0.0.1",      "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0",
        "172.31.255.255", "192.0.0.0",       "192.0.0.255", "192.0.2.0",       "192.0.2.255",     "192.88.99.1",
        "192.168.0.0",    "192.168.255.255", "198.18.0.0",  "198.19.255.255",  "198.51.100.1",    "203.0.113.1",
        "224.0.0.0",      "239.255.255.255", "240.0.0.0",   "255.255.255.255"}) {
    CAPTURE(text);
    CHECK_FALSE(is_public_text(text));
    // The same in IPv6.
    CHECK_FALSE(is_public_text((std::string("::ffff:") + text).c_str()));
    CHECK_FALSE(is_public_text((std::string("64:ff9b::") + text).c_str()));
  }
  for (const char* text : {"::",
                           "::1",
                           "::2",
                           "::127.0.0.1",
                           "::8.8.8.8",
                           "64:ff9b:1::8.8.8.8",
                           "100::1",
                           "2001::1",
                           "2001:1ff::1",
                           "2001:db8::1",
                           "2001:db8:ffff::1",
                           "2002:7f00:1::",
                           "2002:a00:1::1",
                           "2002:c0a8:1::1",
                           "2002:a9fe:a9fe::",
                           "3fff::1",
                           "3fff:fff::1",
                           "5f00::1",
                           "fc00::1",
                           "fd00::1",
                           "fdff::1",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "ff02::1",
                           "ff0e::1",
                           "4000::1",
                           "1fff::1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_public_text(text));
  }
  CHECK_FALSE(is_public(IpAddress{}));
}

TEST_CASE("address rule: the neighbours of those blocks are public") {
  for (const char* text : {"1.0.0.0",         "9.255.255.255", "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
                           "126.255.255.255", "128.0.0.0",     "169.253.255.255", "169.255.0.0",     "172.15.255.255",
                           "172.32.0.0",      "192.0.1.0",     "192.0.3.0",       "192.88.98.255",   "192.88.100.0",
                           "192.167.255.255", "192.169.0.0",   "198.17.255.255",  "198.20.0.0",      "198.51.99.255",
                           "198.51.101.0",    "203.0.112.255", "203.0.114.0",     "223.255.255.255", "8.8.8.8"}) {
    CAPTURE(text);
    CHECK(is_public_text(text));
    CHECK(is_public_text((std::string("::ffff:") + text).c_str()));
    CHECK(is_public_text((std::string("64:ff9b::") + text).c_str()));
  }
  for (const char* text : {"2000::1", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2001:4860:4860::8888",
                           "2002:808:808::1", "2003::1", "3ffe::1", "3fff:1000::1", "2606:4700::1111"}) {
    CAPTURE(text);
    CHECK(is_public_text(text));
  }
}

TEST_CASE("address rule: the ready rule forbids what is not public, but not the application's proxies") {
  const auto rule = forbid_private_addresses();
  using Kind = AddressRule::Answer::Kind;
  const auto ask = [&](const char* address, bool is_proxy = false) {
    return rule->ask({.host = "a.test", .port = 80, .address = *IpAddress::parse(address), .is_proxy = is_proxy}).kind;
  };
  CHECK(ask("8.8.8.8") == Kind::allow);
  CHECK(ask("10.0.0.1") == Kind::forbid);
  CHECK(ask("::1") == Kind::forbid);
  CHECK(ask("10.0.0.1", true) == Kind::allow);
}
