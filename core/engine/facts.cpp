// What the world says about connections, and the outputs' queue: every public entry's beginning and end.
// Leaves the meaning of what was received to exchange.cpp.
#include <algorithm>
#include <utility>

#include "core/engine/impl.hpp"

namespace sluice {

using engine::StreamPhase;
using engine::TransferPhase;

namespace {
// The transport is there and the engine has not given it up.
bool is_open(const engine::Socket& socket) {
  const StreamPhase phase = socket.stack.phase();
  return phase == StreamPhase::securing || phase == StreamPhase::ready;
}
}  // namespace

Now Engine::Impl::clamp(Now now) {
  latest_ = std::max(latest_, now.steady);
  return {latest_, now.wall};  // a wall clock may be set back; nothing is timed by it
}

void Engine::Impl::begin_fact(Now now) {
  SLUICE_CHECK(!has_output());  // the drain rule (engine.hpp)
  if (!closed_.empty() || closed_unlisted_) release_closed();
  if (bodies_lost_) fail_bodiless(now);
}

// The beginning of every fact about a connection. Null: the id is stale.
Engine::Impl::Socket* Engine::Impl::fact_about(ConnId id, Now& now) {
  now = clamp(now);
  begin_fact(now);
  return sockets_.find(id);
}

void Engine::Impl::finish_entry(Now now) {
  run_pending(now);
  if (!key_log_.empty()) take_key_log();
  current_ = {};
}

void Engine::Impl::take_key_log() {
  for (std::string& line : key_log_) try_put(output::KeyLog{std::move(line)});
  key_log_.clear();
}

// Without memory for its copy it is not told; nothing else depends on it.
void Engine::Impl::try_put_head(TransferId id, Bytes head) noexcept {
  try {
    outbox_.put(output::HeadSent{id, std::string(as_text(head))});
  } catch (const std::bad_alloc&) {
  }
}

void Engine::Impl::interest_changed(Socket& socket) {
  if (socket.id == current_ || socket.interest_announced || !is_open(socket)) return;
  socket.interest_announced = true;
  socket.interest_owed = !try_put(output::InterestChanged{socket.id});
}

std::optional<Output> Engine::Impl::poll_output() {
  while (std::optional<Output> out = outbox_.pop()) {
    if (const auto* changed = std::get_if<output::InterestChanged>(&*out)) {
      Socket* socket = sockets_.find(changed->conn);
      if (!socket || socket->stack.phase() == StreamPhase::closed) continue;
      socket->interest_announced = false;
    } else if (const auto* body = std::get_if<output::BodyReady>(&*out)) {
      // Consumed or removed meanwhile: nothing to look at any more.
      const Transfer* transfer = transfers_.find(body->transfer);
      if (!transfer || transfer->unconsumed() == 0) continue;
    } else if (const auto* upload = std::get_if<output::UploadReady>(&*out)) {
      // Filled, finished or removed meanwhile.
      const Transfer* transfer = transfers_.find(upload->transfer);
      if (!transfer || transfer->phase() != TransferPhase::active || !transfer->upload.has_room()) continue;
    }
    return out;
  }
  return owes_outputs_ ? take_owed() : std::nullopt;
}

std::size_t Engine::Impl::readable_bytes(const Socket& socket) const {
  std::size_t most = 0;
  for (const auto& [stream, id] : socket.exchanges) most = std::max(most, transfers_.find(id)->unconsumed());
  if (most == 0) return limits::kLandingBytes;
  return most < limits::kBodyBufferBytes ? limits::kBodyBufferBytes - most : 0;
}

Interest Engine::Impl::interest(ConnId id) const {
  const Socket* socket = sockets_.find(id);
  if (!socket) return {};
  if (!is_open(*socket)) return {};
  return {readable_bytes(*socket) != 0, !socket->write_broken && socket->stack.has_output()};
}

OutputView Engine::Impl::transmit(ConnId id) const {
  const Socket* socket = sockets_.find(id);
  return socket && !socket->write_broken ? socket->stack.transmit() : OutputView{};
}

bool Engine::Impl::must_look_first(ConnId id) const {
  const Socket* socket = sockets_.find(id);
  if (!socket || !is_open(*socket) || !(socket->was_idle || socket->exchanges_carried > 1)) return false;
  return std::ranges::any_of(socket->exchanges, [&](const auto& exchange) {
    const Transfer& transfer = *transfers_.find(exchange.second);
    return !transfer.send_started && !transfer.may_be_repeated();
  });
}

void Engine::Impl::handle_connected(ConnId id, Now now) {
  Socket* socket = fact_about(id, now);
  if (!socket || socket->stack.phase() != StreamPhase::connecting) return;
  current_ = id;
  Dial* dial = dials_.find(socket->dial);
  SLUICE_CHECK(dial != nullptr);
  if (landing_.wire().empty()) throw std::bad_alloc();  // nothing can be received, by anyone
  or_lose(id, now, [&] { race_won(*dial, *socket, now); });
  finish_entry(now);
}

MutableBytes Engine::Impl::receive_space(ConnId id) {
  const Socket* socket = sockets_.find(id);
  if (!socket || !is_open(*socket)) return {};
  const std::size_t room = readable_bytes(*socket);
  if (room == 0) return {};
  keep_landed_bodies();
  const MutableBytes wire = landing_.wire();
  return wire.first(std::min(room, wire.size()));
}

// The landing buffer is about to be used again.
void Engine::Impl::keep_landed_bodies() {
  for (const TransferId id : landed_) {
    Transfer* transfer = transfers_.find(id);
    if (!transfer) continue;
    if (transfer->phase() == TransferPhase::done) {
      transfer->drop_body();
    } else if (!transfer->keep_body()) {
      transfer->drop_body();
      transfer->body_lost = bodies_lost_ = true;
    }
  }
  landed_.clear();
}

void Engine::Impl::handle_received(ConnId id, std::size_t bytes, Now now) {
  Socket* socket = bytes == 0 ? nullptr : fact_about(id, now);
  if (!socket || !is_open(*socket)) return;
  SLUICE_CHECK(bytes <= limits::kLandingBytes);
  current_ = id;
  or_lose(id, now, [&] {
    for (const auto& [stream, transfer] : socket->exchanges) note_activity(*transfers_.find(transfer), now);
    const MutableBytes plain = socket->stack.decode(landing_.wire().first(bytes), landing_, now);
    if (socket->stack.phase() == StreamPhase::securing) check_secured(*socket, now);
    if (socket->stack.phase() == StreamPhase::ready && !plain.empty()) deliver(*socket, plain, now);
    after_bytes(*socket, now);
  });
  finish_entry(now);
}

// What a read may have brought to its end.
void Engine::Impl::after_bytes(Socket& socket, Now now) {
  if (socket.stack.phase() != StreamPhase::ready) return;
  if (socket.stack.fault()) {
    connection_failed(socket, *socket.stack.fault(), now);
  } else if (socket.stack.peer_closed()) {
    on_end_of_stream(socket, StreamEnd::clean, {}, now);
  } else if (engine::EngineIdleList::contains(socket)) {
    // Something of TLS's own: it is as idle as it was.
    if (!socket.stack.session()->reusable()) close_socket(socket, true);
  } else if (socket.exchanges.empty()) {
    release(socket, now);
  } else {
    pump(socket, now);
  }
}

void Engine::Impl::pump(Socket& socket, Now now) {
  socket.stack.pump(now);
  if (socket.stack.phase() == StreamPhase::ready && socket.stack.fault()) {
    connection_failed(socket, *socket.stack.fault(), now);
  }
}

void Engine::Impl::handle_sent(ConnId id, std::size_t bytes, Now now) {
  Socket* socket = bytes == 0 ? nullptr : fact_about(id, now);
  if (!socket || !is_open(*socket)) return;
  current_ = id;
  or_lose(id, now, [&] {
    socket->stack.sent(bytes, now);
    for (const auto& [stream, transfer_id] : socket->exchanges) after_sending(*socket, *transfers_.find(transfer_id), now);
    if (!socket->stack.fault()) return;
    if (Dial* dial = dials_.find(socket->dial)) {
      dial_failed(*dial, *socket->stack.fault(), now);
    } else {
      connection_failed(*socket, *socket->stack.fault(), now);
    }
  });
  finish_entry(now);
}

void Engine::Impl::after_sending(const Socket& socket, Transfer& transfer, Now now) {
  note_activity(transfer, now);
  transfer.send_started = true;
  transfer.progress.sent_body_bytes = transfer.upload.sent();
  announce_upload(transfer);
  // The wait begins when the head has gone.
  if (socket.stack.session()->waiting_for_continue(transfer.stream) && !timers_.is_set(transfer.continue_timer)) {
    set_timer(transfer.continue_timer, limits::kContinueTimeout, TimerKind::continue_timeout, transfer.id, now);
  }
  if (!transfer.progress.sent && transfer.upload.exhausted() && !socket.stack.has_output()) {
    transfer.progress.sent = now.steady;
  }
}

void Engine::Impl::handle_eof(ConnId id, std::string_view why, Now now) {
  Socket* socket = fact_about(id, now);
  if (!socket) return;
  current_ = id;
  or_lose(id, now, [&] { on_eof(*socket, why, now); });
  finish_entry(now);
}

void Engine::Impl::on_eof(Socket& socket, std::string_view why, Now now) {
  switch (socket.stack.phase()) {
    case StreamPhase::connecting:
      attempt_failed(*dials_.find(socket.dial), socket,
                     make_error(Code::connect_failed, "connect to " + socket.peer() + ": closed at once"), now);
      break;
    case StreamPhase::securing:
      dial_failed(*dials_.find(socket.dial),
                  make_error(Code::tls_handshake, "TLS handshake with " + socket.peer() + ": the peer closed the connection" +
                                                      (why.empty() ? "" : " (" + std::string(why) + ")")),
                  now);
      break;
    case StreamPhase::ready:
      // RFC 9112 8: an end counts only where the connection had no error, as the one of a send may have been a reset.
      on_end_of_stream(socket, std::max(socket.stack.stream_end(), socket.write_broken ? StreamEnd::bare : StreamEnd::clean), why,
                       now);
      break;
    case StreamPhase::closed:
      break;
  }
}

void Engine::Impl::handle_io_error(ConnId id, Error error, Now now) {
  Socket* socket = fact_about(id, now);
  if (!socket) return;
  current_ = id;
  or_lose(id, now, [&] { on_io_error(*socket, std::move(error), now); });
  finish_entry(now);
}

void Engine::Impl::on_io_error(Socket& socket, Error error, Now now) {
  switch (socket.stack.phase()) {
    case StreamPhase::connecting:
      attempt_failed(*dials_.find(socket.dial), socket, std::move(error), now);
      break;
    case StreamPhase::securing:
      error.code = Code::tls_handshake;
      error.blame = blame_of(error.code);
      error.context = "TLS handshake: " + error.context;
      dial_failed(*dials_.find(socket.dial), std::move(error), now);
      break;
    case StreamPhase::ready:
      if (error.code == Code::send_failed && !socket.write_broken && !socket.exchanges.empty()) {
        // The answer may be there already (a 413 and a close in the middle of an upload): reading goes on to its end.
        socket.write_broken = true;
        socket.send_error = std::move(error);
      } else {
        connection_failed(socket, std::move(error), now);
      }
      break;
    case StreamPhase::closed:
      break;
  }
}

}  // namespace sluice
