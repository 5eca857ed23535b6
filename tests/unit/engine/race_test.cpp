// From a name to a connection: answers of the resolver, and the race between addresses (RFC 8305).
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {
std::string at(const EngineWorld& world, std::size_t index) { return world.connects.at(index).address.ip.to_string(); }

void refuse(EngineWorld& world, std::size_t index) {
  world.io_error(world.connects.at(index).conn, Code::connect_failed,
                 "connect to " + world.connects.at(index).address.to_string() + ": connection refused");
}
void answer_resolve(EngineWorld& world, Result<std::vector<IpAddress>> addresses) {
  REQUIRE_FALSE(world.resolves.empty());
  const ResolveId id = world.resolves.front().id;
  world.resolves.erase(world.resolves.begin());
  world.engine.handle_resolved(id, std::move(addresses), world.now);
  world.drain();
}
}  // namespace

TEST_CASE("race: where the first address refuses the second is tried at once") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  REQUIRE(world.connects.size() == 1);
  refuse(world, 0);
  REQUIRE(world.connects.size() == 2);
  CHECK(at(world, 1) == "192.0.2.2");
  CHECK(closes_of(world, world.connects[0].conn) == 1);
  go(world);
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).address.to_string() == "192.0.2.2:80");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("race: addresses start 250 ms apart, the first to answer wins, the others are closed and stay silent") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  world.pass(249ms);
  CHECK(world.connects.size() == 1);
  world.pass(1ms);
  CHECK(world.connects.size() == 2);
  world.pass(249ms);
  CHECK(world.connects.size() == 2);
  world.pass(1ms);
  REQUIRE(world.connects.size() == 3);
  const ConnId winner = world.connects[1].conn;
  world.connected(winner);
  CHECK(closes_of(world, world.connects[0].conn) == 1);
  CHECK(closes_of(world, world.connects[2].conn) == 1);
  CHECK(closes_of(world, winner) == 0);
  // Facts about the losers that were on their way.
  world.connected(world.connects[0].conn);
  refuse(world, 2);
  world.eof(world.connects[2].conn);
  CHECK(world.sent(world.connects[0].conn).empty());
  CHECK(world.engine.info(id).address.ip.to_string() == "192.0.2.2");
  CHECK(world.sent(winner).starts_with("GET / "));
  world.pass(10s);
  CHECK(world.connects.size() == 3);
  world.receive(winner, answer("x"));
  CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("race: all fail, the last error is told with the name and the address") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2"});
  world.pass(250ms);
  refuse(world, 1);
  CHECK_FALSE(world.done(id));
  refuse(world, 0);
  CHECK(world.failure(id) == Code::connect_failed);
  const Error& error = world.results.at(id).error();
  CHECK(error.retry_safe);
  CHECK(error.detail == 104);
  CHECK(error.message().find("example.org:80") != std::string::npos);
  CHECK(error.message().find("192.0.2.1:80") != std::string::npos);
  CHECK(error.message().find("refused") != std::string::npos);
  CHECK(error.message().find('\n') == std::string::npos);
  check_nothing_left(world);
}

TEST_CASE("race: a connection that ends before it stands counts as refused") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/");
  world.eof(newest(world));
  CHECK(world.failure(id) == Code::connect_failed);
  CHECK(world.results.at(id).error().message().find("192.0.2.1:80") != std::string::npos);
  check_nothing_left(world);
}

TEST_CASE("race: families take turns, beginning with the first answer's") {
  EngineWorld world;
  world.add("http://example.org/");
  world.resolved("2001:db8::1", {"2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"});
  for (std::size_t i = 0; i < 4; ++i) refuse(world, i);
  REQUIRE(world.connects.size() == 5);
  CHECK(at(world, 0) == "2001:db8::1");
  CHECK(at(world, 1) == "192.0.2.1");
  CHECK(at(world, 2) == "2001:db8::2");
  CHECK(at(world, 3) == "192.0.2.2");
  CHECK(at(world, 4) == "2001:db8::3");
}

TEST_CASE("race: an address that an answer names twice is tried once") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"2001:db8::1", "192.0.2.1", "2001:db8::1", "192.0.2.2"});
  for (std::size_t i = 0; i < 3; ++i) refuse(world, i);
  CHECK(world.failure(id) == Code::connect_failed);
  REQUIRE(world.connects.size() == 3);
  CHECK(at(world, 1) == "2001:db8::1");
  CHECK(at(world, 2) == "192.0.2.2");
}

TEST_CASE("race: a family that was asked for is kept to, in names and in literals") {
  EngineWorld world;
  TransferOptions v6;
  v6.family = AddressFamily::ipv6;
  const TransferId by_name = world.add("http://example.org/", v6);
  CHECK(world.resolves.at(0).family == AddressFamily::ipv6);
  world.resolved("192.0.2.1", {"2001:db8::2"});
  REQUIRE(world.connects.size() == 1);
  CHECK(at(world, 0) == "2001:db8::2");
  refuse(world, 0);
  CHECK(world.failure(by_name) == Code::connect_failed);
  const TransferId literal = world.add("http://192.0.2.1/", v6);
  CHECK(world.failure(literal) == Code::resolve_failed);
  const TransferId none_left = world.add("http://other.test/", v6);
  world.resolved("192.0.2.1");
  CHECK(world.failure(none_left) == Code::resolve_failed);
  check_nothing_left(world);
}

TEST_CASE("race: resolve errors reach everybody who waited, empty answers are errors, the next one asks anew") {
  EngineWorld world;
  const TransferId a = world.add("http://nowhere.test/a"), b = world.add("http://nowhere.test/b");
  const TransferId elsewhere = world.add("http://somewhere.test/");
  CHECK(world.resolves.size() == 2);  // one for each name
  answer_resolve(world, std::unexpected(make_error(Code::resolve_failed, "resolve nowhere.test: no such name", 4)));
  CHECK(world.failure(a) == Code::resolve_failed);
  CHECK(world.failure(b) == Code::resolve_failed);
  CHECK(world.results.at(a).error().message().find("no such name") != std::string::npos);
  CHECK(world.results.at(a).error().retry_safe);
  CHECK_FALSE(world.done(elsewhere));
  answer_resolve(world, std::vector<IpAddress>{});
  CHECK(world.failure(elsewhere) == Code::resolve_failed);
  CHECK(world.results.at(elsewhere).error().message().find("somewhere.test") != std::string::npos);
  const TransferId again = world.add("http://nowhere.test/a");
  REQUIRE(world.resolves.size() == 1);
  world.resolved("192.0.2.1");
  CHECK_FALSE(world.done(again));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("race: an answer with very many addresses is cut, and all of them fail in the end") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  std::vector<IpAddress> many;
  for (int i = 0; i < 1000; ++i)
    many.push_back(*IpAddress::parse("192.0." + std::to_string(i / 250) + '.' + std::to_string(i % 250)));
  answer_resolve(world, many);
  std::size_t tried = 0;
  for (; !world.done(id) && tried < 2000; ++tried) refuse(world, tried);
  CHECK(world.failure(id) == Code::connect_failed);
  CHECK(tried == limits::kMaxAddresses);
  check_nothing_left(world);
}

TEST_CASE("race: it is one connection of the limits, so that a dead first address costs no more where they are full") {
  EngineOptions options;
  SUBCASE("for an origin") { options.max_connections_per_origin = 1; }
  SUBCASE("in total") { options.max_connections = 1; }
  EngineWorld world(options);
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  const TransferId second = world.add("http://example.org/second");
  world.pass(250ms);
  world.pass(250ms);
  CHECK(world.engine.connections() == 3);
  CHECK(at(world, 1) == "192.0.2.2");
  refuse(world, 0);
  CHECK(world.connects.size() == 3);  // the second transfer has no connection yet, whatever becomes free in the race
  world.connected(world.connects[1].conn);
  CHECK(world.engine.connections() == 1);
  CHECK_FALSE(world.sent(world.connects[1].conn).empty());
  world.receive(world.connects[1].conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK_FALSE(world.sent(world.connects[1].conn).empty());
  world.receive(world.connects[1].conn, answer("y"));
  CHECK(world.succeeded(second));
  CHECK(world.connects.size() == 3);
}

TEST_CASE("race: eight addresses are tried at once, and one that fails makes way for the next") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  std::vector<std::string> others;
  for (int i = 2; i <= 10; ++i) others.push_back("192.0.2." + std::to_string(i));
  world.resolved("192.0.2.1", others);
  for (int i = 0; i < 20; ++i) world.pass(250ms);
  CHECK(world.connects.size() == limits::kMaxAttempts);
  CHECK(world.engine.connections() == limits::kMaxAttempts);
  refuse(world, 3);
  REQUIRE(world.connects.size() == limits::kMaxAttempts + 1);
  CHECK(at(world, limits::kMaxAttempts) == "192.0.2.9");
  world.pass(250ms);
  CHECK(world.connects.size() == limits::kMaxAttempts + 1);
  refuse(world, 0);
  REQUIRE(world.connects.size() == 10);
  go(world);
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("race: cancel in the middle closes every attempt") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  world.pass(250ms);
  world.pass(250ms);
  CHECK(world.engine.connections() == 3);
  world.remove(id);
  CHECK(world.failure(id) == Code::canceled);
  CHECK(world.closes.size() == 3);
  for (const auto& connect : world.connects) world.connected(connect.conn);
  CHECK(world.engine.connections() == 0);
  check_nothing_left(world);
}

TEST_CASE("race: timers of a race that is over do nothing") {
  EngineWorld world;
  const TransferId first = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2"});
  go(world);
  world.receive(newest(world), answer("x", "Connection: close\r\n"));
  CHECK(world.succeeded(first));
  const TransferId second = world.add("http://example.org/");  // the same slots, used anew
  CHECK(world.connects.size() == 2);
  world.pass(249ms);
  CHECK(world.connects.size() == 2);
  world.pass(1ms);
  CHECK(world.connects.size() == 3);
  world.remove(second);
  check_nothing_left(world);
}

TEST_CASE("race: every dial of an origin has its own race") {
  EngineWorld world;
  const TransferId a = world.add("http://example.org/a"), b = world.add("http://example.org/b");
  CHECK(world.resolves.size() == 1);
  world.resolved("192.0.2.1", {"192.0.2.2"});
  REQUIRE(world.connects.size() == 2);
  refuse(world, 0);
  REQUIRE(world.connects.size() == 3);
  CHECK(at(world, 2) == "192.0.2.2");
  refuse(world, 2);
  CHECK(world.failure(a) == Code::connect_failed);
  CHECK_FALSE(world.done(b));
  world.connected(world.connects[1].conn);
  CHECK(world.sent(world.connects[1].conn).starts_with("GET /b "));
}
