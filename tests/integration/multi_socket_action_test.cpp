// Promises 7 and 8 of adapters/README.md: driving by single descriptors, and what is allowed in a callback. The others:
// multi_promises_test.cpp.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "adapters/multi.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// A loop as an application's: it knows only what the sink told it.
struct OwnLoop : WatchSink {
  std::map<int, std::uint8_t> watches;  // but the wakeup's, which is always there
  bool wakeup_watched = false;
  std::map<int, void*> values;
  std::optional<Instant> timer;
  int changes = 0, timer_changes = 0;
  Multi* multi = nullptr;
  bool assign = false;

  void on_watch(int fd, std::uint8_t events, void* assigned) override {
    CHECK(::fcntl(fd, F_GETFD) >= 0);  // also for a removal: it comes before the close
    CHECK(multi->perform() == Drive::recursive_call);
    if (fd == multi->wakeup_fd()) {
      CHECK(events == (wakeup_watched ? kEventNone : kEventRead));
      wakeup_watched = events != 0;
      return;
    }
    ++changes;
    if (values.contains(fd)) CHECK(assigned == values[fd]);
    if (!values.contains(fd)) CHECK(assigned == nullptr);
    if (events == 0) {
      CHECK(watches.erase(fd) == 1);
      values.erase(fd);
      return;
    }
    CHECK((!watches.contains(fd) || watches[fd] != events));
    watches[fd] = events;
    if (assign) multi->assign(fd, values[fd] = &watches[fd]);
  }
  void on_timer(std::optional<Instant> at) override {
    ++timer_changes;
    CHECK(multi->socket_action(Multi::kNoSocket, 0) == Drive::recursive_call);
    timer = at;
  }

  // poll(2) over what is watched, then one socket_action for each that is ready, or for the timer, which goes off once.
  void turn() {
    std::vector<pollfd> set;
    for (const auto& [fd, events] : watches) {
      set.push_back(
          {fd, static_cast<short>(((events & kEventRead) ? POLLIN : 0) | ((events & kEventWrite) ? POLLOUT : 0)), 0});
    }
    int wait = 20;  // who calls may wait for what the server counts, which wakes nobody
    if (timer)
      wait = static_cast<int>(
          std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*timer - multi->now()), 0ms, 20ms).count());
    ::poll(set.data(), set.size(), wait);
    for (const pollfd& one : set) {
      const int events = ((one.revents & POLLIN) ? kEventRead : 0) | ((one.revents & POLLOUT) ? kEventWrite : 0) |
                         ((one.revents & (POLLERR | POLLHUP)) ? kEventError : 0);
      if (events != 0) CHECK(multi->socket_action(one.fd, static_cast<std::uint8_t>(events)) != Drive::failed);
    }
    if (timer && *timer <= multi->now()) {
      timer.reset();
      CHECK(multi->socket_action(Multi::kNoSocket, 0) != Drive::failed);
    }
  }
};

}  // namespace

TEST_CASE(
    "Multi promise 7: socket_action serves one descriptor; watches are told as changes, removals before the close, one "
    "timer") {
  LoopbackServer server([](const std::string& request) {
    Reply reply = ok(std::string(request.starts_with("GET /large") ? 3'000'000 : 10, 'x'));
    reply.close = request.starts_with("GET /close");
    return reply;
  });
  OwnLoop loop;
  Recorder recorders[4];
  {
    auto multi = make_multi();
    loop.multi = multi.get();
    SUBCASE("plain") {}
    SUBCASE("with values assigned") { loop.assign = true; }
    multi->set_watch_sink(&loop);
    CHECK(loop.changes == 0);
    CHECK(loop.wakeup_watched);
    TransferOptions options;
    options.total_timeout = 30s;
    const char* paths[] = {"/large", "/close", "/a", "/b"};
    for (int i = 0; i < 4; ++i) REQUIRE(multi->add(get(server.url(paths[i])), options, &recorders[i]));
    REQUIRE(loop.timer.has_value());
    CHECK(*loop.timer <= multi->now());                           // a kick
    CHECK(multi->socket_action(12345, kEventRead) == Drive::ok);  // not one of ours
    const Instant limit = multi->now() + 20s;
    while (multi->running() > 0 && multi->now() < limit) loop.turn();
    REQUIRE(multi->running() == 0);
    for (const Recorder& recorder : recorders) CHECK(recorder.result.has_value());
    CHECK(recorders[0].body.size() == 3'000'000);
    // The connection that the server closed goes away, those kept alive stay.
    while (loop.watches.size() > 3 && multi->now() < limit) loop.turn();
    CHECK(loop.watches.size() == 3);
    for (const auto& [fd, events] : loop.watches) CHECK(events == kEventRead);

    // On a connection that stands, a request changes nothing that is watched.
    const int changes = loop.changes;
    Recorder again;
    REQUIRE(multi->add(get(server.url("/again")), options, &again));
    while (multi->running() > 0 && multi->now() < limit) loop.turn();
    CHECK(again.body.size() == 10);
    CHECK(loop.changes == changes);
    CHECK(loop.timer_changes > 0);

    // A late sink hears of what is there, and nothing of what an earlier one had assigned.
    OwnLoop late;
    late.multi = multi.get();
    multi->set_watch_sink(&late);
    CHECK(late.watches == loop.watches);
    multi->set_watch_sink(nullptr);
    loop.watches.clear();
    loop.values.clear();
    loop.wakeup_watched = false;
    multi->set_watch_sink(&loop);
    CHECK(loop.watches.size() == 3);
  }
  CHECK(loop.watches.empty());  // the end of a Multi is told as well
  CHECK_FALSE(loop.wakeup_watched);
}

namespace {

// Removes `victim` (none: itself) in the chosen callback, after trying to drive from there.
struct Intruder : Recorder {
  char where = 0;
  TransferId victim;
  int refused = 0;

  void act(char here, Multi& multi, TransferId self) {
    CHECK(multi.perform() == Drive::recursive_call);
    CHECK(multi.socket_action(Multi::kNoSocket, 0) == Drive::recursive_call);
    const auto polled = multi.poll({}, 0ms);
    REQUIRE_FALSE(polled.has_value());
    CHECK(polled.error().code == Code::recursive_call);
    ++refused;
    if (where == here) multi.remove(victim ? victim : self);
  }
  void on_interim(Multi& multi, TransferId id, const ResponseHead& head) override {
    Recorder::on_interim(multi, id, head), act('i', multi, id);
  }
  void on_head(Multi& multi, TransferId id, const ResponseHead& head) override {
    Recorder::on_head(multi, id, head), act('h', multi, id);
  }
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
    const std::size_t taken = Recorder::on_body(multi, id, bytes);
    act('b', multi, id);
    return taken;
  }
  void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
    Recorder::on_done(multi, id, end), act('d', multi, id);
  }
};

}  // namespace

TEST_CASE("Multi promise 8: in a callback everything is legal but driving, also removing the own transfer and others") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("some bytes");
    reply.bytes = "HTTP/1.1 103 Early Hints\r\n\r\n" + reply.bytes;
    return reply;
  });
  for (const char where : {'i', 'h', 'b', 'd'}) {
    for (const bool self : {true, false}) {
      CAPTURE(where);
      CAPTURE(self);
      auto multi = make_multi();
      Recorder victim;
      Intruder intruder;
      intruder.where = where;
      const TransferId other = multi->add(get(server.url("/other")), {}, &victim).value();
      if (!self) intruder.victim = other;
      const TransferId own = multi->add(get(server.url("/own")), {}, &intruder).value();
      REQUIRE(finish(*multi));
      CHECK(intruder.refused > 0);
      const auto messages = take_messages(*multi);
      if (self) {
        CHECK(intruder.order ==
              std::string("ihbd").substr(0, std::string("ihbd").find(where) + 1));  // none after the removal
        CHECK(messages.size() == 1);
        CHECK(messages.contains(other));
        CHECK(victim.order == "ihbd");
      } else {
        CHECK(intruder.order == "ihbd");
        CHECK(messages.contains(own));
        CHECK_FALSE(messages.contains(other));
      }
      // Driving works again outside.
      CHECK(multi->perform() == Drive::ok);
    }
  }
}

TEST_CASE("A timer that went off early is told again, and one that still runs is not") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("x");
    reply.hold = true;
    return reply;
  });
  auto multi = make_multi();
  OwnLoop loop;
  loop.multi = multi.get();
  multi->set_watch_sink(&loop);
  TransferOptions options;
  options.total_timeout = 300s;
  REQUIRE(multi->add(get(server.url()), options));
  const Instant limit = multi->now() + 20s;
  while (server.requests() == 0 && multi->now() < limit) loop.turn();
  REQUIRE(server.requests() == 1);
  while (loop.timer && *loop.timer <= multi->now()) loop.turn();
  REQUIRE(loop.timer.has_value());
  const Instant told = *loop.timer;
  const int changes = loop.timer_changes;
  CHECK(multi->socket_action(loop.watches.begin()->first, kEventRead) == Drive::ok);
  CHECK(loop.timer_changes == changes);
  loop.timer.reset();
  CHECK(multi->socket_action(Multi::kNoSocket, 0) == Drive::ok);
  CHECK(loop.timer == told);
  multi->set_watch_sink(nullptr);
}

TEST_CASE("an event said once, as edge-triggered loops do, is not lost when the drive has too much else to do") {
  LoopbackServer server([](const std::string&) { return ok("here"); });
  MultiOptions few;
  few.max_reads_per_perform = 1;  // and 16 outputs
  auto multi = make_multi(std::move(few));
  OwnLoop loop;
  loop.multi = multi.get();
  multi->set_watch_sink(&loop);
  Recorder first;
  REQUIRE(multi->add(get(server.url("/first")), {}, &first));
  const Instant limit = multi->now() + 20s;
  // Until the request is away: then one descriptor is watched, for reading alone.
  while ((loop.watches.size() != 1 || loop.watches.begin()->second != kEventRead) && multi->now() < limit) loop.turn();
  REQUIRE(loop.watches.size() == 1);
  const int fd = loop.watches.begin()->first;
  pollfd answered = {fd, POLLIN, 0};
  REQUIRE(::poll(&answered, 1, 20'000) == 1);
  std::vector<Recorder> others(30);
  for (Recorder& other : others) REQUIRE(multi->add(get(server.url("/other")), {}, &other));
  CHECK(multi->socket_action(fd, kEventRead) == Drive::call_again);
  CHECK(first.dones == 0);
  CHECK(multi->timeout() == 0ms);
  for (int i = 0; i < 50 && first.dones == 0; ++i) multi->socket_action(Multi::kNoSocket, 0);
  CHECK(first.dones == 1);
  CHECK(first.body == "here");
  multi->set_watch_sink(nullptr);
}

TEST_CASE("call_again may be answered by the same call again and again, and by turns: each gets on") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("here");
    reply.hold = true;
    return reply;
  });
  OwnLoop loop;
  struct Slow : Recorder {
    std::size_t on_body(Multi& of, TransferId id, Bytes bytes) override {
      const Instant begin = of.now();
      while (of.now() < begin + 3ms) {
      }
      return Recorder::on_body(of, id, bytes);
    }
  };
  std::vector<Slow> all(8);
  const auto multi = Multi::create().value();  // whose drives end by the clock
  loop.multi = multi.get();
  multi->set_watch_sink(&loop);
  for (Slow& one : all) REQUIRE(multi->add(get(server.url()), {}, &one));
  bool by_turns = false;
  SUBCASE("the same descriptor") {}
  SUBCASE("two by turns") { by_turns = true; }
  const Instant limit = multi->now() + 20s;
  while (server.requests() < static_cast<int>(all.size()) && multi->now() < limit) loop.turn();
  server.release();
  REQUIRE(server.wait_for_replies(static_cast<int>(all.size())));
  // No timer is looked at in here.
  while (multi->running() > 0 && multi->now() < limit) {
    std::vector<int> fds;
    for (const auto& [fd, events] : loop.watches) fds.push_back(fd);
    for (std::size_t i = 0; i < fds.size(); i += by_turns ? 2 : 1) {
      const Instant stuck = multi->now() + 500ms;
      for (bool again = true; again && multi->now() < stuck;) {
        again = multi->socket_action(fds[i], kEventRead) == Drive::call_again;
        if (by_turns && i + 1 < fds.size())
          again = multi->socket_action(fds[i + 1], kEventRead) == Drive::call_again || again;
      }
      REQUIRE(multi->now() < stuck);
    }
  }
  for (const Slow& one : all) CHECK(one.body == "here");
  multi->set_watch_sink(nullptr);
}
