// See landing.hpp. A buffer is allocated at its first use, so an engine without TLS has only one.
#include "core/channel/landing.hpp"

#include <new>

namespace sluice::channel {

MutableBytes Landing::make(std::unique_ptr<std::uint8_t[]>& buffer, std::size_t bytes) {
  if (!buffer) buffer.reset(new (std::nothrow) std::uint8_t[bytes]);
  return buffer ? MutableBytes{buffer.get(), bytes} : MutableBytes{};
}

MutableBytes Landing::wire() { return make(wire_, limits::kLandingBytes); }
MutableBytes Landing::plain(std::size_t depth) { return make(plain_[depth % 2], kPlainBytes); }

}  // namespace sluice::channel
