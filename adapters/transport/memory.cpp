// memory_pair(): see ../transport.hpp.
//
// One lock protects both directions. A side is notified without the lock, and only of a change: the first byte in an
// empty queue, the first room in a full one, an end. So a call of a callback may still run in another thread when
// on_ready() or the destructor returns; what the callback owns lives until the call has returned.
//
// The far end is notified later, when the Multi whose call caused the change may be used again (later.hpp).
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "adapters/transport.hpp"
#include "adapters/transport/later.hpp"
#include "adapters/transport/words.hpp"

namespace sluice {
namespace {

// The bytes of one direction: a ring buffer that grows up to `capacity`.
class Queue {
 public:
  explicit Queue(std::size_t capacity) : capacity_(capacity) {}
  std::size_t size() const { return size_; }
  std::size_t room() const { return capacity_ - size_; }
  void clear() {
    ring_ = {};
    begin_ = size_ = 0;
  }

  // Takes as many bytes as there is room for. Throws std::bad_alloc; nothing was taken then.
  std::size_t push(Bytes bytes) {
    const std::size_t count = std::min(bytes.size(), room());
    if (count == 0) return 0;
    grow(size_ + count);
    const std::size_t end = (begin_ + size_) % ring_.size();
    const std::size_t first = std::min(count, ring_.size() - end);
    std::memcpy(ring_.data() + end, bytes.data(), first);
    if (count > first) std::memcpy(ring_.data(), bytes.data() + first, count - first);
    size_ += count;
    return count;
  }

  std::size_t pull(MutableBytes space) {
    const std::size_t count = std::min(space.size(), size_);
    if (count == 0) return 0;
    const std::size_t first = std::min(count, ring_.size() - begin_);
    std::memcpy(space.data(), ring_.data() + begin_, first);
    if (count > first) std::memcpy(space.data() + first, ring_.data(), count - first);
    size_ -= count;
    begin_ = size_ == 0 ? 0 : (begin_ + count) % ring_.size();
    return count;
  }

 private:
  static constexpr std::size_t kSmallest = 1024;

  void grow(std::size_t needed) {
    if (needed <= ring_.size()) return;
    const std::size_t doubled = ring_.size() > capacity_ / 2 ? capacity_ : ring_.size() * 2;
    std::vector<std::uint8_t> larger(std::min(capacity_, std::max({needed, doubled, kSmallest})));
    const std::size_t held = size_;
    pull(larger);  // everything was taken, so begin_ is 0
    ring_ = std::move(larger);
    size_ = held;
  }

  const std::size_t capacity_;
  std::vector<std::uint8_t> ring_;
  std::size_t begin_ = 0, size_ = 0;
};

enum End : std::size_t { kNear, kFar };  // the Multi's end and the application's end
constexpr End other(End end) { return end == kNear ? kFar : kNear; }

using Callback = std::shared_ptr<const std::function<void()>>;
Callback make_callback(std::function<void()> function) {
  return function ? std::make_shared<const std::function<void()>>(std::move(function)) : nullptr;
}

// What both ends share. Any thread.
class Stream final : public transport::Listener {
 public:
  explicit Stream(std::size_t capacity) : sides_{Side(capacity), Side(capacity)} {}

  Transferred receive(End end, MutableBytes space) {
    Transferred moved;
    bool changed = false;
    {
      const std::lock_guard lock(mutex_);
      Side& from = sides_[other(end)];
      if (sides_[end].closed) {
        moved.eof = true;
      } else if (from.sent.size() > 0) {
        const bool was_full = from.sent.room() == 0;
        moved.bytes = from.sent.pull(space);
        changed = was_full && moved.bytes > 0;
      } else {
        moved.eof = from.finished;
        moved.would_block = !from.finished;
      }
    }
    if (changed) tell_other(end);
    return moved;
  }

  Transferred send(End end, std::span<const Bytes> pieces) {
    Transferred moved;
    bool changed = false;
    {
      const std::lock_guard lock(mutex_);
      Side& here = sides_[end];
      Side& there = sides_[other(end)];
      if (here.finished || there.closed) {
        moved.error = EPIPE;
        return moved;
      }
      const bool was_empty = here.sent.size() == 0;
      try {
        for (const Bytes piece : pieces) moved.bytes += here.sent.push(piece);
      } catch (const std::bad_alloc&) {
        if (moved.bytes == 0) moved.error = ENOMEM;
      }
      moved.would_block = moved.bytes == 0 && moved.error == 0 && here.sent.room() == 0;
      changed = was_empty && moved.bytes > 0;
    }
    if (changed) tell_other(end);
    return moved;
  }

  void finish(End end) { end_directions(end, false); }
  void close(End end) { end_directions(end, true); }

  bool is_closed(End end) {
    const std::lock_guard lock(mutex_);
    return sides_[end].closed;
  }

  void on_ready(End end, Callback callback) {
    const std::lock_guard lock(mutex_);
    std::swap(sides_[end].callback, callback);
  }

 private:
  struct Side {
    explicit Side(std::size_t capacity) : sent(capacity) {}
    Queue sent;             // bytes sent by this side
    bool finished = false;  // this side sends no more bytes
    bool closed = false;    // this side does not read any more
    Callback callback;
  };

  void tell_other(End end) { end == kFar ? tell(kNear) : tell_later(); }
  void tell() override { tell(kFar); }
  void tell(End end) {
    Callback told;
    {
      const std::lock_guard lock(mutex_);
      told = sides_[end].callback;
    }
    if (told) (*told)();
  }

  void end_directions(End end, bool closed) {
    Callback dropped;
    {
      const std::lock_guard lock(mutex_);
      Side& here = sides_[end];
      Side& there = sides_[other(end)];
      if (here.finished && here.closed >= closed) return;
      here.finished = true;
      if (closed) {
        here.closed = true;
        there.sent.clear();
        dropped = std::move(here.callback);
      }
    }
    tell_other(end);
  }

  std::mutex mutex_;
  Side sides_[2];
};

class NearEnd final : public Transport {
 public:
  explicit NearEnd(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~NearEnd() override { stream_->close(kNear); }
  Result<Opening> open() override { return Opening::done; }
  Transferred receive(MutableBytes space) override { return stream_->receive(kNear, space); }
  Transferred send(std::span<const Bytes> pieces) override { return stream_->send(kNear, pieces); }

 private:
  const std::shared_ptr<Stream> stream_;
};

class FarEnd final : public MemoryStream {
 public:
  explicit FarEnd(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~FarEnd() override { stream_->close(kFar); }
  Transferred receive(MutableBytes space) override { return stream_->receive(kFar, space); }
  Transferred send(Bytes bytes) override { return stream_->send(kFar, std::span(&bytes, 1)); }
  void finish() override { stream_->finish(kFar); }
  void close() override { stream_->close(kFar); }
  void on_ready(std::function<void()> callback) override {
    stream_->on_ready(kFar, make_callback(std::move(callback)));
  }

 private:
  const std::shared_ptr<Stream> stream_;
};

class MemoryDialer final : public Dialer {
 public:
  explicit MemoryDialer(std::shared_ptr<Stream> stream) : Dialer("", "memory", 1), stream_(std::move(stream)) {}
  // If the stream was not dialled, it never will be: the far end is told.
  ~MemoryDialer() override {
    if (!dialled_) stream_->close(kNear);
  }

  Result<std::unique_ptr<Transport>> dial(const DialTarget&, TransportSignal signal) override {
    if (dialled_) return std::unexpected(transport::no_second_stream(name(), !stream_->is_closed(kNear)));
    auto told = make_callback(std::move(signal));
    auto near_end = std::make_unique<NearEnd>(stream_);
    dialled_ = true;
    stream_->on_ready(kNear, std::move(told));
    return near_end;
  }

 private:
  const std::shared_ptr<Stream> stream_;
  bool dialled_ = false;
};

}  // namespace

MemoryPair memory_pair(std::size_t capacity) {
  auto stream = std::make_shared<Stream>(std::max<std::size_t>(capacity, 1));
  auto far_end = std::make_unique<FarEnd>(stream);
  return {std::make_shared<MemoryDialer>(std::move(stream)), std::move(far_end)};
}

}  // namespace sluice
