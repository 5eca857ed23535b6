// How the stream below a session ended. Each value is worse than the one before.
#pragma once

#include <cstdint>

namespace sluice {

enum class StreamEnd : std::uint8_t {
  clean,  // in the stream's own way: a close_notify, or a FIN without TLS
  bare,   // without it, but between two records: the peer may have meant it
  cut,    // within a record or a handshake, or after an error: the peer cannot have meant it
};

}  // namespace sluice
