// See server.hpp.
#include "adapters/cli/demo/server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <thread>

#include "adapters/cli/demo/server_connection.hpp"
#include "adapters/sim/tls_authority.hpp"

namespace sluice::demo {
namespace {

using Clock = ServerConnection::Clock;

constexpr UnixSeconds kDay = 86'400;

Error failed(const char* what) {
  return make_error(Code::internal,
                    std::string("demonstration server on 127.0.0.1: ") + what + ": " + std::strerror(errno), errno);
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset(int fd) {
    close();
    fd_ = fd;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Listener {
  Descriptor socket;
  std::uint16_t port = 0;

  Result<void> open() {
    socket.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.fd() < 0) return std::unexpected(failed("socket"));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.fd(), plain, size) != 0) return std::unexpected(failed("bind"));
    if (::listen(socket.fd(), 128) != 0) return std::unexpected(failed("listen"));
    if (::getsockname(socket.fd(), plain, &size) != 0) return std::unexpected(failed("getsockname"));
    port = ntohs(address.sin_port);
    return {};
  }
};

}  // namespace

class Server::Loop {
 public:
  explicit Loop(ServerOptions options) : options_(std::move(options)) {}
  ~Loop() { stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Result<void> start() {
    if (auto made = make_certificate(); !made) return made;
    for (Listener* listener : {&http_, &https_}) {
      if (auto opened = listener->open(); !opened) return opened;
    }
    std::array<int, 2> ends = {-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return std::unexpected(failed("pipe"));
    stop_read_.reset(ends[0]);
    stop_write_.reset(ends[1]);
    thread_ = std::thread([this] { run(); });
    return {};
  }

  ServerFigures stop() {
    if (thread_.joinable()) {
      stop_write_.close();  // its other end becomes readable
      thread_.join();
    }
    return figures_;
  }

  Listener http_, https_;
  std::string ca_pem_;

 private:
  Result<void> make_certificate() {
    const auto now = static_cast<UnixSeconds>(std::time(nullptr));
    const sim::TlsAuthority authority = sim::TlsAuthority::make_root("sluice demonstration CA", now - kDay, now + kDay);
    const sim::CertificateAndKey own = authority.issue({.common_name = "sluice demonstration server",
                                                        .dns = {"localhost"},
                                                        .ip = {std::string("\x7f\0\0\1", 4)},
                                                        .not_before = now - kDay,
                                                        .not_after = now + kDay});
    ca_pem_ = authority.certificate_pem();
    sim::TlsServerOptions options;
    options.certificate_pem = own.certificate_pem;
    options.key_pem = own.key_pem;
    auto context = sim::TlsServerContext::create(options);
    if (!context) return std::unexpected(context.error());
    tls_ = std::make_unique<sim::TlsServerContext>(*std::move(context));
    return {};
  }

  void run() {
    while (wait()) {
      const auto now = Clock::now();
      constexpr std::size_t kFixed = 3;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < connections_.size(); ++i) {
        if (connections_[i]->drive(watched_[kFixed + i].revents, now)) {
          std::swap(connections_[kept++], connections_[i]);
        } else {
          figures_.requests += connections_[i]->requests();
        }
      }
      connections_.resize(kept);
      if (watched_[1].revents != 0) accept(http_, nullptr);
      if (watched_[2].revents != 0) accept(https_, tls_.get());
    }
    for (const auto& connection : connections_) figures_.requests += connection->requests();
    connections_.clear();
  }

  // False: asked to stop.
  bool wait() {
    watched_.clear();
    watched_.push_back({stop_read_.fd(), POLLIN, 0});
    watched_.push_back({http_.socket.fd(), POLLIN, 0});
    watched_.push_back({https_.socket.fd(), POLLIN, 0});
    std::optional<Clock::time_point> due;
    for (const auto& connection : connections_) {
      watched_.push_back({connection->socket(), connection->events(), 0});
      if (const auto at = connection->due(); at && (!due || *at < *due)) due = at;
    }
    int timeout = -1;
    if (due) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - Clock::now()).count();
      timeout = static_cast<int>(std::clamp<long long>(left, 0, 1000));
    }
    if (::poll(watched_.data(), watched_.size(), timeout) < 0) {
      if (errno != EINTR) return false;
      for (pollfd& watched : watched_) watched.revents = 0;
    }
    return watched_[0].revents == 0;
  }

  void accept(const Listener& listener, const sim::TlsServerContext* tls) {
    while (true) {
      const int socket = ::accept4(listener.socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      ++figures_.connections;
      connections_.push_back(
          std::make_unique<ServerConnection>(socket, options_.files, tls, options_.bytes_per_second));
    }
  }

  ServerOptions options_;
  std::unique_ptr<sim::TlsServerContext> tls_;
  Descriptor stop_read_, stop_write_;
  std::thread thread_;
  // The members below are used by the thread only, until it is joined.
  std::vector<std::unique_ptr<ServerConnection>> connections_;
  std::vector<pollfd> watched_;
  ServerFigures figures_;
};

Server::Server(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
  auto loop = std::make_unique<Loop>(std::move(options));
  if (auto started = loop->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<Server>(new Server(std::move(loop)));
}

std::uint16_t Server::http_port() const { return loop_->http_.port; }
std::uint16_t Server::https_port() const { return loop_->https_.port; }
const std::string& Server::ca_pem() const { return loop_->ca_pem_; }
ServerFigures Server::stop() { return loop_->stop(); }

}  // namespace sluice::demo
