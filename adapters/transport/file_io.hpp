// read(2) and write(2) as a Transport moves bytes, for what recv(2) and send(2) are not for: pipes, terminals, devices.
#pragma once

#include <span>

#include "adapters/transferred.hpp"
#include "core/types.hpp"

namespace sluice::transport {

std::size_t total_size(std::span<const Bytes> pieces);

// One system call each (more only for EINTR). Nothing read is an end; a terminal may mean something else by it.
Transferred read_file(int fd, MutableBytes space);
// Without SIGPIPE, by a few more calls. What is not taken whole has filled the descriptor.
Transferred write_file(int fd, std::span<const Bytes> pieces);

}  // namespace sluice::transport
