// Follows the records of a TLS stream by their headers (RFC 8446 5.1): whether the stream is between two records, so
// that an end there cuts none. Knows nothing of what the records hold.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::tls {

class RecordBoundary {
 public:
  void follow(std::span<const char> bytes);  // the next bytes of the stream
  bool is_between() const { return header_size_ == 0; }

 private:
  std::uint8_t header_size_ = 0;   // bytes of the current record's header that have come
  std::uint16_t record_left_ = 0;  // bytes of the current record that will follow, as far as its header is known
};

}  // namespace sluice::tls
