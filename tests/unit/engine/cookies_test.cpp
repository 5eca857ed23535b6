// A jar of cookies that transfers share: what responses set is sent with the requests that it is for, in each hop.
#include "core/cookies.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

TransferOptions with_jar(const std::shared_ptr<CookieJar>& jar) {
  TransferOptions options;
  options.cookies = jar;
  options.redirects.emplace();
  return options;
}

// The Cookie fields of a request, "; " between their values, and how many there are.
std::string cookies_of(std::string_view head) {
  std::string all;
  constexpr std::string_view kName = "\r\nCookie: ";
  for (std::size_t at = head.find(kName); at != std::string_view::npos; at = head.find(kName, at + 1)) {
    const std::size_t begin = at + kName.size();
    if (!all.empty()) all += " AND ";
    all += head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return all;
}

// Asks, and returns the request's cookies; the newest connection then waits for the answer.
std::string ask(EngineWorld& world, std::string_view url, TransferOptions options, std::string_view own = "") {
  Request request = EngineWorld::get(url);
  if (!own.empty()) REQUIRE(request.fields.add("cookie", own));
  const std::size_t connects = world.connects.size();
  world.add(std::move(request), std::move(options));
  if (world.connects.size() != connects) world.connected(newest(world));
  return cookies_of(world.sent(newest(world)));
}

std::string redirect(std::string_view location, std::string_view fields = "") {
  return "HTTP/1.1 302 Found\r\nLocation: " + std::string(location) + "\r\n" + std::string(fields) +
         "Content-Length: 0\r\n\r\n";
}

}  // namespace

TEST_CASE("cookies: what a response sets, later requests of all transfers with the jar have, and no others") {
  EngineWorld world;
  const auto jar = CookieJar::create();
  CHECK(ask(world, "http://192.0.2.1/", with_jar(jar)) == "");
  world.receive(newest(world), answer("x", "Set-Cookie: a=1\r\nSet-Cookie: b=2; Path=/deep\r\n"));
  CHECK(ask(world, "http://192.0.2.1/", with_jar(jar)) == "a=1");
  world.receive(newest(world), answer("x", "Set-Cookie: a=; Max-Age=0\r\n"));
  CHECK(ask(world, "http://192.0.2.1/deep/er", with_jar(jar)) == "b=2");
  world.receive(newest(world), answer("x"));
  CHECK(ask(world, "http://192.0.2.1/deep/er", {}) == "");
  world.receive(newest(world), answer("x", "Set-Cookie: c=3\r\n"));
  CHECK(ask(world, "http://192.0.2.2/deep/", with_jar(jar)) == "");
  CHECK(jar->size() == 1);
}

TEST_CASE("cookies: those of the request's own field come after the jar's, in one field") {
  EngineWorld world;
  const auto jar = CookieJar::create();
  CHECK(ask(world, "http://192.0.2.1/", with_jar(jar), "own=0") == "");  // spelled as the application has it: "cookie"
  world.receive(newest(world), answer("x", "Set-Cookie: a=1\r\n"));
  CHECK(ask(world, "http://192.0.2.1/", with_jar(jar), "own=0") == "a=1; own=0");
}

TEST_CASE("cookies: one that expires while a request waits is not sent") {
  EngineOptions one_at_once;
  one_at_once.max_connections = 1;
  EngineWorld world(one_at_once);
  const auto jar = CookieJar::create();
  REQUIRE(ask(world, "http://192.0.2.1/", with_jar(jar)) == "");
  world.receive(newest(world), answer("x", "Set-Cookie: short=1; Max-Age=5\r\n"));
  world.add("http://192.0.2.1/slow");
  world.sent(newest(world));
  world.add("http://192.0.2.1/later", with_jar(jar));
  world.pass(6s);
  world.receive(newest(world), answer("x"));
  const std::string head = world.sent(newest(world));
  CHECK(head.starts_with("GET /later "));
  CHECK(cookies_of(head) == "");
}

TEST_CASE(
    "SB-01 cookies: each hop has those of its own URL, what a redirect sets included; none goes to another origin") {
  EngineWorld world;
  const auto jar = CookieJar::create();
  REQUIRE(ask(world, "http://192.0.2.1/", with_jar(jar), "own=0") == "");
  const ConnId first = newest(world);
  world.receive(first, redirect("/next", "Set-Cookie: a=1\r\n"));
  CHECK(cookies_of(world.sent(first)) == "a=1; own=0");
  world.receive(first, redirect("http://192.0.2.2/"));
  const ConnId second = newest(world);
  world.connected(second);
  CHECK(cookies_of(world.sent(second)) == "");
  world.receive(second, redirect("http://192.0.2.1/", "Set-Cookie: b=2\r\n"));
  CHECK(cookies_of(world.sent(first)) == "a=1");  // the jar's; the request's own field is not sent any more
  world.receive(first, answer("x"));
  CHECK(ask(world, "http://192.0.2.2/", with_jar(jar)) == "b=2");
}

TEST_CASE("SB-71 cookies: over http none is set or sent that is Secure") {
  EngineWorld world;
  const auto jar = CookieJar::create();
  REQUIRE(jar->add({.name = "s", .value = "1", .domain = "192.0.2.1", .secure = true}, world.now));
  CHECK(ask(world, "http://192.0.2.1/", with_jar(jar)) == "");
  world.receive(newest(world), answer("x", "Set-Cookie: t=1; Secure\r\n"));
  CHECK(jar->size() == 1);
}

TEST_CASE("SB-74 cookies: they go by the host of the URL, not by a Host field") {
  EngineWorld world;
  const auto jar = CookieJar::create();
  for (const char* expected : {"", "a=1"}) {
    Request request = EngineWorld::get("http://192.0.2.1/");
    REQUIRE(request.fields.add("Host", "192.0.2.2"));
    const std::size_t connects = world.connects.size();
    world.add(std::move(request), with_jar(jar));
    if (world.connects.size() != connects) world.connected(newest(world));
    CHECK(cookies_of(world.sent(newest(world))) == expected);
    world.receive(newest(world), answer("x", "Set-Cookie: a=1\r\n"));
  }
  CHECK(ask(world, "http://192.0.2.2/", with_jar(jar)) == "");
}

TEST_CASE("cookies: an interim response sets none, and a request that is sent again has them as well") {
  EngineWorld world;
  const auto jar = CookieJar::create();
  REQUIRE(ask(world, "http://192.0.2.1/", with_jar(jar)) == "");
  world.receive(newest(world),
                "HTTP/1.1 103 Early Hints\r\nSet-Cookie: early=1\r\n\r\n" + answer("x", "Set-Cookie: a=1\r\n"));
  CHECK(ask(world, "http://192.0.2.1/", with_jar(jar)) == "a=1");
  world.eof(newest(world));  // the connection was used before: another one is made
  world.connected(newest(world));
  CHECK(cookies_of(world.sent(newest(world))) == "a=1");
}
