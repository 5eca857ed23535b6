// Limits on connections: per origin, in total, and what happens to waiting transfers.
#include <doctest/doctest.h>

#include <set>

#include "core/base/random.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {
EngineOptions limits_of(std::size_t total, std::size_t per_origin) {
  EngineOptions options;
  options.max_connections = total;
  options.max_connections_per_origin = per_origin;
  return options;
}
std::string url_of(std::size_t host, std::string_view path = "/") {
  return "http://192.0.2." + std::to_string(host + 1) + std::string(path);
}
}  // namespace

TEST_CASE("limits: connections of one origin") {
  EngineWorld world(limits_of(0, 2));
  std::vector<TransferId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(world.add(url_of(0, "/" + std::to_string(i))));
  CHECK(world.connects.size() == 2);
  world.add(url_of(1));
  CHECK(world.connects.size() == 3);  // another origin has its own
  const ConnId first = world.connects[0].conn, second = world.connects[1].conn;
  for (const ConnId conn : {first, second}) {
    world.connected(conn);
    world.sent(conn);
  }
  for (int i = 2; i < 5; ++i) {  // first come, first served
    world.receive(i % 2 == 0 ? first : second, answer("x"));
    CHECK(world.sent(i % 2 == 0 ? first : second).starts_with("GET /" + std::to_string(i) + ' '));
  }
  world.receive(first, answer("x"));
  world.receive(second, answer("x"));
  CHECK(world.results.size() == 5);
  CHECK(world.connects.size() == 3);
}

TEST_CASE("limits: in total; the connection idle for longest makes room, never one in use") {
  EngineWorld world(limits_of(3, 0));
  const ConnId oldest = one_get(world, url_of(0));
  const ConnId middle = one_get(world, url_of(1));
  const TransferId busy = world.add(url_of(2));
  const ConnId busy_conn = go(world);
  world.add(url_of(3));
  CHECK(closes_of(world, oldest) == 1);
  CHECK(closes_of(world, middle) == 0);
  CHECK(world.connects.size() == 4);
  world.add(url_of(4));
  CHECK(closes_of(world, middle) == 1);
  CHECK(world.connects.size() == 5);
  const TransferId waits = world.add(url_of(5));
  CHECK(world.connects.size() == 5);
  CHECK(closes_of(world, busy_conn) == 0);
  world.receive(busy_conn, answer("x"));  // it becomes idle, and room
  CHECK(world.succeeded(busy));
  CHECK(closes_of(world, busy_conn) == 1);
  REQUIRE(world.connects.size() == 6);
  CHECK(world.connects.back().address.to_string() == "192.0.2.6:80");
  CHECK_FALSE(world.done(waits));
}

TEST_CASE("limits: connections to one proxy, and a change of that limit") {
  EngineOptions options;
  options.max_connections_per_proxy = 1;
  EngineWorld world(options);
  Proxy proxy = proxy_at(ProxyKind::http);
  proxy.tunnel = true;
  world.add(url_of(0), through(proxy));
  const TransferId waits = world.add(url_of(1), through(proxy));
  world.add(url_of(2));
  CHECK(world.connects.size() == 2);
  EngineLimits limits = world.engine.limits();
  CHECK(limits.max_connections_per_proxy == 1);
  limits.max_connections_per_proxy = 2;
  world.engine.set_limits(limits, world.now);
  world.drain();
  REQUIRE(world.connects.size() == 3);
  CHECK(world.connects[2].address.to_string() == "192.0.2.99:3128");
  CHECK_FALSE(world.done(waits));
}

TEST_CASE("limits: an idle one of the same origin is used before anything is closed") {
  EngineWorld world(limits_of(1, 1));
  const ConnId conn = one_get(world);
  for (int i = 0; i < 3; ++i) {
    const TransferId id = world.add("http://192.0.2.1/");
    world.sent(conn);
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
  }
  CHECK(world.connects.size() == 1);
  CHECK(world.closes.empty());
}

TEST_CASE("limits: an origin whose queue never ends does not starve the others") {
  EngineWorld world(limits_of(1, 0));
  world.add(url_of(0));
  world.connected(newest(world));
  const TransferId other = world.add(url_of(1));
  ConnId conn = newest(world);
  int served = 0;
  for (; served < 200 && !world.done(other); ++served) {
    world.add(url_of(0));  // always one more in the queue
    if (newest(world) != conn) {
      conn = newest(world);
      world.connected(conn);
    }
    world.sent(conn);
    world.receive(conn, answer("x"));
  }
  CHECK(world.succeeded(other));
  CHECK(served <= 20);
  CHECK(served > 4);  // and connections are used again all the same
  CHECK(world.connects.size() <= 4);
}

TEST_CASE("limits: with servers that close after each response every origin has its turn") {
  EngineWorld world(limits_of(1, 0));
  std::vector<std::size_t> order;
  std::map<TransferId, std::size_t> origin_of;
  for (std::size_t origin = 0; origin < 3; ++origin) {
    for (int i = 0; i < 4; ++i) origin_of[world.add(url_of(origin))] = origin;
  }
  for (int i = 0; i < 12; ++i) {
    const std::size_t before = world.results.size();
    const ConnId conn = go(world);
    world.receive(conn, answer("x", "Connection: close\r\n"));
    REQUIRE(world.results.size() == before + 1);
    for (const auto& [id, origin] : origin_of) {
      if (world.done(id)) {
        order.push_back(origin);
        origin_of.erase(id);
        break;
      }
    }
  }
  // The first one served was alone; from then on nobody is served three times in a row while others wait.
  CHECK(order.size() == 12);
  std::set<std::size_t> early(order.begin(), order.begin() + 5);
  CHECK(early.size() == 3);
  check_nothing_left(world);
}

TEST_CASE("limits: a failed dial gives its place to the next in the queue") {
  EngineWorld world(limits_of(1, 1));
  const TransferId first = world.add(url_of(0, "/1"));
  const TransferId second = world.add(url_of(0, "/2"));
  const TransferId third = world.add(url_of(1));
  world.io_error(newest(world), Code::connect_failed, "connect: refused");
  CHECK(world.failure(first) == Code::connect_failed);
  REQUIRE(world.connects.size() == 2);
  world.io_error(newest(world), Code::connect_failed, "connect: refused");
  REQUIRE(world.connects.size() == 3);
  world.io_error(newest(world), Code::connect_failed, "connect: refused");
  CHECK(world.failure(second) == Code::connect_failed);
  CHECK(world.failure(third) == Code::connect_failed);
  check_nothing_left(world);
}

TEST_CASE("limits: a removed dial is taken over by the next in the queue") {
  EngineWorld world(limits_of(1, 0));
  const TransferId first = world.add("http://example.org/1");
  const TransferId second = world.add("http://example.org/2");
  world.remove(first);
  CHECK(world.resolves.size() == 1);
  world.resolved("192.0.2.7");
  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(world.sent(conn).starts_with("GET /2 "));
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(second));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("limits: a connection that is being made for nobody any more is the next transfer's") {
  EngineWorld world(limits_of(0, 2));
  const TransferId first = world.add(url_of(0, "/1"));
  const ConnId busy = go(world);
  const TransferId second = world.add(url_of(0, "/2"));  // dials, and is then served by the first one's connection
  const ConnId dialled = newest(world);
  world.receive(busy, answer("x"));
  CHECK(world.succeeded(first));
  CHECK(world.sent(busy).starts_with("GET /2 "));
  TransferOptions options;
  options.connect_timeout = std::chrono::seconds(5);
  const TransferId third = world.add(url_of(0, "/3"), options);
  CHECK(world.connects.size() == 2);  // it opens none of its own
  SUBCASE("and carries it") {
    world.connected(dialled);
    CHECK(world.sent(dialled).starts_with("GET /3 "));
    world.receive(dialled, answer("x"));
    CHECK(world.succeeded(third));
  }
  SUBCASE("and ends by its timeout") {
    world.pass(std::chrono::seconds(6));
    CHECK(world.failure(third) == Code::connect_timeout);
  }
  world.receive(busy, answer("x"));
  CHECK(world.succeeded(second));
  check_nothing_left(world);
}

TEST_CASE("limits: in total; a connection that is being made for nobody makes room") {
  EngineWorld world(limits_of(2, 0));
  world.add(url_of(0, "/1"));
  const ConnId busy = go(world);
  const TransferId second = world.add(url_of(0, "/2"));
  const ConnId dialled = newest(world);
  world.receive(busy, answer("x"));
  REQUIRE(world.engine.info(second).conn == busy);
  const TransferId other = world.add(url_of(1));
  CHECK(closes_of(world, dialled) == 1);
  const ConnId conn = go(world);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(other));
  world.sent(busy);
  world.receive(busy, answer("x"));
  CHECK(world.succeeded(second));
  check_nothing_left(world);
}

TEST_CASE("limits: an origin whose waiting transfer has gone does not stand in line any more") {
  EngineWorld world(limits_of(2, 0));
  world.add(url_of(1, "/held"));
  const ConnId held = go(world);
  for (int i = 0; i < 20; ++i) world.add(url_of(0));
  ConnId conn = newest(world);
  REQUIRE(conn != held);
  world.connected(conn);
  world.remove(world.add(url_of(1, "/waits")));
  for (int i = 0; i < 20; ++i) {
    world.sent(conn);
    world.receive(conn, answer("x"));
  }
  CHECK(closes_of(world, conn) == 0);  // there was nobody to yield to
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("limits: they hold at every step of a random run, and everybody is served in the end") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Random random(Seed{seed});
    const std::size_t total = random.below(5), per_origin = random.below(4);
    EngineWorld world(limits_of(total, per_origin));
    std::vector<TransferId> ids;
    std::map<ConnId, std::string> wires;  // what was sent and not answered yet
    std::set<ConnId> open, made;
    std::map<ConnId, Address> address_of;
    std::size_t seen_connects = 0, seen_closes = 0;
    const auto look = [&] {
      for (; seen_connects < world.connects.size(); ++seen_connects) {
        open.insert(world.connects[seen_connects].conn);
        address_of[world.connects[seen_connects].conn] = world.connects[seen_connects].address;
      }
      for (; seen_closes < world.closes.size(); ++seen_closes) {
        REQUIRE(open.erase(world.closes[seen_closes]) == 1);
        made.erase(world.closes[seen_closes]);
      }
      CHECK(open.size() == world.engine.connections());
      if (total != 0) REQUIRE(open.size() <= total);
      std::map<std::string, std::size_t> of;
      for (const ConnId conn : open) ++of[address_of[conn].to_string()];
      for (const auto& [address, count] : of) REQUIRE((per_origin == 0 || count <= per_origin));
    };
    const auto pick = [&](const std::set<ConnId>& from) {
      return *std::next(from.begin(), static_cast<long>(random.below(from.size())));
    };
    for (int step = 0; step < 2000 && (step < 150 || world.engine.running() > 0); ++step) {
      const std::uint64_t what = random.below(10);
      if (what < 3 && step < 150) {
        TransferOptions options;
        options.fresh_connection = random.below(8) == 0;
        options.forbid_reuse = random.below(8) == 0;
        ids.push_back(world.add(url_of(random.below(4)), options));
      } else if (!open.empty()) {
        const ConnId conn = pick(open);
        if (!made.contains(conn)) {
          made.insert(conn);
          if (random.below(8) == 0 && step < 150) {
            world.io_error(conn, Code::connect_failed, "refused");
          } else {
            world.connected(conn);
          }
        } else if (const std::string request = world.sent(conn); !request.empty()) {
          wires[conn] += request;
        } else if (!wires[conn].empty()) {
          wires[conn].clear();
          const std::uint64_t how = random.below(6);
          if (how == 0) {
            world.receive(conn, answer("x", "Connection: close\r\n"));
          } else if (how == 1 && step < 150) {
            world.eof(conn);
          } else {
            world.receive(conn, answer("body"));
          }
        } else if (what == 9) {
          world.eof(conn);
        }
      }
      if (random.below(40) == 0 && !ids.empty() && step < 150) world.remove(ids[random.below(ids.size())]);
      look();
    }
    CHECK(world.engine.running() == 0);
    world.pass(std::chrono::seconds(61));
    world.pass(std::chrono::seconds(400));
    look();
    for (const ConnId conn : std::set<ConnId>(open)) world.eof(conn);
    check_nothing_left(world);
  }
}
