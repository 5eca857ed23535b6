// Deadlines expire on time, also without any event on a descriptor.
#include <algorithm>
#include <deque>

#include "tests/conformance/world.hpp"
#include "tests/support/run_delay.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

// How late the end of a deadline may be heard of, in the best of three tries: the machine does other things too.
constexpr Milliseconds kLateness = 50ms;

// `attempt` answers how late the latest was. Time in which this thread wanted a core and other programs had them is not
// the loop's.
template <class Attempt>
void in_time(Attempt attempt) {
  Duration best = Duration::max();
  for (int i = 0; i < 3 && best >= kLateness; ++i) {
    const auto before = test::run_delay();
    const Duration late = attempt();
    best = std::min(best, late - std::chrono::duration_cast<Duration>(test::run_delay() - before));
  }
  CHECK_MESSAGE(best < kLateness, "late by ", std::chrono::duration_cast<Milliseconds>(best).count(), " ms");
}

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

TEST_CASE_VERSIONS("the time of paused transfers runs out in time, though nothing is watched") {
  in_time([&] {
    std::deque<Refusing> all;
    const Instant begin = multi().now();
    constexpr Milliseconds kTimes[] = {250ms, 150ms, 200ms, 150ms};
    for (std::size_t i = 0; i < 4; ++i) {
      get(all.emplace_back(3'000'000, i), i % 2 == 0 ? Scheme::plain : Scheme::tls, total(kTimes[i]));
    }
    REQUIRE(run());
    Duration late{};
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(code_of(all[i].result) == Code::total_timeout);
      CHECK(all[i].ended >= begin + kTimes[i]);
      late = std::max(late, all[i].ended - (begin + kTimes[i]));
    }
    return late;
  });
}

TEST_CASE_FIXTURE(World, "the time of transfers that wait for a connection runs out in time") {
  MultiOptions options;
  options.engine.max_connections = 1;
  use(std::move(options));
  Refusing first(3'000'000, 1);
  const TransferId blocker = get(first);
  REQUIRE(until([&] { return first.heads == 1; }));
  in_time([&] {
    std::deque<Refusing> queue;
    const Instant begin = multi().now();
    for (std::size_t i = 0; i < 3; ++i) get(queue.emplace_back(10, i), Scheme::plain, total(100ms));
    REQUIRE(loop().run_until([&] { return multi().running() == 1; }, kLong));
    const Instant end = multi().now();
    for (const Refusing& one : queue) {
      CHECK(code_of(one.result) == Code::total_timeout);
      CHECK(one.ended >= begin + 100ms);
    }
    return end - (begin + 100ms);
  });
  multi().remove(blocker);
}

TEST_CASE_FIXTURE(World, "a connect that hangs is given up in time") {
  const std::string url = server().hanging_url();
  in_time([&] {
    Refusing one(0, 0), other(0, 0);
    Request hangs;
    hangs.url = Url::parse(url).value();
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
    return std::max(one.ended - (begin + 120ms), other.ended - (begin + 180ms));
  });
}

TEST_CASE_VERSIONS("a deadline that is nearer than the one waited for counts from when it is added") {
  Refusing far(10, 0, "hold");
  const TransferId waits = get(far, Scheme::plain, total(60'000ms));
  REQUIRE(until([&] { return server().held() == 1; }));
  turns_within(20ms);
  in_time([&] {
    Refusing near(10, 0, "hold");
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
    CHECK(code_of(near.result) == Code::total_timeout);
    return near.ended - (begin + 100ms);
  });
  // Outside of the loop altogether, and the far one is no longer there.
  multi().remove(waits);
  in_time([&] {
    Refusing third(10, 0, "hold");
    const Instant begin = multi().now();
    get(third, Scheme::plain, total(50ms));
    REQUIRE(run());
    return third.ended - (begin + 50ms);
  });
}

TEST_CASE_VERSIONS("deadlines that ran out while the loop was busy elsewhere are seen to as soon as it is back") {
  in_time([&] {
    std::deque<Refusing> all;
    const int before = server().requests();
    for (std::size_t i = 0; i < 5; ++i) get(all.emplace_back(10, 0, "hold"), Scheme::plain, total(40ms + i * 5ms));
    Get good(100'000, 1);
    get(good);
    REQUIRE(until([&] { return server().requests() == before + 6; }));
    Instant back;
    int timer = 0;
    timer = loop().every(1ms, [&] {
      loop().cancel(timer);
      server().busy_for(100ms);
      back = multi().now();
    });
    REQUIRE(run());
    Duration late{};
    for (const Refusing& one : all) {
      CHECK(code_of(one.result) == Code::total_timeout);
      late = std::max(late, one.ended - back);
    }
    CHECK(good.complete());
    return late;
  });
}
