// What transport.hpp gives every transport by default.
#include "adapters/transport.hpp"

#include "adapters/net/socket.hpp"

namespace sluice {

std::string Transport::describe(int error) const { return net::describe_errno(error); }

}  // namespace sluice
