// What Multi stores about each transfer in addition to the engine: its handler, its pauses, and its place in the queue
// of messages. Calls neither handlers nor the engine; callbacks.hpp and driver.hpp do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/multi/fifo.hpp"

namespace sluice::multi {

struct TransferEntry {
  TransferId id;  // default: this entry is free
  TransferHandler* handler = nullptr;
  void* user_data = nullptr;
  bool report_heads = false;  // on_head_received() must be called
  // Keeps the route alive, so that the engine never destroys it, which may call back, during its own work.
  std::shared_ptr<Route> route;
  bool body_paused = false;
  bool upload_paused = false;
  bool resume_queued = false;
  bool in_upload = false;      // inside on_upload(): its bytes are committed when it returns
  bool finish_upload = false;  // finish_upload() was called inside on_upload()
  Fields trailers = {};        // and had these
  bool done = false;
  bool limited = false;  // it has a total_timeout or an attempts_timeout, so it ends by itself
  bool message_waits = false;
  bool handler_threw = false;  // `result` has the exception's text
  TransferId previous, next;   // neighbours in the queue of messages
  Result<void> result;         // the result in the waiting message
};

class Transfers {
 public:
  // Throws std::bad_alloc; nothing was added then.
  TransferEntry& add(TransferId id, TransferHandler* handler, bool limited = false);
  void erase(TransferId id);
  // Null: removed, or it never existed. Valid until the next add().
  TransferEntry* find(TransferId id);

  void push_message(TransferId id, Result<void> result);
  std::size_t running() const { return running_; }  // transfers that have had no message yet
  // See Multi::all_paused(). `waits`: whether the body of a transfer with a null handler is not empty.
  bool all_paused(const std::function<bool(TransferId)>& waits) const;
  // Removes the oldest message from the queue and returns its transfer, which stays; nullopt: none.
  std::optional<TransferId> pop_message();
  int messages() const { return messages_; }

  void queue_resume(TransferId id);
  bool has_resumes() const { return !resumes_.empty(); }
  // Moves the transfers that were queued so far.
  void take_resumes(Fifo<TransferId>& into);

 private:
  void unlink(TransferEntry& transfer);

  std::vector<TransferEntry> by_index_;
  std::vector<TransferId> resumes_;
  TransferId first_, last_;
  int messages_ = 0;
  std::size_t running_ = 0;
};

}  // namespace sluice::multi
