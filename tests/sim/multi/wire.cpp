// See wire.hpp. The near ends and the dialers; what they share is in environment.cpp.
#include "tests/sim/multi/wire.hpp"

#include <algorithm>
#include <utility>

namespace sluice::simtest::driven {
namespace {

using std::chrono::microseconds;

constexpr int kOwnError = 4711;
constexpr std::size_t kMostDrips = 300;  // a connection; one byte each

}  // namespace

NearEnd::NearEnd(SimEnvironment& environment, std::size_t origin, std::uint64_t number,
                 std::unique_ptr<Transport> inner, TransportSignal signal)
    : environment_(environment),
      origin_(origin),
      inner_(std::move(inner)),
      signal_(std::move(signal)),
      random_(draws(environment.plan().seed, Draws::line, origin, number)) {
  if (chance(random_, line().drips)) drips_ = kMostDrips;
  const std::pair<Fault, PerMille> faults[] = {{Fault::open_failed, line().open_failed},
                                               {Fault::error, line().error},
                                               {Fault::early_end, line().early_end},
                                               {Fault::lie, line().lie}};
  for (const auto& [fault, rate] : faults) {
    if (!fault_ && chance(random_, rate)) fault_ = fault;
  }
  fault_at_ = random_.below(line().fault_within + 1);
  half_ = chance(random_, 500);
  if (signal_) plan_opening();
  if (signal_ && chance(random_, 200)) environment_.keep(signal_);
  environment_.entered(this);
}

NearEnd::~NearEnd() {
  environment_.left(this);
  for (const int fd : {inner_->fd(), gate_->event ? gate_->event->wakeup_fd() : -1}) {
    if (fd >= 0 && environment_.is_watched && environment_.is_watched(fd))
      environment_.fail("a watch ends before its descriptor",
                        "a transport is destroyed whose descriptor is still watched");
  }
  environment_.stop_listening(inner_->fd());
  environment_.progress();
}

void NearEnd::plan_opening() {
  hidden_ = chance(random_, line().hidden);
  if (!chance(random_, line().slow_open)) return;
  for (std::size_t count = 1 + random_.below(3); count > 0; --count)
    steps_.push_back(static_cast<Step>(random_.below(2)));
  if (std::ranges::find(steps_, Step::event) != steps_.end()) gate_->event = environment_.make_waiter().value();
}

// Makes the awaited thing happen a little later.
void NearEnd::arm(Step step) {
  armed_ = true;
  const Duration delay = chance(random_, 400) ? Duration(0) : Duration(microseconds(random_.below(1'200)));
  environment_.later(environment_.steady() + delay, [gate = gate_, step, signal = signal_] {
    gate->ready = true;
    if (step == Step::signal) return signal();
    if (gate->event) gate->event->wakeup();
  });
}

Result<Opening> NearEnd::pass_steps() {
  while (!steps_.empty()) {
    const Step step = steps_.back();
    if (!armed_) {
      arm(step);
      environment_.progress();
    }
    if (!gate_->ready) return step == Step::signal ? Opening::wait_signal : Opening::wait_read;
    steps_.pop_back();
    armed_ = gate_->ready = false;
    environment_.progress();
    if (gate_->event) gate_->event->take_event();
  }
  return Opening::done;
}

Result<Opening> NearEnd::open() {
  if (opened_) environment_.fail("a transport's contract", "open() after it was done");
  auto passed = pass_steps();
  said_signal_ = *passed == Opening::wait_signal;
  if (*passed != Opening::done) return passed;
  if (fault_ == Fault::open_failed) {
    environment_.progress();
    environment_.happened(origin_, Fault::open_failed);
    return std::unexpected(make_error(Code::connect_failed, "connect by the simulated line: no tone", kOwnError));
  }
  auto inner = inner_->open();
  if (!std::exchange(inner_began_, true)) environment_.progress();
  if (!inner) {
    environment_.progress();
    return inner;
  }
  if (*inner == Opening::done) {
    opened_ = true;
    environment_.progress();
    return inner;
  }
  said_signal_ = hidden_;
  if (!hidden_) return inner;
  environment_.listen(*this, inner_->fd(), kEventWrite);
  return Opening::wait_signal;
}

int NearEnd::fd() const {
  if (!opened_ && !steps_.empty()) {
    if (steps_.back() == Step::event) return gate_->event->wakeup_fd();
    return -1;
  }
  return hidden_ ? -1 : inner_->fd();
}

// All its descriptors stay open until the end, whichever fd() returns now.
bool NearEnd::has_shown(int fd) const {
  return fd >= 0 && (fd == inner_->fd() || (gate_->event && fd == gate_->event->wakeup_fd()));
}

void NearEnd::heard(std::uint8_t) { ring(); }

void NearEnd::ring() {
  if (!chance(random_, line().odd_signals)) return signal_();
  environment_.excuse_idle_drive();
  switch (random_.below(3)) {
    case 0:
      signal_(), signal_();
      break;
    case 1:
      signal_(), ring_later(microseconds(1'000));
      break;
    default:
      ring_later(microseconds(800));
      break;
  }
}

void NearEnd::ring_later(Duration most) {
  const Duration delay(random_.below(static_cast<std::uint64_t>(most.count()) + 1));
  environment_.later(environment_.steady() + delay, [signal = signal_] { signal(); });
}

// True: this call moves nothing although it could.
bool NearEnd::blocks() {
  if (!chance(random_, line().blocks)) return false;
  environment_.progress();
  environment_.excuse_idle_drive();
  if (hidden_) chance(random_, 500) ? signal_() : ring_later(microseconds(500));
  return true;
}

std::size_t NearEnd::limit(std::size_t most) {
  if (drips_ > 0) {
    --drips_;
    most = 1;
  } else if (chance(random_, line().pieces)) {
    most = 1 + random_.below(std::min<std::size_t>(most, chance(random_, 300) ? 20 : 6'000));
  }
  // So that a fault comes exactly at its byte.
  if (fault_ && fault_ != Fault::open_failed && moved_ < fault_at_) most = std::min(most, fault_at_ - moved_);
  return most;
}

// The result of a call when the byte of the fault is reached.
std::optional<Transferred> NearEnd::over(std::size_t space) {
  if (!fault_ || fault_ == Fault::open_failed || moved_ < fault_at_) return std::nullopt;
  if (!std::exchange(fault_told_, true)) environment_.progress();
  environment_.happened(origin_, *fault_);
  Transferred told;
  if (fault_ == Fault::lie) {
    told.bytes = space + 1;
  } else {
    told.error = kOwnError;
  }
  return told;
}

Transferred NearEnd::receive(MutableBytes space) {
  if (!opened_) environment_.fail("a transport's contract", "receive() before it was open");
  if (space.empty()) environment_.fail("a transport's contract", "receive() with no space");
  if (const auto end = over(space.size())) {
    if (fault_ != Fault::early_end) return *end;
    Transferred ended;
    ended.eof = true;
    return ended;
  }
  Transferred got;
  if (blocks()) {
    got.would_block = chance(random_, 500);  // or it only returns that nothing was moved
    return got;
  }
  const MutableBytes part = space.first(limit(space.size()));
  got = inner_->receive(part);
  moved_ += got.bytes;
  const bool nothing = got.bytes == 0 && !got.eof && got.error == 0;
  // A read of a part does not tell whether more is there.
  if (!nothing && part.size() < space.size()) got.would_block = false;
  if (!nothing) environment_.progress();
  if (hidden_ && (nothing || got.would_block)) environment_.listen(*this, inner_->fd(), kEventRead);
  return got;
}

Transferred NearEnd::send(std::span<const Bytes> pieces) {
  if (!opened_) environment_.fail("a transport's contract", "send() before it was open");
  if (pieces.empty() || pieces.size() > 4)
    environment_.fail("a transport's contract", "send() with no piece, or more than four");
  std::size_t total = 0;
  for (const Bytes piece : pieces) {
    if (piece.empty()) environment_.fail("a transport's contract", "send() with an empty piece");
    total += piece.size();
  }
  if (const auto end = over(total); end && (fault_ != Fault::early_end || !half_)) return *end;
  Transferred sent;
  if (blocks()) {
    sent.would_block = chance(random_, 500);
    return sent;
  }
  std::size_t left = limit(total);
  if (fault_ == Fault::early_end && moved_ >= fault_at_) left = std::max<std::size_t>(left, 1);
  const std::size_t allowed = left;
  std::vector<Bytes> parts;
  for (const Bytes piece : pieces) {
    if (const Bytes part = piece.first(std::min(piece.size(), left)); !part.empty()) parts.push_back(part);
    left -= std::min(piece.size(), left);
  }
  sent = inner_->send(parts);
  moved_ += sent.bytes;
  const bool nothing = sent.bytes == 0 && sent.error == 0;
  const bool blocked = sent.bytes < allowed && sent.error == 0;
  sent.would_block = blocked;
  if (!nothing) environment_.progress();
  if (hidden_ && blocked) environment_.listen(*this, inner_->fd(), kEventWrite);
  return sent;
}

std::string NearEnd::describe(int error) const {
  return error == kOwnError ? "the line broke" : inner_->describe(error);
}

// ---- LineDialer ----

LineDialer::LineDialer(SimEnvironment& environment, std::size_t origin)
    : Dialer(environment.plan().origins[origin].identity, "the simulated line",
             environment.plan().origins[origin].max_connections),
      environment_(environment),
      origin_(origin) {}

Result<std::unique_ptr<Transport>> LineDialer::dial(const DialTarget& target, TransportSignal signal) {
  const OriginPlan& origin = environment_.plan().origins[origin_];
  if (target.host != origin.host || target.port != (origin.tls ? 443 : 80))
    environment_.fail("a dialer's target",
                      target.host + ":" + std::to_string(target.port) + " instead of " + origin.host);
  return environment_.dial(origin_, std::move(signal));
}

}  // namespace sluice::simtest::driven
