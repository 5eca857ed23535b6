// EngineOptions::name_cache and known addresses with "*" or an end, in an engine: what is asked, and what transfers
// get. The rules themselves: tests/unit/pool/name_rules_test.cpp.
#include <doctest/doctest.h>

#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

struct CachingWorld : EngineWorld {
  explicit CachingWorld(const NameCacheOptions& cache) : EngineWorld(with(cache)) {}
  static EngineOptions with(const NameCacheOptions& cache) {
    EngineOptions options;
    options.name_cache = cache;
    return options;
  }
  // Answers the oldest question.
  void tell(Result<NameAnswer> answer) {
    REQUIRE_FALSE(resolves.empty());
    const ResolveId id = resolves.front().id;
    resolves.erase(resolves.begin());
    engine.handle_resolved(id, std::move(answer), now);
    drain();
  }
  std::string last() { return connects.back().address.to_string(); }
};

TransferOptions anew() {
  TransferOptions options;
  options.fresh_connection = options.forbid_reuse = true;
  return options;
}

NameAnswer has(const char* address, std::optional<Duration> ttl = {}) { return {{*IpAddress::parse(address)}, ttl}; }

Error unknown() {
  Error error = make_error(Code::resolve_failed, "resolve example.org: no such name", 4);
  error.name_absent = true;
  return error;
}

}  // namespace

TEST_CASE("name cache: a failure is remembered if that is asked for, and told after the call") {
  CachingWorld world({.negative_ttl = 5s});
  const TransferId first = world.add("http://example.org/");
  world.tell(std::unexpected(unknown()));
  CHECK(world.failure(first) == Code::resolve_failed);
  world.pass(4s);
  const TransferId again = world.add("http://example.org:81/");
  CHECK(world.resolves.empty());
  CHECK_FALSE(world.done(again));
  world.pass(0s);
  CHECK(world.failure(again) == Code::resolve_failed);
  CHECK(world.results.at(again).error().message() == "GET http://example.org:81/: resolve example.org: no such name");
  world.pass(1s);
  world.add("http://example.org/");
  CHECK(world.resolves.size() == 1);
  world.tell(has("192.0.2.1"));
  CHECK(world.last() == "192.0.2.1:80");
}

TEST_CASE("name cache: as a default a failure is not remembered, so that a retry can succeed") {
  CachingWorld world({});
  TransferOptions patient;
  patient.retries = RetryOptions{.max_retries = 2};
  const TransferId id = world.add("http://example.org/", patient);
  world.tell(std::unexpected(unknown()));
  CHECK_FALSE(world.done(id));
  world.pass(60s);
  REQUIRE(world.resolves.size() == 1);
  world.tell(has("192.0.2.1"));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("name cache: an old answer is used while one new look-up runs; those that come later use the new one") {
  CachingWorld world({.stale_for = 10s});
  world.add("http://example.org/", anew());
  world.tell(has("192.0.2.1", 5s));
  world.pass(5s);
  world.add("http://example.org/", anew());
  CHECK(world.last() == "192.0.2.1:80");
  CHECK(world.connects.size() == 2);
  REQUIRE(world.resolves.size() == 1);
  world.add("http://example.org/", anew());
  CHECK(world.connects.size() == 3);
  CHECK(world.resolves.size() == 1);
  SUBCASE("it succeeds") {
    world.tell(has("192.0.2.2", 5s));
    CHECK(world.connects.size() == 3);  // those that have begun are left alone
    world.add("http://example.org/", anew());
    CHECK(world.last() == "192.0.2.2:80");
    CHECK(world.resolves.empty());
  }
  SUBCASE("it fails: the old one serves until its time is over") {
    world.tell(std::unexpected(unknown()));
    world.pass(9s);
    world.add("http://example.org/", anew());
    CHECK(world.last() == "192.0.2.1:80");
    REQUIRE(world.resolves.size() == 1);
    world.pass(1s);
    const TransferId late = world.add("http://example.org/", anew());
    CHECK(world.connects.size() == 4);
    CHECK(world.resolves.size() == 1);  // it waits for the look-up that runs
    world.tell(std::unexpected(unknown()));
    CHECK(world.failure(late) == Code::resolve_failed);
  }
  SUBCASE("a proxy that is given an address gets the old one, too") {
    world.add("http://example.org/", through(proxy_at(ProxyKind::socks5)));
    CHECK(world.last() == "192.0.2.99:3128");
    CHECK(world.resolves.size() == 1);
  }
}

TEST_CASE("name cache: a removed transfer waits for no resolver, and the next one uses the look-up that runs") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  REQUIRE(world.resolves.size() == 1);
  world.remove(id);
  CHECK_FALSE(world.engine.contains(id));
  CHECK(world.engine.running() == 0);
  world.pass(60s);
  CHECK(world.engine.connections() == 0);
  CHECK_FALSE(world.engine.deadline());
  world.add("http://example.org/");
  CHECK(world.resolves.size() == 1);
  world.resolved("192.0.2.1");
  CHECK(world.connects.size() == 1);
}

TEST_CASE("name cache: literal addresses are never looked up") {
  EngineWorld world;
  world.add("http://192.0.2.1/");
  world.add("http://[2001:db8::1]/");
  TransferOptions elsewhere;
  elsewhere.connect_to = ConnectTo{"2001:db8::2", 80};
  world.add("http://example.org/", elsewhere);
  world.add("http://192.0.2.5/", through(proxy_at(ProxyKind::socks5)));
  CHECK(world.connects.size() == 4);
  CHECK(world.resolves.empty());
}

TEST_CASE("name cache: a known address for all hosts of a port comes after those of the host itself") {
  EngineOptions options;
  options.known_addresses = {{"a.test", 80, {*IpAddress::parse("192.0.2.1")}},
                             {"*", 80, {*IpAddress::parse("192.0.2.8")}},
                             {"*", 80, {*IpAddress::parse("192.0.2.9")}}};
  EngineWorld world(options);
  const auto leads_to = [&](const char* url) {
    world.add(url);
    return world.connects.back().address.to_string();
  };
  CHECK(leads_to("http://a.test/") == "192.0.2.1:80");
  CHECK(leads_to("http://b.test/") == "192.0.2.9:80");
  CHECK(leads_to("http://192.0.2.77/") == "192.0.2.9:80");
  CHECK(world.resolves.empty());
  world.add("http://b.test:81/");
  CHECK(world.resolves.size() == 1);
}

TEST_CASE("name cache: a known address may expire as an answer without a TTL does") {
  EngineOptions options;
  options.known_addresses = {{"a.test", 80, {*IpAddress::parse("192.0.2.1")}, true},
                             {"b.test", 80, {*IpAddress::parse("192.0.2.2")}}};
  Duration end = 60s;
  SUBCASE("the default") {}
  SUBCASE("the greatest TTL") { options.name_cache.max_ttl = end = 5s; }
  SUBCASE("the TTL for all answers") { options.name_cache.ttl = end = 7s; }
  EngineWorld world(options);
  world.pass(600s);  // before the first look-up time does not count
  world.add("http://b.test/", anew());
  world.pass(end - 1ns);
  world.add("http://a.test/", anew());
  CHECK(world.connects.size() == 2);
  CHECK(world.resolves.empty());
  world.pass(1ns);
  world.add("http://a.test/", anew());
  CHECK(world.resolves.size() == 1);
  world.add("http://b.test/", anew());
  CHECK(world.connects.size() == 3);
}

// ---- Happy Eyeballs: what is remembered, and told (RFC 8305) ----

TEST_CASE("name cache: the family that won is tried first next time") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/", anew());
  CHECK(world.engine.info(id).addresses_tried == 0);
  world.resolved("2001:db8::1", {"192.0.2.1"});
  CHECK(world.connects.back().address.ip.to_string() == "2001:db8::1");
  world.pass(250ms);
  world.receive(go(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).addresses_tried == 2);
  CHECK(world.engine.info(id).address.to_string() == "192.0.2.1:80");
  const TransferId next = world.add("http://example.org/");
  CHECK(world.connects.back().address.ip.to_string() == "192.0.2.1");
  const ConnId conn = go(world);
  world.receive(conn, answer("x"));
  CHECK(world.engine.info(next).addresses_tried == 1);
  const TransferId reused = world.add("http://example.org/");
  world.sent(conn);
  world.receive(conn, answer("x"));
  CHECK(world.engine.info(reused).reused);
  CHECK(world.engine.info(reused).addresses_tried == 1);  // of that connection
}

TEST_CASE("name cache: how many addresses were tried is told of a failure, too, and not of a literal") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  for (int i = 0; i < 3; ++i) world.io_error(newest(world), Code::connect_failed, "refused");
  CHECK(world.failure(id) == Code::connect_failed);
  CHECK(world.engine.info(id).addresses_tried == 3);
  const TransferId literal = world.add("http://192.0.2.1/");
  world.receive(go(world), answer("x"));
  CHECK(world.engine.info(literal).addresses_tried == 0);
}
