// See impl.hpp.
#include "core/engine/impl.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/engine/handshake.hpp"
#include "core/engine/sessions.hpp"
#include "core/flow/follow.hpp"

namespace sluice {

using channel::ChannelPhase;
using engine::DialEnd;
using engine::Job;
using flow::TransferPhase;

namespace {

EngineLimits limits_of(const EngineOptions& options) {
  return {.max_connections = options.max_connections,
          .max_connections_per_origin = options.max_connections_per_origin,
          .max_connections_per_proxy = options.max_connections_per_proxy,
          .idle_connection_timeout = options.idle_connection_timeout,
          .max_connection_age = options.max_connection_age,
          .max_connection_uses = options.max_connection_uses,
          .max_receive_rate = options.max_receive_rate,
          .max_send_rate = options.max_send_rate};
}

// The store from the options, or a new one.
template <class Store, class Handed>
std::shared_ptr<Store> store_in(const std::shared_ptr<Handed>& handed) {
  if (!handed) return std::make_shared<Store>();
  SLUICE_CHECK(dynamic_cast<Store*>(handed.get()) != nullptr);  // only create() makes stores
  return std::static_pointer_cast<Store>(handed);
}

EngineEvent dropped_look_up(ResolveId id) {
  return {.kind = EngineEvent::Kind::look_up_ended,
          .resolve = id,
          .failure = Code::canceled,
          .text = "resolve: the name is not needed any more"};
}

EngineEvent ended_look_up(ResolveId id, const Result<void>& result) {
  EngineEvent event{.kind = EngineEvent::Kind::look_up_ended, .resolve = id};
  if (!result) {
    event.failure = result.error().code;
    event.text = result.error().message();
  }
  return event;
}

}  // namespace

Engine::Impl::Impl(EngineOptions options, std::unique_ptr<http::SessionFactory> sessions,
                   std::unique_ptr<flow::HopRule> rule)
    : options_(std::move(options)),
      sessions_(sessions ? std::move(sessions) : std::make_unique<engine::Sessions>(options_.http2_ping_interval)),
      rule_(rule ? std::move(rule) : std::make_unique<flow::Follow>()),
      tls_sessions_(store_in<tls::SessionCache>(options_.tls_sessions)),
      names_(options_.names ? store_in<pool::SharedNames>(options_.names).get() : nullptr, options_.name_cache),
      pool_(limits_of(options_), timers_),
      connector_(options_, *sessions_, outbox_, pool_, dialer_, names_, *tls_sessions_, jobs_, connections_),
      carrier_(options_, rule_.get(), timers_, outbox_, pool_, jobs_, connections_, &connector_) {
  jobs_.pacer().set_limits(pool_.limits(), {});
  outbox_.report_events(options_.report_events);
}

// ---- the begin and the end of every entry ----

Now Engine::Impl::clamp(Now now) {
  latest_ = std::max(latest_, now.steady);
  outbox_.set_time(latest_);
  return {latest_, now.wall};  // the wall clock may be set back; no timer uses it
}

void Engine::Impl::begin_fact(Now now) {
  SLUICE_CHECK(!has_output());  // the drain rule (engine.hpp)
  connections_.release_closed();
  if (!jobs_.has_lost_bodies()) return;
  while (const auto id = jobs_.take_lost_body()) calls_.lose(*id, now);
  finish_entry(now);
}

void Engine::Impl::finish_entry(Now now) {
  if (pool_.may_go_on()) carry_out_all(now);
  if (pool_.coalescing().has_woken()) wake_guests(now);
  if (names_.has_canceled()) {
    // A CancelResolve that is lost does no harm.
    while (const auto id = names_.take_canceled()) {
      outbox_.try_put(output::CancelResolve{*id});
      outbox_.report([&] { return dropped_look_up(*id); });
    }
  }
  if (std::vector<std::string>& lines = connector_.key_log(); !lines.empty()) {
    for (std::string& line : lines) outbox_.try_put(output::KeyLog{std::move(line)});
    lines.clear();
  }
  connections_.set_current({});
}

void Engine::Impl::carry_out_all(Now now) {
  while (const auto grant = pool_.next(now)) carry_out(*grant, now);
}

// Dials that have waited for the connection of another host.
void Engine::Impl::wake_guests(Now now) {
  while (const auto id = pool_.coalescing().take_woken()) {
    with(*id, now, [&](pool::Dial& dial) { take(connector_.next_attempt(dial, now), now); });
    carry_out_all(now);
  }
}

void Engine::Impl::carry_out(const pool::Grant& grant, Now now) {
  switch (grant.kind) {
    case pool::Grant::Kind::serve:
      carrier_.serve(*grant.connection, *jobs_.find(grant.waiter->transfer), now);
      break;
    case pool::Grant::Kind::dial: {
      Job& job = *jobs_.find(grant.waiter->transfer);
      pool::Dial* dial = connector_.begin(*grant.endpoint, job, grant.borrows, now);
      if (!dial) return jobs_.end(job, std::unexpected(engine::no_memory()), now);
      with(dial->id, now, [&](pool::Dial& begun) { take(connector_.start(begun, job, now), now); });
      break;
    }
    case pool::Grant::Kind::take_over:
      with(grant.dial->id, now,
           [&](pool::Dial& dial) { take(connector_.take_over(dial, *jobs_.find(grant.waiter->transfer), now), now); });
      break;
    case pool::Grant::Kind::close:
      connections_.close(*grant.connection, true);
      break;
    case pool::Grant::Kind::abandon:
      connector_.abandon(*dialer_.find(grant.dial->id));
      break;
    case pool::Grant::Kind::forget:
      connector_.forget(*grant.endpoint);
      break;
  }
}

// Made for HTTP/2, and in the meantime the server has asked for HTTP/1.1 (Scheduler::needs_http1).
bool Engine::Impl::is_outdated(const PooledConnection& connection) const {
  return connection.multiplexes && connection.exchanges_carried == 0 && pool_.find(connection.endpoint)->wants_http1;
}

// A new connection goes to the dial's sponsor, or without one to the next waiter.
void Engine::Impl::take(std::optional<DialEnd> end, Now now) {
  if (!end) return;
  Job* sponsor = jobs_.find(end->sponsor);
  if (end->waits) {
    if (!sponsor) return;
    pool_.withdraw(*sponsor);
    sponsor->enter(TransferPhase::queued);
    jobs_.queue_again(*sponsor, now);
  } else if (end->connection && is_outdated(*end->connection)) {
    connections_.close(*end->connection, true);
    if (!sponsor) return;
    pool_.withdraw(*sponsor);
    jobs_.stop_connect_timer(*sponsor);
    sponsor->enter(flow::TransferPhase::queued);
    jobs_.queue_again(*sponsor, now);
  } else if (!end->connection) {
    if (sponsor) sponsor->info.connect_status = end->connect_status;
    if (sponsor) sponsor->info.addresses_tried = end->addresses_tried;
    if (sponsor) carrier_.fail(*sponsor, std::move(end->error), now);
  } else if (sponsor) {
    pool_.withdraw(*sponsor);
    carrier_.serve(*end->connection, *sponsor, now, end->early.get());
  } else if (pool::is_accepted(end->early.get())) {
    connections_.close(*end->connection, true);  // the response to come has no transfer
  } else {
    carrier_.release(*end->connection, now);
  }
}

// ---- calls of the application ----

void Engine::Impl::add(Request& request, TransferOptions& options, Now now, Result<TransferId>& added) {
  now = clamp(now);
  added = jobs_.enlist(request, options, options_, now);
  if (added) finish_entry(now);
}

void Engine::Impl::close_idle_connections(Now now) {
  now = clamp(now);
  while (PooledConnection* connection = pool_.oldest_idle()) connections_.close(*connection, true);
  finish_entry(now);
}

// Walks all connections: the call is rare. What is being connected goes on, for one exchange; its timeouts end it if it
// is lost.
void Engine::Impl::network_changed(Now now) {
  now = clamp(now);
  names_.forget_answers();
  connections_.for_each([&](PooledConnection& connection) {
    if (connection.is_closed() || connection.is_idle()) return;
    carrier_.use_no_more(connection);
    if (connection.is_established()) pool_.room_changed(connection);
  });
  close_idle_connections(now);
}

// Walks all endpoints and idle connections, and all transfers if a rate has changed: the call is rare.
void Engine::Impl::set_limits(const EngineLimits& limits, Now now) {
  now = clamp(now);
  const bool new_rates = limits.max_receive_rate != pool_.limits().max_receive_rate ||
                         limits.max_send_rate != pool_.limits().max_send_rate;
  pool_.set_limits(limits);
  if (new_rates) {
    jobs_.pacer().set_limits(limits, now);
    jobs_.for_each(
        [&](TransferId id, const Job&) { with(id, now, [&](Job& job) { carrier_.change_pace(job, now); }); });
  }
  for (PooledConnection* connection = pool_.oldest_idle(); connection;) {
    PooledConnection* const next = pool::IdleAnywhere::next(*connection);  // this one may be closed
    timers_.cancel(connection->expiry_timer);
    with(connection->id, now, [&](PooledConnection& idle) { close_expired(idle, now); });
    connection = next;
  }
  finish_entry(now);
}

// ---- facts ----

void Engine::Impl::handle_resolved(ResolveId id, Result<NameAnswer> answer, Now now) {
  now = clamp(now);
  begin_fact(now);
  const auto answered = names_.answered(id, std::move(answer), now);
  if (answered.name && !answered.more) outbox_.report([&] { return ended_look_up(id, answered.result); });
  if (!answered.name || !answered.of_use) return;
  for (pool::NameWaiter* waiter = answered.name->waiting.front(); waiter;) {
    pool::NameWaiter* const next = List<pool::NameWaiter, &pool::NameWaiter::link>::next(*waiter);
    with(waiter->dial, now, [&](pool::Dial& dial) { take(connector_.answered(dial, answered, now), now); });
    waiter = next;
  }
  finish_entry(now);
}

void Engine::Impl::handle_connected(ConnId id, Now now, const Address& local,
                                    std::shared_ptr<const StreamSecurity> security) {
  // Without this buffer no connection can receive anything.
  if (connections_.find(id) && connections_.landing().wire().empty()) throw std::bad_alloc();
  fact(id, now, [&](PooledConnection& connection, Now at) {
    if (connection.channel.phase() != ChannelPhase::connecting) return;
    take(connector_.connected(connection, local, at, std::move(security)), at);
  });
}

MutableBytes Engine::Impl::receive_space(ConnId id) {
  const PooledConnection* connection = connections_.find(id);
  return connection ? connections_.receive_space(*connection) : MutableBytes{};
}

void Engine::Impl::handle_received(ConnId id, std::size_t bytes, Now now) {
  if (bytes == 0) return;
  fact(id, now, [&](PooledConnection& connection, Now at) {
    if (!connection.is_open()) return;
    SLUICE_CHECK(bytes <= limits::kLandingBytes);
    channel::Landing& landing = connections_.landing();
    bytes_received_ += bytes;
    carrier_.note_activity(connection, bytes, at);
    const MutableBytes plain = connection.channel.decode(landing.wire().first(bytes), landing, at);
    if (connection.channel.phase() == ChannelPhase::securing) take(connector_.handshake_moved(connection, at), at);
    if (connection.is_ready() && !plain.empty()) carrier_.received(connection, plain, at);
    carrier_.after_bytes(connection, at);
  });
}

OutputView Engine::Impl::transmit(ConnId id) const {
  const PooledConnection* connection = connections_.find(id);
  return connection && !connection->write_broken ? connection->channel.transmit() : OutputView{};
}

bool Engine::Impl::must_look_first(ConnId id) const {
  const PooledConnection* connection = connections_.find(id);
  return connection && connections_.must_look_first(*connection);
}

void Engine::Impl::handle_sent(ConnId id, std::size_t bytes, Now now) {
  if (bytes == 0) return;
  fact(id, now, [&](PooledConnection& connection, Now at) {
    if (!connection.is_open()) return;
    moved_.clear();
    bytes_sent_ += bytes;
    connection.channel.sent(bytes, moved_, at);
    carrier_.sent(connection, bytes, moved_, at);
    if (connection.is_closed() || !connection.channel.fault()) return;
    if (connector_.dial_of(connection)) {
      take(connector_.handshake_moved(connection, at), at);
    } else {
      carrier_.failed(connection, *connection.channel.fault(), at);
    }
  });
}

void Engine::Impl::handle_eof(ConnId id, std::string_view why, Now now) {
  fact(id, now, [&](PooledConnection& connection, Now at) { on_eof(connection, why, at); });
}

void Engine::Impl::on_eof(PooledConnection& connection, std::string_view why, Now now) {
  const channel::Channel& channel = connection.channel;
  switch (channel.phase()) {
    case ChannelPhase::connecting: {
      Error error = make_error(Code::connect_failed, "connect to " + connection.peer() + ": closed at once");
      take(connector_.attempt_failed(connection, std::move(error), now), now);
      break;
    }
    case ChannelPhase::securing:
      take(connector_.broken_off(connection, engine::cut_off(connection, why), now), now);
      break;
    case ChannelPhase::ready: {
      // RFC 9112 8: the end of the stream is trusted only if the connection had no error. After a send error it may be
      // a reset.
      const StreamEnd wire = connection.write_broken ? StreamEnd::bare : StreamEnd::clean;
      carrier_.ended(connection, std::max(channel.stream_end(), wire), why, now);
      break;
    }
    case ChannelPhase::closed:
      break;
  }
}

void Engine::Impl::handle_io_error(ConnId id, Error error, Now now) {
  fact(id, now, [&](PooledConnection& connection, Now at) { on_io_error(connection, std::move(error), at); });
}

void Engine::Impl::on_io_error(PooledConnection& connection, Error error, Now now) {
  switch (connection.channel.phase()) {
    case ChannelPhase::connecting:
      take(connector_.attempt_failed(connection, std::move(error), now), now);
      break;
    case ChannelPhase::securing:
      error = engine::broken_off(connection, std::move(error));
      take(connector_.broken_off(connection, std::move(error), now), now);
      break;
    case ChannelPhase::ready:
      carrier_.broken(connection, std::move(error), now);
      break;
    case ChannelPhase::closed:
      break;
  }
}

// ---- timers ----

std::optional<Deadline> Engine::Impl::deadline() const {
  if (jobs_.has_lost_bodies()) return Deadline{latest_, TimerKind::total_timeout};  // due at once: see begin_fact()
  return timers_.earliest();
}

void Engine::Impl::handle_timeout(Now now) {
  now = clamp(now);
  begin_fact(now);
  while (const auto due = timers_.pop_due(now.steady)) on_timer(*due, now);
  finish_entry(now);
}

void Engine::Impl::on_timer(const Timers::Due& due, Now now) {
  switch (due.kind) {
    case TimerKind::total_timeout:
    case TimerKind::attempts_timeout:
    case TimerKind::idle_timeout:
    case TimerKind::continue_timeout:
    case TimerKind::backoff:
    case TimerKind::phase_timeout:
    case TimerKind::low_rate:
    case TimerKind::rate_receive:
    case TimerKind::rate_send:
      calls_.timer(due.owner<TransferTag>(), due.kind, now);
      break;
    case TimerKind::rate_receive_all:
    case TimerKind::rate_send_all:
      carrier_.share_rates(due.kind, now);
      break;
    case TimerKind::dial_phase:
      with(due.owner<pool::DialTag>(), now,
           [&](pool::Dial& dial) { take(connector_.phase_timed_out(dial, now), now); });
      break;
    case TimerKind::connect_timeout:
    case TimerKind::address_stagger:
    case TimerKind::resolution_delay:
      with(due.owner<pool::DialTag>(), now, [&](pool::Dial& dial) {
        const bool over = due.kind == TimerKind::connect_timeout;
        take(over ? connector_.timed_out(dial, now) : connector_.next_attempt(dial, now), now);
      });
      break;
    case TimerKind::dial_wait:
      with(due.owner<TransferTag>(), now, [&](Job& job) {
        if (auto late = connector_.wait_timed_out(job, now)) carrier_.fail(job, *std::move(late), now);
      });
      break;
    case TimerKind::connection_expiry:
      with(due.owner<ConnTag>(), now, [&](PooledConnection& connection) { close_expired(connection, now); });
      break;
    case TimerKind::session:
      with(due.owner<ConnTag>(), now, [&](PooledConnection& connection) { carrier_.session_timer(connection, now); });
      break;
  }
}

void Engine::Impl::close_expired(PooledConnection& connection, Now now) {
  if (pool_.is_expired(connection, now)) connections_.close(connection, true);
}

// ---- outputs ----

Interest Engine::Impl::interest(ConnId id) const {
  const PooledConnection* connection = connections_.find(id);
  return connection ? connections_.interest(*connection) : Interest{};
}

Counters Engine::Impl::counters() const {
  Counters counters;
  jobs_.add_to(counters);
  connections_.add_to(counters);
  connector_.add_to(counters);
  carrier_.add_to(counters);
  names_.add_to(counters);
  counters.transfers_queued = pool_.queued();
  counters.connections_idle = pool_.idle_connections();
  counters.bytes_received = bytes_received_;
  counters.bytes_sent = bytes_sent_;
  return counters;
}

std::optional<Output> Engine::Impl::poll_output() {
  while (std::optional<Output> out = outbox_.pop()) {
    const auto* changed = std::get_if<output::InterestChanged>(&*out);
    if (changed ? connections_.takes_interest(changed->conn) : calls_.is_still_true(*out)) return out;
  }
  if (connections_.has_deferred()) {
    if (auto out = connections_.take_deferred()) return out;
  }
  return jobs_.has_deferred() ? jobs_.take_deferred() : std::nullopt;
}

// ---- when memory runs out ----
// std::bad_alloc is caught where it does the least harm, and never leaves the engine: at the transfer, the connection
// or the dial that the step was for, which is then lost; or at the public function (core/engine.cpp), where everything
// ends (give_up). Every end is reported, and reporting must need no memory: an output that cannot be queued
// is remembered by the object that it is about, and queued later.

void Engine::Impl::lose(ConnId id, Now now) {
  PooledConnection* connection = connections_.find(id);
  if (!connection) return;
  if (pool::Dial* dial = connector_.dial_of(*connection)) {  // also if the attempt itself is closed already
    take(connector_.failed(*dial, engine::no_memory()), now);
  } else if (!connection->is_closed()) {
    carrier_.failed(*connection, engine::no_memory(), now);
  }
}

void Engine::Impl::lose(pool::DialId id, Now now) {
  if (pool::Dial* dial = dialer_.find(id)) take(connector_.failed(*dial, engine::no_memory()), now);
}

// Relies only on what a step cannot leave half done: slot maps, timers, and the members of each object. All lists and
// counts are built again. Responses that were received completely stay: the application only has to consume them.
void Engine::Impl::give_up() noexcept {
  connector_.key_log().clear();
  connector_.forget_heads();
  names_.reset();
  pool_.coalescing().forget_guests();
  dialer_.reset();
  connections_.give_up();
  pool_.reset();
  jobs_.give_up(latest_);
  pool_.look_at_all();
  carry_out_all({latest_, 0});
}

void Engine::Impl::check_invariants() const {
  jobs_.check_invariants();
  connections_.check_invariants();
  pool_.check_invariants();
  dialer_.check_invariants();
  names_.check_invariants();
  SLUICE_CHECK(timers_.check_invariants());
}

}  // namespace sluice
