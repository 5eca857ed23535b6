// See quiet_write.hpp. The signal is raised in the writing thread, so it can be blocked and consumed there.
#include "adapters/transport/quiet_write.hpp"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <ctime>

namespace sluice::transport {

ssize_t write_quietly(int fd, std::span<const iovec> pieces) {
  sigset_t sigpipe, pending, before;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  sigemptyset(&pending);
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
  ssize_t size = 0;
  do size = ::writev(fd, pieces.data(), static_cast<int>(pieces.size()));
  while (size < 0 && errno == EINTR);
  const int error = errno;
  if (size < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) != 1) {
    const timespec at_once = {};
    while (::sigtimedwait(&sigpipe, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return size;
}

}  // namespace sluice::transport
