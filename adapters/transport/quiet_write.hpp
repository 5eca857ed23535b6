// writev(2) without SIGPIPE, for what has no MSG_NOSIGNAL: pipes, terminals, devices.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <span>

namespace sluice::transport {

// As writev(2), EINTR taken care of. A SIGPIPE that it raises reaches nobody; the thread's mask and a SIGPIPE that was
// pending before stay as they are.
ssize_t write_quietly(int fd, std::span<const iovec> pieces);

}  // namespace sluice::transport
