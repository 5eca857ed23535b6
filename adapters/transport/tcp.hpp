// TCP as a Transport, so that adapters/multi has only one kind of stream. Leaves name resolution to the engine.
#pragma once

#include <memory>

#include "adapters/environment.hpp"
#include "adapters/transport.hpp"
#include "core/address.hpp"

namespace sluice::transport {

// The first open() begins to connect, later ones check the result. Before the first open() there is no descriptor.
// Throws std::bad_alloc.
std::unique_ptr<Transport> tcp(const Address& address, TcpOptions options = {});

}  // namespace sluice::transport
