// EpollDriver besides the application's own descriptors. What every binding must do is tested by tests/conformance.
#include "adapters/epoll.hpp"

#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>

#include "adapters/net/descriptor.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// An epoll descriptor and, in it, an event of the application's own.
struct Application {
  net::Descriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
  net::Descriptor own{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  int own_events = 0, foreign_events = 0;

  Application() {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = own.get();
    REQUIRE(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, own.get(), &event) == 0);
  }
  void poke() { REQUIRE(::eventfd_write(own.get(), 1) == 0); }
  // What is ready now, or (-1) would be some day.
  std::array<epoll_event, 16> batch = {};
  int wait(int timeout_ms) {
    return ::epoll_wait(epoll.get(), batch.data(), static_cast<int>(batch.size()), timeout_ms);
  }
  void turn(EpollDriver& driver) {
    const int count = wait(driver.timeout_ms(1000));
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = batch[static_cast<std::size_t>(i)];
      if (driver.handle(event)) continue;
      ++(event.data.fd == own.get() ? own_events : foreign_events);
      ::eventfd_t value = 0;
      if (event.data.fd == own.get()) CHECK(::eventfd_read(own.get(), &value) == 0);
    }
    driver.after_batch();
  }
  bool run(EpollDriver& driver, const std::function<bool()>& condition) {
    for (int turns = 0; turns < 1000; ++turns) {
      if (condition()) return true;
      turn(driver);
    }
    return false;
  }
};

}  // namespace

TEST_CASE("EpollDriver moves transfers beside an application's own descriptor, and tells the two apart") {
  LoopbackServer server([](const std::string&) { return ok("hello"); });
  Application application;
  const auto multi = make_multi();
  int drives = 0;
  const auto driver = EpollDriver::create(*multi, application.epoll.get(), [&](Multi& same) {
                        CHECK(&same == multi.get());
                        ++drives;
                      }).value();
  Recorder first, second;
  REQUIRE(multi->add(get(server.url("/1")), {}, &first));
  REQUIRE(multi->add(get(server.url("/2")), {}, &second));
  application.poke();
  CHECK(application.run(*driver, [&] { return multi->running() == 0; }));
  CHECK(first.body == "hello");
  CHECK(second.body == "hello");
  CHECK(application.own_events == 1);
  CHECK(application.foreign_events == 0);
  CHECK(drives > 0);
  CHECK(!driver->failed());

  application.poke();  // with kept-alive connections that have nothing to say
  const int before = drives;
  application.turn(*driver);
  CHECK(application.own_events == 2);
  CHECK(drives == before);
}

TEST_CASE("EpollDriver: after_drive may add transfers and remove them") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  Application application;
  const auto multi = make_multi();
  std::array<Recorder, 5> recorders;
  std::size_t ended = 0;
  const auto driver = EpollDriver::create(*multi, application.epoll.get(), [&](Multi&) {
                        while (const auto message = multi->info_read()) {
                          CHECK(message->result);
                          multi->remove(message->transfer);
                          if (++ended < recorders.size()) CHECK(multi->add(get(server.url()), {}, &recorders[ended]));
                        }
                      }).value();
  REQUIRE(multi->add(get(server.url()), {}, &recorders[0]));
  CHECK(application.run(*driver, [&] { return ended == recorders.size(); }));
  CHECK(server.requests() == 5);
  for (const Recorder& recorder : recorders) CHECK(recorder.body == "x");
}

TEST_CASE("EpollDriver: a drive from inside a callback does nothing, and its time comes again") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  Application application;
  const auto multi = make_multi();
  std::unique_ptr<EpollDriver> driver;
  int drives = 0;
  struct Nested : Recorder {
    std::function<void()> inside;
    void on_head(Multi&, TransferId, const ResponseHead&) override { inside(); }
  } nested;
  nested.inside = [&] {
    const int before = drives;
    multi->wakeup();
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = multi->wakeup_fd();
    CHECK(driver->handle(event));
    driver->after_batch();
    CHECK(drives == before);
  };
  driver = EpollDriver::create(*multi, application.epoll.get(), [&](Multi&) { ++drives; }).value();
  REQUIRE(multi->add(get(server.url()), {}, &nested));
  CHECK(application.run(*driver, [&] { return multi->running() == 0; }));
  CHECK(nested.body == "x");
  const int before = drives;
  application.turn(*driver);  // the wakeup is still there
  CHECK(drives > before);
}

TEST_CASE("EpollDriver::timeout_ms is what is left until the deadline, rounded up, within what was asked") {
  LoopbackServer server([](const std::string&) { return Reply{.bytes = "", .hold = true}; });
  Application application;
  const auto multi = make_multi();
  const auto driver = EpollDriver::create(*multi, application.epoll.get()).value();
  CHECK(driver->timeout_ms() == -1);
  CHECK(driver->timeout_ms(70) == 70);
  Recorder recorder;
  TransferOptions options;
  options.total_timeout = 300ms;
  const Instant start = multi->now();
  REQUIRE(multi->add(get(server.url()), options, &recorder));
  CHECK(driver->timeout_ms() == 0);  // it has to be begun
  CHECK(driver->timeout_ms(70) == 0);
  CHECK(application.run(*driver, [&] { return server.requests() == 1 || multi->running() == 0; }));
  CHECK(driver->timeout_ms(1) <= 1);
  int turns = 0;
  while (multi->running() > 0 && turns < 100) application.turn(*driver), ++turns;
  REQUIRE(recorder.dones == 1);
  REQUIRE(!recorder.result);
  CHECK(recorder.result.error().code == Code::total_timeout);
  CHECK(multi->now() - start >= 300ms);
  CHECK(turns < 10);  // not one for each millisecond
}

TEST_CASE("EpollDriver hears of a wakeup, and leaves nothing of Multi's in the set when it goes") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  Application application;
  const auto multi = make_multi();
  int drives = 0;
  auto driver = EpollDriver::create(*multi, application.epoll.get(), [&](Multi&) { ++drives; }).value();
  multi->wakeup();
  application.turn(*driver);
  CHECK(drives == 1);
  CHECK(application.wait(0) == 0);  // taken
  Recorder recorder;
  REQUIRE(multi->add(get(server.url()), {}, &recorder));
  CHECK(application.run(*driver, [&] { return multi->running() == 0; }));
  CHECK(multi->connections() == 1);

  driver.reset();
  multi->wakeup();
  server.reset_all();
  CHECK(server.wait_for_open(0));
  CHECK(application.wait(50) == 0);
  application.poke();
  CHECK(application.wait(0) == 1);

  // Another one goes on where that left off.
  driver = EpollDriver::create(*multi, application.epoll.get(), [&](Multi&) { ++drives; }).value();
  Recorder later;
  REQUIRE(multi->add(get(server.url()), {}, &later));
  CHECK(application.run(*driver, [&] { return multi->running() == 0; }));
  CHECK(later.body == "x");
}

TEST_CASE("EpollDriver takes no event of a descriptor that is none of Multi's, and no harm from a stale one") {
  LoopbackServer server([](const std::string&) { return Reply{.bytes = ok("x").bytes, .hold = true}; });
  Application application;
  const auto multi = make_multi();
  const auto driver = EpollDriver::create(*multi, application.epoll.get()).value();
  for (const int fd : {-1, 0, 9999, application.own.get(), application.epoll.get()}) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    CHECK(!driver->handle(event));
  }
  Recorder recorder;
  REQUIRE(multi->add(get(server.url()), {}, &recorder));
  CHECK(application.run(*driver, [&] { return server.requests() == 1; }));
  // As if it had been fetched for an earlier descriptor: everything at once, for each number there may be.
  for (int fd = 0; fd < 64; ++fd) {
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP;
    event.data.fd = fd;
    driver->handle(event);
  }
  CHECK(multi->running() == 1);
  server.release();
  CHECK(application.run(*driver, [&] { return multi->running() == 0; }));
  CHECK(recorder.result);
  CHECK(recorder.body == "x");
}

TEST_CASE("EpollDriver refuses a descriptor that is no epoll") {
  Application application;
  const auto multi = make_multi();
  const auto refused = EpollDriver::create(*multi, application.own.get());
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::invalid_option);
  CHECK(refused.error().detail == EINVAL);
  CHECK(EpollDriver::create(*multi, -1).error().detail == EBADF);
  CHECK(EpollDriver::create(*multi, application.epoll.get()));  // nothing of it is left in Multi
}
