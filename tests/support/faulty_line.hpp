// A custom transport that does everything that a transport may do, and some things that it must not do. The faults are
// set for each route.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/transport.hpp"
#include "tests/support/far_side.hpp"

namespace sluice::test {

// A thread that gives signals a little later than they are due.
class Latecomer {
 public:
  Latecomer() : thread_([this] { run(); }) {}
  ~Latecomer() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  void give(const TransportSignal& signal) {
    const std::lock_guard lock(mutex_);
    due_.push_back(signal);
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stop_ || !due_.empty(); });
      if (stop_) return;
      std::vector<TransportSignal> due;
      due.swap(due_);
      lock.unlock();
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      for (const TransportSignal& signal : due) signal();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TransportSignal> due_;
  bool stop_ = false;
  std::thread thread_;
};

enum class Telling : std::uint8_t { at_once, twice, late, never };

struct Faults {
  bool memory = true;                 // no descriptor; else one end of a socket pair
  std::size_t capacity = 4096;        // of the memory stream
  std::size_t most_bytes = SIZE_MAX;  // most bytes that a call moves
  std::size_t most_sent = SIZE_MAX;   // most bytes that a send moves
  int block_every = 0;                // one call of this many moves nothing although it could; 0: none
  Telling telling = Telling::at_once;
  int opens = 0;  // this many calls of open() wait for a signal first
  // Returns together with the bytes what the next call would return: the end, or would_block.
  bool together = false;
  int fail_open_at = 0, fail_receive_at = 0, fail_send_at = 0, end_at = 0;  // the call, from 1; 0: none
  int lie_receive_at = 0, lie_send_at = 0;
  // Nothing is received until a send has failed; the send fails late, so that a response has come by then.
  bool deaf = false;
};

inline constexpr int kOwnError = 4711;
inline int alive = 0;  // transports

class Faulty final : public Transport {
 public:
  Faulty(std::unique_ptr<Transport> inner, const Faults& faults, TransportSignal signal,
         std::shared_ptr<Latecomer> latecomer)
      : inner_(std::move(inner)), faults_(faults), signal_(std::move(signal)), latecomer_(std::move(latecomer)) {
    ++alive;
  }
  ~Faulty() override { --alive; }

  Result<Opening> open() override {
    ++opens_;
    if (opens_ == faults_.fail_open_at) {
      return std::unexpected(make_error(Code::connect_failed, "connect by the faulty line: no tone", kOwnError));
    }
    if (opens_ <= faults_.opens) {
      tell();
      return Opening::wait_signal;
    }
    return inner_->open();
  }
  int fd() const override { return inner_->fd(); }
  int write_fd() const override { return inner_->write_fd(); }

  Transferred receive(MutableBytes space) override {
    CHECK_FALSE(space.empty());
    ++receives_;
    if (receives_ == faults_.fail_receive_at) return failed();
    if (receives_ == faults_.end_at) return {.bytes = 0, .would_block = false, .eof = true, .error = 0};
    if (deaf_) return {};
    if (blocks(receives_)) return blocked(receives_);
    Transferred got = inner_->receive(space.first(std::min(space.size(), faults_.most_bytes)));
    if (receives_ == faults_.lie_receive_at) got.bytes = space.size() + 1;
    if (!faults_.together || got.bytes == 0 || got.bytes == space.size()) return got;
    const Transferred next = inner_->receive(space.subspan(got.bytes, 1));
    return {.bytes = got.bytes + next.bytes, .would_block = next.would_block, .eof = next.eof, .error = next.error};
  }
  Transferred send(std::span<const Bytes> pieces) override {
    CHECK_FALSE(pieces.empty());
    CHECK(pieces.size() <= 4);
    for (const Bytes piece : pieces) CHECK_FALSE(piece.empty());
    if (++sends_ == faults_.fail_send_at) {
      if (faults_.deaf) std::this_thread::sleep_for(std::chrono::milliseconds(300));
      deaf_ = false;
      return failed();
    }
    if (blocks(sends_)) return blocked(sends_);
    const Bytes first = pieces[0].first(std::min({pieces[0].size(), faults_.most_bytes, faults_.most_sent}));
    if (sends_ == faults_.lie_send_at) return {.bytes = 1 << 20, .would_block = false, .eof = false, .error = 0};
    return inner_->send(std::span(&first, 1));
  }
  std::string describe(int error) const override {
    return error == kOwnError ? "the dog ate it" : Transport::describe(error);
  }

 private:
  bool blocks(int call) const { return faults_.block_every > 0 && call % faults_.block_every == 0; }
  static Transferred failed() { return {.bytes = 0, .would_block = false, .eof = false, .error = kOwnError}; }
  Transferred blocked(int call) {
    tell();
    // Every second time it only returns that nothing was moved.
    return {.bytes = 0, .would_block = call % 2 == 0, .eof = false, .error = 0};
  }
  void tell() {
    switch (faults_.telling) {
      case Telling::at_once:
        signal_();
        break;
      case Telling::twice:
        signal_(), signal_();
        break;
      case Telling::late:
        latecomer_->give(signal_);
        break;
      case Telling::never:
        break;
    }
  }

  const std::unique_ptr<Transport> inner_;
  const Faults faults_;
  const TransportSignal signal_;
  const std::shared_ptr<Latecomer> latecomer_;
  bool deaf_ = faults_.deaf;
  int opens_ = 0, receives_ = 0, sends_ = 0;
};

// A stream to `far` for each connection, with these faults.
class FaultyLine final : public Dialer {
 public:
  FaultyLine(FarSide& far, const Faults& faults) : Dialer("", "the faulty line", 0), far_(far), faults_(faults) {}

  Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal signal) override {
    signals.push_back(signal);
    auto inner = faults_.memory ? over_memory(target, signal) : over_sockets(target);
    return std::make_unique<Faulty>(std::move(inner), faults_, std::move(signal), latecomer_);
  }
  std::vector<TransportSignal> signals;  // one for each dial

 private:
  std::unique_ptr<Transport> over_memory(const DialTarget& target, const TransportSignal& signal) {
    MemoryPair pair = memory_pair(faults_.capacity);
    far_.adopt(std::move(pair.far_end));
    if (faults_.telling == Telling::late) {
      return pair.dialer->dial(target, [latecomer = latecomer_, signal] { latecomer->give(signal); }).value();
    }
    return pair.dialer->dial(target, [signal] { signal(), signal(); }).value();
  }
  std::unique_ptr<Transport> over_sockets(const DialTarget& target) {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    far_.adopt(net::Descriptor(ends[0]));
    return connected_descriptor(ends[1]).value()->dial(target, {}).value();
  }

  FarSide& far_;
  const Faults faults_;
  // Shared with the signals, one of which may still run when everything else is destroyed.
  const std::shared_ptr<Latecomer> latecomer_ = std::make_shared<Latecomer>();
};

}  // namespace sluice::test
