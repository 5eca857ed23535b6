// Non-blocking TCP by plain functions: connect, send, receive. Turns errno into the core's errors.
// Knows no HTTP and no readiness; when to call what belongs to adapters/multi.
#pragma once

#include <cstddef>
#include <span>

#include "adapters/net/descriptor.hpp"
#include "core/address.hpp"
#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::net {

struct Connecting {
  Descriptor socket;
  bool connected = false;  // at once; else it is when the socket becomes writable and connect_result() has no error
};

// Error connect_failed with errno as its detail: "connect to 127.0.0.1:80: Connection refused".
Result<Connecting> start_connect(const Address& address);
// Takes the pending SO_ERROR.
Result<void> connect_result(int fd, const Address& address);

struct Transferred {
  std::size_t bytes = 0;
  bool would_block = false;  // nothing was moved
  bool eof = false;          // receive only
  int error = 0;             // errno
};

// One system call each (more only for EINTR). Never raises SIGPIPE.
Transferred send(int fd, std::span<const Bytes> spans);
Transferred receive(int fd, MutableBytes space);

Error send_error(const Address& address, int error);
Error receive_error(const Address& address, int error);
// What errno means, in the C library's words.
std::string describe_errno(int error);

}  // namespace sluice::net
