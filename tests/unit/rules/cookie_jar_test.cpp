// CookieJar: which host may set which cookie, and which requests carry it (RFC 6265bis 5.7, 5.8).
#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "core/cookies.hpp"
#include "core/rules/public_suffix.hpp"
#include "tests/unit/rules/jar_tools.hpp"

using namespace sluice;
using test::JarWorld;
using test::kJarStart;

TEST_CASE("cookie jar: a cookie is sent to its host alone, or with Domain to those below too") {
  JarWorld world;
  CHECK(world.set("http://www.example.org/", {"a=1", "b=2; Domain=example.org", "c=3; Domain=.WWW.example.ORG"}) == 3);
  CHECK(world.sent("http://www.example.org/") == "a=1; b=2; c=3");
  CHECK(world.sent("https://www.example.org:8443/x?y") == "a=1; b=2; c=3");  // ports do not matter
  CHECK(world.sent("http://x.www.example.org/") == "b=2; c=3");
  CHECK(world.sent("http://example.org/") == "b=2");
  CHECK(world.sent("http://other.example.org/") == "b=2");
  CHECK(world.sent("http://example.com/") == "");
  CHECK(world.jar->size() == 3);
}

TEST_CASE("SB-70 cookie jar: hosts whose names end alike share nothing") {
  JarWorld world;
  CHECK(world.set("http://badexample.org/", "a=1; Domain=example.org") == 0);
  CHECK(world.set("http://example.org/", "a=1; Domain=ample.org") == 0);
  CHECK(world.set("http://example.org/", "a=1; Domain=www.example.org") == 0);
  CHECK(world.set("http://example.org/", "a=1; Domain=example.com") == 0);
  CHECK(world.set("http://example.org/", {"b=1; Domain=example.org"}) == 1);
  CHECK(world.sent("http://badexample.org/") == "");
  CHECK(world.sent("http://bad.example.org/") == "b=1");
  CHECK(world.sent("http://example.org.com/") == "");
}

TEST_CASE("SB-70 cookie jar: an address is the whole of its domain") {
  JarWorld world;
  CHECK(world.set("http://127.0.0.1/", {"a=1; Domain=0.0.1", "b=2; Domain=1", "c=3; Domain=.0.1"}) == 0);
  CHECK(world.set("http://127.0.0.1/", {"a=1", "b=2; Domain=127.0.0.1"}) == 2);
  CHECK(world.sent("http://127.0.0.1/") == "a=1; b=2");
  CHECK(world.sent("http://128.0.0.1/") == "");
  CHECK(world.set("http://[::1]/", {"a=1; Domain=[::1]", "b=2; Domain=::1", "c=3; Domain=[::2]", "d=4; Domain=[::1",
                                    "e=5; Domain=[::1x"}) == 2);
  CHECK(world.sent("http://[0:0::1]/") == "a=1; b=2");
  REQUIRE(world.jar->size() == 4);
  CHECK_FALSE(world.jar->cookies()[2].host_only);  // Domain was given; no address is a public suffix
  CHECK(world.sent("http://[::2]/") == "");
  CHECK(world.set("http://example.org/", "e=5; Domain=[example.org]") == 0);  // brackets are for addresses
}

TEST_CASE("cookie jar: a link-local address has cookies for each of its zones") {
  JarWorld world;
  CHECK(world.set("http://[fe80::1%25eth0]/", {"a=1", "b=2; Domain=[fe80::1]"}) == 1);
  CHECK(world.sent("http://[fe80::1%25eth0]/") == "a=1");
  CHECK(world.sent("http://[fe80::1%25eth1]/") == "");
  CHECK(world.sent("http://[fe80::1]/") == "");
}

TEST_CASE("SB-24 cookie jar: a public suffix gets no cookie for those below it, however it is spelled") {
  JarWorld world;
  for (const char* domain : {"uk", ".uk", "UK", "uk.", ".uk.", "..uk", "..", "."}) {
    CAPTURE(domain);
    const bool is_nothing = std::string_view(domain) == ".";  // as if there were no Domain
    CHECK(world.set("http://www.example.co.uk/", std::string("a=1; Domain=") + domain) == (is_nothing ? 1u : 0u));
  }
  CHECK(world.sent("http://other.co.uk/") == "");
  if (!rules::has_public_suffix_list()) return;
  for (const char* domain : {"co.uk", ".co.uk", "CO.UK", "co.uk.", ".Co.Uk.", "co.uk..", "..co.uk", "%63o.uk"}) {
    CAPTURE(domain);
    CHECK(world.set("http://www.example.co.uk/", std::string("a=1; Domain=") + domain) == 0);
    CHECK(world.set("http://www.example.co.uk./", std::string("a=1; Domain=") + domain) == 0);
  }
  CHECK(world.set("https://me.github.io/", "a=1; Domain=github.io") == 0);
  CHECK(world.sent("http://other.co.uk/") == "");
}

TEST_CASE("SB-24 cookie jar: a host that is a public suffix itself may set cookies for itself alone") {
  JarWorld world;
  CHECK(world.set("http://localhost/", {"a=1; Domain=localhost", "b=2", "c=3; Domain=.LOCALHOST"}) == 3);
  CHECK(world.set("http://foo.localhost/", "d=4; Domain=localhost") == 0);
  CHECK(world.sent("http://localhost/") == "a=1; b=2; c=3");
  CHECK(world.sent("http://foo.localhost/") == "");
  for (const Cookie& cookie : world.jar->cookies()) CHECK(cookie.host_only);
  if (!rules::has_public_suffix_list()) return;
  CHECK(world.set("https://github.io/", {"a=1; Domain=github.io", "a=2"}) == 2);  // one identity
  CHECK(world.sent("https://github.io/") == "a=2");
  CHECK(world.sent("https://me.github.io/") == "");
}

TEST_CASE("SB-75 cookie jar: the final dot and the case of a host make no other host") {
  JarWorld world;
  CHECK(world.set("http://Example.ORG./", {"a=1", "b=2; Domain=example.org", "c=3; Domain=example.org."}) == 2);
  CHECK(world.sent("http://example.org/") == "a=1; b=2");
  CHECK(world.sent("http://EXAMPLE.org./") == "a=1; b=2");
  CHECK(world.sent("http://www.example.org./") == "b=2");
  CHECK(world.set("http://example.org/", "a=4; Max-Age=0") == 1);
  CHECK(world.sent("http://example.org./") == "b=2");
}

TEST_CASE("SB-74 cookie jar: cookies go by the host of the URL") {
  JarWorld world;
  Fields fields;
  REQUIRE(fields.add("Host", "example.com"));
  REQUIRE(fields.add("set-COOKIE", "a=1"));
  REQUIRE(fields.add("Set-Cookie2", "b=1"));
  REQUIRE(fields.add("Cookie", "c=1"));
  CHECK(world.jar->receive(*Url::parse("http://user@example.org/"), fields, world.now()) == 1);
  CHECK(world.sent("http://example.org/") == "a=1");
  CHECK(world.sent("http://example.com/") == "");
  CHECK(world.jar->receive(Url(), fields, world.now()) == 0);  // no URL, no host
  CHECK(world.jar->header_for(Url(), world.now()) == "");
  CHECK(world.jar->size() == 1);
}

TEST_CASE("cookie jar: paths, and the order of the field") {
  JarWorld world;
  CHECK(world.set("http://example.org/a/b/c", {"default=1", "root=2; Path=/", "file=3; Path=/a/b/c", "odd=4; Path=x",
                                               "other=5; Path=/z", "slash=6; Path=/a/"}) == 6);
  CHECK(world.sent("http://example.org/") == "root=2");
  CHECK(world.sent("http://example.org/a") == "root=2");
  CHECK(world.sent("http://example.org/a/") == "slash=6; root=2");
  CHECK(world.sent("http://example.org/a/bb") == "slash=6; root=2");
  CHECK(world.sent("http://example.org/a/b?/z") == "default=1; odd=4; slash=6; root=2");
  CHECK(world.sent("http://example.org/a/b/c") == "file=3; default=1; odd=4; slash=6; root=2");
  CHECK(world.sent("http://example.org/z") == "other=5; root=2");
  // A cookie that is replaced keeps its place.
  CHECK(world.set("http://example.org/a/b/", {"odd=7", "default=8"}) == 2);
  CHECK(world.sent("http://example.org/a/b") == "default=8; odd=7; slash=6; root=2");
  CHECK(world.jar->size() == 6);
  // Of parent domains too the first made is first.
  CHECK(world.set("http://example.org/", "up=9; Domain=example.org; Path=/") == 1);
  CHECK(world.set("http://www.example.org/", {"www=1", "up=2; Domain=example.org"}) == 2);
  CHECK(world.sent("http://www.example.org/") == "up=2; www=1");
}

TEST_CASE("cookie jar: name, domain, path and host-only make the identity") {
  JarWorld world;
  const char* const cookies[] = {"a=1", "a=2; Domain=example.org", "a=3; Path=/x", "A=4", "=5"};
  for (const char* cookie : cookies) CHECK(world.set("http://example.org/", cookie) == 1);
  CHECK(world.jar->size() == 5);
  CHECK(world.sent("http://example.org/x") == "a=3; a=1; a=2; A=4; 5");
  CHECK(world.set("http://example.org/", {"a=6; Secure; HttpOnly"}) == 0);  // Secure over http
  CHECK(world.set("http://example.org/", {"a=7; HttpOnly", "b"}) == 2);
  CHECK(world.sent("http://example.org/x") == "a=3; a=7; a=2; A=4; b");
}

TEST_CASE("cookie jar: without a name only the value is sent") {
  JarWorld world;
  CHECK(world.set("http://example.org/", {"", "=", "; Secure", "="}) == 0);
  CHECK(world.set("http://example.org/", "value") == 1);
  CHECK(world.set("http://example.org/", "n=") == 1);
  CHECK(world.sent("http://example.org/") == "value; n=");
  CHECK(world.set("http://example.org/", "=a=b") == 1);
  CHECK(world.sent("http://example.org/") == "a=b; n=");
}

TEST_CASE("SB-71 cookie jar: over http nothing Secure is set, replaced, removed or hidden") {
  JarWorld world;
  CHECK(world.set("http://www.example.org/", "a=1; Secure") == 0);
  CHECK(world.set("https://www.example.org/", {"a=1; Secure; Path=/x", "d=1; Secure; Domain=example.org"}) == 2);
  CHECK(world.sent("http://www.example.org/x") == "");
  CHECK(world.sent("https://www.example.org/x") == "a=1; d=1");
  // The same, its removal, one below its path, one of a parent domain, one of a host below.
  CHECK(world.set("http://www.example.org/", {"a=2; Path=/x", "a=; Path=/x; Max-Age=0", "a=2; Path=/x/y"}) == 0);
  CHECK(world.set("http://www.example.org/", "a=2; Path=/x; Domain=example.org") == 0);
  CHECK(world.set("http://example.org/", "a=2; Path=/x; Domain=example.org") == 0);
  CHECK(world.set("http://x.www.example.org/", "d=2") == 0);
  CHECK(world.set("http://x.www.example.org/", "a=2; Path=/x") == 0);  // draft: whether it is host-only does not matter
  // Another name, another path, another host: these hide nothing.
  CHECK(world.set("http://www.example.org/", {"A=2; Path=/x", "a=2; Path=/", "a=2; Path=/xy"}) == 3);
  CHECK(world.set("http://www.example.com/", "a=2; Path=/x") == 1);
  CHECK(world.set("http://wwwexample.org/", "a=2; Path=/x") == 1);
  CHECK(world.set("http://ww.example.org/", "a=2; Path=/x") == 1);
  CHECK(world.sent("https://www.example.org/x") == "a=1; A=2; d=1; a=2");
  // Over https all may.
  CHECK(world.set("https://www.example.org/", "a=3; Path=/x") == 1);
  CHECK(world.sent("http://www.example.org/x") == "a=3; A=2; a=2");
}

TEST_CASE("SB-71 cookie jar: Secure cookies of addresses") {
  JarWorld world;
  CHECK(world.set("https://10.0.0.1/", "a=1; Secure") == 1);
  CHECK(world.set("http://10.0.0.1/", "a=2") == 0);
  CHECK(world.set("http://10.0.0.10/", "a=2") == 1);
}

TEST_CASE("SB-71 cookie jar: __Host- and __Secure- names") {
  JarWorld world;
  CHECK(world.set("https://example.org/",
                  {"__Secure-a=1", "__Host-a=1; Secure", "__host-a=1; Path=/", "__Host-a=1; Secure; Path=/a",
                   "__HOST-a=1; Secure; Path=/; Domain=example.org", "=__Host-a=1; Secure; Path=/", "__Secure-x"}) ==
        0);
  CHECK(world.set("http://example.org/", {"__Secure-a=1; Secure", "__Host-a=1; Secure; Path=/"}) == 0);
  CHECK(world.set("https://example.org/", {"__Secure-a=1; Secure; Domain=example.org", "__Host-a=1; Secure; Path=/",
                                           "__host-b=1; Path; Secure", "__SECURE-c=1; Secure"}) == 4);
  CHECK(world.set("https://example.org/x/", "__Host-d=1; Path; Secure") == 0);  // its path is /x
  CHECK(world.set("http://sub.example.org/", "__Host-a=2; Domain=example.org") == 0);
  CHECK(world.sent("https://example.org/") == "__Secure-a=1; __Host-a=1; __host-b=1; __SECURE-c=1");
  CHECK(world.sent("https://sub.example.org/") == "__Secure-a=1");
}

TEST_CASE("cookie jar: SameSite is kept, and None needs Secure") {
  JarWorld world;
  CHECK(world.set("https://example.org/", {"a=1; SameSite=None; Secure", "b=1; SameSite=None", "c=1; SameSite=Lax",
                                           "d=1; SameSite=strict; HttpOnly", "e=1"}) == 4);
  const std::vector<Cookie> cookies = world.jar->cookies();
  REQUIRE(cookies.size() == 4);
  CHECK(cookies[0].same_site == SameSite::none);
  CHECK(cookies[1].same_site == SameSite::lax);
  CHECK(cookies[2].same_site == SameSite::strict);
  CHECK(cookies[2].http_only);
  CHECK(cookies[3].same_site == SameSite::unspecified);
  CHECK_FALSE(cookies[3].http_only);
}

TEST_CASE("cookie jar: cookies end at their time, Max-Age counts more than Expires, 400 days are the most") {
  JarWorld world;
  CHECK(world.set("http://example.org/",
                  {"age=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "date=1; Expires=14 Nov 2023 22:13:25",
                   "long=1; Max-Age=99999999999999999999", "late=1; Expires=1 jan 9999 0:0:0", "session=1",
                   "past=1; Expires=14 Nov 2023 22:13:20", "gone=1; Max-Age=0", "minus=1; Max-Age=-5",
                   "never=1; Max-Age=-99999999999999999999; Expires=1 jan 9999 0:0:0"}) == 9);
  CHECK(world.jar->size() == 5);
  CHECK(world.sent("http://example.org/") == "age=1; date=1; long=1; late=1; session=1");
  std::vector<Cookie> cookies = world.jar->cookies();
  CHECK(cookies[0].expires == kJarStart + 10);
  CHECK(cookies[1].expires == kJarStart + 5);
  CHECK(cookies[2].expires == kJarStart + 34'560'000);
  CHECK(cookies[3].expires == kJarStart + 34'560'000);
  CHECK_FALSE(cookies[4].expires);
  world.wall = kJarStart + 4;
  CHECK(world.sent("http://example.org/") == "age=1; date=1; long=1; late=1; session=1");
  world.wall = kJarStart + 5;
  CHECK(world.sent("http://example.org/") == "age=1; long=1; late=1; session=1");
  CHECK(world.jar->size() == 4);
  world.wall = kJarStart + 10;
  CHECK(world.set("http://example.org/", {}) == 0);
  CHECK(world.jar->size() == 3);  // a response without cookies removes what has expired too
  CHECK(world.set("http://example.org/", "late=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT") == 1);
  CHECK(world.sent("http://example.org/") == "long=1; session=1");
  CHECK(world.set("http://example.org/", "session=2; Max-Age=100") == 1);
  world.jar->end_session();
  CHECK(world.sent("http://example.org/") == "long=1; session=2");
  CHECK(world.set("http://example.org/", "session=2") == 1);
  world.jar->end_session();
  CHECK(world.sent("http://example.org/") == "long=1");
  world.wall = kJarStart + 34'560'000 - 1;
  world.jar->remove_expired(world.now());
  CHECK(world.jar->size() == 1);
  world.wall = kJarStart + 34'560'000;
  world.jar->remove_expired(world.now());
  CHECK(world.jar->size() == 0);
}

TEST_CASE("cookie jar: any time may be given") {
  for (const UnixSeconds wall : {std::numeric_limits<UnixSeconds>::min(), UnixSeconds{-1}, UnixSeconds{0},
                                 std::numeric_limits<UnixSeconds>::max() - 5}) {
    JarWorld world;
    world.wall = wall;
    CHECK(world.set("http://example.org/", {"a=1; Max-Age=3", "b=1; Max-Age=99999999999999999999", "c=1"}) == 3);
    CHECK(world.sent("http://example.org/") == "a=1; b=1; c=1");
    world.wall += 3;
    CHECK(world.sent("http://example.org/") == "b=1; c=1");
  }
}

TEST_CASE("cookie jar: cookies are added, listed and removed by hand") {
  JarWorld world;
  Cookie cookie{.name = "a", .value = "1", .domain = ".Example.org.", .path = "/x", .host_only = false};
  REQUIRE(world.jar->add(cookie, world.now()));
  cookie.host_only = true;
  cookie.value = "2";
  cookie.expires = kJarStart + 99'999'999;
  REQUIRE(world.jar->add(cookie, world.now()));
  REQUIRE(world.jar->add({.name = "b", .value = "3", .domain = "[::1]"}, world.now()).error().code ==
          Code::invalid_option);
  REQUIRE(world.jar->add({.name = "b", .value = "3", .domain = "::1", .secure = true}, world.now()));
  std::vector<Cookie> cookies = world.jar->cookies();
  REQUIRE(cookies.size() == 3);
  CHECK(cookies[0] == Cookie{.name = "a", .value = "1", .domain = "example.org", .path = "/x", .host_only = false});
  CHECK(cookies[1] ==
        Cookie{.name = "a", .value = "2", .domain = "example.org", .path = "/x", .expires = kJarStart + 34'560'000});
  CHECK(cookies[2] == Cookie{.name = "b", .value = "3", .domain = "::1", .secure = true});
  CHECK(world.sent("http://example.org/x") == "a=1; a=2");
  CHECK(world.sent("http://www.example.org/x") == "a=1");
  CHECK(world.jar->remove("example.org", "/", "a") == 0);
  CHECK(world.jar->remove("example.org", "/x", "b") == 0);
  CHECK(world.jar->remove("www.example.org", "/x", "a") == 0);
  CHECK(world.jar->remove("no host", "/x", "a") == 0);
  CHECK(world.jar->remove("EXAMPLE.org.", "/x", "a") == 2);
  CHECK(world.jar->size() == 1);
  // One that has expired removes; and time passes for all.
  REQUIRE(world.jar->add({.name = "b", .value = "3", .domain = "::1", .expires = kJarStart}, world.now()));
  CHECK(world.jar->size() == 0);
  REQUIRE(world.jar->add({.name = "c", .value = "3", .domain = "::1", .expires = kJarStart + 1}, world.now()));
  world.wall += 1;
  CHECK_FALSE(world.jar->add({.name = "c", .value = "3", .domain = ""}, world.now()));
  CHECK(world.jar->size() == 0);
  CHECK(world.set("http://example.org/", {"a=1", "b=2; Max-Age=9"}) == 2);
  world.jar->clear();
  CHECK(world.jar->size() == 0);
  CHECK(world.jar->cookies().empty());
  CHECK(world.sent("http://example.org/") == "");
}

TEST_CASE("cookie jar: an error says which rule refuses a cookie, and not its value") {
  JarWorld world;
  const auto said = [&](Cookie cookie) {
    const auto added = world.jar->add(std::move(cookie), world.now());
    return added ? std::string() : added.error().message();
  };
  CHECK(said({.name = "a", .value = "secret;", .domain = "example.org"}) == "a cookie has a value that cannot be sent");
  CHECK(said({.name = "a", .value = "secret", .domain = "a b"}) == "a cookie has a domain that no host can have");
  CHECK(said({.name = "a", .value = "secret", .domain = "org", .host_only = false}) ==
        "a cookie is for a public suffix");
  CHECK(said({.name = "__Host-a", .value = "secret", .domain = "example.org"}) ==
        "a cookie has a __Host- name and is not Secure, for one host and for the path /");
  CHECK(said({.name = "a", .value = "b", .domain = "org"}) == "");
  CHECK(said({.name = "a", .value = "b", .domain = "127.0.0.1", .host_only = false}) == "");
  CHECK(world.jar->size() == 2);
}
