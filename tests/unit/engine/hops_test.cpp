// Transfers with many hops: a rule made for tests decides what follows a response or a failure; the engine executes it.
// The decisions of real rules are tested elsewhere.
#include <doctest/doctest.h>

#include "core/engine/parts.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/next_rule.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

struct HopWorld : EngineWorld {
  explicit HopWorld(EngineOptions options = {})
      : EngineWorld(EngineParts::make(std::move(options), nullptr, std::make_unique<NextRule>())) {}
  std::vector<int> statuses(TransferId id) const {
    std::vector<int> all;
    for (const Hop& hop : engine.hops(id)) all.push_back(hop.status);
    return all;
  }
};

std::string leads_to(std::string_view url, int status = 302, std::string_view fields = "", std::string_view body = "") {
  return "HTTP/1.1 " + std::to_string(status) + " Elsewhere\r\nNext: " + std::string(url) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(fields) + "\r\n" +
         std::string(body);
}

}  // namespace

TEST_CASE("hops: three of them, over one connection and to another, in one transfer with one Done") {
  HopWorld world;
  const TransferId id = world.add("http://192.0.2.1/one");
  const ConnId first = go(world);
  world.pass(10ms);
  world.receive(first, leads_to("http://192.0.2.1/two", 302, "", "not for the application"));
  REQUIRE(world.hops_done.size() == 1);
  CHECK(world.hops_done[0].transfer == id);
  CHECK(world.hops_done[0].head.status == 302);
  CHECK_FALSE(world.hops_done[0].failure);
  CHECK(world.heads.empty());  // of a hop that is over
  CHECK(world.bodies[id].empty());
  CHECK(world.connects.size() == 1);
  CHECK(world.engine.request(id).url.path() == "/two");
  CHECK(world.sent(first).starts_with("GET /two HTTP/1.1\r\n"));
  world.pass(10ms);
  world.receive(first, leads_to("http://192.0.2.2/three"));
  CHECK(world.hops_done.size() == 2);
  const ConnId second = go(world);
  CHECK(second != first);
  CHECK(world.connects.back().address.to_string() == "192.0.2.2:80");
  world.pass(10ms);
  world.receive(second, answer("the end"));
  CHECK(world.succeeded(id));
  CHECK(world.hops_done.size() == 2);
  CHECK(world.heads.size() == 1);
  CHECK(world.bodies[id] == "the end");
  CHECK(world.statuses(id) == std::vector{302, 302, 200});
  const auto hops = world.engine.hops(id);
  CHECK(hops[0].url.text() == "http://192.0.2.1/one");
  CHECK(hops[1].url.text() == "http://192.0.2.1/two");
  CHECK(hops[1].reused);
  CHECK_FALSE(hops[2].reused);
  CHECK(hops[0].progress.received_body_bytes == 23);
  CHECK(hops[2].progress.received_body_bytes == 7);
  CHECK(hops[0].progress.done == hops[1].progress.queued);
  CHECK(hops[1].progress.first_byte == hops[0].progress.queued + 20ms);
  CHECK(hops[2].progress.done == hops[0].progress.queued + 30ms);
  CHECK(hops[2].progress.queued == world.engine.progress(id).queued);
  world.remove(id);
  CHECK(world.engine.hops(id).empty());
  check_nothing_left(world);
}

TEST_CASE("hops: a transfer of one hop has one") {
  HopWorld world;
  const TransferId id = world.add("http://192.0.2.1/only");
  CHECK(world.statuses(id) == std::vector{0});
  const ConnId conn = go(world);
  world.receive(conn, answer("x"));
  CHECK(world.statuses(id) == std::vector{200});
  CHECK(world.hops_done.empty());
}

TEST_CASE("hops: a response that is long is not read to its end; the next hop goes over another connection") {
  HopWorld world;
  const TransferId id = world.add("http://192.0.2.1/one");
  const ConnId conn = go(world);
  SUBCASE("by what it says") {
    world.receive(conn, "HTTP/1.1 302 F\r\nNext: http://192.0.2.1/two\r\nContent-Length: 70000\r\n\r\n");
  }
  SUBCASE("by what it is") {
    world.receive(conn, "HTTP/1.1 302 F\r\nNext: http://192.0.2.1/two\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n");
    CHECK(world.hops_done.empty());
    world.receive(conn, std::string(70'000, 'x'));
  }
  CHECK(world.hops_done.size() == 1);
  CHECK(closes_of(world, conn) == 1);
  const ConnId second = go(world);
  world.receive(second, answer("x"));
  CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("hops: a connection that breaks in a response that is being skipped changes nothing") {
  HopWorld world;
  const TransferId id = world.add("http://192.0.2.1/one");
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 302 F\r\nNext: http://192.0.2.1/two\r\nContent-Length: 10\r\n\r\n12345");
  world.io_error(conn, Code::receive_failed);
  CHECK(world.hops_done.size() == 1);
  CHECK_FALSE(world.hops_done[0].failure);
  const ConnId second = go(world);
  world.receive(second, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.statuses(id) == std::vector{302, 200});
  check_nothing_left(world);
}

TEST_CASE("hops: a transfer waits for its next hop as long as the rule says, on no connection") {
  HopWorld world;
  TransferOptions options;
  const TransferId id = world.add("http://192.0.2.1/one", options);
  const ConnId conn = go(world);
  world.receive(conn, leads_to("http://192.0.2.1/two", 302, "Wait: 500\r\n"));
  CHECK(world.hops_done.size() == 1);
  CHECK(world.engine.idle_connections() == 1);
  REQUIRE(world.engine.deadline());
  CHECK(world.engine.deadline()->why == TimerKind::backoff);
  CHECK(world.engine.deadline()->at == world.now.steady + 500ms);
  CHECK(world.engine.running() == 1);
  SUBCASE("then it goes on") {
    world.pass(499ms);
    CHECK(world.sent(conn).empty());
    world.pass(1ms);
    CHECK(world.sent(conn).starts_with("GET /two"));
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
  }
  SUBCASE("it may be canceled meanwhile") {
    world.engine.cancel(id, world.now);
    world.drain();
    CHECK(world.failure(id) == Code::canceled);
  }
  SUBCASE("it may be removed meanwhile") {
    world.remove(id);
    CHECK(world.failure(id) == Code::canceled);
  }
  check_nothing_left(world);
}

TEST_CASE("hops: the total timeout counts through all of them and their waits") {
  HopWorld world;
  TransferOptions options;
  options.total_timeout = 1s;
  const TransferId id = world.add("http://192.0.2.1/one", options);
  const ConnId conn = go(world);
  world.pass(600ms);
  world.receive(conn, leads_to("http://192.0.2.1/two", 302, "Wait: 300\r\n"));
  world.pass(300ms);
  CHECK(world.sent(conn).starts_with("GET /two"));
  world.pass(100ms);
  CHECK(world.failure(id) == Code::total_timeout);
  CHECK(world.results.at(id).error().message().starts_with("GET http://192.0.2.1/two: "));
  check_nothing_left(world);
}

TEST_CASE("hops: after a failure, as often as the rule says; the last failure is the transfer's") {
  HopWorld world;
  const TransferId id = world.add("http://192.0.2.1/one");
  for (std::size_t hop = 1; hop <= 3; ++hop) {
    CAPTURE(hop);
    REQUIRE(world.connects.size() == hop);
    world.io_error(newest(world), Code::connect_failed, "Connection refused");
    CHECK(world.hops_done.size() == std::min<std::size_t>(hop, 2));
    if (hop < 3) CHECK_FALSE(world.done(id));
    world.pass(1s);
  }
  CHECK(world.failure(id) == Code::connect_failed);
  REQUIRE(world.hops_done[0].failure);
  CHECK(world.hops_done[0].failure->message().find("Connection refused") != std::string::npos);
  const auto hops = world.engine.hops(id);
  REQUIRE(hops.size() == 3);
  for (const Hop& hop : hops) CHECK(hop.failure == Code::connect_failed);
  check_nothing_left(world);
}

TEST_CASE("hops: what was told of a response that is cut is over with its hop, and the next one's is told anew") {
  HopWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/one");
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
  CHECK(as_text(world.engine.body(id)) == "12345");
  world.eof(conn);
  CHECK(world.hops_done.size() == 1);
  CHECK(world.hops_done[0].head.status == 200);
  CHECK(world.engine.body(id).empty());
  CHECK(world.engine.head(id).status == 0);
  world.pass(1s);
  const ConnId second = go(world);
  world.receive(second, answer("1234567890"));
  CHECK(world.heads.size() == 2);
  CHECK(as_text(world.engine.body(id)) == "1234567890");
  world.take_body(id);
  world.drain();
  CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("hops: a body that is there goes out again") {
  HopWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{"payload"}));
  const ConnId conn = go(world);
  world.receive(conn, leads_to("http://192.0.2.1/two", 307));
  CHECK(world.sent(conn).ends_with("\r\n\r\npayload"));
  world.receive(conn, leads_to("http://192.0.2.1/three", 303));
  const std::string third = world.sent(conn);
  CHECK(third.starts_with("GET /three"));
  CHECK(third.find("payload") == std::string::npos);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.rewinds.empty());
}

TEST_CASE("hops: a stream's body is asked for again, and comes again from its start") {
  HopWorld world;
  const TransferId id = world.add(with_body("POST", BodyStream{.length = 7, .rewindable = true}));
  const ConnId conn = go(world);
  supply(world, id, "payload");
  world.sent(conn);
  world.receive(conn, leads_to("http://192.0.2.1/two", 307));
  CHECK(world.rewinds == std::vector{id});
  CHECK(world.sent(conn).ends_with("\r\n\r\n"));
  CHECK(world.engine.upload_space(id).empty());
  world.engine.finish_upload(id, world.now);  // said of the old bytes: no effect
  world.drain();
  CHECK_FALSE(world.done(id));
  const std::size_t told = world.uploads_ready.size();
  SUBCASE("given") {
    world.engine.rewind_upload(id, world.now);
    world.drain();
    CHECK(world.uploads_ready.size() == told + 1);
    CHECK(supply(world, id, "payload") == 7);
    CHECK(world.sent(conn) == "payload");
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
  }
  SUBCASE("refused") {
    world.engine.fail_upload(id, "the tape is torn", world.now);
    world.drain();
    CHECK(world.failure(id) == Code::rewind_failed);
    CHECK(world.results.at(id).error().message() == "POST http://192.0.2.1/two: the tape is torn");
  }
  check_nothing_left(world);
}

TEST_CASE("hops: a stream that cannot be given again is an error that says so, with the first response in hops()") {
  HopWorld world;
  const TransferId id = world.add(with_body("POST", BodyStream{.length = 7}));
  const ConnId conn = go(world);
  supply(world, id, "payload");
  world.sent(conn);
  world.receive(conn, leads_to("http://192.0.2.1/two", 307));
  CHECK(world.failure(id) == Code::rewind_failed);
  CHECK(world.results.at(id).error().message().starts_with("POST http://192.0.2.1/: "));
  CHECK(world.results.at(id).error().message().find("cannot be given from its start") != std::string::npos);
  CHECK(world.statuses(id) == std::vector{307});
  check_nothing_left(world);
}

TEST_CASE("hops: a request that cannot be sent ends the transfer with what is wrong about it") {
  HopWorld world;
  const TransferId id = world.add("http://192.0.2.1/one");
  const ConnId conn = go(world);
  world.receive(conn, leads_to("https://192.0.2.1/two"));
  CHECK(world.failure(id) == Code::tls_config);
  CHECK(world.hops_done.size() == 1);
  check_nothing_left(world);
}

TEST_CASE("hops: those of others are served meanwhile, and limits hold") {
  EngineOptions options;
  options.max_connections = 1;
  HopWorld world(std::move(options));
  const TransferId one = world.add("http://192.0.2.1/one");
  const TransferId two = world.add("http://192.0.2.2/two");
  const ConnId first = go(world);
  world.receive(first, leads_to("http://192.0.2.2/three"));
  CHECK(closes_of(world, first) == 1);
  const ConnId second = go(world);
  world.receive(second, answer("x"));
  CHECK(world.succeeded(two));
  CHECK(world.sent(second).starts_with("GET /three"));
  world.receive(second, answer("y"));
  CHECK(world.succeeded(one));
  CHECK(world.bodies[one] == "y");
  check_nothing_left(world);
}
