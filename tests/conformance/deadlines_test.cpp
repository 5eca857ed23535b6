// Deadlines run out in time, also when no descriptor has anything to say.
#include <deque>
#include <thread>

#include "tests/conformance/world.hpp"
#include "tests/support/full_port.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

// A loop that does not see to the deadline would not wake up for it at all; the rest is for a busy machine.
constexpr Milliseconds kLateness = 1000ms;

// Takes nothing, so that nothing is watched after a while.
struct Refusing : Get {
  Instant ended;
  using Get::Get;
  std::size_t on_body(Multi&, TransferId, Bytes) override { return 0; }
  void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
    Get::on_done(multi, id, end);
    ended = multi.now();
  }
};

TransferOptions total(Milliseconds timeout) {
  TransferOptions options;
  options.total_timeout = timeout;
  return options;
}

std::optional<Code> code_of(const Result<void>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

}  // namespace

TEST_CASE_FIXTURE(World, "the time of paused transfers runs out in time, though nothing is watched") {
  std::deque<Refusing> all;
  const Instant begin = multi().now();
  constexpr Milliseconds kTimes[] = {250ms, 150ms, 200ms, 150ms};
  for (std::size_t i = 0; i < 4; ++i) {
    get(all.emplace_back(3'000'000, i), i % 2 == 0 ? Scheme::plain : Scheme::tls, total(kTimes[i]));
  }
  REQUIRE(run());
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(code_of(all[i].result) == Code::total_timeout);
    CHECK(all[i].ended >= begin + kTimes[i]);
    CHECK(all[i].ended < begin + kTimes[i] + kLateness);
  }
}

TEST_CASE_FIXTURE(World, "the time of transfers that wait for a connection runs out in time") {
  MultiOptions options;
  options.engine.max_connections = 1;
  use(std::move(options));
  Refusing first(3'000'000, 1);
  std::deque<Refusing> queue;
  const TransferId blocker = get(first);
  REQUIRE(until([&] { return first.heads == 1; }));
  const Instant begin = multi().now();
  for (std::size_t i = 0; i < 3; ++i) get(queue.emplace_back(10, i), Scheme::plain, total(100ms));
  REQUIRE(loop().run_until([&] { return multi().running() == 1; }, kLong));
  CHECK(multi().now() < begin + 100ms + kLateness);
  for (const Refusing& one : queue) {
    CHECK(code_of(one.result) == Code::total_timeout);
    CHECK(one.ended >= begin + 100ms);
  }
  multi().remove(blocker);
}

TEST_CASE_FIXTURE(World, "a connect that hangs is given up in time") {
  const test::FullPort full;
  Refusing one(0, 0), other(0, 0);
  Request hangs;
  hangs.url = Url::parse(full.url()).value();
  TransferOptions options;
  options.connect_timeout = 120ms;
  const Instant begin = multi().now();
  add(hangs, one, options);
  add(hangs, other, total(180ms));
  REQUIRE(run());
  CHECK(code_of(one.result) == Code::connect_timeout);
  CHECK(code_of(other.result) == Code::total_timeout);
  CHECK(one.ended >= begin + 120ms);
  CHECK(other.ended >= begin + 180ms);
  CHECK(other.ended < begin + 180ms + kLateness);
}

TEST_CASE_FIXTURE(World, "a deadline that is nearer than the one waited for counts from when it is added") {
  Refusing far(10, 0, "hold"), near(10, 0, "hold"), third(10, 0, "hold");
  const TransferId waits = get(far, Scheme::plain, total(60'000ms));
  REQUIRE(until([&] { return server().held() == 1; }));
  turns_within(20ms);
  // From a timer of the application's, while the loop is between two waits for the far one.
  Instant begin;
  int timer = 0;
  timer = loop().every(10ms, [&] {
    loop().cancel(timer);
    begin = multi().now();
    get(near, Scheme::plain, total(100ms));
  });
  REQUIRE(loop().run_until([&] { return near.dones == 1; }, kLong));
  CHECK(near.ended >= begin + 100ms);
  CHECK(near.ended < begin + 100ms + kLateness);
  CHECK(code_of(near.result) == Code::total_timeout);
  // Outside of the loop altogether, and the far one is no longer there.
  multi().remove(waits);
  begin = multi().now();
  get(third, Scheme::plain, total(50ms));
  REQUIRE(run());
  CHECK(third.ended < begin + 50ms + kLateness);
}

TEST_CASE_FIXTURE(World, "deadlines that ran out while the loop was busy elsewhere are seen to as soon as it is back") {
  std::deque<Refusing> all;
  for (std::size_t i = 0; i < 5; ++i) get(all.emplace_back(10, 0, "hold"), Scheme::plain, total(40ms + i * 5ms));
  Get good(100'000, 1);
  get(good);
  REQUIRE(until([&] { return server().requests() == 6; }));
  Instant back;
  int timer = 0;
  timer = loop().every(1ms, [&] {
    loop().cancel(timer);
    std::this_thread::sleep_for(100ms);
    back = multi().now();
  });
  REQUIRE(run());
  for (const Refusing& one : all) {
    CHECK(code_of(one.result) == Code::total_timeout);
    CHECK(one.ended < back + kLateness);
  }
  CHECK(good.complete());
}
