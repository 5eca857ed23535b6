// CookieJar: how many cookies are taken, kept and sent (RFC 6265bis 5.7, SB-72), and which of too many go.
#include <doctest/doctest.h>

#include <string>

#include "tests/unit/rules/jar_tools.hpp"

using namespace sluice;
using test::JarWorld;

namespace {

std::string numbered(std::size_t i) { return "n" + std::to_string(i) + "=v"; }

}  // namespace

TEST_CASE("SB-72 cookie limits: 50 cookies are taken of one response") {
  JarWorld world;
  Fields fields;
  for (std::size_t i = 0; i < 10; ++i) REQUIRE(fields.add("Set-Cookie", "bad" + std::to_string(i) + "=1; Domain=x.y"));
  for (std::size_t i = 0; i < 60; ++i) REQUIRE(fields.add("Set-Cookie", numbered(i)));
  CHECK(world.jar->receive(*Url::parse("http://example.org/"), fields, world.now()) == 50);
  CHECK(world.jar->size() == 50);
  CHECK(world.sent("http://example.org/").ends_with("; n49=v"));
  CHECK(world.jar->receive(*Url::parse("http://example.com/"), fields, world.now()) == 50);
  CHECK(world.jar->size() == 100);
}

TEST_CASE("SB-72 cookie limits: sizes of a cookie") {
  JarWorld world;
  const std::string text = "n=" + std::string(4'095, 'v');
  CHECK(world.set("http://example.org/", text) == 1);
  CHECK(world.set("http://example.org/", text + "v") == 0);
  CHECK(world.set("http://example.org/", text + "v; Max-Age=0") == 0);
  CHECK(world.sent("http://example.org/") == text);
  // A default path is never longer than an attribute may be.
  const std::string folder = "http://example.org/" + std::string(1'023, 'p');
  CHECK(world.set(folder + "/x", "a=b") == 1);
  CHECK(world.set(folder + "p/x", "a=b") == 0);
  CHECK(world.set(folder + "p/x", "a=b; Path=/") == 1);
  CHECK(world.jar->size() == 3);
  // Nor is a host.
  const std::string zone(1'018, 'z');
  CHECK(world.set("http://[::1%25" + zone + "zz]/", "a=b") == 1);
  CHECK(world.set("http://[::1%25" + zone + "zzz]/", "a=b") == 0);
}

TEST_CASE("SB-72 cookie limits: a Cookie field has at most 8,190 bytes") {
  JarWorld world;
  // "Cookie: " has 8 bytes, so 8,182 are left.
  const std::string first = "a=" + std::string(4'094, 'x'), second = "b=" + std::string(4'078, 'y');
  CHECK(world.set("http://example.org/d/",
                  {first + "; Path=/d/", second, "c=1; Path=/", "=2; Path=/d/e", "d=; Path=/"}) == 5);
  CHECK(world.sent("http://example.org/d/") == first + "; " + second + "; d=");
  CHECK(world.sent("http://example.org/d/").size() == 8'182);
  // What does not fit is left out, what comes after may fit.
  CHECK(world.set("http://example.org/d/", second + "yy") == 1);
  CHECK(world.sent("http://example.org/d/") == first + "; " + second + "yy");
  CHECK(world.set("http://example.org/d/", second + "yyyyyyy") == 1);
  CHECK(world.sent("http://example.org/d/") == first + "; c=1; d=");
  CHECK(world.sent("http://example.org/d/e") == "2; " + first + "; c=1; d=");
  // A value without a name takes no place for a '='.
  JarWorld nameless;
  const std::string rest = "b=" + std::string(4'079, 'y');
  CHECK(nameless.set("http://example.org/", {first, rest, "=z"}) == 3);
  CHECK(nameless.sent("http://example.org/") == first + "; " + rest + "; z");
}

TEST_CASE("SB-72 cookie limits: 180 cookies of a domain are kept, those of others are not counted") {
  JarWorld world;
  for (std::size_t i = 0; i < 180; ++i) CHECK(world.set("http://example.org/", numbered(i)) == 1);
  CHECK(world.set("http://www.example.org/", {"w=1", "a=1"}) == 2);
  CHECK(world.jar->size() == 182);
  CHECK(world.set("http://example.org/", numbered(0)) == 1);  // replaced: no more than before
  CHECK(world.jar->size() == 182);
  // n1 has not been used for the longest time. A host-only cookie and one for all below share the domain.
  CHECK(world.set("http://example.org/", {"new=1; Domain=example.org"}) == 1);
  CHECK(world.jar->size() == 182);
  CHECK(world.jar->remove("example.org", "/", "n0") == 1);
  CHECK(world.jar->remove("example.org", "/", "n1") == 0);
  CHECK(world.jar->remove("example.org", "/", "new") == 1);
  CHECK(world.jar->remove("www.example.org", "/", "w") == 1);
}

TEST_CASE("cookie limits: a request keeps the cookies that it carries from being the oldest") {
  JarWorld world;
  CHECK(world.set("http://example.org/", "used=1; Path=/used") == 1);
  for (std::size_t i = 0; i < 179; ++i) CHECK(world.set("http://example.org/", numbered(i)) == 1);
  CHECK(world.sent("http://example.org/used").starts_with("used=1; n0=v"));
  CHECK(world.set("http://example.org/used", "x=1; Path=/y") == 1);  // n0 was used after `used`, so that goes
  CHECK(world.jar->remove("example.org", "/used", "used") == 0);
  JarWorld other;
  CHECK(other.set("http://example.org/", {"old=1; Path=/old", "used=1; Path=/used"}) == 2);
  for (std::size_t i = 0; i < 178; ++i) CHECK(other.set("http://example.org/", numbered(i) + "; Path=/n") == 1);
  CHECK(other.sent("http://example.org/old") == "old=1");
  CHECK(other.set("http://example.org/", {"x=1", "y=1"}) == 2);
  CHECK(other.sent("http://example.org/used") == "x=1; y=1");
  CHECK(other.sent("http://example.org/old") == "old=1; x=1; y=1");
  CHECK(other.jar->remove("example.org", "/n", "n0") == 0);
  CHECK(other.jar->remove("example.org", "/n", "n1") == 1);
}

TEST_CASE("cookie limits: of a domain with too many, those that are not Secure go first") {
  JarWorld world;
  for (std::size_t i = 0; i < 178; ++i) CHECK(world.set("https://example.org/", numbered(i) + "; Secure") == 1);
  CHECK(world.set("https://example.org/", {"plain1=1", "plain2=1", "secure=1; Secure"}) == 3);
  CHECK(world.jar->remove("example.org", "/", "plain1") == 0);
  CHECK(world.set("https://example.org/", "secure2=1; Secure") == 1);
  CHECK(world.jar->remove("example.org", "/", "plain2") == 0);
  // All are Secure now: one that is not has no right to their place.
  CHECK(world.set("https://example.org/", "plain3=1") == 1);
  CHECK(world.jar->remove("example.org", "/", "plain3") == 0);
  CHECK(world.jar->size() == 180);
  CHECK(world.set("https://example.org/", "secure3=1; Secure") == 1);
  CHECK(world.jar->remove("example.org", "/", "n0") == 0);
  CHECK(world.jar->size() == 180);
}

TEST_CASE("cookie limits: what has expired goes first, and makes room") {
  JarWorld world;
  for (std::size_t i = 0; i < 179; ++i) CHECK(world.set("http://example.org/", numbered(i)) == 1);
  CHECK(world.set("http://example.org/", "short=1; Max-Age=5") == 1);
  world.wall += 5;
  CHECK(world.set("http://example.org/", "new=1") == 1);
  CHECK(world.jar->size() == 180);
  CHECK(world.jar->remove("example.org", "/", "n0") == 1);
}

TEST_CASE("SB-72 cookie limits: 10,000 cookies are kept, the one not used for the longest time goes") {
  JarWorld world;
  const auto host = [](std::size_t i) { return "http://h" + std::to_string(i) + ".example.org/"; };
  CHECK(world.set("https://example.net/", "secure=1; Secure") == 1);
  for (std::size_t i = 0; i < 9'999; ++i) CHECK(world.set(host(i / 100), "n" + std::to_string(i % 100) + "=v") == 1);
  CHECK(world.jar->size() == 10'000);
  CHECK(world.sent("https://example.net/") == "secure=1");
  CHECK(world.set("http://example.com/", {"a=1", "b=1"}) == 2);
  CHECK(world.jar->size() == 10'000);
  CHECK(world.sent("https://example.net/") == "secure=1");
  CHECK(world.jar->remove("h0.example.org", "/", "n0") == 0);
  CHECK(world.jar->remove("h0.example.org", "/", "n1") == 0);
  CHECK(world.jar->remove("h0.example.org", "/", "n2") == 1);
}
