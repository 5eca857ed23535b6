// HTTP/1.x over one byte stream (RFC 9112): one exchange at a time, kept alive where both sides allow it.
// Two half-duplex machines, sending and receiving, and one function of joint rules. Knows no TLS, no pool, no time.
#pragma once

#include <memory>

#include "core/http/session.hpp"

namespace sluice::http1 {

// What request_writer.cpp may reuse of the caller's, what reader.cpp refuses: see those files.
std::unique_ptr<http::Session> make_session();

class Factory final : public http::SessionFactory {
 public:
  std::unique_ptr<http::Session> make(std::string_view alpn) override;
  std::size_t expected_exchanges(bool) const override { return 1; }
};

}  // namespace sluice::http1
