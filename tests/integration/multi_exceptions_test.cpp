// SB-89: exceptions of handlers leave the drive, and the Multi stays usable; what the destructor still reports to a
// WatchSink.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/select.h>

#include <map>
#include <new>
#include <stdexcept>

#include "adapters/coroutine.hpp"
#include "adapters/select.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/loose_coroutine.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

Reply early(const std::string&) {
  return {.bytes = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"};
}

template <class Thrown>
struct Thrower : Recorder {
  char where;
  Thrown what;
  Thrower(char callback, Thrown thrown) : where(callback), what(std::move(thrown)) {}
  void here() const {
    if (order.ends_with(where)) throw what;
  }
  void on_interim(Multi& multi, TransferId id, const ResponseHead& head) override {
    Recorder::on_interim(multi, id, head), here();
  }
  void on_head(Multi& multi, TransferId id, const ResponseHead& head) override {
    Recorder::on_head(multi, id, head), here();
  }
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
    const std::size_t taken = Recorder::on_body(multi, id, bytes);
    return here(), taken;
  }
  std::size_t on_upload(Multi&, TransferId, MutableBytes) override {
    order += 'u';
    return here(), 0;
  }
  void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
    Recorder::on_done(multi, id, end), here();
  }
};

// Counts what `Thrown` leaves drives until `transfers` have their messages.
template <class Thrown>
std::map<TransferId, Message> drive(Multi& multi, std::size_t transfers, int& left) {
  std::map<TransferId, Message> messages;
  for (const Instant end = multi.now() + 20s; messages.size() < transfers && multi.now() < end;) {
    try {
      const Drive drove = multi.perform();  // not inside REQUIRE, which catches
      REQUIRE(drove != Drive::recursive_call);
    } catch (const Thrown&) {
      ++left;
    }
    messages.merge(take_messages(multi));
    if (messages.size() < transfers) REQUIRE(multi.poll({}, 20ms).has_value());
  }
  return messages;
}

Request upload(const std::string& url) { return {"PUT", Url::parse(url).value(), BodyStream{5}}; }

}  // namespace

TEST_CASE(
    "SB-89 an exception of a handler leaves perform(), ends its transfer with what it says, and the Multi is usable") {
  LoopbackServer server(early);
  const auto multi = make_multi();
  for (const char where : {'u', 'i', 'h', 'b', 'd'}) {
    CAPTURE(where);
    Thrower<std::logic_error> thrower(where, std::logic_error("my bug"));
    Recorder other;
    const auto id =
        multi->add(where == 'u' ? upload(server.url("/bad?secret")) : get(server.url("/bad?secret")), {}, &thrower);
    REQUIRE(id.has_value());
    REQUIRE(multi->add(get(server.url("/good")), {}, &other));
    int left = 0;
    auto messages = drive<std::logic_error>(*multi, 2, left);
    CHECK(left == 1);
    REQUIRE(messages.size() == 2);
    CHECK(other.body == "hello");
    // Nothing after it but its end.
    CHECK(thrower.order.ends_with(where == 'd' ? std::string("d") : std::string({where, 'd'})));
    const Message& message = messages.at(*id);
    if (where == 'd') {
      CHECK(message.result.has_value());
      CHECK(thrower.body == "hello");
    } else {
      REQUIRE_FALSE(message.result.has_value());
      const Error& error = message.result.error();
      CHECK(error.code == Code::canceled);
      CHECK(thrower.result == message.result);
      CHECK(error.message().starts_with(where == 'u' ? "PUT http" : "GET http"));
      CHECK(error.message().ends_with(": its handler threw an exception: my bug"));
      if (where != 'i') CHECK(message.status == (where == 'u' ? 0 : 200));  // the final head may be there already
      // It stays until it is removed, as any other.
      CHECK(multi->request(*id).url.path() == "/bad");
    }
    for (const auto& [each, unused] : messages) multi->remove(each);
    CHECK(multi->running() == 0);
  }
}

TEST_CASE("SB-89 any type may be thrown, from several handlers in one drive, and from socket_action as well") {
  LoopbackServer server(early);
  const auto multi = make_multi();
  Thrower<int> thrower('h', 7);
  for (int i = 0; i < 5; ++i) REQUIRE(multi->add(get(server.url()), {}, &thrower));
  int left = 0;
  for (const Instant end = multi->now() + 20s; multi->running() > 0 && multi->now() < end;) {
    fd_set read, write;
    FD_ZERO(&read);
    FD_ZERO(&write);
    int highest = -1;
    REQUIRE(multi->fdset(&read, &write, nullptr, &highest));
    for (int fd = -1; fd <= highest; ++fd) {  // also those for which nothing is known, and the timer (-1)
      try {
        const Drive drove = multi->socket_action(fd, kEventRead | kEventWrite);  // not inside REQUIRE, which catches
        REQUIRE(drove != Drive::recursive_call);
      } catch (int thrown) {
        CHECK(thrown == 7);
        ++left;
      }
    }
  }
  CHECK(left == 5);
  for (const auto& [id, message] : take_messages(*multi)) {
    REQUIRE_FALSE(message.result.has_value());
    CHECK(message.result.error().message().ends_with(": its handler threw an exception"));
  }
  Recorder after;
  REQUIRE(multi->add(get(server.url()), {}, &after));
  REQUIRE(finish(*multi));
  CHECK(after.body == "hello");
}

TEST_CASE("SB-89 a std::bad_alloc of a handler does not leave the drive: its transfer has run out of memory") {
  LoopbackServer server(early);
  const auto multi = make_multi();
  Thrower<std::bad_alloc> thrower('b', std::bad_alloc());
  Recorder other;
  const auto id = multi->add(get(server.url()), {}, &thrower);
  REQUIRE(id.has_value());
  REQUIRE(multi->add(get(server.url()), {}, &other));
  int failed = 0;
  for (const Instant end = multi->now() + 20s; multi->running() > 0 && multi->now() < end;) {
    failed += multi->perform() == Drive::failed;
    if (multi->running() > 0) REQUIRE(multi->poll({}, 20ms).has_value());
  }
  CHECK(failed == 1);
  CHECK(other.body == "hello");
  CHECK(take_messages(*multi).at(*id).result.error().code == Code::out_of_memory);
}

TEST_CASE("SB-89 an exception passes through run()") {
  LoopbackServer server(early);
  const auto multi = make_multi();
  Thrower<std::logic_error> thrower('b', std::logic_error("my bug"));
  REQUIRE(multi->add(get(server.url()), {}, &thrower));
  CHECK_THROWS_AS((void)run(*multi), std::logic_error);
  CHECK(run(*multi).has_value());
  CHECK(take_messages(*multi).size() == 1);
}

TEST_CASE("SB-89 coroutines: an exception that leaves one leaves the drive; a Task keeps it for who takes its result") {
  LoopbackServer server(early);
  const auto multi = make_multi();
  SUBCASE("a coroutine of another type") {
    const auto loose = [](Multi& from, std::string url) -> Loose {
      (void)co_await from.fetch(get(url));
      throw std::logic_error("my bug");
    };
    const Loose running = loose(*multi, server.url());
    int left = 0;
    for (const Instant end = multi->now() + 20s; left == 0 && multi->now() < end;) {
      try {
        const Drive drove = multi->perform();  // not inside REQUIRE, which catches
        REQUIRE(drove != Drive::recursive_call);
        REQUIRE(multi->poll({}, 20ms).has_value());
      } catch (const std::logic_error&) {
        ++left;
      }
    }
    CHECK(left == 1);
  }
  SUBCASE("a Task, and one that waits for it") {
    const auto inner = [](Multi& from, std::string url) -> Task<int> {
      const auto response = co_await from.fetch(get(url));
      if (response) throw std::logic_error("my bug");
      co_return 0;
    };
    const auto outer = [&](Multi& from, std::string url, bool catches) -> Task<> {
      try {
        (void)co_await inner(from, url);
      } catch (const std::logic_error&) {
        if (!catches) throw;
      }
    };
    auto direct = inner(*multi, server.url());
    auto caught = outer(*multi, server.url(), true), passed = outer(*multi, server.url(), false);
    REQUIRE(drive_until(*multi, [&] { return direct.done() && caught.done() && passed.done(); }));
    CHECK_THROWS_WITH_AS(direct.take(), "my bug", std::logic_error);
    caught.take();
    CHECK_THROWS_WITH_AS(passed.take(), "my bug", std::logic_error);
    const auto at_once = []() -> Task<int> {
      throw std::logic_error("before it waits");
      co_return 0;
    };
    auto early_one = at_once();
    CHECK(early_one.done());
    CHECK_THROWS_AS(early_one.take(), std::logic_error);
  }
  CHECK(multi->running() == 0);
  Recorder after;
  REQUIRE(multi->add(get(server.url()), {}, &after));
  REQUIRE(finish(*multi));
  CHECK(after.body == "hello");
}

TEST_CASE("the destructor of a Multi tells its WatchSink of each removal, and one that was taken away of nothing") {
  struct Counter : WatchSink {
    std::map<int, std::uint8_t> watched;
    int calls = 0;
    void on_watch(int fd, std::uint8_t events, void*) override {
      ++calls;
      if (events == 0) {
        CHECK(watched.erase(fd) == 1);
        CHECK(::fcntl(fd, F_GETFD) >= 0);  // still open
      } else {
        watched[fd] = events;
      }
    }
    void on_timer(std::optional<Instant>) override { ++calls; }
  };
  LoopbackServer server([](const std::string&) { return Reply{.bytes = "", .hold = true}; });
  for (const bool taken_away : {false, true}) {
    Counter sink;
    auto multi = make_multi();
    multi->set_watch_sink(&sink);
    Recorder recorder;
    REQUIRE(multi->add(get(server.url()), {}, &recorder));
    REQUIRE(drive_until(*multi, [&] { return server.requests() == (taken_away ? 2 : 1); }));
    CHECK(sink.watched.size() == 2);  // the connection's, and the wakeup's
    if (taken_away) multi->set_watch_sink(nullptr);
    const int calls = sink.calls;
    multi.reset();
    CHECK(sink.watched.size() == (taken_away ? 2 : 0));
    CHECK(sink.calls == calls + (taken_away ? 0 : 2));
    CHECK(recorder.dones == 0);
  }
}
