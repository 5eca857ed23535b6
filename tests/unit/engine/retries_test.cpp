// TransferOptions::retries, resend and expect_continue_from through the whole engine: what is sent again, when, and
// what the application sees of it.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

TransferOptions retrying(RetryOptions retries) {
  TransferOptions options;
  options.retries = retries;
  return options;
}
// A second before each retry.
TransferOptions steadily(std::uint32_t most = 3) { return retrying({.max_retries = most, .delay = 1s}); }

std::string response(int status, std::string_view body = "", std::string_view fields = "") {
  return "HTTP/1.1 " + std::to_string(status) + " S\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

void check_hop(const output::HopDone& hop, int status, std::optional<Code> failure, Duration wait) {
  CHECK(hop.head.status == status);
  CHECK(hop.failure.has_value() == failure.has_value());
  if (hop.failure && failure) CHECK(hop.failure->code == *failure);
  CHECK(hop.next == HopReason::retry);
  CHECK(hop.wait == wait);
}

}  // namespace

TEST_CASE("retries: a response that may pass is followed by the same request after a wait, and is not shown") {
  EngineWorld world;
  Request request = world.get("http://192.0.2.1/x", "POST");
  request.body = BodyOwned("the body");
  const TransferId id = world.add(std::move(request), steadily());
  const ConnId conn = go(world);
  world.receive(conn, response(503, "busy"));
  CHECK(world.heads.empty());
  REQUIRE(world.hops_done.size() == 1);
  check_hop(world.hops_done[0], 503, std::nullopt, 1s);
  world.pass(1s - Duration(1));
  CHECK(world.sent(conn).empty());
  world.pass(Duration(1));
  CHECK(world.sent(conn).ends_with("\r\n\r\nthe body"));
  world.receive(conn, response(200, "done"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "done");
  CHECK(world.engine.hops(id).at(1).reason == HopReason::retry);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("retries: the last response is the result, whatever it says, and the last failure too") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", steadily(2));
  const ConnId conn = go(world);
  for (int i = 0; i < 2; ++i) {
    world.receive(conn, response(503));
    world.pass(1s);
    world.sent(conn);
  }
  world.receive(conn, response(503, "still"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "still");
  CHECK(world.engine.head(id).status == 503);

  const TransferId none = world.add("http://192.0.2.2/", retrying({.max_retries = 1, .delay = 1s, .all_errors = true}));
  for (int i = 0; i < 2; ++i) {
    world.io_error(newest(world), Code::connect_failed, "connect: No route to host");
    CHECK(world.done(none) == (i == 1));
    world.pass(1s);
  }
  CHECK(world.failure(none) == Code::connect_failed);
}

TEST_CASE("retries: without a fixed wait they wait longer each time, by the seed") {
  const auto waits = [](std::uint64_t seed) {
    EngineOptions options;
    options.seed = Seed{seed};
    EngineWorld world(options);
    world.add("http://192.0.2.1/", retrying({.max_retries = 4}));
    const ConnId conn = go(world);
    std::vector<Duration> all;
    for (int i = 0; i < 4; ++i) {
      world.sent(conn);
      world.receive(conn, response(429));
      all.push_back(world.hops_done.back().wait);
      world.pass(all.back());
    }
    return all;
  };
  const auto some = waits(1);
  CHECK(some == waits(1));
  CHECK(some != waits(2));
  for (std::size_t i = 0; i < some.size(); ++i) {
    CHECK(some[i] >= (1 << i) * 500ms);
    CHECK(some[i] <= (1 << i) * 1s);
  }
}

TEST_CASE("retries: Retry-After makes the wait longer, and one past max_time ends the transfer") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", retrying({.max_retries = 9, .delay = 1s, .max_time = 60s}));
  const ConnId conn = go(world);
  world.receive(conn, response(503, "", "Retry-After: 50\r\n"));
  CHECK(world.hops_done.at(0).wait == 50s);
  world.pass(50s);
  world.sent(conn);
  world.receive(conn, response(503, "no", "Retry-After: 11\r\n"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "no");
}

TEST_CASE("retries: a body of which the application has a part is begun again only where the options say so") {
  for (const bool after_head : {false, true}) {
    EngineWorld world;
    TransferOptions options = retrying({.max_retries = 1, .delay = 1s, .all_errors = true, .after_head = after_head});
    const TransferId id = world.add("http://192.0.2.1/", std::move(options));
    ConnId conn = go(world);
    world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    CHECK(world.bodies[id] == "half");
    world.eof(conn);
    if (!after_head) {
      CHECK(world.failure(id) == Code::truncated);
      continue;
    }
    check_hop(world.hops_done.at(0), 200, Code::truncated, 1s);
    world.bodies.clear();
    world.pass(1s);
    conn = go(world);
    world.receive(conn, answer("the whole"));
    CHECK(world.succeeded(id));
    CHECK(world.bodies[id] == "the whole");
    CHECK(world.heads.size() == 2);
  }
}

TEST_CASE("retries: of a response that comes and fails in one read the application is told by the end of its hop") {
  EngineWorld world;
  TransferOptions options = retrying({.max_retries = 1, .delay = 1s, .all_errors = true, .after_head = true});
  const TransferId id = world.add("http://192.0.2.1/", std::move(options));
  world.receive(go(world), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n");
  CHECK(world.heads.empty());
  check_hop(world.hops_done.at(0), 200, Code::malformed_response, 1s);
  world.pass(1s);
  world.receive(go(world), answer("the whole"));
  CHECK(world.succeeded(id));
  CHECK(world.heads.size() == 1);
}

TEST_CASE("retries: a head that is cut short is no response") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", retrying({.max_retries = 1, .delay = 1s, .all_errors = true}));
  for (const bool last : {false, true}) {
    const ConnId conn = go(world);
    world.receive(conn, "HTTP/1.1 503 Busy\r\nRetry-After: 50\r\nServer: ");
    CHECK(world.engine.head(id).status == 0);
    CHECK(world.engine.head(id).fields.empty());
    world.eof(conn);
    CHECK(world.done(id) == last);
    world.pass(1s);
  }
  check_hop(world.hops_done.at(0), 0, Code::truncated, 1s);
  CHECK(world.engine.hops(id).at(0).status == 0);
  CHECK(world.engine.hops(id).at(1).status == 0);
  CHECK(world.engine.head(id).status == 0);
}

TEST_CASE("retries: attempts_timeout is each attempt's, total_timeout ends them all, also while it waits") {
  EngineWorld world;
  TransferOptions options = steadily(1);
  options.attempts_timeout = 5s;
  const TransferId id = world.add("http://192.0.2.1/", options);
  go(world);
  world.pass(5s);
  check_hop(world.hops_done.at(0), 0, Code::attempts_timeout, 1s);
  world.pass(1s);
  go(world);
  world.pass(5s - Duration(1));
  CHECK_FALSE(world.done(id));
  world.pass(Duration(1));
  CHECK(world.failure(id) == Code::attempts_timeout);

  options = retrying({.max_retries = 9, .delay = 10s});
  options.total_timeout = 3s;
  const TransferId whole = world.add("http://192.0.2.1/", options);
  const ConnId conn = go(world);
  world.receive(conn, response(503));
  world.pass(3s);
  CHECK(world.failure(whole) == Code::total_timeout);
}

TEST_CASE("retries: a stream that cannot be given again is not sent again, and the response is the result") {
  EngineWorld world;
  Request request = world.get("http://192.0.2.1/", "PUT");
  request.body = BodyStream{.length = 3};
  const TransferId id = world.add(std::move(request), steadily());
  const ConnId conn = go(world);
  std::memcpy(world.engine.upload_space(id).data(), "abc", 3);
  world.engine.commit_upload(id, 3, world.now);
  world.engine.finish_upload(id, world.now);
  world.drain();
  world.sent(conn);
  world.receive(conn, response(503, "no"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 503);
}

TEST_CASE(
    "SB-48 resend: switched off, a request that met a closed connection fails, and says that it may be sent again") {
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(first));
  TransferOptions once;
  once.resend = false;
  const TransferId id = world.add("http://192.0.2.1/", once);
  world.sent(conn);
  world.eof(conn);
  CHECK(world.failure(id) == Code::connection_closed);
  CHECK(world.results.at(id).error().retry_safe);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("expect: a body from that size on, or of unknown size, is announced; the wait has the given time") {
  TransferOptions options;
  options.expect_continue_from = 5;
  options.continue_timeout = 3s;
  for (const auto& [body, expects] : {std::pair("four", false), std::pair("fives", true)}) {
    EngineWorld world;
    Request request = world.get("http://192.0.2.1/", "PUT");
    request.body = BodyOwned(body);
    world.add(std::move(request), options);
    world.connected(newest(world));
    const std::string sent = world.sent(newest(world));
    CHECK(sent.contains("Expect: 100-continue\r\n") == expects);
    CHECK(sent.ends_with(body) != expects);
    world.pass(3s - Duration(1));
    CHECK(world.sent(newest(world)).empty());
    world.pass(Duration(1));
    CHECK(world.sent(newest(world)) == (expects ? body : ""));
  }
}

TEST_CASE("expect: a 417 is followed by the same request without it, its body from the start") {
  EngineWorld world;
  TransferOptions options;
  options.expect_continue_from = 0;
  Request request = world.get("http://192.0.2.1/", "PUT");
  request.body = BodyOwned("body");
  const TransferId id = world.add(std::move(request), options);
  const ConnId first = go(world);
  world.receive(first, response(417));
  CHECK(world.hops_done.at(0).next == HopReason::expectation);
  const ConnId second = newest(world);
  CHECK(second != first);  // the server may still wait for the body on the first one (SB-61)
  world.connected(second);
  const std::string sent = world.sent(second);
  CHECK_FALSE(sent.contains("Expect"));
  CHECK(sent.ends_with("\r\n\r\nbody"));
  world.receive(second, response(417, "really"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.head(id).status == 417);
  // A request without a body expects nothing.
  const TransferId bare = world.add("http://192.0.2.1/", options);
  CHECK_FALSE(world.sent(second).contains("Expect"));
  world.receive(second, response(417));
  CHECK(world.succeeded(bare));
}
