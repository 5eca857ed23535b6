// The rule of redirects: which request follows which response, and which fields go where.
#include "core/rules/redirect.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace sluice;

namespace {

struct Case {
  std::string url = "http://a.example/dir/page?q#part";
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> fields = {};
  int status = 302;
  std::vector<std::string> locations = {"http://a.example/next"};
  RedirectOptions options = {};
  std::size_t redirects = 0;
};

Fields fields_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Fields fields;
  for (const auto& [name, value] : pairs) REQUIRE(fields.add(name, value));
  return fields;
}

Result<std::optional<rules::Redirect>> decide(const Case& what) {
  Request request(what.method, *Url::parse(what.url));
  request.fields = fields_of(what.fields);
  ResponseHead head;
  head.status = what.status;
  for (const std::string& location : what.locations) REQUIRE(head.fields.add("Location", location));
  return rules::redirect({request, head, what.options, what.redirects});
}

// "GET http://a/ +body": the next request; "" where there is none; otherwise the error.
std::string follows(const Case& what) {
  const auto found = decide(what);
  if (!found) return std::string(to_string(found.error().code)) + ": " + found.error().message();
  if (!*found) return "";
  return (*found)->request.method + ' ' + (*found)->request.url.text() + ((*found)->same_body ? " +body" : "");
}

std::string names_in(const Fields& fields) {
  std::string text;
  for (const Field& field : fields) text += (text.empty() ? "" : " ") + std::string(field.name);
  return text;
}

// The names of the next request's fields.
std::string kept(const Case& what) {
  const auto found = decide(what);
  REQUIRE(found);
  REQUIRE(*found);
  return names_in((*found)->request.fields);
}

}  // namespace

TEST_CASE("redirect: five statuses with a Location redirect, and nothing else does") {
  for (const int status : {301, 302, 303, 307, 308}) {
    CAPTURE(status);
    CHECK(follows({.status = status}) != "");
    CHECK(follows({.status = status, .locations = {}}) == "");
    CHECK(follows({.status = status, .locations = {""}}) == "");
  }
  for (const int status : {200, 201, 300, 304, 305, 306, 309, 399, 404}) {
    CAPTURE(status);
    CHECK(follows({.status = status}) == "");
  }
}

TEST_CASE("redirect: the method and the body, by status (RFC 9110 15.4)") {
  const std::string to = " http://a.example/next#part";
  struct Row {
    int status;
    const char* method;
    std::string next;
  };
  const Row rows[] = {
      {301, "GET", "GET" + to + " +body"},
      {302, "GET", "GET" + to + " +body"},
      {303, "GET", "GET" + to + " +body"},
      {307, "GET", "GET" + to + " +body"},
      {301, "HEAD", "HEAD" + to + " +body"},
      {303, "HEAD", "HEAD" + to + " +body"},
      {301, "POST", "GET" + to},
      {302, "POST", "GET" + to},
      {303, "POST", "GET" + to},
      {307, "POST", "POST" + to + " +body"},
      {308, "POST", "POST" + to + " +body"},
      {301, "PUT", "PUT" + to + " +body"},
      {302, "DELETE", "DELETE" + to + " +body"},
      {303, "PUT", "GET" + to},
      {303, "DELETE", "GET" + to},
      {308, "PUT", "PUT" + to + " +body"},
      {301, "post", "post" + to + " +body"},  // methods are told apart by case
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    CHECK(follows({.method = row.method, .status = row.status}) == row.next);
  }
}

TEST_CASE("redirect: a POST stays one where the application says so, for one status at a time") {
  const std::string post = "POST http://a.example/next#part +body", get = "GET http://a.example/next#part";
  RedirectOptions options;
  for (int kept = 301; kept <= 303; ++kept) {
    options = {.keep_post_301 = kept == 301, .keep_post_302 = kept == 302, .keep_post_303 = kept == 303};
    for (int status = 301; status <= 303; ++status) {
      CAPTURE(kept);
      CAPTURE(status);
      CHECK(follows({.method = "POST", .status = status, .options = options}) == (status == kept ? post : get));
    }
    CHECK(follows({.method = "PUT", .status = 303, .options = options}) == get);
  }
}

TEST_CASE("redirect: where the method is kept, the body goes as that of a POST") {
  RedirectOptions options{.keep_method = true};
  for (const char* method : {"POST", "PATCH", "GET"}) {
    CAPTURE(method);
    const std::string bare = method + std::string(" http://a.example/next#part");
    for (const int status : {301, 302, 303})
      CHECK(follows({.method = method, .status = status, .options = options}) == bare);
    CHECK(follows({.method = method, .status = 308, .options = options}) == bare + " +body");
  }
  options.keep_post_301 = options.keep_post_303 = true;
  CHECK(follows({.method = "PATCH", .status = 301, .options = options}) == "PATCH http://a.example/next#part +body");
  CHECK(follows({.method = "PATCH", .status = 302, .options = options}) == "PATCH http://a.example/next#part");
  CHECK(follows({.method = "PATCH", .status = 303, .options = options}) == "PATCH http://a.example/next#part +body");
}

TEST_CASE("redirect: the reference is resolved against the URL, and a fragment stays where it has none") {
  const std::pair<const char*, const char*> rows[] = {
      {"other", "GET http://a.example/dir/other#part +body"},
      {"/top", "GET http://a.example/top#part +body"},
      {"?x=1", "GET http://a.example/dir/page?x=1#part +body"},
      {"//b.example/x", "GET http://b.example/x#part +body"},
      {"https://a.example/x#own", "GET https://a.example/x#own +body"},
      {"#own", "GET http://a.example/dir/page?q#own +body"},
      {"../up", "GET http://a.example/up#part +body"},
      {"a b c", "GET http://a.example/dir/a%20b%20c#part +body"},
      {"/\xc3\xa4", "GET http://a.example/%C3%A4#part +body"},
  };
  for (const auto& [location, next] : rows) CHECK(follows({.locations = {location}}) == next);
  CHECK(follows({.url = "http://a.example/", .locations = {"/x"}}) == "GET http://a.example/x +body");
}

TEST_CASE("SB-26 redirect: no scheme but http and https is followed, and those only where they are allowed") {
  for (const char* location : {"file:///etc/passwd", "ftp://a.example/x", "data:text/plain,x", "javascript:1"}) {
    CAPTURE(location);
    const auto found = decide({.locations = {location}});
    REQUIRE_FALSE(found);
    CHECK(found.error().code == Code::unsupported_scheme);
    CHECK(found.error().blame == Blame::peer);
  }
  CHECK(follows({.locations = {"https://a.example/"}, .options = {.https = false}}) ==
        "unsupported_scheme: redirect by status 302: leads to https://a.example/#part, and the scheme https is not "
        "allowed here");
  CHECK(follows({.options = {.http = false}}).starts_with("unsupported_scheme: "));
  CHECK(follows({.locations = {"https://a.example/"}, .options = {.http = false}}) != "");
}

TEST_CASE("SB-30 redirect: a reference that is no URL is the server's error, and no message shows its userinfo") {
  const auto found = decide({.locations = {"http://user:secret@a.example:99999/"}});
  REQUIRE_FALSE(found);
  CHECK(found.error().code == Code::invalid_url);
  CHECK(found.error().blame == Blame::peer);
  CHECK(found.error().message().starts_with("redirect by status 302: invalid URL: "));
  CHECK(found.error().message().find("secret") == std::string::npos);
  RedirectOptions none{.max_redirects = 0};
  CHECK(follows({.locations = {"http://user:secret@b.example/"}, .options = none}).find("secret") == std::string::npos);
}

TEST_CASE("redirect: one Location is said twice, or two differ") {
  CHECK(follows({.locations = {"/x", "/x"}}) == "GET http://a.example/x#part +body");
  CHECK(follows({.locations = {"", "/x"}}) == "GET http://a.example/x#part +body");
  CHECK(follows({.locations = {"/x", "/y"}}) ==
        "malformed_response: redirect by status 302: two different Location fields");
}

TEST_CASE("SB-27 redirect: the limit is the number that is followed, and 0 follows none") {
  CHECK(follows({.options = {.max_redirects = 3}, .redirects = 2}) != "");
  CHECK(follows({.options = {.max_redirects = 3}, .redirects = 3}) ==
        "too_many_redirects: redirect by status 302: leads to http://a.example/next#part, and 3 were followed already, "
        "the most allowed");
  CHECK(follows({.options = {.max_redirects = 0}}).starts_with("too_many_redirects: "));
  CHECK(follows({.status = 200, .options = {.max_redirects = 0}}) == "");
  CHECK(follows({.redirects = 49}) == "GET http://a.example/next#part +body");
  CHECK(follows({.redirects = 50}).starts_with("too_many_redirects: "));
}

TEST_CASE("SB-01 redirect: credentials and own fields go to the origin that they were set for") {
  Case what;
  what.fields = {{"Authorization", "Basic x"},
                 {"Cookie", "a=b"},
                 {"X-Key", "secret"},
                 {"accept", "*/*"},
                 {"User-Agent", "me"},
                 {"Host", "a.example"},
                 {"Proxy-Authorization", "Basic y"}};
  const std::string all = "Authorization Cookie X-Key accept User-Agent Host Proxy-Authorization";
  for (const char* same : {"/x", "http://a.example/x", "http://A.example:80/x"}) {
    CAPTURE(same);
    what.locations = {same};
    CHECK(kept(what) == all);
  }
  for (const char* other : {"http://b.example/", "https://a.example/", "http://a.example:81/", "http://a.example.b/",
                            "http://a.example./", "http://x.a.example/"}) {
    CAPTURE(other);
    what.locations = {other};
    what.options.trust_other_origins = false;
    CHECK(kept(what) == "accept User-Agent");
    what.options.trust_other_origins = true;  // but another host has another name
    CHECK(kept(what) == "Authorization Cookie X-Key accept User-Agent Proxy-Authorization");
  }
}

TEST_CASE("SB-01 redirect: a server does not choose which credentials are sent") {
  CHECK(follows({.locations = {"http://user:pass@a.example/x"}}) == "GET http://a.example/x#part +body");
  CHECK(follows({.locations = {"http://user:pass@b.example/x"}}) == "GET http://b.example/x#part +body");
  CHECK(follows({.url = "http://user:pass@a.example/", .locations = {"/x"}}) == "GET http://a.example/x +body");
}

TEST_CASE("SB-34 redirect: without its body a request has no field that describes it") {
  Case what;
  what.method = "POST";
  what.status = 303;
  what.fields = {{"Content-Type", "text/plain"},
                 {"content-encoding", "gzip"},
                 {"Transfer-Encoding", "chunked"},
                 {"Expect", "100-continue"},
                 {"Digest", "x"},
                 {"Accept", "*/*"},
                 {"Content-Length", "3"},
                 {"Trailer", "x"},
                 {"Contents", "mine"}};
  CHECK(kept(what) == "Accept Contents");
  what.status = 307;
  CHECK(kept(what) ==
        "Content-Type content-encoding Transfer-Encoding Expect Digest Accept Content-Length Trailer Contents");
}

TEST_CASE("SB-32 redirect: Referer is the last URL without its secrets, and none goes from https to http") {
  Case what;
  what.url = "https://user:pass@a.example/dir?q#part";
  what.locations = {"/next"};
  what.fields = {{"Referer", "https://mine.example/"}};
  const auto referer = [&] {
    const auto found = decide(what);
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->request.fields.count("Referer") <= 1);
    return std::string((*found)->request.fields.find("Referer").value_or("none"));
  };
  CHECK(referer() == "https://mine.example/");
  what.options.auto_referer = true;
  CHECK(referer() == "https://a.example/dir?q");
  what.locations = {"https://b.example/"};
  CHECK(referer() == "https://a.example/dir?q");
  what.locations = {"http://a.example/"};
  CHECK(referer() == "none");
  what.options = {};
  CHECK(referer() == "none");
  what.url = "http://a.example/x";
  what.locations = {"https://a.example/"};
  CHECK(referer() == "https://mine.example/");
}
