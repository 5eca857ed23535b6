// See transfer.hpp.
#include "core/flow/transfer.hpp"

#include <new>

#include "core/base/check.hpp"

namespace sluice::flow {

const Transitions<TransferPhase, kTransferPhases> kTransferMoves{
    {TransferPhase::queued, TransferPhase::dialing}, {TransferPhase::queued, TransferPhase::active},
    {TransferPhase::queued, TransferPhase::done},    {TransferPhase::dialing, TransferPhase::queued},
    {TransferPhase::dialing, TransferPhase::active}, {TransferPhase::dialing, TransferPhase::done},
    {TransferPhase::active, TransferPhase::queued},  {TransferPhase::active, TransferPhase::delivering},
    {TransferPhase::active, TransferPhase::done},    {TransferPhase::delivering, TransferPhase::done},
};

void Transfer::enter(TransferPhase next) {
  SLUICE_CHECK(kTransferMoves.allows(phase_, next));
  phase_ = next;
}

void Transfer::recycle() {
  // Fields keep their block, so a slot that is used again parses its next head without an allocation.
  id = {};
  request = {};
  options = {};
  upload = {};
  head.clear();
  trailers.clear();
  progress = {};
  info = {};
  conn = {};
  stream = 0;
  last_activity = {};
  upload_announced = body_lost = removed = false;
  owed_done = {};
  layers.reset();
  phase_ = TransferPhase::queued;
  body.drop();
}

void Transfer::rewind() {
  upload.rewind();
  upload_announced = false;
  ++info.retries;
  head.clear();
  progress.sent.reset();
  enter(TransferPhase::queued);
}

TransferInfo Transfer::details() const {
  TransferInfo all;
  all.conn = info.conn;
  all.reused = info.reused;
  all.retries = info.retries;
  all.tls_truncated = info.tls_truncated;
  try {
    all.address = info.address;
    all.route = info.route;
    if (!layers) return all;
    all.tls_resumed = layers->resumed;
    all.tls_version = layers->version;
    all.tls_cipher = layers->cipher;
    all.alpn = layers->alpn;
    all.tls_subject = layers->subject;
    all.tls_issuer = layers->issuer;
  } catch (const std::bad_alloc&) {  // as much of it as there was room for
  }
  return all;
}

}  // namespace sluice::flow
