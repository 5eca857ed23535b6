// The result of one attempt to read or write a stream, shared by sockets (net/), streams (transport.hpp) and their
// users. Leaves the meaning of an error number to the stream.
#pragma once

#include <cstddef>

#include "../core/language.hpp"

namespace sluice {

// With no member set: no bytes were moved, as with would_block.
struct Transferred {
  std::size_t bytes = 0;
  // No more bytes can be moved now. May be set together with bytes, which saves a call: without it another attempt
  // follows. A transport that buffers bytes which fd() does not show must set it only after it has given the last of
  // them.
  bool would_block = false;
  bool eof = false;  // receive only: the other end has sent its last byte
  int error = 0;     // an errno, or the transport's own number for describe()
  // With would_block, for streams with a descriptor: wait for the other direction, as TLS may need: receive() until the
  // descriptor is writable, send() until it is readable.
  bool other_direction = false;
};

}  // namespace sluice
