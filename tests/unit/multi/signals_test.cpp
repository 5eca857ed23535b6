// adapters/multi/signals: signals of transports without a descriptor, from any thread, reach the driver exactly once
// and in time.
#include "adapters/multi/signals.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "adapters/net/poller.hpp"

using namespace sluice;
using namespace sluice::multi;

namespace {

struct Box {
  net::Poller poller = net::Poller::create().value();
  std::shared_ptr<Signals> signals = std::make_shared<Signals>(poller);

  ~Box() { signals->close(); }  // what waits in it holds it

  bool woken() {
    REQUIRE(poller.wait(0) == 0);
    return poller.take_woken();
  }
  std::vector<ConnId> taken() {
    Fifo<ConnId> out;
    signals->take(out);
    std::vector<ConnId> all;
    while (!out.empty()) all.push_back(out.pop());
    return all;
  }
};

constexpr ConnId kOne{1, 1}, kTwo{2, 1};

}  // namespace

TEST_CASE("Signals: one that nobody attends to wakes the poller, each connection is told of once") {
  Box box;
  const TransportSignal one = Signals::make(box.signals, kOne), two = Signals::make(box.signals, kTwo);
  CHECK_FALSE(box.signals->waiting());
  CHECK_FALSE(box.woken());
  one();
  one();
  two();
  CHECK(box.signals->waiting());
  CHECK(box.woken());
  CHECK(box.taken() == std::vector<ConnId>{kOne, kTwo});
  CHECK_FALSE(box.signals->waiting());
  CHECK(box.taken().empty());
  one();  // counts anew
  CHECK(box.woken());
  CHECK(box.taken() == std::vector<ConnId>{kOne});
}

TEST_CASE("Signals: while the driver attends nothing is woken, and nothing is lost") {
  Box box;
  const TransportSignal one = Signals::make(box.signals, kOne), two = Signals::make(box.signals, kTwo);
  box.signals->attend();
  one();
  CHECK_FALSE(box.woken());
  CHECK(box.signals->waiting());
  CHECK(box.taken() == std::vector<ConnId>{kOne});
  two();
  box.signals->leave();
  CHECK(box.signals->waiting());  // what the driver asks before it sleeps
  CHECK(box.taken() == std::vector<ConnId>{kTwo});
  one();
  CHECK(box.woken());
}

TEST_CASE("Signals: one that comes when the Multi is gone does nothing") {
  TransportSignal late;
  {
    Box box;
    late = Signals::make(box.signals, kOne);
    const TransportSignal other = Signals::make(box.signals, kTwo);
    other();
    box.signals->close();
    CHECK_FALSE(box.signals->waiting());
  }
  late();
  late = nullptr;
}

TEST_CASE("Signals: from several threads at once, each change is seen by a driver that sleeps when nothing waits") {
  Box box;
  constexpr int kRounds = 5'000;
  std::atomic<int> given[2] = {0, 0};
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i, signal = Signals::make(box.signals, ConnId{i, 1})] {
      for (int round = 0; round < kRounds; ++round) {
        ++given[i];
        signal();
      }
    });
  }
  int seen[2] = {0, 0};
  int waits = 0;
  while ((seen[0] < kRounds || seen[1] < kRounds) && waits < 100) {
    if (!box.signals->waiting()) {
      ++waits;
      REQUIRE(box.poller.wait(2'000) == 0);
      if (box.poller.take_woken()) waits = 0;
    }
    box.signals->attend();
    for (const ConnId conn : box.taken()) seen[conn.index] = given[conn.index];
    box.signals->leave();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(seen[0] == kRounds);
  CHECK(seen[1] == kRounds);
}
