// Memory that an engine frees as soon as possible: bodies, upload buffers, heads and records, and the memory of many
// transfers. Measured as the process's memory, so independent of the implementation.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/sim/scale.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::int64_t kKiB = 1024;

// How much more is allocated than at the last call of mark().
class Held {
 public:
  Held() { mark(); }
  void mark() { base_ = now(); }
  std::int64_t bytes() const { return now() - base_; }

 private:
  static std::int64_t now() { return static_cast<std::int64_t>(simtest::bytes_in_use()); }
  std::int64_t base_ = 0;
};

}  // namespace

TEST_CASE(
    "memory: a body that was kept for its application is given back when it is consumed, before the transfer ends") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  const TransferId other = world.add("http://192.0.2.2/");
  const ConnId other_conn = go(world);
  const std::string body(60'000, 'b');
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n");
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    if (round == 1) world.receive(conn, std::string(10'000, 'b'));  // the last of it
    Held held;
    if (round == 0) world.receive(conn, body);
    // The landing buffer is used again.
    world.receive(other_conn, round == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na" : "b");
    CHECK(held.bytes() > (round == 0 ? 50 : 5) * kKiB);
    world.engine.consume_body(id, world.engine.body(id).size(), world.now);
    CHECK(held.bytes() < 4 * kKiB);
    world.drain();
  }
  CHECK(world.succeeded(id));
  world.take_body(other);
  world.drain();
  CHECK(world.succeeded(other));
}

TEST_CASE(
    "memory: a streamed upload's buffer is given back when its last byte is on the wire, while the answer is awaited") {
  for (const bool finished_first : {true, false}) {
    CAPTURE(finished_first);
    EngineWorld world;
    Held held;
    const TransferId id = world.add(with_body("POST", BodyStream{}));
    const ConnId conn = go(world);
    supply(world, id, "all of it");
    if (!finished_first) world.sent(conn);
    CHECK(held.bytes() > 60 * kKiB);
    held.mark();
    world.engine.finish_upload(id, world.now);
    world.drain();
    world.sent(conn);
    CHECK(held.bytes() < -60 * kKiB);
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
    check_nothing_left(world);
  }
}

TEST_CASE("memory: a large request head is given back when it is on the wire, while the answer is awaited") {
  EngineWorld world;
  Request request = EngineWorld::get("http://192.0.2.1/");
  REQUIRE(request.fields.add("X-Large", std::string(200'000, 'h')));
  const TransferId id = world.add(std::move(request));
  const ConnId conn = newest(world);
  world.connected(conn);
  Held held;
  world.sent(conn);
  CHECK(held.bytes() < -190 * kKiB);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("memory: a TLS connection keeps no large buffer of records after an upload") {
  TlsWorld world;
  const ConnId conn = world.one_whole_get();
  const std::string bytes(400'000, 'u');
  Held held;
  const TransferId id = world.add(with_body("PUT", BodyView{as_bytes(bytes)}, "https://example.org/"), world.options);
  world.carry(conn);
  CHECK(world.server(conn).plain().size() > bytes.size());
  std::string().swap(world.server(conn).plain());
  CHECK(held.bytes() < 40 * kKiB);
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(id));
  world.remove(id);
  CHECK(held.bytes() < 24 * kKiB);
  check_nothing_left(world);
}

TEST_CASE("memory: what a flood of transfers and their outputs took goes back, but for a few places") {
  constexpr std::size_t kFlood = 5'000;
  EngineOptions options;
  options.max_connections = 1;
  Engine engine(options);
  const Now now{Instant{std::chrono::seconds(1000)}, 1'800'000'000};
  const Request request = EngineWorld::get("http://192.0.2.1/");
  std::vector<TransferId> ids;
  ids.reserve(kFlood);
  Held held;
  for (std::size_t i = 0; i < kFlood; ++i) ids.push_back(*engine.add(request, {}, now));
  const std::int64_t most = held.bytes();
  CHECK(most > 1'000 * kKiB);
  for (const TransferId id : ids) engine.remove(id, now);
  std::size_t ended = 0;
  while (const auto out = engine.poll_output()) ended += std::holds_alternative<output::Done>(*out) ? 1U : 0U;
  CHECK(ended == kFlood);
  CHECK(engine.connections() == 0);
  CHECK(held.bytes() < 400 * kKiB);
  // And again: what was given back is not missed.
  for (TransferId& id : ids) id = *engine.add(request, {}, now);
  CHECK(engine.running() == kFlood);
}
