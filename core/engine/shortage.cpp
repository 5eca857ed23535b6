// When memory runs out. An exception of the allocator's ends where it does the least harm, and never leaves the engine:
//   - at the transfer, the connection or the dial it came up with, which is lost then (or_lose in impl.hpp, lose() here);
//   - where none can be named, or nothing can go on, at the boundary (core/engine.cpp): everything ends (give_up).
// Whatever ends is told, and telling must need no memory: an output that finds no room among the others is owed, which is
// remembered in the object it is about, and is made when it is asked for.
#include <new>
#include <utility>

#include "core/engine/impl.hpp"

namespace sluice {

using engine::StreamPhase;
using engine::TransferPhase;

namespace {
Error no_memory() { return make_error(Code::out_of_memory, {}); }
}  // namespace

// ---- what is lost alone ----

void Engine::Impl::lose(TransferId id, Now now) {
  Transfer* transfer = transfers_.find(id);
  if (transfer && transfer->phase() != TransferPhase::done) fail(*transfer, no_memory(), now);
}

void Engine::Impl::lose(ConnId id, Now now) {
  Socket* socket = sockets_.find(id);
  if (!socket || socket->stack.phase() == StreamPhase::closed) return;
  if (Dial* dial = dials_.find(socket->dial)) {
    dial_failed(*dial, no_memory(), now);
  } else {
    connection_failed(*socket, no_memory(), now);
  }
}

void Engine::Impl::lose(engine::DialId id, Now now) {
  if (Dial* dial = dials_.find(id)) dial_failed(*dial, no_memory(), now);
}

// A read needed the landing buffer, and there was no memory to copy what was not consumed of it.
void Engine::Impl::fail_bodiless(Now now) {
  bodies_lost_ = false;
  transfers_.for_each([&](TransferId id, Transfer& transfer) {
    if (std::exchange(transfer.body_lost, false)) lose(id, now);
  });
  run_pending(now);
}

// ---- what is owed ----

void Engine::Impl::owe() {
  owes_outputs_ = true;
  owed_socket_ = owed_transfer_ = 0;
}

// What is owed is said after what is queued. With memory back the order is as it should be again.
void Engine::Impl::queue_owed() {
  while (owes_outputs_) {
    outbox_.make_room();
    if (auto out = take_owed()) outbox_.put(std::move(*out));
  }
}

std::optional<Output> Engine::Impl::take_owed() {
  while (const auto id = sockets_.first_live(owed_socket_)) {
    Socket& socket = *sockets_.find(*id);
    owed_socket_ = id->index;
    if (std::exchange(socket.interest_owed, false) && socket.stack.phase() != StreamPhase::closed) {
      socket.interest_announced = false;
      return output::InterestChanged{*id};
    }
    if (std::exchange(socket.close_owed, false)) return output::Close{*id};
    ++owed_socket_;
  }
  while (const auto id = transfers_.first_live(owed_transfer_)) {
    Transfer& transfer = *transfers_.find(*id);
    owed_transfer_ = std::size_t{id->index} + 1;
    const engine::Transfer::OwedDone owed = std::exchange(transfer.owed_done, {});
    if (!owed.owed) continue;
    output::Done done{*id, {}};
    if (owed.failure) {
      done.result = std::unexpected(make_error(*owed.failure, {}));
      done.result.error().retry_safe = owed.retry_safe;
    }
    if (transfer.removed) transfers_.release(*id);
    return done;
  }
  owes_outputs_ = false;
  return std::nullopt;
}

void Engine::Impl::release_closed() {
  for (const ConnId id : closed_) sockets_.release(id);
  closed_.clear();
  if (!std::exchange(closed_unlisted_, false)) return;
  sockets_.for_each([this](ConnId id, Socket& socket) {
    if (socket.stack.phase() == StreamPhase::closed) sockets_.release(id);
  });
}

// ---- where everything is lost ----

// Nothing is taken for granted but what cannot be half done: slot maps, timers, and each object's own members. Who was in
// which list, and every count, is made anew. What was received whole stays: its application only has to consume it.
void Engine::Impl::give_up() noexcept {
  idle_ = {};
  orphans_ = {};
  pending_ = {};
  starved_ = {};
  unused_ = {};
  starved_turn_ = false;
  current_ = {};
  events_.clear();
  key_log_.clear();
  resolutions_.for_each([this](ResolveId id, Resolution&) { resolutions_.release(id); });
  dials_.for_each([this](engine::DialId id, Dial& dial) {
    timers_.cancel(dial.stagger_timer);
    timers_.cancel(dial.timeout_timer);
    dial.in_origin = dial.orphan_in_origin = dial.orphan_in_engine = {};
    dials_.release(id);
  });
  give_up_sockets();
  origins_.for_each([](OriginId, Origin& origin) {
    origin.queue = {};
    origin.dialing = {};
    origin.idle = {};
    origin.dials = {};
    origin.orphans = {};
    origin.pending = origin.starved = origin.unused_link = {};
    origin.transfers = origin.open = 0;
    origin.resolve = {};
    origin.known_in_part = false;
  });
  open_ = 0;
  give_up_transfers();
  origins_.for_each([this](OriginId, Origin& origin) { retire_if_unused(origin); });
  owe();
}

void Engine::Impl::give_up_sockets() noexcept {
  sockets_.for_each([this](ConnId, Socket& socket) {
    socket.idle_in_origin = socket.idle_in_engine = {};
    socket.exchanges.clear();
    socket.dial = {};
    timers_.cancel(socket.expiry_timer);
    if (socket.stack.phase() == StreamPhase::closed) return;
    socket.stack.close(false);
    socket.close_owed = true;
  });
  sockets_open_ = 0;
  closed_unlisted_ = true;
}

void Engine::Impl::give_up_transfers() noexcept {
  running_ = 0;
  bodies_lost_ = false;
  transfers_.for_each([this](TransferId, Transfer& transfer) {
    transfer.waiting = {};
    transfer.conn = {};
    transfer.dial = {};
    if (transfer.phase() == TransferPhase::done) return;
    const bool received = transfer.phase() == TransferPhase::delivering && !std::exchange(transfer.body_lost, false);
    if (received && transfer.unconsumed() != 0) {
      ++running_;
      ++origins_.find(transfer.origin)->transfers;
      return;
    }
    disarm(transfer);
    if (!received) transfer.drop_body();
    transfer.enter(TransferPhase::done);
    transfer.progress.done = latest_;
    transfer.owed_done = {true, false, received ? std::nullopt : std::optional(Code::out_of_memory)};
  });
}

}  // namespace sluice
