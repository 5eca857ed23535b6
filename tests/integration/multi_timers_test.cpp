// No event between a Multi and its waiting loop is lost: timers that fire early or in a callback, wakeups that a drive
// has consumed, a timer of fd() that poll() has consumed; and run() reports that nothing can happen any more.
#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <thread>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/select.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

Reply held(const std::string&) {
  Reply reply = ok("here");
  reply.hold = true;
  return reply;
}

// A loop whose timer goes off once.
struct OneShot : WatchSink {
  std::map<int, std::uint8_t> watches;
  std::optional<Instant> timer;

  void on_watch(int fd, std::uint8_t events, void*) override {
    if (events != 0) {
      watches[fd] = events;
    } else {
      watches.erase(fd);
    }
  }
  void on_timer(std::optional<Instant> at) override { timer = at; }

  bool is_due(const Multi& multi) const { return timer && *timer <= multi.now(); }
  // True: a descriptor was ready.
  bool serve_descriptors(Multi& multi, int wait) {
    std::vector<pollfd> set;
    for (const auto& [fd, events] : watches) {
      const int wanted = ((events & kEventRead) ? POLLIN : 0) | ((events & kEventWrite) ? POLLOUT : 0);
      set.push_back({fd, static_cast<short>(wanted), 0});
    }
    ::poll(set.data(), set.size(), wait);
    bool served = false;
    for (const pollfd& one : set) {
      const int events = ((one.revents & POLLIN) ? kEventRead : 0) | ((one.revents & POLLOUT) ? kEventWrite : 0);
      if (events != 0) multi.socket_action(one.fd, static_cast<std::uint8_t>(events)), served = true;
    }
    return served;
  }
  void turn(Multi& multi, int wait = 20) {
    if (timer) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*timer - multi.now()).count();
      wait = static_cast<int>(std::clamp<std::int64_t>(left, 0, wait));
    }
    serve_descriptors(multi, wait);
    if (!is_due(multi)) return;
    timer.reset();
    multi.socket_action(Multi::kNoSocket, 0);
  }
};

}  // namespace

TEST_CASE("a sink's timer that goes off inside a callback, where it is refused, is told again") {
  LoopbackServer server(held);
  OneShot loop;
  // As a dialog does, its callback turns the loop: the timer of another transfer runs out in there.
  struct Nesting : Recorder {
    OneShot* loop = nullptr;
    int refused = 0;
    std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
      std::this_thread::sleep_for(5ms);
      if (loop->is_due(multi)) {
        loop->timer.reset();
        refused += multi.socket_action(Multi::kNoSocket, 0) == Drive::recursive_call ? 1 : 0;
      }
      return Recorder::on_body(multi, id, bytes);
    }
  } first;
  struct Paused : Recorder {
    bool paused = true;
    std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
      return paused ? 0 : Recorder::on_body(multi, id, bytes);
    }
  } second;
  first.loop = &loop;
  const auto multi = Multi::create().value();  // whose drives end by the clock: the timer's work is left for the next
  multi->set_watch_sink(&loop);
  const Instant limit = multi->now() + 20s;
  const TransferId paused = multi->add(get(server.url("/second")), {}, &second).value();
  while (server.requests() < 1 && multi->now() < limit) loop.turn(*multi);
  server.release();
  while (second.heads < 1 && multi->now() < limit) loop.turn(*multi);
  REQUIRE(multi->add(get(server.url("/first")), {}, &first));
  while (server.requests() < 2 && multi->now() < limit) loop.turn(*multi);
  for (int i = 0; i < 5; ++i) loop.turn(*multi);
  server.release();
  REQUIRE(server.wait_for_replies(2));
  std::this_thread::sleep_for(20ms);
  second.paused = false;
  multi->resume(paused);  // the timer is due at once, and the answer to the first is there
  REQUIRE(loop.is_due(*multi));
  REQUIRE(loop.serve_descriptors(*multi, 1000));
  CHECK(first.refused == 1);
  const Instant begin = multi->now();
  while (multi->running() > 0 && multi->now() < begin + 5s) loop.turn(*multi);
  CHECK(multi->running() == 0);
  CHECK(second.body == "here");
  multi->set_watch_sink(nullptr);
}

TEST_CASE("a sink may answer its timer by perform(), also a little early, and hears of the same deadline again") {
  LoopbackServer server(held);
  OneShot loop;
  Recorder late;
  const auto multi = make_multi();
  multi->set_watch_sink(&loop);
  TransferOptions options;
  options.total_timeout = 300ms;
  REQUIRE(multi->add(get(server.url()), options, &late));
  const Instant begin = multi->now();
  bool early = false;
  while (late.dones == 0 && multi->now() < begin + 5s) {
    loop.serve_descriptors(*multi, 1);
    if (!loop.timer) continue;
    early = early || *loop.timer > multi->now();
    loop.timer.reset();
    multi->perform();
  }
  CHECK(early);
  CHECK(late.dones == 1);
  CHECK(multi->now() < begin + 2s);
  multi->set_watch_sink(nullptr);
}

TEST_CASE("poll() that takes the timer behind fd() sets it again") {
  LoopbackServer server(held);
  Recorder recorder;
  const auto multi = make_multi();
  const int fd = multi->fd();
  REQUIRE(multi->add(get(server.url()), {}, &recorder));
  pollfd one = {fd, POLLIN, 0};
  CHECK(::poll(&one, 1, 1000) == 1);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(multi->poll({}, 0ms));
    REQUIRE(multi->timeout() == 0ms);
    CHECK(::poll(&one, 1, 1000) == 1);
  }
  REQUIRE(drive_until(*multi, [&] { return server.requests() == 1; }));
  // One that lies ahead.
  TransferOptions options;
  options.total_timeout = 200ms;
  Recorder late;
  REQUIRE(multi->add(get(server.url()), options, &late));
  REQUIRE(drive_until(*multi, [&] { return server.requests() == 2; }));
  const Instant begin = multi->now();
  while (late.dones == 0 && multi->now() < begin + 5s) {
    REQUIRE(::poll(&one, 1, 1000) == 1);
    REQUIRE(multi->poll({}, 0ms));
    REQUIRE(::poll(&one, 1, 1000) == 1);
    multi->perform();
  }
  CHECK(late.dones == 1);
}

TEST_CASE("select_wait tells of each wakeup once, also of one that a drive has seen") {
  const auto multi = make_multi();
  const auto woken = [&](std::chrono::milliseconds longest) { return select_wait(*multi, {}, longest).value().woken; };
  CHECK_FALSE(woken(0ms));
  multi->wakeup();
  multi->perform();
  const Instant begin = multi->now();
  CHECK(woken(10s));
  CHECK(multi->now() < begin + 5s);
  CHECK_FALSE(woken(0ms));
  multi->wakeup();
  CHECK(woken(10s));
  multi->perform();
  CHECK_FALSE(woken(0ms));
  // While it waits.
  std::thread other([&] {
    std::this_thread::sleep_for(20ms);
    multi->wakeup();
  });
  CHECK(woken(10s));
  other.join();
  CHECK(multi->now() < begin + 5s);
  CHECK_FALSE(woken(0ms));
  multi->wakeup();
  CHECK(multi->take_wakeup());
  CHECK_FALSE(multi->take_wakeup());
  CHECK_FALSE(multi->poll({}, 0ms).value().woken);
}

TEST_CASE("run() says so when every transfer left is paused, though an idle connection is watched and will expire") {
  LoopbackServer server([](const std::string&) { return ok("here"); });
  LoopbackServer large([](const std::string&) { return ok(std::string(3'000'000, 'x')); });
  struct Refusing : Recorder {
    std::size_t on_body(Multi&, TransferId, Bytes) override { return 0; }
  } refusing, limited;
  Recorder recorder;
  MultiOptions options;
  options.engine.idle_connection_timeout = 60s;
  const auto multi = make_multi(std::move(options));
  REQUIRE(multi->add(get(server.url()), {}, &recorder));
  const TransferId paused = multi->add(get(large.url()), {}, &refusing).value();
  const Instant begin = multi->now();
  CHECK_FALSE(multi->all_paused());
  auto ran = run(*multi);
  REQUIRE_FALSE(ran.has_value());
  CHECK(ran.error().code == Code::invalid_option);
  CHECK(multi->now() < begin + 10s);
  CHECK(multi->all_paused());
  CHECK(multi->connections() == 2);
  CHECK(recorder.body == "here");
  // One that ends by itself is waited for.
  TransferOptions hurried;
  hurried.total_timeout = 100ms;
  REQUIRE(multi->add(get(large.url()), hurried, &limited));
  ran = run(*multi);
  CHECK_FALSE(ran.has_value());
  CHECK(limited.dones == 1);
  multi->resume(paused);
  CHECK_FALSE(multi->all_paused());
  multi->remove(paused);
  CHECK_FALSE(multi->all_paused());
  CHECK(run(*multi).has_value());
}
