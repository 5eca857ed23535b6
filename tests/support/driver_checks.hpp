// Checks for a Multi with any event loop of another library, shared by the tests of several drivers. The caller makes
// and runs driver and loop. Leaves what is special to one loop to its own test.
#pragma once

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

#include "adapters/coroutine.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {

// A server's answer that is kept back until LoopbackServer::release().
inline Reply held(const std::string&) {
  Reply reply = ok("held");
  reply.hold = true;
  return reply;
}

// SB-89: a handler's exception must not pass through the loop's own functions. A handler throws: its transfer fails,
// another one continues, and `driver` returns the exception once. `run` runs the loop until no transfer is left.
template <class Driver, class Run>
void check_that_thrown_is_kept(Multi& multi, Driver& driver, Run run) {
  struct Throwing : Recorder {
    std::size_t on_body(Multi&, TransferId, Bytes) override { throw std::logic_error("my bug"); }
  } handler;
  LoopbackServer server([](const std::string&) { return ok("x"); });
  Recorder other;
  REQUIRE(multi.add(get(server.url()), {}, &handler));
  REQUIRE(multi.add(get(server.url()), {}, &other));
  run();
  CHECK(multi.running() == 0);
  CHECK(other.body == "x");
  CHECK(handler.dones == 1);
  CHECK(handler.result.error().message().ends_with("my bug"));
  const std::exception_ptr thrown = driver.take_exception();
  REQUIRE(thrown != nullptr);
  CHECK_THROWS_WITH_AS(std::rethrow_exception(thrown), "my bug", std::logic_error);
  CHECK(driver.take_exception() == nullptr);
  CHECK(!driver.failed());
}

// While no transfer runs, the end of an idle connection is noticed, and so is a wakeup from another thread. `loop`: see
// check_that_paused_is_not_watched().
template <class Loop>
void check_that_idle_is_watched(Loop& loop) {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  Recorder recorder;
  REQUIRE(loop.multi->add(get(server.url()), {}, &recorder));
  REQUIRE(loop.run_until([&] { return recorder.dones == 1; }));
  CHECK(loop.multi->connections() == 1);
  server.reset_all();
  CHECK(loop.run_until([&] { return loop.multi->connections() == 0; }));
  for (int i = 0; i < 3; ++i) {
    const int drives = loop.drives;
    std::thread([&] { loop.multi->wakeup(); }).join();
    CHECK(loop.run_until([&] { return loop.drives > drives; }));
  }
}

// The loop does not turn while a transfer waits, and turns at its deadline. `loop` as above.
template <class Loop>
void check_that_waiting_costs_no_turns(Loop& loop) {
  LoopbackServer server(held);
  Recorder recorder;
  TransferOptions options;
  options.total_timeout = 150ms;
  const Instant start = loop.multi->now();
  REQUIRE(loop.multi->add(get(server.url()), options, &recorder));
  REQUIRE(loop.run_until([&] { return recorder.dones == 1; }));
  CHECK(loop.multi->now() - start >= 150ms);
  REQUIRE(!recorder.result);
  CHECK(recorder.result.error().code == Code::total_timeout);
  CHECK(loop.drives <= 8);
}

// A paused transfer is not watched, so the loop sleeps; it continues after resume(), and coroutines run at the same
// time. `loop` has a `multi`, counts its `drives`, and has run_until(condition) and run_for(time).
template <class Loop>
void check_that_paused_is_not_watched(Loop& loop) {
  struct Pausing : Recorder {
    bool paused = true;
    std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
      return paused ? 0 : Recorder::on_body(multi, id, bytes);
    }
  };
  const std::string body(2'000'000, 'b');
  LoopbackServer server(
      [&](const std::string& request) { return ok(request.starts_with("GET /big") ? body : "small"); });
  Pausing handler;
  const auto id = loop.multi->add(get(server.url("/big")), {}, &handler);
  REQUIRE(id.has_value());
  const auto ten = [&](Multi& from) -> Task<int> {
    int succeeded = 0;
    for (int i = 0; i < 10; ++i) {
      const auto response = co_await from.fetch(get(server.url("/small")));
      if (response && response->body == "small") ++succeeded;
    }
    co_return succeeded;
  };
  auto task = ten(*loop.multi);
  REQUIRE(loop.run_until([&] { return task.done() && handler.heads == 1; }));
  CHECK(task.take() == 10);
  loop.run_for(50ms);  // until as much was read as is read without consuming
  const int drives = loop.drives;
  loop.run_for(50ms);
  CHECK(loop.drives == drives);
  handler.paused = false;
  loop.multi->resume(*id);
  REQUIRE(loop.run_until([&] { return handler.dones == 1; }));
  CHECK(handler.body == body);
}

}  // namespace sluice::test
