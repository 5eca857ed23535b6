// How the stream below a session ended. Each value is worse than the one before it.
#pragma once

#include <cstdint>

namespace sluice {

enum class StreamEnd : std::uint8_t {
  clean,  // as the stream should end: by a close_notify, or without TLS by a FIN
  bare,   // without a close_notify, but between two records: the peer may have intended it
  cut,    // within a record or a handshake, or after an error: the peer cannot have intended it
};

}  // namespace sluice
