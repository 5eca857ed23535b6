// Non-blocking TCP by plain functions: connect, send, receive. Turns errno into the core's errors.
// Knows no HTTP and no readiness; when to call what belongs to adapters/multi.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

#include "adapters/net/descriptor.hpp"
#include "adapters/transferred.hpp"
#include "core/address.hpp"
#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::net {

struct Connecting {
  Descriptor socket;
  bool connected = false;  // at once; else ask connect_result() when the socket is writable
};

// Error connect_failed with errno as its detail: "connect to 127.0.0.1:80: Connection refused".
Result<Connecting> start_connect(const Address& address);
// How the connecting stands; takes the pending SO_ERROR. False: it is still under way, as it is for whoever asks too
// early, by an event of an earlier descriptor that had this number.
Result<bool> connect_result(int fd, const Address& address);

// One system call each (more only for EINTR). Never raises SIGPIPE.
Transferred send(int fd, std::span<const Bytes> spans);
Transferred receive(int fd, MutableBytes space);

// What a system call that moves bytes has answered, and errno where that is below zero.
Transferred transferred_by(ssize_t result);
// What errno means, in the C library's words.
std::string describe_errno(int error);

}  // namespace sluice::net
