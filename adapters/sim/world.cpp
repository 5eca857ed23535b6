// See sim.hpp and world_impl.hpp.
#include <algorithm>
#include <utility>
#include <variant>

#include "adapters/sim/world_impl.hpp"

namespace sluice::sim {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

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
    case TimerKind::session:
      return "session";
  }
  return "";
}

// Of the question that it answers.
std::uint64_t number_of(const Event& event) { return std::uint64_t{event.generation} << 32 | event.index; }

std::string_view name_of(AddressFamily family) {
  switch (family) {
    case AddressFamily::any:
      return "any";
    case AddressFamily::ipv4:
      return "ipv4";
    case AddressFamily::ipv6:
      return "ipv6";
  }
  return "";
}

std::string_view name_of(Interest interest) {
  if (interest.read) return interest.write ? "read and write" : "read";
  return interest.write ? "write" : "nothing";
}

}  // namespace

World::Impl::Impl(World& world, WorldOptions options)
    : world_(world),
      options_(std::move(options)),
      weather_(std::make_shared<const Weather>(options_.weather)),
      engine_(options_.make_engine ? options_.make_engine(options_.engine) : Engine(options_.engine)),
      application_(options_.application ? options_.application : &collector_),
      random_(seed_of(Stream::application)),
      leap_draws_(seed_of(Stream::leaps)),
      timeout_draws_(seed_of(Stream::timeouts)),
      stale_draws_(seed_of(Stream::stale)),
      late_draws_(seed_of(Stream::late)),
      now_{options_.start, options_.wall},
      trace_(options_.keep_trace) {}

// ---- for links ----

std::uint64_t World::Impl::schedule(const Link& link, Event::Kind kind, Instant at) {
  return events_.push(at, kind, link.id().index, link.id().generation);
}

TraceLine World::Impl::line(const Link& link) { return line('c', link.conn()); }

void World::Impl::count(std::string_view fault) {
  const auto found = faults_.find(fault);
  if (found != faults_.end()) {
    ++found->second;
  } else {
    faults_.emplace(fault, 1);
  }
}

void World::Impl::count_fault(const Link& link, std::string_view fault) {
  line(link).word("fault:").word(fault);
  count(fault);
  ++faults_by_conn_[link.conn()].try_emplace(std::string(fault), 0).first->second;
}

// ---- the queue ----

bool World::Impl::is_current(const Event& event) {
  switch (event.kind) {
    case Event::Kind::connect:
    case Event::Kind::to_engine:
    case Event::Kind::to_peer:
    case Event::Kind::readable:
    case Event::Kind::writable:
    case Event::Kind::peer_readable:
    case Event::Kind::wake: {
      const Link* link = links_.find(LinkId{event.index, event.generation});
      return link && link->is_current(event);
    }
    case Event::Kind::answer:
      return questions_.contains(number_of(event));
    case Event::Kind::call:
    case Event::Kind::stale:
    case Event::Kind::alarm:
      return true;
  }
  return false;
}

// What was called off meanwhile goes out on the way.
const Event* World::Impl::next_event() {
  while (!events_.empty() && !is_current(events_.top())) events_.pop();
  return events_.empty() ? nullptr : &events_.top();
}

std::optional<Instant> World::Impl::next_instant() {
  std::optional<Instant> at;
  if (const Event* event = next_event()) at = event->at;
  if (const auto deadline = engine_.deadline(); deadline && (!at || deadline->at < *at)) at = deadline->at;
  return at ? std::optional(std::max(*at, now_.steady)) : std::nullopt;
}

void World::Impl::move_clock(Instant to) {
  now_.steady = std::max(now_.steady, to);
  now_.wall = options_.wall + std::chrono::duration_cast<std::chrono::seconds>(now_.steady - options_.start).count();
}

bool World::Impl::step() {
  if (!next_instant()) return false;
  ++steps_;
  const bool outer = std::exchange(busy_, true);  // an application's call may wait, which makes steps of its own
  maybe_leap();
  maybe_needless_timeout();
  const Event* event = next_event();
  const auto deadline = engine_.deadline();
  if (deadline && (!event || deadline->at <= event->at)) {
    move_clock(deadline->at);
    line().word("timeout").word(name_of(deadline->why));
    tell([&] { engine_.handle_timeout(now_); });
  } else if (event) {
    const Event now_due = *event;
    events_.pop();
    move_clock(now_due.at);
    happen(now_due);
  }
  settle_now();
  judge_application();
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
      return link_event(*links_.find(LinkId{event.index, event.generation}), event.kind);
    case Event::Kind::answer:
      return answer(number_of(event));
    case Event::Kind::alarm:
      return;
    case Event::Kind::stale:
      return say_stale({event.index, event.generation});
    case Event::Kind::call: {
      auto call = calls_.extract(event.sequence);
      line().word("call");
      acted_ = true;
      call.mapped()();
      return;
    }
  }
}

RunEnd World::Impl::run(RunLimits limits) {
  const Instant until = limits.time < Instant::max() - now_.steady ? now_.steady + limits.time : Instant::max();
  for (std::uint64_t i = 0;; ++i) {
    const auto at = next_instant();
    if (!at) return RunEnd::idle;
    if (*at > until) return RunEnd::time_limit;
    if (i == limits.steps) return RunEnd::step_limit;
    step();
  }
}

void World::Impl::call_at(Instant when, std::function<void()> what) {
  const std::uint64_t number = events_.push(when, Event::Kind::call, 0, 0);
  calls_.emplace(number, std::move(what));
}

// ---- the engine ----

void World::Impl::judge() {
  acted_ = false;
  if (options_.after_step) options_.after_step(world_);
}

void World::Impl::drain() {
  while (auto output = engine_.poll_output()) take(*output);
}

void World::Impl::settle() {
  if (busy_) return;
  busy_ = true;
  settle_now();
  judge();
  busy_ = false;
}

void World::Impl::settle_now() {
  drain();
  for (std::size_t i = 0; i < to_serve_.size(); ++i) serve(to_serve_[i]);  // serving one may add others
  to_serve_.clear();
}

void World::Impl::take(const Output& output) {
  acted_ = true;
  std::visit(Overloaded{
                 [&](const output::Resolve& what) {
                   line('r', what.id).word("resolve").word(what.host).word(name_of(what.family));
                   of_engine_.emplace(what.id, ask(what, *this));
                 },
                 [&](const output::CancelResolve& what) {
                   line('r', what.id).word("never mind");
                   cancel_resolve(what.id);
                 },
                 [&](const output::Connect& what) { connect(what); },
                 [&](const output::Close& what) {
                   line('c', what.conn).word("close");
                   close(what.conn);
                 },
                 [&](const output::InterestChanged& what) {
                   line('c', what.conn).word("wants").word(name_of(engine_.interest(what.conn)));
                   to_serve_.push_back(what.conn);
                 },
                 [&](const output::InterimReady& what) {
                   line('t', what.transfer).word("interim").signed_number(what.head.status);
                   to_application(output);
                 },
                 [&](const output::HeadReady& what) {
                   line('t', what.transfer).word("head").signed_number(engine_.head(what.transfer).status);
                   to_application(output);
                 },
                 [&](const output::BodyReady& what) {
                   line('t', what.transfer).word("body").number(engine_.body(what.transfer).size());
                   to_application(output);
                 },
                 [&](const output::UploadReady& what) {
                   line('t', what.transfer).word("upload").number(engine_.upload_space(what.transfer).size());
                   to_application(output);
                 },
                 [&](const output::Done& what) {
                   take_done(what);
                   to_application(output);
                 },
                 [&](const output::HeadSent& what) {
                   line('t', what.transfer).word("head sent").number(what.head.size());
                   to_application(output);
                 },
                 [&](const output::KeyLog&) {
                   line().word("key log");  // secrets differ from run to run
                   to_application(output);
                 },
             },
             output);
}

void World::Impl::take_done(const output::Done& what) {
  if (what.result) {
    line('t', what.transfer).word("done");
  } else {
    line('t', what.transfer)
        .word("failed")
        .word(to_string(what.result.error().code))
        .word(what.result.error().message());
  }
}

Result<TransferId> World::Impl::add(Request request, TransferOptions options) {
  auto id = engine_.add(std::move(request), std::move(options), now_);
  if (id) {
    line('t', *id).word("add").word(engine_.request(*id).method).word(engine_.request(*id).url.text_without_secrets());
  } else {
    line().word("add failed").word(id.error().message());
  }
  settle();
  return id;
}

void World::Impl::remove(TransferId transfer) {
  line('t', transfer).word("remove");
  engine_.remove(transfer, now_);
  settle();
}

OriginNumber World::Impl::add_origin(OriginSpec spec) {
  open_by_origin_.push_back(0);
  accepted_by_origin_.push_back(0);
  return directory_.add(std::move(spec));
}

const Link* World::Impl::find(ConnId conn) const {
  if (conn.index >= standing_.size() || standing_[conn.index].generation != conn.generation) return nullptr;
  return links_.find(standing_[conn.index].link);
}

const World::Impl::Faults& World::Impl::faults(ConnId conn) const {
  static const Faults kNone;
  const auto found = faults_by_conn_.find(conn);
  return found == faults_by_conn_.end() ? kNone : found->second;
}

// ---- the public face ----

World::World(WorldOptions options) : impl_(std::make_unique<Impl>(*this, std::move(options))) {}
World::~World() = default;

Engine& World::engine() { return impl_->engine_; }
Environment& World::environment() { return impl_->environment_; }
Now World::now() const { return impl_->now_; }
Random& World::random() { return impl_->random_; }
void World::set_weather(const Weather& weather) { impl_->weather_ = std::make_shared<const Weather>(weather); }

OriginNumber World::add_origin(OriginSpec spec) { return impl_->add_origin(std::move(spec)); }
void World::set_name(std::string host, NameSpec spec) { impl_->directory_.set_name(std::move(host), std::move(spec)); }
std::shared_ptr<const TlsConfig> World::tls() { return impl_->tls_.config(); }

Result<TransferId> World::get(std::string_view url, TransferOptions options) {
  auto parsed = Url::parse(url);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  Request request;
  request.url = std::move(*parsed);
  return impl_->add(std::move(request), std::move(options));
}
Result<TransferId> World::add(Request request, TransferOptions options) {
  return impl_->add(std::move(request), std::move(options));
}
void World::remove(TransferId transfer) { impl_->remove(transfer); }
void World::supply(TransferId transfer, std::string bytes) {
  impl_->collector_.supply(*this, transfer, std::move(bytes));
  impl_->settle();
}
void World::pause(TransferId transfer, bool on) {
  impl_->line('t', transfer).word(on ? "pause" : "go on");
  impl_->collector_.pause(*this, transfer, on);
  impl_->settle();
}
void World::at(Instant when, std::function<void()> what) { impl_->call_at(when, std::move(what)); }
void World::settle() { impl_->settle(); }

const std::vector<ResolveRecord>& World::resolves() const { return impl_->resolve_records_; }
const std::vector<ConnectRecord>& World::connects() const { return impl_->connect_records_; }
const ConnectRecord* World::record(ConnId conn) const {
  const auto found = impl_->numbers_.find(conn);
  return found == impl_->numbers_.end() ? nullptr : &impl_->connect_records_[static_cast<std::size_t>(found->second)];
}

bool World::step() { return impl_->step(); }
RunEnd World::run_until_idle(RunLimits limits) { return impl_->run(limits); }

const Outcome& World::outcome(TransferId transfer) const { return impl_->collector_.outcome(transfer); }
std::uint64_t World::steps() const { return impl_->steps_; }
const std::vector<std::string>& World::trace() const { return impl_->trace_.lines(); }
std::uint64_t World::trace_hash() const { return impl_->trace_.hash(); }
void World::note(std::string_view line) { impl_->line().word("note:").word(line); }
const std::map<std::string, std::uint64_t, std::less<>>& World::faults() const { return impl_->faults_; }
const std::map<std::string, std::uint64_t, std::less<>>& World::faults(ConnId conn) const {
  return impl_->faults(conn);
}

std::size_t World::open_connections() const { return impl_->in_order_.size(); }
std::size_t World::open_connections(OriginNumber origin) const {
  return origin < impl_->open_by_origin_.size() ? impl_->open_by_origin_[origin] : 0;
}
std::vector<ConnId> World::connections() const {
  std::vector<ConnId> all;
  all.reserve(impl_->in_order_.size());
  for (const auto& [number, conn] : impl_->in_order_) all.push_back(conn);
  return all;
}
std::size_t World::arrived_bytes(ConnId conn) const {
  const Link* link = impl_->find(conn);
  return link ? link->arrived() + link->under_way() : 0;
}
Instant World::last_moved(ConnId conn) const {
  const Link* link = impl_->find(conn);
  return link ? link->told.moved : Instant{};
}

}  // namespace sluice::sim
