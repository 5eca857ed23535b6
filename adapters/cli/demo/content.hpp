// The content of the demonstration's files: bytes that look random and depend only on name and size, readable from any
// offset. The server sends these bytes; the demonstration computes the expected checksums from them. Leaves HTTP and
// sockets to others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"

namespace sluice::demo {

struct File {
  std::string name;
  std::uint64_t size = 0;
  bool chunked = false;  // sent in chunks, without Content-Length
};

class Content {
 public:
  Content(std::string_view name, std::uint64_t size);
  std::uint64_t size() const { return size_; }
  // Fills `out` with the bytes from `offset` on; returns how many there were (fewer at the end).
  std::size_t read(std::uint64_t offset, MutableBytes out) const;

 private:
  std::uint64_t seed_ = 0;
  std::uint64_t size_ = 0;
};

// `count` files from 1 KiB to 8 MiB in a geometric series, large and small mixed, every third one chunked.
std::vector<File> demo_files(std::size_t count);

}  // namespace sluice::demo
