// See select.hpp: the loop of fdset, select(2) and perform, as anybody would write it by hand.
#include "adapters/select.hpp"

#include <sys/select.h>
#include <sys/time.h>

#include <cerrno>

#include "adapters/net/socket.hpp"

namespace sluice {
namespace {

Result<void> wait_once(const Multi& multi) {
  fd_set read, write;
  FD_ZERO(&read);
  FD_ZERO(&write);
  int highest = -1;
  if (auto filled = multi.fdset(&read, &write, nullptr, &highest); !filled) return filled;
  const auto timeout = multi.timeout();
  if (!timeout && highest < 0) {
    return std::unexpected(
        make_error(Code::invalid_option, "run: every transfer left is paused, so nothing can happen any more"));
  }
  timeval wait = {};
  if (timeout) {
    wait.tv_sec = static_cast<time_t>(timeout->count() / 1000);
    wait.tv_usec = static_cast<suseconds_t>(timeout->count() % 1000 * 1000);
  }
  if (::select(highest + 1, &read, &write, nullptr, timeout ? &wait : nullptr) < 0 && errno != EINTR) {
    return std::unexpected(make_error(Code::internal, "run: select: " + net::describe_errno(errno), errno));
  }
  return {};
}

}  // namespace

Result<void> run(Multi& multi) {
  for (;;) {
    int running = 0;
    switch (multi.perform(&running)) {
      case Drive::ok:
        break;
      case Drive::call_again:
        continue;
      case Drive::recursive_call:
        return std::unexpected(make_error(Code::recursive_call, "run: called from inside a callback"));
      case Drive::failed:
        return std::unexpected(make_error(Code::internal, "run: the watches of this Multi are unusable"));
    }
    if (running == 0) return {};
    if (auto waited = wait_once(multi); !waited) return waited;
  }
}

}  // namespace sluice
