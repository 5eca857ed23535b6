// Fixture: a driver with its parts, and an environment that the test controls. No Multi: transfers have no handlers, so
// their bodies stay in the engine.
#pragma once

#include <doctest/doctest.h>

#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/multi/driver.hpp"
#include "tests/support/tls_pair.hpp"
#include "tests/unit/multi/world_of_one.hpp"

namespace sluice::test {

using namespace std::chrono_literals;

inline constexpr int kBell = 4;  // the waiter's wakeup descriptor

// Returns the events that the test has put into `coming`.
struct DrivenWaiter final : Waiter {
  struct Watched {
    std::uint8_t events;
    std::uint32_t generation;
  };
  std::map<int, Watched> watched;
  std::vector<Ready> coming;
  std::vector<int> waits;  // timeouts of wait() and wait_beside(), in milliseconds
  std::optional<Instant> timer;
  int looks = 0, error = 0;
  bool rung = false;  // and not yet seen

  int fd() const override { return 3; }
  int add(int fd, std::uint8_t events, std::uint32_t generation) override {
    return watched.emplace(fd, Watched{events, generation}).second ? 0 : EEXIST;
  }
  int modify(int fd, std::uint8_t events, std::uint32_t generation) override {
    watched[fd] = {events, generation};
    return 0;
  }
  int remove(int fd) override { return watched.erase(fd) > 0 ? 0 : ENOENT; }
  int wait(int timeout_ms) override { return waits.push_back(timeout_ms), fetch(); }
  int look() override { return ++looks, fetch(); }
  // Those with even numbers are ready.
  int wait_beside(std::span<ExtraDescriptor> extra, int timeout_ms) override {
    for (ExtraDescriptor& one : extra) one.ready = one.fd % 2 == 0 ? one.wanted : std::uint8_t{kEventNone};
    return waits.push_back(timeout_ms), fetch();
  }
  void wakeup() const override {}
  int wakeup_fd() const override { return kBell; }
  void take_event() override {
    if (std::exchange(rung, false)) set_woken();
  }
  void set_timer(std::optional<Instant> at) override { timer = at; }

 private:
  int fetch() {
    begin_batch();
    take_event();
    for (const Ready& ready : coming) put(ready);
    coming.clear();
    return error;
  }
};

struct HandNames final : NameResolver {
  std::vector<output::Resolve> started;
  std::vector<ResolveId> canceled;
  std::vector<int> processed;
  std::optional<Instant> due;
  int timeouts = 0;

  void start(const output::Resolve& question) override { question_opened(), started.push_back(question); }
  void cancel(ResolveId id) override { question_closed(), canceled.push_back(id); }
  void process(int fd, bool, bool) override { processed.push_back(fd); }
  std::optional<Instant> deadline(Instant) override { return due; }
  void process_timeouts() override { ++timeouts, due.reset(); }
  void say(ResolveId id, Result<NameAnswer> found) { question_closed(), answer(id, std::move(found)); }
};

struct DrivenEnvironment final : Environment {
  Now clock = {Instant(100s), kNoon};
  DrivenWaiter* waiter = nullptr;
  HandNames* names = nullptr;
  std::function<void(int, bool, bool)> watch_name;
  std::deque<Wire> wires;  // one for each stream
  std::optional<Instant> upkeep;
  int upkeeps = 0;

  Instant steady() const override { return clock.steady; }
  Now now() const override { return clock; }
  Result<std::unique_ptr<Waiter>> make_waiter() override {
    auto made = std::make_unique<DrivenWaiter>();
    waiter = made.get();
    return made;
  }
  Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions options) override {
    watch_name = std::move(options.watch);
    auto made = std::make_unique<HandNames>();
    names = made.get();
    return made;
  }
  std::unique_ptr<Transport> tcp(const Address&) override {
    Wire& wire = wires.emplace_back();
    wire.fd = 9 + static_cast<int>(wires.size());
    return std::make_unique<HandStream>(wire);
  }
  std::optional<Instant> upkeep_due() const override { return upkeep; }
  void do_upkeep() override { ++upkeeps, upkeep.reset(); }
};

struct DriverOverParts {
  explicit DriverOverParts(MultiOptions options = {})
      : parts(make(std::move(options))), driver(std::in_place, *parts) {}
  std::unique_ptr<multi::Parts> make(MultiOptions options) {
    options.environment = &environment;
    return multi::Parts::create(std::move(options)).value();
  }
  DrivenWaiter& waiter() const { return *environment.waiter; }
  HandNames& names() const { return *environment.names; }
  Wire& wire(std::size_t number = 0) { return environment.wires.at(number); }

  // As in Multi, without handlers.
  TransferId add(std::string_view url = "http://192.0.2.1/", TransferOptions options = {}) {
    Request request;
    request.url = Url::parse(url).value();
    const TransferId id = parts->engine.add(std::move(request), std::move(options), driver->now()).value();
    parts->transfers.add(id, nullptr);
    driver->after_application_call();
    return id;
  }
  Drive perform() { return driver->perform(&running); }
  // The next poll or wait returns this.
  void ready(int fd, std::uint8_t events = kEventRead) {
    waiter().coming.push_back({fd, waiter().watched.at(fd).generation, events});
  }
  // The result of the oldest ended transfer that was not reported yet.
  std::string end() {
    const auto id = parts->transfers.pop_message();
    if (!id) return "none";
    const Result<void>& result = parts->transfers.find(*id)->result;
    return result ? "good" : std::string(to_string(result.error().code));
  }

  DrivenEnvironment environment;
  const std::unique_ptr<multi::Parts> parts;
  std::optional<multi::Driver> driver;
  int running = -1;
};

}  // namespace sluice::test
