// The body bytes that wait for the application, in order: views into the landing buffer as long as they can stay there,
// then copies. Knows no transfer and no HTTP. Leaves to the engine: when the landing buffer is needed again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/types.hpp"

namespace sluice::flow {

// Holds copies in one piece, or views, in several pieces if frames of other exchanges are between them.
class BodyBuffer {
 public:
  // The first contiguous piece; after it is consumed, the next one. Empty: there is none. Valid until the next
  // non-const call.
  Bytes front() const { return kept_begin_ < kept_.size() ? Bytes{kept_}.subspan(kept_begin_) : landed_; }
  // All bytes that wait.
  std::size_t size() const { return kept_.size() - kept_begin_ + landed_.size() + more_bytes_; }
  bool empty() const { return size() == 0; }
  bool has_landed() const { return !landed_.empty(); }

  // Adds `bytes`, which must stay valid until keep(). Throws std::bad_alloc; nothing has changed then.
  void land(Bytes bytes);
  // Copies the landed bytes, because the landing buffer will be overwritten. False: no memory; nothing has changed.
  bool keep();
  void consume(std::size_t bytes);  // bytes <= front().size()
  void drop();                      // removes all bytes and frees the memory
  // Bytes of memory used, consumed bytes that were not removed yet included.
  std::size_t kept_bytes() const { return kept_.size(); }
  // More than what an empty buffer may keep.
  bool has_memory() const { return kept_.capacity() != 0 || more_.capacity() > kKeptPieces; }

 private:
  void clear_more() noexcept;

  static constexpr std::size_t kKeptPieces = 16;  // for so many the list stays
  std::vector<std::uint8_t> kept_;
  std::size_t kept_begin_ = 0;
  Bytes landed_;             // the first landed piece
  std::vector<Bytes> more_;  // those after it
  std::size_t more_begin_ = 0, more_bytes_ = 0;
};

}  // namespace sluice::flow
