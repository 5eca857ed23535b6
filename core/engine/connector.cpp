// See connector.hpp.
#include "core/engine/connector.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/engine/early.hpp"
#include "core/engine/handshake.hpp"

namespace sluice::engine {

using pool::AddressRace;
using pool::Dial;
using pool::DialService;
using pool::Endpoint;

namespace {

// A saturating count.
std::uint8_t count_of(std::size_t number) {
  return static_cast<std::uint8_t>(std::min<std::size_t>(number, std::numeric_limits<std::uint8_t>::max()));
}

// Over the route of a proxy the streams of origins are not protected.
bool is_secure(const Endpoint& endpoint) {
  const Route* const route = endpoint.destination.route.get();
  return route && route->is_secure() && !endpoint.through;
}

}  // namespace

Dial* Connector::begin(Endpoint& endpoint, Job& sponsor, bool borrows, Now now) {
  if (!first_dial_) first_dial_ = now.steady;
  Dial* dial = dialer_.begin();
  if (!dial) return nullptr;
  const std::size_t expected =
      endpoint.carries
          ? *endpoint.carries
          : sessions_.expected_exchanges(endpoint.peer.tls != nullptr || is_secure(endpoint), endpoint.protocol);
  dial->expected = std::max(expected, std::size_t{1});
  dial->borrows = borrows;
  pool_.dial_begun(*dial, endpoint, now);
  dial->sponsor = sponsor.id;
  return dial;
}

// Those that count on the dials from now on. There are as many as the dials may carry, however long the queue is.
void Connector::limit_waiters(const Endpoint& endpoint, Now now) {
  pool::Waiter* waiter = endpoint.queue.front();
  for (std::size_t i = 0; waiter && i < endpoint.expected_more; ++i, waiter = pool::WaitingList::next(*waiter)) {
    jobs_.start_connect_timer(*jobs_.find(waiter->transfer), now);
  }
}

std::optional<DialEnd> Connector::start(Dial& dial, Job& sponsor, Now now) {
  Endpoint& endpoint = *pool_.find(dial.endpoint);
  take_sponsor(dial, sponsor, now);
  return join_or_look_up(dial, endpoint, now);
}

// From here on the transfer gets the result of the dial, also if memory runs out in this function. The limit starts
// again with each sponsor.
void Connector::take_sponsor(Dial& dial, Job& sponsor, Now now) {
  sponsor.enter(flow::TransferPhase::dialing);
  pool_.sponsor(dial, sponsor);
  jobs_.note_attempt(sponsor, now);
  jobs_.stop_queue_timer(sponsor);
  dialer_.limit(dial, sponsor.options.connect_timeout, now);
}

// It may not want to wait for the connection of another host, as the sponsor before it did.
std::optional<DialEnd> Connector::take_over(Dial& dial, Job& sponsor, Now now) {
  take_sponsor(dial, sponsor, now);
  limit_phase_again(dial, now);
  if (const PooledConnection* connection = winner(dial)) note_connection(*connection, sponsor, now);
  return dial.guest.host ? next_attempt(dial, now) : std::nullopt;
}

// Its phase has the limit of its new sponsor, from now on.
void Connector::limit_phase_again(Dial& dial, Now now) {
  const TransferLimits* const limits = limits_of(dial);
  std::optional<Duration> time;
  if (limits && dial.has_winner && pool_.find(dial.endpoint)->peer.tls) time = limits->tls_timeout;
  if (limits && !dial.has_winner && dial.name.link.linked) time = limits->resolve_timeout;
  dialer_.limit_phase(dial, time, now);
}

// The sponsor has another connection: what was connected for it counts for the one who takes it.
void Connector::uncount(const Dial& dial) {
  const PooledConnection* const connection = winner(dial);
  Job* const sponsor = jobs_.find(dial.sponsor);
  if (!connection || !sponsor || sponsor->phase() != flow::TransferPhase::active) return;
  if (sponsor->info.conn != connection->id) --sponsor->info.connections;
}

// Without a sponsor nothing would ever end the dial, so it may take no longer than an idle connection is kept.
void Connector::orphan(pool::DialId id, bool unwanted, Now now) {
  Dial* dial = dialer_.find(id);
  if (!dial) return;
  uncount(*dial);
  if (dial->borrows) return abandon(*dial);  // it must take no place that somebody else may need
  if (dial->early) {
    if (dial->early->data.was_sent()) return abandon(*dial);  // the response would be for its sponsor
    // The TLS layer has it too, and may not have begun: in a tunnel it begins after the proxies.
    dial->early->data.bytes.clear();
    dial->early.reset();
  }
  pool_.orphan(*dial, unwanted);
  dialer_.limit_phase(*dial, std::nullopt, now);  // those were its sponsor's
  const Duration most = pool_.limits().idle_connection_timeout;
  if (!has_memory_for([&] { dialer_.shorten(*dial, most, now); })) abandon(*dial);
}

// ---- attempts ----

std::optional<DialEnd> Connector::next_attempt(Dial& dial, Now now) {
  Endpoint& endpoint = *pool_.find(dial.endpoint);
  const pool::Destination& place = endpoint.destination;
  if (auto end = join(dial, endpoint, now)) return end;
  if (awaits_host(dial, endpoint, now)) return std::nullopt;
  while (true) {
    switch (dialer_.next(dial)) {
      case AddressRace::Step::attempt:
        if (place.route) return begin_attempt(dial, endpoint, {}, now);
        if (const auto address = ask_rule(place.host, port_of(dial, place), dial.race.address(), place.is_proxy)) {
          if (dial.borrows && !has_place(dial)) return put_back(dial);
          return begin_attempt(dial, endpoint, *address, now);
        }
        dialer_.forbidden(dial, place, now);
        if (dialer_.next(dial) == AddressRace::Step::lost) return std::nullopt;  // a timer says so
        break;
      case AddressRace::Step::wait:
        return std::nullopt;
      case AddressRace::Step::lost:
        if (dial.service && dial.service->is_chosen && dial.service->may_fall_back) {
          return fall_back(dial, endpoint, now);
        }
        return failed(dial, pool::Dialer::lost(dial, place));
    }
  }
}

// Everything that needs memory comes first: either there is an attempt with its Connect, or nothing has changed.
std::nullopt_t Connector::begin_attempt(Dial& dial, const Endpoint& endpoint, const IpAddress& ip, Now now) {
  const pool::Destination& place = endpoint.destination;
  output::Connect connect;
  connect.wants_local = place.proxy_protocol != nullptr;
  Address address;
  std::string route_name;
  if (place.route) {
    route_name = place.route->name();
    connect.route = place.route;
    connect.host = place.zone.empty() ? place.host : place.host + '%' + place.zone;
    connect.port = place.port;
  } else {
    address = {ip, port_of(dial, place)};
    connect.address = address;
    connect.socket = place.socket;
  }
  connections_.queue_deferred();  // a Close that made room for this connection must not come after its Connect
  pool::Dialer::make_room(dial);
  outbox_.make_room();
  PooledConnection* connection = connections_.begin();
  if (!connection) throw std::bad_alloc();
  connect.conn = connection->id;
  connection->endpoint = endpoint.id;
  connection->dial = dial.id;
  connection->address = std::move(address);
  connection->route_name = std::move(route_name);
  connection->resolved = dial.resolved;
  announce(*connection, endpoint);
  outbox_.put(std::move(connect));
  outbox_.report([&] {
    return EngineEvent{.kind = EngineEvent::Kind::connection_begun,
                       .transfer = dial.sponsor,
                       .conn = connection->id,
                       .text = connection->peer()};
  });
  dialer_.limit_phase(dial, std::nullopt, now);  // the look-up is over
  dialer_.attempt_begun(dial, connection->id, now);
  return std::nullopt;
}

std::optional<DialEnd> Connector::attempt_failed(PooledConnection& connection, Error error, Now now) {
  Dial& dial = *dial_of(connection);
  const pool::Destination& place = pool_.find(dial.endpoint)->destination;
  note_failure(connection.id, error);
  connections_.close(connection, false);
  dialer_.attempt_failed(dial, connection.id, place, std::move(error));
  return next_attempt(dial, now);
}

std::optional<DialEnd> Connector::connected(PooledConnection& connection, const Address& local, Now now,
                                            std::shared_ptr<const StreamSecurity> security) {
  Dial& dial = *dial_of(connection);
  const Endpoint& endpoint = *pool_.find(dial.endpoint);
  close_attempts(dial, &connection);
  dialer_.attempt_won(dial, connection.id);
  names_.leave(dial.name);
  connection.connected = now.steady;
  outbox_.report([&] { return EngineEvent{.kind = EngineEvent::Kind::connection_opened, .conn = connection.id}; });
  note_winner(dial, endpoint, connection, now);
  const bool tells_security = security && is_secure(endpoint);
  if (local.ip.kind != IpAddress::Kind::none || tells_security) {
    auto facts = std::make_shared<StreamFacts>();
    facts->local = local;
    if (tells_security) facts->take(std::move(security));
    connection.facts = std::move(facts);
  }
  LayerParts made = parts();
  dial.early = nullptr;
  if (Job* sponsor = jobs_.find(dial.sponsor)) {
    note_connection(connection, *sponsor, now);
    if (sponsor->options.report_heads) made.seen_heads = &seen_heads_;
    dial.early = early_request(*sponsor, endpoint, sessions_, now);
  }
  auto built = push_layers(connection, endpoint, dial, made);
  if (!built) return failed(dial, std::move(built.error()));
  if (const auto* limits = limits_of(dial); limits && endpoint.peer.tls) {
    dialer_.limit_phase(dial, limits->tls_timeout, now);
  }
  connection.channel.start(now);
  return handshake_moved(connection, now);
}

// What the next dial to this host, and the application, may want to know.
void Connector::note_winner(const Dial& dial, const Endpoint& endpoint, PooledConnection& connection, Now now) {
  const pool::Destination& place = endpoint.destination;
  if (place.route || IpAddress::parse(place.host)) return;
  connection.addresses_tried = count_of(dial.race.tried());
  if (place.family != AddressFamily::any) return;
  const bool has_target = dial.service && !dial.service->target.empty();
  const std::string& host = has_target ? dial.service->target : place.host;
  const std::uint16_t port = has_target ? std::uint16_t{0} : https_port(endpoint);
  has_memory_for([&] { names_.note_winner(host, connection.address.ip.kind, now, port); });  // else it is forgotten
}

// ---- layers ----

std::optional<DialEnd> Connector::handshake_moved(PooledConnection& connection, Now now) {
  Dial* dial = dial_of(connection);
  if (!dial) return seen_heads_.clear(), std::nullopt;
  if (!seen_heads_.empty()) tell_heads(connection, *dial);
  if (connection.channel.fault()) {
    return broken_off(connection, *connection.channel.fault(), now);
  }
  if (connection.channel.become_ready()) return established(connection, *dial, now);
  // A tunnel may end without the connection that it is on.
  if (connection.channel.peer_closed()) return broken_off(connection, cut_off(connection, {}), now);
  return std::nullopt;
}

// Another sponsor may have taken the dial over, and not want them. Without memory they are left out.
void Connector::tell_heads(const PooledConnection& connection, const Dial& dial) noexcept {
  const Job* sponsor = jobs_.find(dial.sponsor);
  if (sponsor && sponsor->options.report_heads) {
    for (proxy::SeenHead& seen : seen_heads_) {
      outbox_.try_put(output::ConnectHead{sponsor->id, connection.id, seen.received, std::move(seen.bytes)});
    }
  }
  seen_heads_.clear();
}

std::optional<DialEnd> Connector::broken_off(PooledConnection& connection, Error error, Now now) {
  Dial& dial = *dial_of(connection);
  const Again again = connection.channel.again();
  const bool may_try = again == Again::with_keys ? !dial.service || !dial.service->has_retried
                                                 : dial.proxy_connections < limits::kMaxProxyConnections;
  if (may_try && again != Again::no) return begin_again(dial, connection, now);
  if (error.code == Code::tls_handshake && leads_elsewhere(dial)) {
    dial.service->is_over = true;
    return begin_again(dial, connection, now);
  }
  return failed(dial, std::move(error));
}

// A proxy's challenge can be answered on another connection only, and other keys need a hello of their own; where an
// HTTPS record leads there may be no server for this host. After early data no session is offered.
std::optional<DialEnd> Connector::begin_again(Dial& dial, PooledConnection& connection, Now now) {
  Endpoint& endpoint = *pool_.find(dial.endpoint);
  const Again asked = connection.channel.again();
  if (asked == Again::with_keys) {
    note_keys(dial, connection.channel.keys_to_retry());
  } else if (asked != Again::yes && asked != Again::no) {
    endpoint.through->asked = asked;
  }
  if (dial.early && dial.early->data.was_sent()) forget_sessions(endpoint, parts());
  // The record is chosen anew: until then the addresses that are looked up are those of the endpoint's own name.
  if (DialService* const service = dial.service.get()) {
    *service = DialService{.ech = service->has_retried ? std::move(service->ech) : std::nullopt,
                           .is_over = service->is_over,
                           .has_retried = service->has_retried};
  }
  connections_.close(connection, false);
  dialer_.begin_again(dial);
  dialer_.limit_phase(dial, std::nullopt, now);
  return look_up(dial, endpoint, now);
}

std::optional<DialEnd> Connector::established(PooledConnection& connection, Dial& dial, Now now) {
  const http::Protocol protocol = pool_.find(dial.endpoint)->protocol;
  if (auto done = complete(connection, sessions_, protocol, now); !done) return failed(dial, std::move(done.error()));
  ++made_;
  outbox_.report([&] {
    const std::string tls = connection.facts ? std::string(connection.facts->version) : std::string();
    return EngineEvent{.kind = EngineEvent::Kind::connection_made, .conn = connection.id, .text = tls};
  });
  DialEnd told{.sponsor = dial.sponsor, .connection = &connection, .early = std::move(dial.early)};
  end(dial, true);
  pool_.established(connection);
  const Endpoint& endpoint = *pool_.find(connection.endpoint);
  offer(connection, endpoint);
  return told;
}

// ---- ends ----

// The attempt that has connected; null: none has.
PooledConnection* Connector::winner(const Dial& dial) {
  return dial.has_winner && !dial.attempts.empty() ? connections_.find(dial.attempts.front()) : nullptr;
}

void Connector::close_attempts(Dial& dial, const PooledConnection* but) noexcept {
  for (const ConnId id : dial.attempts) {
    PooledConnection* connection = connections_.find(id);
    if (connection != but && !connection->is_closed()) connections_.close(*connection, false);
  }
  if (!but) dial.attempts.clear();
}

void Connector::end(Dial& dial, bool connection_stands) noexcept {
  names_.leave(dial.name);
  pool_.coalescing().leave(dial.guest);
  pool_.dial_ended(dial, connection_stands);
  dialer_.end(dial);
}

DialEnd Connector::failed(Dial& dial, Error error) noexcept {
  const Endpoint& endpoint = *pool_.find(dial.endpoint);
  if (dial.has_winner) forget_sessions(endpoint, parts());
  DialEnd told{.sponsor = dial.sponsor, .error = std::move(error)};
  if (!endpoint.destination.route && !IpAddress::parse(endpoint.destination.host)) {
    told.addresses_tried = count_of(dial.race.tried());
  }
  if (const PooledConnection* connection = endpoint.through ? winner(dial) : nullptr) {
    has_memory_for([&] { told.connect_status = connection->channel.facts().connect_status; });
  }
  for (const ConnId id : dial.attempts) note_failure(id, told.error);
  close_attempts(dial, nullptr);
  if (endpoint.through && told.error.code == Code::resolve_failed && !lacks_origin(dial, endpoint)) {
    told.error.code = Code::proxy_resolve_failed;
  }
  told.error.retry_safe = true;  // no byte of a request was sent, or only early data
  end(dial, false);
  return told;
}

void Connector::note_failure(ConnId id, const Error& error) noexcept {
  if (connections_.find(id)->is_closed()) return;
  ++failed_;
  outbox_.report([&] {
    return EngineEvent{
        .kind = EngineEvent::Kind::connection_failed, .conn = id, .failure = error.code, .text = error.message()};
  });
}

void Connector::abandon(Dial& dial) noexcept {
  close_attempts(dial, nullptr);
  end(dial, false);
}

std::optional<DialEnd> Connector::timed_out(Dial& dial, Now) {
  const Job* sponsor = jobs_.find(dial.sponsor);
  return failed(dial, no_time(dial, sponsor ? sponsor->options.connect_timeout : std::nullopt));
}

std::optional<DialEnd> Connector::phase_timed_out(Dial& dial, Now) {
  const TransferLimits* const limits = limits_of(dial);
  std::optional<Duration> time;
  if (limits) time = dial.has_winner ? limits->tls_timeout : limits->resolve_timeout;
  Error error = no_time(dial, time);
  error.code = dial.has_winner ? Code::tls_timeout : Code::resolve_timeout;
  return failed(dial, std::move(error));
}

// A dial that has just failed may be followed by another, which would be for this transfer as well.
std::optional<Error> Connector::wait_timed_out(Job& job, Now now) {
  const Endpoint& endpoint = *pool_.find(job.endpoint);
  const bool counts = job.dial || endpoint.expected_more > 0 || endpoint.dials.empty();
  if (!counts || !endpoint.dialing_since) return std::nullopt;  // it waits for a limit
  const Duration time = *job.options.connect_timeout;
  const Instant due = Timers::later(std::max(job.progress.queued, *endpoint.dialing_since), time);
  if (due > now.steady) {
    jobs_.start_connect_timer(job, due - now.steady, now);
    return std::nullopt;
  }
  const Dial* dial = job.dial ? dialer_.find(job.dial) : nullptr;
  if (!dial && !endpoint.dials.empty()) dial = dialer_.find(endpoint.dials.front()->id);
  Error error = dial ? no_time(*dial, time)
                     : make_error(Code::connect_timeout, "connect to " + endpoint.destination.where() +
                                                             ": not connected within " + in_ms(time));
  error.retry_safe = true;  // no byte of the request was sent
  return error;
}

Error Connector::no_time(const Dial& dial, std::optional<Duration> time) {
  std::string running;
  for (const ConnId id : dial.attempts) running += (running.empty() ? "" : ", ") + connections_.find(id)->peer();
  const PooledConnection* connection = winner(dial);
  const std::string_view task = connection ? connection->channel.task() : std::string_view{};
  const Endpoint& endpoint = *pool_.find(dial.endpoint);
  pool::Destination place = endpoint.destination;
  if (const auto proxy = lacks_address(dial, endpoint)) place.host = endpoint.through->target_of(*proxy).host;
  return pool::Dialer::timed_out(dial, place, time ? in_ms(*time) : "its time", task, running);
}

void Connector::forget(Endpoint& endpoint) {
  if (endpoint.is_by_object()) tls_sessions_.forget(endpoint.session_key());
  pool_.forget(endpoint);
}

}  // namespace sluice::engine
