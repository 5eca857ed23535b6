// The application's callbacks. Any of them may add and remove transfers, so nothing found before one is trusted after
// it.
#include <algorithm>
#include <new>
#include <utility>

#include "adapters/multi/driver.hpp"

namespace sluice {
namespace {

// Without memory for an error's words it goes without them.
Result<void> copy_of(const Result<void>& result) {
  try {
    return result;
  } catch (const std::bad_alloc&) {
    Error error = make_error(result.error().code, {}, result.error().detail);
    error.retry_safe = result.error().retry_safe;
    return std::unexpected(std::move(error));
  }
}

}  // namespace

void Multi::Impl::deliver_head_sent(const output::HeadSent& sent) {
  const multi::Transfer* found = transfers_.find(sent.transfer);
  if (found && found->handler) found->handler->on_head_sent(*owner_, sent.transfer, sent.head);
}

void Multi::Impl::deliver_interim(const output::InterimReady& ready) {
  const multi::Transfer* found = transfers_.find(ready.transfer);
  if (found && found->handler) found->handler->on_interim(*owner_, ready.transfer, ready.head);
}

void Multi::Impl::deliver_head(TransferId transfer) {
  const multi::Transfer* found = transfers_.find(transfer);
  if (found && found->handler) found->handler->on_head(*owner_, transfer, engine_.head(transfer));
}

void Multi::Impl::deliver_body(TransferId transfer) {
  for (;;) {
    multi::Transfer* found = transfers_.find(transfer);
    if (!found || !found->handler || found->body_paused) return;
    const Bytes bytes = engine_.body(transfer);
    if (bytes.empty()) return;
    const std::size_t offered = bytes.size();
    const std::size_t taken = found->handler->on_body(*owner_, transfer, bytes);
    found = transfers_.find(transfer);
    if (!found) return;
    if (taken < offered) found->body_paused = true;
    // The handler may have used consume_body() as well.
    const std::size_t consumed = std::min(taken, engine_.body(transfer).size());
    if (consumed > 0) engine_.consume_body(transfer, consumed, now_);
    if (taken < offered) return;
  }
}

void Multi::Impl::pump_upload(TransferId transfer) {
  while (fill_upload(transfer)) {
  }
}

// True: ask again.
bool Multi::Impl::fill_upload(TransferId transfer) {
  multi::Transfer* found = transfers_.find(transfer);
  if (!found || !found->handler || found->upload_paused || found->in_upload) return false;
  const MutableBytes space = engine_.upload_space(transfer);
  if (space.empty()) return false;
  found->in_upload = true;
  const std::size_t filled = found->handler->on_upload(*owner_, transfer, space);
  found = transfers_.find(transfer);
  if (!found) return false;
  found->in_upload = false;
  const bool finish = std::exchange(found->finish_upload, false);
  // No space is left after fail_upload() from inside.
  const std::size_t committed = std::min(filled, engine_.upload_space(transfer).size());
  if (committed > 0) engine_.commit_upload(transfer, committed, now_);
  if (finish) engine_.finish_upload(transfer, now_);
  if (filled == 0 && !finish) found->upload_paused = true;
  return filled > 0 && !finish;
}

void Multi::Impl::deliver_done(output::Done& done) {
  multi::Transfer* found = transfers_.find(done.transfer);
  if (!found) return;
  // The last call for it: what a failed transfer still holds of its body is not offered by a resume() that comes late.
  TransferHandler* const handler = std::exchange(found->handler, nullptr);
  transfers_.push_message(done.transfer, copy_of(done.result));
  if (handler) handler->on_done(*owner_, done.transfer, done.result);
}

void Multi::Impl::deliver_resume(TransferId transfer) {
  multi::Transfer* found = transfers_.find(transfer);
  if (!found) return;
  found->body_paused = false;
  found->upload_paused = false;
  deliver_body(transfer);
  pump_upload(transfer);
}

}  // namespace sluice
