// The receive buffers that all connections of an engine share (the landing buffers). Bytes are received and decoded
// here, and bodies are given out as views into them. The next read overwrites the content, so the engine first copies
// what was not consumed (flow/body_buffer.hpp). Leaves to others: what the bytes are.
#pragma once

#include <array>
#include <memory>

#include "core/base/limits.hpp"
#include "core/types.hpp"

namespace sluice::channel {

class Landing {
 public:
  // The buffer for a read from the transport. Empty: out of memory. Allocated once; valid as long as this object.
  MutableBytes wire();
  // The buffer that layer number `depth` (0: the bottom one) decodes into. It has room for everything that wire() can
  // decode to, and for records that a layer held back. Two buffers are enough for any depth, because a layer reads from
  // one and writes to the other. Empty: out of memory.
  MutableBytes plain(std::size_t depth);

 private:
  static constexpr std::size_t kPlainBytes = limits::kLandingBytes + 4 * limits::kTlsRecordBytes;
  static MutableBytes make(std::unique_ptr<std::uint8_t[]>& buffer, std::size_t bytes);
  std::unique_ptr<std::uint8_t[]> wire_;
  std::array<std::unique_ptr<std::uint8_t[]>, 2> plain_;
};

}  // namespace sluice::channel
