// writev(2) without SIGPIPE, for descriptors without MSG_NOSIGNAL: pipes, terminals, devices.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <span>

namespace sluice::transport {

// As writev(2), but repeats after EINTR. A SIGPIPE that it raises is consumed. The thread's signal mask, and a SIGPIPE
// that was pending before, are unchanged.
ssize_t write_quietly(int fd, std::span<const iovec> pieces);

}  // namespace sluice::transport
