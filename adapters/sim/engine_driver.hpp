// Drives the own engine of a simulated world as a Multi does: reports the results of names and connections, takes its
// outputs, and moves bytes at its end of the links. Keeps the engine's drain rule: a fact is reported when no output is
// left, and its outputs are taken right after it (tell). Leaves to others: when something happens (world_impl), and
// what the application does with outputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/sim/chance.hpp"
#include "adapters/sim/clock.hpp"
#include "adapters/sim/event_queue.hpp"
#include "adapters/sim/host.hpp"
#include "adapters/sim/journal.hpp"
#include "adapters/sim/names.hpp"
#include "adapters/sim/network.hpp"

namespace sluice::sim {

// Receives the engine's outputs. May call the engine, and the functions of the world that are legal inside a step.
class Audience {
 public:
  virtual void on_output(const Output& output) = 0;  // an output for the application
  virtual void judge() = 0;                          // a fact was reported, and its outputs were taken

 protected:
  ~Audience() = default;
};

class EngineDriver final : private Asker {
 public:
  struct World {
    Engine& engine;
    Network& network;
    Names& names;
    Clock& clock;
    EventQueue& events;
    Journal& journal;
    Chance& chance;
    Audience& audience;
  };
  // Everything that `world` refers to must outlive this object.
  explicit EngineDriver(const World& world) : world_(world) {}
  EngineDriver(const EngineDriver&) = delete;
  EngineDriver& operator=(const EngineDriver&) = delete;

  // ---- events that are due ----
  void handle_timeout();
  void handle_event(Link& link, Event::Kind kind);  // of a link of the engine
  void handle_stale(ConnId conn);                   // reports facts about a connection that is gone

  // Takes the outputs and moves the bytes that can be moved.
  void settle();
  void judge();
  // As settle(), if the application may have acted since the last judge().
  void judge_application() {
    if (acted_) judge();
  }
  void note_acted() { acted_ = true; }

 private:
  template <class Fact>
  void tell(Fact&& fact) {
    drain();
    fact();
    drain();
    judge();
  }
  void drain();
  void take(const Output& output);
  void take_done(const output::Done& what);
  void to_application(const Output& output) { world_.audience.on_output(output); }
  TraceLine line(const Link& link) { return world_.journal.line('c', link.conn()); }
  Now now() const { return world_.clock.now(); }

  void answered(ResolveId id, Result<NameAnswer> found) override;
  void cancel_resolve(ResolveId id);

  void answer_connect(Link& link);
  void close(ConnId conn);
  void io_error(Link& link, Code code, std::string_view what, int number);

  bool reads_late(Link& link);
  void read_some(ConnId conn, std::size_t most);
  void read_bytes(Link& link, std::size_t most);
  void read_end(Link& link);
  void serve(ConnId conn);
  bool send_some(Link& link);
  void say_moved(const Link& link, std::string_view verb, const OutputView& bytes, std::size_t count);

  const World world_;
  std::map<ResolveId, std::uint64_t> questions_;  // numbers of the open questions
  std::vector<ConnId> to_serve_;
  bool acted_ = false;
};

}  // namespace sluice::sim
