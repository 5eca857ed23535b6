// See transfer.hpp.
#include "core/engine/transfer.hpp"

#include <new>

#include "core/base/check.hpp"

namespace sluice::engine {

const Transitions<TransferPhase, kTransferPhases> kTransferMoves{
    {TransferPhase::queued, TransferPhase::dialing},    {TransferPhase::queued, TransferPhase::active},
    {TransferPhase::queued, TransferPhase::done},       {TransferPhase::dialing, TransferPhase::queued},
    {TransferPhase::dialing, TransferPhase::active},    {TransferPhase::dialing, TransferPhase::done},
    {TransferPhase::active, TransferPhase::queued},     {TransferPhase::active, TransferPhase::delivering},
    {TransferPhase::active, TransferPhase::done},       {TransferPhase::delivering, TransferPhase::done},
};

void Transfer::enter(TransferPhase next) {
  SLUICE_CHECK(kTransferMoves.allows(phase_, next));
  phase_ = next;
}

void Transfer::recycle() {
  SLUICE_CHECK(!waiting.linked);
  // Fields keep their block, so a slot that is used again parses its next head without an allocation.
  id = {};
  request = {};
  options = {};
  upload = {};
  head.clear();
  trailers.clear();
  progress = {};
  info = {};
  origin = {};
  dial = {};
  conn = {};
  stream = 0;
  last_activity = {};
  fresh_only = send_started = upload_announced = body_lost = removed = false;
  owed_done = {};
  tls.reset();
  phase_ = TransferPhase::queued;
  drop_body();
}

void Transfer::land(Bytes bytes) {
  if (bytes.empty()) return;
  if (kept_begin_ < kept_.size()) {
    // A reader may never come to the end of it. Once the consumed part is the larger one it goes, so a byte moves twice at most.
    if (kept_begin_ >= kept_.size() - kept_begin_) {
      kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(kept_begin_));
      kept_begin_ = 0;
    }
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    return;
  }
  if (!landed_.empty()) {  // the start of an HTTP/0.9 body, which was no part of this read
    if (!keep_body()) throw std::bad_alloc();
    return land(bytes);
  }
  landed_ = bytes;
}

bool Transfer::keep_body() {
  if (landed_.empty()) return true;
  try {
    kept_.assign(landed_.begin(), landed_.end());
  } catch (const std::bad_alloc&) {
    return false;
  }
  kept_begin_ = 0;
  landed_ = {};
  return true;
}

void Transfer::consume(std::size_t bytes) {
  SLUICE_CHECK(bytes <= unconsumed());
  if (kept_begin_ == kept_.size()) {
    landed_ = landed_.subspan(bytes);
    return;
  }
  kept_begin_ += bytes;
  if (kept_begin_ == kept_.size()) drop_body();
}

void Transfer::drop_body() {
  landed_ = {};
  std::vector<std::uint8_t>().swap(kept_);
  kept_begin_ = 0;
}

}  // namespace sluice::engine
