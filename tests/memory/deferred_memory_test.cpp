// What an engine still has to report after a shortage of memory, checked for each kind of output: changes of interest
// that could not be queued, a Close whose reserved place was used, a body that was lost, a transfer that could not be
// added.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/engine.hpp"
#include "core/pool/pool.hpp"
#include "tests/memory/shortage.hpp"

namespace sluice::test {
namespace {

// An engine and the connections that it requested. Only explicitly watched calls count.
struct Bench {
  explicit Bench(EngineOptions options = {}) : engine(std::move(options)) {}

  static Request get(const std::string& url) { return Request::get(Url::parse(url).value()); }
  TransferId add(const std::string& url) { return engine.add(get(url), {}, now).value(); }
  // Of the output that is there, the last Connect's.
  ConnId connect() {
    ConnId conn;
    while (const auto out = engine.poll_output()) {
      if (const auto* const wish = std::get_if<output::Connect>(&*out)) conn = wish->conn;
    }
    REQUIRE(conn);
    engine.handle_connected(conn, now);
    drain();
    const OutputView view = engine.transmit(conn);
    std::size_t size = 0;
    for (std::size_t i = 0; i < view.count; ++i) size += view.spans[i].size();
    engine.handle_sent(conn, size, now);
    drain();
    return conn;
  }
  void receive(ConnId conn, std::string_view bytes) {
    while (!bytes.empty()) {
      const MutableBytes space = engine.receive_space(conn);
      REQUIRE_FALSE(space.empty());
      const std::size_t count = std::min(space.size(), bytes.size());
      std::memcpy(space.data(), bytes.data(), count);
      engine.handle_received(conn, count, now);
      drain();
      bytes.remove_prefix(count);
    }
  }
  void drain() {
    while (engine.poll_output()) {
    }
  }

  Engine engine;
  Now now{Instant{std::chrono::seconds(1000)}, 1'750'000'000};
};

// The slot of a new endpoint may still hold the key of one that was forgotten, and that key may be another one's now.
TEST_CASE("an endpoint that could not be made leaves the others in the pool's index") {
  bool done = false;
  for (std::size_t nth = 1; !done; ++nth) {
    CAPTURE(nth);
    Timers timers;
    pool::Pool pool({}, timers);
    const auto at = [&](const std::string& url) -> pool::Endpoint& {
      return pool.endpoint_for(Request(Url::parse(url).value()), {}, nullptr, {});
    };
    pool::Endpoint& first = at("http://a.test/");
    pool::Endpoint& second = at("http://b.test/");
    pool.forget(first);
    pool.forget(second);
    const pool::Endpoint& live = at("http://a.test/");
    REQUIRE(&live != &first);  // so its old slot is the next to be used
    const Request other(Url::parse("http://" + std::string(60, 'c') + ".test/").value());
    run_short(nth, Shortage::once);
    try {
      watched([&] { pool.endpoint_for(other, {}, nullptr, {}); });
    } catch (const std::bad_alloc&) {
    }
    done = !ran_short();
    relieve();
    CHECK(&at("http://a.test/") == &live);
    REQUIRE(nth < 100);
  }
}

}  // namespace

TEST_CASE("memory: changes of interest that found no room are told once each, and so are those of a second shortage") {
  constexpr int kConnections = 40;
  Bench bench;
  std::vector<std::pair<TransferId, ConnId>> paused;
  const std::string piece(limits::kBodyBufferBytes, 'b');
  for (int i = 0; i < kConnections; ++i) {
    const TransferId id = bench.add("http://192.0.2." + std::to_string(i + 1) + "/");
    const ConnId conn = bench.connect();
    bench.receive(conn, "HTTP/1.1 200 OK\r\n\r\n");
    paused.emplace_back(id, conn);
  }
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    for (const auto& [id, conn] : paused) {
      bench.receive(conn, piece);
      REQUIRE_FALSE(bench.engine.interest(conn).read);
    }
    run_short(1, Shortage::from_then_on);
    for (const auto& [id, conn] : paused) {
      watched([&] { bench.engine.consume_body(id, bench.engine.body(id).size(), bench.now); });
      CHECK(bench.engine.interest(conn).read);
    }
    CHECK(ran_short());
    std::map<ConnId, int> told;
    while (const auto out = watched([&] { return bench.engine.poll_output(); })) {
      if (const auto* const changed = std::get_if<output::InterestChanged>(&*out)) ++told[changed->conn];
    }
    relieve();
    for (const auto& [id, conn] : paused) CHECK(told[conn] == 1);
    CHECK(bench.engine.running() == kConnections);
    bench.engine.check_invariants();
  }
}

TEST_CASE("memory: a body that was lost ends its transfer at once, also where no other fact comes") {
  Bench bench;
  const TransferId lost = bench.add("http://192.0.2.1/");
  bench.receive(bench.connect(), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome");
  const TransferId other = bench.add("http://192.0.2.2/");
  const ConnId conn = bench.connect();
  bench.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  REQUIRE_FALSE(bench.engine.deadline().has_value());
  // Its bytes are in the way of the next read, and there is no room to keep them.
  const TransferId third = bench.add("http://192.0.2.3/");
  const ConnId last = bench.connect();
  bench.receive(last, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome");
  run_short(1, Shortage::from_then_on);
  CHECK_FALSE(watched([&] { return bench.engine.receive_space(conn); }).empty());
  CHECK(ran_short());
  relieve();
  REQUIRE(bench.engine.deadline().has_value());
  CHECK(bench.engine.deadline()->at <= bench.now.steady);
  bench.engine.handle_timeout(bench.now);
  std::map<TransferId, Code> ended;
  while (const auto out = bench.engine.poll_output()) {
    const auto* const done = std::get_if<output::Done>(&*out);
    if (done && !done->result) ended[done->transfer] = done->result.error().code;
  }
  CHECK(ended == std::map<TransferId, Code>{{third, Code::out_of_memory}});
  CHECK_FALSE(bench.engine.is_done(lost));
  CHECK_FALSE(bench.engine.is_done(other));
  CHECK(as_text(bench.engine.body(lost)) == "some");
  const auto deadline = bench.engine.deadline();
  CHECK((!deadline || deadline->at > bench.now.steady));
  bench.engine.check_invariants();
}

TEST_CASE(
    "memory: a connection that takes another's place is asked for after that one's Close, whatever found no room") {
  EngineOptions options;
  options.max_connections = 2;
  options.max_connections_per_origin = 1;
  std::size_t owed = 0;
  for (int queued = 0; queued < 40; ++queued) {
    for (std::size_t nth = 1; nth < 60; ++nth) {
      CAPTURE(queued);
      CAPTURE(nth);
      Bench bench(options);
      const TransferId first = bench.add("http://192.0.2.1/");
      const ConnId idle = bench.connect();
      bench.receive(idle, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      REQUIRE(bench.engine.is_done(first));
      bench.add("http://192.0.2.2/");
      bench.connect();
      std::vector<TransferId> waiting;
      for (int i = 0; i < queued; ++i) waiting.push_back(bench.add("http://192.0.2.2/"));
      bench.drain();
      // Their Dones are in the queue, and leave this much room for later outputs.
      for (const TransferId id : waiting) bench.engine.cancel(id, bench.now);
      Request request = Bench::get("http://192.0.2.3/");
      run_short(nth, Shortage::once);
      const auto added = watched([&] { return bench.engine.add(std::move(request), {}, bench.now); });
      const bool short_of = ran_short();
      relieve();
      bool closed = false;
      int open = 2;
      while (const auto out = bench.engine.poll_output()) {
        if (const auto* const close = std::get_if<output::Close>(&*out)) {
          CHECK(close->conn == idle);
          closed = true;
          --open;
        }
        if (std::holds_alternative<output::Connect>(*out)) {
          CHECK(closed);
          ++open;
          owed += short_of ? 1 : 0;
        }
        CHECK(open <= 2);
      }
      CHECK(bench.engine.connections() == static_cast<std::size_t>(open));
      bench.engine.check_invariants();
      if (!short_of) {
        CHECK(added.has_value());
        break;
      }
    }
  }
  CHECK(owed > 0);
}

TEST_CASE("memory: a transfer that could not be added leaves no deadline") {
  std::size_t refused = 0;
  for (std::size_t nth = 1;; ++nth) {
    CAPTURE(nth);
    REQUIRE(nth < 100);
    Bench bench;
    Request request = Bench::get("http://a.test/");
    TransferOptions options;
    options.total_timeout = std::chrono::seconds(5);
    run_short(nth, Shortage::once);
    const auto added = watched([&] { return bench.engine.add(std::move(request), std::move(options), bench.now); });
    const bool short_of = ran_short();
    relieve();
    if (!added) {
      CHECK(added.error().code == Code::out_of_memory);
      ++refused;
      CHECK_FALSE(bench.engine.deadline().has_value());
      CHECK_FALSE(bench.engine.has_output());
      CHECK(bench.engine.running() == 0);
    }
    bench.drain();
    bench.engine.check_invariants();
    if (!short_of) break;
  }
  CHECK(refused > 1);
}

}  // namespace sluice::test
