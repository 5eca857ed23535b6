// See carrier.hpp. Here: exchanges begin and end.
#include "core/engine/carrier.hpp"

#include <utility>

#include "core/address_rule.hpp"
#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/cookies.hpp"

namespace sluice::engine {

using flow::TransferPhase;

namespace {

// A copy; without the text if memory runs out.
Error copy_of(const Error& error) {
  Error copy = make_error(error.code, {}, error.detail);
  copy.retry_safe = error.retry_safe;
  has_memory_for([&] { copy.context = error.context; });
  return copy;
}

// Whether the connection may carry another exchange. If the wire has not taken a request completely when its response
// ends, the connection ends, also if the bytes are in a layer's buffer. Where exchanges are multiplexed, the session
// says so of a request that it could not end.
bool is_usable(const PooledConnection& connection) {
  return connection.session().reusable() && !connection.write_broken && !connection.last_use &&
         (connection.multiplexes || !connection.channel.holds_plain());
}

// The answer to what the job has sent last goes on the same connection.
bool begins_login(const Job& job) {
  if (job.login && job.login->sent == flow::LoginStep::begin) return true;
  return job.way && job.way->forwards && job.proxies->begins_login();
}

http::BodyForm body_form(const TransferOptions& options) {
  if (options.raw_body) return http::BodyForm::raw;
  return options.decoding && options.decoding->transfer ? http::BodyForm::coded : http::BodyForm::plain;
}

}  // namespace

// ---- exchanges begin ----

void Carrier::serve(PooledConnection& connection, Job& job, Now now, const pool::EarlyRequest* early) {
  if (start(connection, job, now, early)) return;
  if (!pool::is_accepted(early)) return release(connection, now);
  connections_.close(connection, true);  // the response to what was sent would be taken for that to another request
}

// The request is open. If the peer has it already, it is not sent again; else it is sent as if nothing had been.
void Carrier::note_early(PooledConnection& connection, Job& job, const tls::EarlyData& data, Now now) {
  job.info.early_bytes = static_cast<std::uint32_t>(data.sent_with_hello);  // at most a request head
  job.info.early_accepted = data.fate == tls::EarlyData::Fate::accepted;
  if (!job.info.early_accepted) return;
  moved_.clear();
  connection.channel.count_as_sent(moved_);
  sent(connection, 0, moved_, now);
}

// False: the transfer has ended, and the connection has the same room as before.
bool Carrier::start(PooledConnection& connection, Job& job, Now now, const pool::EarlyRequest* early) {
  const pool::DialId own_dial = std::exchange(job.dial, {});
  auto opened = open(connection, job, now, early);
  if (!opened) {
    const bool short_of_memory = opened.error().code == Code::out_of_memory;
    hop_failed(job, std::move(opened.error()), now);
    if (connector_) connector_->orphan(own_dial, false, now);
    if (!short_of_memory || !connection.exchanges.empty()) return false;
    // No other transfer is tried on it: without memory each transfer of the queue would fail in the same way.
    connections_.close(connection, true);
    return true;
  }
  const bool begun = has_memory_for([&] {
    if (early) note_early(connection, job, early->data, now);
    settle(connection, now);
    if (job.phase() == TransferPhase::active) jobs_.announce_upload(job);
  });
  if (!begun) lose(job, now);
  if (connector_) connector_->orphan(own_dial, false, now);
  return true;
}

http::ResponseRules Carrier::response_rules(const Job& job) const {
  const TransferOptions& options = job.options;
  return {.http1 = options.http1.value_or(options_.http1),
          .allow_http0_9 = options.allow_http0_9,
          .truncation_ok = options.tls_truncation_ok && job.request.url.is_tls(),
          .keep_raw_head = options.keep_raw_head || options.report_heads};
}

// After an error, also out_of_memory, the connection is unchanged.
Result<void> Carrier::open(PooledConnection& connection, Job& job, Now now, const pool::EarlyRequest* early) {
  return or_out_of_memory([&]() -> Result<void> {
    http::Session& session = connection.session();
    job.head.clear();
    const bool counted = job.info.conn == connection.id;  // when it was connected
    job.info.conn = connection.id;
    job.info.address = connection.address;
    // Mostly there is no route, and comparing costs less than copying nothing.
    if (job.info.route != connection.route_name) job.info.route = connection.route_name;
    job.info.reused = connection.exchanges_carried > 0;
    job.info.addresses_tried = connection.addresses_tried;
    jobs_.note_attempt(job, now);
    if (job.options.idle_timeout) jobs_.start_idle_timer(job, now);
    jobs_.begin_pace(job, now);
    connection.exchanges.make_room();
    job.info.early_bytes = 0;
    job.info.early_accepted = false;
    if (pool::is_accepted(early)) {
      cookies_ = early->cookies;
    } else if (job.options.cookies) {
      cookies_ = job.options.cookies->header_for(job.request.url, now);
    }
    http::Exchange exchange{.request = &job.request,
                            .upload = job.upload.present() ? &job.upload : nullptr,
                            .head = &job.head,
                            .trailers = &job.trailers,
                            .rules = response_rules(job),
                            .body = body_form(job.options),
                            .valid = true,
                            .http1_0 = job.options.http_versions == HttpVersions::http1_0,
                            .cookies = job.options.cookies ? cookies_ : std::string_view(),
                            .urgency = job.options.priority.value_or(Priority{}).urgency};
    http::ForwardedBy forwarded;
    if (job.way && job.way->forwards) {
      if (auto allowed = may_forward(job.request.url); !allowed) return allowed;
      auto by = job.proxies->forwarded(
          job.request, jobs_.memory(),
          {.conn = connection.id, .logged_in = connection.logged_in_at_proxy, .multiplexes = connection.multiplexes});
      if (!by) return std::unexpected(std::move(by.error()));
      forwarded = *by;
      exchange.forwarded = &forwarded;
    }
    if (job.login) {
      if (auto carried = carry_login(connection, job, exchange); !carried) return carried;
    }
    if (exchange.forwarded) {
      if (auto withheld = withhold_body(job, exchange); !withheld) return withheld;
    }
    const auto stream = session.open(exchange);
    if (!stream) return std::unexpected(stream.error());
    job.enter(TransferPhase::active);
    jobs_.stop_connect_timer(job);
    job.conn = connection.id;
    job.stream = *stream;
    job.info.multiplexed = connection.multiplexes;
    job.last_activity = now.steady;
    job.facts = connection.facts;
    note_times(connection, job, now);
    const Bytes head = session.request_head(*stream);
    job.progress.sent_head_bytes = head.size();
    if (job.options.report_heads) outbox_.try_put_head(job.id, head);
    ++connection.exchanges_carried;
    ++requests_;
    if (job.info.reused) ++reused_;
    if (!job.info.reused && !counted) ++job.info.connections;
    outbox_.report([&] {
      return EngineEvent{.kind = EngineEvent::Kind::request_begun,
                         .transfer = job.id,
                         .conn = connection.id,
                         .reused = job.info.reused};
    });
    if (job.options.forbid_reuse && !begins_login(job)) connection.last_use = true;
    connection.exchanges.add(*stream, job.id);
    return {};
  });
}

// A proxy is asked for what the URL names, which may be an address.
Result<void> Carrier::may_forward(const Url& url) const {
  if (!options_.address_rule || url.host_kind() == HostKind::name) return {};
  const auto literal = IpAddress::parse(url.host());
  if (!literal) return {};
  const auto answer =
      options_.address_rule->ask({.host = url.host(), .port = url.port(), .address = *literal, .is_proxy = false});
  if (answer.kind == AddressRule::Answer::Kind::allow) return {};
  return std::unexpected(forbidden(url.host(), url.port(), literal->to_string()));
}

// What of a login the request carries on this connection. A transfer of one hop can have none.
Result<void> Carrier::carry_login(const PooledConnection& connection, Job& job, http::Exchange& exchange) const {
  if (!rule_) return {};
  const auto carried = job.login->prepare(
      job.request, {.conn = connection.id, .logged_in = connection.logged_in, .multiplexes = connection.multiplexes});
  if (!carried) return std::unexpected(carried.error());
  exchange.request = *carried;
  if (job.login->withheld_body()) {
    exchange.upload = nullptr;
    job.upload_announced = true;  // the application is not asked for the body before the next hop
  }
  return {};
}

// With the first message of a login at the proxy. A transfer of one hop has none.
Result<void> Carrier::withhold_body(Job& job, http::Exchange& exchange) const {
  if (!rule_) return {};
  const auto bare = job.proxies->bare(*exchange.request);
  if (!bare) return std::unexpected(bare.error());
  if (!*bare) return {};
  exchange.request = *bare;
  exchange.upload = nullptr;
  job.upload_announced = true;
  return {};
}

void Carrier::settle(PooledConnection& connection, Now now) {
  pump(connection, now);
  if (!connection.is_ready()) return;
  connections_.interest_changed(connection);
  if (connection.multiplexes) scheduler_.room_changed(connection);
  if (connection.multiplexes || connection.channel.keeps_time()) set_timer(connection, now);
}

// For the session, and for the layers below it.
void Carrier::set_timer(PooledConnection& connection, Now now) {
  auto due = connection.session().deadline();
  if (connection.channel.keeps_time()) {
    if (const auto of_layers = connection.channel.deadline(); of_layers && (!due || *of_layers < *due)) due = of_layers;
  }
  if (due) {
    const Duration left = std::max(*due - now.steady, Duration::zero());
    timers_.set(connection.session_timer, left, TimerKind::session, connection.id, now);
  } else {
    timers_.cancel(connection.session_timer);
  }
}

void Carrier::pump(PooledConnection& connection, Now now) {
  connection.channel.pump(now);
  if (connection.is_ready() && connection.channel.fault()) failed(connection, *connection.channel.fault(), now);
}

// ---- exchanges end ----

void Carrier::release(PooledConnection& connection, Now now) {
  const bool placed = has_memory_for([&] {
    if (connection.held_for != TransferId{} && serve_held(connection, now)) return;
    // A peer may allow no stream at all for the moment (RFC 9113 6.5.2).
    const bool usable = is_usable(connection) && (!connection.multiplexes || connection.room() > 0);
    while (auto grant = scheduler_.released(connection, usable, now)) {
      if (grant->kind == pool::Grant::Kind::close) return connections_.close(connection, true);
      if (start(connection, *jobs_.find(grant->waiter->transfer), now)) return;
    }
    if (connection.channel.keeps_time()) set_timer(connection, now);  // it may have carried nothing yet
  });
  if (!placed) connections_.close(connection, true);
}

// The transfer waits in its queue, as if it might get any connection; before anybody else could take this one, it gets
// it. False: the connection cannot carry it, or it has ended.
bool Carrier::serve_held(PooledConnection& connection, Now now) {
  Job* job = jobs_.find(std::exchange(connection.held_for, {}));
  if (!job || job->phase() != TransferPhase::queued || !is_usable(connection)) return false;
  if (job->endpoint != connection.endpoint) return false;  // its URL has become one for https (HSTS)
  scheduler_.withdraw(*job);
  return start(connection, *job, now);
}

// A login goes on where it has begun, as with forbid_reuse: on another connection its answer would be worth nothing.
void Carrier::use_no_more(PooledConnection& connection) {
  const bool alone = !connection.multiplexes && !connection.exchanges.empty();
  Job* const job = alone ? jobs_.find(connection.exchanges.back().second) : nullptr;
  if (job && begins_login(*job)) {
    job->options.forbid_reuse = true;
  } else {
    connection.last_use = true;
  }
}

void Carrier::detach(PooledConnection& connection, Job& job) {
  connection.exchanges.erase(job.stream);
  if (job.upload.present()) job.progress.sent_body_bytes = job.upload.sent();
  job.conn = {};
}

void Carrier::fail(Job& job, Error error, Now now) {
  switch (job.phase()) {
    case TransferPhase::queued:
      scheduler_.withdraw(job);
      hop_failed(job, std::move(error), now);
      break;
    case TransferPhase::dialing: {
      scheduler_.withdraw(job);
      const pool::DialId dial = std::exchange(job.dial, {});
      hop_failed(job, std::move(error), now);
      if (connector_) connector_->orphan(dial, true, now);
      break;
    }
    case TransferPhase::active:
      abort(job, std::move(error), now);
      break;
    case TransferPhase::waiting:
    case TransferPhase::delivering:
      jobs_.end(job, std::unexpected(std::move(error)), now);
      break;
    case TransferPhase::done:
      SLUICE_CHECK(false);
  }
}

void Carrier::lose(Job& job, Now now) {
  if (job.phase() != TransferPhase::done) fail(job, make_error(Code::out_of_memory, {}), now);
}

void Carrier::abort(Job& job, Error error, Now now) {
  PooledConnection& connection = *connections_.find(job.conn);
  http::Session& session = connection.session();
  session.abort(job.stream);
  detach(connection, job);
  hop_failed(job, std::move(error), now);
  if (connection.exchanges.empty()) {
    if (!session.reusable()) return connections_.close(connection, true);
    release(connection, now);
    if (connection.is_closed()) return;
  }
  if (has_memory_for([&] { settle(connection, now); })) return;
  failed(connection, make_error(Code::out_of_memory, {}), now);
}

// RFC 9110 9.2.2, RFC 9112 9.3.1, RFC 9113 6.8: the peer may have closed only a connection that was used or idle
// before, or whose end it has announced; and only a request that the peer cannot have processed, or that is idempotent,
// is sent again (SB-48). A server that asks for less does not get the same again at once.
bool Carrier::may_retry(const PooledConnection& connection, const Job& job) const {
  const http::Farewell farewell = connection.session().farewell();
  const bool told = farewell == http::Farewell::announced || farewell == http::Farewell::needs_http1;
  const bool may_be_closed = job.info.reused || connection.was_idle || told;
  if (!job.options.resend || !may_be_closed || farewell == http::Farewell::wants_less) return false;
  if (job.info.retries >= limits::kMaxRetries) return false;
  if (connection.session().response_started(job.stream)) return false;
  if (!job.upload.replayable()) return false;
  return !connection.session().request_begun(job.stream) || is_idempotent(job.request.method);
}

// RFC 9110 15.5.9: a 408 on a connection that was used or idle before means that the idle connection timed out at the
// peer, not this request.
bool Carrier::timed_out_at_peer(const PooledConnection& connection, const Job& job) const {
  constexpr int kRequestTimeout = 408;
  return job.options.resend && job.head.status == kRequestTimeout && (job.info.reused || connection.was_idle) &&
         job.info.retries < limits::kMaxRetries && job.upload.replayable() && is_idempotent(job.request.method);
}

// `elsewhere`: not on a connection that was used before.
void Carrier::retry(Job& job, bool elsewhere, Now now) {
  jobs_.stop_exchange_timers(job);
  job.rewind();
  if (job.upload.awaits_rewind() && !outbox_.try_put(output::UploadRewind{job.id})) {
    return jobs_.end(job, std::unexpected(make_error(Code::out_of_memory, {})), now);
  }
  if (elsewhere) {
    job.fresh_only = true;
    job.retried = now.steady;
  }
  jobs_.queue_again(job, now);
}

void Carrier::failed(PooledConnection& connection, Error error, Now now) {
  if (connection.send_error && (error.code == Code::connection_closed || error.code == Code::receive_failed)) {
    error = std::move(*connection.send_error);  // the first error says more
  }
  if (error.code == Code::receive_failed || error.code == Code::send_failed) scheduler_.note_end(connection, now);
  http::Session& session = connection.session();
  const bool needs_http1 = session.farewell() == http::Farewell::needs_http1;  // the same over HTTP/2 fails again
  while (!connection.exchanges.empty()) {
    const auto [stream, id] = connection.exchanges.back();
    Job& job = *jobs_.find(id);
    const bool again = may_retry(connection, job) && (!needs_http1 || scheduler_.needs_http1(connection, job));
    error.retry_safe =
        !session.request_begun(stream) || (is_idempotent(job.request.method) && !session.response_started(stream));
    session.abort(stream);
    detach(connection, job);
    if (again) {
      retry(job, true, now);
    } else {
      hop_failed(job, copy_of(error), now);
    }
  }
  connections_.close(connection, false);
}

// ---- hops ----

Result<std::optional<flow::NextHop>> Carrier::ask_rule(const Job& job, const Error* failure, Now now) {
  const PooledConnection* const connection = connections_.find(job.conn);
  const bool alone = connection && !connection->multiplexes;
  return rule_->next({.request = job.request,
                      .options = job.options,
                      .head = job.head,
                      .failure = failure,
                      .hops = job.past_hops.size() + 1,
                      .counts = job.counts,
                      .begun = job.past_hops.empty() ? job.progress.queued : job.past_hops.front().progress.queued,
                      .at_first_origin = job.at_first_origin,
                      .digest = job.digest.get(),
                      .login = job.login.get(),
                      .proxies = job.proxies.get(),
                      .conn = job.conn,
                      .conn_alone = alone,
                      .conn_stays = alone && is_usable(*connection),
                      .told = failure != nullptr && job.progress.first_byte.has_value(),
                      .replayable = job.upload.replayable(),
                      .memory = jobs_.memory(),
                      .now = now});
}

// No connection was made: another way may lead to the origin (ProxyChooser).
bool Carrier::may_go_another_way(const Job& job, Code code) const {
  const bool not_connected = code == Code::connect_failed || code == Code::resolve_failed ||
                             code == Code::proxy_resolve_failed || code == Code::connect_timeout ||
                             code == Code::resolve_timeout;
  return not_connected && job.proxies->has_next();
}

void Carrier::go_another_way(Job& job, Now now) {
  auto queued = jobs_.take_next_way(job, options_, now);
  if (!queued) jobs_.end(job, std::unexpected(std::move(queued.error())), now);
}

// No hop follows if the application or one of its timeouts has ended the transfer, or if memory ran out.
void Carrier::hop_failed(Job& job, Error error, Now now) {
  if (!job.progress.first_byte) job.head.clear();  // a head that was cut short is no response
  const Code code = error.code;
  const bool final = code == Code::canceled || code == Code::total_timeout || code == Code::out_of_memory ||
                     (code == Code::attempts_timeout && !job.options.retries);
  if (job.proxies && may_go_another_way(job, code)) return go_another_way(job, now);
  if (job.next_hop && !final) return next_hop(job, std::move(*job.next_hop), std::nullopt, now);
  std::optional<flow::NextHop> next;
  if (rule_ && !final && rule_->concerns(job.options)) {
    // If memory runs out, no hop follows.
    has_memory_for([&] { next = ask_rule(job, &error, now).value_or(std::nullopt); });
  }
  if (!next) return jobs_.end(job, std::unexpected(std::move(error)), now);
  next_hop(job, std::move(*next), std::move(error), now);
}

void Carrier::next_hop(Job& job, flow::NextHop next, std::optional<Error> failure, Now now) {
  auto begun = jobs_.begin_hop(job, std::move(next), std::move(failure), options_, now);
  if (begun) return;
  // If the head is still there, this hop is the transfer's last, and the application does not know its response yet.
  if (job.head.status != 0 && !failure) {
    has_memory_for([&] { outbox_.put(output::HeadReady{job.id}); });
  }
  jobs_.end(job, std::unexpected(std::move(begun.error())), now);
}

void Carrier::backoff_over(Job& job, Now now) {
  const bool goes_on = job.info.retries > 0;  // the same hop (retry_later())
  const Instant begun = job.progress.queued;
  auto queued = jobs_.queue_hop(job, options_, now);
  if (!queued) return jobs_.end(job, std::unexpected(std::move(queued.error())), now);
  if (goes_on) job.progress.queued = begun;
}

void Carrier::cut_hop(PooledConnection& connection, Job& job, Now now) {
  connection.session().abort(job.stream);
  detach(connection, job);
  if (job.next_hop->same_connection) connection.held_for = job.id;  // if its rest has come already
  next_hop(job, std::move(*job.next_hop), std::nullopt, now);
}

}  // namespace sluice::engine
