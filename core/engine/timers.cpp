// Deadlines: one heap for all of them, set lazily so that a transfer without timeouts costs none.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/engine/impl.hpp"

namespace sluice {

using engine::TransferPhase;

namespace {
std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

Error out_of_time(const engine::Transfer& transfer, TimerKind kind) {
  const std::string received = ", with " + std::to_string(transfer.progress.received_body_bytes) + " bytes received";
  if (kind == TimerKind::total_timeout) {
    return make_error(Code::total_timeout, "not finished within " + in_ms(*transfer.options.total_timeout) + received);
  }
  const std::string within = in_ms(*transfer.options.attempts_timeout);
  return make_error(Code::attempts_timeout, "not finished within " + within + " of its first attempt" + received);
}
}  // namespace

Instant Engine::Impl::later(Instant from, Duration by) {
  const Duration room = Instant::max() - from;
  return by > room ? Instant::max() : from + by;
}

template <class Tag>
void Engine::Impl::set_timer(TimerHeap::Handle& handle, Duration after, TimerKind kind, Id<Tag> owner, Now now) {
  if (!timers_.set(handle, later(now.steady, after), static_cast<std::uint8_t>(kind), owner)) throw std::bad_alloc();
}
template void Engine::Impl::set_timer(TimerHeap::Handle&, Duration, TimerKind, TransferId, Now);
template void Engine::Impl::set_timer(TimerHeap::Handle&, Duration, TimerKind, ConnId, Now);
template void Engine::Impl::set_timer(TimerHeap::Handle&, Duration, TimerKind, engine::DialId, Now);

void Engine::Impl::disarm(Transfer& transfer) {
  timers_.cancel(transfer.total_timer);
  timers_.cancel(transfer.attempts_timer);
  timers_.cancel(transfer.idle_timer);
  timers_.cancel(transfer.continue_timer);
}

std::optional<Deadline> Engine::Impl::deadline() const {
  if (bodies_lost_) return Deadline{latest_, TimerKind::total_timeout};  // at once: see fail_bodiless()
  const auto entry = timers_.earliest();
  if (!entry) return std::nullopt;
  return Deadline{entry->at, static_cast<TimerKind>(entry->kind)};
}

void Engine::Impl::handle_timeout(Now now) {
  now = clamp(now);
  begin_fact(now);
  while (const auto entry = timers_.pop_due(now.steady)) on_timer(*entry, now);
  finish_entry(now);
}

void Engine::Impl::on_timer(const TimerHeap::Entry& entry, Now now) {
  switch (const auto kind = static_cast<TimerKind>(entry.kind)) {
    case TimerKind::total_timeout:
    case TimerKind::attempts_timeout:
    case TimerKind::idle_timeout:
    case TimerKind::continue_timeout:
      if (Transfer* transfer = transfers_.find(entry.owner<TransferTag>())) {
        or_lose(transfer->id, now, [&] { on_transfer_timer(*transfer, kind, now); });
      }
      break;
    case TimerKind::connect_timeout:
      if (Dial* dial = dials_.find(entry.owner<engine::DialTag>())) {
        or_lose(dial->id, now, [&] { on_dial_timeout(*dial, now); });
      }
      break;
    case TimerKind::address_stagger:
    case TimerKind::resolution_delay:
      if (Dial* dial = dials_.find(entry.owner<engine::DialTag>())) {
        or_lose(dial->id, now, [&] { attempt_next(*dial, now); });
      }
      break;
    case TimerKind::connection_expiry:
      if (Socket* socket = sockets_.find(entry.owner<ConnTag>())) {
        or_lose(socket->id, now, [&] { on_connection_expiry(*socket, now); });
      }
      break;
  }
}

void Engine::Impl::on_transfer_timer(Transfer& transfer, TimerKind kind, Now now) {
  SLUICE_CHECK(transfer.phase() != TransferPhase::done);
  if (kind == TimerKind::total_timeout || kind == TimerKind::attempts_timeout) {
    fail(transfer, out_of_time(transfer, kind), now);
  } else if (kind == TimerKind::idle_timeout) {
    on_idle_timer(transfer, now);
  } else if (transfer.phase() == TransferPhase::active) {
    Socket& socket = *sockets_.find(transfer.conn);
    socket.stack.session()->stop_waiting_for_continue(transfer.stream);
    pump(socket, now);
    interest_changed(socket);
  }
}

// Body bytes that the application does not take, or does not supply, are not the peer's idleness.
bool Engine::Impl::waits_for_application(const Transfer& transfer) const {
  const Socket& socket = *sockets_.find(transfer.conn);
  if (readable_bytes(socket) == 0) return true;
  return transfer.upload.streamed() && !transfer.upload.finished() && transfer.upload.pending().empty() &&
         !socket.stack.has_output() && socket.stack.session()->wants_upload(transfer.stream);
}

// Of either side, or the end of waiting for the application: that is when a timer that found it waiting runs again.
void Engine::Impl::note_activity(Transfer& transfer, Now now) {
  transfer.last_activity = now.steady;
  if (!transfer.options.idle_timeout || transfer.phase() != TransferPhase::active || timers_.is_set(transfer.idle_timer)) return;
  set_timer(transfer.idle_timer, *transfer.options.idle_timeout, TimerKind::idle_timeout, transfer.id, now);
}

// The first one counts: its time is that of all attempts.
void Engine::Impl::note_attempt(Transfer& transfer, Now now) {
  if (!transfer.options.attempts_timeout || timers_.is_set(transfer.attempts_timer)) return;
  set_timer(transfer.attempts_timer, *transfer.options.attempts_timeout, TimerKind::attempts_timeout, transfer.id, now);
}

void Engine::Impl::on_idle_timer(Transfer& transfer, Now now) {
  if (transfer.phase() != TransferPhase::active) return;
  if (waits_for_application(transfer)) return;
  const Duration most = *transfer.options.idle_timeout;
  if (now.steady - transfer.last_activity >= most) {
    fail(transfer, make_error(Code::idle_timeout, "no byte came or went for " + in_ms(most)), now);
    return;
  }
  set_timer(transfer.idle_timer, most - (now.steady - transfer.last_activity), TimerKind::idle_timeout, transfer.id, now);
}

// " from 192.0.2.1:80, 192.0.2.2:80": the attempts that have not failed. Nothing where the place that was asked for is the address.
std::string Engine::Impl::still_tried(const Dial& dial) const {
  const Origin& origin = *origins_.find(dial.origin);
  std::string text;
  if (origin.route || IpAddress::parse(origin.host)) return text;
  for (const ConnId id : dial.attempts) text += (text.empty() ? " from " : ", ") + sockets_.find(id)->peer();
  return text;
}

void Engine::Impl::on_dial_timeout(Dial& dial, Now now) {
  const Origin& origin = *origins_.find(dial.origin);
  const Transfer* sponsor = transfers_.find(dial.sponsor);
  const std::string within = sponsor && sponsor->options.connect_timeout ? in_ms(*sponsor->options.connect_timeout) : "its time";
  const std::string to = origin.where();
  std::string what;
  if (dial.resolving && dial.addresses.empty()) {
    what = "resolve " + origin.host + ": no answer within " + within;
  } else if (dial.attempts.size() == 1 && sockets_.find(dial.attempts.front())->connected) {
    what = "TLS handshake with " + to + ": not finished within " + within;
  } else {
    what = "connect to " + to + ": no answer within " + within + still_tried(dial);
    if (!dial.failures.empty()) what += " (before: " + dial.failures + ")";
  }
  dial_failed(dial, make_error(Code::connect_timeout, std::move(what)), now);
}

void Engine::Impl::on_connection_expiry(Socket& socket, Now now) {
  if (!engine::EngineIdleList::contains(socket)) return;  // in use: set again when it is parked
  const Duration unused = now.steady - socket.idle_since, limit = idle_limit(socket);
  if (unused >= limit) {
    close_socket(socket, true);
  } else {
    set_timer(socket.expiry_timer, limit - unused, TimerKind::connection_expiry, socket.id, now);
  }
}

}  // namespace sluice
