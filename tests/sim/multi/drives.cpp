// See drives.hpp.
#include "tests/sim/multi/drives.hpp"

#include <sys/select.h>

#include <algorithm>
#include <string>
#include <utility>

#include "tests/sim/multi/world.hpp"

namespace sluice::simtest::driven {
namespace {

using std::chrono::milliseconds;

int to_milliseconds(Duration wait) {
  return static_cast<int>(std::chrono::ceil<milliseconds>(std::max(wait, Duration(0))).count());
}

std::string number(std::int64_t value) { return std::to_string(value); }

}  // namespace

Drives::Drives(World& world)
    : world_(world), random_(draws(world.plan().seed, Draws::drive)), kind_(world.plan().drive.kinds.front()) {
  for (auto& one : own_) one = world.environment().make_waiter().value();
  own_[1]->wakeup();
}

void Drives::attach(bool on) {
  table_.clear();
  timer_at_.reset();
  attached_ = on;
  attaching_ = true;
  world_.multi().set_watch_sink(on ? this : nullptr);
  attaching_ = false;
  world_.excuse_idle_drive();
}

void Drives::attach_again() {
  if (attached_ && !attaching_) attach(true);
}

void Drives::switch_kind() {
  const auto& kinds = world_.plan().drive.kinds;
  kind_ = kinds[random_.below(kinds.size())];
  // A sink may stay attached when another way of driving is used: it is still told of each change.
  if (kind_ == DriveKind::socket_action ? !attached_ : attached_ && chance(random_, 600))
    attach(kind_ == DriveKind::socket_action);
}

void Drives::step(Duration longest) {
  const DrivePlan& plan = world_.plan().drive;
  if (kind_ == DriveKind::socket_action && !attached_) attach(true);
  if (chance(random_, plan.switches)) switch_kind();
  if (chance(random_, plan.wakeups)) {
    world_.multi().wakeup();
    world_.excuse_idle_drive();
  }
  if (chance(random_, plan.needless)) needless();
  if (chance(random_, plan.stale)) hand_in_stale();
  switch (kind_) {
    case DriveKind::perform_poll:
      return by_poll(longest);
    case DriveKind::perform_select:
      return by_select(longest);
    case DriveKind::socket_action:
      return by_sockets(longest);
    case DriveKind::fd:
      return by_fd(longest);
  }
}

// ---- the ways of driving ----

void Drives::by_poll(Duration longest) {
  // After a wakeup() it must not sleep, whatever the limit.
  const bool woken = chance(random_, world_.plan().drive.wakeups);
  if (woken) {
    world_.multi().wakeup();
    if (chance(random_, 400)) perform(false);
  }
  const milliseconds wait = woken ? milliseconds(1'000) : std::chrono::ceil<milliseconds>(longest);
  const Instant began = world_.environment().steady();
  const bool beside = chance(random_, 100);
  const auto result = beside ? poll_beside(wait) : world_.multi().poll({}, wait);
  if (!result) return world_.fail("poll()", result.error().message());
  const bool early = world_.environment().steady() - began < wait;
  if (woken && !early && !result->woken && !beside)
    world_.fail("a wakeup is never lost", "poll() slept after wakeup()");
  Drive answer = perform(early && wait > milliseconds(0) && !woken && !beside && !result->woken);
  for (int i = 0; answer == Drive::call_again && i < 3 && chance(random_, 500); ++i) answer = perform(true);
}

// With extra descriptors, one of which is ready.
Result<PollResult> Drives::poll_beside(std::chrono::milliseconds wait) {
  ExtraDescriptor extra[2] = {{.fd = own_[0]->wakeup_fd(), .wanted = kEventRead},
                              {.fd = own_[1]->wakeup_fd(), .wanted = kEventRead}};
  auto result = world_.multi().poll(extra, wait);
  if (result && (extra[0].ready != kEventNone || extra[1].ready != kEventRead || result->ready != 1))
    world_.fail("poll() looks at the caller's descriptors", "and did not see which is ready");
  return result;
}

void Drives::by_select(Duration longest) {
  fd_set read, write;
  FD_ZERO(&read);
  FD_ZERO(&write);
  int highest = -2;
  const int wakeup = world_.multi().wakeup_fd();
  FD_SET(wakeup, &read);
  // check_watches() looks into it.
  if (!world_.multi().fdset(&read, &write, nullptr, &highest)) return by_poll(longest);
  if (!FD_ISSET(wakeup, &read)) world_.fail("fdset() only adds", "a bit of the caller's was taken out");
  const auto own = world_.multi().timeout();
  // As select(2): waits for the descriptors in the sets.
  const auto waiter = world_.environment().make_waiter().value();
  waiter->add(wakeup, kEventRead, 0);
  for (int fd = 0; fd <= highest; ++fd) {
    const auto events =
        static_cast<std::uint8_t>((FD_ISSET(fd, &read) ? kEventRead : 0) | (FD_ISSET(fd, &write) ? kEventWrite : 0));
    if (events == 0 || fd == wakeup) continue;
    if (waiter->add(fd, events, 0) != 0)
      return world_.fail("fdset() names descriptors that are open", "descriptor " + number(fd));
  }
  waiter->wait(to_milliseconds(own ? std::min<Duration>(longest, *own) : longest));
  const auto due = world_.multi().timeout();
  if (waiter->has_ready() || (due && *due == milliseconds(0))) perform(true);
}

void Drives::by_fd(Duration longest) {
  const auto waiter = world_.environment().make_waiter().value();
  waiter->add(world_.multi().fd(), kEventRead, 0);
  waiter->wait(to_milliseconds(longest));
  if (waiter->has_ready()) perform(true);
}

void Drives::by_sockets(Duration longest) {
  const auto waiter = world_.environment().make_waiter().value();
  for (const auto& [fd, watch] : table_) {
    if (waiter->add(fd, watch.events, 0) != 0)
      return world_.fail("a watch ends before its descriptor", "descriptor " + number(fd));
  }
  const Instant now = world_.environment().steady();
  waiter->wait(to_milliseconds(timer_at_ ? std::min(longest, *timer_at_ - now) : longest));
  std::vector<Ready> batch;
  while (const auto ready = waiter->next()) batch.push_back(*ready);
  const std::size_t first = batch.empty() ? 0 : random_.below(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Ready& one = batch[(first + i) % batch.size()];
    if (chance(random_, world_.plan().drive.lazy)) continue;
    // A watch that ended in this batch is still reported, as simple loops do.
    action(one.fd, one.events, table_.contains(one.fd));
  }
  if (timer_at_ && *timer_at_ <= world_.environment().steady()) {
    timer_at_.reset();
    action(Multi::kNoSocket, kEventNone, true);
  }
}

// ---- what careless loops do ----

void Drives::needless() {
  if (attached_ && chance(random_, 500)) {
    action(Multi::kNoSocket, kEventNone, false);
  } else {
    perform(false);
    if (chance(random_, 300)) perform(false);
  }
}

void Drives::hand_in_stale() {
  const auto events = static_cast<std::uint8_t>(random_.below(8));
  int fd = static_cast<int>(random_.below(60)) - 3;
  if (!seen_.empty() && chance(random_, 700)) fd = seen_[random_.below(seen_.size())];
  if (chance(random_, 30)) fd = 1'000'000;
  action(fd, events, false);
  if (chance(random_, 200)) action(fd, events, false);
}

Drive Drives::perform(bool asked_for) {
  world_.before_drive();
  int running = -1;
  const Drive answer = world_.multi().perform(&running);
  world_.after_drive(answer, running, asked_for);
  return answer;
}

Drive Drives::action(int fd, std::uint8_t events, bool asked_for) {
  world_.before_drive();
  int running = -1;
  const Drive answer = world_.multi().socket_action(fd, events, &running);
  world_.after_drive(answer, running, asked_for);
  return answer;
}

// ---- the sink ----

void Drives::on_watch(int fd, std::uint8_t events, void* assigned) {
  if (!attached_) return world_.fail("watches", "reported to a sink that was taken off");
  const auto found = table_.find(fd);
  const Watch before = found == table_.end() ? Watch{} : found->second;
  if (events == before.events)
    world_.fail("watches are reported as changes", "descriptor " + number(fd) + " twice as " + number(events));
  if ((events & ~(kEventRead | kEventWrite)) != 0) world_.fail("watches", "for events " + number(events));
  if (assigned != before.assigned) world_.fail("assign()", "another pointer comes back for descriptor " + number(fd));
  if (!world_.environment().is_open(fd))
    world_.fail("a watch ends before its descriptor", "reported for closed descriptor " + number(fd));
  if (events == 0) {
    table_.erase(fd);
  } else {
    if (world_.has_multi() && fd != world_.multi().wakeup_fd() && !world_.environment().has_shown(fd))
      world_.fail("watches", "descriptor " + number(fd) + " is no transport's");
    table_[fd] = {events, before.assigned};
    seen_.push_back(fd);
    if (world_.has_multi() && chance(random_, 300)) {
      table_[fd].assigned = &tokens_[random_.below(std::size(tokens_))];
      world_.multi().assign(fd, table_[fd].assigned);
    }
  }
  if (world_.has_multi() && world_.in_drive) world_.mischief(random_, nullptr);
}

void Drives::on_timer(std::optional<Instant> at) {
  if (!attached_) return world_.fail("watches", "a timer is reported to a sink that was taken off");
  timer_at_ = at;
  if (world_.has_multi() && world_.in_drive) world_.mischief(random_, nullptr);
}

void Drives::check_watches() {
  fd_set read, write;
  FD_ZERO(&read);
  FD_ZERO(&write);
  int highest = -2;
  if (const auto result = world_.multi().fdset(&read, &write, nullptr, &highest); !result) {
    if (!world_.plan().drive.high_descriptors || result.error().code != Code::descriptor_too_large)
      world_.fail("fdset()", result.error().message());
    if (highest != -2) world_.fail("fdset()", "wrote although it answered an error");
    return;
  }
  if (attached_ && !table_.empty() && table_.rbegin()->first >= FD_SETSIZE)
    world_.fail("fdset()", "left out descriptor " + number(table_.rbegin()->first) + " without a word");
  int top = -1;
  for (int fd = 0; fd < FD_SETSIZE; ++fd) {
    const bool reads = FD_ISSET(fd, &read), writes = FD_ISSET(fd, &write);
    if (attached_ && fd != world_.multi().wakeup_fd()) {
      const auto found = table_.find(fd);
      const std::uint8_t events = found == table_.end() ? std::uint8_t{0} : found->second.events;
      if (reads != ((events & kEventRead) != 0) || writes != ((events & kEventWrite) != 0))
        world_.fail("the sink knows what is watched",
                    "descriptor " + number(fd) + ": " + number(events) + " was reported");
    }
    if (!reads && !writes) continue;
    top = fd;
    if (!world_.environment().has_shown(fd)) world_.fail("fdset()", "descriptor " + number(fd) + " is no transport's");
  }
  if (highest != top) world_.fail("fdset()", "highest is " + number(highest) + " instead of " + number(top));
}

void Drives::check_all_removed() {
  if (attached_ && !table_.empty()) world_.fail("watches", "not all were removed when the Multi went");
}

}  // namespace sluice::simtest::driven
