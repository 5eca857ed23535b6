// BoringSSL's error queue (one a thread) turned into words, and always left empty, so that nothing of one connection is
// ever read as another's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::tls {

struct Failure {
  std::optional<std::uint8_t> alert;  // the peer sent this one
  std::string reason;                 // in words; never empty
  bool out_of_memory = false;         // the library's, somewhere on the way: what else the queue says follows from it
};

// Empties the queue. `fallback` is the reason where the queue holds none.
Failure take_failure(std::string_view fallback);
void clear_errors();
// Whether the queue speaks of a lack of memory. Empties it too, and allocates nothing.
bool take_memory_failure();

// "handshake_failure (40)" (RFC 8446 6.2)
std::string alert_text(std::uint8_t alert);

// One line of visible ASCII: other bytes become \xNN, what is longer than `cap` ends in "...".
std::string printable(std::string_view text, std::size_t cap);

}  // namespace sluice::tls
