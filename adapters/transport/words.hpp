// The error texts that all built-in transports share.
#pragma once

#include <string>

#include "adapters/net/socket.hpp"
#include "core/error.hpp"

namespace sluice::transport {

// `attempt`: "connect to /run/app.sock". `error`: an errno. May throw std::bad_alloc.
inline Error connect_error(const std::string& attempt, int error) {
  return make_error(Code::connect_failed, attempt + ": " + net::describe_errno(error), error);
}

// A route with a single stream was dialled again.
inline Error no_second_stream(const std::string& name, bool in_use) {
  return make_error(Code::connect_failed,
                    "connect by " + name +
                        (in_use ? ": the stream carries another connection" : ": the stream was used and has ended"));
}

}  // namespace sluice::transport
