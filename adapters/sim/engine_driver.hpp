// Drives a simulated world's own engine as a Multi does: tells it what comes of names and connections, takes its
// outputs, and moves bytes at its end of the links. Keeps the engine's drain rule: a fact goes in when no output is
// left, and its own outputs are taken right after it (tell). Leaves to others when something happens (world_impl), and
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

// Who is told what the engine says. May call the engine, and whatever of the world's is legal within a step.
class Audience {
 public:
  virtual void on_output(const Output& output) = 0;  // one that is for the application
  virtual void judge() = 0;                          // a fact was told, and its outputs are taken

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
  // All that `world` names must outlive it.
  explicit EngineDriver(const World& world) : world_(world) {}
  EngineDriver(const EngineDriver&) = delete;
  EngineDriver& operator=(const EngineDriver&) = delete;

  // ---- what is due ----
  void handle_timeout();
  void handle_event(Link& link, Event::Kind kind);  // of a link of the engine's
  void handle_stale(ConnId conn);                   // facts about a connection that is gone

  // Takes the outputs and moves what can move.
  void settle();
  void judge();
  // The same if the application may have done something since it was judged last.
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
  std::map<ResolveId, std::uint64_t> questions_;  // numbers of those that are open
  std::vector<ConnId> to_serve_;
  bool acted_ = false;
};

}  // namespace sluice::sim
