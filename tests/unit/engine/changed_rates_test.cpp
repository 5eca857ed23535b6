// The rates of all transfers together (EngineLimits), changed while exchanges run: they hold at once.
#include <doctest/doctest.h>

#include "core/transfer_limits.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

std::string head_of_body(std::size_t bytes) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

// Runs the timers up to `time` from now, and takes after each all that may come or go: gives how much that was.
template <class Take>
std::size_t taken_within(EngineWorld& world, Duration time, Take take) {
  const Instant end = world.now.steady + time;
  std::size_t taken = take();
  for (int steps = 0; steps < 10'000; ++steps) {
    const auto due = world.engine.deadline();
    if (!due || due->at > end) break;
    world.pass(std::max(due->at - world.now.steady, Duration::zero()));
    taken += take();
  }
  world.pass(end - world.now.steady);
  return taken;
}

std::size_t received_within(EngineWorld& world, ConnId conn, Duration time) {
  const std::string bytes(1'000'000, 'x');
  return taken_within(world, time, [&] {
    return world.engine.interest(conn).read ? world.receive(conn, std::string_view(bytes).substr(0, 50'000)) : 0;
  });
}

void set_rates(EngineWorld& world, std::optional<std::uint64_t> receive, std::optional<std::uint64_t> send) {
  EngineLimits limits;
  limits.max_receive_rate = receive;
  limits.max_send_rate = send;
  world.engine.set_limits(limits, world.now);
  world.drain();
}

TransferOptions without_timers() {
  TransferOptions options;
  options.connect_timeout.reset();
  return options;
}

}  // namespace

TEST_CASE("changed rates: one that is set holds for a response that runs, one that is lifted no more") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", without_timers());
  const ConnId conn = go(world);
  world.receive(conn, head_of_body(10'000'000));
  CHECK(received_within(world, conn, 0s) == 50'000);
  set_rates(world, 10'000, std::nullopt);
  const std::size_t slow = received_within(world, conn, 10s);
  CHECK(slow > 80'000);
  CHECK(slow <= 110'000);
  set_rates(world, 100'000, std::nullopt);
  const std::size_t faster = received_within(world, conn, 10s);
  CHECK(faster > 800'000);
  CHECK(faster <= 1'100'000);
  set_rates(world, 1'000, std::nullopt);
  CHECK(received_within(world, conn, 10s) <= 11'000);
  set_rates(world, std::nullopt, std::nullopt);
  CHECK(world.engine.interest(conn).read);
  CHECK(received_within(world, conn, 0s) == 50'000);
  CHECK_FALSE(world.engine.deadline().has_value());
  world.remove(id);
  check_nothing_left(world);
}

TEST_CASE("changed rates: many that run share a new rate, and get no more together") {
  EngineWorld world;
  std::vector<ConnId> conns;
  for (int i = 0; i < 50; ++i) {
    world.add("http://192.0.2." + std::to_string(i + 1) + "/", without_timers());
    conns.push_back(go(world));
    world.receive(conns.back(), head_of_body(10'000'000));
  }
  set_rates(world, 20'000, std::nullopt);
  std::map<ConnId, std::size_t> shares;
  const std::string bytes(50'000, 'x');
  const std::size_t all = taken_within(world, 10s, [&] {
    std::size_t taken = 0;
    for (const ConnId conn : conns) {
      const std::size_t its = world.engine.interest(conn).read ? world.receive(conn, bytes) : 0;
      shares[conn] += its;
      taken += its;
    }
    return taken;
  });
  CHECK(all > 150'000);
  CHECK(all <= 230'000);
  for (const ConnId conn : conns) CHECK(shares[conn] > 0);
}

TEST_CASE("changed rates: a request body, of declared length, streamed, and in chunks") {
  for (const std::string kind : {"fixed", "streamed", "chunked"}) {
    CAPTURE(kind);
    EngineWorld world;
    RequestBody body = BodyOwned{std::string(2'000'000, 'x')};
    if (kind == "streamed") body = BodyStream{.length = 2'000'000};
    if (kind == "chunked") body = BodyStream{};
    const TransferId id = world.add(with_body("PUT", std::move(body)), without_timers());
    const ConnId conn = newest(world);
    world.connected(conn);
    const std::string bytes(1'000'000, 'x');
    const auto send = [&](Duration time) {
      return taken_within(world, time, [&] {
        if (kind != "fixed") supply(world, id, bytes);
        return world.sent(conn, 100'000).size();
      });
    };
    CHECK(send(0s) > 60'000);
    set_rates(world, std::nullopt, 10'000);
    const std::size_t slow = send(20s);
    CHECK(slow > 150'000);
    // A chunk that was framed already is sent, and paid for afterwards.
    CHECK(slow <= 230'000 + 70'000);
    set_rates(world, std::nullopt, std::nullopt);
    CHECK(send(0s) > 60'000);
    world.remove(id);
    check_nothing_left(world);
  }
}

TEST_CASE("changed rates: what a driver was sending already when a rate became lower was sent") {
  for (const std::string kind : {"fixed", "chunked"}) {
    CAPTURE(kind);
    EngineWorld world;
    RequestBody body = kind == "fixed" ? RequestBody(BodyOwned{std::string(200'000, 'x')}) : RequestBody(BodyStream{});
    const TransferId id = world.add(with_body("PUT", std::move(body)), without_timers());
    const ConnId conn = newest(world);
    world.connected(conn);
    if (kind == "chunked") supply(world, id, std::string(30'000, 'x'));
    const std::size_t taken = world.engine.transmit(conn).size_bytes();
    REQUIRE(taken > 30'000);
    set_rates(world, std::nullopt, 1'000);
    const std::size_t left = kind == "fixed" ? 1 : 0;
    world.engine.handle_sent(conn, taken - left, world.now);
    world.drain();
    CHECK(world.engine.progress(id).sent_body_bytes == (left == 1 ? 199'999 : 30'000));
    CHECK_FALSE(world.engine.interest(conn).write);
    CHECK(world.engine.deadline().has_value());  // the rest has to wait
    world.remove(id);
    check_nothing_left(world);
  }
}

TEST_CASE("changed rates: an exchange that began under a rate of the other direction") {
  EngineOptions options;
  options.max_send_rate = 1'000;
  EngineWorld world(options);
  world.add("http://192.0.2.1/", without_timers());
  const ConnId conn = go(world);
  world.receive(conn, head_of_body(10'000'000));
  CHECK(received_within(world, conn, 0s) == 50'000);
  set_rates(world, 10'000, 1'000);
  CHECK(received_within(world, conn, 10s) <= 110'000);
}

TEST_CASE("changed rates: those of the transfer itself stay") {
  EngineWorld world;
  TransferOptions options = without_timers();
  options.limits = std::make_shared<const TransferLimits>(TransferLimits{.max_receive_rate = 5'000});
  world.add("http://192.0.2.1/", options);
  const ConnId conn = go(world);
  world.receive(conn, head_of_body(10'000'000));
  set_rates(world, 100'000, std::nullopt);
  CHECK(received_within(world, conn, 10s) <= 60'000);
  set_rates(world, std::nullopt, std::nullopt);
  CHECK(received_within(world, conn, 10s) <= 60'000);
}
