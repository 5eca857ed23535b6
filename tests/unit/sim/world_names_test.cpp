// adapters/sim: names, addresses and routes lead to the origins that they name, and their faults reach the engine.
#include "tests/unit/sim/world_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

bool says(const auto& outcome, std::string_view text) {
  return outcome.result.error().message().find(text) != std::string::npos;
}

// ---- names ----

TEST_CASE("names: unknown, failing, silent, wrong, and by family") {
  auto get = [](sim::NameSpec name, TransferOptions options = with([](auto& o) { o.connect_timeout = 20s; })) {
    auto world = std::make_unique<sim::World>(checked());
    world->add_origin({.host = "Example.org",
                       .accept = sim::script_origin(answering("x")),
                       .addresses = {*IpAddress::parse("192.0.2.77"), *IpAddress::parse("2001:db8::77")},
                       .name = std::move(name)});
    const TransferId id = world->get("http://EXAMPLE.org/", std::move(options)).value();
    world->run_until_idle();
    return std::pair(std::move(world), id);
  };
  SUBCASE("right") {
    auto [world, id] = get({});
    CHECK(world->outcome(id).body == "x");
    CHECK(world->faults().empty());
  }
  SUBCASE("slow") {
    auto [world, id] = get({.delay = 10s});
    CHECK(*world->engine().progress(id).resolved - world->engine().progress(id).queued == 10s);
  }
  SUBCASE("fails") {
    auto [world, id] = get({.fails = 1000});
    CHECK(says(world->outcome(id), "resolve example.org: Domain name not found"));
    CHECK(world->outcome(id).result.error().code == Code::resolve_failed);
    CHECK(world->faults().at("name fails") == 1);
  }
  SUBCASE("never") {
    auto [world, id] = get({.never = 1000});
    CHECK(world->outcome(id).result.error().code == Code::connect_timeout);
    CHECK(world->faults().at("name never") == 1);
  }
  SUBCASE("family") {
    auto [world, id] = get({}, with([](auto& o) { o.family = AddressFamily::ipv6; }));
    CHECK(world->engine().info(id).address.to_string() == "[2001:db8::77]:80");
    CHECK(std::find(world->trace().begin(), world->trace().end(), "5000000 r0.1 resolved 2001:db8::77") !=
          world->trace().end());
    auto [other, other_id] =
        get({.addresses = {*IpAddress::parse("192.0.2.77")}}, with([](auto& o) { o.family = AddressFamily::ipv6; }));
    CHECK(other->outcome(other_id).result.error().code == Code::resolve_failed);
  }
  SUBCASE("in parts") {
    const auto connects = [&](sim::NameSpec name) {
      auto [world, id] = get(std::move(name), with([](auto& o) { o.connect_timeout = 20s; }));
      CHECK(world->outcome(id).body == "x");
      const sim::ResolveRecord& resolve = world->resolves().front();
      REQUIRE(resolve.first.has_value());
      return std::pair(world->connects().front().address.ip.to_string(),
                       world->connects().front().began - resolve.asked);
    };
    CHECK(connects({.ipv6_later = -1'000ms}) == std::pair<std::string, Duration>("2001:db8::77", 0ms));
    CHECK(connects({.delay = 100ms, .ipv6_later = -20ms}) == std::pair<std::string, Duration>("2001:db8::77", 80ms));
    CHECK(connects({.delay = 100ms, .ipv6_later = 20ms}) == std::pair<std::string, Duration>("192.0.2.77", 120ms));
    CHECK(connects({.delay = 100ms, .ipv6_later = 10s}) == std::pair<std::string, Duration>("192.0.2.77", 150ms));
    CHECK(connects({.delay = 100ms, .ipv6_later = 1ms, .rest_never = 1000}) ==
          std::pair<std::string, Duration>("192.0.2.77", 150ms));
  }
  SUBCASE("with a time to live") {
    auto [world, id] = get({.ttl = 0s});
    CHECK(world->resolves().size() == 1);
    CHECK(world->resolves().front().ttl == std::optional<Duration>(0s));
  }
  SUBCASE("wrong: before the right ones, or in their place") {
    int right = 0, failed = 0;
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      CAPTURE(seed);
      sim::World world(checked(seed));
      world.add_origin(
          {.host = "example.org", .accept = sim::script_origin(answering("x")), .name = sim::NameSpec{.wrong = 1000}});
      const TransferId id = world.get("http://example.org/").value();
      world.run_until_idle();
      CHECK(world.faults().at("name wrong") == 1);
      CHECK(world.faults().at("refused") >= 1);
      (world.outcome(id).result ? right : failed) += 1;
    }
    CHECK(right > 5);
    CHECK(failed > 5);
  }
  SUBCASE("unknown, and one that is known later") {
    OneOrigin one(answering("x"));
    TransferId id = one.world.get("http://other.test/").value();
    one.world.run_until_idle();
    CHECK(one.world.outcome(id).result.error().code == Code::resolve_failed);
    one.world.set_name("Other.test", {.addresses = {*IpAddress::parse("192.0.2.1")}});
    id = one.world.get("http://other.test/").value();
    one.world.run_until_idle();
    CHECK(one.world.outcome(id).body == "x");
  }
}

TEST_CASE("one host at two ports has one address; addresses can be shared; an address is an origin too") {
  sim::World world(checked());
  const auto first = world.add_origin({.host = "a.test", .accept = sim::script_origin(answering("one"))});
  const auto second =
      world.add_origin({.host = "a.test", .port = 8080, .accept = sim::script_origin(answering("two"))});
  world.add_origin({.host = "b.test",
                    .port = 81,
                    .accept = sim::script_origin(answering("three")),
                    .addresses = {*IpAddress::parse("192.0.2.1")}});
  world.add_origin({.host = "[2001:db8::5]", .accept = sim::script_origin(answering("four"))});
  std::string all;
  for (const char* url : {"http://a.test/", "http://a.test:8080/", "http://b.test:81/", "http://[2001:db8::5]/",
                          "http://192.0.2.1:8080/"}) {
    const TransferId id = world.get(url).value();
    world.run_until_idle({.time = 1s});
    all += world.outcome(id).body + ' ';
  }
  CHECK(all == "one two three four two ");
  CHECK(world.open_connections(first) == 1);
  CHECK(world.open_connections(second) == 2);
  CHECK(world.connections().size() == 5);
  CHECK(world.open_connections() == 5);
}

struct Tunnel : Route {
  Tunnel() : Route("", "the tunnel", 0) {}
};

TEST_CASE("a route that is asked for an alias leads to who listens at its addresses") {
  OneOrigin one(answering("x"));
  const IpAddress nowhere = *IpAddress::parse("203.0.113.9"), here = *IpAddress::parse("192.0.2.1");
  one.world.set_name("alias.test", {.addresses = {nowhere, here}});
  one.world.set_name("astray.test", {.addresses = {nowhere}});
  const auto by = [](const char* host) {
    return with([host](auto& o) {
      o.route = std::make_shared<Tunnel>();
      o.connect_to = ConnectTo{host, 80};
    });
  };
  CHECK(one.get(by("alias.test")).body == "x");
  CHECK(one.get(by("astray.test")).result.error().code == Code::connect_failed);
}

TEST_CASE("a route leads to the origin of the name it is asked for") {
  OneOrigin one(answering("x"));
  CHECK(one.get(with([](auto& o) { o.route = std::make_shared<Tunnel>(); })).body == "x");
  CHECK(one.traced("connect by the tunnel to example.org 80") == 1);
  CHECK(one.traced("resolve") == 0);
  const TransferId id =
      one.world.get("http://other.test/", with([](auto& o) { o.route = std::make_shared<Tunnel>(); })).value();
  one.world.run_until_idle();
  CHECK(says(one.world.outcome(id), "connect to the tunnel: Connection refused"));
}

}  // namespace
