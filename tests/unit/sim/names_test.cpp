// The pending name queries of a simulated world, alone, without an engine.
#include "adapters/sim/names.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using namespace sluice::sim;
using namespace std::chrono_literals;

namespace {

struct Asking final : Asker {
  void answered(ResolveId, Result<NameAnswer>) override { ++told; }
  int told = 0;
};

struct NamesAlone {
  std::uint64_t ask(const std::string& host, AddressFamily family = AddressFamily::any) {
    output::Resolve what;
    what.id = {next++, 0};
    what.host = host;
    what.family = family;
    return names.ask(what, asker);
  }
  // The next event, at its time.
  NameTold next_answer() {
    REQUIRE_FALSE(events.empty());
    const Event event = events.top();
    events.pop();
    CHECK(event.kind == Event::Kind::answer);
    clock.move(event.at);
    return names.answer(Names::number_of(event));
  }
  static IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

  Clock clock{Instant(1000s), 1'800'000'000};
  Journal journal{clock, true};
  Chance chance{Seed{1}};
  EventQueue events;
  Directory directory;
  Names names{directory, clock, events, journal, chance};
  Asking asker;
  std::uint32_t next = 0;
};

}  // namespace

TEST_CASE("sim names: an answer comes when it is due, to whoever asked; nobody is told by the names themselves") {
  NamesAlone alone;
  alone.directory.set_name("h", {.addresses = {alone.address("192.0.2.1"), alone.address("2001:db8::1")}, .ttl = 7s});
  CHECK(alone.ask("h") == 0);
  CHECK(alone.ask("h", AddressFamily::ipv6) == 1);
  CHECK(alone.names.is_open(0));
  const NameTold first = alone.next_answer();
  CHECK(first.asker == &alone.asker);
  CHECK(first.id == ResolveId{0, 0});
  CHECK(first.found.value().addresses.size() == 2);
  CHECK(first.found.value().ttl == Duration(7s));
  CHECK_FALSE(alone.names.is_open(0));
  CHECK(alone.next_answer().found.value().addresses == std::vector{alone.address("2001:db8::1")});
  CHECK(alone.clock.since_start() == 5ms);
  CHECK(alone.names.records()[0].over == alone.clock.steady());
  CHECK(alone.asker.told == 0);
}

TEST_CASE("sim names: what nobody has, or not of that family, is an error") {
  NamesAlone alone;
  alone.directory.set_name("h", {.addresses = {alone.address("192.0.2.1")}});
  alone.ask("nobody");
  alone.ask("h", AddressFamily::ipv6);
  CHECK(alone.next_answer().found.error().detail == 4);
  CHECK(alone.next_answer().found.error().detail == 1);
  CHECK(alone.names.records()[0].failed);
  CHECK(alone.journal.faults().at("name fails") == 2);
}

TEST_CASE("sim names: the families come apart, the later one perhaps never") {
  NamesAlone alone;
  NameSpec spec{.addresses = {alone.address("192.0.2.1"), alone.address("2001:db8::1")}, .ipv6_later = 30ms};
  alone.directory.set_name("h", spec);
  alone.ask("h");
  const NameTold part = alone.next_answer();
  CHECK(part.found.value().more_to_come);
  CHECK(part.found.value().addresses == std::vector{alone.address("192.0.2.1")});
  CHECK(alone.names.records()[0].first_is_ipv4);
  CHECK(alone.names.is_open(0));
  CHECK_FALSE(alone.next_answer().found.value().more_to_come);
  CHECK(alone.clock.since_start() == 35ms);
  spec.rest_never = 1000;
  alone.directory.set_name("h", spec);
  alone.ask("h");
  CHECK(alone.next_answer().found.value().more_to_come);
  CHECK(alone.events.empty());
  CHECK(alone.names.is_open(1));
}

TEST_CASE("sim names: what is forgotten never comes, what is called off may") {
  NamesAlone alone;
  alone.directory.set_name("h", {.addresses = {alone.address("192.0.2.1")}});
  alone.names.forget(alone.ask("h"));
  CHECK_FALSE(alone.names.is_open(0));
  alone.names.forget(0);
  alone.names.call_off(alone.ask("h"), Weather{});
  CHECK_FALSE(alone.names.is_open(1));
  alone.names.call_off(alone.ask("h"), Weather{.stale_facts = 1000});
  CHECK(alone.names.is_open(2));
  alone.events.pop();
  alone.events.pop();
  CHECK(alone.next_answer().found.has_value());
  CHECK(alone.journal.faults().at("stale fact") == 1);
}
