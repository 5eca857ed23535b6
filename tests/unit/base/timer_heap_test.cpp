// TimerHeap: order, ties, changes and removal; and a long random run compared with std::multimap.
#include "core/base/timer_heap.hpp"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <vector>

#include "core/base/random.hpp"

namespace {
using namespace sluice;
using Handle = TimerHeap::Handle;

Instant at(std::int64_t ns) { return Instant(Duration(ns)); }
TransferId owner(std::uint32_t index) { return {index, 7}; }

TEST_CASE("an empty heap has nothing to say") {
  TimerHeap heap;
  CHECK_FALSE(heap.earliest());
  CHECK_FALSE(heap.pop_due(Instant::max()));
  CHECK(heap.size() == 0);
  Handle never_set;
  CHECK_FALSE(heap.is_set(never_set));
  heap.cancel(never_set);
  CHECK(heap.check_invariants());
}

TEST_CASE("an entry comes out whole") {
  TimerHeap heap;
  Handle handle;
  REQUIRE(heap.set(handle, at(5), 3, TransferId{11, 22}));
  const auto entry = heap.pop_due(at(5));
  REQUIRE(entry);
  CHECK(entry->at == at(5));
  CHECK(entry->kind == 3);
  CHECK(entry->owner<TransferTag>() == TransferId{11, 22});
}

TEST_CASE("due means at or before now, and not a nanosecond sooner") {
  TimerHeap heap;
  Handle handle;
  heap.set(handle, at(10), 0, owner(1));
  CHECK_FALSE(heap.pop_due(at(9)));
  CHECK(heap.earliest()->at == at(10));
  CHECK(heap.pop_due(at(10)));
  CHECK_FALSE(heap.pop_due(at(11)));
  CHECK_FALSE(heap.earliest());
}

TEST_CASE("entries come out by time, and those of one instant as they were set") {
  TimerHeap heap;
  std::array<Handle, 8> handles;
  const std::array<std::int64_t, 8> times = {5, 3, 5, 1, 3, 5, 3, 5};
  for (std::uint32_t i = 0; i < times.size(); ++i) heap.set(handles[i], at(times[i]), 0, owner(i));
  for (const std::uint32_t expected : {3U, 1U, 4U, 6U, 0U, 2U, 5U, 7U}) CHECK(heap.pop_due(at(9))->index == expected);
  CHECK(heap.empty());
}

TEST_CASE("a timer that is set again moves, both ways, and stands last among its equals") {
  TimerHeap heap;
  Handle a;
  Handle b;
  Handle c;
  heap.set(a, at(10), 0, owner(1));
  heap.set(b, at(20), 0, owner(2));
  heap.set(c, at(30), 0, owner(3));
  heap.set(c, at(5), 9, owner(4));
  CHECK(heap.size() == 3);
  CHECK(heap.earliest()->index == 4);
  CHECK(heap.earliest()->kind == 9);
  heap.set(c, at(40), 0, owner(3));
  CHECK(heap.earliest()->index == 1);
  heap.set(a, at(20), 0, owner(1));
  CHECK(heap.pop_due(at(99))->index == 2);
  CHECK(heap.pop_due(at(99))->index == 1);
  CHECK(heap.pop_due(at(99))->index == 3);
}

TEST_CASE("canceling takes an entry out of the middle") {
  TimerHeap heap;
  std::array<Handle, 20> handles;
  for (std::uint32_t i = 0; i < 20; ++i) heap.set(handles[i], at(100 - i), 0, owner(i));
  for (std::uint32_t i = 0; i < 20; i += 3) {
    heap.cancel(handles[i]);
    CHECK_FALSE(heap.is_set(handles[i]));
    CHECK(heap.check_invariants());
    heap.cancel(handles[i]);  // again: nothing
  }
  CHECK(heap.size() == 13);
  for (std::uint32_t i = 20; i-- > 0;) {
    if (i % 3 != 0) CHECK(heap.pop_due(at(1000))->index == i);
  }
  CHECK(heap.empty());
}

TEST_CASE("a handle whose entry was popped never reaches the entry that has its slot now") {
  TimerHeap heap;
  Handle old;
  Handle young;
  heap.set(old, at(1), 0, owner(1));
  CHECK(heap.pop_due(at(1)));
  CHECK_FALSE(heap.is_set(old));
  heap.set(young, at(2), 0, owner(2));
  CHECK(young.slot == old.slot);
  CHECK_FALSE(heap.is_set(old));
  heap.cancel(old);
  CHECK(heap.is_set(young));
  Handle stale;
  stale.slot = young.slot;
  heap.set(stale, at(3), 0, owner(3));  // makes an entry of its own
  CHECK(heap.size() == 2);
  CHECK(heap.pop_due(at(9))->index == 2);
  CHECK(heap.pop_due(at(9))->index == 3);
}

TEST_CASE("a random run of 50,000 steps does what a multimap does") {
  struct Model {
    std::multimap<Instant, std::uint32_t> due;
    std::vector<std::multimap<Instant, std::uint32_t>::iterator> where;
    std::vector<bool> set;
    void remove(std::size_t i) {
      if (set[i]) due.erase(where[i]);
      set[i] = false;
    }
  };
  constexpr std::uint32_t kTimers = 300;
  Random random(Seed{20240607});
  TimerHeap heap;
  std::vector<Handle> handles(kTimers);
  Model model;
  model.where.resize(kTimers);
  model.set.resize(kTimers);
  std::int64_t now = 0;
  for (int step = 0; step < 50'000; ++step) {
    const auto i = static_cast<std::uint32_t>(random.below(kTimers));
    const std::uint64_t what = random.below(10);
    if (what < 6) {
      const Instant when = at(now + static_cast<std::int64_t>(random.below(200)));  // many ties
      REQUIRE(heap.set(handles[i], when, 0, owner(i)));
      model.remove(i);
      model.where[i] = model.due.emplace(when, i);  // behind its equals
      model.set[i] = true;
    } else if (what < 8) {
      heap.cancel(handles[i]);
      model.remove(i);
    } else {
      now += static_cast<std::int64_t>(random.below(20));
      while (const auto entry = heap.pop_due(at(now))) {
        REQUIRE_FALSE(model.due.empty());
        REQUIRE(entry->at == model.due.begin()->first);
        REQUIRE(entry->index == model.due.begin()->second);
        model.remove(entry->index);
      }
      REQUIRE((model.due.empty() || model.due.begin()->first > at(now)));
    }
    REQUIRE(heap.size() == model.due.size());
    REQUIRE(heap.is_set(handles[i]) == model.set[i]);
    if (step % 500 == 0) REQUIRE(heap.check_invariants());
    if (!model.due.empty()) REQUIRE(heap.earliest()->at == model.due.begin()->first);
  }
}

TEST_CASE("room that was reserved is room that is there; too much is refused") {
  TimerHeap heap;
  CHECK(heap.reserve(1000));
  CHECK_FALSE(heap.reserve(std::size_t{1} << 60));
  std::vector<Handle> handles(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) REQUIRE(heap.set(handles[i], at(i), 0, owner(i)));
  CHECK(heap.check_invariants());
}

}  // namespace
