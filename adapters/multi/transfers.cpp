// See transfers.hpp. Messages are a linked list through the transfers, so that removing a transfer removes its message.
#include "adapters/multi/transfers.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"

namespace sluice::multi {

TransferEntry& Transfers::add(TransferId id, TransferHandler* handler, bool limited) {
  if (id.index >= by_index_.size())
    by_index_.resize(std::max<std::size_t>(std::size_t{id.index} + 1, by_index_.size() * 2));
  resumes_.reserve(by_index_.size());  // each transfer is in it at most once
  TransferEntry& transfer = by_index_[id.index];
  SLUICE_CHECK(!transfer.id);
  transfer = {};
  transfer.id = id;
  transfer.handler = handler;
  transfer.limited = limited;
  ++running_;
  return transfer;
}

void Transfers::erase(TransferId id) {
  TransferEntry* transfer = find(id);
  if (!transfer) return;
  if (transfer->message_waits) unlink(*transfer);
  if (!transfer->done) --running_;
  *transfer = {};
}

TransferEntry* Transfers::find(TransferId id) {
  if (!id || id.index >= by_index_.size() || by_index_[id.index].id != id) return nullptr;
  return &by_index_[id.index];
}

void Transfers::push_message(TransferId id, Result<void> result) {
  TransferEntry* transfer = find(id);
  SLUICE_CHECK(transfer && !transfer->done);
  transfer->done = true;
  --running_;
  transfer->result = std::move(result);
  transfer->message_waits = true;
  transfer->previous = last_;
  transfer->next = {};
  if (TransferEntry* before = find(last_)) {
    before->next = id;
  } else {
    first_ = id;
  }
  last_ = id;
  ++messages_;
}

bool Transfers::all_paused(const std::function<bool(TransferId)>& waits) const {
  const auto stuck = [&](const TransferEntry& one) {
    if (!one.id || one.done) return true;
    if (one.limited || one.handler_threw) return false;
    return one.handler ? one.body_paused && !one.resume_queued : waits(one.id);
  };
  return running_ > 0 && std::ranges::all_of(by_index_, stuck);
}

std::optional<TransferId> Transfers::pop_message() {
  TransferEntry* transfer = find(first_);
  if (!transfer) return std::nullopt;
  unlink(*transfer);
  return transfer->id;
}

void Transfers::unlink(TransferEntry& transfer) {
  if (TransferEntry* before = find(transfer.previous)) {
    before->next = transfer.next;
  } else {
    first_ = transfer.next;
  }
  if (TransferEntry* after = find(transfer.next)) {
    after->previous = transfer.previous;
  } else {
    last_ = transfer.previous;
  }
  transfer.message_waits = false;
  --messages_;
}

void Transfers::queue_resume(TransferId id) {
  TransferEntry* transfer = find(id);
  if (!transfer || transfer->resume_queued) return;
  transfer->resume_queued = true;
  resumes_.push_back(id);
}

void Transfers::take_resumes(Fifo<TransferId>& into) {
  if (resumes_.empty()) return;
  into.make_room(resumes_.size());
  for (const TransferId id : resumes_) {
    if (TransferEntry* transfer = find(id)) transfer->resume_queued = false;
    into.push(id);
  }
  resumes_.clear();
}

}  // namespace sluice::multi
