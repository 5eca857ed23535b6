// See far_side.hpp. One poll loop; memory streams, which cannot be polled, write to its eventfd.
#include "tests/support/far_side.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/net/socket.hpp"
#include "tests/support/must.hpp"
#include "tests/support/talk_on_wire.hpp"
#include "tests/support/tls_authority.hpp"
#include "tests/support/tls_server.hpp"

namespace sluice::test {
namespace {

using net::Descriptor;

constexpr std::size_t kPiece = 32 * 1024;

// What carries the bytes: a socket or a memory stream.
class Link {
 public:
  explicit Link(Descriptor socket) : socket_(std::move(socket)) {}
  explicit Link(std::unique_ptr<MemoryStream> memory) : memory_(std::move(memory)) {}

  int fd() const { return socket_.get(); }  // -1: a memory stream
  Transferred receive(MutableBytes space) {
    return memory_ ? memory_->receive(space) : net::receive(socket_.get(), space);
  }
  Transferred send(Bytes bytes) {
    return memory_ ? memory_->send(bytes) : net::send(socket_.get(), std::span(&bytes, 1));
  }
  void reset_when_closed() const {
    const linger now = {1, 0};
    if (socket_) ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  Descriptor socket_;
  std::unique_ptr<MemoryStream> memory_;
};

// One connection: a link, perhaps TLS, and the HTTP on it.
class Connection {
 public:
  Connection(Link link, const FarPlan& plan, const sim::TlsServerContext& context)
      : link_(std::move(link)), plan_(plan), talk_(plan.tls ? &context : nullptr) {}

  int fd() const { return link_.fd(); }
  const Talk& talk() const { return talk_.http(); }
  void release() { talk_.release(); }
  short wanted() const {
    const bool writes = !wire_.empty() || talk_.has_output();
    return static_cast<short>((talk_.http().wants_input() ? POLLIN : 0) | (writes ? POLLOUT : 0));
  }

  enum class Turn : std::uint8_t { idle, moved, over };
  Turn drive() {
    if (plan_.at_once) return end();
    bool moved = false;
    if (talk_.http().wants_input()) {
      const Transferred got = link_.receive(buffer_);
      if (got.eof || got.error != 0) return Turn::over;
      if (got.bytes > 0 && !talk_.receive(Bytes(buffer_).first(got.bytes))) return Turn::over;
      moved = got.bytes > 0;
    }
    if (wire_.empty()) talk_.produce(wire_, kPiece, plan_.cut_after);
    if (!wire_.empty()) {
      const Transferred sent = link_.send(Bytes(wire_).subspan(sent_));
      if (sent.error != 0) return Turn::over;
      sent_ += sent.bytes;
      moved = moved || sent.bytes > 0;
    }
    if (sent_ < wire_.size()) return moved ? Turn::moved : Turn::idle;
    wire_.clear();
    sent_ = 0;
    const bool cut = plan_.cut_after && talk_.said() >= *plan_.cut_after && talk_.http().requests() > 0;
    if (cut || talk_.http().end() != Talk::End::none) return end();
    return moved ? Turn::moved : Turn::idle;
  }

 private:
  Turn end() {
    if (plan_.reset || talk_.http().end() == Talk::End::reset) link_.reset_when_closed();
    return Turn::over;
  }

  Link link_;
  const FarPlan plan_;
  TalkOnWire talk_;
  std::array<std::uint8_t, kPiece> buffer_;
  std::vector<std::uint8_t> wire_;
  std::size_t sent_ = 0;  // of wire_
};

}  // namespace

class FarSide::Thread {
 public:
  explicit Thread(const FarPlan& plan) : plan_(plan), event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    must(static_cast<bool>(event_));
    make_certificate();
    thread_ = std::thread([this] { run(); });
  }
  ~Thread() {
    stop_ = true;
    ring();
    thread_.join();
    // Here, because a memory stream may write to the eventfd until its end.
    connections_.clear();
    links_.clear();
  }

  void adopt(Link link) {
    const std::lock_guard lock(mutex_);
    links_.push_back(std::move(link));
    ring();
  }
  void listen(Descriptor socket, int backlog) {
    must(::listen(socket.get(), backlog) == 0);
    const std::lock_guard lock(mutex_);
    listeners_.push_back(std::move(socket));
    ring();
  }
  void release() {
    release_ = true;
    ring();
  }
  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t size = ::write(event_.get(), &one, sizeof one);
  }

  const FarPlan plan_;
  std::shared_ptr<const TlsConfig> trust_;
  std::atomic<int> streams_ = 0, open_ = 0, most_open_ = 0, requests_ = 0;

 private:
  void make_certificate() {
    constexpr UnixSeconds kDay = 86'400;
    const auto now = static_cast<UnixSeconds>(std::time(nullptr));
    const auto authority = sim::TlsAuthority::make_root("Far Root", now - kDay, now + kDay);
    const auto own = authority.issue({.common_name = "far side",
                                      .dns = {"origin.test"},
                                      .ip = {},
                                      .not_before = now - kDay,
                                      .not_after = now + kDay});
    sim::TlsServerOptions options;
    options.certificate_pem = own.certificate_pem;
    options.key_pem = own.key_pem;
    context_.emplace(sim::TlsServerContext::create(options).value());
    TlsOptions trusting;
    trusting.trust_anchors_pem = authority.certificate_pem();
    trust_ = TlsConfig::create(trusting).value();
  }

  void run() {
    bool moved = false;
    while (!stop_) {
      wait(moved ? 0 : -1);
      take_new();
      moved = drive_all();
    }
  }

  void wait(int timeout_ms) {
    set_.assign(1, {event_.get(), POLLIN, 0});
    {
      const std::lock_guard lock(mutex_);
      for (const Descriptor& listener : listeners_) set_.push_back({listener.get(), POLLIN, 0});
    }
    for (const auto& connection : connections_) {
      if (connection->fd() >= 0) set_.push_back({connection->fd(), connection->wanted(), 0});
    }
    ::poll(set_.data(), set_.size(), timeout_ms);
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = ::read(event_.get(), &count, sizeof count);
  }

  void take_new() {
    const std::lock_guard lock(mutex_);
    for (const Descriptor& listener : listeners_) {
      while (const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) {
        if (fd < 0) break;
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        links_.emplace_back(Descriptor(fd));
      }
    }
    for (Link& link : links_) {
      connections_.push_back(std::make_unique<Connection>(std::move(link), plan_, *context_));
      ++streams_;
      most_open_ = std::max<int>(most_open_, ++open_);
    }
    links_.clear();
  }

  // True: bytes were moved, so there may be more.
  bool drive_all() {
    bool moved = false;
    std::erase_if(connections_, [&](const auto& connection) {
      if (release_) connection->release();
      const int before = connection->talk().requests();
      const auto turn = connection->drive();
      requests_ += connection->talk().requests() - before;
      moved = moved || turn == Connection::Turn::moved;
      if (turn == Connection::Turn::over) --open_;
      return turn == Connection::Turn::over;
    });
    return moved;
  }

  Descriptor event_;
  std::optional<sim::TlsServerContext> context_;
  std::mutex mutex_;
  std::vector<Link> links_;            // new ones
  std::vector<Descriptor> listeners_;  // only added to
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<pollfd> set_;
  std::atomic<bool> stop_ = false, release_ = false;
  std::thread thread_;
};

FarSide::FarSide(FarPlan plan) {
  pattern(0, 0);  // made now, not while a client waits
  thread_ = std::make_unique<Thread>(plan);
}
FarSide::~FarSide() = default;

void FarSide::adopt(Descriptor socket) {
  must(::fcntl(socket.get(), F_SETFL, O_RDWR | O_NONBLOCK) == 0);
  thread_->adopt(Link(std::move(socket)));
}
void FarSide::adopt(std::unique_ptr<MemoryStream> stream) {
  stream->on_ready([thread = thread_.get()] { thread->ring(); });
  thread_->adopt(Link(std::move(stream)));
}

std::uint16_t FarSide::listen_tcp() {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  must(::bind(socket.get(), plain, size) == 0);
  must(::getsockname(socket.get(), plain, &size) == 0);
  thread_->listen(std::move(socket), 1024);
  return ntohs(address.sin_port);
}

void FarSide::listen_unix(const std::string& path, int backlog) {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  must(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool abstract = path[0] == '@';
  if (abstract) address.sun_path[0] = '\0';
  const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1);
  must(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) == 0);
  thread_->listen(std::move(socket), backlog);
}

std::string FarSide::url(const std::string& path) const {
  return (thread_->plan_.tls ? "https://origin.test" : "http://origin.test") + path;
}
const std::shared_ptr<const TlsConfig>& FarSide::trust() const { return thread_->trust_; }

namespace {
bool wait_until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}
}  // namespace

void FarSide::release() { thread_->release(); }
int FarSide::streams() const { return thread_->streams_; }
int FarSide::most_open() const { return thread_->most_open_; }
int FarSide::requests() const { return thread_->requests_; }
bool FarSide::wait_for_open(int count) const {
  return wait_until([&] { return thread_->open_ == count; });
}
bool FarSide::wait_for_requests(int count) const {
  return wait_until([&] { return thread_->requests_ >= count; });
}

std::string fresh_abstract_name() {
  static std::atomic<int> count = 0;
  return "@sluice-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

}  // namespace sluice::test
