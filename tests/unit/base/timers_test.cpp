// core/base/timers: what is due when, for which object and why; and the largest possible time.
#include "core/base/timers.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

namespace {
using namespace sluice;

constexpr Now kTimersStart{Instant(Duration(1'000)), 0};
Instant timers_at(std::int64_t ns) { return Instant(Duration(ns)); }
Duration ns(std::int64_t count) { return Duration(count); }
ConnId conn_of(std::uint32_t index) { return {index, 3}; }

// The owners of all that is due at `now`, in the order in which they come out.
std::vector<std::uint32_t> owners_due(Timers& timers, Instant now) {
  std::vector<std::uint32_t> all;
  while (const auto due = timers.pop_due(now)) all.push_back(due->index);
  return all;
}

TEST_CASE("timers: none is set, none is due") {
  Timers timers;
  Timers::Handle handle;
  CHECK_FALSE(timers.is_set(handle));
  CHECK_FALSE(timers.due(handle));
  CHECK_FALSE(timers.earliest());
  CHECK_FALSE(timers.pop_due(Instant::max()));
  timers.cancel(handle);
  CHECK(timers.check_invariants());
}

TEST_CASE("timers: one comes when its time is over, and says for whom and why") {
  Timers timers;
  Timers::Handle handle;
  timers.set(handle, ns(50), TimerKind::idle_timeout, TransferId{7, 9}, kTimersStart);
  CHECK(timers.is_set(handle));
  CHECK(timers.due(handle) == timers_at(1'050));
  const auto earliest = timers.earliest();
  REQUIRE(earliest);
  CHECK(earliest->at == timers_at(1'050));
  CHECK(earliest->why == TimerKind::idle_timeout);
  CHECK_FALSE(timers.pop_due(timers_at(1'049)));
  CHECK(timers.is_set(handle));
  const auto due = timers.pop_due(timers_at(1'050));
  REQUIRE(due);
  CHECK(due->kind == TimerKind::idle_timeout);
  CHECK(due->owner<TransferTag>() == TransferId{7, 9});
  CHECK_FALSE(timers.is_set(handle));
  CHECK_FALSE(timers.due(handle));
  CHECK_FALSE(timers.earliest());
  CHECK_FALSE(timers.pop_due(Instant::max()));
}

TEST_CASE("timers: one that is set again moves, both ways, and may change its kind") {
  Timers timers;
  Timers::Handle handle, other;
  timers.set(handle, ns(50), TimerKind::resolution_delay, conn_of(1), kTimersStart);
  timers.set(other, ns(60), TimerKind::session, conn_of(2), kTimersStart);
  timers.set(handle, ns(70), TimerKind::address_stagger, conn_of(1), kTimersStart);
  CHECK(timers.due(handle) == timers_at(1'070));
  CHECK(timers.earliest()->why == TimerKind::session);
  timers.set(handle, ns(10), TimerKind::address_stagger, conn_of(1), kTimersStart);
  CHECK(timers.due(handle) == timers_at(1'010));
  CHECK(timers.earliest()->why == TimerKind::address_stagger);
  CHECK(owners_due(timers, Instant::max()) == std::vector<std::uint32_t>{1, 2});  // the moved one is there once
}

TEST_CASE("timers: the time is counted from the instant of the call, and one that is over is due at once") {
  Timers timers;
  Timers::Handle first, second, third;
  timers.set(first, ns(50), TimerKind::session, conn_of(1), Now{timers_at(10), 0});
  timers.set(second, ns(5), TimerKind::session, conn_of(2), Now{timers_at(20), 0});
  timers.set(third, ns(0), TimerKind::session, conn_of(3), Now{timers_at(30), 0});
  CHECK(timers.due(first) == timers_at(60));
  CHECK(timers.due(second) == timers_at(25));
  CHECK(timers.due(third) == timers_at(30));
  CHECK(owners_due(timers, timers_at(30)) == std::vector<std::uint32_t>{2, 3});
  CHECK(timers.is_set(first));
}

TEST_CASE("timers: they come by time, those of one instant as they were set") {
  Timers timers;
  std::array<Timers::Handle, 6> handles;
  const std::array<std::int64_t, 6> times = {30, 10, 30, 20, 10, 30};
  for (std::uint32_t i = 0; i < times.size(); ++i)
    timers.set(handles[i], ns(times[i]), TimerKind::session, conn_of(i), kTimersStart);
  timers.set(handles[0], ns(30), TimerKind::session, conn_of(0), kTimersStart);  // again: behind its equals
  CHECK(timers.check_invariants());
  CHECK(owners_due(timers, timers_at(1'009)).empty());
  CHECK(owners_due(timers, timers_at(1'020)) == std::vector<std::uint32_t>{1, 4, 3});
  CHECK(owners_due(timers, timers_at(1'030)) == std::vector<std::uint32_t>{2, 5, 0});
}

TEST_CASE("timers: a canceled one does not come, and can be set again") {
  Timers timers;
  Timers::Handle first, second;
  timers.set(first, ns(10), TimerKind::session, conn_of(1), kTimersStart);
  timers.set(second, ns(20), TimerKind::session, conn_of(2), kTimersStart);
  timers.cancel(first);
  timers.cancel(first);  // again: nothing
  CHECK_FALSE(timers.is_set(first));
  CHECK_FALSE(timers.due(first));
  CHECK(timers.earliest()->at == timers_at(1'020));
  CHECK(owners_due(timers, timers_at(1'020)) == std::vector<std::uint32_t>{2});
  timers.set(second, ns(5), TimerKind::session, conn_of(2), kTimersStart);
  timers.cancel(first);  // its place is another's by now
  CHECK(timers.is_set(second));
  timers.set(first, ns(4), TimerKind::session, conn_of(1), kTimersStart);
  CHECK(owners_due(timers, timers_at(1'020)) == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("timers: nothing is later than the end of time") {
  CHECK(Timers::later(timers_at(5), ns(3)) == timers_at(8));
  CHECK(Timers::later(timers_at(5), ns(0)) == timers_at(5));
  CHECK(Timers::later(timers_at(5), ns(-3)) == timers_at(2));
  const Duration room = Instant::max() - timers_at(5);
  CHECK(Timers::later(timers_at(5), room - ns(1)) == Instant::max() - ns(1));
  CHECK(Timers::later(timers_at(5), room) == Instant::max());
  CHECK(Timers::later(timers_at(5), room + ns(1)) == Instant::max());
  CHECK(Timers::later(timers_at(5), Duration::max()) == Instant::max());
  CHECK(Timers::later(Instant::max(), ns(1)) == Instant::max());
  Timers timers;
  Timers::Handle handle;
  timers.set(handle, Duration::max(), TimerKind::total_timeout, TransferId{1, 1}, kTimersStart);
  CHECK(timers.due(handle) == Instant::max());
  CHECK_FALSE(timers.pop_due(Instant::max() - ns(1)));
  CHECK(timers.pop_due(Instant::max()));
}

}  // namespace
