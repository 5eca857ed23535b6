// See record_watch.hpp.
#include "core/tls/record_watch.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>

namespace sluice::tls {

// RFC 8446 5.1: one byte of type, two of version, two of length, and that many bytes.
void RecordWatch::add(std::span<const char> bytes) {
  for (std::size_t i = 0; i < bytes.size() && first_size_ < first_.size(); ++i) first_[first_size_++] = bytes[i];
  while (!bytes.empty()) {
    std::size_t size = 1;
    if (header_size_ == SSL3_RT_HEADER_LENGTH) {
      size = std::min<std::size_t>(record_left_, bytes.size());
      record_left_ = static_cast<std::uint16_t>(record_left_ - size);
    } else if (++header_size_ > 3) {
      record_left_ = static_cast<std::uint16_t>(record_left_ << 8 | static_cast<std::uint8_t>(bytes.front()));
    }
    if (header_size_ == SSL3_RT_HEADER_LENGTH && record_left_ == 0) header_size_ = 0;
    bytes = bytes.subspan(size);
  }
}

}  // namespace sluice::tls
