// See callbacks.hpp.
#include "adapters/multi/callbacks.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "adapters/net/thrown.hpp"

namespace sluice::multi {
namespace {

// A copy; without the error's text if memory runs out.
Result<void> copy_of(const Result<void>& result) {
  try {
    return result;
  } catch (const std::bad_alloc&) {
    Error error = make_error(result.error().code, {}, result.error().detail);
    error.retry_safe = result.error().retry_safe;
    return std::unexpected(std::move(error));
  }
}

TransferHandler* handler_of(const TransferEntry* transfer) {
  return transfer && !transfer->handler_threw ? transfer->handler : nullptr;
}

}  // namespace

template <class Callback>
auto Callbacks::call(TransferId transfer, Callback callback) {
  try {
    return callback();
  } catch (...) {
    end_after_exception(transfer);
    throw;
  }
}

// Call it inside a catch block. The transfer's Done comes out of the engine in the next drive; no other callback
// follows.
void Callbacks::end_after_exception(TransferId transfer) noexcept {
  TransferEntry* const found = transfers_.find(transfer);
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
    found->result = std::unexpected(make_error(
        code, request.method + " " + request.url.text_without_secrets() + ": its handler" + net::what_was_thrown()));
  } catch (const std::bad_alloc&) {  // without the text
    found->result = std::unexpected(make_error(code, {}));
  }
  engine_.cancel(transfer, pace_.now());
}

void Callbacks::head_sent(const output::HeadSent& sent) {
  TransferHandler* const handler = handler_of(transfers_.find(sent.transfer));
  if (handler) call(sent.transfer, [&] { handler->on_head_sent(*multi_, sent.transfer, sent.head); });
}

void Callbacks::connect_head(const output::ConnectHead& seen) {
  TransferHandler* const handler = handler_of(transfers_.find(seen.transfer));
  if (handler) call(seen.transfer, [&] { handler->on_connect_head(*multi_, seen.transfer, seen); });
}

void Callbacks::raw_head(TransferId transfer, const ResponseHead& head) {
  const TransferEntry* found = transfers_.find(transfer);
  TransferHandler* const handler = handler_of(found);
  if (handler && found->report_heads) call(transfer, [&] { handler->on_head_received(*multi_, transfer, head.raw()); });
}

void Callbacks::interim(const output::InterimReady& ready) {
  raw_head(ready.transfer, ready.head);
  TransferHandler* const handler = handler_of(transfers_.find(ready.transfer));
  if (handler) call(ready.transfer, [&] { handler->on_interim(*multi_, ready.transfer, ready.head); });
}

void Callbacks::head(TransferId transfer) {
  raw_head(transfer, engine_.head(transfer));
  TransferHandler* const handler = handler_of(transfers_.find(transfer));
  if (handler) call(transfer, [&] { handler->on_head(*multi_, transfer, engine_.head(transfer)); });
}

void Callbacks::body(TransferId transfer) {
  for (;;) {
    TransferEntry* found = transfers_.find(transfer);
    if (!handler_of(found) || found->body_paused) return;
    const Bytes bytes = engine_.body(transfer);
    if (bytes.empty()) return;
    const std::size_t offered = bytes.size();
    const std::size_t taken = call(transfer, [&] { return found->handler->on_body(*multi_, transfer, bytes); });
    found = transfers_.find(transfer);
    if (!found) return;
    if (taken < offered) found->body_paused = true;
    // The handler may have called consume_body() too.
    const std::size_t consumed = std::min(taken, engine_.body(transfer).size());
    if (consumed > 0) engine_.consume_body(transfer, consumed, pace_.now());
    if (taken < offered) return;
  }
}

void Callbacks::upload(TransferId transfer) {
  while (fill_upload(transfer)) {
  }
}

// True: call on_upload() again.
bool Callbacks::fill_upload(TransferId transfer) {
  TransferEntry* found = transfers_.find(transfer);
  if (!handler_of(found) || found->upload_paused || found->in_upload) return false;
  const MutableBytes space = engine_.upload_space(transfer);
  if (space.empty()) return false;
  found->in_upload = true;
  const std::size_t filled = call(transfer, [&] { return found->handler->on_upload(*multi_, transfer, space); });
  found = transfers_.find(transfer);
  if (!found) return false;
  found->in_upload = false;
  const bool finish = std::exchange(found->finish_upload, false);
  Fields trailers = finish ? std::exchange(found->trailers, {}) : Fields();
  // After fail_upload() inside the callback there is no space.
  const std::size_t committed = std::min(filled, engine_.upload_space(transfer).size());
  if (committed > 0) engine_.commit_upload(transfer, committed, pace_.now());
  if (finish) engine_.finish_upload(transfer, std::move(trailers), pace_.now());
  if (filled == 0 && !finish) found->upload_paused = true;
  return filled > 0 && !finish;
}

void Callbacks::rewind(TransferId transfer) {
  const TransferEntry* found = transfers_.find(transfer);
  TransferHandler* const handler = handler_of(found);
  if (!handler) return;
  const bool can = call(transfer, [&] { return handler->on_rewind(*multi_, transfer); });
  TransferEntry* const left = transfers_.find(transfer);
  if (!left) return;
  if (can) {
    left->upload_paused = false;  // the pause was for the earlier bytes; on_upload() is called at once for the new ones
    engine_.rewind_upload(transfer, pace_.now());
  } else {
    engine_.fail_upload(transfer, "its handler cannot give the body again (on_rewind)", pace_.now());
  }
}

void Callbacks::hop_done(const output::HopDone& hop) {
  if (!hop.failure) raw_head(hop.transfer, hop.head);  // with a failure the head was reported when it came
  TransferHandler* const handler = handler_of(transfers_.find(hop.transfer));
  if (handler) call(hop.transfer, [&] { handler->on_hop_done(*multi_, hop.transfer, hop); });
}

void Callbacks::done(output::Done& done) {
  TransferEntry* found = transfers_.find(done.transfer);
  if (!found) return;
  // This is the last callback of the transfer: a late resume() must not offer the rest of a failed transfer's body.
  TransferHandler* const handler = std::exchange(found->handler, nullptr);
  if (found->handler_threw) done.result = std::move(found->result);  // it has the exception's text
  transfers_.push_message(done.transfer, copy_of(done.result));
  // The last statement, so an exception affects nothing else.
  if (handler) handler->on_done(*multi_, done.transfer, done.result);
}

void Callbacks::resume(TransferId transfer) {
  TransferEntry* found = transfers_.find(transfer);
  if (!found) return;
  found->body_paused = false;
  found->upload_paused = false;
  body(transfer);
  upload(transfer);
}

}  // namespace sluice::multi
