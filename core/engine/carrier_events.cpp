// See carrier.hpp. Here: facts about an established connection, and how a session's events reach the transfers.
#include <algorithm>
#include <charconv>
#include <new>
#include <utility>

#include "core/alt_svc.hpp"
#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/cookies.hpp"
#include "core/engine/carrier.hpp"
#include "core/engine/early.hpp"
#include "core/hsts.hpp"

namespace sluice::engine {

using flow::TransferPhase;

namespace {

// Adds to the message which stream it was and why it ended. If memory runs out, the error is unchanged.
void name_end(const PooledConnection& connection, std::string_view why, Error& error) noexcept {
  if (connection.route_name.empty() && why.empty()) return;
  has_memory_for(
      [&] { error.context += " (" + connection.peer() + (why.empty() ? "" : ": " + std::string(why)) + ")"; });
}

// The number in "name=7"; nullopt: it is another parameter, or no number.
std::optional<std::uint32_t> parameter(std::string_view element, std::string_view name) {
  if (element.size() <= name.size() || !equals_ignoring_case(element.substr(0, name.size()), name)) return std::nullopt;
  std::uint32_t value = 0;
  const char* const end = element.data() + element.size();
  const auto [at, error] = std::from_chars(element.data() + name.size(), end, value);
  return error == std::errc() && at == end ? std::optional(value) : std::nullopt;
}

// "Keep-Alive: timeout=5, max=100" (field: RFC 2068 19.7.1.1; parameters: draft-thomson-hybi-http-timeout): the peer
// closes the connection after it was unused for that many seconds. We use one second less, or half a second if it is 1.
// It takes so many further requests.
void note_keep_alive(PooledConnection& connection, const ResponseHead& head) {
  const auto field = head.fields.find("Keep-Alive");
  if (!field) return;
  std::string_view list = *field;
  while (const auto element = next_list_element(list)) {
    if (parameter(*element, "max=") == 0u) connection.last_use = true;
    const auto seconds = parameter(*element, "timeout=");
    if (!seconds) continue;
    const Duration kept = std::chrono::seconds(*seconds);
    connection.kept_for = *seconds > 1 ? kept - std::chrono::seconds(1) : kept / 2;
    if (*seconds == 0) connection.last_use = true;
  }
}

// What proxies say in place of Connection, though no standard knows it.
void note_proxy_connection(PooledConnection& connection, const ResponseHead& head) {
  if (lists_token(head.fields.find("Proxy-Connection").value_or(""), "close")) connection.last_use = true;
}

}  // namespace

// ---- receiving ----

// If the session multiplexes, its events tell which exchange the bytes were for (dispatch()).
void Carrier::note_activity(PooledConnection& connection, std::size_t bytes, Now now) {
  if (connection.exchanges.empty() || connection.multiplexes) return;
  Job& job = *jobs_.find(connection.exchanges.back().second);
  if (job.pace) job.pace->moved += bytes;
  jobs_.note_activity(job, now);
}

void Carrier::received(PooledConnection& connection, MutableBytes plain, Now now) {
  if (connection.multiplexes) connection.session().set_time(now.steady);
  while (!plain.empty() && connection.is_ready()) {
    events_.clear();
    auto taken = connection.session().receive(plain, events_);
    if (jobs_.has_paces()) note_response_byte(connection);
    dispatch(connection, now);
    if (!taken) {
      if (connection.is_ready()) failed(connection, std::move(taken.error()), now);
      return;
    }
    plain = plain.subspan(*taken);
  }
}

void Carrier::dispatch(PooledConnection& connection, Now now) {
  for (http::Event& event : events_) {
    // The exchange is gone if an earlier event has ended it, for example a body over its limit.
    const auto id = connection.exchanges.find(event.stream);
    if (!id) continue;
    Job& job = *jobs_.find(*id);
    const bool taken = has_memory_for([&] {
      if (connection.multiplexes) jobs_.note_activity(job, now);
      if (job.pace) {
        jobs_.pacer().stop_phase(*job.pace);
        if (connection.multiplexes) job.pace->moved += event.head_bytes + event.body.size();
      }
      on_event(connection, job, event, now);
    });
    if (!taken) lose(job, now);
  }
  // A read may have as many small frames as the peer likes.
  if (connection.multiplexes && events_.capacity() > Outbox::kKept) std::vector<http::Event>().swap(events_);
}

void Carrier::on_event(PooledConnection& connection, Job& job, http::Event& event, Now now) {
  switch (event.kind) {
    case http::Event::Kind::interim:
      job.progress.received_head_bytes += event.head_bytes;
      outbox_.put(output::InterimReady{job.id, job.head});
      job.head.clear();  // head() is the head of the final response
      if (job.pace && job.progress.sent) start_response_timer(job, now);
      if (!connection.session().waiting_for_continue(job.stream)) jobs_.stop_continue_timer(job);
      check_interims(job, now);
      break;
    case http::Event::Kind::head:
      if (timed_out_at_peer(connection, job) || is_too_early(job)) {
        if (!connection.multiplexes) connection.last_use = true;  // its response is not read
        connection.session().abort(job.stream);
        detach(connection, job);
        return retry(job, true, now);
      }
      if (connector_ && connector_->was_misdirected(connection, job)) {
        connection.session().abort(job.stream);
        detach(connection, job);
        return retry(job, false, now);
      }
      note_keep_alive(connection, job.head);
      if (job.way && job.way->forwards) note_proxy_connection(connection, job.head);
      if (options_.hsts || options_.alt_svc) note_hosts(job, now);
      if (job.options.cookies) job.options.cookies->receive(job.request.url, job.head.fields, now);
      if (!connection.session().waiting_for_continue(job.stream)) jobs_.stop_continue_timer(job);
      job.progress.received_head_bytes += event.head_bytes;
      if (connection.multiplexes) job.info.extended_connect = connection.session().takes_extended_connect();
      if (outbox_.reports()) report_head(job);
      if (rule_ && rule_->concerns(job.options)) {
        on_head_of_chain(connection, job, event.body_length, now);
      } else {
        on_head(job, event.body_length, now);
      }
      break;
    case http::Event::Kind::body:
      job.next_hop ? skip_body(connection, job, event.body, now) : on_body(connection, job, event.body, now);
      break;
    case http::Event::Kind::complete:
      detach(connection, job);
      if (job.next_hop) {
        if (job.next_hop->same_connection) connection.held_for = job.id;
        return next_hop(job, std::move(*job.next_hop), std::nullopt, now);
      }
      job.info.tls_truncated = event.truncated;
      jobs_.stop_exchange_timers(job);
      job.enter(TransferPhase::delivering);
      jobs_.end_if_delivered(job, now);
      break;
    case http::Event::Kind::failed:
      detach(connection, job);
      hop_failed(job, std::move(event.error), now);
      break;
    case http::Event::Kind::refused:
      on_refused(connection, job, event, now);
      break;
  }
}

// RFC 6797 8.1, RFC 7838 2.1: only a connection without doubts is believed.
void Carrier::note_hosts(const Job& job, Now now) const {
  const auto& tls = job.options.tls ? job.options.tls : options_.default_tls;
  const bool is_sure = job.options.route && job.options.route->is_secure();
  if (!is_sure && (!tls || !tls->options().verify_peer)) return;
  if (options_.hsts) options_.hsts->note(job.request.url, job.head.fields, now.wall);
  if (!options_.alt_svc) return;
  const AltProtocol used = job.head.version.major == 2 ? AltProtocol::h2 : AltProtocol::h1;
  options_.alt_svc->note(job.request.url, used, job.head.fields, now.wall);
}

// The peer has not processed the request, so it may be sent again, whatever its method: at once, and then once more
// after a while.
void Carrier::on_refused(PooledConnection& connection, Job& job, http::Event& event, Now now) {
  detach(connection, job);
  // An application that has a part of a response must not get another one.
  const bool heard = job.progress.first_byte || job.progress.received_head_bytes > 0;
  const bool may_retry = job.options.resend && !heard && job.upload.replayable();
  if (event.needs_http1) {
    const bool has_other = scheduler_.needs_http1(connection, job);  // the next ones get it, also if this one fails
    if (has_other && connection.endpoint == job.endpoint) use_no_more(connection);  // another host's serves that one
    if (has_other && may_retry && job.info.retries <= limits::kMaxRetries) return retry(job, true, now);
  } else if (may_retry && job.info.retries < limits::kMaxRetries) {
    scheduler_.note_refusal(connection);
    return retry(job, false, now);
  } else if (may_retry && job.info.retries == limits::kMaxRetries && connector_) {
    return retry_later(job, now);
  }
  event.error.retry_safe = !heard;
  hop_failed(job, std::move(event.error), now);
}

// As a hop that waits: its endpoint may be unused in the meantime.
void Carrier::retry_later(Job& job, Now now) {
  jobs_.stop_exchange_timers(job);
  job.rewind();
  if (job.upload.awaits_rewind()) outbox_.put(output::UploadRewind{job.id});
  constexpr auto kHalf = static_cast<std::uint64_t>(limits::kRefusedDelay.count() / 2);
  const auto delay = Duration(static_cast<std::int64_t>(kHalf + jobs_.memory().random.below(kHalf + 1)));
  jobs_.wait(job, delay, now);
}

// SB-19. received_head_bytes has counted only interim heads so far.
void Carrier::check_interims(Job& job, Now now) {
  const auto since = now.steady - job.progress.connected.value_or(now.steady);
  const auto seconds = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since).count());
  const std::uint64_t most = limits::kMaxInterimBytes + seconds * limits::kInterimBytesPerSecond;
  if (job.progress.received_head_bytes <= most) return;
  fail(job, make_error(Code::response_too_large, "response: more bytes of interim responses than are taken"), now);
}

void Carrier::on_head_of_chain(PooledConnection& connection, Job& job, std::optional<std::uint64_t> body_length,
                               Now now) {
  auto follows = hop_follows(job, now);
  if (job.login) note_login(connection, job, follows.has_value());
  if (job.way && job.way->forwards) note_proxy_login(connection, job);
  if (!follows) {
    outbox_.put(output::HeadReady{job.id});  // no hop follows, so this response is the transfer's last
    return abort(job, std::move(follows.error()), now);
  }
  // What a login may have put off, for its answer.
  const bool stays = *follows && job.next_hop->same_connection;
  if (job.options.forbid_reuse && !stays) connection.last_use = true;
  if (!*follows) return on_head(job, body_length, now);
  if (body_length.value_or(0) > limits::kMaxSkippedBytes) cut_hop(connection, job, now);
}

// A 401 ends what a login has reached, and so does a response that is not `believed`; what completes it depends on the
// scheme.
void Carrier::note_login(PooledConnection& connection, const Job& job, bool believed) {
  constexpr int kUnauthorized = 401;
  if (!believed || job.head.status == kUnauthorized) {
    connection.logged_in = false;
  } else if (job.login->is_completed_by(job.head)) {
    connection.logged_in = true;
  }
}

void Carrier::note_proxy_login(PooledConnection& connection, const Job& job) {
  constexpr int kProxyAuthenticationRequired = 407;
  if (job.head.status == kProxyAuthenticationRequired) connection.logged_in_at_proxy = false;
  if (job.proxies->has_logged_in()) connection.logged_in_at_proxy = true;
}

// Asked before the application is told of the response: if a hop follows, it is not told.
Result<bool> Carrier::hop_follows(Job& job, Now now) {
  job.progress.first_byte = now.steady;
  auto next = ask_rule(job, nullptr, now);
  if (!next) return std::unexpected(std::move(next.error()));
  if (*next) job.next_hop = std::make_unique<flow::NextHop>(std::move(**next));
  return job.next_hop != nullptr;
}

void Carrier::report_head(const Job& job) {
  outbox_.report([&] {
    return EngineEvent{
        .kind = EngineEvent::Kind::response_begun, .transfer = job.id, .conn = job.conn, .status = job.head.status};
  });
}

// A short body is read so that the connection can be used again, which costs less than a new connection.
void Carrier::skip_body(PooledConnection& connection, Job& job, Bytes body, Now now) {
  job.progress.received_body_bytes += body.size();
  if (job.progress.received_body_bytes > limits::kMaxSkippedBytes) return cut_hop(connection, job, now);
  if (job.options.report_heads) job.next_hop->skipped += as_text(body);
  if (connection.multiplexes) {
    open_window(connection, job, body.size(), now);
  } else if (job.pace) {
    jobs_.pacer().received(*job.pace, body.size(), now);
  }
}

void Carrier::on_head(Job& job, std::optional<std::uint64_t> body_length, Now now) {
  Progress& progress = job.progress;
  progress.first_byte = now.steady;
  progress.expected_body_bytes = body_length;
  outbox_.put(output::HeadReady{job.id});
  const auto& most = job.options.max_body_bytes;
  if (most && progress.expected_body_bytes.value_or(0) > *most) {
    fail(job,
         make_error(Code::body_too_large, "the response's body has " + std::to_string(*progress.expected_body_bytes) +
                                              " bytes, more than the " + std::to_string(*most) + " allowed"),
         now);
  }
}

void Carrier::on_body(PooledConnection& connection, Job& job, Bytes body, Now now) {
  if (body.empty()) return;
  if (job.options.decoding && job.progress.received_body_bytes == 0) {
    if (auto begun = job.begin_decoding(); !begun) return fail(job, std::move(begun.error()), now);
  }
  job.progress.received_body_bytes += body.size();
  const auto& most = job.options.max_body_bytes;
  if (most && job.progress.received_body_bytes > *most) {
    fail(job,
         make_error(Code::body_too_large,
                    "the response's body has more than the " + std::to_string(*most) + " bytes allowed"),
         now);
    return;
  }
  if (job.pace && !connection.multiplexes) jobs_.pacer().received(*job.pace, body.size(), now);
  // Without multiplexing the body stays in one piece: only the start of an HTTP/0.9 body is not in the landing buffer.
  if (job.body.has_landed() && !connection.multiplexes && !job.body.keep()) throw std::bad_alloc();
  jobs_.add_body(job, body);
  if (job.decoded) decode(&connection, job, now);
}

bool Carrier::decode(PooledConnection* connection, Job& job, Now now) {
  const std::size_t before = job.body.size();
  auto done = jobs_.decode(job);
  if (!done) {
    fail(job, std::move(done.error()), now);
    return false;
  }
  if (connection && connection->multiplexes) open_window(*connection, job, before - job.body.size(), now);
  return true;
}

void Carrier::after_bytes(PooledConnection& connection, Now now) {
  if (!connection.is_ready()) return;
  if (connection.channel.fault()) {
    failed(connection, *connection.channel.fault(), now);
  } else if (connection.channel.peer_closed()) {
    // Of several layers one may have ended, and the one above it not.
    ended(connection, connection.channel.stream_end(), {}, now);
  } else if (connection.is_idle()) {
    // The bytes were for TLS or for HTTP/2 itself: the connection stays idle.
    if (!connection.session().reusable() || connection.room() == 0) {
      connections_.close(connection, true);
    } else if (connection.multiplexes) {
      settle(connection, now);
    }
  } else if (connection.exchanges.empty()) {
    release(connection, now);
    // The session may have more to send: answers, a reset.
    if (connection.multiplexes && connection.is_ready()) settle(connection, now);
  } else {
    settle(connection, now);
  }
}

void Carrier::ended(PooledConnection& connection, StreamEnd how, std::string_view why, Now now) {
  scheduler_.note_end(connection, now);
  const bool clean = how == StreamEnd::clean;
  if (connection.exchanges.empty()) {
    connections_.close(connection, clean);
    return;
  }
  events_.clear();
  auto end = connection.session().receive_eof(how, events_);
  dispatch(connection, now);
  if (!connection.is_ready()) return;
  if (!end) {
    name_end(connection, why, end.error());
    failed(connection, std::move(end.error()), now);
  } else {
    SLUICE_CHECK(connection.exchanges.empty());
    connections_.close(connection, clean);
  }
}

void Carrier::broken(PooledConnection& connection, Error error, Now now) {
  // With multiplexing no window could be opened any more.
  const bool may_be_answered = !connection.exchanges.empty() && !connection.multiplexes;
  if (error.code == Code::send_failed && !connection.write_broken && may_be_answered) {
    // The response may have come already (a 413 and a close during an upload): reading continues to the end of the
    // stream.
    connection.write_broken = true;
    connection.send_error = std::make_unique<Error>(std::move(error));
  } else {
    failed(connection, std::move(error), now);
  }
}

void Carrier::session_timer(PooledConnection& connection, Now now) {
  if (!connection.is_ready()) return;
  const bool keeps_time = connection.channel.keeps_time();
  if (keeps_time) connection.channel.handle_timeout(now);
  if (connection.channel.fault()) return failed(connection, *connection.channel.fault(), now);
  events_.clear();
  auto done = connection.session().handle_timeout(now, events_);
  dispatch(connection, now);
  if (!connection.is_ready()) return;
  if (!done) return failed(connection, std::move(done.error()), now);
  after_bytes(connection, now);
  if (keeps_time && connection.is_ready()) settle(connection, now);  // one for HTTP/1 may be idle
}

// ---- sending ----

void Carrier::sent(PooledConnection& connection, std::size_t bytes, const std::vector<http::StreamId>& moved, Now now) {
  bool goes_on = false;
  for (const http::StreamId stream : moved) {
    const auto id = connection.exchanges.find(stream);
    if (!id) continue;
    Job& job = *jobs_.find(*id);
    if (job.pace) job.pace->moved += connection.multiplexes ? connection.session().bytes_on_wire(stream) : bytes;
    goes_on |= after_sending(connection, job, now);
  }
  // What was sent may have made room in a session: for other exchanges, or for what it then failed in.
  const bool has_news = connection.multiplexes && connection.is_ready() && connection.session().deadline() == Instant{};
  if (goes_on || has_news) settle(connection, now);
}

bool Carrier::after_sending(const PooledConnection& connection, Job& job, Now now) {
  jobs_.note_activity(job, now);
  job.progress.sent_body_bytes = job.upload.sent();
  const bool goes_on = job.pace && pace_upload(job, now);
  if (goes_on) connection.session().upload_changed(job.stream);
  jobs_.announce_upload(job);
  // The wait begins when the head was sent.
  if (connection.session().waiting_for_continue(job.stream)) jobs_.start_continue_timer(job, now);
  if (job.progress.sent || !connection.session().request_sent(job.stream)) return goes_on;
  job.progress.sent = now.steady;
  outbox_.report(
      [&] { return EngineEvent{.kind = EngineEvent::Kind::request_sent, .transfer = job.id, .conn = connection.id}; });
  // After an interim response the final one may not have begun.
  const bool awaited = !connection.session().response_started(job.stream) || job.progress.received_head_bytes > 0;
  if (job.pace && awaited && !job.progress.first_byte) start_response_timer(job, now);
  return goes_on;
}

void Carrier::upload_changed(Job& job, Now now) {
  PooledConnection* connection = connections_.find(job.conn);
  if (!connection || job.phase() != TransferPhase::active) return;
  jobs_.note_activity(job, now);
  connection->session().upload_changed(job.stream);
  settle(*connection, now);
}

void Carrier::continue_timer(Job& job, Now now) {
  if (job.phase() != TransferPhase::active) return;
  PooledConnection& connection = *connections_.find(job.conn);
  connection.session().stop_waiting_for_continue(job.stream);
  settle(connection, now);
}

void Carrier::consume(Job& job, std::size_t bytes, Now now) {
  PooledConnection* connection = connections_.find(job.conn);
  const bool multiplexes = connection && connection->multiplexes;
  const bool was_blocked = connection && job.body.size() >= limits::kBodyBufferBytes;  // reading had stopped
  // The body of an ended transfer may be gone: the caller could not know, so this is not an error.
  if (job.phase() == TransferPhase::done || job.body_lost) bytes = std::min(bytes, job.body_front().size());
  if (!job.decoded) {
    job.body.consume(bytes);
    if (multiplexes) open_window(*connection, job, bytes, now);
  } else {
    job.decoded->consume(bytes);
    if (job.phase() != TransferPhase::done && !decode(connection, job, now)) return;
  }
  if (job.phase() == TransferPhase::delivering) {
    jobs_.end_if_delivered(job, now);
  } else if (multiplexes) {
    jobs_.note_activity(job, now);
    // A window is opened for many pieces of a body at once.
    const http::Session& session = connection->session();
    if (session.output().count != 0 || session.deadline() == Instant{}) settle(*connection, now);
  } else if (was_blocked && job.body.size() < limits::kBodyBufferBytes) {
    connections_.interest_changed(*connection);
    jobs_.note_activity(job, now);
  }
}

// ---- timers ----

// While the application does not consume or supply body bytes, the peer is not idle.
bool Carrier::waits_for_application(const PooledConnection& connection, const Job& job) const {
  const std::size_t blocks = connection.multiplexes ? 1 : limits::kBodyBufferBytes;
  if (job.body.size() >= blocks) return true;
  if (!job.upload.streamed() || job.upload.finished() || !job.upload.empty()) return false;
  const http::Session& session = connection.session();
  const bool sends = connection.multiplexes ? session.has_unsent(job.stream) : connection.channel.has_output();
  return !sends && session.wants_upload(job.stream);
}

void Carrier::idle_timer(Job& job, Now now) {
  if (job.phase() != TransferPhase::active || waits_for_application(*connections_.find(job.conn), job)) return;
  if (job.pace && job.pace->is_held()) job.last_activity = now.steady;  // it is this side that waits
  const Duration most = *job.options.idle_timeout;
  if (now.steady - job.last_activity < most) return jobs_.start_idle_timer(job, now);
  fail(job, make_error(Code::idle_timeout, "no byte came or went for " + in_ms(most)), now);
}

}  // namespace sluice::engine
