// See waiter.hpp.
#include "adapters/sim/waiter.hpp"

#include <cerrno>
#include <new>

#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

// The virtual time that each look takes, like an iteration of a busy loop, so that a program which looks again and
// again without waiting makes progress.
constexpr Duration kLook = std::chrono::microseconds(100);

}  // namespace

VirtualWaiter::VirtualWaiter(Host& host)
    : host_(host), wakeup_fd_(host.descriptors().open(bell_)), fd_(host.descriptors().open(all_)) {}

VirtualWaiter::~VirtualWaiter() {
  host_.descriptors().close(fd_);
  host_.descriptors().close(wakeup_fd_);
}

int VirtualWaiter::add(int fd, std::uint8_t events, std::uint32_t generation) try {
  const std::uint64_t life = host_.descriptors().life(fd);
  if (life == 0) return EBADF;
  if (fd == fd_) return EINVAL;
  if (fd == wakeup_fd_) return EEXIST;
  const auto [at, fresh] = watched_.try_emplace(fd);
  if (!fresh && at->second.life == life) return EEXIST;
  at->second = {life, events, generation};
  return 0;
} catch (const std::bad_alloc&) {
  return ENOMEM;
}

int VirtualWaiter::modify(int fd, std::uint8_t events, std::uint32_t generation) {
  const auto found = watched_.find(fd);
  if (found == watched_.end() || found->second.life != host_.descriptors().life(fd)) return ENOENT;
  found->second.events = events;
  found->second.generation = generation;
  return 0;
}

int VirtualWaiter::remove(int fd) { return watched_.erase(fd) > 0 ? 0 : ENOENT; }

std::uint8_t VirtualWaiter::ready_of(int fd, const Watch& watch) const {
  if (host_.descriptors().life(fd) != watch.life) return kEventNone;
  return static_cast<std::uint8_t>(host_.descriptors().find(fd)->ready() & (watch.events | kEventError));
}

bool VirtualWaiter::has_something() const {
  if (rung_ || (timer_at_ && *timer_at_ <= host_.now().steady)) return true;
  for (const auto& [fd, watch] : watched_) {
    if (ready_of(fd, watch) != kEventNone) return true;
  }
  return false;
}

// True: a descriptor is ready, or there was a wakeup, or the timer expired.
bool VirtualWaiter::fetch() {
  SLUICE_CHECK(!has_ready());
  begin_batch();
  const bool rung = rung_;
  take_event();
  const bool due = timer_at_ && *timer_at_ <= host_.now().steady;
  if (due) timer_at_.reset();
  std::size_t count = 0;
  for (auto each = watched_.begin(); each != watched_.end() && count < kBatch;) {
    const auto& [fd, watch] = *each;
    if (host_.descriptors().life(fd) != watch.life) {  // closed: it leaves the set
      each = watched_.erase(each);
      continue;
    }
    if (const std::uint8_t events = ready_of(fd, watch); events != kEventNone) {
      ++count;
      put({fd, watch.generation, events});
    }
    ++each;
  }
  set_full(count == kBatch);
  return rung || due || count > 0;
}

bool VirtualWaiter::look_beside(std::span<ExtraDescriptor> extra) const {
  bool any = false;
  for (ExtraDescriptor& one : extra) {
    const Source* const source = host_.descriptors().find(one.fd);
    one.ready =
        source ? static_cast<std::uint8_t>(source->ready() & (one.wanted | kEventError)) : std::uint8_t{kEventError};
    any = any || one.ready != kEventNone;
  }
  return any;
}

int VirtualWaiter::look() {
  const Instant until = host_.now().steady + kLook;
  while (host_.advance(until, false) == Host::Went::on) {
  }
  fetch();
  return 0;
}

int VirtualWaiter::wait_beside(std::span<ExtraDescriptor> extra, int timeout_ms) {
  const Instant now = host_.now().steady;
  const Instant until =
      timeout_ms < 0 ? Instant::max() : now + std::max<Duration>(std::chrono::milliseconds(timeout_ms), kLook);
  const bool kept = has_ready();  // a batch that was not taken yet is kept, and only `extra` is checked
  for (;;) {
    const bool beside = look_beside(extra);
    if (kept || fetch() || beside) return 0;
    switch (host_.advance(until, true)) {
      case Host::Went::on:
        break;
      case Host::Went::called:
        return 0;
      case Host::Went::over:
        look_beside(extra);
        fetch();
        return 0;
      case Host::Went::limit:
        return ETIME;
    }
  }
}

void VirtualWaiter::take_event() {
  if (rung_.exchange(false)) set_woken();
}

void VirtualWaiter::set_timer(std::optional<Instant> at) {
  if (!at || (timer_at_ && *timer_at_ <= *at)) return;
  timer_at_ = at;
  host_.alarm(*at);
}

}  // namespace sluice::sim
