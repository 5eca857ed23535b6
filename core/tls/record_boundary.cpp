// See record_boundary.hpp.
#include "core/tls/record_boundary.hpp"

#include <algorithm>
#include <cstddef>

namespace sluice::tls {

// One byte of type, two of version, two of length, and that many bytes.
void RecordBoundary::follow(std::span<const char> bytes) {
  constexpr std::uint8_t kHeaderBytes = 5;
  while (!bytes.empty()) {
    std::size_t size = 1;
    if (header_size_ == kHeaderBytes) {
      size = std::min<std::size_t>(record_left_, bytes.size());
      record_left_ = static_cast<std::uint16_t>(record_left_ - size);
    } else if (++header_size_ > 3) {
      record_left_ = static_cast<std::uint16_t>(record_left_ << 8 | static_cast<std::uint8_t>(bytes.front()));
    }
    if (header_size_ == kHeaderBytes && record_left_ == 0) header_size_ = 0;
    bytes = bytes.subspan(size);
  }
}

}  // namespace sluice::tls
