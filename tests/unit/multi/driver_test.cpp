// adapters/multi/driver alone, without a Multi: facts are reported to the engine, outputs are executed, time and
// fairness.
#include "adapters/multi/driver.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/multi/driver_bench.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kNothing = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct SinkLog : WatchSink {
  std::string text;
  std::optional<Instant> timer;
  std::function<void()> inside;
  void on_watch(int fd, std::uint8_t events, void*) override {
    text += std::to_string(fd) + ':' + std::to_string(events) + ' ';
    if (inside) inside();
  }
  void on_timer(std::optional<Instant> at) override { timer = at; }
};

}  // namespace

// ---- drives ----

TEST_CASE("Driver: a transfer goes from its connect to its message in drives, and only what is ready is read") {
  DriverOverParts one;
  one.add();
  CHECK(one.environment.wires.empty());  // nothing happens outside of a drive
  CHECK(one.driver->timeout() == 0ms);
  CHECK(one.perform() == Drive::ok);
  CHECK(one.running == 1);
  CHECK(one.wire().sent == "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n");
  CHECK(one.waiter().watched.at(10).events == kEventRead);
  CHECK(one.driver->timeout() == std::nullopt);
  one.wire().arriving = kNothing;
  CHECK(one.perform() == Drive::ok);
  CHECK(one.running == 1);
  one.ready(10);
  CHECK(one.perform() == Drive::ok);
  CHECK(one.running == 0);
  CHECK(one.end() == "good");
  CHECK(one.driver->timeout() == 60'000ms);  // the connection is kept so long
}

TEST_CASE("Driver: a socket that is handed in is seen to without a look at the others") {
  DriverOverParts two;
  two.add();
  two.add("http://192.0.2.2/");
  CHECK(two.perform() == Drive::ok);
  two.wire(0).arriving = two.wire(1).arriving = kNothing;
  two.ready(10);
  const int looks = two.waiter().looks;
  CHECK(two.driver->socket_action(11, kEventRead, &two.running) == Drive::ok);
  CHECK(two.running == 1);
  CHECK(two.waiter().looks == looks);
  CHECK(two.wire(1).arriving.empty());
  CHECK_FALSE(two.wire(0).arriving.empty());
  CHECK(two.driver->socket_action(99, kEventRead, &two.running) == Drive::ok);  // nobody's
  CHECK(two.running == 1);
}

TEST_CASE("Driver: a drive stops when its reads are used up, and what is left is done by the next") {
  MultiOptions options;
  options.max_reads_per_perform = 1;
  DriverOverParts two(std::move(options));
  two.add();
  two.add("http://192.0.2.2/");
  for (int i = 0; i < 10 && two.perform() == Drive::call_again; ++i) {
  }
  two.wire(0).arriving = two.wire(1).arriving = kNothing;
  two.ready(10);
  two.ready(11);
  CHECK(two.perform() == Drive::call_again);
  CHECK(two.running == 1);
  CHECK(two.driver->timeout() == 0ms);
  two.perform();
  CHECK(two.running == 0);
}

TEST_CASE("Driver: streams that never end do not keep others from their turns") {
  MultiOptions options;
  options.max_reads_per_perform = 1;
  DriverOverParts three(std::move(options));
  const TransferId busy[] = {three.add(), three.add("http://192.0.2.2/")};
  CHECK(three.perform() == Drive::ok);
  for (const std::size_t i : {0u, 1u}) three.wire(i).arriving = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
  three.add("http://192.0.2.3/");
  int drives = 0;
  const auto begun = [&] { return three.environment.wires.size() > 2 && !three.wire(2).sent.empty(); };
  while (drives < 20 && !begun()) {
    ++drives;
    for (const std::size_t i : {0u, 1u}) three.wire(i).arriving.append(10'000, 'b');
    three.ready(10);
    three.ready(11);
    CHECK(three.perform() == Drive::call_again);
    for (const TransferId id : busy) {
      three.parts->engine.consume_body(id, three.parts->engine.body(id).size(), three.driver->now());
    }
  }
  CHECK(drives < 10);
}

TEST_CASE("Driver: a drive from inside of what it tells is refused, and so is a wait") {
  SinkLog sink;  // it outlives the driver
  DriverOverParts one;
  int refusals = 0;
  sink.inside = [&] {
    int unused = 0;
    CHECK(one.driver->perform(&unused) == Drive::recursive_call);
    CHECK(one.driver->socket_action(10, kEventRead, nullptr) == Drive::recursive_call);
    CHECK(one.driver->socket_action(Multi::kNoSocket, 0, nullptr) == Drive::recursive_call);
    CHECK(one.driver->poll({}, 1s).error().code == Code::recursive_call);
    ++refusals;
  };
  one.driver->set_watch_sink(&sink);  // outside of a drive
  CHECK(refusals == 1);
  one.add();
  CHECK(one.perform() == Drive::ok);  // and inside of one
  CHECK(refusals == 2);
  CHECK(one.waiter().waits.empty());
  CHECK(one.running == 1);
  sink.inside = nullptr;
}

TEST_CASE("Driver: after a drive that was cut short each stream is tried, ready or not") {
  DriverOverParts one;
  one.add();
  CHECK(one.perform() == Drive::ok);
  one.wire().arriving = kNothing;
  CHECK(one.driver->cut_short(&one.running) == Drive::failed);
  CHECK(one.running == 1);
  CHECK(one.driver->timeout() == 0ms);
  CHECK(one.perform() == Drive::ok);
  CHECK(one.end() == "good");
}

TEST_CASE("Driver: a look that fails fails its drive, which has done what it could") {
  DriverOverParts one;
  one.add();
  one.waiter().error = EBADF;
  CHECK(one.perform() == Drive::failed);
  CHECK(one.wire().sent.starts_with("GET / "));
  one.waiter().error = 0;
  CHECK(one.perform() == Drive::ok);
}

// ---- names ----

TEST_CASE("Driver: a name is asked for, and its answer connects") {
  DriverOverParts one;
  one.add("http://a.test/");
  CHECK(one.perform() == Drive::ok);
  REQUIRE(one.names().started.size() == 1);
  CHECK(one.names().started[0].host == "a.test");
  one.names().say(one.names().started[0].id, NameAnswer({*IpAddress::parse("192.0.2.1")}));
  CHECK(one.driver->timeout() == 0ms);
  CHECK(one.perform() == Drive::ok);
  CHECK(one.wire().sent.starts_with("GET / HTTP/1.1\r\nHost: a.test\r\n"));
}

TEST_CASE("Driver: of too many names that nobody wants any more the look-up of the oldest is called off") {
  DriverOverParts many;
  std::vector<TransferId> ids;
  for (int i = 0; i < 257; ++i) ids.push_back(many.add("http://n" + std::to_string(i) + ".test/"));
  CHECK(many.perform() == Drive::ok);
  REQUIRE(many.names().started.size() == 257);
  for (const TransferId id : ids) many.parts->engine.cancel(id, many.driver->now());
  CHECK(many.perform() == Drive::ok);
  CHECK(many.running == 0);
  CHECK(many.names().canceled == std::vector{many.names().started[0].id});
}

TEST_CASE("Driver: the resolver's descriptors and its time are its own") {
  DriverOverParts one;
  one.environment.watch_name(7, true, false);
  CHECK(one.waiter().watched.at(7).events == kEventRead);
  CHECK(one.driver->socket_action(7, kEventRead, nullptr) == Drive::ok);
  CHECK(one.names().processed == std::vector{7});
  one.names().due = one.environment.clock.steady;
  CHECK(one.perform() == Drive::ok);
  CHECK(one.names().timeouts == 0);  // no question is open
  one.add("http://a.test/");
  CHECK(one.perform() == Drive::ok);
  CHECK(one.names().timeouts == 1);
  one.names().due = one.environment.clock.steady + 3s;
  CHECK(one.driver->timeout() == 3'000ms);
}

// ---- time ----

TEST_CASE("Driver: what has a time is done by the first drive after it, whichever it is") {
  for (const bool timer : {true, false}) {
    CAPTURE(timer);
    DriverOverParts one;
    TransferOptions options;
    options.total_timeout = 5s;
    one.add("http://192.0.2.1/", options);
    CHECK(one.perform() == Drive::ok);
    CHECK(one.driver->timeout() == 5'000ms);
    one.environment.clock.steady += 5s - 1ns;
    CHECK(one.driver->timeout() == 1ms);
    CHECK(one.perform() == Drive::ok);
    CHECK(one.running == 1);
    one.environment.clock.steady += 1ns;
    CHECK(one.driver->timeout() == 0ms);
    CHECK((timer ? one.driver->socket_action(Multi::kNoSocket, 0, &one.running) : one.perform()) == Drive::ok);
    CHECK(one.running == 0);
    CHECK(one.end() == "total_timeout");
    CHECK(one.wire().closed);
  }
}

TEST_CASE("Driver: what came in time is not held against its deadline") {
  DriverOverParts one;
  TransferOptions options;
  options.total_timeout = 5s;
  one.add("http://192.0.2.1/", options);
  CHECK(one.perform() == Drive::ok);
  one.environment.clock.steady += 6s;
  one.wire().arriving = kNothing;
  one.ready(10);
  CHECK(one.perform() == Drive::ok);
  CHECK(one.end() == "good");
}

TEST_CASE("Driver: a flood of outputs puts deadlines off by one drive only") {
  MultiOptions options;
  options.max_reads_per_perform = 1;  // 16 outputs
  DriverOverParts one(std::move(options));
  TransferOptions limited;
  limited.total_timeout = 5s;
  const TransferId late = one.add("http://192.0.2.1/", limited);
  CHECK(one.perform() == Drive::ok);
  for (int i = 0; i < 20; ++i) one.parts->engine.cancel(one.add("http://192.0.2.2/"), one.driver->now());
  one.environment.clock.steady += 6s;
  CHECK(one.perform() == Drive::call_again);
  one.wire(0).arriving = kNothing;  // too late
  one.ready(10);
  for (int i = 0; i < 10 && one.perform() == Drive::call_again; ++i) {
  }
  REQUIRE(one.parts->transfers.messages() == 21);
  CHECK(one.parts->transfers.find(late)->result.error().code == Code::total_timeout);
}

TEST_CASE("Driver: the environment's upkeep is done when it is due") {
  DriverOverParts one;
  one.environment.upkeep = one.environment.clock.steady + 2s;
  CHECK(one.driver->timeout() == 2'000ms);
  CHECK(one.perform() == Drive::ok);
  CHECK(one.environment.upkeeps == 0);
  one.environment.clock.steady += 2s;
  CHECK(one.perform() == Drive::ok);
  CHECK(one.environment.upkeeps == 1);
}

// ---- waiting ----

TEST_CASE("Driver: a wait lasts as long as it may, or until something is to be done") {
  DriverOverParts one;
  CHECK(one.driver->poll({}, 10s).value().ready == 0);
  TransferOptions options;
  options.total_timeout = 5s;
  one.add("http://192.0.2.1/", options);
  REQUIRE(one.driver->poll({}, 10s));
  CHECK(one.perform() == Drive::ok);
  REQUIRE(one.driver->poll({}, 10s));
  REQUIRE(one.driver->poll({}, 1s));
  CHECK(one.waiter().waits == std::vector{10'000, 0, 5'000, 1'000});
  one.waiter().error = EBADF;
  const auto failed = one.driver->poll({}, 1s);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::internal);
  CHECK(failed.error().detail == EBADF);
}

TEST_CASE("Driver: what a wait has found is there for the next drive, which need not look again") {
  DriverOverParts one;
  one.add();
  CHECK(one.perform() == Drive::ok);
  one.wire().arriving = kNothing;
  one.ready(10);
  REQUIRE(one.driver->poll({}, 1s));
  CHECK(one.driver->timeout() == 0ms);
  const int looks = one.waiter().looks;
  CHECK(one.perform() == Drive::ok);
  CHECK(one.waiter().looks == looks);
  CHECK(one.end() == "good");
}

TEST_CASE("Driver: descriptors of the caller's are waited for beside, and counted") {
  DriverOverParts one;
  ExtraDescriptor extra[] = {{20, kEventRead}, {21, kEventRead}, {22, kEventWrite}};
  const auto polled = one.driver->poll(extra, 1s);
  REQUIRE(polled);
  CHECK(polled->ready == 2);
  CHECK(extra[2].ready == kEventWrite);
}

TEST_CASE("Driver: a wakeup is told by one wait, once, unless somebody else has taken it") {
  DriverOverParts one;
  one.waiter().rung = true;
  CHECK(one.driver->poll({}, 1s).value().woken);
  CHECK_FALSE(one.driver->poll({}, 1s).value().woken);
  one.waiter().rung = true;
  CHECK(one.perform() == Drive::ok);  // its look has seen it
  CHECK(one.driver->poll({}, 1s).value().woken);
  CHECK(one.waiter().waits.back() == 0);
  one.waiter().rung = true;
  CHECK(one.driver->take_wakeup());
  CHECK_FALSE(one.driver->take_wakeup());
  one.waiter().rung = true;
  CHECK(one.driver->socket_action(kBell, kEventRead, nullptr) == Drive::ok);  // the loop that saw it knows
  CHECK_FALSE(one.driver->poll({}, 1s).value().woken);
}

TEST_CASE("Driver: fd() has a timer from when it was asked for") {
  DriverOverParts one;
  TransferOptions options;
  options.total_timeout = 5s;
  one.add("http://192.0.2.1/", options);
  CHECK(one.perform() == Drive::ok);
  CHECK_FALSE(one.waiter().timer);
  CHECK(one.driver->fd() == 3);
  CHECK(one.waiter().timer == one.environment.clock.steady + 5s);
  one.waiter().timer.reset();  // it has run out
  REQUIRE(one.driver->poll({}, 1s));
  CHECK(one.waiter().timer == one.environment.clock.steady + 5s);
}

// ---- what is told ----

TEST_CASE("Driver: a sink hears of watches and of the next time, and of every removal when the driver goes") {
  SinkLog sink;  // it outlives the driver
  DriverOverParts one;
  one.driver->set_watch_sink(&sink);
  CHECK(std::exchange(sink.text, {}) == "4:1 ");
  TransferOptions options;
  options.total_timeout = 5s;
  one.add("http://192.0.2.1/", options);
  CHECK(sink.timer == one.environment.clock.steady);  // at once
  CHECK(one.driver->socket_action(Multi::kNoSocket, 0, nullptr) == Drive::ok);
  CHECK(std::exchange(sink.text, {}) == "10:1 ");
  CHECK(sink.timer == one.environment.clock.steady + 5s);
  one.driver.reset();
  CHECK(sink.text == "10:0 4:0 ");
  CHECK(one.wire().closed);
}

TEST_CASE("Driver: lines of the key log are kept until they are taken") {
  TlsOptions tls = trusting_options();
  tls.key_log = true;
  MultiOptions options;
  options.engine.default_tls = make_config(tls);
  options.resolve_overrides = {{"example.org", 443, {*IpAddress::parse("192.0.2.1")}}};
  DriverOverParts one(std::move(options));
  const auto context = make_context(example_server());
  sim::TlsServer server(context);
  one.add("https://example.org/");
  for (int round = 0; round < 10; ++round) {
    CHECK(one.perform() == Drive::ok);
    server.feed(as_bytes(std::exchange(one.wire().sent, {})));
    one.wire().arriving += as_text(server.output());
    server.output().clear();
    one.ready(10);
  }
  CHECK(server.plain().starts_with("GET / "));
  CHECK(one.driver->take_key_log().size() >= 4);
  CHECK(one.driver->take_key_log().empty());
}
