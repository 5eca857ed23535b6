// Non-blocking TCP as plain functions: connect, send and receive. Turns errno into the core's errors. Knows no HTTP.
// Leaves making sockets to socket_setup.hpp, and waiting for readiness to adapters/multi.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

#include "adapters/net/descriptor.hpp"
#include "adapters/net/errno_text.hpp"
#include "adapters/transferred.hpp"
#include "core/address.hpp"
#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice {
struct SocketCalls;    // adapters/environment.hpp
struct SocketOptions;  // core/socket_options.hpp
}  // namespace sluice

namespace sluice::net {

struct Connecting {
  Descriptor socket;
  bool connected = false;  // connected at once, as to this host; else call connect_result() when the socket is writable
};

// Begins to connect, with a socket of make_tcp_socket() (socket_setup.hpp). Errors: those of that function;
// connect_failed with errno as its detail: "connect to 127.0.0.1:80: Connection refused".
Result<Connecting> start_connect(const Address& address, const SocketOptions* options = nullptr,
                                 const SocketCalls* calls = nullptr);
// The result of connecting; reads and clears SO_ERROR. False: it is still connecting, for example if the caller asks
// because of an event of an earlier descriptor with this number.
Result<bool> connect_result(int fd, const Address& address);
// The address of this end of a connected socket; Kind::none: it is neither IPv4 nor IPv6, or the system does not tell.
Address local_address(int fd);

// One system call each (more only after EINTR). Never raises SIGPIPE.
Transferred send(int fd, std::span<const Bytes> spans);
Transferred receive(int fd, MutableBytes space);

// The Transferred for the result of a system call that moves bytes; uses errno if the result is negative.
Transferred transferred_by(ssize_t result);

}  // namespace sluice::net
