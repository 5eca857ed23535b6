// Self-checks: what must hold between any two calls. Walks everything, so it is for tests and simulations.
#include "core/base/limits.hpp"
#include "core/engine/impl.hpp"

namespace sluice {

using engine::StreamPhase;
using engine::TransferPhase;

void Engine::Impl::check_invariants() const {
  auto& self = const_cast<Impl&>(*this);  // SlotMap walks non-const only; nothing is changed
  std::size_t running = 0, open_sockets = 0, idle = 0, open = 0, standing = 0, carried = 0, active = 0;
  self.transfers_.for_each([&](TransferId id, Transfer& transfer) {
    SLUICE_CHECK(transfer.id == id);
    const Origin* origin = origins_.find(transfer.origin);
    if (transfer.phase() != TransferPhase::done) {
      ++running;
      SLUICE_CHECK(origin != nullptr);
    }
    const bool waits = transfer.phase() == TransferPhase::queued || transfer.phase() == TransferPhase::dialing;
    const bool for_its_own = transfer.phase() == TransferPhase::dialing && transfer.fresh_only;  // connection alone
    SLUICE_CHECK((waits && !for_its_own) == engine::WaitingList::contains(transfer));
    SLUICE_CHECK((transfer.phase() == TransferPhase::active) == (sockets_.find(transfer.conn) != nullptr));
    if (transfer.phase() == TransferPhase::active) ++active;
    if (transfer.phase() == TransferPhase::dialing) SLUICE_CHECK(dials_.find(transfer.dial)->sponsor == id);
    constexpr std::size_t kMostBody = limits::kLandingBytes + 4 * limits::kTlsRecordBytes;
    SLUICE_CHECK(transfer.unconsumed() <= kMostBody && transfer.kept_bytes() <= 2 * kMostBody);
  });
  self.sockets_.for_each([&](ConnId id, Socket& socket) {
    SLUICE_CHECK(socket.id == id);
    if (socket.stack.phase() == StreamPhase::closed) return;
    ++open_sockets;
    carried += socket.exchanges.size();
    if (engine::EngineIdleList::contains(socket)) {
      ++idle;
      SLUICE_CHECK(socket.exchanges.empty() && socket.stack.phase() == StreamPhase::ready);
    }
    if (socket.stack.phase() == StreamPhase::ready) {
      ++standing;
      SLUICE_CHECK(!dials_.find(socket.dial));
      SLUICE_CHECK(!socket.exchanges.empty() || engine::EngineIdleList::contains(socket));
    } else {
      SLUICE_CHECK(dials_.find(socket.dial) != nullptr);
    }
  });
  self.dials_.for_each([&](engine::DialId, Dial& dial) {
    ++standing;
    SLUICE_CHECK(dial.attempts.size() <= limits::kMaxAttempts);
    const bool orphan = engine::OriginOrphanList::contains(dial);
    SLUICE_CHECK(orphan == engine::EngineOrphanList::contains(dial) && orphan == (transfers_.find(dial.sponsor) == nullptr));
    SLUICE_CHECK(!orphan || timers_.is_set(dial.timeout_timer));
  });
  self.origins_.for_each([&](OriginId, Origin& origin) {
    open += origin.open;
    SLUICE_CHECK(origin.queue.empty() || (origin.orphans.empty() && !origin.unused()));
    SLUICE_CHECK(!engine::StarvedList::contains(origin) || !origin.queue.empty());
    const std::size_t most = connections_allowed(origin);
    // Only what is in use when a limit is lowered may be past it.
    SLUICE_CHECK(most == 0 || origin.open <= most || (limits_changed_ && origin.idle.empty()));
    SLUICE_CHECK(!engine::PendingList::contains(origin));
    SLUICE_CHECK(origin.unused() == engine::UnusedList::contains(origin));
  });
  SLUICE_CHECK(running == running_ && open_sockets == sockets_open_ && idle == idle_.size() && open == open_ && open == standing);
  SLUICE_CHECK(carried == active);
  const bool within = options_.max_connections == 0 || open_ <= options_.max_connections;
  SLUICE_CHECK(within || (limits_changed_ && idle_.empty()));
  SLUICE_CHECK(timers_.check_invariants() && pending_.empty() && key_log_.empty());
}

}  // namespace sluice
