// The landing buffers all connections of an engine share: bytes are received, decrypted and decoded here, and bodies
// are handed out as views into it. Nothing may stay here past the next read; the engine copies what was not consumed
// (flow/body_buffer.hpp).
#pragma once

#include <array>
#include <memory>

#include "core/base/limits.hpp"
#include "core/types.hpp"

namespace sluice::channel {

class Landing {
 public:
  // What a transport may be read into. Empty: out of memory.
  MutableBytes wire();
  // Where layer number `depth` (0 is the bottom one) may decode to: never smaller than what wire() can decode to, a
  // record that was held back by a layer included. Two buffers serve any depth, since a layer reads one and writes the
  // other.
  MutableBytes plain(std::size_t depth);

 private:
  static constexpr std::size_t kPlainBytes = limits::kLandingBytes + 4 * limits::kTlsRecordBytes;
  static MutableBytes make(std::unique_ptr<std::uint8_t[]>& buffer, std::size_t bytes);
  std::unique_ptr<std::uint8_t[]> wire_;
  std::array<std::unique_ptr<std::uint8_t[]>, 2> plain_;
};

}  // namespace sluice::channel
