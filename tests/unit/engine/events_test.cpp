// What an engine tells those who watch it: events, in order and with their times, and counters.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

EngineOptions reporting() {
  EngineOptions options;
  options.report_events = true;
  return options;
}

struct Watched : EngineWorld {
  explicit Watched(EngineOptions options = reporting()) : EngineWorld(std::move(options)) {
    watcher = [this](const Output& output) {
      if (const auto* observed = std::get_if<output::Observed>(&output)) events.push_back(observed->event);
    };
  }
  // The kinds of the events since the last call.
  std::vector<std::string> kinds() {
    std::vector<std::string> all;
    for (; told < events.size(); ++told) all.emplace_back(to_string(events[told].kind));
    return all;
  }
  ConnId newest() const { return connects.back().conn; }

  std::vector<EngineEvent> events;
  std::size_t told = 0;
};

using Kinds = std::vector<std::string>;

}  // namespace

TEST_CASE("events: a transfer's story is told in order, each part with its time and what it is about") {
  Watched world;
  const Instant start = world.now.steady;
  const TransferId id = world.add("http://user:secret@example.org/path");
  CHECK(world.kinds() == Kinds{"transfer_added", "look_up_started"});
  CHECK(world.events[0].transfer == id);
  CHECK(world.events[0].text == "GET http://example.org/path");
  CHECK(world.events[1].text == "example.org");
  CHECK(world.events[1].resolve == world.resolves.front().id);
  world.now.steady += 1s;
  world.resolved("192.0.2.1");
  CHECK(world.kinds() == Kinds{"look_up_ended", "connection_begun"});
  CHECK(world.events[2].at == start + 1s);
  CHECK_FALSE(world.events[2].failure.has_value());
  CHECK(world.events[3].text == "192.0.2.1:80");
  CHECK(world.events[3].transfer == id);
  world.now.steady += 1s;
  const ConnId conn = world.newest();
  world.connected(conn);
  CHECK(world.kinds() == Kinds{"connection_opened", "connection_made", "request_begun"});
  CHECK(world.events[5].conn == conn);
  CHECK(world.events[5].text == "");
  CHECK_FALSE(world.events[6].reused);
  world.now.steady += 1s;
  world.sent(conn);
  CHECK(world.kinds() == Kinds{"request_sent"});
  world.receive(conn, kOk);
  CHECK(world.kinds() == Kinds{"response_begun", "transfer_ended"});
  CHECK(world.events[8].status == 200);
  CHECK(world.events[8].at == start + 3s);
  CHECK(world.events[9].status == 200);
  CHECK(world.events[9].transfer == id);
  CHECK_FALSE(world.events[9].failure.has_value());
  CHECK(world.events[9].text == "");

  world.add("http://example.org/again");
  CHECK(world.kinds() == Kinds{"transfer_added", "request_begun"});
  CHECK(world.events.back().reused);
  world.sent(conn);
  world.kinds();
  world.eof(conn);  // it is sent again on another connection
  CHECK(world.kinds() == Kinds{"connection_closed", "connection_begun"});
}

TEST_CASE("events: who does not ask for them gets none") {
  Watched world(EngineOptions{});
  world.add("http://192.0.2.1/");
  world.connected(world.newest());
  CHECK(world.events.empty());
}

TEST_CASE("events: failures say why") {
  Watched world;
  world.add("http://example.org/");
  world.resolved("192.0.2.1");
  world.kinds();
  world.io_error(world.newest(), Code::connect_failed, "Connection refused");
  CHECK(world.kinds() == Kinds{"connection_failed", "connection_closed", "transfer_ended"});
  const std::size_t last = world.events.size() - 1;
  CHECK(world.events[last - 2].failure == Code::connect_failed);
  CHECK(world.events[last - 2].text.find("Connection refused") != std::string::npos);
  CHECK(world.events[last].failure == Code::connect_failed);
  CHECK(world.events[last].text.find("GET http://example.org/") != std::string::npos);

  const TransferId id = world.add("http://example.net/");
  const ResolveId asked = world.resolves.back().id;
  world.kinds();
  world.engine.handle_resolved(asked, std::unexpected(make_error(Code::resolve_failed, "resolve: no such name")),
                               world.now);
  world.drain();
  CHECK(world.kinds() == Kinds{"look_up_ended", "transfer_ended"});
  CHECK(world.events[world.events.size() - 2].failure == Code::resolve_failed);
  CHECK(world.events[world.events.size() - 2].text == "resolve: no such name");
  CHECK(world.failure(id) == Code::resolve_failed);
  CHECK(world.engine.counters().look_ups == 2);
  CHECK(world.engine.counters().look_ups_failed == 1);
}

TEST_CASE("events: a look-up whose name is dropped ends, and is no failed one") {
  Watched world;
  const auto ask_and_leave = [&](std::size_t number) {
    world.remove(world.add("http://h" + std::to_string(number) + ".test/"));
  };
  for (std::size_t i = 0; i < limits::kMaxNames; ++i) ask_and_leave(i);
  const ResolveId asked = world.resolves.front().id;
  world.kinds();
  world.add("http://one.more.test/");
  CHECK(world.kinds() == Kinds{"transfer_added", "look_up_started", "look_up_ended"});
  CHECK(world.events.back().resolve == asked);
  CHECK(world.events.back().failure == Code::canceled);
  CHECK_FALSE(world.events.back().text.empty());
  world.resolved("192.0.2.1");  // too late
  CHECK(world.kinds().empty());
  CHECK(world.engine.counters().look_ups == limits::kMaxNames + 1);
  CHECK(world.engine.counters().look_ups_failed == 0);
}

TEST_CASE("events: of addresses that race, those that lose are closed without a failure") {
  Watched world;
  world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2"});
  world.pass(250ms);
  REQUIRE(world.connects.size() == 2);
  world.kinds();
  world.connected(world.newest());
  CHECK(world.kinds() == Kinds{"connection_closed", "connection_opened", "connection_made", "request_begun"});
  const Counters counters = world.engine.counters();
  CHECK(counters.connections_begun == 2);
  CHECK(counters.connections_made == 1);
  CHECK(counters.connections_failed == 0);
}

TEST_CASE("events: a connect timeout ends every attempt with its reason") {
  Watched world;
  TransferOptions options;
  options.connect_timeout = 300ms;
  world.add("http://example.org/", options);
  world.resolved("192.0.2.1", {"192.0.2.2"});
  world.pass(250ms);
  world.kinds();
  world.pass(100ms);
  CHECK(world.kinds() ==
        Kinds{"connection_failed", "connection_failed", "connection_closed", "connection_closed", "transfer_ended"});
  CHECK(world.engine.counters().connections_failed == 2);
  CHECK(world.engine.counters().connections_made == 0);
}

TEST_CASE("events: a TLS connection is made when its handshake is, and says the version") {
  TlsWorld world(trusting_options(), example_server(), reporting());
  Kinds kinds;
  std::string made;
  world.watcher = [&](const Output& output) {
    const auto* observed = std::get_if<output::Observed>(&output);
    if (observed) kinds.emplace_back(to_string(observed->event.kind));
    if (observed && observed->event.kind == EngineEvent::Kind::connection_made) made = observed->event.text;
  };
  world.ask();
  const ConnId first = world.connect();
  CHECK(kinds.back() == "connection_opened");
  world.eof(first);
  CHECK(Kinds(kinds.end() - 3, kinds.end()) == Kinds{"connection_failed", "connection_closed", "transfer_ended"});
  CHECK(world.engine.counters().connections_failed == 1);
  world.one_whole_get();
  CHECK(made == "TLSv1.3");
  CHECK(world.engine.counters().connections_made == 1);
}

TEST_CASE("events: each hop has its end") {
  Watched world;
  TransferOptions options;
  options.redirects.emplace();
  world.add(EngineWorld::get("http://192.0.2.1/"), options);
  const ConnId conn = world.newest();
  world.connected(conn);
  world.sent(conn);
  world.kinds();
  world.receive(conn, "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n");
  CHECK(world.kinds() == Kinds{"response_begun", "hop_ended", "request_begun"});
  CHECK(world.events[world.events.size() - 2].status == 302);
  world.sent(conn);
  world.receive(conn, kOk);
  CHECK(world.kinds() == Kinds{"request_sent", "response_begun", "transfer_ended"});
  const Counters counters = world.engine.counters();
  CHECK(counters.requests == 2);
  CHECK(counters.requests_reused == 1);
  CHECK(counters.transfers_added == 1);
}

TEST_CASE("counters: what is there now, and the sums so far") {
  EngineOptions options;
  options.max_connections = 1;
  EngineWorld world(options);
  CHECK(world.engine.counters() == Counters{});
  const TransferId first = world.add("http://192.0.2.1/");
  const TransferId second = world.add("http://192.0.2.2/");
  Counters counters = world.engine.counters();
  CHECK(counters.transfers_running == 2);
  CHECK(counters.transfers_queued == 1);
  CHECK(counters.connections_open == 1);
  CHECK(counters.connections_begun == 1);
  CHECK(counters.connections_made == 0);
  const ConnId conn = world.connects.back().conn;
  world.connected(conn);
  const std::size_t sent = world.sent(conn).size();
  const std::size_t received = world.receive(conn, kOk);
  counters = world.engine.counters();
  CHECK(counters.bytes_sent == sent);
  CHECK(counters.bytes_received == received);
  CHECK(world.succeeded(first));
  CHECK(counters.transfers_succeeded == 1);
  CHECK(counters.transfers_running == 1);
  CHECK(counters.transfers_queued == 0);
  CHECK(counters.connections_begun == 2);  // the idle one made room
  world.engine.cancel(second, world.now);
  world.drain();
  counters = world.engine.counters();
  CHECK(counters.transfers_failed == 1);
  CHECK(counters.transfers_running == 0);
  CHECK(counters.transfers_added == 2);
  CHECK(counters.requests == 1);

  const TransferId third = world.add("http://192.0.2.1/");
  const ConnId again = world.connects.back().conn;
  world.connected(again);
  world.sent(again);
  world.receive(again, kOk);
  CHECK(world.succeeded(third));
  CHECK(world.engine.counters().connections_idle == 1);
}
