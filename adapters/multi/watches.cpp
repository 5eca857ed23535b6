// See watches.hpp. The sink is called last in each function, because it may call the Multi.
#include "adapters/multi/watches.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

namespace sluice::multi {

Watches::Watches(Waiter& waiter) : waiter_(waiter) {
  const auto index = static_cast<std::size_t>(waiter.wakeup_fd());
  by_fd_.resize(index + 1);
  by_fd_[index].events = kEventRead;  // the waiter watches its wakeup descriptor itself
}

void Watches::count(int fd, bool watched) {
  if (fd < FD_SETSIZE) return;
  if (watched) {
    ++too_large_;
  } else {
    --too_large_;
  }
}

int Watches::set(int fd, std::uint8_t events, ConnId owner) {
  const Watch* const present = find(fd);
  const bool own = present && present->owner == owner;
  if (events == 0) {
    if (!own) return 0;
    // With an empty event mask the system would report a hang-up again and again, so it is removed.
    waiter_.remove(fd);
    end(fd);
    return 0;
  }
  if (!own) return start(fd, events, owner);
  if (present->events == events) return 0;
  if (const int error = waiter_.modify(fd, events, present->generation); error != 0) return error;
  Watch& watch = by_fd_[static_cast<std::size_t>(fd)];
  watch.events = events;
  if (sink_) sink_->on_watch(fd, events, watch.assigned);
  return 0;
}

// The waiter is asked first: it refuses a number that is not a descriptor, before memory is used for it, and one that
// is watched already. If an earlier owner's descriptor was closed without notice, which is against the rules, its watch
// must not affect the new owner of the number.
int Watches::start(int fd, std::uint8_t events, ConnId owner) {
  const auto index = static_cast<std::size_t>(fd);
  const bool taken = find(fd) != nullptr;
  const std::uint32_t generation = index < by_fd_.size() ? by_fd_[index].generation + (taken ? 1 : 0) : 0;
  if (const int error = waiter_.add(fd, events, generation); error != 0) return error;
  if (index >= by_fd_.size()) {
    try {
      by_fd_.resize(std::max(index + 1, by_fd_.size() * 2));
    } catch (const std::bad_alloc&) {
      waiter_.remove(fd);
      return ENOMEM;
    }
  }
  if (taken) end(fd);
  count(fd, true);
  Watch& watch = by_fd_[index];
  watch.events = events;
  watch.owner = owner;
  if (sink_) sink_->on_watch(fd, events, watch.assigned);
  return 0;
}

void Watches::forget(int fd, ConnId owner) {
  const Watch* const present = find(fd);
  if (present && present->owner == owner) end(fd);
}

void Watches::end(int fd) {
  Watch& watch = by_fd_[static_cast<std::size_t>(fd)];
  void* const assigned = watch.assigned;
  watch = {.generation = watch.generation + 1, .events = 0, .postponed = 0, .owner = {}, .assigned = nullptr};
  if (fd != waiter_.wakeup_fd()) count(fd, false);
  if (sink_) sink_->on_watch(fd, 0, assigned);
}

const Watch* Watches::find(int fd) const {
  const auto index = static_cast<std::size_t>(fd);
  if (fd < 0 || index >= by_fd_.size() || by_fd_[index].events == 0) return nullptr;
  return &by_fd_[index];
}

const Watch* Watches::find(const Ready& ready) const {
  const Watch* watch = find(ready.fd);
  return watch && watch->generation == ready.generation ? watch : nullptr;
}

void Watches::set_sink(WatchSink* sink) {
  sink_ = sink;
  const std::uint64_t turn = ++sinks_set_;
  for (Watch& watch : by_fd_) watch.assigned = nullptr;  // they belonged to the earlier sink
  for (std::size_t i = 0; i < by_fd_.size(); ++i) {
    // The sink was set again inside the call, and all watches were reported to the new one.
    if (sinks_set_ != turn) return;
    if (sink_ && by_fd_[i].events != 0) sink_->on_watch(static_cast<int>(i), by_fd_[i].events, by_fd_[i].assigned);
  }
}

void Watches::postpone(int fd, std::uint8_t events) {
  if (!find(fd)) return;
  Watch& watch = by_fd_[static_cast<std::size_t>(fd)];
  if (watch.postponed == 0) postponed_.push({fd, watch.generation, 0});  // may throw; nothing has changed then
  watch.postponed = static_cast<std::uint8_t>(watch.postponed | events);
}

Ready Watches::take_postponed() {
  Ready ready = postponed_.pop();
  if (find(ready)) ready.events = std::exchange(by_fd_[static_cast<std::size_t>(ready.fd)].postponed, std::uint8_t{0});
  return ready;
}

void Watches::assign(int fd, void* value) {
  if (find(fd)) by_fd_[static_cast<std::size_t>(fd)].assigned = value;
}

Result<void> Watches::fdset(fd_set* read, fd_set* write, int* highest) const try {
  if (too_large_ != 0) {
    return std::unexpected(
        make_error(Code::descriptor_too_large, "fdset: " + std::to_string(too_large_) +
                                                   " watched descriptors do not fit in an fd_set, which ends at " +
                                                   std::to_string(FD_SETSIZE - 1)));
  }
  int top = -1;
  for (std::size_t i = 0; i < std::min<std::size_t>(by_fd_.size(), FD_SETSIZE); ++i) {
    const std::uint8_t events = by_fd_[i].events;
    if (events == 0 || static_cast<int>(i) == waiter_.wakeup_fd()) continue;
    top = static_cast<int>(i);
    if (read && (events & kEventRead)) FD_SET(top, read);
    if (write && (events & kEventWrite)) FD_SET(top, write);
  }
  if (highest) *highest = top;
  return {};
} catch (const std::bad_alloc&) {  // thrown while the text is made
  return std::unexpected(make_error(Code::descriptor_too_large, {}));
}

}  // namespace sluice::multi
