// Watches the bytes that come from a TLS peer: whether they end between two records, and how they begin. Decodes
// nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::tls {

class RecordWatch {
 public:
  void add(std::span<const char> bytes);
  bool between_records() const { return header_size_ == 0; }
  // At most the first five bytes.
  std::string_view beginning() const { return {first_.data(), first_size_}; }

 private:
  std::uint8_t first_size_ = 0;
  std::uint8_t header_size_ = 0;   // bytes of the current record's header that have come
  std::uint16_t record_left_ = 0;  // bytes of the current record that will follow, as far as its header is known
  std::array<char, 5> first_{};
};

}  // namespace sluice::tls
