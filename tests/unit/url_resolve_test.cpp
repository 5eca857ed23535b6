// References: every example of RFC 3986 5.4, and redirects.
#include "core/url.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"

namespace {
using namespace sluice;

using Table = std::vector<std::pair<std::string_view, std::string_view>>;

void check_all(std::string_view base_text, const Table& table) {
  const auto base = Url::parse(base_text);
  REQUIRE(base);
  for (const auto& [reference, expected] : table) {
    CAPTURE(reference);
    const auto url = base->resolve(reference);
    REQUIRE(url.has_value());
    CHECK(url->text() == expected);
    // A resolved URL is the same, in every part, as one that was parsed.
    const auto parsed = Url::parse(url->text());
    REQUIRE(parsed);
    CHECK(*parsed == *url);
    CHECK(parsed->scheme() == url->scheme());
    CHECK(parsed->user() == url->user());
    CHECK(parsed->password() == url->password());
    CHECK(parsed->has_userinfo() == url->has_userinfo());
    CHECK(parsed->host() == url->host());
    CHECK(parsed->host_kind() == url->host_kind());
    CHECK(parsed->zone() == url->zone());
    CHECK(parsed->port() == url->port());
    CHECK(parsed->has_explicit_port() == url->has_explicit_port());
    CHECK(parsed->path() == url->path());
    CHECK(parsed->query() == url->query());
    CHECK(parsed->fragment() == url->fragment());
    CHECK(parsed->target() == url->target());
    CHECK(parsed->authority() == url->authority());
    CHECK(parsed->origin() == url->origin());
  }
}

TEST_CASE("RFC 3986 5.4.1, the normal examples") {
  // "http://g" is written with its path here, as it is in normal form.
  check_all("http://a/b/c/d;p?q", {
                                      {"g", "http://a/b/c/g"},
                                      {"./g", "http://a/b/c/g"},
                                      {"g/", "http://a/b/c/g/"},
                                      {"/g", "http://a/g"},
                                      {"//g", "http://g/"},
                                      {"?y", "http://a/b/c/d;p?y"},
                                      {"g?y", "http://a/b/c/g?y"},
                                      {"#s", "http://a/b/c/d;p?q#s"},
                                      {"g#s", "http://a/b/c/g#s"},
                                      {"g?y#s", "http://a/b/c/g?y#s"},
                                      {";x", "http://a/b/c/;x"},
                                      {"g;x", "http://a/b/c/g;x"},
                                      {"g;x?y#s", "http://a/b/c/g;x?y#s"},
                                      {"", "http://a/b/c/d;p?q"},
                                      {".", "http://a/b/c/"},
                                      {"./", "http://a/b/c/"},
                                      {"..", "http://a/b/"},
                                      {"../", "http://a/b/"},
                                      {"../g", "http://a/b/g"},
                                      {"../..", "http://a/"},
                                      {"../../", "http://a/"},
                                      {"../../g", "http://a/g"},
                                  });
  // "g:h" is a URL of another scheme.
  CHECK(Url::parse("http://a/b/c/d;p?q")->resolve("g:h").error().code == Code::unsupported_scheme);
}

TEST_CASE("RFC 3986 5.4.2, the abnormal examples") {
  check_all("http://a/b/c/d;p?q", {
                                      {"../../../g", "http://a/g"},
                                      {"../../../../g", "http://a/g"},
                                      {"/./g", "http://a/g"},
                                      {"/../g", "http://a/g"},
                                      {"g.", "http://a/b/c/g."},
                                      {".g", "http://a/b/c/.g"},
                                      {"g..", "http://a/b/c/g.."},
                                      {"..g", "http://a/b/c/..g"},
                                      {"./../g", "http://a/b/g"},
                                      {"./g/.", "http://a/b/c/g/"},
                                      {"g/./h", "http://a/b/c/g/h"},
                                      {"g/../h", "http://a/b/c/h"},
                                      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
                                      {"g;x=1/../y", "http://a/b/c/y"},
                                      {"g?y/./x", "http://a/b/c/g?y/./x"},
                                      {"g?y/../x", "http://a/b/c/g?y/../x"},
                                      {"g#s/./x", "http://a/b/c/g#s/./x"},
                                      {"g#s/../x", "http://a/b/c/g#s/../x"},
                                  });
  // "http:g" is itself for a strict parser, and then no URL that http knows.
  CHECK(Url::parse("http://a/b/c/d;p?q")->resolve("http:g").error().code == Code::invalid_url);
}

TEST_CASE("the authority comes along with a path, and goes with an authority") {
  check_all("https://us:pw@Host:8443/a/b?q#f", {
                                                   {"x", "https://us:pw@host:8443/a/x"},
                                                   {"/x?y", "https://us:pw@host:8443/x?y"},
                                                   {"", "https://us:pw@host:8443/a/b?q"},
                                                   {"?", "https://us:pw@host:8443/a/b?"},
                                                   {"#", "https://us:pw@host:8443/a/b?q#"},
                                                   {"//other/x", "https://other/x"},
                                                   {"//other:443", "https://other/"},
                                                   {"//u@other:80/", "https://u@other:80/"},
                                                   {"http://other:443/", "http://other:443/"},
                                                   {"HTTP://Other./%7e", "http://other./%7e"},
                                               });
  check_all("http://[fe80::1%25eth0]/a/", {
                                              {"b", "http://[fe80::1%25eth0]/a/b"},
                                              {"//[::1]:81/c", "http://[::1]:81/c"},
                                              {"//1.2.3.4", "http://1.2.3.4/"},
                                          });
}

TEST_CASE("references are normalised like URLs") {
  check_all("http://h/a/b/", {
                                 {"%2e%2E/c%", "http://h/a/b/%2e%2E/c%"},
                                 {"%7e\xc3\xa9", "http://h/a/b/%7e%C3%A9"},
                                 {"./a:b", "http://h/a/b/a:b"},
                                 {"c//..", "http://h/a/b/c/"},
                                 {".//c", "http://h/a/b//c"},
                                 {"..//../c", "http://h/a/c"},
                                 {"/?a:b", "http://h/?a:b"},
                                 {"?x=http://y/", "http://h/a/b/?x=http://y/"},
                                 {"x/y:z", "http://h/a/b/x/y:z"},
                             });
}

TEST_CASE("what parse() refuses, resolve() refuses") {
  const auto base = Url::parse("http://user:secret@h/a");
  REQUIRE(base);
  for (const std::string_view reference :
       {"//", "///x", "//:80", "//.", "//a b", "//127.1/", "//a@b@c/", "//h:0", "//good#@evil", "a\\b", "\\\\evil",
        "/\\evil", "1a:b", ":x", "http://", "http:", "https:///x"}) {
    CAPTURE(reference);
    const auto url = base->resolve(reference);
    REQUIRE_FALSE(url.has_value());
    CHECK(url.error().code == Code::invalid_url);
    CHECK(url.error().message().find("secret") == std::string::npos);
  }
  for (const std::string_view reference :
       {"ftp://h/", "javascript:alert(1)", "file:///etc/passwd", "data:,x", "a:b", "localhost:80/x"}) {
    CAPTURE(reference);
    CHECK(base->resolve(reference).error().code == Code::unsupported_scheme);
  }
  CHECK_FALSE(base->resolve("/" + std::string(limits::kMaxUrlBytes, 'a')));
  // Neither is too long, but both together are.
  const auto long_base = Url::parse("http://h/" + std::string(40'000, 'a') + "/");
  REQUIRE(long_base);
  CHECK(long_base->resolve(std::string(40'000, 'b')).error().code == Code::invalid_url);
}

TEST_CASE("an empty URL resolves absolute references only") {
  CHECK(Url().resolve("http://h/x")->text() == "http://h/x");
  CHECK_FALSE(Url().resolve("x"));
  CHECK_FALSE(Url().resolve("//h/x"));
}

TEST_CASE("a chain of references stays in normal form") {
  auto url = Url::parse("http://h/");
  REQUIRE(url);
  for (const std::string_view reference :
       {"a/b/c", "../d", "?x", "#y", "./", "..", "e/../../f", "//i/j", "https://k"}) {
    auto next = url->resolve(reference);
    REQUIRE(next);
    CHECK(Url::parse(next->text())->text() == next->text());
    url = std::move(next);
  }
  CHECK(url->text() == "https://k/");
}

}  // namespace
