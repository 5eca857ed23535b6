// The connections of a simulated world, alone: no engine or program at their near end.
#include "adapters/sim/network.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace sluice;
using namespace sluice::sim;
using namespace std::chrono_literals;

namespace {

struct Silent final : Peer {
  void on_open(Line&) override {}
  void on_bytes(Line&, Bytes) override {}
  void on_end(Line& line) override { line.close(); }
};

struct NetworkAlone {
  NetworkAlone() {
    directory.add({.host = "h", .accept = [this](std::uint64_t number) -> std::unique_ptr<Peer> {
                     accepted = number + 1;
                     if (number == 1) return nullptr;
                     return std::make_unique<Silent>();
                   }});
  }
  Link& connect(std::uint32_t index, std::string_view address = "192.0.2.1") {
    output::Connect what;
    what.conn = {index, 0};
    what.address = {IpAddress::parse(address).value(), 80};
    return network.connect(what);
  }
  // The next event, which is that link's connect.
  bool answer(Link& link) {
    REQUIRE_FALSE(events.empty());
    const Event event = events.top();
    events.pop();
    CHECK(event.kind == Event::Kind::connect);
    CHECK(network.is_current(event));
    clock.move(event.at);
    link.disarm(event.kind);
    return network.answer_connect(link);
  }

  Clock clock{Instant(1000s), 1'800'000'000};
  Journal journal{clock, true};
  Chance chance{Seed{1}};
  EventQueue events;
  Directory directory;
  TlsMaterial tls;
  Network network{Weather{}, directory, tls, clock, events, journal, chance};
  std::uint64_t accepted = 0;
};

}  // namespace

TEST_CASE("sim network: who listens decides what becomes of a connect, and the record says so") {
  NetworkAlone alone;
  Link& good = alone.connect(0);
  CHECK(good.state() == Link::State::connecting);
  CHECK(alone.network.find(ConnId{0, 0}) == &good);
  CHECK(alone.answer(good));
  CHECK(good.state() == Link::State::open);
  CHECK(alone.clock.since_start() == 2ms);
  CHECK_FALSE(alone.answer(alone.connect(1)));                // the origin takes no second one
  CHECK_FALSE(alone.answer(alone.connect(2, "192.0.2.77")));  // nobody is there
  CHECK(alone.accepted == 2);
  REQUIRE(alone.network.records().size() == 3);
  CHECK(alone.network.record({0, 0})->connected == Instant(1000s) + 2ms);
  CHECK(alone.network.record({1, 0})->refused);
  CHECK_FALSE(alone.network.record({2, 0})->origin);
  CHECK(alone.network.record({3, 0}) == nullptr);
  CHECK(alone.journal.faults({1, 0}).at("refused") == 1);
  CHECK(alone.journal.faults().at("refused") == 2);
}

TEST_CASE("sim network: a link that was left is not found any more, and goes when its peer's end has") {
  NetworkAlone alone;
  Link& link = alone.connect(4);
  CHECK(alone.answer(link));
  const LinkId id = link.id();
  CHECK(alone.network.open() == 1);
  CHECK(alone.network.open(0) == 1);
  CHECK(alone.network.open(7) == 0);
  CHECK(alone.network.connections() == std::vector{ConnId{4, 0}});
  alone.network.leave(link);
  alone.network.release_if_over(link);
  CHECK(alone.network.open() == 0);
  CHECK(alone.network.open(0) == 0);
  CHECK(alone.network.find(ConnId{4, 0}) == nullptr);
  REQUIRE(alone.network.find(id) == &link);
  for (int i = 0; i < 10 && !alone.events.empty(); ++i) {
    const Event event = alone.events.top();
    alone.events.pop();
    if (!alone.network.is_current(event)) continue;
    alone.clock.move(event.at);
    link.happen(event.kind);
    alone.network.release_if_over(link);
  }
  CHECK(alone.network.find(id) == nullptr);
  CHECK(alone.network.record({4, 0})->over.has_value());
}

TEST_CASE("sim network: the weather of its beginning stays with a link") {
  NetworkAlone alone;
  Link& calm = alone.connect(0);
  alone.network.set_weather({.hangs = 1000});
  CHECK(alone.answer(calm));
  alone.connect(1);
  CHECK(alone.events.empty());
  CHECK(alone.journal.faults({1, 0}).at("hangs") == 1);
  CHECK(calm.weather().hangs == 0);
}
