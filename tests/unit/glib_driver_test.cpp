// What is specific to GLib: sources that are destroyed during their own dispatch, their context, and its clock.
#include "adapters/glib.hpp"

#include <doctest/doctest.h>

#include "adapters/coroutine.hpp"
#include "tests/support/driver_checks.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {
namespace {

struct Loop {
  std::unique_ptr<GMainContext, void (*)(GMainContext*)> context{g_main_context_new(), &g_main_context_unref};
  std::unique_ptr<Multi> multi = make_multi();
  int drives = 0;
  std::unique_ptr<GlibDriver> driver = make_driver();

  std::unique_ptr<GlibDriver> make_driver() {
    return GlibDriver::create(*multi, context.get(), [this](Multi&) { ++drives; }).value();
  }
  template <class Condition>
  bool run_until(Condition condition, Duration limit = 20s) {
    GSource* const alarm = g_timeout_source_new(20);  // so that no turn waits for ever
    const auto on_alarm = [](gpointer) -> gboolean { return G_SOURCE_CONTINUE; };
    g_source_set_callback(alarm, on_alarm, nullptr, nullptr);
    g_source_attach(alarm, context.get());
    const Instant end = multi->now() + limit;
    while (!condition() && multi->now() < end) g_main_context_iteration(context.get(), TRUE);
    g_source_destroy(alarm);
    g_source_unref(alarm);
    return condition();
  }
  void run_for(Duration time) {
    run_until([] { return false; }, time);
  }
  // How many descriptors the context would wait for, its own one included, and how long.
  int descriptors(int* timeout = nullptr) {
    int priority = 0, wait = 0;
    GPollFD polled[64];
    REQUIRE(g_main_context_acquire(context.get()));
    g_main_context_prepare(context.get(), &priority);
    const int count = g_main_context_query(context.get(), G_MAXINT, &wait, polled, 64);
    g_main_context_release(context.get());
    if (timeout) *timeout = wait;
    return count;
  }
};

struct Remover : TransferHandler {
  std::vector<TransferId> others;
  void on_done(Multi& multi, TransferId, const Result<void>&) override {
    for (const TransferId other : others) multi.remove(other);
  }
};

TEST_CASE("GLib: a source that ends while its turn is due has no turn") {
  LoopbackServer server(held);
  Loop loop;
  Remover remover[2];
  for (int i = 0; i < 2; ++i) {
    remover[i].others.push_back(loop.multi->add(get(server.url()), {}, &remover[1 - i]).value());
  }
  REQUIRE(loop.run_until([&] { return server.requests() == 2; }));
  server.release();
  REQUIRE(server.wait_for_replies(2));
  const int drives = loop.drives;
  // Both answers are there, so both sources are due in one turn; the first ends the other.
  REQUIRE(loop.run_until([&] { return loop.multi->running() == 0; }));
  CHECK(loop.drives == drives + 1);
}

TEST_CASE("GLib: nothing is left in the context, descriptors are still open, and a later driver goes on") {
  LoopbackServer server(held);
  Loop loop;
  Recorder recorder[2];
  for (Recorder& one : recorder) REQUIRE(loop.multi->add(get(server.url()), {}, &one));
  REQUIRE(loop.run_until([&] { return server.requests() == 2; }));
  CHECK(loop.descriptors() == 4);  // its own, wakeup's, two connections
  loop.driver.reset();
  int timeout = 0;
  CHECK(loop.descriptors(&timeout) == 1);
  CHECK(timeout == -1);
  CHECK(loop.multi->connections() == 2);
  loop.driver = loop.make_driver();
  CHECK(loop.descriptors() == 4);
  server.release();
  REQUIRE(loop.run_until([&] { return loop.multi->running() == 0; }));
  for (const Recorder& one : recorder) CHECK(one.body == "held");
}

TEST_CASE("GLib: sources end in any order") {
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
  CHECK(loop.descriptors() == 3);
  server.release();
  REQUIRE(loop.run_until([&] { return recorder.dones == 1; }));
  CHECK(recorder.body == "held");
}

TEST_CASE("GLib: the driver stands in the context it was given, null is the default one") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  const auto multi = make_multi();
  Recorder recorder;
  const auto driver = GlibDriver::create(*multi, nullptr).value();
  REQUIRE(multi->add(get(server.url()), {}, &recorder));
  Loop other;
  other.run_for(30ms);
  CHECK(recorder.dones == 0);
  for (const Instant end = multi->now() + 20s; recorder.dones == 0 && multi->now() < end;) {
    g_main_context_iteration(nullptr, FALSE);
  }
  CHECK(recorder.body == "x");
}

TEST_CASE("GLib: waiting costs no turns, and ends at the deadline") {
  Loop loop;
  check_that_waiting_costs_no_turns(loop);
}

TEST_CASE("GLib: while no transfer runs, a closed connection and a wakeup are noticed") {
  Loop loop;
  check_that_idle_is_watched(loop);
}

TEST_CASE("GLib: with a low priority, sources above it have their turns while transfers have more to do than time") {
  LoopbackServer server([](const std::string&) { return ok(std::string(512'000, 'x')); });
  struct Work : TransferHandler {
    bool parked = true;
    int heads = 0;
    void on_head(Multi&, TransferId, const ResponseHead&) override { ++heads; }
    std::size_t on_body(Multi& multi, TransferId, Bytes bytes) override {
      if (parked) return 0;
      for (const Instant end = multi.now() + std::chrono::microseconds(bytes.size() / 32); multi.now() < end;) {
      }
      return bytes.size();
    }
  } work;
  std::unique_ptr<GMainContext, void (*)(GMainContext*)> context{g_main_context_new(), &g_main_context_unref};
  const auto multi = Multi::create().value();
  const auto driver = GlibDriver::create(*multi, context.get(), nullptr, G_PRIORITY_DEFAULT_IDLE).value();
  std::vector<TransferId> transfers;
  for (int i = 0; i < 100; ++i) transfers.push_back(multi->add(get(server.url()), {}, &work).value());
  const Instant limit = multi->now() + 20s;
  while (work.heads < 100 && multi->now() < limit) g_main_context_iteration(context.get(), TRUE);
  REQUIRE(work.heads == 100);
  int redraws = 0;
  GSource* const redraw = g_timeout_source_new(16);
  g_source_set_priority(redraw, G_PRIORITY_HIGH_IDLE + 20);  // GTK's
  const GSourceFunc count = [](gpointer counter) -> gboolean {
    return ++*static_cast<int*>(counter), G_SOURCE_CONTINUE;
  };
  g_source_set_callback(redraw, count, &redraws, nullptr);
  g_source_attach(redraw, context.get());
  work.parked = false;
  for (const TransferId one : transfers) multi->resume(one);
  const Instant begin = multi->now();
  while (multi->now() < begin + 1s) g_main_context_iteration(context.get(), TRUE);  // there is work for more
  CHECK(multi->running() > 0);
  CHECK(redraws >= 20);
  g_source_destroy(redraw);
  g_source_unref(redraw);
}

TEST_CASE("GLib: a paused transfer is not watched, goes on when it is resumed, and coroutines run beside it") {
  Loop loop;
  check_that_paused_is_not_watched(loop);
}

TEST_CASE("SB-89 GLib: the driver keeps what a handler throws, and the context goes on") {
  Loop loop;
  check_that_thrown_is_kept(*loop.multi, *loop.driver,
                            [&] { loop.run_until([&] { return loop.multi->running() == 0; }); });
}

}  // namespace
}  // namespace sluice::test
