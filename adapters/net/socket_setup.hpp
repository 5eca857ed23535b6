// Makes sockets that are not connected yet: opens them, sets SocketOptions and binds them. Turns errno into errors that
// say what was wanted. Leaves connecting to socket.hpp and to c-ares.
#pragma once

#include <string>

#include "adapters/environment.hpp"
#include "adapters/net/descriptor.hpp"
#include "core/address.hpp"
#include "core/error.hpp"
#include "core/socket_options.hpp"

namespace sluice::net {

// A non-blocking socket for TCP to `peer`, which is an address. Null `options`: as with SocketOptions{}; null `calls`:
// none. Errors: connect_failed, bind_failed, as core/socket_options.hpp says; out_of_memory. The messages name `peer`.
Result<Descriptor> make_tcp_socket(const Address& peer, const SocketOptions* options, const SocketCalls* calls);

// Opens a non-blocking socket, with SocketCalls::open if there is one (null `calls`: none). An exception of the
// application becomes an error. Error: `code` with a message that begins with `purpose` ("connect to 192.0.2.1:80").
Result<Descriptor> open_socket(const SocketWish& wish, const SocketCalls* calls, Code code, const std::string& purpose);
// SocketCalls::configure, with the same errors.
Result<void> configure_socket(int fd, const SocketWish& wish, const SocketCalls* calls, Code code,
                              const std::string& purpose);
// Binds a socket to the interface, to the address of this kind and to the first free port, as far as the options name
// them. Errors: bind_failed; connect_failed if no address of the options is of this kind.
Result<void> bind_socket(int fd, IpAddress::Kind kind, const SocketOptions& options, const std::string& purpose);

// The first address of this kind that the interface has; Kind::none: it has none.
IpAddress address_of_interface(const std::string& interface, IpAddress::Kind kind);
// Whether the interface has this address; its zone does not count.
bool has_address(const std::string& interface, const IpAddress& address);

}  // namespace sluice::net
