// The driver of a simulated world's engine, alone: the test decides what happens next.
#include "adapters/sim/engine_driver.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/sim/world_tools.hpp"

using namespace sluice;
using namespace sluice::sim;

namespace {

struct Listener final : Audience {
  void on_output(const Output& output) override {
    if (const auto* body = std::get_if<output::BodyReady>(&output)) {
      const Bytes bytes = engine.body(body->transfer);
      text.append(bytes.begin(), bytes.end());
      engine.consume_body(body->transfer, bytes.size(), clock.now());
    }
    if (const auto* done = std::get_if<output::Done>(&output)) result = done->result;
  }
  void judge() override { ++judged; }

  Listener(Engine& of, const Clock& by) : engine(of), clock(by) {}
  Engine& engine;
  const Clock& clock;
  std::string text;
  std::optional<Result<void>> result;
  int judged = 0;
};

struct DriverAlone {
  explicit DriverAlone(Accept accept) {
    directory.add({.host = "h", .accept = std::move(accept)});
    Request request;
    request.url = Url::parse("http://h/").value();
    transfer = engine.add(std::move(request), {}, clock.now()).value();
    driver.settle();
  }
  // Until nothing is left to happen; deadlines do not come.
  void run() {
    for (int i = 0; i < 1000 && !events.empty(); ++i) {
      const Event event = events.top();
      events.pop();
      if (event.kind == Event::Kind::answer) {
        clock.move(event.at);
        NameTold told = names.answer(Names::number_of(event));
        told.asker->answered(told.id, std::move(told.found));
      } else if (network.is_current(event)) {
        clock.move(event.at);
        driver.handle_event(*network.find(LinkId{event.index, event.generation}), event.kind);
      }
      driver.settle();
    }
  }

  Clock clock{Instant(std::chrono::seconds(1000)), 1'800'000'000};
  Journal journal{clock, true};
  Chance chance{Seed{1}};
  EventQueue events;
  Directory directory;
  TlsMaterial tls;
  Names names{directory, clock, events, journal, chance};
  Network network{Weather{}, directory, tls, clock, events, journal, chance};
  Engine engine{EngineOptions{}};
  Listener listener{engine, clock};
  EngineDriver driver{{engine, network, names, clock, events, journal, chance, listener}};
  TransferId transfer;
};

}  // namespace

TEST_CASE("sim engine driver: carries a transfer from its name to its end, and is judged after each fact") {
  DriverAlone alone(script_origin(test::answering("hello")));
  CHECK(alone.names.is_open(0));
  CHECK(alone.listener.judged == 0);
  alone.run();
  REQUIRE(alone.listener.result.has_value());
  CHECK(alone.listener.result->has_value());
  CHECK(alone.listener.text == "hello");
  CHECK(alone.listener.judged >= 4);  // resolved, connected, sent, received
  CHECK(alone.network.open() == 1);
}

TEST_CASE("sim engine driver: a connect that nobody accepts is told in the system's words") {
  DriverAlone alone([](std::uint64_t) -> std::unique_ptr<Peer> { return nullptr; });
  alone.run();
  REQUIRE(alone.listener.result.has_value());
  REQUIRE_FALSE(alone.listener.result->has_value());
  CHECK(alone.listener.result->error().code == Code::connect_failed);
  CHECK(alone.listener.result->error().message().find("Connection refused") != std::string::npos);
}

TEST_CASE("sim engine driver: facts about a connection that is gone change nothing") {
  DriverAlone alone(script_origin(test::answering("hello")));
  alone.driver.handle_stale({5, 3});
  CHECK(alone.journal.faults({5, 3}).at("stale fact") == 1);
  alone.run();
  CHECK(alone.listener.text == "hello");
}
