// Makes the session of the HTTP version that a connection has: HTTP/2 where ALPN or the application says so, else
// HTTP/1.
#pragma once

#include <memory>
#include <string_view>

#include "core/http/session.hpp"

namespace sluice::engine {

class Sessions final : public http::SessionFactory {
 public:
  std::unique_ptr<http::Session> make(std::string_view alpn) override;
  std::size_t expected_exchanges(bool tls, http::Protocol protocol) const override;
};

}  // namespace sluice::engine
