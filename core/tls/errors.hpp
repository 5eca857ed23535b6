// Reads BoringSSL's error queue (each thread has one) as text. The queue is always left empty, so that an error of one
// connection is never taken for another's. Leaves to others: making a sluice::Error of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::tls {

// What the queue said.
struct Failure {
  std::optional<std::uint8_t> alert;  // the alert that the peer sent, if any
  std::string reason;                 // as text; not empty, unless the fallback was
  bool out_of_memory = false;         // BoringSSL ran out of memory; the other entries follow from that
  bool ech_rejected = false;          // the server has refused Encrypted Client Hello, and nothing else was wrong
};

// Empties the queue. `fallback` is the reason if the queue has none. May throw std::bad_alloc.
Failure take_failure(std::string_view fallback);
void clear_errors();
// The reason of a handshake that has failed, where the first bytes of the peer were these. May throw std::bad_alloc.
std::string reason_after(const Failure& failure, std::string_view first);
// Whether the queue has an entry about a lack of memory. Empties it; allocates nothing.
bool take_memory_failure();

// "handshake_failure (40)" (RFC 8446 6.2)
std::string alert_text(std::uint8_t alert);

// One line of visible ASCII: other bytes become \xNN. Text longer than `cap` bytes is cut and ends in "...".
std::string printable(std::string_view text, std::size_t cap);

}  // namespace sluice::tls
