// Reads and writes pipes, terminals and devices, with which recv(2) and send(2) do not work, as a Transport needs it.
// Leaves readiness to others.
#pragma once

#include <span>

#include "adapters/transferred.hpp"
#include "core/types.hpp"

namespace sluice::transport {

std::size_t total_size(std::span<const Bytes> pieces);

// One system call (more only after EINTR). A read of 0 bytes is `eof`; for a terminal the caller must check further.
Transferred read_file(int fd, MutableBytes space);
// Writes without SIGPIPE, which needs a few more system calls. After a partial write would_block is set.
Transferred write_file(int fd, std::span<const Bytes> pieces);

}  // namespace sluice::transport
