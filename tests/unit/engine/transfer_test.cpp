// Transfer: its table of moves, pair by pair, and the body bytes it holds for the application.
#include "core/engine/transfer.hpp"

#include <doctest/doctest.h>

#include <set>
#include <utility>

#include "core/engine/stack.hpp"

using namespace sluice;
using namespace sluice::engine;

TEST_CASE("transfer: exactly these moves between phases are legal") {
  using enum TransferPhase;
  const std::set<std::pair<TransferPhase, TransferPhase>> legal = {
      {queued, dialing}, {queued, active},   {queued, done},       {dialing, queued}, {dialing, active},
      {dialing, done},   {active, queued},   {active, delivering}, {active, done},    {delivering, done},
  };
  for (const TransferPhase from : {queued, dialing, active, delivering, done}) {
    for (const TransferPhase to : {queued, dialing, active, delivering, done}) {
      CAPTURE(static_cast<int>(from));
      CAPTURE(static_cast<int>(to));
      CHECK(kTransferMoves.allows(from, to) == legal.contains({from, to}));
    }
  }
}

TEST_CASE("connection: exactly these moves between phases are legal") {
  using enum StreamPhase;
  const std::set<std::pair<StreamPhase, StreamPhase>> legal = {
      {connecting, securing}, {connecting, closed}, {securing, ready}, {securing, closed}, {ready, closed}};
  for (const StreamPhase from : {connecting, securing, ready, closed}) {
    for (const StreamPhase to : {connecting, securing, ready, closed}) {
      CHECK(kStreamMoves.allows(from, to) == legal.contains({from, to}));
    }
  }
}

TEST_CASE("transfer: a body is a view until it has to be kept, and never changes its order") {
  Transfer transfer;
  std::string landing = "abcdef";
  transfer.land(as_bytes(landing));
  CHECK(transfer.body().data() == as_bytes(landing).data());
  transfer.consume(2);
  CHECK(as_text(transfer.body()) == "cdef");
  transfer.keep_body();
  landing = "uvwxyz";  // the landing buffer is used again
  CHECK(as_text(transfer.body()) == "cdef");
  transfer.land(as_bytes(landing));
  CHECK(as_text(transfer.body()) == "cdefuvwxyz");
  transfer.keep_body();
  transfer.consume(5);
  CHECK(as_text(transfer.body()) == "vwxyz");
  transfer.consume(5);
  CHECK(transfer.unconsumed() == 0);
  transfer.land(as_bytes(landing));
  CHECK(transfer.body().data() == as_bytes(landing).data());  // nothing kept: a view again
  transfer.consume(6);
  CHECK(transfer.body().empty());
}

TEST_CASE("transfer: a recycled one is as good as new") {
  Transfer transfer;
  transfer.enter(TransferPhase::queued == transfer.phase() ? TransferPhase::active : TransferPhase::done);
  transfer.land(as_bytes("x"));
  transfer.head.status = 200;
  REQUIRE(transfer.head.fields.add("a", "b"));
  transfer.info.retries = 2;
  transfer.fresh_only = true;
  transfer.recycle();
  CHECK(transfer.phase() == TransferPhase::queued);
  CHECK(transfer.body().empty());
  CHECK(transfer.head.status == 0);
  CHECK(transfer.head.fields.empty());
  CHECK(transfer.info.retries == 0);
  CHECK_FALSE(transfer.fresh_only);
}
