// wakeup() from other threads: what they queued before the call is always seen after a drive.
#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

using Clock = std::chrono::steady_clock;

// What an application has: work for the loop's thread, from others.
struct Inbox {
  std::mutex mutex;
  std::vector<int> items;

  void put(int item) {
    const std::lock_guard lock(mutex);
    items.push_back(item);
  }
  std::vector<int> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(items, {});
  }
};

}  // namespace

TEST_CASE_FIXTURE(World, "10,000 wake-ups, each answered before the next is sent") {
  if (!server().real()) return;  // another thread has no part in virtual time
  const int count = scaled(10'000);
  std::atomic<int> asked = 0, answered = 0, lost = 0;
  std::atomic<bool> over = false;
  after = [&](Multi&) { answered = asked.load(); };
  std::thread other([&] {
    for (int i = 1; i <= count && lost == 0; ++i) {
      asked = i;
      multi().wakeup();
      const Clock::time_point limit = Clock::now() + 10s;
      while (answered < i && lost == 0) {
        if (Clock::now() > limit) lost = i;
        std::this_thread::yield();
      }
      // The next one comes at another moment: while the loop still runs, as it falls asleep, or when it sleeps.
      const Clock::time_point pause = Clock::now() + std::chrono::microseconds(i % 8 * 5);
      while (i % 2 == 0 && Clock::now() < pause) {
      }
    }
    over = true;
    multi().wakeup();
  });
  const bool ended = loop().run_until([&] { return over.load(); }, 60s);
  if (!ended) lost = -1;
  other.join();
  CHECK(ended);
  CHECK(lost == 0);
  CHECK(answered == count);
}

TEST_CASE_VERSIONS("10,000 wake-ups in two bursts at once, beside transfers") {
  if (!server().real()) return;  // as above
  const int each = scaled(5'000);
  Inbox inbox;
  std::size_t seen = 0;
  int last[2] = {-1, -1};
  bool in_order = true;
  after = [&](Multi&) {
    for (const int item : inbox.take()) {
      int& before = last[item % 2];
      in_order = in_order && item / 2 == before + 1;
      before = item / 2;
      ++seen;
    }
  };
  std::deque<Get> all;
  for (std::size_t i = 0; i < 10; ++i) get(all.emplace_back(700'000, i), i % 2 == 0 ? Scheme::plain : Scheme::tls);
  std::thread threads[2];
  for (int number = 0; number < 2; ++number) {
    threads[number] = std::thread([&, number] {
      for (int i = 0; i < each; ++i) {
        inbox.put(i * 2 + number);
        multi().wakeup();
        if (i % 500 == 0) std::this_thread::sleep_for(1ms);  // so that the loop falls asleep in between
      }
    });
  }
  const bool all_seen = loop().run_until([&] { return seen == static_cast<std::size_t>(each) * 2; }, kLong);
  for (std::thread& one : threads) one.join();
  CHECK(all_seen);
  CHECK(in_order);
  REQUIRE(run());
  for (const Get& one : all) CHECK(one.complete());
}

TEST_CASE_VERSIONS("a wake-up is kept while nobody waits, and while no loop is attached") {
  turns_within(20ms);
  std::size_t before = drives;
  multi().wakeup();
  CHECK(loop().run_until([&] { return drives > before; }, 10s));
  detach();
  multi().wakeup();
  attach();
  before = drives;
  CHECK(loop().run_until([&] { return drives > before; }, 10s));
  // From the loop's own thread, in a callback of a transfer's and after a drive.
  struct Waker : Get {
    using Get::Get;
    void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
      Get::on_done(multi, id, end);
      multi.wakeup();
    }
  };
  Waker waker(10, 0);
  std::size_t at_done = 0;
  after = [&](Multi&) {
    if (waker.dones == 1 && at_done == 0) at_done = drives;
  };
  get(waker);
  CHECK(loop().run_until([&] { return at_done > 0 && drives > at_done; }, 10s));
  int again = 3;
  after = [&](Multi& multi) {
    if (again > 0) --again, multi.wakeup();
  };
  multi().wakeup();
  CHECK(loop().run_until([&] { return again == 0; }, 10s));
  after = nullptr;
}
