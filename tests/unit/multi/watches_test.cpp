// adapters/multi: watches, the table of transfers with its messages, and the queue that keeps its memory.
#include "adapters/multi/watches.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>
#include <vector>

#include "adapters/multi/fifo.hpp"
#include "adapters/multi/transfers.hpp"
#include "adapters/net/descriptor.hpp"
#include "adapters/net/poller.hpp"

using namespace sluice;
using namespace sluice::multi;

namespace {

struct Log : WatchSink {
  std::string text;
  void on_watch(int, std::uint8_t events, void* assigned) override {
    text += static_cast<char>('0' + events);
    if (assigned) text += '*';
  }
  void on_timer(std::optional<Instant>) override {}
};

struct Pipe {
  net::Descriptor read, write;
  Pipe() {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe(ends) == 0);
    read = net::Descriptor(ends[0]);
    write = net::Descriptor(ends[1]);
  }
};

}  // namespace

TEST_CASE("Watches tells its sink of changes only, with the value assigned, which ends with the watch") {
  auto poller = net::Poller::create();
  REQUIRE(poller);
  Watches watches(*poller);
  Log log;
  watches.set_sink(&log);
  const Pipe pipe;
  const int fd = pipe.read.get();
  const ConnId owner{3, 4};
  CHECK(watches.set(fd, 0, owner) == 0);
  CHECK(watches.set(fd, kEventRead, owner) == 0);
  CHECK(watches.set(fd, kEventRead, owner) == 0);
  int value = 0;
  watches.assign(fd, &value);
  watches.assign(fd + 100, &value);
  CHECK(watches.set(fd, kEventRead | kEventWrite, owner) == 0);
  REQUIRE(watches.find(fd));
  CHECK(watches.find(fd)->owner == owner);
  CHECK(watches.set(fd, 0, owner) == 0);
  CHECK(watches.set(fd, 0, owner) == 0);
  CHECK(watches.set(fd, kEventRead, owner) == 0);
  watches.forget(fd, owner);
  watches.forget(fd, owner);
  CHECK(log.text == "113*0*10");  // first the wakeup's
  CHECK(watches.find(poller->wakeup_fd()) != nullptr);
  CHECK(watches.find(fd) == nullptr);
  CHECK(watches.find(-1) == nullptr);
  CHECK(watches.find(1'000'000) == nullptr);
}

TEST_CASE("Watches tells a sink that sets itself again from inside of each watch once for each time") {
  auto poller = net::Poller::create();
  REQUIRE(poller);
  Watches watches(*poller);
  const Pipe pipe;
  REQUIRE(watches.set(pipe.read.get(), kEventRead, {3, 4}) == 0);
  REQUIRE(watches.set(pipe.write.get(), kEventWrite, {3, 4}) == 0);
  struct Again : Log {
    Watches* watches = nullptr;
    void on_watch(int fd, std::uint8_t events, void* assigned) override {
      Log::on_watch(fd, events, assigned);
      if (text.size() == 1) watches->set_sink(this);
    }
  } sink;
  sink.watches = &watches;
  watches.set_sink(&sink);
  CHECK(sink.text.size() == 1 + 3);  // one before it began anew, then the wakeup's and the pipe's
}

TEST_CASE("SB-47 Watches takes no event of a descriptor's earlier life for one of its next") {
  auto poller = net::Poller::create();
  REQUIRE(poller);
  Watches watches(*poller);
  Pipe pipe;
  const int fd = pipe.read.get();
  REQUIRE(watches.set(fd, kEventRead, {1, 1}) == 0);
  REQUIRE(::write(pipe.write.get(), "x", 1) == 1);
  REQUIRE(poller->wait(1000) == 0);
  const auto stale = poller->next();
  REQUIRE(stale);
  CHECK(watches.find(*stale) != nullptr);
  watches.forget(fd, {1, 1});
  pipe.read.reset();
  CHECK(watches.find(*stale) == nullptr);
  pipe.read = net::Descriptor(::dup(pipe.write.get()));
  REQUIRE(pipe.read.get() == fd);  // the number is taken again
  REQUIRE(watches.set(fd, kEventWrite, {2, 2}) == 0);
  CHECK(watches.find(fd) != nullptr);
  CHECK(watches.find(*stale) == nullptr);
}

TEST_CASE("Watches lets only its owner change or end a watch, and refuses what it has of another") {
  auto poller = net::Poller::create();
  REQUIRE(poller);
  Watches watches(*poller);
  Log log;
  const Pipe pipe;
  const int fd = pipe.read.get();
  const ConnId owner{3, 4}, other{5, 6};
  REQUIRE(watches.set(fd, kEventRead, owner) == 0);
  watches.set_sink(&log);
  log.text.clear();
  CHECK(watches.set(fd, kEventRead, other) == EEXIST);
  CHECK(watches.set(fd, kEventRead | kEventWrite, other) == EEXIST);
  CHECK(watches.set(fd, 0, other) == 0);
  watches.forget(fd, other);
  CHECK(log.text == "");
  REQUIRE(watches.find(fd));
  CHECK(watches.find(fd)->owner == owner);
  // Those that are no connection's: the resolver's, and what the poller watches by itself.
  CHECK(watches.set(poller->wakeup_fd(), kEventRead, owner) == EEXIST);
  CHECK(watches.set(poller->wakeup_fd(), 0, owner) == 0);
  CHECK(watches.find(poller->wakeup_fd()) != nullptr);
  CHECK(watches.set(poller->fd(), kEventRead, owner) != 0);
  REQUIRE(::write(pipe.write.get(), "x", 1) == 1);
  REQUIRE(poller->wait(1000) == 0);
  const auto ready = poller->next();
  REQUIRE(ready);
  CHECK(watches.find(*ready) == watches.find(fd));
}

TEST_CASE("Watches believes the system, not a transport, about which descriptors there are") {
  auto poller = net::Poller::create();
  REQUIRE(poller);
  Watches watches(*poller);
  CHECK(watches.set(40'000'000, kEventRead, {3, 4}) == EBADF);
  CHECK(watches.set(INT_MAX, kEventRead | kEventWrite, {3, 4}) == EBADF);
  CHECK(watches.set(INT_MAX, 0, {3, 4}) == 0);
  CHECK(watches.room() < 10'000);
}

TEST_CASE("Watches gives a number to its next owner although the one before closed it while it was watched") {
  auto poller = net::Poller::create();
  REQUIRE(poller);
  Watches watches(*poller);
  Log log;
  Pipe pipe;
  const int fd = pipe.read.get();
  REQUIRE(watches.set(fd, kEventRead, {1, 1}) == 0);
  watches.set_sink(&log);
  log.text.clear();
  pipe.read.reset();
  pipe.read = net::Descriptor(::dup(pipe.write.get()));
  REQUIRE(pipe.read.get() == fd);
  CHECK(watches.set(fd, kEventWrite, {2, 2}) == 0);
  CHECK(log.text == "02");
  REQUIRE(poller->wait(1000) == 0);
  const auto ready = poller->next();
  REQUIRE(ready);
  REQUIRE(watches.find(*ready));
  CHECK(watches.find(*ready)->owner == ConnId{2, 2});
  CHECK(watches.set(fd, 0, {1, 1}) == 0);
  CHECK(watches.find(fd) != nullptr);
}

TEST_CASE("Transfers keeps messages in order, each once, and takes those of removed transfers away") {
  Transfers transfers;
  std::vector<TransferId> ids;
  for (std::uint32_t i = 0; i < 6; ++i) {
    ids.push_back({i, 1});
    transfers.add(ids.back(), nullptr);
  }
  for (const TransferId id : ids) transfers.push_message(id, {});
  CHECK(transfers.messages() == 6);
  transfers.erase(ids[0]);  // first, middle, last
  transfers.erase(ids[2]);
  transfers.erase(ids[5]);
  transfers.erase(ids[5]);
  CHECK(transfers.messages() == 3);
  CHECK(transfers.pop_message() == ids[1]);
  transfers.add({0, 2}, nullptr);  // a slot that is used again
  transfers.push_message({0, 2}, {});
  CHECK(transfers.pop_message() == ids[3]);
  CHECK(transfers.pop_message() == ids[4]);
  CHECK(transfers.pop_message() == TransferId{0, 2});
  CHECK_FALSE(transfers.pop_message().has_value());
  CHECK(transfers.messages() == 0);
  CHECK(transfers.find(ids[0]) == nullptr);
  CHECK(transfers.find(ids[1]) != nullptr);
  CHECK(transfers.find(TransferId{}) == nullptr);
}

TEST_CASE("Transfers hands out each resume once, and those queued meanwhile the next time") {
  Transfers transfers;
  transfers.add({0, 1}, nullptr);
  transfers.add({1, 1}, nullptr);
  transfers.queue_resume({0, 1});
  transfers.queue_resume({0, 1});
  transfers.queue_resume({9, 1});
  Fifo<TransferId> taken;
  transfers.take_resumes(taken);
  REQUIRE(taken.size() == 1);
  CHECK(taken.pop() == TransferId{0, 1});
  CHECK_FALSE(transfers.has_resumes());
  transfers.queue_resume({1, 1});
  transfers.queue_resume({0, 1});
  CHECK(transfers.has_resumes());
  transfers.take_resumes(taken);
  REQUIRE(taken.size() == 2);
  CHECK(taken.pop() == TransferId{1, 1});
  CHECK(taken.pop() == TransferId{0, 1});
  CHECK_FALSE(transfers.has_resumes());
}

TEST_CASE("Fifo gives back in order what was put in, however the two mix") {
  Fifo<int> fifo;
  int in = 0, out = 0;
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i < round % 7; ++i) fifo.push(in++);
    for (int i = 0; i < round % 5 && !fifo.empty(); ++i) REQUIRE(fifo.pop() == out++);
    REQUIRE(fifo.size() == static_cast<std::size_t>(in - out));
  }
  while (!fifo.empty()) REQUIRE(fifo.pop() == out++);
  CHECK(in == out);
}
