// See select.hpp. The usual loop of fdset(), select(2) and perform().
#include "adapters/select.hpp"

#include <sys/select.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "adapters/net/socket.hpp"

namespace sluice {
namespace {

using std::chrono::milliseconds;

// Longer waits are cut to this, so that the conversion to a timeval cannot overflow.
constexpr milliseconds kLongest = std::chrono::hours(24);

struct Sets {
  fd_set read, write, except;
  int highest = -1;

  Sets() {
    FD_ZERO(&read);
    FD_ZERO(&write);
    FD_ZERO(&except);
  }
  Result<void> add(int fd, std::uint8_t wanted) {
    if (fd < 0) return {};  // skipped, as by poll(2)
    if (fd >= FD_SETSIZE) {
      return std::unexpected(make_error(Code::descriptor_too_large, "select: descriptor " + std::to_string(fd) +
                                                                        " does not fit in an fd_set, which ends at " +
                                                                        std::to_string(FD_SETSIZE - 1)));
    }
    if (wanted & kEventRead) FD_SET(fd, &read);
    if (wanted & kEventWrite) FD_SET(fd, &write);
    if (wanted & kEventError) FD_SET(fd, &except);
    highest = std::max(highest, fd);
    return {};
  }
  std::uint8_t events(int fd) const {
    if (fd < 0) return kEventNone;
    return static_cast<std::uint8_t>((FD_ISSET(fd, &read) ? kEventRead : 0) | (FD_ISSET(fd, &write) ? kEventWrite : 0) |
                                     (FD_ISSET(fd, &except) ? kEventError : 0));
  }
};

// Adds the descriptors that the Multi watches; `sets.highest` is -1 if there are none.
Result<void> fill(Sets& sets, const Multi& multi) {
  return multi.fdset(&sets.read, &sets.write, &sets.except, &sets.highest);
}

// Waits for the descriptors in `sets`, the wakeup and `extra`.
Result<PollResult> wait_for(Sets& sets, Multi& multi, std::span<ExtraDescriptor> extra, milliseconds longest) {
  if (auto added = sets.add(multi.wakeup_fd(), kEventRead); !added) return std::unexpected(std::move(added.error()));
  for (ExtraDescriptor& one : extra) {
    one.ready = kEventNone;
    if (auto added = sets.add(one.fd, one.wanted); !added) return std::unexpected(std::move(added.error()));
  }
  PollResult result;
  result.woken = multi.take_wakeup();
  longest = result.woken ? milliseconds(0) : std::clamp(longest, milliseconds(0), kLongest);
  timeval wait = {};
  wait.tv_sec = static_cast<time_t>(longest.count() / 1000);
  wait.tv_usec = static_cast<suseconds_t>(longest.count() % 1000 * 1000);
  if (::select(sets.highest + 1, &sets.read, &sets.write, &sets.except, &wait) < 0) {
    if (errno == EINTR) return result;  // a signal ends the wait early
    return std::unexpected(make_error(Code::internal, "select: " + net::describe_errno(errno), errno));
  }
  for (ExtraDescriptor& one : extra) {
    one.ready = static_cast<std::uint8_t>(sets.events(one.fd) & one.wanted);
    if (one.ready != 0) ++result.ready;
  }
  if ((sets.events(multi.wakeup_fd()) & kEventRead) != 0 && multi.take_wakeup()) result.woken = true;
  return result;
}

}  // namespace

Result<PollResult> select_wait(Multi& multi, std::span<ExtraDescriptor> extra, milliseconds longest) {
  Sets sets;
  if (auto filled = fill(sets, multi); !filled) return std::unexpected(std::move(filled.error()));
  return wait_for(sets, multi, extra, std::min(longest, multi.timeout().value_or(kLongest)));
}

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
    Sets sets;
    if (auto filled = fill(sets, multi); !filled) return filled;
    const auto timeout = multi.timeout();
    const bool dead = !timeout && sets.highest < 0 && !multi.waits_for_signals();
    if (dead || (timeout != milliseconds(0) && multi.all_paused())) {
      return std::unexpected(
          make_error(Code::invalid_option, "run: every transfer left is paused, so nothing can happen any more"));
    }
    if (auto waited = wait_for(sets, multi, {}, timeout.value_or(kLongest)); !waited) {
      return std::unexpected(std::move(waited.error()));
    }
  }
}

}  // namespace sluice
