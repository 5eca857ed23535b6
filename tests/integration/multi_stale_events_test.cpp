// Mistakes of integrators with socket_action and a WatchSink have no effect: stale or meaningless events, and the time
// when a watch ends.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "adapters/multi.hpp"
#include "tests/support/full_port.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"
#include "tests/support/origin_server.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::uint8_t kAllEvents = kEventRead | kEventWrite | kEventError;

// What a number stands for at the moment: another socket with the same number has another inode.
ino_t inode_of(int fd) {
  struct stat facts = {};
  return ::fstat(fd, &facts) == 0 ? facts.st_ino : 0;
}

struct Sink : WatchSink {
  struct Watched {
    std::uint8_t events = 0;
    ino_t inode = 0;
  };
  std::map<int, Watched> watches;
  std::optional<Instant> timer;
  int ends = 0, nones = 0;

  void on_watch(int fd, std::uint8_t events, void*) override {
    const ino_t inode = inode_of(fd);
    CHECK(inode != 0);
    const auto known = watches.find(fd);
    if (known != watches.end()) CHECK(known->second.inode == inode);  // not closed since, and not another's
    if (events == 0) {
      CHECK(known != watches.end());
      watches.erase(fd);
      ++ends;
    } else {
      watches[fd] = {events, inode};
    }
  }
  void on_timer(std::optional<Instant> at) override {
    timer = at;
    if (!at) ++nones;
  }
  void turn(Multi& multi) {
    std::vector<pollfd> set;
    for (const auto& [fd, watched] : watches) {
      const int wanted = ((watched.events & kEventRead) ? POLLIN : 0) | ((watched.events & kEventWrite) ? POLLOUT : 0);
      set.push_back({fd, static_cast<short>(wanted), 0});
    }
    int wait = 20;
    if (timer) {
      wait = static_cast<int>(
          std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*timer - multi.now()), 0ms, 20ms).count());
    }
    ::poll(set.data(), set.size(), wait);
    for (const pollfd& one : set) {
      const int events = ((one.revents & POLLIN) ? kEventRead : 0) | ((one.revents & POLLOUT) ? kEventWrite : 0) |
                         ((one.revents & (POLLERR | POLLHUP)) ? kEventError : 0);
      if (events != 0) multi.socket_action(one.fd, static_cast<std::uint8_t>(events));
    }
    if (timer && *timer <= multi.now()) multi.socket_action(Multi::kNoSocket, 0);
  }
  template <class Condition>
  bool until(Multi& multi, Condition condition) {
    const Instant limit = multi.now() + 20s;
    while (!condition() && multi.now() < limit) turn(multi);
    return condition();
  }
};

MultiOptions trusting(const OriginServer& server) {
  MultiOptions options;
  options.engine.default_tls = server.trust();
  return options;
}

struct Checked : Recorder {
  std::string path;
  std::string_view expected;
  Checked(std::size_t size, std::size_t start, const std::string& words)
      : path("/" + std::to_string(size) + "/" + std::to_string(start) + "?" + words), expected(pattern(size, start)) {}
};

}  // namespace

TEST_CASE(
    "Events that never happened, for every small number and all the time, harm no transfer and open no connection") {
  const FullPort full;
  OriginServer server;
  auto multi = make_multi(trusting(server));
  Sink sink;
  multi->set_watch_sink(&sink);
  Recorder hangs;
  TransferOptions hurried;
  hurried.connect_timeout = 400ms;
  REQUIRE(multi->add(get(full.url()), hurried, &hangs));
  std::deque<Checked> all;
  std::size_t added = 0;
  const auto add_one = [&] {
    Checked& one = all.emplace_back(added % 7 * 20'000, added, added % 3 == 0 ? "close" : "");
    REQUIRE(multi->add(get(added % 4 == 0 ? server.https(one.path) : server.http(one.path)), {}, &one));
    ++added;
  };
  int rounds = 0;
  const auto lie = [&] {
    for (int fd = 0; fd < 96; ++fd) CHECK(multi->socket_action(fd, kAllEvents) != Drive::failed);
    for (const int fd : {-2, -1000, 5000, 2'000'000'000}) CHECK(multi->socket_action(fd, kAllEvents) != Drive::failed);
    ++rounds;
  };
  CHECK(sink.until(*multi, [&] {
    if (added < 60 && multi->running() < 10) add_one();
    lie();
    return added == 60 && multi->running() == 0;
  }));
  CHECK(rounds > 10);
  for (const Checked& one : all) {
    CAPTURE(one.path);
    CHECK(one.dones == 1);
    CHECK(one.result.has_value());
    CHECK(one.body == one.expected);
  }
  // Had the event been believed, it would count as connected, and wait for an answer for ever.
  REQUIRE_FALSE(hangs.result.has_value());
  CHECK(hangs.result.error().code == Code::connect_timeout);
  multi->set_watch_sink(nullptr);
}

TEST_CASE("An event for a number that was closed and taken again reaches nobody, or finds nothing to do") {
  OriginServer server;
  auto multi = make_multi(trusting(server));
  Sink sink;
  multi->set_watch_sink(&sink);
  // One transfer after the other, each on a connection of its own, while the last one's descriptor is still talked
  // about.
  std::deque<Checked> all;
  int last = -1, again = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    Checked& one = all.emplace_back(30'000, i, "close");
    REQUIRE(multi->add(get(i % 2 == 0 ? server.http(one.path) : server.https(one.path)), {}, &one));
    multi->socket_action(Multi::kNoSocket, 0);
    if (sink.watches.contains(last)) ++again;
    multi->socket_action(last, kAllEvents);
    for (const auto& [fd, watched] : sink.watches) {
      if (fd != multi->wakeup_fd()) last = fd;
    }
    REQUIRE(sink.until(*multi, [&] { return multi->running() == 0 && multi->connections() == 0; }));
    multi->socket_action(last, kAllEvents);
  }
  CHECK(again > 10);
  for (const Checked& one : all) CHECK(one.body == one.expected);
  multi->set_watch_sink(nullptr);
}

TEST_CASE("However a connection ends, its watch ends before its descriptor is closed") {
  OriginServer server;
  const FullPort full;
  Sink sink;
  auto multi = make_multi(trusting(server));
  multi->set_watch_sink(&sink);
  TransferOptions hurried;
  hurried.total_timeout = 60ms;
  std::deque<Recorder> recorders;
  std::vector<TransferId> victims;
  for (const char* words : {"close", "reset_head", "reset_body", "hold", "half", ""}) {
    for (const bool tls : {false, true}) {
      for (int i = 0; i < 4; ++i) {
        const std::string path = "/200000/0?" + std::string(words);
        const auto id = multi->add(get(tls ? server.https(path) : server.http(path)),
                                   i == 0 ? hurried : TransferOptions{}, &recorders.emplace_back());
        REQUIRE(id.has_value());
        if (i == 1) victims.push_back(*id);
      }
    }
  }
  REQUIRE(multi->add(get("http://127.0.0.1:" + std::to_string(refused_port()) + "/"), {}, &recorders.emplace_back()));
  REQUIRE(multi->add(get(full.url()), hurried, &recorders.emplace_back()));
  REQUIRE(sink.until(*multi, [&] { return server.held() > 10; }));
  for (const TransferId victim : victims) multi->remove(victim);
  REQUIRE(sink.until(*multi, [&] { return server.held() == 8; }));  // neither hurried nor removed
  server.release();
  REQUIRE(sink.until(*multi, [&] { return multi->running() == 0; }));
  CHECK(sink.ends > 20);
  // And with the Multi itself, connections under way included.
  for (int i = 0; i < 5; ++i) REQUIRE(multi->add(get(server.http("/10/0?hold")), {}, &recorders.emplace_back()));
  REQUIRE(multi->add(get(full.url()), {}, &recorders.emplace_back()));
  for (int i = 0; i < 3; ++i) sink.turn(*multi);
  CHECK(sink.watches.size() > 2);
  multi.reset();
  CHECK(sink.watches.empty());
}

TEST_CASE("The timer is one absolute time, or none when there is nothing to wait for") {
  OriginServer server;
  auto multi = make_multi();
  Sink sink;
  multi->set_watch_sink(&sink);
  CHECK_FALSE(sink.timer.has_value());
  TransferOptions options;
  options.connect_timeout = 100s;
  options.total_timeout = 200s;
  const Instant before = multi->now();
  const TransferId id = multi->add(get(server.http("/10/0?hold")), options).value();
  const Instant after = multi->now();
  REQUIRE(sink.timer.has_value());
  CHECK(*sink.timer <= after);  // now: there is work
  REQUIRE(sink.until(*multi, [&] { return server.held() == 1; }));
  for (int i = 0; i < 3; ++i) sink.turn(*multi);
  REQUIRE(sink.timer.has_value());
  CHECK(*sink.timer >= before + 200s);
  CHECK(*sink.timer <= after + 200s);
  const Instant told = *sink.timer;
  std::this_thread::sleep_for(10ms);
  multi->socket_action(Multi::kNoSocket, 0);  // early: it is told again, and it has not moved
  CHECK(sink.timer == told);
  const int nones = sink.nones;
  multi->remove(id);
  REQUIRE(sink.until(*multi, [&] { return multi->connections() == 0; }));
  multi->socket_action(Multi::kNoSocket, 0);
  CHECK_FALSE(sink.timer.has_value());
  CHECK(sink.nones > nones);
  multi->set_watch_sink(nullptr);
}
