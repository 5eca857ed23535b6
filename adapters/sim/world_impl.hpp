// The simulated world's insides: one class in four files by idea.
//   world.cpp          the public calls, the queue of events, and the engine's outputs
//   world_network.cpp  what the engine is told about names and connections
//   world_program.cpp  what a program with a Multi is given: connections, names and waiting (host.hpp)
//   world_draws.cpp    seeds, the weather's leaps, and what a careless driver says
// The engine's drain rule is kept by tell(): a fact goes in when no output is left, and its own outputs are taken right
// after it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/sim.hpp"
#include "adapters/sim/collector.hpp"
#include "adapters/sim/directory.hpp"
#include "adapters/sim/environment.hpp"
#include "adapters/sim/event_queue.hpp"
#include "adapters/sim/link.hpp"
#include "adapters/sim/tls_material.hpp"
#include "adapters/sim/trace.hpp"
#include "core/base/slot_map.hpp"

namespace sluice::sim {

class World::Impl final : public LinkHost, public Host, private Asker {
 public:
  using Faults = std::map<std::string, std::uint64_t, std::less<>>;

  Impl(World& world, WorldOptions options);

  // ---- LinkHost ----
  Now now() const override { return now_; }  // Host's too
  std::uint64_t schedule(const Link& link, Event::Kind kind, Instant at) override;
  TraceLine line(const Link& link) override;
  void count_fault(const Link& link, std::string_view fault) override;
  void note_cut_off(const Link& link) override { connect_records_[link.number].cut_off = true; }

  // ---- Host ----
  Went advance(Instant until, bool calls) override;
  void alarm(Instant at) override { events_.push(at, Event::Kind::alarm, 0, 0); }
  Descriptors& descriptors() override { return descriptors_; }
  Link& dial(const Address& address, Tcp& end) override;
  void hang_up(Link& link) override;
  void say_moved(Link& link, std::string_view verb, const OutputView& bytes, std::size_t count) override;
  void say_end(Link& link) override;
  std::uint64_t ask(const output::Resolve& what, Asker& asker) override;
  void never_mind(std::uint64_t question) override;

  // ---- running ----
  bool step();
  RunEnd run(RunLimits limits);
  // From outside a step; from inside one it is done behind it all the same.
  void settle();
  void call_at(Instant when, std::function<void()> what);

  // ---- calls of the application's ----
  Result<TransferId> add(Request request, TransferOptions options);
  void remove(TransferId transfer);
  TraceLine line() { return trace_.line(since_start()); }
  template <class Tag>
  TraceLine line(char letter, Id<Tag> id) {
    return trace_.line(since_start(), letter, id);
  }

  // ---- who is there ----
  OriginNumber add_origin(OriginSpec spec);

  // ---- watching ----
  const Link* find(ConnId conn) const;
  const Faults& faults(ConnId conn) const;

 private:
  friend class World;

  enum class Stream : std::uint64_t { application = 2, connection, name, leaps, timeouts, stale, late };
  struct Question {
    ResolveId id;
    Asker* asker = nullptr;
    Result<std::vector<IpAddress>> answer;
    std::vector<IpAddress> part;  // comes first, and the answer so much after it
    Duration rest = {};
    bool rest_never = false;
    std::string_view fault;  // "": none
    bool never = false;      // no answer comes
    bool canceled = false;   // and answered all the same
  };
  struct Standing {
    std::uint32_t generation = 0;
    LinkId link;  // none: closed
  };

  // world_draws.cpp
  Seed seed_of(Stream stream, std::uint64_t number = 0) const;
  void maybe_leap();
  void maybe_needless_timeout();
  void maybe_stale(const Link& link);
  bool reads_late(Link& link);
  void say_stale(ConnId conn);

  // world.cpp
  Duration since_start() const { return now_.steady - options_.start; }
  const Event* next_event();
  std::optional<Instant> next_instant();
  bool is_current(const Event& event);
  void happen(const Event& event);
  void move_clock(Instant to);
  template <class Fact>
  void tell(Fact&& fact) {
    drain();
    fact();
    drain();
    judge();
  }
  void judge();
  void judge_application() {
    if (acted_) judge();
  }
  void drain();
  void settle_now();
  void take(const Output& output);
  void take_done(const output::Done& what);
  void to_application(const Output& output) { application_->on_output(world_, output); }
  void count(std::string_view fault);

  // world_network.cpp
  void answered(ResolveId id, Result<NameAnswer> found) override;  // the engine's
  void cancel_resolve(ResolveId id);
  void split(const NameSpec& spec, const output::Resolve& what, Random& random, Question& question, Instant& at);
  void answer_in_part(std::uint64_t number, Question& question);
  void answer(std::uint64_t number);
  void push_answer(Instant at, std::uint64_t number);
  Link& begin_link(ConnId conn);
  void start_link(Link& link);
  void program_event(Link& link, Event::Kind kind);
  void connect(const output::Connect& what);
  void connect_ends(Link& link);
  void refuse(Link& link);
  void close(ConnId conn);
  void link_event(Link& link, Event::Kind kind);
  void read_some(ConnId conn, std::size_t most);
  void read_bytes(Link& link, std::size_t most);
  void read_end(Link& link);
  void serve(ConnId conn);
  bool send_some(Link& link);
  bool has_readable(const Link& link) const;
  void io_error(Link& link, Code code, std::string_view what, int number);
  void say_bytes(const Link& link, std::string_view verb, const OutputView& bytes, std::size_t count);
  Link* find_link(ConnId conn);
  void release_if_over(Link& link);

  World& world_;
  WorldOptions options_;
  std::shared_ptr<const Weather> weather_;
  Engine engine_;
  Collector collector_;
  Application* application_;
  Random random_;
  Random leap_draws_;
  Random timeout_draws_;
  Random stale_draws_;
  Random late_draws_;
  Now now_;
  Trace trace_;
  Directory directory_;
  TlsMaterial tls_;

  EventQueue events_;
  std::map<std::uint64_t, std::function<void()>> calls_;  // by their event's number
  std::map<std::uint64_t, Question> questions_;           // by the number of their record
  std::map<ResolveId, std::uint64_t> of_engine_;          // those of the engine that are open
  SlotMap<Link, LinkTag> links_;
  std::vector<Standing> standing_;            // those the engine has open, by the index of their id
  std::map<std::uint64_t, ConnId> in_order_;  // the same, the oldest first
  std::vector<std::size_t> open_by_origin_;
  std::vector<std::uint64_t> accepted_by_origin_;
  std::vector<ConnId> to_serve_;
  Faults faults_;
  std::map<ConnId, Faults> faults_by_conn_;
  std::uint64_t steps_ = 0;
  std::vector<ResolveRecord> resolve_records_;
  std::vector<ConnectRecord> connect_records_;  // by Link::number
  std::map<ConnId, std::uint64_t> numbers_;     // of connects
  Descriptors descriptors_;
  VirtualEnvironment environment_{*this};
  bool busy_ = false;   // inside a step, or a call that settles by itself
  bool acted_ = false;  // the application may have done something that was not judged yet
};

}  // namespace sluice::sim
