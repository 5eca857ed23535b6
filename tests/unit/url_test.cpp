// What is a URL, what is not, and the normalized form of each.
#include "core/url.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/support/urls.hpp"

namespace {
using namespace sluice;
using test::bad;
using test::good;
using test::is_bad;

TEST_CASE("every part is where it belongs") {
  const Url url = good("https://us%20er:p%3Aw@Example.ORG:8443/a/b;c=1?x=1&y=/?#frag/?");
  CHECK(url.scheme() == "https");
  CHECK(url.is_tls());
  CHECK(url.has_userinfo());
  CHECK(url.user() == "us%20er");
  CHECK(url.password() == "p%3Aw");
  CHECK(url.host() == "example.org");
  CHECK(url.host_kind() == HostKind::name);
  CHECK(url.zone().empty());
  CHECK(url.port() == 8443);
  CHECK(url.has_explicit_port());
  CHECK(url.path() == "/a/b;c=1");
  CHECK(url.query() == "x=1&y=/?");
  CHECK(url.fragment() == "frag/?");
  CHECK(url.target() == "/a/b;c=1?x=1&y=/?");
  CHECK(url.authority() == "example.org:8443");
  CHECK(url.origin() == "https://example.org:8443");
  CHECK(url.text() == "https://us%20er:p%3Aw@example.org:8443/a/b;c=1?x=1&y=/?#frag/?");
  CHECK(url.text_without_secrets() == "https://example.org:8443/a/b;c=1?x=1&y=/?#frag/?");
}

TEST_CASE("parts that are not there say so") {
  const Url url = good("http://a");
  CHECK_FALSE(url.is_tls());
  CHECK_FALSE(url.has_userinfo());
  CHECK(url.user().empty());
  CHECK(url.password().empty());
  CHECK(url.port() == 80);
  CHECK_FALSE(url.has_explicit_port());
  CHECK(url.path() == "/");
  CHECK_FALSE(url.query());
  CHECK_FALSE(url.fragment());
  CHECK(url.target() == "/");
  CHECK(url.authority() == "a");
  CHECK(url.origin() == "http://a:80");
  CHECK(url.text_without_secrets() == url.text());

  const Url marks = good("https://a?#");
  CHECK(marks.query() == "");
  CHECK(marks.fragment() == "");
  CHECK(marks.target() == "/?");
  CHECK(marks.port() == 443);
  CHECK(good("http://a/#f").query() == std::nullopt);
  CHECK(good("http://a/?q").fragment() == std::nullopt);
}

TEST_CASE("an empty or moved-from URL answers without harm") {
  Url url;
  const auto ask = [&] {
    CHECK(url.scheme().empty());
    CHECK(url.host().empty());
    CHECK(url.user().empty());
    CHECK(url.password().empty());
    CHECK(url.path().empty());
    CHECK(url.target().empty());
    CHECK(url.fragment() == std::nullopt);
    CHECK(url.text().empty());
  };
  ask();
  CHECK_FALSE(url.query());
  CHECK(url.authority().empty());
  url = good("http://u:p@[fe80::1%25eth0]:1234/path?query#fragment");
  const Url taken = std::move(url);
  CHECK(taken.host() == "fe80::1");
  ask();
  static_cast<void>(url.origin());
  static_cast<void>(url.authority());
  static_cast<void>(url.text_without_secrets());
}

TEST_CASE("userinfo: empty passwords stay, empty userinfo goes") {
  const Url url = good("http://user:@h/");
  CHECK(url.user() == "user");
  CHECK(url.password().empty());
  CHECK(url.has_userinfo());
  CHECK(url.text() == "http://user:@h/");
  CHECK(good("http://user@h/").text() == "http://user@h/");
  CHECK(good("http://:pw@h/").password() == "pw");
  CHECK(good("http://:pw@h/").user().empty());
  CHECK(good("http://a:b:c@h/").user() == "a");
  CHECK(good("http://a:b:c@h/").password() == "b:c");
  CHECK_FALSE(good("http://@h/").has_userinfo());
  CHECK(good("http://@h/").text() == "http://h/");
  CHECK(good("http://%7euser%2f:%c3%a9@h").text() == "http://%7euser%2f:%c3%a9@h/");
  CHECK(good("http://p\xc3\xa9@h/").user() == "p%C3%A9");
  // A '%' that begins no triplet is one of the user's or the password's.
  CHECK(good("http://u%4:%@h/").text() == "http://u%254:%25@h/");
  CHECK(percent_decode(good("http://u%4:50%@h/").password()) == "50%");
}

TEST_CASE("normal form") {
  const std::vector<std::pair<std::string_view, std::string_view>> table = {
      {"HTTP://WWW.Example.COM", "http://www.example.com/"},
      {"http://example.com:80/", "http://example.com/"},
      {"https://example.com:443", "https://example.com/"},
      {"https://example.com:80", "https://example.com:80/"},
      {"http://example.com:", "http://example.com/"},
      {"http://example.com:/x", "http://example.com/x"},
      {"http://example.com:0080/x", "http://example.com/x"},
      {"http://example.com:008080", "http://example.com:8080/"},
      {"http://h:65535/", "http://h:65535/"},
      {"http://h/%7Euser/%3a%2f?%5F#%5f", "http://h/%7Euser/%3a%2f?%5F#%5f"},  // as they were written
      {"http://h/%41%5a%61%30%2d%5f", "http://h/%41%5a%61%30%2d%5f"},
      {"http://h/100%", "http://h/100%"},
      {"http://h/%zz/%4?50%#%\xc3", "http://h/%zz/%4?50%#%%C3"},
      {"http://h/a/./b/../c", "http://h/a/c"},
      {"http://h/a/%2e/%2E%2e/.%2e", "http://h/a/%2e/%2E%2e/.%2e"},  // no dot segments
      {"http://h/..", "http://h/"},
      {"http://h/../../x", "http://h/x"},
      {"http://h/a/..", "http://h/"},
      {"http://h/a/.", "http://h/a/"},
      {"http://h//a//../b/", "http://h//a/b/"},
      {"http://h/.//x", "http://h//x"},
      {"http://h/a/...", "http://h/a/..."},
      {"http://h/.hidden/..x", "http://h/.hidden/..x"},
      {"http://h?a/../b", "http://h/?a/../b"},
      {"http://h/?..#../x", "http://h/?..#../x"},
      {"http://h#f", "http://h/#f"},
      {"http://h/\xc3\xbc?\xe2\x82\xac#\xff", "http://h/%C3%BC?%E2%82%AC#%FF"},
      {"http://h/a[1]{x}|^`\"<>?b[]=1", "http://h/a%5B1%5D%7Bx%7D%7C%5E%60%22%3C%3E?b%5B%5D=1"},
      {"http://h/!$&'()*+,;=:@", "http://h/!$&'()*+,;=:@"},
      {"http://h/#a#b", "http://h/#a%23b"},
      {"http://h/%252e%252E/", "http://h/%252e%252E/"},
      {"http://%65xample.c%4FM/", "http://example.com/"},
      {"http://example.com./", "http://example.com./"},
      {"http://example%2ecom%2E:81", "http://example.com.:81/"},
      {"http://a_b-c.x--y/", "http://a_b-c.x--y/"},
      {"http://xn--mnchen-3ya.de/", "http://xn--mnchen-3ya.de/"},
      {"http://1.2.3.4/", "http://1.2.3.4/"},
      {"http://255.255.255.255", "http://255.255.255.255/"},
      {"http://1.2.3.4./", "http://1.2.3.4/"},
      {"http://1.2.3.4.a/", "http://1.2.3.4.a/"},
      {"http://3com.a1/", "http://3com.a1/"},
      {"http://0xcafe.g/", "http://0xcafe.g/"},
      {"http://a/b@c:d", "http://a/b@c:d"},
      {"http://u@a/b@c", "http://u@a/b@c"},
      {"http://a/?m=x@y.z", "http://a/?m=x@y.z"},
      {"http://a?m=x@y.z", "http://a/?m=x@y.z"},
      {"http://a/#@x", "http://a/#@x"},
  };
  for (const auto& [given, normal] : table) {
    const Url url = good(given);
    CHECK(url.text() == normal);
    // What was printed parses to the same again, in every part.
    const Url again = good(url.text());
    CHECK(again == url);
    CHECK(again.host() == url.host());
    CHECK(again.user() == url.user());
    CHECK(again.password() == url.password());
    CHECK(again.port() == url.port());
    CHECK(again.has_explicit_port() == url.has_explicit_port());
    CHECK(again.target() == url.target());
    CHECK(again.fragment() == url.fragment());
  }
}

TEST_CASE("IPv6 literals have one form, that of RFC 5952") {
  const std::vector<std::pair<std::string_view, std::string_view>> table = {
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::1", "2001:db8::1"},
      {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"0:0:0:0:0:0:0:0", "::"},
      {"1:0:0:0:0:0:0:0", "1::"},
      {"::FFFF:1.2.3.4", "::ffff:1.2.3.4"},
      {"::ffff:102:304", "::ffff:1.2.3.4"},
      {"::ffff:0:0", "::ffff:0.0.0.0"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"1:2:3:4:5:6:255.0.0.1", "1:2:3:4:5:6:ff00:1"},
      {"::1.2.3.4", "::102:304"},
  };
  for (const auto& [given, normal] : table) {
    const Url url = good("http://[" + std::string(given) + "]:8080/x");
    CHECK(url.host() == normal);
    CHECK(url.host_kind() == HostKind::ipv6);
    CHECK(url.authority() == "[" + std::string(normal) + "]:8080");
    CHECK(url.text() == "http://[" + std::string(normal) + "]:8080/x");
    CHECK(good(url.text()) == url);
  }
  for (const std::string_view literal : {"",
                                         ":",
                                         ":::",
                                         "1",
                                         "1:",
                                         ":1",
                                         "1:2:3:4:5:6:7",
                                         "1:2:3:4:5:6:7:8:9",
                                         "1::2::3",
                                         "1:::2",
                                         "::1:",
                                         ":1::",
                                         "12345::",
                                         "g::",
                                         "1:2:3:4:5:6:7:8::",
                                         "::1:2:3:4:5:6:7:8",
                                         "1:2:3:4::5:6:7:8",
                                         "::1.2.3",
                                         "::1.2.3.256",
                                         "::1.2.3.04",
                                         "1.2.3.4",
                                         "1.2.3.4::",
                                         "::1.2.3.4:5",
                                         "1:2:3:4:5:6:7:1.2.3.4",
                                         "v1.x",
                                         "::1]",
                                         "[::1",
                                         "0x1::",
                                         "-1::",
                                         " ::1"}) {
    CHECK(is_bad("http://[" + std::string(literal) + "]/"));
  }
  CHECK(is_bad("http://[::1"));
  CHECK(is_bad("http://[::1/"));
  CHECK(is_bad("http://[::1]x/"));
  CHECK(is_bad("http://[::1]80/"));
  CHECK(is_bad("http://[::1]:x/"));
  CHECK(is_bad("http://::1/"));
  CHECK(is_bad("http://x[::1]/"));
  CHECK(good("http://[::1]").port() == 80);
  CHECK(good("http://[::1]:").authority() == "[::1]");
  CHECK(good("http://u:p@[::1]:81").origin() == "http://[::1]:81");
}

TEST_CASE("zones (RFC 6874) stand in the text and the origin, not in the Host field") {
  const Url url = good("http://u@[FE80::A%25en%31.x]:81/p");
  CHECK(url.host() == "fe80::a");
  CHECK(url.zone() == "en1.x");
  CHECK(url.text() == "http://u@[fe80::a%25en1.x]:81/p");
  CHECK(url.authority() == "[fe80::a]:81");
  CHECK(url.origin() == "http://[fe80::a%25en1.x]:81");
  CHECK(good("http://[fe80::a%25en1]").origin() == "http://[fe80::a%25en1]:80");
  CHECK(good("http://[fe80::a%25Eth0]").zone() == "Eth0");  // names of links know case
  CHECK(good(url.text()) == url);
  CHECK(url != good("http://u@[fe80::a]:81/p"));
  // As people write it (RFC 9844).
  for (const auto& [written, zone] : {std::pair("%eth0", "eth0"), std::pair("%1", "1"), std::pair("%25", "25"),
                                      std::pair("%2", "2"), std::pair("%31", "31")}) {
    const Url plain = good("http://[fe80::1" + std::string(written) + "]:81/");
    CHECK(plain.zone() == zone);
    CHECK(plain.authority() == "[fe80::1]:81");
    CHECK(plain.text() == "http://[fe80::1%25" + std::string(zone) + "]:81/");
    CHECK(good(plain.text()) == plain);
  }
  for (const std::string_view zone : {"%", "%%", "%a%b", "%a/", "%\xc3\xa9", "%25%00", "%25a%0a", "%25a%2f", "%25a%5d",
                                      "%25a%25b", "%25a%", "%25\xc3\xa9", "%25a:b", "%25a[b"}) {
    CHECK(is_bad("http://[fe80::1" + std::string(zone) + "]/"));
  }
}

TEST_CASE("only IPv4 addresses in their one strict form are taken for addresses") {
  CHECK(good("http://127.0.0.1").host_kind() == HostKind::ipv4);
  CHECK(good("http://0.0.0.0").host_kind() == HostKind::ipv4);
  CHECK(good("http://1.2.3.4.example").host_kind() == HostKind::name);
  for (const std::string_view host : {"0x7f.1",        "127.1",      "017.0.0.1",  "127.0.0.01",  "2130706433",
                                      "0x7f000001",    "0X7F.0.0.1", "1.2.3",      "1.2.3.4.5",   "256.0.0.1",
                                      "1.2.3.256",     "1.2.3.0x4",  "0",          "0x",          "a.1",
                                      "a.0xff",        "a.0x",       "1.2.3.4a.5", "%31%32%37.1", "127.0.0.1%2e.",
                                      "9999999999999", "1..2.3",     "127.1."}) {
    CHECK(is_bad("http://" + std::string(host) + "/"));
  }
}

TEST_CASE("ports are numbers from 1 to 65535") {
  CHECK(good("http://h:1/").port() == 1);
  CHECK(good("http://h:65535/").port() == 65535);
  for (const std::string_view port : {"0", "00", "65536", "99999", "4294967376", "18446744073709551696", "-1", "+80",
                                      "8O", "80a", "0x50", "%38%30", "80:80", ":80", "80@"}) {
    CHECK(is_bad("http://h:" + std::string(port) + "/"));
  }
}

TEST_CASE("other schemes are told from no scheme") {
  CHECK(bad("ftp://h/").code == Code::unsupported_scheme);
  CHECK(bad("ftp://h/").message() == "unsupported scheme \"ftp\", where http or https is needed");
  CHECK(bad("mailto:a@b").code == Code::unsupported_scheme);
  CHECK(bad("javascript:x").code == Code::unsupported_scheme);
  CHECK(bad("httpx://h").code == Code::unsupported_scheme);
  CHECK(bad("file:///etc/passwd").code == Code::unsupported_scheme);
  for (const std::string_view text : {"",
                                      "h",
                                      "/",
                                      "//h/",
                                      "?q",
                                      "#f",
                                      "http",
                                      "http:",
                                      "http:/",
                                      "http:h",
                                      "http:/h",
                                      "http:?q",
                                      "://h",
                                      ":",
                                      "1http://h",
                                      "ht_tp://h",
                                      "%68ttp://h",
                                      "h\xc3\xa9tp://h",
                                      "example.org/x:y",
                                      "+http://h"}) {
    CHECK(is_bad(text));
  }
}

TEST_CASE("percent-encoding leaves the unreserved characters and comes back") {
  CHECK(percent_encode("AZaz09-._~") == "AZaz09-._~");
  CHECK(percent_encode(" /?#[]@!$&'()*+,;=%") == "%20%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25");
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  CHECK(percent_decode(percent_encode(every)) == every);
}

TEST_CASE("length is capped, before and after encoding, and time is linear in it") {
  const std::string longest = "http://h/" + std::string(limits::kMaxUrlBytes - 9, 'a');
  CHECK(good(longest).text().size() == limits::kMaxUrlBytes);
  CHECK(is_bad(longest + "a"));
  CHECK(is_bad("http://h/" + std::string(limits::kMaxUrlBytes / 2, '\xff')));  // three bytes for each
  CHECK(is_bad("http://h?" + std::string(limits::kMaxUrlBytes - 9, 'q')));     // the path is one more

  const auto repeat = [](std::string_view part) {
    std::string text = "http://h";
    while (text.size() + part.size() <= limits::kMaxUrlBytes) text += part;
    return text;
  };
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string_view part :
       {"/..", "/a/..", "/.", "//", "/%2e%2e", "@", ":", ".", "%2e", "[", "?", "#", "::", ":@"}) {
    static_cast<void>(Url::parse(repeat(part)));
    const Url base = good(longest);
    static_cast<void>(base.resolve(repeat(part).substr(8)));
  }
  // A quadratic pass over 64 KiB would take more than that; a linear one takes a few milliseconds, sanitized.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  const std::string deep = "http://h" + [] {
    std::string path;
    for (int i = 0; i < 10'000; ++i) path += "/a";
    for (int i = 0; i < 9'999; ++i) path += "/..";
    return path;
  }();
  CHECK(good(deep).path() == "/a/");
}

}  // namespace
