// Multi::fd(): one descriptor for any event loop. It is readable exactly when perform() has something to do, whatever
// waits for it: poll, select, epoll, libuv.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#ifdef SLUICE_HAVE_LIBUV
#include <uv.h>
#endif

#include <functional>
#include <thread>

#include "adapters/net/descriptor.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Each way to wait for one descriptor to be readable.
bool wait_by_poll(int fd, int ms) {
  pollfd one = {fd, POLLIN, 0};
  return ::poll(&one, 1, ms) == 1;
}

bool wait_by_select(int fd, int ms) {
  fd_set read;
  FD_ZERO(&read);
  FD_SET(fd, &read);
  timeval wait = {ms / 1000, ms % 1000 * 1000};
  return ::select(fd + 1, &read, nullptr, nullptr, &wait) == 1;
}

bool wait_by_epoll(int fd, int ms) {
  const net::Descriptor outer(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event = {};
  event.events = EPOLLIN;
  REQUIRE(::epoll_ctl(outer.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  return ::epoll_wait(outer.get(), &event, 1, ms) == 1;
}

#ifdef SLUICE_HAVE_LIBUV
bool wait_by_libuv(int fd, int ms) {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  uv_poll_t watch;
  uv_timer_t timer;
  bool readable = false;
  watch.data = &readable;
  REQUIRE(uv_poll_init(&loop, &watch, fd) == 0);
  uv_poll_start(&watch, UV_READABLE,
                [](uv_poll_t* poll, int status, int) { *static_cast<bool*>(poll->data) = status == 0; });
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, [](uv_timer_t*) {}, static_cast<std::uint64_t>(ms), 0);
  uv_run(&loop, UV_RUN_ONCE);
  uv_close(reinterpret_cast<uv_handle_t*>(&watch), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
  return readable;
}
#endif

using Wait = bool (*)(int fd, int ms);

// The eight lines of a foreign loop. Answers how often it was woken.
int run_over(Multi& multi, Wait wait, const std::function<bool()>& until) {
  int turns = 0;
  const Instant limit = multi.now() + 20s;
  multi.perform();
  while (!until()) {
    REQUIRE(multi.now() < limit);
    if (!wait(multi.fd(), 20)) continue;  // the server's thread may be what is waited for
    ++turns;
    REQUIRE(multi.perform() != Drive::failed);
  }
  return turns;
}

struct Stopper : Recorder {
  std::size_t on_body(Multi&, TransferId, Bytes) override { return 0; }
};

}  // namespace

TEST_CASE("Multi::fd() alone carries transfers to their end in poll, select, epoll and libuv") {
  LoopbackServer server(
      [](const std::string& request) { return ok(std::string(request.starts_with("GET /big") ? 2'000'000 : 7, 'x')); });
  Wait wait = nullptr;
  SUBCASE("poll") { wait = wait_by_poll; }
  SUBCASE("select") { wait = wait_by_select; }
  SUBCASE("epoll") { wait = wait_by_epoll; }
#ifdef SLUICE_HAVE_LIBUV
  SUBCASE("libuv") { wait = wait_by_libuv; }
#endif
  const bool chosen = wait != nullptr;
  REQUIRE(chosen);
  auto multi = make_multi();
  Recorder recorders[6];
  for (int i = 0; i < 6; ++i) REQUIRE(multi->add(get(server.url(i % 2 ? "/big" : "/small")), {}, &recorders[i]));
  run_over(*multi, wait, [&] { return multi->running() == 0; });
  for (int i = 0; i < 6; ++i) CHECK(recorders[i].body.size() == (i % 2 ? 2'000'000U : 7U));
  // Six connections stand idle: nothing to do.
  CHECK_FALSE(wait(multi->fd(), 50));
}

TEST_CASE("Multi::fd() is readable when the deadline has passed, and not before") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("late");
    reply.hold = true;
    return reply;
  });
  auto multi = make_multi();
  Recorder slow, quick;
  TransferOptions options;
  options.connect_timeout.reset();
  options.total_timeout = 300ms;
  const Instant begin = multi->now();
  REQUIRE(multi->add(get(server.url()), options, &slow));
  const int turns = run_over(*multi, wait_by_poll, [&] { return slow.dones == 1; });
  CHECK(multi->now() - begin >= 300ms);
  CHECK(multi->now() - begin < 5s);
  REQUIRE_FALSE(slow.result.has_value());
  CHECK(slow.result.error().code == Code::total_timeout);
  CHECK(turns <= 6);  // the connect, its end, the deadline, and once for nothing each
  // An earlier deadline that comes later is kept as well.
  options.total_timeout = 30s;
  REQUIRE(multi->add(get(server.url()), options, &slow));
  run_over(*multi, wait_by_poll, [&] { return server.requests() == 2; });
  options.total_timeout = 200ms;
  REQUIRE(multi->add(get(server.url()), options, &quick));
  run_over(*multi, wait_by_poll, [&] { return quick.dones == 1; });
  CHECK(quick.result.error().code == Code::total_timeout);
}

TEST_CASE(
    "Multi::fd() is readable for work that no descriptor shows: an added transfer, a resume, a wakeup, an early stop") {
  LoopbackServer server([](const std::string&) { return ok("body"); });
  MultiOptions few;
  few.max_reads_per_perform = 1;
  auto multi = make_multi(std::move(few));
  const int fd = multi->fd();
  CHECK_FALSE(wait_by_poll(fd, 20));

  multi->wakeup();
  CHECK(wait_by_poll(fd, 1000));
  CHECK(wait_by_poll(multi->wakeup_fd(), 0));
  CHECK(multi->perform() == Drive::ok);
  CHECK_FALSE(wait_by_poll(fd, 20));
  CHECK_FALSE(wait_by_poll(multi->wakeup_fd(), 0));

  Stopper paused;
  const auto id = multi->add(get(server.url()), {}, &paused);
  REQUIRE(id);
  CHECK(wait_by_poll(fd, 0));
  run_over(*multi, wait_by_poll, [&] { return paused.heads == 1; });
  while (wait_by_poll(fd, 50)) multi->perform();
  multi->resume(*id);
  CHECK(wait_by_poll(fd, 0));
  multi->remove(*id);

  std::vector<Recorder> many(40);  // more outputs than a drive takes here
  for (Recorder& one : many) REQUIRE(multi->add(get(server.url()), {}, &one));
  REQUIRE(multi->perform() == Drive::call_again);
  CHECK(wait_by_poll(fd, 0));
  run_over(*multi, wait_by_poll, [&] { return multi->running() == 0; });
  for (const Recorder& one : many) CHECK(one.body == "body");
}

TEST_CASE("Multi::fd() costs few needless calls: one for each time its timer had to run out early") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("x");
    reply.hold = true;
    return reply;
  });
  auto multi = make_multi();
  Recorder recorders[2];
  TransferOptions options;
  options.connect_timeout = 150ms;  // set, and gone again when the connection stands
  for (Recorder& recorder : recorders) REQUIRE(multi->add(get(server.url()), options, &recorder));
  run_over(*multi, wait_by_poll, [&] { return server.requests() == 2; });
  int calls = 0;
  const Instant end = multi->now() + 500ms;
  while (multi->now() < end) {
    if (!wait_by_poll(multi->fd(), 100)) continue;
    ++calls;
    multi->perform();
  }
  CHECK(calls <= 3);
  CHECK(multi->running() == 2);
}
