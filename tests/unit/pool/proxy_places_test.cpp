// core/pool/proxy_places and what core/pool/pool decides by it: the limit of connections to one proxy.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "core/base/random.hpp"
#include "tests/support/proxies.hpp"
#include "tests/unit/pool/pool_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::Endpoint;

EngineLimits at_proxy(std::size_t most, std::size_t total = 0) {
  return {.max_connections = total, .max_connections_per_proxy = most};
}
Proxy one_proxy() { return proxy_at(ProxyKind::http, "proxy.test"); }

TEST_CASE("proxy places: connections to one proxy are counted over all its endpoints, and to no other") {
  PoolBench bench(at_proxy(2));
  Endpoint& a = bench.at("https://a.test/", one_proxy());
  Endpoint& b = bench.at("https://b.test/", one_proxy());
  Proxy same = proxy_at(ProxyKind::socks5h, "PROXY.test");  // the same place, whatever is spoken and who it is
  same.user = "me";
  Endpoint& c = bench.at("https://c.test/", same);
  bench.ask(a);
  bench.ask(b);
  bench.ask(c);
  CHECK(bench.go() == "dial w1; dial w2");
  bench.ask(bench.at("https://a.test/", proxy_at(ProxyKind::http, "proxy.test", 3129)));
  bench.ask(bench.at("https://a.test/", proxy_at(ProxyKind::http, "other.test")));
  bench.ask(bench.at("https://a.test/"));
  CHECK(bench.go() == "dial w4; dial w5; dial w6");
  bench.failed(1);
  CHECK(bench.go() == "dial w3");
}

TEST_CASE("proxy places: a route is one proxy, whatever it is named") {
  class Tunnel final : public Route {
   public:
    Tunnel() : Route("", "tunnel", 0) {}
  };
  PoolBench bench(at_proxy(1));
  Proxy proxy = one_proxy();
  proxy.route = std::make_shared<Tunnel>();
  bench.ask(bench.at("https://a.test/", proxy));
  bench.ask(bench.at("https://b.test/", proxy));
  bench.ask(bench.at("https://a.test/", one_proxy()));
  proxy.route = std::make_shared<Tunnel>();
  bench.ask(bench.at("https://a.test/", proxy));
  CHECK(bench.go() == "dial w1; dial w3; dial w4");
}

TEST_CASE("proxy places: those that wait get one connection each, in the order in which they came") {
  PoolBench bench(at_proxy(2));
  Endpoint& a = bench.at("https://a.test/", one_proxy());
  for (int i = 0; i < 4; ++i) bench.ask(a);
  CHECK(bench.go() == "dial w1; dial w2");
  Endpoint& b = bench.at("https://b.test/", one_proxy());
  bench.ask(b);
  bench.ask(b);
  bench.ask(bench.at("https://c.test/", one_proxy()));
  CHECK(bench.go().empty());
  bench.failed(1);
  CHECK(bench.go() == "dial w3");  // a waits since before b
  bench.failed(2);
  CHECK(bench.go() == "dial w5");
  bench.failed(3);
  CHECK(bench.go() == "dial w7");
  bench.leave(4);
  bench.failed(4);
  CHECK(bench.go() == "dial w6");
}

TEST_CASE("proxy places: an unused connection, or a dial for nobody, makes room for another origin") {
  PoolBench bench(at_proxy(2));
  Endpoint& a = bench.at("https://a.test/", one_proxy());
  bench.use(a);
  bench.ask(a);
  bench.ask(a);
  REQUIRE(bench.go() == "serve w2 on c1; dial w3");
  CHECK(bench.finish(2) == "serve w3 on c1");
  bench.ask(bench.at("https://b.test/", one_proxy()));
  CHECK(bench.go() == "abandon d2; dial w4");
  bench.ask(bench.at("https://c.test/", one_proxy()));
  CHECK(bench.go().empty());
  CHECK(bench.finish(3) == "c1 is idle");
  CHECK(bench.go() == "close c1; dial w5");
  CHECK(bench.pool.open() == 2);
}

TEST_CASE(
    "proxy places: a connection that another endpoint waits for is given up after kExchangesBeforeYield exchanges") {
  PoolBench bench(at_proxy(1));
  Endpoint& a = bench.at("https://a.test/", one_proxy());
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1");
  bench.connected(1);
  bench.ask(bench.at("https://b.test/", one_proxy()));
  for (std::size_t i = 0; i < limits::kExchangesBeforeYield; ++i) bench.ask(a);
  CHECK(bench.go().empty());
  CHECK(bench.finish(1) == "serve w3 on c1");
  for (std::size_t waiter = 3; waiter <= limits::kExchangesBeforeYield; ++waiter) {
    CHECK(bench.finish(waiter) == "serve w" + std::to_string(waiter + 1) + " on c1");
  }
  CHECK(bench.finish(limits::kExchangesBeforeYield + 1) == "close c1");
  CHECK(bench.go() == "dial w2");  // the other one's turn
}

TEST_CASE("proxy places: one connection to itself is no reason to yield") {
  PoolBench bench(at_proxy(1));
  Endpoint& a = bench.at("https://a.test/", one_proxy());
  for (std::size_t i = 0; i < limits::kExchangesBeforeYield + 2; ++i) bench.ask(a);
  bench.go();
  bench.connected(1);
  for (std::size_t i = 1; i <= limits::kExchangesBeforeYield; ++i) CHECK(bench.finish(i).starts_with("serve"));
}

TEST_CASE("proxy places: a lowered limit closes unused connections, and those in use at their end") {
  PoolBench bench;
  Endpoint& a = bench.at("https://a.test/", one_proxy());
  bench.use(a);
  Endpoint& b = bench.at("https://b.test/", one_proxy());
  bench.use(b);
  bench.ask(b);
  REQUIRE(bench.go() == "serve w3 on c2");
  bench.pool.set_limits(at_proxy(1));
  CHECK(bench.go() == "close c1");
  bench.ask(bench.at("https://a.test/", one_proxy()));
  bench.ask(b);
  CHECK(bench.go().empty());
  CHECK(bench.finish(3) == "serve w5 on c2");
  bench.pool.set_limits(at_proxy(2));
  CHECK(bench.go() == "dial w4");
  bench.pool.set_limits(at_proxy(1));
  CHECK(bench.go().empty());
  CHECK(bench.finish(5) == "close c2");
}

TEST_CASE("proxy places: past a lowered limit, a dial that is not needed any more is given up") {
  for (const EngineLimits& lowered : {at_proxy(1), PoolBench::at_most(1), PoolBench::at_most(0, 1)}) {
    PoolBench bench;
    Endpoint& a = bench.at("https://a.test/", one_proxy());
    bench.ask(a);
    bench.ask(a);
    REQUIRE(bench.go() == "dial w1; dial w2");
    bench.pool.set_limits(lowered);
    CHECK(bench.go().empty());
    bench.connected(1, 2);  // which can carry the other one too
    CHECK(bench.go() == "serve w2 on c1; abandon d2");
    CHECK(bench.pool.open() == 1);
  }
  PoolBench bench;
  Endpoint& a = bench.at("https://a.test/", one_proxy());
  bench.ask(a);
  bench.ask(a);
  REQUIRE(bench.go() == "dial w1; dial w2");
  bench.connected(1, 2);
  CHECK(bench.go() == "serve w2 on c1");  // within the limits it goes on
}

TEST_CASE("proxy places: a limit that is raised or removed lets all go on") {
  for (const std::size_t most : {0U, 4U}) {
    PoolBench bench(at_proxy(1));
    Endpoint& a = bench.at("https://a.test/", one_proxy());
    bench.ask(a);
    bench.ask(a);
    bench.ask(bench.at("https://b.test/", one_proxy()));
    bench.ask(bench.at("https://c.test/", one_proxy()));
    REQUIRE(bench.go() == "dial w1");
    bench.pool.set_limits(at_proxy(most));
    bench.go();
    CHECK(bench.pool.open() == 4);
    CHECK_FALSE(bench.pool.may_go_on());
  }
}

TEST_CASE("proxy places: with a limit on all as well, nobody is left waiting while there is room") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(Seed{seed});
    const std::size_t of_each = 1 + random.below(3), in_all = 1 + random.below(4);
    PoolBench bench(at_proxy(of_each, in_all));
    std::set<const pool::ProxyPlaces*> proxies;
    const auto ask = [&] {
      const std::size_t which = random.below(8), host = which % 4;
      const std::string url = "https://" + std::string(1, static_cast<char>('a' + host)) + ".test/";
      if (host == 3) return static_cast<void>(bench.ask(bench.at(url)));
      Endpoint& endpoint = bench.at(url, proxy_at(ProxyKind::http, which < 4 ? "p.test" : "q.test"));
      proxies.insert(endpoint.through->places);
      bench.ask(endpoint);
    };
    constexpr std::size_t kMost = 60;
    std::size_t asked = 0, ended = 0, dialed = 0;
    std::vector<std::size_t> dials, running;
    const auto note = [&](const std::string& log) {
      for (std::size_t at = 0; (at = log.find("dial w", at)) != std::string::npos; ++at) dials.push_back(++dialed);
      for (std::size_t at = 0; (at = log.find("serve w", at)) != std::string::npos; ++at) {
        running.push_back(std::stoul(log.substr(at + 7)));
      }
    };
    note(bench.go());
    for (int step = 0; (asked < kMost || ended < asked) && step < 2'000; ++step) {
      if (asked < kMost && random.below(2) == 0) {
        ask();
        ++asked;
      } else if (!dials.empty() && random.below(2) == 0) {
        const std::size_t dial = dials.front();
        dials.erase(dials.begin());
        if (pool::DialList::contains(bench.d(dial))) note(bench.connected(dial));
      } else if (!running.empty()) {
        const std::size_t at = random.below(running.size()), waiter = running[at];
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
        ++ended;
        note(bench.finish(waiter, random.below(4) != 0));
      }
      note(bench.go());
      for (const pool::ProxyPlaces* const proxy : proxies) {
        const bool has_room = (proxy->open < of_each || !proxy->spare.empty()) && bench.pool.open() < in_all;
        REQUIRE_MESSAGE((proxy->starved.empty() || !has_room), "seed " << seed << ", step " << step);
      }
    }
    CHECK_MESSAGE(ended == asked, "seed " << seed);
  }
}

TEST_CASE("proxy places: after everything was forgotten, the limit counts from nothing") {
  PoolBench bench(at_proxy(1));
  bench.ask(bench.at("https://a.test/", one_proxy()));
  bench.go();
  bench.ask(bench.at("https://b.test/", one_proxy()));
  CHECK(bench.go().empty());
  bench.pool.reset();
  bench.pool.look_at_all();
  bench.go();
  bench.ask(bench.at("https://a.test/", one_proxy()));
  CHECK(bench.go() == "dial w3");
}

}  // namespace
