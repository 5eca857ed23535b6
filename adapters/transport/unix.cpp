// unix_socket(): see ../transport.hpp.
//
// connect(2) returns EAGAIN when the server's queue of unaccepted connections is full, and no descriptor becomes ready
// when the queue has room again. In that time fd() is a timer's descriptor, and each time it expires the connect is
// tried again, until the engine's connect timeout. After that fd() is the socket; the timer's descriptor is closed
// together with it, because it may be watched until Multi has seen the change.
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include "adapters/transport/socket_stream.hpp"
#include "adapters/transport/words.hpp"

namespace sluice {
namespace {

using transport::connect_error;
using transport::SocketStream;

constexpr std::size_t kMaxPathBytes = sizeof(sockaddr_un{}.sun_path) - 1;
static_assert(kMaxPathBytes == 107);
constexpr long kFirstRetryMs = 2;
constexpr long kLongestRetryMs = 50;

struct UnixAddress {
  sockaddr_un storage = {};
  socklen_t size = 0;
};

UnixAddress to_socket_address(std::string_view path) {
  UnixAddress out;
  out.storage.sun_family = AF_UNIX;
  std::memcpy(out.storage.sun_path, path.data(), path.size());
  const bool abstract = path.front() == '@';
  if (abstract) out.storage.sun_path[0] = '\0';
  // In an abstract name every byte counts; a path ends with a NUL.
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return out;
}

class UnixStream final : public SocketStream {
 public:
  explicit UnixStream(const std::string& path) : path_(path) {}

  int fd() const override { return connected_ || !timer_ ? socket_.get() : timer_.get(); }

  Result<Opening> open() override {
    if (connected_) return Opening::done;
    if (!socket_) {
      socket_ = net::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (!socket_) return std::unexpected(connect_error("connect to " + path_, errno));
    } else if (!timer_ran_out()) {
      return Opening::wait_read;
    }
    const UnixAddress where = to_socket_address(path_);
    int result = 0;
    do result = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&where.storage), where.size);
    while (result != 0 && errno == EINTR);
    if (result == 0) {
      connected_ = true;
      return Opening::done;
    }
    const int error = errno == EAGAIN ? start_timer() : errno;
    if (error != 0) return std::unexpected(connect_error("connect to " + path_, error));
    return Opening::wait_read;
  }

 private:
  // Returns 0 or an errno.
  int start_timer() {
    if (!timer_) timer_ = net::Descriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!timer_) return errno;
    // Connections that were refused at the same time should not all retry at the same time.
    const long spread_ms = socket_.get() % (retry_ms_ / 2 + 1);
    itimerspec when = {};
    when.it_value.tv_nsec = (retry_ms_ / 2 + 1 + spread_ms) * 1'000'000;
    retry_ms_ = std::min(retry_ms_ * 2, kLongestRetryMs);
    return ::timerfd_settime(timer_.get(), 0, &when, nullptr) == 0 ? 0 : errno;
  }
  bool timer_ran_out() {
    std::uint64_t times = 0;
    return ::read(timer_.get(), &times, sizeof times) == sizeof times;
  }

  const std::string path_;
  net::Descriptor timer_;
  long retry_ms_ = kFirstRetryMs;
  bool connected_ = false;
};

class UnixDialer final : public Dialer {
 public:
  explicit UnixDialer(const std::string& path) : Dialer("unix:" + path, path, 0) {}
  Result<std::unique_ptr<Transport>> dial(const DialTarget&, TransportSignal) override {
    return std::make_unique<UnixStream>(name());
  }
};

}  // namespace

Result<std::shared_ptr<Dialer>> unix_socket(std::string_view path) {
  const auto refused = [](const char* why) {
    return std::unexpected(make_error(Code::invalid_option, std::string("the path of a Unix-domain socket ") + why));
  };
  if (path.empty() || path == "@") return refused("is empty");
  if (path.size() > kMaxPathBytes) return refused("is longer than 107 bytes");
  if (path.find('\0') != std::string_view::npos) return refused("holds a NUL byte");
  return std::make_shared<UnixDialer>(std::string(path));
}

}  // namespace sluice
