// Transfer: its table of moves, pair by pair.
#include "core/flow/transfer.hpp"

#include <doctest/doctest.h>

#include <set>
#include <utility>

using namespace sluice;
using namespace sluice::flow;

TEST_CASE("transfer: exactly these moves between phases are legal") {
  using enum TransferPhase;
  const std::set<std::pair<TransferPhase, TransferPhase>> legal = {
      {queued, dialing}, {queued, active}, {queued, done},       {dialing, queued}, {dialing, active},
      {dialing, done},   {active, queued}, {active, delivering}, {active, done},    {delivering, done},
  };
  for (const TransferPhase from : {queued, dialing, active, delivering, done}) {
    for (const TransferPhase to : {queued, dialing, active, delivering, done}) {
      CAPTURE(static_cast<int>(from));
      CAPTURE(static_cast<int>(to));
      CHECK(kTransferMoves.allows(from, to) == legal.contains({from, to}));
    }
  }
}

TEST_CASE("transfer: a recycled one is as good as new") {
  Transfer transfer;
  transfer.enter(TransferPhase::queued == transfer.phase() ? TransferPhase::active : TransferPhase::done);
  transfer.body.land(as_bytes("x"));
  transfer.head.status = 200;
  REQUIRE(transfer.head.fields.add("a", "b"));
  transfer.info.retries = 2;
  transfer.body_lost = true;
  transfer.recycle();
  CHECK(transfer.phase() == TransferPhase::queued);
  CHECK(transfer.body.empty());
  CHECK(transfer.head.status == 0);
  CHECK(transfer.head.fields.empty());
  CHECK(transfer.info.retries == 0);
  CHECK_FALSE(transfer.body_lost);
}
