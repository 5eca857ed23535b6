// What Multi remembers of each transfer beside the engine: its handler, why it is paused, and its place in the queue of
// messages. Calls no handler and no engine; see driver.hpp for that.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "adapters/multi.hpp"

namespace sluice::multi {

struct Transfer {
  TransferId id;  // none: free
  TransferHandler* handler = nullptr;
  bool body_paused = false;
  bool upload_paused = false;
  bool resume_queued = false;
  bool in_upload = false;      // inside on_upload: its bytes are committed when it returns
  bool finish_upload = false;  // asked for in there
  bool message_waits = false;
  TransferId previous, next;  // among the waiting messages
  Result<void> result;        // of a waiting message
};

class Transfers {
 public:
  void add(TransferId id, TransferHandler* handler);
  void erase(TransferId id);
  // Null: removed, or never there. Views until the next add().
  Transfer* find(TransferId id);

  void push_message(TransferId id, Result<void> result);
  // The oldest; it is taken out of the queue, the transfer stays.
  std::optional<TransferId> pop_message();
  int messages() const { return messages_; }

  void queue_resume(TransferId id);
  bool has_resumes() const { return !resumes_.empty(); }
  // Those queued so far, into `taken`; the two swap their memory, so that nothing is allocated in the long run.
  void take_resumes(std::vector<TransferId>& taken);

 private:
  void unlink(Transfer& transfer);

  std::vector<Transfer> by_index_;
  std::vector<TransferId> resumes_;
  TransferId first_, last_;
  int messages_ = 0;
};

}  // namespace sluice::multi
