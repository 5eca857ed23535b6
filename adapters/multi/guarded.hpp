// Calls the functions of dialers and transports and catches exceptions, although they must not throw. An exception,
// except std::bad_alloc in dial(), becomes the error of the connection that the call was for.
#pragma once

#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>

#include "adapters/multi/connections.hpp"
#include "adapters/transport.hpp"
#include "core/error.hpp"

namespace sluice::multi {

// An error with the text that the function returns; without text if memory runs out.
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
// The functions below throw nothing.
Result<Opening> open_stream(Connection& connection);
Transferred receive_from(Connection& connection, MutableBytes space);
Transferred send_to(Connection& connection, std::span<const Bytes> pieces);
// -1 also if the call throws: the stream is then not watched, and its transfer ends by a timeout.
int descriptor_of(const Transport& stream);
int write_descriptor_of(const Transport& stream);
Address local_address_of(const Transport& stream);                           // Kind::none also if the call throws
std::shared_ptr<const StreamSecurity> security_of(const Transport& stream);  // null also if the call throws
std::optional<Instant> deadline_of(const Transport& stream);                 // nullopt also if the call throws
// The result of send_to() or receive_from() as a transfer's error: Code::send_failed or receive_failed.
Error describe(const Connection& connection, Code code, int error);
// Transport::end_reason() of a route's stream; "" if the call throws.
std::string end_reason_of(const Connection& connection);

}  // namespace sluice::multi
