// What a simulated world gives to a program with a Multi (host.hpp): connections, names and waiting. Its connections
// are links like those of the engine, with a Tcp at the near end. Leaves to others: what happens next (Steps), and the
// objects that the program owns (environment).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "adapters/sim/clock.hpp"
#include "adapters/sim/descriptors.hpp"
#include "adapters/sim/event_queue.hpp"
#include "adapters/sim/host.hpp"
#include "adapters/sim/journal.hpp"
#include "adapters/sim/names.hpp"
#include "adapters/sim/network.hpp"

namespace sluice::sim {

// The events of a world, one after another.
class Steps {
 public:
  virtual std::optional<Instant> next_instant() = 0;  // nullopt: nothing will happen
  // Null: none, or only the engine's deadline. Valid until the next step.
  virtual const Event* next_event() = 0;
  virtual bool step() = 0;  // false: nothing will happen

 protected:
  ~Steps() = default;
};

class Program final : public Host {
 public:
  struct World {
    Steps& steps;
    Network& network;
    Names& names;
    Clock& clock;
    EventQueue& events;
    Journal& journal;
  };
  // Everything that `world` refers to must outlive this object. `end`: no wait goes beyond this time.
  Program(const World& world, Instant end) : world_(world), end_(end) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void handle_event(Link& link, Event::Kind kind);  // an event that is due, of a program's link

  Now now() const override { return world_.clock.now(); }
  Went advance(Instant until, bool calls) override;
  void alarm(Instant at) override { world_.events.push(at, Event::Kind::alarm, 0, 0); }
  Descriptors& descriptors() override { return descriptors_; }
  Link& dial(const Address& address, Tcp& end) override { return world_.network.connect(address, end); }
  void hang_up(Link& link) override;
  void say_moved(Link& link, std::string_view verb, const OutputView& bytes, std::size_t count) override;
  void say_end(Link& link) override { world_.network.note_end(link); }
  std::uint64_t ask(const output::Resolve& question, Asker& asker) override {
    return world_.names.ask(question, asker);
  }
  void never_mind(std::uint64_t question) override { world_.names.forget(question); }

 private:
  const World world_;
  const Instant end_;
  Descriptors descriptors_;
};

}  // namespace sluice::sim
