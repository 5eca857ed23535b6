// core/rules/cookie_checks: which cookies are refused for what they are.
#include "core/rules/cookie_checks.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>

using namespace sluice;
using rules::has_host_prefix;
using rules::refusal_of;

namespace {

using Change = std::function<void(Cookie&)>;

// Of a cookie that nothing is wrong with but for the change.
std::string refusal_after(const Change& change) {
  Cookie cookie;
  cookie.name = "n";
  cookie.value = "v";
  cookie.domain = "example.org";
  change(cookie);
  return std::string(refusal_of(cookie));
}

}  // namespace

TEST_CASE("cookie checks: text that cannot be sent, and limits") {
  CHECK(refusal_after([](Cookie&) {}) == "");
  CHECK(refusal_after([](Cookie& c) { c.name = ""; }) == "");
  CHECK(refusal_after([](Cookie& c) { c.value = ""; }) == "");
  CHECK(refusal_after([](Cookie& c) { c.name = c.value = ""; }) == "has neither name nor value");
  CHECK(refusal_after([](Cookie& c) { c.value = "a=b, \"c\"\td \xff"; }) == "");
  CHECK(refusal_after([](Cookie& c) { c.name = "a b\tc"; }) == "");
  for (const char* text : {"a;b", " a", "a ", "\ta", "a\t", "a\nb", "a\rb", "\x01", "a\x7f"}) {
    CAPTURE(text);
    CHECK(refusal_after([&](Cookie& c) { c.name = text; }) == "has a name that cannot be sent");
    CHECK(refusal_after([&](Cookie& c) { c.value = text; }) == "has a value that cannot be sent");
  }
  CHECK(refusal_after([](Cookie& c) { c.name = "a=b"; }) == "has a name that cannot be sent");
  CHECK(refusal_after([](Cookie& c) { c.value = std::string("a\0b", 3); }) == "has a value that cannot be sent");
  CHECK(refusal_after([](Cookie& c) { c.path = "/a;b c\td"; }) == "");
  for (const char* path : {"", "a", "/\n", "/a\x7f"}) {
    CAPTURE(path);
    CHECK(refusal_after([&](Cookie& c) { c.path = path; }) == "has an invalid path");
  }
}

TEST_CASE("SB-72 cookie checks: limits") {
  const std::string name(1'000, 'n'), value(3'096, 'v');
  CHECK(refusal_after([&](Cookie& c) { c.name = name, c.value = value; }) == "");
  CHECK(refusal_after([&](Cookie& c) { c.name = name, c.value = value + "v"; }) ==
        "has more than 4096 bytes of name and value");
  CHECK(refusal_after([&](Cookie& c) { c.name = "", c.value = name + value; }) == "");
  const std::string path = "/" + std::string(1'023, 'p');
  CHECK(refusal_after([&](Cookie& c) { c.path = path; }) == "");
  CHECK(refusal_after([&](Cookie& c) { c.path = path + "p"; }) == "has a path of more than 1024 bytes");
  CHECK(refusal_after([](Cookie& c) { c.domain = std::string(1'024, 'd'); }) == "");
  CHECK(refusal_after([](Cookie& c) { c.domain = std::string(1'025, 'd'); }) == "has a domain of more than 1024 bytes");
}

TEST_CASE("SB-71 cookie checks: what names promise") {
  const std::string not_secure = "has a __Secure- name and is not Secure";
  const std::string not_host = "has a __Host- name and is not Secure, for one host and for the path /";
  const std::string looks = "has no name, and a value that begins like a __Secure- or __Host- name";
  for (const char* name : {"__Secure-a", "__secure-", "__SECURE-x"}) {
    CAPTURE(name);
    CHECK(refusal_after([&](Cookie& c) { c.name = name; }) == not_secure);
    CHECK(refusal_after([&](Cookie& c) { c.name = name, c.secure = true, c.host_only = false, c.path = "/a"; }) == "");
  }
  for (const char* name : {"__Host-a", "__host-", "__HOST-x"}) {
    CAPTURE(name);
    CHECK(refusal_after([&](Cookie& c) { c.name = name; }) == not_host);
    CHECK(refusal_after([&](Cookie& c) { c.name = name, c.secure = true; }) == "");
    CHECK(refusal_after([&](Cookie& c) { c.name = name, c.secure = true, c.host_only = false; }) == not_host);
    CHECK(refusal_after([&](Cookie& c) { c.name = name, c.secure = true, c.path = "/a"; }) == not_host);
  }
  for (const char* value : {"__Host-a=b", "__secure-a", "__HOST-", "__Secure-"}) {
    CAPTURE(value);
    CHECK(refusal_after([&](Cookie& c) { c.name = "", c.value = value, c.secure = true; }) == looks);
    CHECK(refusal_after([&](Cookie& c) { c.value = value; }) == "");
  }
  for (const char* name : {"__Host", "__Secure", "_Host-a", "x__Host-a", "__Hosta-", " __Host-"}) {
    Cookie cookie;
    cookie.name = name;
    CHECK_FALSE(has_host_prefix(cookie));
  }
  CHECK(refusal_after([](Cookie& c) { c.name = "__Hosting"; }) == "");
  CHECK(refusal_after([](Cookie& c) { c.same_site = SameSite::none; }) == "has SameSite=None and is not Secure");
  CHECK(refusal_after([](Cookie& c) { c.same_site = SameSite::none, c.secure = true; }) == "");
  CHECK(refusal_after([](Cookie& c) { c.same_site = SameSite::lax; }) == "");
  CHECK(refusal_after([](Cookie& c) { c.same_site = SameSite::strict; }) == "");
}
