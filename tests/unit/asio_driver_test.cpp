// What is specific to Asio: handlers outlive the objects that they were made for, a descriptor is shared, and run()
// returns when no work is left.
#include "adapters/asio.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <asio/post.hpp>

#include "adapters/coroutine.hpp"
#include "adapters/transport.hpp"
#include "tests/support/driver_checks.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {
namespace {

struct Loop {
  asio::io_context context;
  std::unique_ptr<Multi> multi = make_multi();
  int drives = 0;
  std::unique_ptr<AsioDriver> driver = make_driver();

  std::unique_ptr<AsioDriver> make_driver() {
    return AsioDriver::create(*multi, context, [this](Multi&) { ++drives; }).value();
  }
  template <class Condition>
  bool run_until(Condition condition) {
    context.restart();  // it has stopped if it was ever without work
    for (const Instant end = multi->now() + 20s; !condition();) {
      if (multi->now() > end) return false;
      context.run_one_for(100ms);
    }
    return true;
  }
  void run_for(Duration time) { context.run_for(time); }
};

// Removes other transfers when it is done.
struct Remover : TransferHandler {
  std::vector<TransferId> others;
  void on_done(Multi& multi, TransferId, const Result<void>&) override {
    for (const TransferId other : others) multi.remove(other);
  }
};

// The first transfer is done, the answer of the other one has been seen by Asio in the same turn, and its handler is
// due.
struct Due : Loop {
  Due() {
    for (int i = 0; i < 2; ++i) remover[i].others.push_back(multi->add(get(server.url()), {}, &remover[1 - i]).value());
    REQUIRE(run_until([&] { return server.requests() == 2; }));
    server.release();
    REQUIRE(server.wait_for_replies(2));
  }
  LoopbackServer server{held};
  Remover remover[2];
};

TEST_CASE("Asio: a handler that was due when its watch ended drives nothing") {
  Due due;
  REQUIRE(due.run_until([&] { return due.multi->running() == 0; }));  // one is done, and has removed the other
  const int drives = due.drives;
  due.context.poll_one();
  CHECK(due.drives == drives);
}

TEST_CASE("Asio: handlers that were due when the driver went touch nothing, and descriptors are still open") {
  Due due;
  due.remover[0].others.clear();
  due.remover[1].others.clear();
  REQUIRE(due.run_until([&] { return due.multi->running() == 1; }));
  const int drives = due.drives;
  due.driver.reset();
  CHECK(due.context.run_for(20s) >= 1);  // the one that was due, and those that were canceled
  CHECK(due.context.stopped());          // there is no work left
  CHECK(due.drives == drives);
  CHECK(due.multi->connections() == 2);
  REQUIRE(finish(*due.multi));
  int succeeded = 0;
  for (auto& [id, message] : take_messages(*due.multi)) succeeded += message.result.has_value();
  CHECK(succeeded == 2);
}

TEST_CASE("Asio: a timer that was due when the driver went touches nothing") {
  Loop loop;
  Recorder recorder;
  // Both have run out when Asio first looks, this one before, so the handlers of both are due.
  asio::steady_timer own(loop.context, 0ms);
  own.async_wait([&](const std::error_code&) { loop.driver.reset(); });
  REQUIRE(loop.multi->add(get("http://127.0.0.1:" + std::to_string(refused_port()) + "/"), {}, &recorder));
  loop.context.run_for(20s);
  CHECK(loop.context.stopped());
  CHECK(!loop.driver);
  CHECK(loop.drives == 0);
  CHECK(recorder.dones == 0);
}

TEST_CASE("Asio: watches end in any order") {
  LoopbackServer server(held);
  Loop loop;
  Recorder recorder;
  std::vector<TransferId> transfers;
  for (int i = 0; i < 5; ++i) transfers.push_back(loop.multi->add(get(server.url()), {}, &recorder).value());
  REQUIRE(loop.run_until([&] { return server.requests() == 5; }));
  int left = 5;
  for (const std::size_t one : {0u, 2u, 1u, 4u}) {
    loop.multi->remove(transfers[one]);
    --left;
    REQUIRE(loop.run_until([&] { return server.open() == left; }));
  }
  server.release();
  REQUIRE(loop.run_until([&] { return recorder.dones == 1; }));
  CHECK(recorder.body == "held");
}

TEST_CASE("Asio: a descriptor has one wait for each direction, however often both are asked for") {
  LoopbackServer server([](const std::string& request) { return ok(std::to_string(request.size() > 30'000'000)); });
  Loop loop;
  Recorder recorder;
  Request request = get(server.url());
  request.method = "POST";
  request.body = BodyOwned{std::string(30'000'000, 'u')};
  REQUIRE(loop.multi->add(std::move(request), {}, &recorder));
  REQUIRE(loop.run_until([&] { return recorder.dones == 1; }));
  CHECK(recorder.body == "1");
  // What waits now ends: the timer, wakeup's, the connection's two.
  loop.driver.reset();
  loop.context.restart();
  CHECK(loop.context.run_for(20s) <= 4);
}

TEST_CASE("Asio: run() returns once the driver is gone, which after_drive may post, and a later driver goes on") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  asio::io_context context;
  Recorder recorder;
  const auto multi = make_multi();
  std::unique_ptr<AsioDriver> driver;
  for (int round = 1; round <= 3; ++round) {
    driver = AsioDriver::create(*multi, context, [&](Multi& driven) {
               if (driven.running() == 0) asio::post(context, [&] { driver.reset(); });
             }).value();
    REQUIRE(multi->add(get(server.url()), {}, &recorder));
    context.restart();
    context.run_for(20s);
    CHECK(context.stopped());
    CHECK(!driver);
    CHECK(recorder.dones == round);
    CHECK(multi->connections() == 1);  // kept alive: its watch does not hold run() up
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("Asio: a descriptor that the context refuses is said, at the beginning and later") {
  asio::io_context context;
  const auto multi = make_multi();
  // One that stands there already is refused.
  asio::posix::stream_descriptor own(context, multi->wakeup_fd());
  const auto refused = AsioDriver::create(*multi, context);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::invalid_option);
  CHECK(multi->watch_sink() == nullptr);
  own.release();
  const auto driver = AsioDriver::create(*multi, context).value();
  CHECK_FALSE(driver->failed());

  int ends[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  asio::posix::stream_descriptor far(context, ends[0]);
  TransferOptions options;
  options.route = connected_descriptor(ends[1]).value();
  asio::posix::stream_descriptor twice(context, ends[1]);
  Recorder recorder;
  const TransferId transfer = multi->add(get("http://far.test/"), options, &recorder).value();
  for (const Instant end = multi->now() + 20s; !driver->failed() && multi->now() < end;) context.run_one_for(100ms);
  CHECK(driver->failed());
  twice.release();
  multi->remove(transfer);
}

TEST_CASE("Asio: while no transfer runs, a closed connection and a wakeup are noticed") {
  Loop loop;
  check_that_idle_is_watched(loop);
}

TEST_CASE("Asio: waiting costs no turns, and ends at the deadline") {
  Loop loop;
  check_that_waiting_costs_no_turns(loop);
}

TEST_CASE("Asio: a paused transfer is not watched, goes on when it is resumed, and coroutines run beside it") {
  Loop loop;
  check_that_paused_is_not_watched(loop);
}

}  // namespace
}  // namespace sluice::test
