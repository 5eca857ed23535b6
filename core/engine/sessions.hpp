// Makes the session of the HTTP version that a connection has: HTTP/2 where ALPN or the application says so, else
// HTTP/1.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "core/http/session.hpp"

namespace sluice::http2 {
class FrameBuffer;
}

namespace sluice::engine {

class Sessions final : public http::SessionFactory {
 public:
  // `ping_interval`: EngineOptions::http2_ping_interval.
  explicit Sessions(std::optional<Duration> ping_interval = {}) : ping_interval_(ping_interval) {}
  std::unique_ptr<http::Session> make(std::string_view alpn) override;
  std::size_t expected_exchanges(bool tls, http::Protocol protocol) const override;

 private:
  const std::optional<Duration> ping_interval_;
  std::shared_ptr<http2::FrameBuffer> frame_buffer_;  // of all HTTP/2 sessions; null: there was none yet
};

}  // namespace sluice::engine
