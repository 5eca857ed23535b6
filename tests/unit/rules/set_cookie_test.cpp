// core/rules/set_cookie: the syntax of Set-Cookie, RFC 6265bis 5.6, row by row.
#include "core/rules/set_cookie.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <string_view>

using namespace sluice;
using rules::clamped_decimal;
using rules::parse_set_cookie;
using rules::SetCookie;

namespace {

SetCookie parsed_cookie(std::string_view text) {
  const auto cookie = parse_set_cookie(text);
  REQUIRE(cookie);
  return *cookie;
}

}  // namespace

TEST_CASE("set-cookie: name and value") {
  const struct {
    const char *text, *name, *value;
  } rows[] = {
      {"a=b", "a", "b"},
      {"a=", "a", ""},
      {"=b", "", "b"},
      {"b", "", "b"},
      {"", "", ""},
      {"=", "", ""},
      {";", "", ""},
      {"; a=b", "", ""},
      {" \t a \t = \t b \t ", "a", "b"},
      {"a=b;", "a", "b"},
      {"a=b; c=d", "a", "b"},
      {"a=b, c=d", "a", "b, c=d"},
      {"a=b=c", "a", "b=c"},
      {"==b", "", "=b"},
      {"a==", "a", "="},
      {"a b=c d", "a b", "c d"},
      {"a\tb=c\td", "a\tb", "c\td"},
      {"a=\"b\"", "a", "\"b\""},
      {"a=\"b; c\"", "a", "\"b"},  // quotes have no meaning
      {"a;b=c", "", "a"},
      {"a='b'", "a", "'b'"},
      {"\xe2\x82\xac=\xff", "\xe2\x82\xac", "\xff"},
      {"a=%00", "a", "%00"},
      {"expires=1; x", "expires", "1"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const SetCookie cookie = parsed_cookie(row.text);
    CHECK(cookie.name == row.name);
    CHECK(cookie.value == row.value);
    CHECK_FALSE(cookie.expires);
    CHECK_FALSE(cookie.max_age);
    CHECK(cookie.domain.empty());
    CHECK(cookie.path.empty());
    CHECK_FALSE(cookie.has_path);
    CHECK_FALSE(cookie.secure);
    CHECK_FALSE(cookie.http_only);
    CHECK(cookie.same_site == SameSite::unspecified);
  }
}

TEST_CASE("SB-72 set-cookie: a control byte anywhere refuses the whole, but HTAB") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool good = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    const char c = static_cast<char>(byte);
    for (const std::string& text :
         {std::string(1, c) + "a=b", std::string("a") + c + "x=b", std::string("a=b") + c, std::string("a=b") + c + "x",
          std::string("a=b; x") + c, std::string("a=b; Path=/") + c + "x; Secure"}) {
      CAPTURE(byte);
      CHECK(parse_set_cookie(text).has_value() == good);
    }
  }
}

TEST_CASE("set-cookie: Domain and Path") {
  const struct {
    const char *attributes, *domain, *path;
    bool has_path;
  } rows[] = {
      {"Domain=example.org; Path=/a", "example.org", "/a", true},
      {"domain=.Example.ORG;PATH=/A/", "Example.ORG", "/A/", true},
      {"Domain=..example.org", ".example.org", "", false},
      {"Domain=.", "", "", false},
      {"Domain", "", "", false},
      {"Domain=", "", "", false},
      {"Domain=a; Domain=b", "b", "", false},
      {"Domain=a; Domain=", "", "", false},  // the last counts, even if it is empty
      {" Domain \t = \t a b \t ; path= \t/ ", "a b", "/", true},
      {"Path", "", "", true},
      {"Path=", "", "", true},
      {"Path=a/b", "", "", true},
      {"Path=/a; Path=b", "", "", true},
      {"Path=b; Path=/a", "", "/a", true},
      {"Path=\"/a\"", "", "", true},
      {"Path=/a=b?c#d", "", "/a=b?c#d", true},
      {"Paths=/a; XDomain=b; =c; ;;", "", "", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.attributes);
    const std::string text = std::string("a=b; ") + row.attributes;
    const SetCookie cookie = parsed_cookie(text);
    CHECK(cookie.name == "a");
    CHECK(cookie.value == "b");
    CHECK(cookie.domain == row.domain);
    CHECK(cookie.path == row.path);
    CHECK(cookie.has_path == row.has_path);
  }
}

TEST_CASE("set-cookie: Max-Age is a number with or without a minus, or ignored") {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const struct {
    const char* value;
    std::optional<std::int64_t> age;
  } rows[] = {
      {"0", 0},
      {"1", 1},
      {"-1", -1},
      {"-0", 0},
      {"007", 7},
      {" 60 ", 60},
      {"", {}},
      {"-", {}},
      {"+1", {}},
      {"--1", {}},
      {"1-", {}},
      {"1.5", {}},
      {"1 2", {}},
      {"0x10", {}},
      {"\"1\"", {}},
      {"1e3", {}},
      {"9223372036854775807", kMost},
      {"9223372036854775808", kMost},
      {"99999999999999999999999", kMost},
      {"-9223372036854775809", -kMost},
      {"9223372036854775799", kMost - 8},
  };
  for (const auto& row : rows) {
    CAPTURE(row.value);
    const std::string text = std::string("a=b; max-AGE=") + row.value;
    CHECK(parsed_cookie(text).max_age == row.age);
  }
  CHECK(parsed_cookie("a=b; Max-Age=1; Max-Age=2").max_age == 2);
  CHECK(parsed_cookie("a=b; Max-Age=1; Max-Age=x").max_age == 1);  // what is ignored takes nothing back
  CHECK_FALSE(parsed_cookie("a=b; Max-Age").max_age);
}

TEST_CASE("set-cookie: Expires, SameSite and flags") {
  CHECK(parsed_cookie("a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT").expires == 784'111'777);
  CHECK(parsed_cookie("a=b; EXPIRES=Sun, 06 Nov 1994 08:49:37 GMT; expires=never").expires == 784'111'777);
  CHECK(parsed_cookie("a=b; Expires=1 jan 1970 0:0:0; Expires=1 jan 1970 0:0:1").expires == 1);
  CHECK_FALSE(parsed_cookie("a=b; Expires=0").expires);
  const struct {
    const char* text;
    SameSite same_site;
  } rows[] = {
      {"SameSite=None", SameSite::none},
      {"samesite=lax", SameSite::lax},
      {"SAMESITE=STRICT", SameSite::strict},
      {"SameSite", SameSite::unspecified},
      {"SameSite=", SameSite::unspecified},
      {"SameSite=Laxx", SameSite::unspecified},
      {"SameSite=Lax; SameSite=Strict", SameSite::strict},
      {"SameSite=Lax; SameSite=x", SameSite::unspecified},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const std::string text = std::string("a=b;") + row.text;
    CHECK(parsed_cookie(text).same_site == row.same_site);
  }
  CHECK(parsed_cookie("a=b; Secure").secure);
  CHECK(parsed_cookie("a=b;sEcUrE=false").secure);  // its value has no meaning
  CHECK(parsed_cookie("a=b; ; HttpOnly").http_only);
  CHECK(parsed_cookie("a=b;httponly=").http_only);
  CHECK_FALSE(parsed_cookie("Secure=b; Secured; x=Secure").secure);
  CHECK_FALSE(parsed_cookie("a=b; Http-Only; Secure").http_only);
}

TEST_CASE("SB-72 set-cookie: an attribute of more than 1,024 bytes is ignored") {
  const std::string path = "/" + std::string(1'023, 'p');
  CHECK(parsed_cookie("a=b; Path=" + path).path == path);
  CHECK(parsed_cookie("a=b; Path=/x; Path=" + path + "p").path == "/x");
  CHECK_FALSE(parsed_cookie("a=b; Path=" + path + "p").has_path);
  CHECK(parsed_cookie("a=b; Domain=c; Domain=" + std::string(1'025, 'd')).domain == "c");
  CHECK_FALSE(parsed_cookie("a=b; Secure=" + std::string(1'025, 'd')).secure);
}

TEST_CASE("set-cookie: numbers") {
  CHECK(clamped_decimal("12") == 12);
  CHECK_FALSE(clamped_decimal("-1"));
  CHECK_FALSE(clamped_decimal(""));
  CHECK_FALSE(clamped_decimal("1x"));
}
