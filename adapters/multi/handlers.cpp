// The application's callbacks. Any of them may add and remove transfers, so nothing found before one is trusted after
// it.
//
// Any of them may throw. The exception passes through the drive to the caller, so a callback comes when all else is whole: what is still to be
// done after one is only the accounting for a transfer that goes on.
#include <algorithm>
#include <new>
#include <utility>

#include "adapters/multi/driver.hpp"
#include "adapters/multi/thrown.hpp"

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

TransferHandler* handler_of(const multi::Transfer* transfer) {
  return transfer && !transfer->handler_threw ? transfer->handler : nullptr;
}

}  // namespace

template <class Callback>
auto Multi::Impl::call(TransferId transfer, Callback callback) {
  try {
    return callback();
  } catch (...) {
    end_after_exception(transfer);
    throw;
  }
}

// Inside a catch block. Its Done comes out of the engine with the next drive, and the handler hears of nothing else.
void Multi::Impl::end_after_exception(TransferId transfer) noexcept {
  multi::Transfer* const found = transfers_.find(transfer);
  if (!found) return;
  found->handler_threw = true;
  Code code = Code::canceled;
  try {
    throw;
  } catch (const std::bad_alloc&) {
    code = Code::out_of_memory;
  } catch (...) {
  }
  try {
    const Request& request = engine_.request(transfer);
    found->result = std::unexpected(
        make_error(code, request.method + " " + request.url.text_without_secrets() + ": its handler" + multi::what_was_thrown()));
  } catch (const std::bad_alloc&) {  // then without its words
    found->result = std::unexpected(make_error(code, {}));
  }
  engine_.cancel(transfer, now_);
}

void Multi::Impl::deliver_head_sent(const output::HeadSent& sent) {
  TransferHandler* const handler = handler_of(transfers_.find(sent.transfer));
  if (handler) call(sent.transfer, [&] { handler->on_head_sent(*owner_, sent.transfer, sent.head); });
}

void Multi::Impl::deliver_raw(TransferId transfer, const ResponseHead& head) {
  const multi::Transfer* found = transfers_.find(transfer);
  TransferHandler* const handler = handler_of(found);
  if (handler && found->report_heads) call(transfer, [&] { handler->on_head_received(*owner_, transfer, head.raw()); });
}

void Multi::Impl::deliver_interim(const output::InterimReady& ready) {
  deliver_raw(ready.transfer, ready.head);
  TransferHandler* const handler = handler_of(transfers_.find(ready.transfer));
  if (handler) call(ready.transfer, [&] { handler->on_interim(*owner_, ready.transfer, ready.head); });
}

void Multi::Impl::deliver_head(TransferId transfer) {
  deliver_raw(transfer, engine_.head(transfer));
  TransferHandler* const handler = handler_of(transfers_.find(transfer));
  if (handler) call(transfer, [&] { handler->on_head(*owner_, transfer, engine_.head(transfer)); });
}

void Multi::Impl::deliver_body(TransferId transfer) {
  for (;;) {
    multi::Transfer* found = transfers_.find(transfer);
    if (!handler_of(found) || found->body_paused) return;
    const Bytes bytes = engine_.body(transfer);
    if (bytes.empty()) return;
    const std::size_t offered = bytes.size();
    const std::size_t taken = call(transfer, [&] { return found->handler->on_body(*owner_, transfer, bytes); });
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
  if (!handler_of(found) || found->upload_paused || found->in_upload) return false;
  const MutableBytes space = engine_.upload_space(transfer);
  if (space.empty()) return false;
  found->in_upload = true;
  const std::size_t filled = call(transfer, [&] { return found->handler->on_upload(*owner_, transfer, space); });
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
  if (found->handler_threw) done.result = std::move(found->result);  // which says what it threw
  transfers_.push_message(done.transfer, copy_of(done.result));
  // Last: what it throws harms nothing.
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
