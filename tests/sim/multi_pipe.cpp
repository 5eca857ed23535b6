// The two kinds of stream: see Pipe in multi_wire.hpp.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "adapters/net/socket.hpp"
#include "tests/sim/multi_wire.hpp"

namespace sluice::simtest::driven {
namespace {

constexpr std::size_t kMostUnderWay = 64 * 1024;  // towards the near end
constexpr std::size_t kNarrowFor = 500;            // bytes
constexpr int kHigh = FD_SETSIZE + 50;

Transferred moved(std::size_t bytes) { return {.bytes = bytes, .would_block = false, .eof = false, .error = 0}; }
Transferred failed(int error) { return {.bytes = 0, .would_block = false, .eof = false, .error = error}; }
Transferred blocked() { return {.bytes = 0, .would_block = true, .eof = false, .error = 0}; }
Transferred ended() { return {.bytes = 0, .would_block = false, .eof = true, .error = 0}; }

class Queue {
 public:
  std::size_t size() const { return bytes_.size() - begin_; }
  void push(Bytes bytes) {
    if (begin_ > 0 && begin_ * 2 > bytes_.size()) {
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
    bytes_ += as_text(bytes);
  }
  std::size_t pull(MutableBytes space) {
    const std::size_t count = std::min(space.size(), size());
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), count, space.begin());
    begin_ += count;
    return count;
  }
  void clear() { begin_ = bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t begin_ = 0;
};

class MemoryPipe final : public Pipe {
 public:
  explicit MemoryPipe(std::size_t window) : window_(std::max<std::size_t>(window, 1)) {}

  Transferred receive(MutableBytes space) override {
    if (reset_) return failed(ECONNRESET);
    if (to_near_.size() > 0) return moved(to_near_.pull(space));
    return finished_ ? ended() : blocked();
  }
  Transferred send(Bytes bytes) override {
    if (reset_) return failed(ECONNRESET);
    if (closed_) return failed(EPIPE);
    // A narrow one opens in the end, so that large uploads do as well.
    const std::size_t window = sent_ < kNarrowFor ? window_ : std::max(window_, kMostUnderWay / 4);
    const std::size_t count = std::min(bytes.size(), window - std::min(window, to_far_.size()));
    if (count == 0) return blocked();
    to_far_.push(bytes.first(count));
    sent_ += count;
    return moved(count);
  }
  void leave() override {
    to_near_.clear();
    has_left = true;
  }

  std::size_t push(Bytes bytes) override {
    if (has_left) return bytes.size();  // nobody will miss them
    const std::size_t count = std::min(bytes.size(), kMostUnderWay - to_near_.size());
    if (count == 0) return 0;
    to_near_.push(bytes.first(count));
    tell(true);
    return count;
  }
  std::size_t pull(MutableBytes space) override {
    const std::size_t count = to_far_.pull(space);
    if (count > 0) tell(false);
    return count;
  }
  void finish() override {
    finished_ = true;
    tell(true);
  }
  void close() override {
    finished_ = closed_ = true;
    tell(true);
    tell(false);
  }
  void reset() override {
    reset_ = true;
    tell(true);
    tell(false);
  }

 private:
  void tell(bool reading) const {
    if (changed && !has_left) changed(reading);
  }

  const std::size_t window_;
  std::size_t sent_ = 0;
  Queue to_near_, to_far_;
  bool finished_ = false, closed_ = false, reset_ = false;
};

class SocketPipe final : public Pipe {
 public:
  SocketPipe(net::Descriptor near, net::Descriptor far) : near_(std::move(near)), far_(std::move(far)) {}
  int fd() const override { return near_.get(); }

  Transferred receive(MutableBytes space) override {
    if (reset_) return failed(ECONNRESET);
    return net::receive(near_.get(), space);
  }
  Transferred send(Bytes bytes) override {
    if (reset_) return failed(ECONNRESET);
    return net::send(near_.get(), std::span(&bytes, 1));
  }
  void leave() override {
    near_.reset();
    has_left = true;
  }

  std::size_t push(Bytes bytes) override {
    if (has_left) return bytes.size();
    return net::send(far_.get(), std::span(&bytes, 1)).bytes;
  }
  std::size_t pull(MutableBytes space) override { return far_ ? net::receive(far_.get(), space).bytes : 0; }
  void finish() override { ::shutdown(far_.get(), SHUT_WR); }
  void close() override {
    // What is unread would make a reset of it.
    std::uint8_t dropped[4096];
    while (pull(dropped) > 0) {
    }
    far_.reset();
  }
  void reset() override {
    reset_ = true;
    far_.reset();
  }

 private:
  net::Descriptor near_, far_;
  bool reset_ = false;
};

}  // namespace

std::shared_ptr<Pipe> memory_pipe(std::size_t window) { return std::make_shared<MemoryPipe>(window); }

std::shared_ptr<Pipe> socket_pipe(std::size_t window, bool high) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return nullptr;
  net::Descriptor near(ends[0]), far(ends[1]);
  const int size = static_cast<int>(window);  // the system has a least of its own
  ::setsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  ::setsockopt(far.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (high) {
    net::Descriptor moved_up(::fcntl(near.get(), F_DUPFD_CLOEXEC, kHigh));
    if (moved_up) near = std::move(moved_up);
  }
  return std::make_shared<SocketPipe>(std::move(near), std::move(far));
}

}  // namespace sluice::simtest::driven
