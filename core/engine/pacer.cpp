// See pacer.hpp.
#include "core/engine/pacer.hpp"

#include <algorithm>
#include <limits>

namespace sluice::engine {

namespace {

constexpr std::size_t kMinShare = 1024, kMaxShare = 16 * 1024;
constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

}  // namespace

void Pacer::set_limits(const EngineLimits& limits, Now now) {
  receive_.limit = RateLimit(limits.max_receive_rate, now.steady);
  send_.limit = RateLimit(limits.max_send_rate, now.steady);
  // Those that wait are asked again, by the new limits.
  if (!receive_.waiting.empty()) wake(receive_, Duration::zero(), now);
  if (!send_.waiting.empty()) wake(send_, Duration::zero(), now);
}

std::unique_ptr<Pace> Pacer::make(TransferId transfer, const TransferLimits* limits, Now now) {
  auto pace = std::make_unique<Pace>();
  pace->receive.transfer = pace->send.transfer = transfer;
  if (!limits) return pace;
  pace->receive.limit = RateLimit(limits->max_receive_rate, now.steady);
  pace->send.limit = RateLimit(limits->max_send_rate, now.steady);
  if (limits->low_rate) pace->speed = flow::SpeedWatch(*limits->low_rate, limits->low_period);
  return pace;
}

void Pacer::start_phase(Pace& pace, std::optional<Duration> time, Now now) {
  if (time) {
    timers_.set(pace.phase_timer, *time, TimerKind::phase_timeout, pace.receive.transfer, now);
  } else {
    timers_.cancel(pace.phase_timer);
  }
}

void Pacer::begin(Pace& pace, const TransferLimits* limits, bool sends, std::uint64_t sent, Now now) {
  pace.sent = sent;
  pace.unconsumed = 0;
  stop_phase(pace);
  fill(pace.receive, receive_, now);
  pace.send.credit = kUnlimited;
  if (sends) fill(pace.send, send_, now);
  if (!limits || !limits->low_rate) return;
  pace.speed.begin(pace.moved);
  watch_speed(pace, now);
}

void Pacer::watch_speed(Pace& pace, Now now) {
  timers_.set(pace.speed_timer, pace.speed.step(), TimerKind::low_rate, pace.receive.transfer, now);
}

void Pacer::sent_so_far(Pace& pace, std::uint64_t sent, Now now) {
  const std::uint64_t more = sent - std::min(sent, pace.sent);
  pace.sent = sent;
  if (more == 0) return;
  passed(pace.send, send_,
         static_cast<std::size_t>(std::min<std::uint64_t>(more, std::numeric_limits<std::size_t>::max())), now);
}

void Pacer::passed(Lane& lane, Whole& whole, std::size_t bytes, Now now) {
  lane.limit.passed(bytes, now.steady);
  whole.limit.passed(bytes, now.steady);
  lane.credit -= std::min(bytes, lane.credit);
  if (lane.credit == 0) fill(lane, whole, now);
}

// The credit is used up. The transfer's own limit is asked first: who waits for that one does not wait for the other.
void Pacer::fill(Lane& lane, Whole& whole, Now now) {
  lane.credit = 0;
  const std::size_t own = lane.limit.allowed(now.steady);
  if (own == 0) {
    timers_.set(lane.timer, lane.limit.ready() - now.steady, whole.of_one, lane.transfer, now);
  } else if (!whole.limit.limits()) {
    lane.credit = own;
  } else if (const std::size_t all = whole.waiting.empty() && !whole.shares ? whole.limit.allowed(now.steady) : 0;
             all > 0) {
    lane.credit = portion(lane, whole, all, now);
  } else {
    if (!timers_.is_set(whole.timer)) wake(whole, whole.limit.ready() - now.steady, now);
    if (!List<Lane, &Lane::waiting>::contains(lane)) whole.waiting.push_back(lane);
  }
}

void Pacer::change(Pace& pace, bool sends, Now now) {
  change(pace.receive, receive_, now);
  if (sends) {
    change(pace.send, send_, now);
  } else {
    end_sending(pace);
  }
}

// What it had is taken back: with others it waits for its share of the new rate, so that all together get no more.
void Pacer::change(Lane& lane, Whole& whole, Now now) {
  lane.credit = 0;
  leave(lane, whole);
  if (!whole.limit.limits() || lane.limit.allowed(now.steady) == 0) return fill(lane, whole, now);
  if (!timers_.is_set(whole.timer)) wake(whole, Duration::zero(), now);
  whole.waiting.push_back(lane);
}

// The more wait, the smaller a share is: most need little.
std::size_t Pacer::portion(const Lane& lane, const Whole& whole, std::size_t budget, Now now) {
  const std::size_t waiting = std::max(whole.waiting.size(), std::size_t{1});
  const std::size_t share = std::clamp(budget / waiting, kMinShare, kMaxShare);
  return std::max(std::min({lane.limit.allowed(now.steady), budget, share}), std::size_t{1});
}

void Pacer::wake(Whole& whole, Duration after, Now now) {
  timers_.set(whole.timer, std::max(after, Duration::zero()), whole.of_all, TransferId{}, now);
}

// What is left of its share still counts as allowed, so the next ones need not wait as long.
void Pacer::leave(Lane& lane, Whole& whole) noexcept {
  timers_.cancel(lane.timer);
  if (List<Lane, &Lane::waiting>::contains(lane)) whole.waiting.remove(lane);
  if (whole.waiting.empty()) return timers_.cancel(whole.timer);
  if (lane.credit == 0) return;
  const Instant ready = whole.limit.ready();
  if (const auto due = timers_.due(whole.timer); due && ready < *due) {
    timers_.set_at(whole.timer, ready, whole.of_all, TransferId{});
  }
}

void Pacer::end_sending(Pace& pace) noexcept {
  leave(pace.send, send_);
  pace.send.credit = kUnlimited;
}

void Pacer::stop(Pace& pace) noexcept {
  leave(pace.receive, receive_);
  leave(pace.send, send_);
  pace.receive.credit = pace.send.credit = 0;
  timers_.cancel(pace.phase_timer);
  timers_.cancel(pace.speed_timer);
}

}  // namespace sluice::engine
