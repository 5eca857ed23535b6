// LibuvDriver and the lifetime of a uv_loop_t: how long uv_run() runs, and what is left in the loop. What every binding
// must do is tested by tests/conformance.
#include "adapters/libuv.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <functional>
#include <memory>
#include <string>

#include "adapters/net/descriptor.hpp"
#include "adapters/transport.hpp"
#include "tests/support/driver_checks.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// A loop that must be empty in the end, and a timer of the application's in it that ends a test which hangs.
struct LoopOfOwn {
  uv_loop_t loop;
  uv_timer_t limit;
  bool hung = false;
  LoopOfOwn() {
    REQUIRE(uv_loop_init(&loop) == 0);
    uv_timer_init(&loop, &limit);
    limit.data = this;
    const auto stop = [](uv_timer_t* timer) {
      static_cast<LoopOfOwn*>(timer->data)->hung = true;
      uv_stop(timer->loop);
    };
    uv_timer_start(&limit, stop, 10'000, 10'000);
    uv_unref(reinterpret_cast<uv_handle_t*>(&limit));
  }
  ~LoopOfOwn() {
    uv_close(reinterpret_cast<uv_handle_t*>(&limit), nullptr);
    uv_run(&loop, UV_RUN_NOWAIT);  // one turn closes what was left to be closed
    CHECK(uv_loop_close(&loop) == 0);
    CHECK(!hung);
  }
  void run() { uv_run(&loop, UV_RUN_DEFAULT); }
};

// A call from the loop, once, after a time.
struct Later {
  uv_timer_t timer;
  std::function<void()> call;
  Later(uv_loop_t& loop, std::uint64_t wait_ms, std::function<void()> what) : call(std::move(what)) {
    uv_timer_init(&loop, &timer);
    timer.data = this;
    uv_timer_start(&timer, [](uv_timer_t* due) { static_cast<Later*>(due->data)->run(); }, wait_ms, 0);
  }
  void run() {
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    call();
  }
};

}  // namespace

TEST_CASE("LibuvDriver keeps uv_run() going while a transfer runs, and not for kept-alive connections or wakeup()") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  LoopOfOwn own;
  const auto multi = make_multi();
  const auto driver = LibuvDriver::create(*multi, &own.loop).value();
  own.run();
  CHECK(multi->running() == 0);
  for (int round = 0; round < 2; ++round) {
    Recorder recorder;
    REQUIRE(multi->add(get(server.url()), {}, &recorder));
    own.run();
    CHECK(recorder.body == "x");
    CHECK(multi->connections() == 1);
  }
  CHECK(server.accepted() == 1);
  CHECK(!driver->failed());
}

TEST_CASE("LibuvDriver keeps uv_run() going for a transfer that is added when the last one was just removed") {
  LoopbackServer server([](const std::string& request) {
    Reply reply = ok("x");
    reply.hold = request.starts_with("GET /never");
    return reply;
  });
  LoopOfOwn own;
  const auto multi = make_multi();
  const auto driver = LibuvDriver::create(*multi, &own.loop).value();
  Recorder first, second;
  const TransferId never = multi->add(get(server.url("/never")), {}, &first).value();
  Later later(own.loop, 20, [&] { uv_stop(&own.loop); });
  own.run();
  multi->remove(never);
  CHECK(multi->running() == 0);
  CHECK(multi->add(get(server.url()), {}, &second));
  own.run();
  CHECK(first.dones == 0);
  CHECK(second.body == "x");
}

TEST_CASE("LibuvDriver lets go of the loop when the last transfer is removed from outside") {
  LoopbackServer server([](const std::string&) { return Reply{.bytes = "", .hold = true}; });
  LoopOfOwn own;
  const auto multi = make_multi();
  const auto driver = LibuvDriver::create(*multi, &own.loop).value();
  const TransferId never = multi->add(get(server.url())).value();
  Later later(own.loop, 20, [&] { multi->remove(never); });
  own.run();
  CHECK(multi->running() == 0);
}

TEST_CASE("LibuvDriver leaves nothing in the loop, in the middle of a transfer as well, and another one goes on") {
  LoopbackServer server([](const std::string&) { return Reply{.bytes = ok("x").bytes, .hold = true}; });
  LoopOfOwn own;
  const auto multi = make_multi();
  Recorder recorder;
  auto driver = LibuvDriver::create(*multi, &own.loop).value();
  REQUIRE(multi->add(get(server.url()), {}, &recorder));
  Later later(own.loop, 20, [&] { uv_stop(&own.loop); });
  own.run();
  REQUIRE(server.wait_for_requests(1));
  driver.reset();
  own.run();  // nothing is left to wait for
  CHECK(multi->running() == 1);
  driver = LibuvDriver::create(*multi, &own.loop).value();
  server.release();
  own.run();
  CHECK(recorder.body == "x");
}

namespace {

// Not to be connected before it was asked a few times, over a pipe that nobody reads: libuv takes such a one for
// broken.
struct Broken final : Transport {
  net::Descriptor pipe;
  int asked = 0;
  Broken() {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    ::close(ends[0]);
    pipe = net::Descriptor(ends[1]);
  }
  Result<Opening> open() override {
    if (++asked < 5) return Opening::wait_write;
    return std::unexpected(make_error(Code::connect_failed, "asked often enough"));
  }
  int fd() const override { return pipe.get(); }
  Transferred receive(MutableBytes) override { return {}; }
  Transferred send(std::span<const Bytes>) override { return {}; }
};
struct BrokenDialer final : Dialer {
  BrokenDialer() : Dialer("", "broken", 1) {}
  Result<std::unique_ptr<Transport>> dial(const DialTarget&, TransportSignal) override {
    return std::make_unique<Broken>();
  }
};

}  // namespace

TEST_CASE("LibuvDriver watches on after libuv has told an error of a descriptor") {
  LoopOfOwn own;
  const auto multi = make_multi();
  const auto driver = LibuvDriver::create(*multi, &own.loop).value();
  TransferOptions options;
  options.route = std::make_shared<BrokenDialer>();
  Recorder recorder;
  REQUIRE(multi->add(get("http://nowhere.test/"), options, &recorder));
  own.run();
  REQUIRE(recorder.dones == 1);
  CHECK(recorder.result.error().message().find("asked often enough") != std::string::npos);
}

TEST_CASE("SB-89 LibuvDriver keeps what a handler throws, and the loop goes on") {
  LoopOfOwn own;
  const auto multi = make_multi();
  auto driver = LibuvDriver::create(*multi, &own.loop).value();
  check_that_thrown_is_kept(*multi, *driver, [&] { own.run(); });
}
