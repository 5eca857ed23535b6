// The HTTP/2 session over one byte stream (RFC 9113), a client's: many exchanges at once, each with a window. Frames
// and HPACK are libnghttp2's (library.hpp). Knows no TLS, no pool and no time but what handle_timeout() and set_time()
// tell.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/http/session.hpp"

namespace sluice::http2 {

class FrameBuffer;

// False: a build without libnghttp2 (session_absent.cpp); make_session() is not called then.
bool has_http2();
// "1.52.0": of the libnghttp2 that runs, which may be a later one than it was built with; "": none. Static text.
std::string_view library_version();

struct SessionOptions {
  std::uint32_t first_stream = 1;  // an odd number; tests begin near the last one
  // A PING is sent after this time without a byte from the peer; if no answer comes in the same time again, from when
  // it was sent, the connection has failed (http2_error). More than zero. nullopt: none is sent.
  std::optional<Duration> ping_interval = {};
  // Shared by sessions of one thread. Null: the session has one of its own, of 16 KiB.
  std::shared_ptr<FrameBuffer> frame_buffer = {};
};

// Null: not enough memory.
std::unique_ptr<http::Session> make_session(const SessionOptions& options = {});

}  // namespace sluice::http2
