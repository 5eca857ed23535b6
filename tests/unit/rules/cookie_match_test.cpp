// core/rules/cookie_match: hosts in one form, and which domains and paths match.
#include "core/rules/cookie_match.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using rules::default_path;
using rules::domain_matches;
using rules::Host;
using rules::host_from;
using rules::host_of;
using rules::path_matches;

TEST_CASE("SB-75 cookie match: spellings of one host are one host") {
  const struct {
    const char *url, *name;
    bool is_address;
  } rows[] = {
      {"http://example.org/", "example.org", false},      {"https://EXAMPLE.org.:8443/x", "example.org", false},
      {"http://%65xample.org./", "example.org", false},   {"http://user:secret@localhost/", "localhost", false},
      {"http://127.0.0.1./", "127.0.0.1", true},          {"http://[::1]/", "::1", true},
      {"http://[2001:DB8:0:0::1]/", "2001:db8::1", true}, {"http://[fe80::1%25eth0]/", "fe80::1%eth0", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.url);
    CHECK(host_of(*Url::parse(row.url)) == Host{row.name, row.is_address});
  }
}

TEST_CASE("SB-75 cookie match: a host from a text, or none") {
  const struct {
    const char *text, *name;
    bool is_address;
  } rows[] = {
      {"example.org", "example.org", false},
      {".Example.ORG", "example.org", false},
      {"example.org.", "example.org", false},
      {".example.org.", "example.org", false},
      {"localhost", "localhost", false},
      {"_x.a-b", "_x.a-b", false},
      {"127.0.0.1", "127.0.0.1", true},
      {".127.0.0.1", "127.0.0.1", true},
      {"::1", "::1", true},
      {".2001:DB8:0::1", "2001:db8::1", true},
      {"fe80::1%eth0", "fe80::1%eth0", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto host = host_from(row.text);
    REQUIRE(host);
    CHECK(*host == Host{row.name, row.is_address});
  }
  for (const char* text : {"",
                           ".",
                           "..",
                           "..example.org",
                           "example.org..",
                           "a..b",
                           "a b",
                           "a/b",
                           "a?b",
                           "a#b",
                           "user@host",
                           "host:80",
                           "%65xample.org",
                           "[::1]",
                           "::1]",
                           "::1]/",
                           "::1]?",
                           "::1%",
                           "::1%eth0]?",
                           "::1%a/b",
                           "::1%%25a",
                           "::1%eth0%",
                           "1.2.3",
                           "1.2.3.256",
                           "a\\b",
                           "\xc3\xa4.org",
                           "127.0.0.1:80",
                           ":",
                           "::1.",
                           "127.0.0.1%eth0"}) {
    CAPTURE(text);
    CHECK_FALSE(host_from(text));
  }
  CHECK_FALSE(host_from(std::string(64, 'a') + ".org"));
  CHECK_FALSE(host_from(std::string_view("a\0b", 3)));
}

TEST_CASE("SB-70 cookie match: a domain matches itself and, at a dot, names below it, never a part of an address") {
  const struct {
    const char *host, *domain;
    bool matches;
  } rows[] = {
      {"example.org", "example.org", true},
      {"www.example.org", "example.org", true},
      {"a.b.example.org", "example.org", true},
      {"example.org", "org", true},
      {"badexample.org", "example.org", false},
      {"example.org", "www.example.org", false},
      {"example.org", "xample.org", false},
      {"example.org", ".org", false},
      {"example.org", "", false},
      {"example.org", "example.org.", false},
      {"example.org", "example.com", false},
      {"www.example.org", "www", false},
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1", "0.0.1", false},
      {"127.0.0.1", "1", false},
      {"127.0.0.1", "27.0.0.1", false},
      {"::ffff:127.0.0.1", "0.0.1", false},
      {"::1", "::1", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.host);
    CAPTURE(row.domain);
    CHECK(domain_matches(*host_from(row.host), row.domain) == row.matches);
  }
}

TEST_CASE("cookie match: paths match at a slash") {
  const struct {
    const char *request, *cookie;
    bool matches;
  } rows[] = {
      {"/", "/", true},         {"/a", "/", true},        {"/a", "/a", true},     {"/a/", "/a", true},
      {"/a/b", "/a", true},     {"/a/b", "/a/", true},    {"/ab", "/a", false},   {"/a", "/a/", false},
      {"/a", "/A", false},      {"/", "/a", false},       {"/b/a", "/a", false},  {"/a%2fb", "/a", false},
      {"/a/b/c", "/a/b", true}, {"/a/bb", "/a/b", false}, {"/a//b", "/a/", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.request);
    CAPTURE(row.cookie);
    CHECK(path_matches(row.request, row.cookie) == row.matches);
  }
}

TEST_CASE("cookie match: the default path is the folder") {
  const struct {
    const char *path, *folder;
  } rows[] = {{"/", "/"},         {"/a", "/"}, {"/a/", "/a"}, {"/a/b", "/a"},   {"/a/b/", "/a/b"},
              {"/a/b/c", "/a/b"}, {"//", "/"}, {"//a", "/"},  {"/a//b", "/a/"}, {"/a;x/b", "/a;x"}};
  for (const auto& row : rows) {
    CAPTURE(row.path);
    CHECK(default_path(row.path) == row.folder);
  }
}
