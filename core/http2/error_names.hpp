// The names of HTTP/2's error codes, for messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace sluice::http2 {

// RFC 9113 7.
enum class ErrorCode : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  settings_timeout = 4,
  stream_closed = 5,
  frame_size_error = 6,
  refused_stream = 7,
  cancel = 8,
  compression_error = 9,
  connect_error = 10,
  enhance_your_calm = 11,
  inadequate_security = 12,
  http_1_1_required = 13,
};

// "PROTOCOL_ERROR"; of a number that has no name "error 1234". Throws std::bad_alloc.
std::string name_of(std::uint32_t code);

// Errors of the connection and of one exchange: "HTTP/2: WHY (NAME)". Throw std::bad_alloc.
Error connection_error(ErrorCode code, std::string_view why);
Error stream_error(std::uint32_t code, std::string_view why);

}  // namespace sluice::http2
