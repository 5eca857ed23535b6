// See sessions.hpp.
#include "core/engine/sessions.hpp"

#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/http1/session.hpp"
#include "core/http2/library_memory.hpp"
#include "core/http2/session.hpp"

namespace sluice::engine {
namespace {

// The most that sluice opens: a connection must not be made that the server's SETTINGS could show to be too many.
constexpr std::size_t kExpectedStreams = limits::kMaxStreams;

}  // namespace

std::unique_ptr<http::Session> Sessions::make(std::string_view alpn) {
  if (!http2::has_http2() || alpn != "h2") return http1::Factory().make(alpn);
  http2::SessionOptions options;
  if (!frame_buffer_ && !has_memory_for([&] { frame_buffer_ = std::make_shared<http2::FrameBuffer>(); }))
    return nullptr;
  options.frame_buffer = frame_buffer_;
  if (ping_interval_ > Duration::zero()) options.ping_interval = ping_interval_;
  return http2::make_session(options);
}

std::size_t Sessions::expected_exchanges(bool, http::Protocol protocol) const {
  return protocol == http::Protocol::http1 ? 1 : kExpectedStreams;
}

}  // namespace sluice::engine
