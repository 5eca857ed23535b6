// The HTTP/1 session over one byte stream (RFC 9112): one exchange at a time, and the connection is used again if both
// sides allow it.
// Two state machines, for sending and for receiving, and a function with the rules for both together (state.hpp). Knows
// no TLS, no pool and no time.
#pragma once

#include <memory>

#include "core/http/session.hpp"

namespace sluice::http1 {

// Throws std::bad_alloc.
std::unique_ptr<http::Session> make_session();

// Makes HTTP/1 sessions, whatever ALPN says.
class Factory final : public http::SessionFactory {
 public:
  std::unique_ptr<http::Session> make(std::string_view alpn) override;
  std::size_t expected_exchanges(bool, http::Protocol) const override { return 1; }
};

}  // namespace sluice::http1
