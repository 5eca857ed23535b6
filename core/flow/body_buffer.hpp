// The body bytes that wait for the application, in order: views into the landing buffer while they may stay there, else
// copies. Knows no transfer and no HTTP; who else waits for the landing buffer is the engine's affair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/types.hpp"

namespace sluice::flow {

// Bytes that it owns, in one piece, or bytes that it only sees, in several where frames of other exchanges come between
// them.
class BodyBuffer {
 public:
  // The first contiguous piece; consume() shows the next. Empty: there is none.
  Bytes front() const { return kept_begin_ < kept_.size() ? Bytes{kept_}.subspan(kept_begin_) : landed_; }
  // All that waits.
  std::size_t size() const { return kept_.size() - kept_begin_ + landed_.size() + more_bytes_; }
  bool empty() const { return size() == 0; }
  bool has_landed() const { return !landed_.empty(); }

  // Adds `bytes`, which stay valid until keep(). std::bad_alloc: nothing has changed.
  void land(Bytes bytes);
  // Copies what is landed, since the landing buffer is about to be used again. False: no memory; it stays where it is.
  bool keep();
  void consume(std::size_t bytes);                         // bytes <= front().size()
  void drop();                                             // all of it, and the memory
  std::size_t kept_bytes() const { return kept_.size(); }  // consumed ones included that are still in the way

 private:
  std::vector<std::uint8_t> kept_;
  std::size_t kept_begin_ = 0;
  Bytes landed_;             // the first landed piece
  std::vector<Bytes> more_;  // those after it
  std::size_t more_begin_ = 0, more_bytes_ = 0;
};

}  // namespace sluice::flow
