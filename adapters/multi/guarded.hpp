// The calls of dialers and transports, which must not throw and may all the same. What one throws, but for a lack of
// memory, is the error of the connection it was for, and of no other.
#pragma once

#include <memory>
#include <new>
#include <span>
#include <string>

#include "adapters/multi/connections.hpp"
#include "adapters/transport.hpp"
#include "core/error.hpp"

namespace sluice::multi {

// An error with the text that `words` makes. If there is no memory for the text, the error has none.
template <class Words>
Error in_words(Code code, int detail, Words words) {
  try {
    return make_error(code, words(), detail);
  } catch (const std::bad_alloc&) {
    return make_error(code, {}, detail);
  }
}

// Throws std::bad_alloc.
Result<std::unique_ptr<Transport>> dial(Dialer& dialer, const DialTarget& target, TransportSignal signal);
// The rest throw nothing.
Result<Opening> open_stream(Connection& connection);
Transferred receive_from(Connection& connection, MutableBytes space);
Transferred send_to(Connection& connection, std::span<const Bytes> pieces);
// -1 as well from one that throws: it is not heard of again, and its transfer ends in time.
int descriptor_of(const Transport& stream);
int write_descriptor_of(const Transport& stream);
// What send_to() or receive_from() came to, as the error of a transfer: Code::send_failed or receive_failed.
Error describe(const Connection& connection, Code code, int error);
// For the end of a stream of a route. Nothing from one that throws.
std::string end_reason_of(const Connection& connection);

}  // namespace sluice::multi
