// See world_impl.hpp.
#include "adapters/sim/world_impl.hpp"

#include <algorithm>
#include <utility>

namespace sluice::sim {
namespace {

std::string_view name_of(TimerKind kind) {
  switch (kind) {
    case TimerKind::connect_timeout:
      return "connect_timeout";
    case TimerKind::total_timeout:
      return "total_timeout";
    case TimerKind::attempts_timeout:
      return "attempts_timeout";
    case TimerKind::idle_timeout:
      return "idle_timeout";
    case TimerKind::continue_timeout:
      return "continue_timeout";
    case TimerKind::address_stagger:
      return "address_stagger";
    case TimerKind::connection_expiry:
      return "connection_expiry";
    case TimerKind::resolution_delay:
      return "resolution_delay";
    case TimerKind::backoff:
      return "backoff";
    case TimerKind::dial_wait:
      return "dial_wait";
    case TimerKind::session:
      return "session";
    case TimerKind::phase_timeout:
      return "phase_timeout";
    case TimerKind::dial_phase:
      return "dial_phase";
    case TimerKind::low_rate:
      return "low_rate";
    case TimerKind::rate_receive:
      return "rate_receive";
    case TimerKind::rate_send:
      return "rate_send";
    case TimerKind::rate_receive_all:
      return "rate_receive_all";
    case TimerKind::rate_send_all:
      return "rate_send_all";
  }
  return "";
}

LinkId link_of(const Event& event) { return {event.index, event.generation}; }

}  // namespace

World::Impl::Impl(World& world, WorldOptions options)
    : world_(world),
      options_(std::move(options)),
      clock_(options_.start, options_.wall),
      journal_(clock_, options_.keep_trace),
      chance_(options_.seed),
      names_(directory_, clock_, events_, journal_, chance_),
      network_(options_.weather, directory_, tls_, clock_, events_, journal_, chance_),
      engine_(options_.make_engine ? options_.make_engine(options_.engine) : Engine(options_.engine)),
      application_(options_.application ? options_.application : &collector_),
      driver_({.engine = engine_,
               .network = network_,
               .names = names_,
               .clock = clock_,
               .events = events_,
               .journal = journal_,
               .chance = chance_,
               .audience = *this}),
      program_({.steps = *this,
                .network = network_,
                .names = names_,
                .clock = clock_,
                .events = events_,
                .journal = journal_},
               options_.start + options_.longest_run),
      environment_(program_) {}

void World::Impl::judge() {
  if (options_.after_step) options_.after_step(world_);
}

// ---- the next event ----

bool World::Impl::is_current(const Event& event) const {
  switch (event.kind) {
    case Event::Kind::connect:
    case Event::Kind::to_engine:
    case Event::Kind::to_peer:
    case Event::Kind::readable:
    case Event::Kind::writable:
    case Event::Kind::peer_readable:
    case Event::Kind::wake:
      return network_.is_current(event);
    case Event::Kind::answer:
      return names_.is_open(Names::number_of(event));
    case Event::Kind::call:
    case Event::Kind::stale:
    case Event::Kind::alarm:
      return true;
  }
  return false;
}

// Canceled events are removed on the way.
const Event* World::Impl::next_event() {
  while (!events_.empty() && !is_current(events_.top())) events_.pop();
  return events_.empty() ? nullptr : &events_.top();
}

std::optional<Instant> World::Impl::next_instant() {
  std::optional<Instant> at;
  if (const Event* event = next_event()) at = event->at;
  if (const auto deadline = engine_.deadline(); deadline && (!at || deadline->at < *at)) at = deadline->at;
  return at ? std::optional(std::max(*at, clock_.steady())) : std::nullopt;
}

// ---- running ----

bool World::Impl::step() {
  if (!next_instant()) return false;
  ++steps_;
  const bool outer = std::exchange(busy_, true);  // an application's call may wait, which runs steps inside this one
  maybe_leap();
  maybe_needless_timeout();
  const Event* event = next_event();
  const auto deadline = engine_.deadline();
  if (deadline && (!event || deadline->at <= event->at)) {
    clock_.move(deadline->at);
    journal_.line().word("timeout").word(name_of(deadline->why));
    driver_.handle_timeout();
  } else if (event) {
    const Event now_due = *event;
    events_.pop();
    clock_.move(now_due.at);
    happen(now_due);
  }
  driver_.settle();
  driver_.judge_application();
  busy_ = outer;
  return true;
}

void World::Impl::happen(const Event& event) {
  switch (event.kind) {
    case Event::Kind::connect:
    case Event::Kind::to_engine:
    case Event::Kind::to_peer:
    case Event::Kind::readable:
    case Event::Kind::writable:
    case Event::Kind::peer_readable:
    case Event::Kind::wake:
      return link_event(*network_.find(link_of(event)), event.kind);
    case Event::Kind::answer: {
      NameTold told = names_.answer(Names::number_of(event));
      return told.asker->answered(told.id, std::move(told.found));
    }
    case Event::Kind::alarm:
      return;
    case Event::Kind::stale:
      return driver_.handle_stale({event.index, event.generation});
    case Event::Kind::call: {
      auto call = calls_.extract(event.sequence);
      journal_.line().word("call");
      driver_.note_acted();
      call.mapped()();
      return;
    }
  }
}

void World::Impl::link_event(Link& link, Event::Kind kind) {
  if (link.program) return program_.handle_event(link, kind);
  driver_.handle_event(link, kind);
}

void World::Impl::maybe_leap() {
  const auto by = chance_.leap(network_.weather());
  if (!by) return;
  clock_.move(clock_.steady() + *by);
  journal_.line().word("fault: leap").signed_number(by->count());
  journal_.count("leap");
}

void World::Impl::maybe_needless_timeout() {
  if (!chance_.needless_timeout(network_.weather())) return;
  journal_.line().word("needless timeout");
  driver_.handle_timeout();
}

RunEnd World::Impl::run(RunLimits limits) {
  const Instant now = clock_.steady();
  const Instant until = limits.time < Instant::max() - now ? now + limits.time : Instant::max();
  for (std::uint64_t i = 0;; ++i) {
    const auto at = next_instant();
    if (!at) return RunEnd::idle;
    if (*at > until) return RunEnd::time_limit;
    if (i == limits.steps) return RunEnd::step_limit;
    step();
  }
}

void World::Impl::settle() {
  if (busy_) return;
  busy_ = true;
  driver_.settle();
  driver_.judge();
  busy_ = false;
}

void World::Impl::call_at(Instant when, std::function<void()> what) {
  const std::uint64_t number = events_.push(when, Event::Kind::call, 0, 0);
  calls_.emplace(number, std::move(what));
}

// ---- calls of the application ----

Result<TransferId> World::Impl::add(Request request, TransferOptions options) {
  auto id = engine_.add(std::move(request), std::move(options), clock_.now());
  if (id) {
    const Request& added = engine_.request(*id);
    journal_.line('t', *id).word("add").word(added.method).word(added.url.text_without_secrets());
  } else {
    journal_.line().word("add failed").word(id.error().message());
  }
  settle();
  return id;
}

void World::Impl::remove(TransferId transfer) {
  journal_.line('t', transfer).word("remove");
  engine_.remove(transfer, clock_.now());
  settle();
}

void World::Impl::supply(TransferId transfer, std::string bytes) {
  collector_.supply(world_, transfer, std::move(bytes));
  settle();
}

void World::Impl::pause(TransferId transfer, bool on) {
  journal_.line('t', transfer).word(on ? "pause" : "go on");
  collector_.pause(world_, transfer, on);
  settle();
}

}  // namespace sluice::sim
