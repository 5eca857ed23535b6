// From a session's events to transfers: heads, bodies, ends and failures, and which failure may be tried again.
// Leaves framing to the session and the connection's further use to scheduler.cpp.
#include <algorithm>
#include <charconv>
#include <utility>

#include "core/engine/impl.hpp"

namespace sluice {

using engine::StreamPhase;
using engine::TransferPhase;

namespace {
// Without memory for its words it goes without them.
Error copy_of(const Error& error) {
  try {
    return error;
  } catch (const std::bad_alloc&) {
    Error copy = make_error(error.code, {}, error.detail);
    copy.retry_safe = error.retry_safe;
    return copy;
  }
}
}  // namespace

Engine::Impl::Transfer* Engine::Impl::transfer_of(const Socket& socket, http::StreamId stream) {
  for (const auto& [its_stream, id] : socket.exchanges) {
    if (its_stream == stream) return transfers_.find(id);
  }
  return nullptr;
}

void Engine::Impl::deliver(Socket& socket, MutableBytes plain, Now now) {
  if (unasked(socket)) {
    Error error = make_error(Code::malformed_response, "response: bytes came before the request was sent");
    connection_failed(socket, std::move(error), now);
    return;
  }
  http::Session& session = *socket.stack.session();
  while (!plain.empty() && socket.stack.phase() == StreamPhase::ready) {
    events_.clear();
    auto taken = session.receive(plain, events_);
    dispatch(socket, now);
    if (!taken) {
      if (socket.stack.phase() == StreamPhase::ready) connection_failed(socket, std::move(taken.error()), now);
      return;
    }
    plain = plain.subspan(*taken);
  }
}

// Bytes that come before one of a request has left answer nothing (SB-12). Over layers only the engine can tell: the
// session has handed its request down long before the wire takes any of it. A version of HTTP in which servers speak first
// needs its own word here.
bool Engine::Impl::unasked(const Socket& socket) const {
  return !socket.exchanges.empty() && std::ranges::none_of(socket.exchanges, [&](const auto& exchange) {
    return transfers_.find(exchange.second)->send_started;
  });
}

void Engine::Impl::dispatch(Socket& socket, Now now) {
  for (http::Event& event : events_) {
    // Gone when an earlier event of the same batch ended it (a body past its limit).
    Transfer* transfer = transfer_of(socket, event.stream);
    if (transfer) or_lose(transfer->id, now, [&] { on_event(socket, *transfer, event, now); });
  }
}

void Engine::Impl::on_event(Socket& socket, Transfer& transfer, http::Event& event, Now now) {
  switch (event.kind) {
    case http::Event::Kind::interim:
      transfer.progress.received_head_bytes += event.head_bytes;
      outbox_.put(output::InterimReady{transfer.id, transfer.head});
      transfer.head.clear();  // head() is the final one's
      stop_continue_timer(socket, transfer);
      check_interims(transfer, now);
      break;
    case http::Event::Kind::head:
      if (timed_out_at_peer(socket, transfer)) return repeat(socket, transfer);
      note_keep_alive(socket, transfer.head);
      stop_continue_timer(socket, transfer);
      transfer.progress.received_head_bytes += event.head_bytes;
      on_head(transfer, event.body_length, now);
      break;
    case http::Event::Kind::body:
      on_body(transfer, event.body, now);
      break;
    case http::Event::Kind::complete:
      detach(socket, transfer);
      transfer.info.tls_truncated = event.truncated;
      timers_.cancel(transfer.idle_timer);
      transfer.enter(TransferPhase::delivering);
      finish_if_delivered(transfer, now);
      break;
    case http::Event::Kind::failed:
      detach(socket, transfer);
      end(transfer, std::unexpected(std::move(event.error)), now);
      break;
  }
}

// "Keep-Alive: timeout=5, max=100" (RFC 2068 19.7.1.1 names the field, draft-thomson-hybi-http-timeout the parameter): the peer closes the
// connection when it was unused so many seconds. A second less is counted on, or half of one.
void Engine::Impl::note_keep_alive(Socket& socket, const ResponseHead& head) {
  const auto field = head.fields.find("Keep-Alive");
  if (!field) return;
  constexpr std::string_view kTimeout = "timeout=";
  std::string_view list = *field;
  while (const auto element = next_list_element(list)) {
    if (element->size() <= kTimeout.size() || !equals_ignoring_case(element->substr(0, kTimeout.size()), kTimeout)) continue;
    std::uint32_t seconds = 0;
    const char* const end = element->data() + element->size();
    const auto [at, error] = std::from_chars(element->data() + kTimeout.size(), end, seconds);
    if (error != std::errc() || at != end) continue;
    const Duration kept = std::chrono::seconds(seconds);
    socket.kept_for = seconds > 1 ? kept - std::chrono::seconds(1) : kept / 2;
    if (seconds == 0) socket.last_use = true;
  }
}

void Engine::Impl::stop_continue_timer(const Socket& socket, Transfer& transfer) {
  if (!socket.stack.session()->waiting_for_continue(transfer.stream)) timers_.cancel(transfer.continue_timer);
}

// SB-19. Only interim heads have been counted so far.
void Engine::Impl::check_interims(Transfer& transfer, Now now) {
  const auto since = now.steady - transfer.progress.connected.value_or(now.steady);
  const auto seconds = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since).count());
  const std::uint64_t most = limits::kMaxInterimBytes + seconds * limits::kInterimBytesPerSecond;
  if (transfer.progress.received_head_bytes <= most) return;
  fail(transfer, make_error(Code::response_too_large, "response: more bytes of interim responses than are taken"), now);
}

void Engine::Impl::on_head(Transfer& transfer, std::optional<std::uint64_t> body_length, Now now) {
  Progress& progress = transfer.progress;
  progress.first_byte = now.steady;
  progress.expected_body_bytes = body_length;
  outbox_.put(output::HeadReady{transfer.id});
  const auto& most = transfer.options.max_body_bytes;
  if (most && progress.expected_body_bytes.value_or(0) > *most) {
    fail(transfer, make_error(Code::body_too_large, "the response's body has " + std::to_string(*progress.expected_body_bytes) +
                                                        " bytes, more than the " + std::to_string(*most) + " allowed"), now);
  }
}

void Engine::Impl::on_body(Transfer& transfer, Bytes body, Now now) {
  if (body.empty()) return;
  transfer.progress.received_body_bytes += body.size();
  const auto& most = transfer.options.max_body_bytes;
  if (most && transfer.progress.received_body_bytes > *most) {
    fail(transfer, make_error(Code::body_too_large,
                              "the response's body has more than the " + std::to_string(*most) + " bytes allowed"), now);
    return;
  }
  if (transfer.unconsumed() == 0) landed_.push_back(transfer.id);
  transfer.land(body);
  outbox_.put(output::BodyReady{transfer.id});
}

namespace {

// Adds which stream it was, and what is known of its end. If memory runs out the error stays as it was.
void name_end(const engine::Socket& socket, std::string_view why, Error& error) noexcept {
  if (socket.route_name.empty() && why.empty()) return;
  try {
    error.context += " (" + socket.peer() + (why.empty() ? "" : ": " + std::string(why)) + ")";
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace

void Engine::Impl::on_end_of_stream(Socket& socket, StreamEnd how, std::string_view why, Now now) {
  note_end(socket, now);
  const bool clean = how == StreamEnd::clean;
  if (socket.exchanges.empty()) {
    close_socket(socket, clean);
    return;
  }
  events_.clear();
  auto ended = socket.stack.session()->receive_eof(how, events_);
  dispatch(socket, now);
  if (socket.stack.phase() != StreamPhase::ready) return;
  if (!ended) {
    name_end(socket, why, ended.error());
    connection_failed(socket, std::move(ended.error()), now);
  } else {
    SLUICE_CHECK(socket.exchanges.empty());
    close_socket(socket, clean);
  }
}

void Engine::Impl::detach(Socket& socket, Transfer& transfer) {
  socket.exchanges.erase(transfer.id);
  if (transfer.upload.present()) transfer.progress.sent_body_bytes = transfer.upload.sent();
  transfer.conn = {};
}

// RFC 9110 9.2.2, RFC 9112 9.3.1: only a connection that had stood a while can have died of idleness, and only a request
// that the peer cannot have acted upon, or may act upon twice, is sent again (SB-48).
bool Engine::Impl::may_retry(const Socket& socket, const Transfer& transfer) const {
  if (!(transfer.info.reused || socket.was_idle) || transfer.info.retries >= limits::kMaxRetries) return false;
  if (socket.stack.session()->response_started(transfer.stream)) return false;
  if (!transfer.upload.replayable()) return false;
  return !transfer.send_started || is_idempotent(transfer.request.method);
}

// RFC 9110 15.5.9: a 408 on a connection that had been used is its idleness that timed out at the peer, not this request.
bool Engine::Impl::timed_out_at_peer(const Socket& socket, const Transfer& transfer) const {
  constexpr int kRequestTimeout = 408;
  return transfer.head.status == kRequestTimeout && (transfer.info.reused || socket.was_idle) &&
         transfer.info.retries < limits::kMaxRetries && transfer.upload.replayable() && is_idempotent(transfer.request.method);
}

void Engine::Impl::repeat(Socket& socket, Transfer& transfer) {
  socket.stack.session()->abort(transfer.stream);
  detach(socket, transfer);
  retry(transfer);
}

void Engine::Impl::retry(Transfer& transfer) {
  transfer.upload.rewind();
  transfer.upload_announced = false;
  timers_.cancel(transfer.idle_timer);
  timers_.cancel(transfer.continue_timer);
  ++transfer.info.retries;
  transfer.fresh_only = true;
  transfer.head.clear();
  transfer.progress.sent.reset();
  transfer.enter(TransferPhase::queued);
  Origin& origin = *origins_.find(transfer.origin);
  origin.queue.push_front(transfer);
  make_pending(origin);
}

// The connection is of no use any more: everything on it ends or is tried elsewhere.
void Engine::Impl::connection_failed(Socket& socket, Error error, Now now) {
  if (socket.send_error && (error.code == Code::connection_closed || error.code == Code::receive_failed)) {
    error = std::move(*socket.send_error);  // what came first says more
  }
  if (error.code == Code::receive_failed || error.code == Code::send_failed) note_end(socket, now);
  http::Session& session = *socket.stack.session();
  while (!socket.exchanges.empty()) {
    const auto [stream, id] = socket.exchanges.back();
    Transfer& transfer = *transfers_.find(id);
    const bool again = may_retry(socket, transfer);
    error.retry_safe = !transfer.send_started || (is_idempotent(transfer.request.method) && !session.response_started(stream));
    session.abort(stream);
    detach(socket, transfer);
    if (again) {
      retry(transfer);
    } else {
      end(transfer, std::unexpected(copy_of(error)), now);
    }
  }
  close_socket(socket, false);
}

}  // namespace sluice
