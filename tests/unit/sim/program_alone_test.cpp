// The environment that a simulated world gives a program, alone: the test decides what happens next, without a Multi.
// With one: program_test.cpp.
#include "adapters/sim/program.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/sim/tcp.hpp"

using namespace sluice;
using namespace sluice::sim;
using namespace std::chrono_literals;

namespace {

// Says back what it reads.
struct Echo final : Peer {
  void on_open(Line&) override {}
  void on_bytes(Line& line, Bytes bytes) override { line.send(bytes); }
  void on_end(Line& line) override { line.close(); }
};

struct Curious final : Asker {
  void answered(ResolveId id, Result<NameAnswer>) override { told.push_back(id); }
  std::vector<ResolveId> told;
};

// Plays the queue of events, as a world does.
struct ProgramAlone final : private Steps {
  explicit ProgramAlone(const Weather& weather = {})
      : network(weather, directory, tls, clock, events, journal, chance) {
    directory.add({.host = "h", .accept = [](std::uint64_t) { return std::make_unique<Echo>(); }});
    directory.set_name("h", {.addresses = {place().ip}});
  }
  static Address place(std::string_view ip = "192.0.2.1") { return {IpAddress::parse(ip).value(), 80}; }
  Instant at(Duration after) const { return clock.start() + after; }
  // Until nothing of the world's own is left.
  void run() {
    for (int i = 0; i < 1'000 && next_event(); ++i) step();
  }
  // A stream that is connected.
  std::unique_ptr<Tcp> connected() {
    auto stream = std::make_unique<Tcp>(program, place());
    CHECK(stream->open() == Opening::wait_write);
    newest = link_of(events.top());
    run();
    CHECK(stream->open() == Opening::done);
    return stream;
  }
  static LinkId link_of(const Event& event) { return {event.index, event.generation}; }
  static Transferred send(Tcp& stream, std::string_view text) {
    const Bytes piece = as_bytes(text);
    return stream.send({&piece, 1});
  }
  static std::string receive(Tcp& stream) {
    std::array<std::uint8_t, 100> space;
    const Transferred got = stream.receive(space);
    return std::string(as_text(Bytes(space).first(got.bytes)));
  }
  bool traced(std::string_view text) const {
    for (const std::string& line : journal.trace().lines()) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

  std::optional<Instant> next_instant() override {
    const Event* event = next_event();
    return event ? std::optional(std::max(event->at, clock.steady())) : std::nullopt;
  }
  const Event* next_event() override {
    while (!events.empty() && events.top().kind <= Event::Kind::wake && !network.is_current(events.top())) events.pop();
    return events.empty() ? nullptr : &events.top();
  }
  bool step() override {
    const Event* next = next_event();
    if (!next) return false;
    const Event event = *next;
    events.pop();
    clock.move(event.at);
    ++steps;
    if (event.kind == Event::Kind::answer) {
      if (!names.is_open(Names::number_of(event))) return true;
      NameTold told = names.answer(Names::number_of(event));
      told.asker->answered(told.id, std::move(told.found));
    } else if (event.kind <= Event::Kind::wake) {
      program.handle_event(*network.find(link_of(event)), event.kind);
    }
    return true;
  }

  Clock clock{Instant(1000s), 1'800'000'000};
  Journal journal{clock, true};
  Chance chance{Seed{1}};
  EventQueue events;
  Directory directory;
  TlsMaterial tls;
  Names names{directory, clock, events, journal, chance};
  Network network;
  Program program{{*this, network, names, clock, events, journal}, Instant(1000s) + 60s};
  LinkId newest;  // of connected()
  int steps = 0;
};

// ---- waiting ----

TEST_CASE("sim program: a wait for nothing passes its time at once") {
  ProgramAlone alone;
  CHECK(alone.program.advance(alone.at(5s), true) == Host::Went::over);
  CHECK(alone.clock.since_start() == 5s);
  CHECK(alone.program.now().steady == alone.at(5s));
  CHECK(alone.program.now().wall == 1'800'000'005);
  CHECK(alone.steps == 0);
}

TEST_CASE("sim program: a wait goes as far as the next thing that happens, one thing at a time") {
  ProgramAlone alone;
  alone.program.alarm(alone.at(2s));
  alone.program.alarm(alone.at(2s));
  alone.program.alarm(alone.at(9s));
  CHECK(alone.program.advance(alone.at(5s), false) == Host::Went::on);
  CHECK(alone.clock.since_start() == 2s);
  CHECK(alone.steps == 1);
  CHECK(alone.program.advance(alone.at(5s), false) == Host::Went::on);
  CHECK(alone.clock.since_start() == 2s);
  CHECK(alone.program.advance(alone.at(5s), false) == Host::Went::over);  // the next is later than it waits
  CHECK(alone.clock.since_start() == 5s);
  CHECK(alone.steps == 2);
  CHECK(alone.program.advance(alone.at(9s), false) == Host::Went::on);  // at the very end it still happens
}

TEST_CASE("sim program: the application's own call ends a wait, and does not happen in one that takes none") {
  ProgramAlone alone;
  alone.events.push(alone.at(2s), Event::Kind::call, 0, 0);
  CHECK(alone.program.advance(alone.at(5s), false) == Host::Went::over);
  CHECK(alone.clock.since_start() == 2s);
  CHECK(alone.steps == 0);
  CHECK(alone.program.advance(alone.at(5s), true) == Host::Went::called);
  CHECK(alone.steps == 1);
  CHECK(alone.clock.since_start() == 2s);
}

TEST_CASE("sim program: no wait passes the end of the world's time") {
  ProgramAlone alone;
  alone.program.alarm(alone.at(59s));
  alone.program.alarm(alone.at(61s));
  CHECK(alone.program.advance(alone.at(100s), false) == Host::Went::on);  // what comes before it does happen
  CHECK(alone.program.advance(alone.at(100s), false) == Host::Went::limit);
  CHECK(alone.program.advance(alone.at(60s) + 1ns, false) == Host::Went::limit);
  CHECK(alone.clock.since_start() == 59s);
  CHECK(alone.program.advance(alone.at(60s), false) == Host::Went::over);
  CHECK(alone.clock.since_start() == 60s);
}

// ---- connections ----

TEST_CASE("sim program: a stream is connected, and carries bytes both ways") {
  ProgramAlone alone;
  const auto stream = alone.connected();
  CHECK(alone.clock.since_start() == 2ms);
  CHECK(alone.network.open() == 1);
  CHECK(stream->fd() == Descriptors::kFirst);
  CHECK(alone.program.descriptors().find(stream->fd()) == stream.get());
  CHECK(ProgramAlone::send(*stream, "hello").bytes == 5);
  CHECK(stream->ready() == kEventWrite);
  CHECK(alone.network.find(alone.newest)->told.moved == alone.at(2ms));
  alone.run();
  CHECK(alone.clock.since_start() == 4ms);
  CHECK(stream->ready() == (kEventRead | kEventWrite));
  CHECK(ProgramAlone::receive(*stream) == "hello");
  CHECK(stream->ready() == kEventWrite);
  CHECK(alone.traced("sent 5 "));
  CHECK(alone.traced("received 5 "));
}

TEST_CASE("sim program: a connect that nobody accepts is told to its stream") {
  ProgramAlone alone;
  Tcp stream(alone.program, ProgramAlone::place("192.0.2.77"));
  REQUIRE(stream.open());
  CHECK(stream.ready() == kEventNone);
  alone.run();
  CHECK(stream.ready() == (kEventRead | kEventWrite | kEventError));
  const auto opened = stream.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().detail == ECONNREFUSED);
  CHECK(alone.journal.faults().at("refused") == 1);
}

TEST_CASE("sim program: a send that was taken in part goes on when the line says so") {
  ProgramAlone alone({.window = 3});
  const auto stream = alone.connected();
  const Transferred sent = ProgramAlone::send(*stream, "hello");
  CHECK(sent.bytes == 3);
  CHECK(sent.would_block);
  CHECK((stream->ready() & kEventWrite) == 0);
  alone.run();
  CHECK((stream->ready() & kEventWrite) != 0);
  CHECK(ProgramAlone::send(*stream, "lo").bytes == 2);
}

TEST_CASE("sim program: who hangs up is gone from the network at once, and its line when the peer has seen the end") {
  ProgramAlone alone;
  auto stream = alone.connected();
  const int fd = stream->fd();
  const ConnId conn{0, 0};
  stream.reset();
  CHECK(alone.traced("c0.0 close"));
  CHECK(alone.network.open() == 0);
  CHECK(alone.program.descriptors().find(fd) == nullptr);
  CHECK(alone.network.record(conn)->over == alone.clock.steady());
  CHECK(alone.next_event() != nullptr);  // the end is on its way
  CHECK(alone.network.find(alone.newest) != nullptr);
  alone.run();
  CHECK(alone.traced("c0.0 peer read the end"));
  CHECK(alone.network.find(alone.newest) == nullptr);
}

TEST_CASE("sim program: who hangs up before the connect is answered leaves nothing behind") {
  ProgramAlone alone;
  auto stream = std::make_unique<Tcp>(alone.program, ProgramAlone::place());
  REQUIRE(stream->open());
  const LinkId link = ProgramAlone::link_of(alone.events.top());
  REQUIRE(alone.network.find(link) != nullptr);
  stream.reset();
  CHECK(alone.network.open() == 0);
  CHECK(alone.network.find(link) == nullptr);
  CHECK(alone.next_event() == nullptr);
}

TEST_CASE("sim program: the peer's end is noted when the program is told of it") {
  ProgramAlone alone;
  alone.directory.add({.host = "once", .port = 81, .accept = script_origin(Script().send("bye").close())});
  Tcp stream(alone.program, {alone.directory.origin(1).addresses.at(0), 81});
  REQUIRE(stream.open());
  alone.run();
  CHECK(ProgramAlone::receive(stream) == "bye");
  CHECK_FALSE(alone.network.record({0, 0})->end_told);
  std::array<std::uint8_t, 10> space;
  CHECK(stream.receive(space).eof);
  CHECK(alone.network.record({0, 0})->end_told);
  CHECK(alone.traced("c0.0 end"));
}

// ---- names ----

TEST_CASE("sim program: a question is answered to whoever asked, unless that has changed its mind") {
  ProgramAlone alone;
  Curious first, second;
  output::Resolve question;
  question.host = "h";
  question.id = {1, 0};
  CHECK(alone.program.ask(question, first) == 0);
  question.id = {2, 0};
  const std::uint64_t number = alone.program.ask(question, second);
  CHECK(number == 1);
  alone.program.never_mind(number);
  CHECK(first.told.empty());
  alone.run();
  CHECK(first.told == std::vector{ResolveId{1, 0}});
  CHECK(second.told.empty());
}

}  // namespace
