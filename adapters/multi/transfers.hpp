// What Multi remembers of each transfer beside the engine: its handler, why it is paused, and its place in the queue of
// messages. Calls no handler and no engine; see driver.hpp for that.
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
  TransferId id;  // none: free
  TransferHandler* handler = nullptr;
  void* user_data = nullptr;
  bool report_heads = false;  // on_head_received is to be called
  // So that the engine never destroys one, which may call back, in the middle of its work.
  std::shared_ptr<Route> route;
  bool body_paused = false;
  bool upload_paused = false;
  bool resume_queued = false;
  bool in_upload = false;      // inside on_upload: its bytes are committed when it returns
  bool finish_upload = false;  // asked for in there
  bool done = false;
  bool limited = false;  // ends by itself: it has a total_timeout or an attempts_timeout
  bool message_waits = false;
  bool handler_threw = false;  // result says so already
  TransferId previous, next;   // among the waiting messages
  Result<void> result;         // of a waiting message
};

class Transfers {
 public:
  // Throws std::bad_alloc: then it was not.
  TransferEntry& add(TransferId id, TransferHandler* handler, bool limited = false);
  void erase(TransferId id);
  // Null: removed, or never there. Views until the next add().
  TransferEntry* find(TransferId id);

  void push_message(TransferId id, Result<void> result);
  std::size_t running() const { return running_; }  // those without a message so far, taken or not
  // See Multi. `waits`: the body of a transfer without a handler is not empty.
  bool all_paused(const std::function<bool(TransferId)>& waits) const;
  // The oldest; it is taken out of the queue, the transfer stays.
  std::optional<TransferId> pop_message();
  int messages() const { return messages_; }

  void queue_resume(TransferId id);
  bool has_resumes() const { return !resumes_.empty(); }
  // Moves those queued so far.
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
