// Memory that runs out inside a loop binding: no exception leaves a call that the Multi makes, a Multi does not stay in
// a drive for ever, and failed() reports what the binding can no longer watch.
#include <sys/epoll.h>

#include <new>

#include "adapters/epoll.hpp"
#include "adapters/net/descriptor.hpp"
#include "tests/memory/every_allocation.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"
#ifdef SLUICE_TEST_ASIO
#include "adapters/asio.hpp"
#endif
#ifdef SLUICE_TEST_LIBUV
#include "adapters/libuv.hpp"
#endif

namespace sluice::test {
namespace {

struct Ended : TransferHandler {
  int dones = 0;
  void on_done(Multi&, TransferId, const Result<void>&) override { ++dones; }
};

// Three requests over a loop that `turn` turns and `failed` asks for; what is left is finished without it.
template <class Turn, class Failed, class Detach>
std::vector<std::string> tell(LoopbackServer& server, Multi& multi, Turn turn, Failed failed, Detach detach) {
  std::vector<std::string> faults;
  Ended ended;
  for (int i = 1; i <= 3; ++i) {
    Request request = get(server.url());
    const auto added = watched([&] { return multi.add(std::move(request), {}, &ended); });
    if (!added) {
      ++ended.dones;
    } else {
      watched([&] { multi.resume(*added); });
    }
    const bool two_at_once = i == 1;
    for (const Instant end = multi.now() + 3s; !two_at_once && ended.dones < i && multi.now() < end && !failed();) {
      watched(turn);
      if (ran_short() && refused() > 20) relieve();
    }
  }
  relieve();
  if (ended.dones < 3 && !failed()) faults.emplace_back("a transfer waits for ever, and nobody has said so");
  if (failed() && !ran_short()) faults.emplace_back("it failed with all the memory there is");
  detach();
  if (multi.perform() == Drive::recursive_call) return faults.emplace_back("it is in a drive for ever"), faults;
  if (!finish(multi, 5s) || ended.dones != 3) faults.emplace_back("a transfer has not ended");
  return faults;
}

LoopbackServer& hello() {
  static LoopbackServer server([](const std::string&) { return ok("hello"); });
  return server;
}

TEST_CASE("EpollDriver without memory") {
  with_every_allocation_failing("epoll", [] {
    const net::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    const auto multi = make_multi();
    auto driver = EpollDriver::create(*multi, epoll.get()).value();
    const auto turn = [&] {
      epoll_event events[8];
      const int count = ::epoll_wait(epoll.get(), events, 8, driver->timeout_ms(5));
      for (int i = 0; i < count; ++i) driver->handle(events[i]);
      driver->after_batch();
    };
    return tell(hello(), *multi, turn, [&] { return driver->failed(); }, [&] { driver.reset(); });
  });
}

#ifdef SLUICE_TEST_ASIO
TEST_CASE("AsioDriver without memory") {
  with_every_allocation_failing("asio", [] {
    const auto multi = make_multi();
    asio::io_context context;
    auto driver = AsioDriver::create(*multi, context).value();
    const auto turn = [&] {
      try {
        context.run_one_for(5ms);
      } catch (const std::bad_alloc&) {  // Asio's own
      }
      context.restart();
    };
    return tell(hello(), *multi, turn, [&] { return driver->failed(); }, [&] { driver.reset(); });
  });
}

TEST_CASE("async_fetch without memory") {
  with_every_allocation_failing("async_fetch", [] {
    std::vector<std::string> faults;
    const auto multi = make_multi();
    asio::io_context context;
    auto driver = AsioDriver::create(*multi, context).value();
    int begun = 0, ended = 0, whole = 0;
    for (int i = 1; i <= 3; ++i) {
      const Request request = get(hello().url());
      try {
        watched([&] {
          async_fetch(*multi, request, [&](const Result<Response>& response) {
            ++ended;
            whole += response && response->body == "hello";
          });
        });
        ++begun;
      } catch (const std::bad_alloc&) {  // said to who begins it
      }
      const bool two_at_once = i == 1;
      for (const Instant end = multi->now() + 3s;
           !two_at_once && ended < begun && multi->now() < end && !driver->failed();) {
        try {
          watched([&] { context.run_one_for(5ms); });
        } catch (const std::bad_alloc&) {  // Asio's own
        }
        context.restart();
        if (ran_short() && refused() > 20) relieve();
      }
    }
    relieve();
    if (ended < begun && !driver->failed()) faults.emplace_back("a fetch waits for ever, and nobody has said so");
    if (whole < 3 && !ran_short()) faults.emplace_back("it failed with all the memory there is");
    driver.reset();  // ends what is left
    context.restart();
    context.run_for(1s);
    if (multi->running() != 0) faults.emplace_back("a transfer is left");
    if (ended > begun) faults.emplace_back("one has ended twice");
    return faults;
  });
}
#endif

#ifdef SLUICE_TEST_LIBUV
TEST_CASE("LibuvDriver without memory") {
  with_every_allocation_failing("libuv", [] {
    const auto multi = make_multi();
    uv_loop_t loop;
    uv_loop_init(&loop);
    uv_timer_t tick;
    uv_timer_init(&loop, &tick);
    auto driver = LibuvDriver::create(*multi, &loop).value();
    const auto turn = [&] {
      uv_timer_start(&tick, [](uv_timer_t*) {}, 5, 0);
      uv_run(&loop, UV_RUN_ONCE);
    };
    const auto detach = [&] {
      driver.reset();
      uv_close(reinterpret_cast<uv_handle_t*>(&tick), nullptr);
      uv_run(&loop, UV_RUN_DEFAULT);
      uv_loop_close(&loop);
    };
    return tell(hello(), *multi, turn, [&] { return driver->failed(); }, detach);
  });
}
#endif

}  // namespace
}  // namespace sluice::test
