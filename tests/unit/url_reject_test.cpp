// What no URL may contain, and what the messages about it must not contain: the rows of the security bar that concern
// URLs.
#include "core/url.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/urls.hpp"

namespace {
using namespace sluice;
using test::bad;
using test::good;
using test::is_bad;

TEST_CASE("SB-11 CR, LF, NUL and every other control byte, a space or a backslash is refused wherever it stands") {
  const std::string url = "http://u:p@host.example:80/path?query#fragment";
  const Url base = good("http://base/");
  for (int byte = 0; byte <= 0x20; ++byte) {
    for (std::size_t place = 0; place <= url.size(); ++place) {
      std::string text = url;
      text.insert(place, 1, static_cast<char>(byte));
      REQUIRE(Url::parse(text).error().code == Code::invalid_url);
      REQUIRE(base.resolve(text).error().code == Code::invalid_url);
    }
  }
  for (const char c : {'\x7f', '\\'}) {
    for (std::size_t place = 0; place <= url.size(); ++place) {
      std::string text = url;
      text.insert(place, 1, c);
      REQUIRE_FALSE(Url::parse(text));
    }
  }
  CHECK_FALSE(base.resolve("/a\r\nX: y"));
  CHECK(bad("http://h/a\nb").message() == "invalid URL: the control byte 0x0a at byte 10");
}

TEST_CASE("SB-09 no percent-encoded NUL gets into a host") {
  for (const std::string_view text :
       {"http://good.example%00.evil.example/", "http://%00/", "http://a%00", "https://u:p@a%00b:443/",
        "http://[::1%00]/", "http://[fe80::1%25a%00]/", "http://[fe80::1%00]/", "http://%00%2e"}) {
    CHECK(is_bad(text));
  }
  CHECK(good("http://h/%00").path() == "/%00");  // elsewhere it is data, and stays encoded
}

TEST_CASE("SB-85 a final dot stays a part of the host: its name is whole, and another one for resolver and pool") {
  CHECK(good("http://Example.Org./").host() == "example.org.");
  CHECK(good("http://example.org.:8080/").authority() == "example.org.:8080");
  CHECK(good("http://example.org./").text() == "http://example.org./");
  CHECK(good("http://example.org%2e/").host() == "example.org.");
  CHECK_FALSE(good("http://example.org./") == good("http://example.org/"));
  CHECK(good("http://192.0.2.1./").host() == "192.0.2.1");
  CHECK(good("http://192.0.2.1./").host_kind() == HostKind::ipv4);
}

TEST_CASE("SB-75 one canonical host: lower case, one final dot at most, no full-width dots") {
  CHECK(is_bad("http://example.org../"));
  CHECK(is_bad("http://ex\xffmple/"));
}

TEST_CASE("SB-77 who reads a host differently gets none at all") {
  for (const std::string_view text :
       {"http://good#@evil",   "http://good#@evil/",  "http://good?@evil",   "http://good:80#@evil",
        "http://good\\@evil/", "http://good%2Fevil/", "http://good%2fevil",  "http://good%5cevil/",
        "http://good%40evil/", "http://good%3A80/",   "http://good%23evil/", "http://good%3Fevil/",
        "http://good%25evil/", "http://good%5B/",     "http://a@b@c/",       "http://a:b@c:d@e/",
        "http://@a@b",         "http://[::1]@evil/",  "http://u:[p]@evil/",  "http://good%evil/",
        "http://good%2",       "http://a,b/",         "http://a;b/",         "http://a!b",
        "http://a~b/",         "http://a|b/",         "http://a{b}/",        "http://a<b/",
        "http://a'b/",         "http://a*b/",         "http://a b/",         "http://\\\\good/",
        "http:\\\\good/",      "http:/\\good/",       "http://good:@80/x@y:"}) {  // the last: the host is "80"
    const auto url = Url::parse(text);
    CAPTURE(text);
    CHECK_FALSE(url);
  }
  CHECK(good("http://good/@evil").host() == "good");
  CHECK(good("http://good/#@evil").host() == "good");
  CHECK(good("http://good%2F@evil/%").host() == "evil");
  CHECK(good("http://good%2F@host/").host() == "host");  // an encoded slash in a user is data
  CHECK(good("http://evil:80%40good@host/").host() == "host");
}

TEST_CASE("SB-78 a host that is empty, or nothing but dots, is an error") {
  for (const std::string_view text :
       {"http://:80",     "http://.",  "http://",     "http:///",     "http:///path", "http://:",      "http://?",
        "http://#",       "http://@",  "http://@:80", "http://u:p@/", "http://..",    "http://.:80/",  "http://%2e",
        "http://%2e%2E/", "http://.a", "http://a..b", "http://a..",   "http://[]/",   "https://:443/x"}) {
    CHECK(is_bad(text));
  }
  CHECK(bad("http://:80").message() == "invalid URL: host is empty");
}

TEST_CASE("labels have at most 63 bytes, names 253") {
  const std::string label(63, 'a');
  CHECK(good("http://" + label + ".b/").host() == label + ".b");
  CHECK(is_bad("http://" + label + "a.b/"));
  CHECK(is_bad("http://b." + label + "a/"));
  const std::string name = label + "." + label + "." + label + "." + std::string(61, 'b');
  REQUIRE(name.size() == 253);
  CHECK(good("http://" + name + "/").host() == name);
  CHECK(good("http://" + name + "./").host() == name + ".");
  CHECK(is_bad("http://" + name + "b/"));
}

TEST_CASE("SB-80 percent-decoding that ends in the middle of a triplet stops there") {
  for (const std::string_view text : {"%", "%4", "%%", "a%", "a%4", "%g0", "%0g", "%4%31", "% 1", "%+1", "%0x"}) {
    const std::vector<char> exact(text.begin(), text.end());  // so that a read behind its end is seen
    CHECK_FALSE(percent_decode({exact.data(), exact.size()}));
    for (const std::string_view before : {"http://", "http://[fe80::1%25"}) {
      const std::string joined = std::string(before) + std::string(text);
      const std::vector<char> url(joined.begin(), joined.end());
      CHECK_FALSE(Url::parse({url.data(), url.size()}));
    }
    if (text.find(' ') != std::string_view::npos) continue;
    // There it is a byte like others.
    for (const std::string_view before : {"http://h/", "http://h/?", "http://h/#", "http://u:p"}) {
      const std::string joined = std::string(before) + std::string(text) + (before.ends_with('p') ? "@h/" : "");
      const std::vector<char> url(joined.begin(), joined.end());
      CHECK(Url::parse({url.data(), url.size()}));
    }
  }
  CHECK(percent_decode("") == "");
  CHECK(percent_decode("a%41%7a%2F%c3%A9+") == "aAz/\xc3\xa9+");
  CHECK(percent_decode("%00x") == std::string("\0x", 2));
  CHECK(percent_decode("%2541") == "%41");
}

TEST_CASE("SB-30 SB-31 no error message holds any part of the userinfo") {
  for (const std::string_view text : {"http://user:secret@",
                                      "http://user:secret@:80/",
                                      "http://user:secret@h:99999/",
                                      "http://user:secret@127.1/",
                                      "http://user:secret@a b/",
                                      "http://user:secret@x@h/",
                                      "http://user:secret/@h/",
                                      "http://user:secret#@h/",
                                      "http://user:secret?@h/",
                                      "http://user:99999/secret@h",
                                      "user:secret@h/",
                                      "secret://x@h/",
                                      "user@secret:x@h",
                                      "http://user:secret@[::g]/",
                                      "http://user:secret@[fe80::1%]/",
                                      "http://[user:secret@h/",
                                      "http://us!er,secret:x@a,b/%",
                                      "ftp://user:secret@h/",
                                      "http://user:secret\n@h/",
                                      "http://user:secret@h/\n",
                                      "http:user:secret@h"}) {
    const auto url = Url::parse(text);
    CAPTURE(text);
    REQUIRE_FALSE(url);
    const std::string message = url.error().message();
    if (text.substr(0, 6) == "secret") continue;  // a scheme before "//" is no userinfo
    CAPTURE(message);
    CHECK(message.find("secret") == std::string::npos);
    CHECK(message.find("user:") == std::string::npos);
    CHECK(message.find("\"user") == std::string::npos);
  }
  const Url url = good("http://us%40er:p%2Fa%3As%23s@host/x");
  CHECK(url.host() == "host");
  CHECK(url.resolve("y")->host() == "host");
  CHECK(url.text_without_secrets() == "http://host/x");
}

TEST_CASE("an error names the part that is wrong") {
  CHECK(bad("http://127.1/").message() ==
        "invalid URL: host \"127.1\" ends in a number but is no IPv4 address of four decimal parts without leading "
        "zeros");
  CHECK(bad("http://h:99999/").message() == "invalid URL: port \"99999\" is larger than 65535");
  CHECK(bad("http://h:x/").message() == "invalid URL: port \"x\" is no number");
  CHECK(bad("http://a%2fb/").message() ==
        "invalid URL: host \"a%2fb\" holds a percent-encoded byte that no host may hold");
  CHECK(bad("http://u:p@a..b/").message() == "invalid URL: host \"a..b\" has an empty label");
  CHECK(bad("http://[::g]/").message() == "invalid URL: host \"::g\" is no IPv6 address");
  CHECK(
      bad("http://u:p#ss@h/").message() ==
      "invalid URL: the first '/', '?' or '#' ends the host, and an '@' comes after it (in a user or password they are "
      "written %2F, %3F and %23)");
  CHECK(bad("http://[fe80::1%]/").message() == "invalid URL: zone of the host \"fe80::1%\" is empty");
  CHECK(bad("example.org").message() == "invalid URL: no scheme, where http:// or https:// is needed");
  CHECK(bad("http://" + std::string(5000, 'a')).message().size() < 250);
}

}  // namespace
