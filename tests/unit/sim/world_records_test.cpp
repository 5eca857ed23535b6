// adapters/sim: what a world records for oracles: when they are called, and what the engine has requested.
#include "tests/unit/sim/world_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

TEST_CASE("after_step is called after a step in which only the application has acted") {
  std::vector<std::size_t> running;
  sim::WorldOptions options = checked();
  options.after_step = [&](sim::World& world) { running.push_back(world.engine().running()); };
  OneOrigin one(answering("x"), options);
  one.world.after(1s, [&] {
    Request request;
    request.url = Url::parse("http://example.org/").value();
    one.id = one.world.engine().add(std::move(request), {}, one.world.now()).value();
  });
  one.world.after(1s + 1ms, [&] { one.world.engine().remove(one.id, one.world.now()); });
  CHECK(one.world.step());
  CHECK(running == std::vector<std::size_t>{1});
  CHECK(one.world.step());
  CHECK(running == std::vector<std::size_t>{1, 0});
}

TEST_CASE("connects and resolves are kept with what became of them") {
  OneOrigin one(answering("x"), checked(1, {}));
  one.world.add_origin({.host = "silent.test", .accept = {}, .name = sim::NameSpec{.never = 1000}});
  one.world.add_origin({.host = "nowhere.test", .accept = {}, .name = sim::NameSpec{.fails = 1000}});
  const Instant start = one.world.now().steady;
  one.get();
  for (const char* url : {"http://silent.test/", "http://nowhere.test/", "http://203.0.113.9/"}) {
    one.world.get(url, with([](auto& o) { o.connect_timeout = 2s; })).value();
  }
  one.world.run_until_idle();

  const auto& resolves = one.world.resolves();
  REQUIRE(resolves.size() == 3);
  CHECK(resolves[0].host == "example.org");
  CHECK(resolves[0].over == start + 5ms);
  CHECK_FALSE(resolves[0].failed);
  CHECK(resolves[1].host == "silent.test");
  CHECK_FALSE(resolves[1].over.has_value());  // the engine keeps waiting for it: another transfer may come
  CHECK(resolves[2].failed);
  CHECK(resolves[2].over == resolves[2].asked + 5ms);

  const auto& connects = one.world.connects();
  REQUIRE(connects.size() == 2);
  CHECK(connects[0].origin == sim::OriginNumber{0});
  CHECK(connects[0].connected == connects[0].began + 2ms);
  CHECK(*connects[0].over > *connects[0].connected);
  CHECK_FALSE(connects[0].refused);
  CHECK_FALSE(connects[0].end_told);
  CHECK_FALSE(connects[1].origin.has_value());
  CHECK(connects[1].address.to_string() == "203.0.113.9:80");
  CHECK(connects[1].refused);
  CHECK(connects[1].over == connects[1].began + 2ms);
  CHECK(one.world.record(connects[1].conn) == &connects[1]);
  CHECK(one.world.record({}) == nullptr);
}

TEST_CASE("a peer that speaks TLS tells whether the engine said goodbye") {
  for (const bool answers : {true, false}) {
    sim::World world(checked());
    sim::Script garbage;
    garbage.await("\r\n\r\n").send("no HTTP\r\n");
    const sim::Script script = answers ? answering("x") : garbage;
    world.add_origin({.host = "example.org", .port = 443, .accept = sim::script_origin(script), .tls = true});
    world.get("https://example.org/", with([&](auto& o) { o.tls = world.tls(); })).value();
    world.run_until_idle();
    REQUIRE(world.connects().size() == 1);
    CHECK(world.connects().front().over.has_value());
    CHECK(world.connects().front().cut_off == !answers);
  }
}

TEST_CASE("an end that the engine was told of is kept, and a reset is none") {
  sim::Script closes, resets;
  closes.await("\r\n\r\n").send("HTTP/1.1 200 OK\r\n\r\nall").close();
  resets.await("\r\n\r\n").send("HTTP/1.1 200 OK\r\n\r\nnot all").wait(1s).reset();
  OneOrigin ended(closes), broken(resets);
  CHECK(ended.get().result.has_value());
  CHECK(ended.world.connects().front().end_told);
  CHECK(broken.get().result.error().code == Code::receive_failed);
  CHECK_FALSE(broken.world.connects().front().end_told);
}

}  // namespace
