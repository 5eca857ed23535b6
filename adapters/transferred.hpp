// What one attempt to read or write a stream came to. The word that sockets (net/), streams (transport.hpp) and their
// users share.
#pragma once

#include <cstddef>

#include "../core/language.hpp"

namespace sluice {

// What one attempt to move bytes came to. Nothing set: none were moved for now, as with would_block.
struct Transferred {
  std::size_t bytes = 0;
  // Nothing more can be moved now. It may come with bytes, and saves a call then: without it, bytes are followed by
  // another attempt. So a transport that keeps bytes which fd() does not show only says it when it has handed out the
  // last of them.
  bool would_block = false;
  bool eof = false;  // receive only: the other end has said its last byte
  int error = 0;     // an errno, or a number of the transport's own that describe() puts into text
  // With would_block, for those that have a descriptor: it waits for the other direction, as TLS may: receive() until
  // it is writable, send() until it is readable.
  bool other_direction = false;
};

}  // namespace sluice
