// The ground, the near ends and the dialers: see multi_wire.hpp. The far ends stand in multi_far_end.cpp.
#include "tests/sim/multi_wire.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "adapters/net/clock.hpp"
#include "adapters/sim/tls_authority.hpp"

namespace sluice::simtest::driven {
namespace {

using std::chrono::microseconds;

constexpr int kOwnError = 4711;
constexpr std::size_t kMostDrips = 1'500;  // a connection; one byte each

struct Certificates {
  std::optional<sim::TlsServerContext> server;
  std::shared_ptr<const TlsConfig> trust;
};

const Certificates& certificates() {
  static const Certificates made = [] {
    constexpr UnixSeconds kDay = 86'400;
    const UnixSeconds now = net::read_clock().wall;
    const auto authority = sim::TlsAuthority::make_root("Simulated Root", now - kDay, now + 30 * kDay);
    const auto own = authority.issue({.common_name = "simulated",
                                      .dns = {"origin0.test", "origin1.test", "origin2.test", "origin3.test"},
                                      .ip = {},
                                      .not_before = now - kDay,
                                      .not_after = now + 30 * kDay});
    sim::TlsServerOptions options;
    options.certificate_pem = own.certificate_pem;
    options.key_pem = own.key_pem;
    Certificates all;
    all.server.emplace(sim::TlsServerContext::create(options).value());
    TlsOptions trusting;
    trusting.trust_anchors_pem = authority.certificate_pem();
    all.trust = TlsConfig::create(trusting).value();
    return all;
  }();
  return made;
}

}  // namespace

const sim::TlsServerContext& tls_server_context() { return *certificates().server; }
std::shared_ptr<const TlsConfig> tls_trust() { return certificates().trust; }

// ---- Ground ----

Ground::Ground(const Plan& plan) : plan_(plan), faults_(plan.origins.size()), dialled_(plan.origins.size()) {}
Ground::~Ground() = default;

Instant Ground::now() const { return net::read_steady(); }

void Ground::fail(std::string_view oracle, std::string_view what) {
  if (failure_.empty()) failure_.append(oracle).append(": ").append(what);
}

void Ground::later(Instant when, std::function<void()> what) { later_.push_back({when, std::move(what)}); }

bool Ground::pump() {
  const Instant now = this->now();
  bool moved = false;
  for (std::size_t i = 0; i < later_.size();) {
    if (later_[i].when > now) {
      ++i;
      continue;
    }
    const auto what = std::move(later_[i].what);
    later_.erase(later_.begin() + static_cast<std::ptrdiff_t>(i));
    what();
    moved = true;
  }
  for (std::size_t i = 0; i < far_ends_.size(); ++i) moved = far_ends_[i]->pump(now) || moved;
  std::erase_if(far_ends_, [](const auto& end) { return end->over(); });
  return moved;
}

std::optional<Instant> Ground::next() const {
  std::optional<Instant> soonest;
  const auto consider = [&](Instant at) {
    if (!soonest || at < *soonest) soonest = at;
  };
  for (const Later& one : later_) consider(one.when);
  for (const auto& end : far_ends_) {
    if (const auto at = end->next()) consider(*at);
  }
  return soonest;
}

void Ground::adopt(std::unique_ptr<FarEnd> far_end) { far_ends_.push_back(std::move(far_end)); }
void Ground::entered(NearEnd* end) { near_ends_.push_back(end); }
void Ground::left(NearEnd* end) { std::erase(near_ends_, end); }

std::size_t Ground::streams(std::size_t origin) const {
  return static_cast<std::size_t>(
      std::count_if(near_ends_.begin(), near_ends_.end(), [&](const NearEnd* end) { return end->origin() == origin; }));
}
std::size_t Ground::waiting_for_signals() const {
  return static_cast<std::size_t>(
      std::count_if(near_ends_.begin(), near_ends_.end(), [](const NearEnd* end) { return end->waits_for_signal(); }));
}
bool Ground::has_shown(int fd) const {
  return std::any_of(near_ends_.begin(), near_ends_.end(), [&](const NearEnd* end) { return end->has_shown(fd); });
}

void Ground::give_old_signals() const {
  for (const TransportSignal& signal : kept_signals_) signal();
}

// ---- NearEnd ----

NearEnd::NearEnd(Ground& ground, std::size_t origin, std::uint64_t number, std::shared_ptr<Pipe> pipe, TransportSignal signal)
    : ground_(ground),
      origin_(origin),
      pipe_(std::move(pipe)),
      signal_(std::move(signal)),
      random_(draws(ground.plan().seed, Draws::line, origin, number)) {
  if (chance(random_, line().drips)) drips_ = kMostDrips;
  const std::pair<Fault, PerMille> faults[] = {
      {Fault::open_failed, line().open_failed}, {Fault::error, line().error}, {Fault::early_end, line().early_end},
      {Fault::lie, line().lie}};
  for (const auto& [fault, rate] : faults) {
    if (!fault_ && chance(random_, rate)) fault_ = fault;
  }
  fault_at_ = random_.below(line().fault_within + 1);
  half_ = chance(random_, 500);
  plan_opening();
  // One signal for each call that was blocked, and no more: what Multi overlooks is not said again.
  pipe_->changed = [this](bool reading) {
    if (std::exchange(reading ? waits_to_receive_ : waits_to_send_, false) || chance(random_, line().odd_signals / 4u)) ring();
  };
  if (pipe_->fd() >= 0 && chance(random_, line().kept_duplicate)) {
    if (const int copy = ::dup(pipe_->fd()); copy >= 0) ground_.keep(net::Descriptor(copy));
  }
  if (chance(random_, 200)) ground_.keep(signal_);
  ground_.entered(this);
}

NearEnd::~NearEnd() {
  ground_.left(this);
  for (const int fd : {pipe_->fd(), gate_->event.get()}) {
    if (fd >= 0 && ground_.is_watched && ground_.is_watched(fd))
      ground_.fail("a watch ends before its descriptor", "a transport is destroyed whose descriptor is still watched");
  }
  gate_->event.reset();
  pipe_->changed = nullptr;
  pipe_->leave();
  ground_.progress();
}

void NearEnd::plan_opening() {
  hides_descriptor_ = pipe_->fd() < 0 || chance(random_, 500);
  if (!chance(random_, line().slow_open)) return;
  const std::size_t count = 1 + random_.below(3);
  bool event = false;
  for (std::size_t i = 0; i < count; ++i) {
    Step step = static_cast<Step>(random_.below(3));
    if (step == Step::writable && pipe_->fd() < 0) step = Step::signal;
    event = event || step == Step::event;
    steps_.push_back(step);
  }
  if (event) gate_->event = net::Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  hangs_ = !fault_ && ground_.plan().may_stall && chance(random_, line().stall / 2u);
}

// What is waited for comes by itself, a little later.
void NearEnd::arm(Step step) {
  armed_ = true;
  gate_->ready = step == Step::writable;  // a stream that is not connected yet would not be writable; this one is at once
  if (gate_->ready) return;
  if (hangs_ && steps_.size() == 1) return ground_.happened(origin_, Fault::stall);
  const Duration delay = chance(random_, 400) ? Duration(0) : Duration(microseconds(random_.below(1'200)));
  ground_.later(ground_.now() + delay, [gate = gate_, step, signal = signal_] {
    gate->ready = true;
    if (step == Step::signal) return signal();
    const std::uint64_t one = 1;
    if (gate->event && ::write(gate->event.get(), &one, sizeof one) < 0) gate->event.reset();
  });
}

Result<Opening> NearEnd::open() {
  if (pipe_->opened) ground_.fail("a transport's contract", "open() after it was done");
  while (!steps_.empty()) {
    const Step step = steps_.back();
    if (!armed_) {
      arm(step);
      ground_.progress();
      if (step == Step::writable) return Opening::wait_write;
    }
    if (!gate_->ready)
      return step == Step::signal ? Opening::wait_signal : step == Step::event ? Opening::wait_read : Opening::wait_write;
    steps_.pop_back();
    armed_ = false;
    ground_.progress();
    std::uint64_t count = 0;
    if (gate_->event && ::read(gate_->event.get(), &count, sizeof count) < 0 && errno != EAGAIN) gate_->event.reset();
    *gate_ = {.ready = false, .event = std::move(gate_->event)};
  }
  ground_.progress();
  if (fault_ == Fault::open_failed) {
    ground_.happened(origin_, Fault::open_failed);
    return std::unexpected(make_error(Code::connect_failed, "connect by the simulated line: no tone", kOwnError));
  }
  pipe_->opened = true;
  return Opening::done;
}

bool NearEnd::waits_for_signal() const {
  return fd() < 0 || (!pipe_->opened && armed_ && !steps_.empty() && steps_.back() == Step::signal);
}

int NearEnd::fd() const {
  if (pipe_->opened || steps_.empty()) return pipe_->fd();
  if (steps_.back() == Step::event) return gate_->event.get();
  if (steps_.back() == Step::signal && hides_descriptor_) return -1;
  return pipe_->fd();
}

// Each stays open until the end, whichever is shown now.
bool NearEnd::has_shown(int fd) const { return fd >= 0 && (fd == pipe_->fd() || fd == gate_->event.get()); }

void NearEnd::ring() {
  if (!chance(random_, line().odd_signals)) return signal_();
  ground_.excuse_idle_drive();
  switch (random_.below(3)) {
    case 0: signal_(), signal_(); break;
    case 1: signal_(), ring_later(microseconds(1'000)); break;
    default: ring_later(microseconds(800)); break;
  }
}

void NearEnd::ring_later(Duration most) {
  const Duration delay(random_.below(static_cast<std::uint64_t>(most.count()) + 1));
  ground_.later(ground_.now() + delay, [signal = signal_] { signal(); });
}

// True: this call moves nothing, though it could.
bool NearEnd::blocks() {
  if (!chance(random_, line().blocks)) return false;
  ground_.progress();
  ground_.excuse_idle_drive();
  if (pipe_->fd() < 0) chance(random_, 500) ? signal_() : ring_later(microseconds(500));
  return true;
}

std::size_t NearEnd::limit(std::size_t most) {
  if (drips_ > 0) {
    --drips_;
    most = 1;
  } else if (chance(random_, line().pieces)) {
    most = 1 + random_.below(std::min<std::size_t>(most, chance(random_, 300) ? 20 : 6'000));
  }
  // So that a fault comes at its very byte.
  if (fault_ && fault_ != Fault::open_failed && moved_ < fault_at_) most = std::min(most, fault_at_ - moved_);
  return most;
}

// What a call comes to when the drawn fault's byte is reached.
std::optional<Transferred> NearEnd::over(std::size_t space) {
  if (!fault_ || fault_ == Fault::open_failed || moved_ < fault_at_) return std::nullopt;
  if (!std::exchange(fault_told_, true)) ground_.progress();
  ground_.happened(origin_, *fault_);
  if (fault_ == Fault::lie) return Transferred{.bytes = space + 1, .would_block = false, .eof = false, .error = 0};
  return Transferred{.bytes = 0, .would_block = false, .eof = false, .error = kOwnError};
}

Transferred NearEnd::receive(MutableBytes space) {
  if (!pipe_->opened) ground_.fail("a transport's contract", "receive() before it was open");
  if (space.empty()) ground_.fail("a transport's contract", "receive() with no space");
  waits_to_receive_ = false;
  if (const auto end = over(space.size())) {
    if (fault_ != Fault::early_end) return *end;
    return {.bytes = 0, .would_block = false, .eof = true, .error = 0};
  }
  Transferred got;
  if (blocks()) {
    got.would_block = chance(random_, 500);  // or it only says that nothing was moved
    return got;
  }
  got = pipe_->receive(space.first(limit(space.size())));
  moved_ += got.bytes;
  if (got.would_block) {
    waits_to_receive_ = true;
  } else {
    ground_.progress();
  }
  return got;
}

Transferred NearEnd::send(std::span<const Bytes> pieces) {
  if (!pipe_->opened) ground_.fail("a transport's contract", "send() before it was open");
  if (pieces.empty() || pieces.size() > 4) ground_.fail("a transport's contract", "send() with no piece, or more than four");
  std::size_t total = 0;
  for (const Bytes piece : pieces) {
    if (piece.empty()) ground_.fail("a transport's contract", "send() with an empty piece");
    total += piece.size();
  }
  waits_to_send_ = false;
  if (const auto end = over(total); end && (fault_ != Fault::early_end || !half_)) return *end;
  Transferred sent;
  if (blocks()) {
    sent.would_block = chance(random_, 500);
    return sent;
  }
  std::size_t left = limit(total);
  if (fault_ == Fault::early_end && moved_ >= fault_at_) left = std::max<std::size_t>(left, 1);
  for (const Bytes piece : pieces) {
    const Bytes part = piece.first(std::min(piece.size(), left));
    if (part.empty()) break;
    const Transferred one = pipe_->send(part);
    sent.bytes += one.bytes;
    left -= one.bytes;
    if (one.bytes < part.size()) {
      if (sent.bytes == 0) sent = one;
      break;
    }
  }
  moved_ += sent.bytes;
  if (sent.bytes == 0 && sent.error == 0) {
    waits_to_send_ = true;
  } else {
    ground_.progress();
  }
  return sent;
}

std::string NearEnd::describe(int error) const { return error == kOwnError ? "the line broke" : Transport::describe(error); }

// ---- LineDialer ----

LineDialer::LineDialer(Ground& ground, std::size_t origin, sim::Accept accept)
    : Dialer(ground.plan().origins[origin].identity, "the simulated line", ground.plan().origins[origin].max_connections),
      ground_(ground),
      origin_(origin),
      accept_(std::move(accept)) {}

// What stands beside the stream that is asked for.
void LineDialer::check_limits() const {
  const Plan& plan = ground_.plan();
  const auto check = [&](std::size_t limit, std::size_t stand, const char* what) {
    if (limit > 0 && stand >= limit)
      ground_.fail("limits", std::string("a connection is asked for beside ") + std::to_string(stand) + " with a limit of " +
                                 std::to_string(limit) + " " + what);
  };
  check(plan.max_connections, ground_.streams(), "in all");
  check(plan.max_connections_per_origin, ground_.streams(origin_), "for each origin");
  check(max_connections(), ground_.streams(origin_), "of the route");
}

Result<std::unique_ptr<Transport>> LineDialer::dial(const DialTarget& target, TransportSignal signal) {
  const OriginPlan& origin = ground_.plan().origins[origin_];
  const std::uint64_t number = ground_.next_number(origin_);
  if (target.host != origin.host || target.port != (origin.tls ? 443 : 80))
    ground_.fail("a dialer's target", target.host + ":" + std::to_string(target.port) + " instead of " + origin.host);
  check_limits();
  ground_.progress();
  Random random = draws(ground_.plan().seed, Draws::line, origin_, number + (std::uint64_t{1} << 32));
  if (chance(random, origin.line.refused)) {
    ground_.happened(origin_, Fault::refused);
    return std::unexpected(make_error(Code::connect_failed, "connect by the simulated line: refused", kOwnError));
  }
  std::shared_ptr<Pipe> pipe;
  if (chance(random, origin.line.sockets)) pipe = socket_pipe(origin.line.window, ground_.plan().drive.high_descriptors);
  if (!pipe) pipe = memory_pipe(origin.line.window);
  ground_.adopt(std::make_unique<FarEnd>(ground_, origin_, number, pipe, accept_(number)));
  return std::make_unique<NearEnd>(ground_, origin_, number, std::move(pipe), std::move(signal));
}

}  // namespace sluice::simtest::driven
