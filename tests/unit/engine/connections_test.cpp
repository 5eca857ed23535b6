// core/engine/connections: a driver's calls about a connection, the outputs for it, and the single path to Close.
#include "core/engine/connections.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "core/base/limits.hpp"
#include "tests/support/mux_session.hpp"
#include "tests/unit/engine/engine_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using channel::ChannelPhase;
using engine::Job;
using engine::PooledConnection;

constexpr std::string_view kPlace = "http://192.0.2.1/";

// A connection that carries one exchange over HTTP/1.
struct OneExchange : ConnectionsBench {
  explicit OneExchange(std::string_view method = "GET")
      : job(active(method)), connection(stand(endpoint(job))), stream(start()) {}
  Job& active(std::string_view method) {
    Job& added = *jobs.find(*try_add(Request(std::string(method), good(kPlace)), {}));
    take_out(added);
    added.enter(flow::TransferPhase::active);
    return added;
  }
  http::StreamId start() { return carry(connection, job), job.stream; }
  // The wire takes the request whole.
  void send() {
    std::vector<http::StreamId> moved;
    connection.channel.sent(connection.channel.transmit().size_bytes(), moved, now);
  }

  Job& job;
  PooledConnection& connection;
  http::StreamId stream;
};

// ---- what the driver may do ----

TEST_CASE(
    "connections: one that is being connected may do nothing, one that stands is read, and written while it has something to send") {
  ConnectionsBench bench;
  PooledConnection& connecting = *bench.connections.begin();
  CHECK(bench.connections.find(connecting.id) == &connecting);
  CHECK(bench.connections.open() == 1);
  CHECK(connecting.channel.phase() == ChannelPhase::connecting);
  CHECK(bench.connections.interest(connecting) == Interest{false, false});
  CHECK(bench.connections.receive_space(connecting).empty());
  CHECK(bench.connections.find(ConnId{}) == nullptr);
  OneExchange one;
  CHECK(one.connections.interest(one.connection) == Interest{true, true});
  one.send();
  CHECK(one.connections.interest(one.connection) == Interest{true, false});
  one.connections.check_invariants();
}

TEST_CASE("connections: after a send that failed nothing is written any more, and reading goes on") {
  OneExchange one;
  one.connection.write_broken = true;
  CHECK(one.connections.interest(one.connection) == Interest{true, false});
}

TEST_CASE("connections: as much is read as its transfer has room for, and nothing once it has none") {
  OneExchange one;
  CHECK(one.connections.readable_bytes(one.connection) == limits::kLandingBytes);
  const std::string body(limits::kBodyBufferBytes, 'b');
  one.jobs.add_body(one.job, as_bytes(body).first(60 * 1024));
  CHECK(one.connections.readable_bytes(one.connection) == 4 * 1024);
  CHECK(one.connections.receive_space(one.connection).size() == 4 * 1024);
  one.jobs.add_body(one.job, as_bytes(body).first(4 * 1024));
  CHECK(one.connections.readable_bytes(one.connection) == 0);
  CHECK(one.connections.receive_space(one.connection).empty());
  CHECK_FALSE(one.connections.interest(one.connection).read);
  one.job.body.consume(60 * 1024);
  CHECK(one.connections.receive_space(one.connection).size() == 60 * 1024);
}

TEST_CASE("connections: where exchanges run side by side none of them stops the reading") {
  ConnectionsBench bench;
  Job& job = bench.add_active(kPlace);
  PooledConnection& connection = bench.stand(bench.endpoint(job), std::make_unique<MuxSession>(2));
  bench.carry(connection, job);
  const std::string body(limits::kBodyBufferBytes, 'b');
  bench.jobs.add_body(job, as_bytes(body));
  CHECK(bench.connections.readable_bytes(connection) == limits::kLandingBytes);
}

TEST_CASE(
    "connections: what has landed is kept before the landing buffer is given out again, to whichever connection") {
  OneExchange one;
  Job& other = one.add_active(kPlace);
  PooledConnection& second = one.stand(one.endpoint(other));
  const MutableBytes first = one.connections.receive_space(one.connection);
  CHECK(first.data() == one.connections.landing().wire().data());
  std::ranges::copy(as_bytes("hello"), first.begin());
  one.jobs.add_body(one.job, Bytes(first).first(5));
  const MutableBytes next = one.connections.receive_space(second);
  CHECK(next.data() == first.data());
  std::ranges::copy(as_bytes("xxxxx"), next.begin());
  CHECK(as_text(one.job.body.front()) == "hello");
}

TEST_CASE("connections: a used one is looked at before a request that must not be repeated goes out on it") {
  for (const std::string_view method : {"POST", "GET"}) {
    CAPTURE(method);
    OneExchange one(method);
    const bool looks = method == "POST";
    CHECK_FALSE(one.connections.must_look_first(one.connection));  // it is new
    one.connection.was_idle = true;
    CHECK(one.connections.must_look_first(one.connection) == looks);
    one.connection.was_idle = false;
    one.connection.exchanges_carried = 2;
    CHECK(one.connections.must_look_first(one.connection) == looks);
    one.send();
    CHECK_FALSE(one.connections.must_look_first(one.connection));  // bytes of it have left
  }
}

// ---- what the driver is told ----

TEST_CASE("connections: a changed interest is told once until it was taken") {
  OneExchange one;
  one.connections.interest_changed(one.connection);
  one.connections.interest_changed(one.connection);
  CHECK(one.said<output::InterestChanged>().conn == one.connection.id);
  CHECK(one.outbox.empty());
  CHECK(one.connections.takes_interest(one.connection.id));
  one.connections.interest_changed(one.connection);
  CHECK(one.said<output::InterestChanged>().conn == one.connection.id);
  CHECK_FALSE(one.connections.has_deferred());
}

TEST_CASE(
    "connections: of the one that a fact is about, of one that is not there yet, and of one that is closed nothing is told") {
  OneExchange one;
  one.connections.set_current(one.connection.id);
  one.connections.interest_changed(one.connection);
  CHECK(one.tells() == "");
  one.connections.set_current({});
  PooledConnection& connecting = *one.connections.begin();
  one.connections.interest_changed(connecting);
  CHECK(one.tells() == "");
  one.connections.interest_changed(one.connection);
  one.uncarry(one.connection, one.job);
  one.connections.close(one.connection, false);
  CHECK_FALSE(one.connections.takes_interest(one.connection.id));  // it was told, and is not true any more
  CHECK_FALSE(one.connections.takes_interest(ConnId{}));
  CHECK(one.tells() == "interest c0; done t0; close c0");
  one.connections.interest_changed(one.connection);
  CHECK(one.tells() == "");
}

// ---- the end ----

TEST_CASE("connections: one that is closed leaves the pool and its timers at once, and its id with the next fact") {
  OneExchange one;
  one.uncarry(one.connection, one.job);
  REQUIRE_FALSE(one.pool.released(one.connection, true, one.now));
  one.timers.set(one.connection.session_timer, std::chrono::seconds(1), TimerKind::session, one.connection.id, one.now);
  CHECK(one.timers.is_set(one.connection.expiry_timer));
  CHECK(one.pool.idle_connections() == 1);
  one.tells();
  const ConnId id = one.connection.id;
  one.connections.close(one.connection, true);
  CHECK(one.tells() == "close c0");
  CHECK(one.connections.open() == 0);
  CHECK(one.pool.open() == 0);
  CHECK(one.pool.idle_connections() == 0);
  CHECK_FALSE(one.timers.earliest());
  CHECK(one.connection.is_closed());
  CHECK(one.connections.find(id) == &one.connection);
  CHECK(one.connections.interest(one.connection) == Interest{false, false});
  CHECK(one.connections.receive_space(one.connection).empty());
  one.connections.check_invariants();
  one.connections.release_closed();
  CHECK(one.connections.find(id) == nullptr);
}

TEST_CASE("connections: one that never stood is not the pool's to give up") {
  ConnectionsBench bench;
  PooledConnection& connecting = *bench.connections.begin();
  PooledConnection& other = *bench.connections.begin();
  bench.connections.close(connecting, false);
  CHECK(bench.tells() == "close c0");
  CHECK(bench.connections.open() == 1);
  CHECK(bench.pool.open() == 0);
  bench.connections.release_closed();
  CHECK(bench.connections.find(other.id) == &other);
  const ConnId next = bench.connections.begin()->id;
  CHECK(next.index == 0);  // the place of the closed one, under another id
  CHECK(next.generation != 0);
}

// A layer that has only a goodbye to say.
struct PoliteLayer final : Layer {
  std::string_view task() const override { return "greeting"; }
  Code failure() const override { return Code::internal; }
  Pump start(std::vector<std::uint8_t>&, Now) override { return Pump::need_input; }
  Pump decode(Bytes&, MutableBytes&, std::vector<std::uint8_t>&, Now) override { return Pump::need_input; }
  Pump encode(Bytes&, std::vector<std::uint8_t>&, std::size_t, Now) override { return Pump::need_input; }
  bool established() const override { return true; }
  StreamEnd stream_end() const override { return StreamEnd::bare; }
  void close(std::vector<std::uint8_t>& out) noexcept override { out.push_back('.'); }
  const Error& error() const override { return none; }
  Error none;
};

TEST_CASE("connections: a goodbye is said where it was asked for, and never after a send that failed") {
  for (const auto& [goodbye, broken] : {std::pair(true, false), std::pair(false, false), std::pair(true, true)}) {
    CAPTURE(goodbye);
    CAPTURE(broken);
    ConnectionsBench bench;
    Job& job = bench.add_active(kPlace);
    PooledConnection& connection = *bench.connections.begin();
    pool::DialSlot dial;
    bench.pool.dial_begun(dial, bench.endpoint(job), bench.now);
    connection.endpoint = job.endpoint;
    connection.channel.push_layer(std::make_unique<PoliteLayer>());
    connection.channel.start(bench.now);
    REQUIRE(connection.channel.become_ready());
    connection.channel.set_session(http1::make_session());
    bench.pool.dial_ended(dial, true);
    connection.write_broken = broken;
    bench.connections.close(connection, goodbye);
    CHECK(connection.channel.has_output() == (goodbye && !broken));
  }
}

// ---- when memory runs out ----

TEST_CASE("connections: all are given up without memory, and each Close is owed until it is taken") {
  OneExchange one;
  PooledConnection& connecting = *one.connections.begin();
  PooledConnection& closed = *one.connections.begin();
  one.connections.close(closed, false);
  CHECK(one.tells() == "close c2");
  one.pool.reset();
  one.connections.give_up();
  one.jobs.give_up(one.now.steady);
  CHECK(one.connections.open() == 0);
  CHECK(one.connection.is_closed());
  CHECK(connecting.is_closed());
  CHECK(one.outbox.empty());
  REQUIRE(one.connections.has_deferred());
  one.connections.check_invariants();
  const auto first = one.connections.take_deferred();
  REQUIRE(first);
  CHECK(std::get<output::Close>(*first).conn == one.connection.id);
  // With memory back they go where all the others are, in the order of their places.
  one.connections.queue_deferred();
  CHECK_FALSE(one.connections.has_deferred());
  CHECK(one.tells() == "close c1");
  one.connections.release_closed();
  CHECK(one.connections.find(one.connection.id) == nullptr);
}

TEST_CASE("connections: an interest that is owed is dropped where a Close is owed as well") {
  OneExchange one;
  PooledConnection& other = *one.connections.begin();
  one.connections.give_up();
  one.connection.interest_deferred = true;  // as where neither had found room
  PooledConnection& later = *one.connections.begin();
  later.interest_deferred = later.interest_announced = true;
  later.channel.start(one.now);
  one.connections.queue_deferred();
  CHECK_FALSE(later.interest_announced);
  CHECK_FALSE(other.close_deferred);
  CHECK(one.tells() == "close c0; close c1; interest c2");
}

}  // namespace
