// TCP as one transport among the others, so that adapters/multi knows no second kind of connection.
#pragma once

#include <memory>

#include "adapters/transport.hpp"
#include "core/address.hpp"

namespace sluice::transport {

// open() starts the connect, and a later one looks how it went. Until the first open() there is no descriptor.
std::unique_ptr<Transport> tcp(const Address& address);

}  // namespace sluice::transport
