// See connection_impl.hpp.
#include "core/engine/connection_impl.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/engine/handshake.hpp"

namespace sluice {

using channel::ChannelPhase;
using engine::Job;
using flow::TransferPhase;
using pool::Grant;

namespace {

constexpr pool::EndpointId kLine = {0, 1};  // the id of the only queue

pool::PooledConnection& begin(engine::Connections& connections) {
  pool::PooledConnection* connection = connections.begin();
  if (!connection) throw std::bad_alloc();
  return *connection;
}

bool same_origin(const Url& a, const Url& b) {
  return a.scheme() == b.scheme() && a.host() == b.host() && a.port() == b.port() && a.zone() == b.zone();
}

class ProtectedStream final : public Route {
 public:
  ProtectedStream() : Route("", "the stream", 1, true) {}
};

// How long the handshake may take for this transfer, and by which of its limits; nullopt: no limit.
std::pair<std::optional<Duration>, TimerKind> handshake_limit(const Job& job) {
  const std::optional<Duration> connect = job.options.connect_timeout;
  const std::optional<Duration> tls = job.options.limits ? job.options.limits->tls_timeout : std::nullopt;
  if (tls && (!connect || *tls < *connect)) return {tls, TimerKind::dial_phase};
  return {connect, TimerKind::connect_timeout};
}

template <class What, class Variant>
constexpr bool kIsOneOf = false;
template <class What, class... Kinds>
constexpr bool kIsOneOf<What, std::variant<Kinds...>> = (std::is_same_v<What, Kinds> || ...);

// nullopt for outputs that a Connection does not give: its caller asks interest() instead.
std::optional<ConnectionOutput> as_connection_output(Output& out) {
  return std::visit(
      [](auto& what) -> std::optional<ConnectionOutput> {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, output::Close>) {
          return output::Closed{};
        } else if constexpr (kIsOneOf<What, ConnectionOutput>) {
          return ConnectionOutput(std::in_place_type<What>, std::move(what));
        } else {
          return std::nullopt;
        }
      },
      out);
}

}  // namespace

Connection::Impl::Impl(ConnectionOptions options, std::unique_ptr<http::SessionFactory> sessions)
    : origin_(std::move(options.origin)),
      idle_timeout_(options.idle_connection_timeout),
      protocol_(pool::protocol_for(options.http_versions, origin_.is_tls(), false)),
      sessions_(std::move(sessions)),
      connection_(begin(connections_)) {
  options_.default_tls = std::move(options.tls);
  if (options.security) {
    secure_ = std::make_shared<ProtectedStream>();
    auto facts = std::make_shared<StreamFacts>();
    facts->take(std::move(options.security));
    connection_.facts = std::move(facts);
  }
  connection_.route_name = options.name.empty() ? origin_.authority() : std::move(options.name);
  // The caller asks for interest() after each call, so no InterestChanged is needed.
  connections_.set_current(connection_.id);
}

// ---- the queue of requests ----

void Connection::Impl::place(Waiter& waiter, const Request&, const TransferOptions&, std::shared_ptr<const TlsConfig>) {
  waiter.endpoint = kLine;
}

bool Connection::Impl::has_place(const Waiter& waiter) const { return waiter.endpoint == kLine; }

void Connection::Impl::withdraw(Waiter& waiter) {
  if (pool::WaitingList::contains(waiter)) queue_.remove(waiter);
}

std::optional<Grant> Connection::Impl::released(PooledConnection& connection, bool usable, Now now) {
  if (!connection.exchanges.empty()) return std::nullopt;
  connection.idle_since = now.steady;
  if (!usable) return Grant{.kind = Grant::Kind::close, .connection = &connection};
  if (Waiter* const first = queue_.front(); first && !first->fresh_only) {
    queue_.remove(*first);
    return Grant{.kind = Grant::Kind::serve, .connection = &connection, .waiter = first};
  }
  const Duration most = std::min(idle_timeout_.value_or(Duration::max()), connection.kept_for);
  if (most != Duration::max()) {
    timers_.set(connection.expiry_timer, most, TimerKind::connection_expiry, connection.id, now);
  }
  connection.was_idle = true;
  idle_.push_back(connection);
  return std::nullopt;
}

void Connection::Impl::closed(PooledConnection& connection) { idle_.remove(connection); }

bool Connection::Impl::serve_next(Now now) {
  const bool idle = connection_.is_idle();
  if (queue_.empty() || !(idle || (!connection_.exchanges.empty() && connection_.room() > 0))) return false;
  idle_.remove(connection_);
  timers_.cancel(connection_.expiry_timer);
  carrier_.serve(connection_, *jobs_.find(queue_.pop_front()->transfer), now);
  return true;
}

// ---- the begin and the end of every entry ----

Now Connection::Impl::clamp(Now now) {
  latest_ = std::max(latest_, now.steady);
  return {latest_, now.wall};
}

void Connection::Impl::begin_fact(Now now) {
  while (const auto id = jobs_.take_lost_body()) calls_.lose(*id, now);
}

void Connection::Impl::take_steps(Now now) {
  for (bool more = true; more;) {
    if (!has_memory_for([&] { more = next_step(now); })) lose(now);
  }
}

void Connection::Impl::finish_entry(Now now) {
  take_steps(now);
  for (std::string& line : key_log_) outbox_.try_put(output::KeyLog{std::move(line)});
  key_log_.clear();
}

bool Connection::Impl::next_step(Now now) {
  // No request is sent any more: neither those that wait nor one that would be sent again.
  Waiter* const first = queue_.front();
  if (first && (is_over() || first->fresh_only)) {
    Error error = over();
    error.retry_safe = true;
    carrier_.fail(*jobs_.find(first->transfer), std::move(error), now);
    return true;
  }
  switch (connection_.channel.phase()) {
    case ChannelPhase::connecting:
      if (first) {
        start(now);
        return true;
      }
      break;
    case ChannelPhase::securing:
      return find_sponsor(now);
    case ChannelPhase::ready:
      if (serve_next(now)) return true;
      break;
    case ChannelPhase::closed:
      return false;
  }
  if (!closing_ || jobs_.running() != 0) return false;
  connections_.close(connection_, true);
  return true;
}

// ---- the handshake ----

void Connection::Impl::start(Now now) {
  if (connections_.landing().wire().empty()) throw std::bad_alloc();  // nothing could be received without it
  connection_.resolved = connection_.connected = now.steady;
  if (origin_.is_tls() && !secure_) {
    tls::ClientParams params;
    params.config = options_.default_tls;
    pool::PeerName peer = pool::peer_of(origin_);
    params.host = std::move(peer.host);
    params.host_kind = peer.kind;
    params.key_log = &key_log_;
    params.port = peer.port;
    params.http2 = engine::offer_for(protocol_);
    if (auto built = engine::push_tls(connection_, std::move(params)); !built) {
      sponsor_ = queue_.front()->transfer;
      return handshake_failed(std::move(built.error()), now);
    }
  }
  connection_.channel.start(now);
  handshake_moved(now);
}

// The handshake continues for the first request in the queue. If there is none, it is given up. True: something has
// changed.
bool Connection::Impl::find_sponsor(Now now) {
  Waiter* const first = queue_.front();
  if (first && first->transfer == sponsor_) return false;
  if (!first) {
    give_up_handshake();
    return true;
  }
  sponsor_ = first->transfer;
  Job& job = *jobs_.find(sponsor_);
  job.enter(TransferPhase::dialing);
  engine::note_connection(connection_, job, now);
  jobs_.note_attempt(job, now);
  jobs_.stop_queue_timer(job);
  if (const auto most = handshake_limit(job); most.first) {
    timers_.set(connect_timer_, *most.first, most.second, connection_.id, now);
  } else {
    timers_.cancel(connect_timer_);
  }
  return true;
}

void Connection::Impl::handshake_moved(Now now) {
  if (connection_.channel.fault()) return handshake_failed(*connection_.channel.fault(), now);
  if (!connection_.channel.become_ready()) return;
  if (auto done = engine::complete(connection_, *sessions_, protocol_, now); !done) {
    return handshake_failed(std::move(done.error()), now);
  }
  timers_.cancel(connect_timer_);
  if (Waiter* const first = queue_.pop_front()) {
    carrier_.serve(connection_, *jobs_.find(first->transfer), now);
  } else {
    carrier_.release(connection_, now);
  }
}

void Connection::Impl::handshake_failed(Error error, Now now) {
  give_up_handshake();
  error.retry_safe = true;  // no byte of a request was sent
  Job* const sponsor = jobs_.find(sponsor_);
  if (sponsor && sponsor->phase() != TransferPhase::done) carrier_.fail(*sponsor, std::move(error), now);
}

void Connection::Impl::give_up_handshake() {
  timers_.cancel(connect_timer_);
  connections_.close(connection_, false);
}

// ---- calls of the application ----

void Connection::Impl::add(Request& request, TransferOptions& options, Now now, Result<TransferId>& added) {
  now = clamp(now);
  if (!same_origin(request.url, origin_)) {
    added = std::unexpected(
        make_error(Code::invalid_request,
                   request.url.text_without_secrets() + ": the connection is for " + origin_.origin() + " alone"));
  } else if (options.tls || options.connect_to || options.route || options.proxies ||
             options.family != AddressFamily::any || options.fresh_connection) {
    added = std::unexpected(make_error(
        Code::invalid_option,
        "on one connection there is no choice of tls, connect_to, family, route, proxies or fresh_connection"));
  } else if (is_over() || closing_) {
    added = std::unexpected(over());
  } else {
    options.route = secure_;
    added = jobs_.enlist(request, options, options_, now);
    if (added) finish_entry(now);
  }
}

void Connection::Impl::close(Now now) {
  now = clamp(now);
  if (why_.empty()) remember("closed by the application");
  closing_ = true;
  finish_entry(now);
}

// ---- facts ----

void Connection::Impl::handle_received(std::size_t bytes, Now now) {
  if (bytes == 0 || !connection_.is_open()) return;
  SLUICE_CHECK(bytes <= limits::kLandingBytes);
  fact(now, [&](Now at) {
    if (!connection_.is_open()) return;  // begin_fact() may have closed it, because a body was lost
    channel::Landing& landing = connections_.landing();
    carrier_.note_activity(connection_, bytes, at);
    const MutableBytes plain = connection_.channel.decode(landing.wire().first(bytes), landing, at);
    if (connection_.channel.phase() == ChannelPhase::securing) handshake_moved(at);
    if (connection_.is_ready() && !plain.empty()) carrier_.received(connection_, plain, at);
    carrier_.after_bytes(connection_, at);
  });
}

void Connection::Impl::handle_eof(Now now) {
  if (is_over()) return;
  remember("the other end closed it");
  fact(now, [&](Now at) { on_eof(at); });
}

void Connection::Impl::on_eof(Now now) {
  switch (connection_.channel.phase()) {
    case ChannelPhase::connecting:
      connections_.close(connection_, false);
      break;
    case ChannelPhase::securing:
      handshake_failed(engine::cut_off(connection_, {}), now);
      break;
    case ChannelPhase::ready: {
      const StreamEnd wire = connection_.write_broken ? StreamEnd::bare : StreamEnd::clean;
      carrier_.ended(connection_, std::max(connection_.channel.stream_end(), wire), {}, now);
      break;
    }
    case ChannelPhase::closed:
      break;
  }
}

void Connection::Impl::handle_io_error(Error error, Now now) {
  if (is_over()) return;
  remember(error.context.empty() ? to_string(error.code) : std::string_view(error.context));
  fact(now, [&](Now at) { on_io_error(std::move(error), at); });
}

void Connection::Impl::on_io_error(Error error, Now now) {
  switch (connection_.channel.phase()) {
    case ChannelPhase::connecting:
      connections_.close(connection_, false);
      break;
    case ChannelPhase::securing:
      handshake_failed(engine::broken_off(connection_, std::move(error)), now);
      break;
    case ChannelPhase::ready:
      carrier_.broken(connection_, std::move(error), now);
      break;
    case ChannelPhase::closed:
      break;
  }
}

OutputView Connection::Impl::transmit() const {
  return connection_.write_broken ? OutputView{} : connection_.channel.transmit();
}

void Connection::Impl::handle_sent(std::size_t bytes, Now now) {
  fact(now, [&](Now at) {
    if (!is_over() && !connection_.is_open()) return;
    if (is_over()) bytes = std::min(bytes, transmit().size_bytes());  // fewer bytes may be left than before the close
    if (bytes == 0) return;
    moved_.clear();
    connection_.channel.sent(bytes, moved_, at);
    if (is_over()) return;
    carrier_.sent(connection_, bytes, moved_, at);
    if (connection_.is_closed() || !connection_.channel.fault()) return;
    if (connection_.is_ready()) {
      carrier_.failed(connection_, *connection_.channel.fault(), at);
    } else {
      handshake_moved(at);
    }
  });
}

// ---- timers ----

std::optional<Deadline> Connection::Impl::deadline() const {
  if (jobs_.has_lost_bodies()) return Deadline{latest_, TimerKind::total_timeout};  // due at once: see begin_fact()
  return timers_.earliest();
}

void Connection::Impl::handle_timeout(Now now) {
  fact(now, [&](Now at) {
    while (const auto due = timers_.pop_due(at.steady)) {
      on_timer(*due, at);
      take_steps(at);  // the request that the handshake is for may have ended: on_timer() must see the next one
    }
  });
}

void Connection::Impl::on_timer(const Timers::Due& due, Now now) {
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
    case TimerKind::connect_timeout:
    case TimerKind::dial_phase:
      handshake_failed(no_time(due.kind), now);
      break;
    case TimerKind::connection_expiry:
      connections_.close(connection_, true);
      break;
    case TimerKind::session:
      carrier_.session_timer(connection_, now);
      break;
    case TimerKind::address_stagger:
    case TimerKind::resolution_delay:
    case TimerKind::dial_wait:
    case TimerKind::rate_receive_all:  // nor are there rates of many transfers
    case TimerKind::rate_send_all:
      SLUICE_CHECK(false);  // no connection is made here
  }
}

Error Connection::Impl::no_time(TimerKind kind) const {
  const Job& sponsor = *jobs_.find(sponsor_);
  const Code code = kind == TimerKind::dial_phase ? Code::tls_timeout : Code::connect_timeout;
  return make_error(code, std::string(connection_.channel.task()) + " with " + connection_.peer() +
                              ": not finished within " + engine::in_ms(*handshake_limit(sponsor).first));
}

// ---- outputs ----

std::optional<ConnectionOutput> Connection::Impl::poll_output() {
  while (auto out = outbox_.pop()) {
    if (!calls_.is_still_true(*out)) continue;
    if (auto told = as_connection_output(*out)) return told;
  }
  while (connections_.has_deferred()) {
    auto out = connections_.take_deferred();
    if (!out) break;
    if (auto told = as_connection_output(*out)) return told;
  }
  if (!jobs_.has_deferred()) return std::nullopt;
  auto out = jobs_.take_deferred();
  return out ? as_connection_output(*out) : std::nullopt;
}

Interest Connection::Impl::interest() const {
  if (!is_over()) return connections_.interest(connection_);
  return {false, !connection_.write_broken && connection_.channel.has_output()};
}

// ---- the end ----

void Connection::Impl::remember(std::string_view why) noexcept {
  if (!has_memory_for([&] { why_ = why; })) why_.clear();
}

Error Connection::Impl::over() const noexcept {
  Error error = make_error(Code::connection_closed, {});
  has_memory_for([&] {
    std::string context =
        connection_.route_name + ": " +
        (is_over() || closing_ ? "the connection is over" : "there is no other connection to send it on");
    if (!why_.empty()) context += ": " + why_;
    error.context = std::move(context);
  });
  return error;
}

void Connection::Impl::lose(Now now) {
  if (is_over()) return;
  if (connection_.channel.session()) return carrier_.failed(connection_, engine::no_memory(), now);
  if (!queue_.empty()) sponsor_ = queue_.front()->transfer;
  handshake_failed(engine::no_memory(), now);
}

// Relies only on what a step cannot leave half done: slot maps, timers, and the members of each object.
void Connection::Impl::give_up() noexcept {
  key_log_.clear();
  timers_.cancel(connect_timer_);
  connections_.give_up();
  queue_ = {};
  idle_ = {};
  jobs_.give_up(latest_);
}

void Connection::Impl::check_invariants() const {
  jobs_.check_invariants();
  connections_.check_invariants();
  SLUICE_CHECK(timers_.check_invariants());
  SLUICE_CHECK(queue_.empty() || !is_over());
}

}  // namespace sluice
