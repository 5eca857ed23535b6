// Requests that wait for the connection of another host, which is being made; and what happens at the limit of all
// connections (EngineOptions::coalesce_connections). What may be shared at all: coalescing_test.cpp.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/address_rule.hpp"
#include "tests/support/coalescing_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using namespace std::chrono_literals;

// a.example is being connected to, at 192.0.2.1.
struct WaitingWorld : SharedWorld {
  explicit WaitingWorld(EngineOptions options = sharing(), std::vector<std::string> alpn = {"h2", "http/1.1"})
      : SharedWorld(std::move(options), trusting_options(), two_hosts(std::move(alpn))) {
    a = visit("https://a.example/");
    REQUIRE(connects.size() == 1);
    conn = newest(*this);
  }
  void open() {
    servers.emplace(conn, sim::TlsServer(context));
    connected(conn);
  }
  TransferId a;
  ConnId conn;
};

}  // namespace

TEST_CASE("coalescing waits: for a connection that is being made to the same address, and then goes on it") {
  WaitingWorld world;
  SUBCASE("its handshake has begun") { world.open(); }
  SUBCASE("it is not open yet") {}
  const TransferId b = world.visit("https://b.example/b");
  const TransferId c = world.visit("https://x.c.example/c", "192.0.2.1");
  CHECK(world.connects.size() == 1);
  if (!world.servers.contains(world.conn)) world.open();
  world.reply(world.conn, h2::settings() + status(1, "200") + status(3, "200", "b") + status(5, "200", "c"));
  REQUIRE(world.succeeded(b));
  REQUIRE(world.succeeded(c));
  CHECK(world.bodies[b] == "b");
  CHECK(world.engine.info(b).conn == world.conn);
  CHECK(world.connects.size() == 1);
  check_nothing_left(world);
}

TEST_CASE("coalescing waits: where it cannot be used in the end, all connect at once, without another wait") {
  WaitingWorld world;
  world.open();
  SUBCASE("its certificate has not their names") {
    world.visit("https://other.example/");
    world.visit("https://another.example/");
    CHECK(world.connects.size() == 1);
    world.carry(world.conn);
  }
  SUBCASE("it fails") {
    world.visit("https://b.example/");
    world.visit("https://x.c.example/");
    CHECK(world.connects.size() == 1);
    world.eof(world.conn);
    CHECK(world.done(world.a));
  }
  SUBCASE("nobody wants it any more") {
    world.visit("https://b.example/");
    world.visit("https://x.c.example/");
    world.engine.cancel(world.a, world.now);
    world.drain();
  }
  CHECK(world.connects.size() == 3);
}

TEST_CASE("coalescing waits: where ALPN chooses HTTP/1.1 each host connects at once") {
  WaitingWorld world(sharing(), {"http/1.1"});
  world.open();
  world.visit("https://b.example/");
  world.visit("https://x.c.example/");
  CHECK(world.connects.size() == 1);
  world.carry(world.conn);
  CHECK(world.connects.size() == 3);
}

TEST_CASE("coalescing waits: no longer than for another address, if it does not even open") {
  WaitingWorld world;
  world.visit("https://b.example/");
  world.pass(249ms);
  CHECK(world.connects.size() == 1);
  world.pass(1ms);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing waits: not without pipewait") {
  WaitingWorld world;
  world.open();
  world.options.pipewait = false;
  world.visit("https://b.example/");
  CHECK(world.connects.size() == 2);
}

TEST_CASE("coalescing waits: as long as its handshake takes, within the limits of who waits") {
  WaitingWorld world;
  world.open();
  world.options.connect_timeout = 5s;
  world.options.limits = std::make_shared<const TransferLimits>(TransferLimits{.resolve_timeout = 1s});
  const TransferId b = world.visit("https://b.example/");
  world.pass(4s);
  CHECK(world.connects.size() == 1);
  SUBCASE("too long") {
    world.pass(1s);
    CHECK(world.failure(b) == Code::connect_timeout);
    CHECK_FALSE(world.done(world.a));
  }
  SUBCASE("long enough") {
    world.reply(world.conn, h2::settings() + status(1, "200") + status(3, "200"));
    CHECK(world.succeeded(b));
  }
  SUBCASE("canceled") {
    world.engine.cancel(b, world.now);
    world.drain();
    world.reply(world.conn, h2::settings() + status(1, "200"));
    CHECK(world.succeeded(world.a));
    CHECK(world.connects.size() == 1);
  }
}

TEST_CASE("coalescing waits: not without the option, at another address, or with other options") {
  SUBCASE("option") {
    WaitingWorld world(EngineOptions{});
    world.visit("https://b.example/");
    CHECK(world.connects.size() == 2);
  }
  SUBCASE("address") {
    WaitingWorld world;
    world.visit("https://b.example/", "192.0.2.2");
    CHECK(world.connects.size() == 2);
  }
  SUBCASE("HTTP/1.1 only") {
    WaitingWorld world;
    world.options.http_versions = HttpVersions::http1_1;
    world.visit("https://b.example/");
    CHECK(world.connects.size() == 2);
  }
}

TEST_CASE("coalescing waits: not without pipewait, whoever began the look-up") {
  EngineOptions options = sharing();
  options.max_connections_per_origin = 1;
  WaitingWorld world(options);
  world.open();
  TransferId b;
  SUBCASE("it asks itself") {
    world.options.pipewait = false;
    b = world.visit("https://b.example/");
  }
  SUBCASE("it takes the dial of one that waited") {
    const TransferId waits = world.visit("https://b.example/");
    world.options.pipewait = false;
    b = world.ask("https://b.example/");
    CHECK(world.connects.size() == 1);
    world.engine.cancel(waits, world.now);
    world.drain();
  }
  REQUIRE(world.connects.size() == 2);
  const ConnId own = world.connect();
  world.reply(own, h2::settings() + status(1, "200", "own"));
  CHECK(world.bodies[b] == "own");
  world.reply(world.conn, h2::settings() + status(1, "200"));
  CHECK(world.succeeded(world.a));
  check_nothing_left(world);
}

TEST_CASE("coalescing at the limit: an idle connection that can be joined is joined, and not closed") {
  SharedWorld world(sharing(1));
  const ConnId conn = world.visit_a();
  const TransferId b = world.visit("https://b.example/b");
  CHECK(world.connects.size() == 1);
  CHECK(closes_of(world, conn) == 0);
  world.reply(conn, status(3, "200", "b"));
  REQUIRE(world.succeeded(b));
  CHECK(world.engine.info(b).conn == conn);
  check_nothing_left(world);
}

TEST_CASE("coalescing at the limit: one that cannot be joined is closed when its place is needed") {
  SharedWorld world(sharing(1));
  const ConnId conn = world.visit_a();
  world.ask("https://other.example/");
  CHECK(closes_of(world, conn) == 0);  // not before it is known
  world.resolved("192.0.2.1");
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.connects.size() == 2);
  CHECK(world.engine.connections() == 1);
}

TEST_CASE("coalescing at the limit: where the place was taken in the meantime, the request waits for the next one") {
  SharedWorld world(sharing(1));
  const ConnId conn = world.visit_a();
  const TransferId other = world.ask("https://other.example/");
  const TransferId again = world.ask("https://a.example/");
  world.resolved("192.0.2.1");
  CHECK(world.connects.size() == 1);
  CHECK_FALSE(world.done(other));
  CHECK(world.engine.counters().transfers_queued == 1);
  world.reply(conn, status(3, "200"));
  REQUIRE(world.succeeded(again));
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.connects.size() == 2);
  CHECK(world.engine.counters().transfers_queued == 0);
}

TEST_CASE("coalescing at the limit: a look-up that fails closes nothing") {
  SharedWorld world(sharing(1));
  const ConnId conn = world.visit_a();
  const TransferId b = world.ask("https://b.example/");
  world.engine.handle_resolved(world.resolves.back().id,
                               std::unexpected(make_error(Code::resolve_failed, "no such name")), world.now);
  world.drain();
  CHECK(world.failure(b) == Code::resolve_failed);
  CHECK(closes_of(world, conn) == 0);
  CHECK(world.engine.idle_connections() == 1);
  world.engine.check_invariants();
}

TEST_CASE("coalescing at the limit: where nothing is connected to in the end, nothing is closed") {
  struct OnlyA final : AddressRule {
    Answer ask(const Question& question) override {
      return {question.host == "a.example" ? Answer::Kind::allow : Answer::Kind::forbid, {}};
    }
  };
  EngineOptions options = sharing(1);
  SUBCASE("the address is forbidden") {
    options.address_rule = std::make_shared<OnlyA>();
    SharedWorld world(options);
    const ConnId conn = world.visit_a();
    const TransferId id = world.visit("https://other.example/", "192.0.2.66");
    world.pass(1ms);
    CHECK(world.failure(id) == Code::address_forbidden);
    CHECK(closes_of(world, conn) == 0);
    world.engine.check_invariants();
  }
  SUBCASE("it is known that the name has no address") {
    options.name_cache.negative_ttl = 5s;
    SharedWorld world(options);
    const ConnId conn = world.visit_a();
    Error absent = make_error(Code::resolve_failed, "no such name");
    absent.name_absent = true;
    world.ask("https://other.example/");
    world.engine.handle_resolved(world.resolves.back().id, std::unexpected(std::move(absent)), world.now);
    world.drain();
    world.resolves.clear();
    const TransferId id = world.ask("https://other.example/");
    CHECK(world.resolves.empty());
    world.pass(1ms);
    CHECK(world.failure(id) == Code::resolve_failed);
    CHECK(closes_of(world, conn) == 0);
    world.engine.check_invariants();
  }
  SUBCASE("and it waits for no place") {
    options.address_rule = std::make_shared<OnlyA>();
    SharedWorld world(options);
    const ConnId conn = world.visit_a();
    const TransferId id = world.ask("https://other.example/");
    world.ask("https://a.example/long");
    world.resolved("192.0.2.66");
    world.pass(1ms);
    CHECK(world.failure(id) == Code::address_forbidden);
    CHECK(closes_of(world, conn) == 0);
  }
}

TEST_CASE("coalescing at the limit: those that the limit of their host will refuse wait, and close nothing") {
  EngineOptions options = sharing(2);
  options.max_connections_per_origin = 1;
  SharedWorld world(options);
  const ConnId conn = world.visit_a();
  world.ask("https://x.c.example/");
  world.resolved("192.0.2.2");
  const ConnId second = world.connect();
  world.reply(second, h2::settings() + status(1, "200"));
  REQUIRE(world.engine.idle_connections() == 2);
  world.options.pipewait = false;
  world.ask("https://other.example/");
  SUBCASE("at once") {
    world.ask("https://other.example/");
    world.resolved("192.0.2.3");
    CHECK(closes_of(world, conn) == 1);
    CHECK(closes_of(world, second) == 0);
  }
  SUBCASE("where it was another one that took the place of the host in the meantime") {
    world.eof(second);
    world.ask("https://other.example/");
    CHECK(world.engine.counters().transfers_queued == 0);
    world.resolved("192.0.2.3");
    CHECK(closes_of(world, conn) == 0);
  }
  CHECK(world.connects.size() == 3);
  CHECK(world.engine.connections() == 2);
  CHECK(world.engine.counters().transfers_queued == 1);
  world.engine.check_invariants();
}

TEST_CASE("coalescing at the limit: more than the host has places for are joined at once") {
  EngineOptions options = sharing(1);
  options.max_connections_per_origin = 1;
  SharedWorld world(options);
  const ConnId conn = world.visit_a();
  world.options.pipewait = false;
  const TransferId first = world.ask("https://b.example/");
  const TransferId second = world.ask("https://b.example/");
  world.resolved("192.0.2.1");
  CHECK(world.connects.size() == 1);
  world.reply(conn, status(3, "200") + status(5, "200"));
  CHECK(world.succeeded(first));
  CHECK(world.succeeded(second));
  check_nothing_left(world);
}

TEST_CASE("coalescing at the limit: a look-up that nobody waits for any more closes nothing") {
  EngineOptions options = sharing(2);
  options.name_cache.ttl = 0s;
  SharedWorld world(options);
  world.ask("https://x.c.example/");
  world.resolved("192.0.2.2");
  const ConnId conn = world.connect();
  world.reply(conn, h2::settings({{h2::kMaxStreams, 1}}) + status(1, "200"));
  const ConnId idle = world.visit_a();
  const TransferId busy = world.ask("https://x.c.example/busy");
  const TransferId next = world.ask("https://x.c.example/next");
  REQUIRE(world.resolves.size() == 1);  // a connection of its own would need the place of the idle one
  const ResolveId id = world.resolves.front().id;
  world.reply(conn, status(3, "200"));
  CHECK(world.succeeded(busy));
  world.engine.handle_resolved(id, std::vector<IpAddress>{*IpAddress::parse("192.0.2.3")}, world.now);
  world.drain();
  CHECK(closes_of(world, idle) == 0);
  world.reply(conn, status(5, "200"));
  CHECK(world.succeeded(next));
  CHECK(world.connects.size() == 2);
  CHECK(world.engine.idle_connections() == 2);
  check_nothing_left(world);
}

}  // namespace sluice
