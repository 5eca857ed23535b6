// See body_buffer.hpp. Usually there is one landed piece, which is consumed at once and needs no memory.
#include "core/flow/body_buffer.hpp"

#include "core/base/check.hpp"
#include "core/base/memory.hpp"

namespace sluice::flow {

void BodyBuffer::land(Bytes bytes) {
  if (bytes.empty()) return;
  if (kept_begin_ < kept_.size()) {
    // The application may never consume everything. When the consumed part is at least half of the bytes, it is
    // removed; so no more bytes are moved than are consumed.
    if (kept_begin_ >= kept_.size() - kept_begin_) {
      kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(kept_begin_));
      kept_begin_ = 0;
    }
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    return;
  }
  if (landed_.empty()) {
    landed_ = bytes;
    return;
  }
  if (landed_.data() + landed_.size() == bytes.data() && more_bytes_ == 0) {
    landed_ = {landed_.data(), landed_.size() + bytes.size()};
    return;
  }
  more_.push_back(bytes);
  more_bytes_ += bytes.size();
}

bool BodyBuffer::keep() {
  if (landed_.empty()) return true;
  kept_.clear();
  kept_begin_ = 0;
  if (!has_memory_for([&] { kept_.reserve(landed_.size() + more_bytes_); })) return false;
  kept_.insert(kept_.end(), landed_.begin(), landed_.end());
  for (std::size_t i = more_begin_; i < more_.size(); ++i) kept_.insert(kept_.end(), more_[i].begin(), more_[i].end());
  landed_ = {};
  clear_more();
  return true;
}

// A peer may send a body in so many pieces that the list of them is larger than they are.
void BodyBuffer::clear_more() noexcept {
  more_.clear();
  more_begin_ = more_bytes_ = 0;
  if (more_.capacity() > kKeptPieces) std::vector<Bytes>().swap(more_);
}

void BodyBuffer::consume(std::size_t bytes) {
  SLUICE_CHECK(bytes <= front().size());
  if (kept_begin_ < kept_.size()) {
    kept_begin_ += bytes;
    if (kept_begin_ == kept_.size()) drop();
    return;
  }
  landed_ = landed_.subspan(bytes);
  if (!landed_.empty() || more_bytes_ == 0) return;
  landed_ = more_[more_begin_++];
  more_bytes_ -= landed_.size();
  if (more_bytes_ == 0) clear_more();
}

void BodyBuffer::drop() {
  std::vector<std::uint8_t>().swap(kept_);
  std::vector<Bytes>().swap(more_);
  landed_ = {};
  kept_begin_ = more_begin_ = more_bytes_ = 0;
}

}  // namespace sluice::flow
