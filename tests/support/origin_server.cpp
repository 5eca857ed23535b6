// See origin_server.hpp. One epoll loop; other threads ask by two flags and an eventfd, and read counters.
#include "tests/support/origin_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/net/descriptor.hpp"
#include "adapters/sim/tls_authority.hpp"
#include "tests/support/must.hpp"
#include "tests/support/talk_on_wire.hpp"
#include "tests/support/tls_server.hpp"

namespace sluice::test {
namespace {

using net::Descriptor;

constexpr std::size_t kPiece = 64 * 1024;  // bytes read or prepared for sending at a time
constexpr int kPiecesPerTurn = 4;          // before other connections get their turn

// One accepted connection: a socket, perhaps TLS, and the HTTP on it.
class Connection {
 public:
  Connection(Descriptor socket, const sim::TlsServerContext* tls, std::unique_ptr<Talk> talk)
      : socket_(std::move(socket)), talk_(tls, std::move(talk)) {}

  int fd() const { return socket_.get(); }
  const Talk& talk() const { return talk_.http(); }
  void release() { talk_.release(); }

  std::uint32_t wanted() const {
    return (talk_.http().wants_input() ? std::uint32_t{EPOLLIN} : 0) |
           (!wire_.empty() || talk_.has_output() ? std::uint32_t{EPOLLOUT} : 0);
  }

  // Reads, answers and writes what is possible. False: the connection is over.
  bool drive(std::uint32_t happened) {
    if ((happened & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !receive()) return false;
    for (int piece = 0; piece < kPiecesPerTurn; ++piece) {
      if (wire_.empty()) talk_.produce(wire_, kPiece);
      if (wire_.empty()) break;
      const ssize_t size = ::send(fd(), wire_.data() + sent_, wire_.size() - sent_, MSG_NOSIGNAL);
      if (size < 0) return errno == EAGAIN || errno == EINTR;
      sent_ += static_cast<std::size_t>(size);
      if (sent_ < wire_.size()) break;
      wire_.clear();
      sent_ = 0;
    }
    if (!wire_.empty() || talk_.http().end() == Talk::End::none) return true;
    if (talk_.http().end() == Talk::End::reset) {
      const linger now = {1, 0};  // makes close() send RST
      ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    return false;
  }

 private:
  bool receive() {
    static thread_local std::array<std::uint8_t, kPiece> buffer;
    const ssize_t size = ::recv(fd(), buffer.data(), buffer.size(), 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    return talk_.receive(Bytes(buffer).first(static_cast<std::size_t>(size)));
  }

  Descriptor socket_;
  TalkOnWire talk_;
  std::vector<std::uint8_t> wire_;
  std::size_t sent_ = 0;  // of wire_
};

struct Listener {
  Descriptor socket;
  std::uint16_t port = 0;

  Listener() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    must(::bind(socket.get(), plain, size) == 0);
    must(::listen(socket.get(), 4096) == 0);
    must(::getsockname(socket.get(), plain, &size) == 0);
    port = ntohs(address.sin_port);
  }
};

}  // namespace

class OriginServer::Thread {
 public:
  Thread(std::function<std::unique_ptr<Talk>()> make_talk, std::string alpn)
      : make_talk_(std::move(make_talk)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    make_certificate(std::move(alpn));
    for (const int fd : {event_.get(), http_.socket.get(), https_.socket.get()}) control(EPOLL_CTL_ADD, fd, EPOLLIN);
    thread_ = std::thread([this] { run(); });
  }
  ~Thread() {
    stop_ = true;
    ring();
    thread_.join();
  }
  void release() {
    release_ = true;
    ring();
  }

  Listener http_, https_;
  std::shared_ptr<const TlsConfig> trust_;
  std::atomic<int> held_ = 0, open_ = 0, accepted_ = 0, requests_ = 0;

 private:
  void ring() const {
    const std::uint64_t one = 1;
    must(::write(event_.get(), &one, sizeof one) == sizeof one);
  }

  void control(int operation, int fd, std::uint32_t events) const {
    epoll_event event = {};
    event.events = events;
    event.data.fd = fd;
    must(::epoll_ctl(epoll_.get(), operation, fd, &event) == 0);
  }

  void make_certificate(std::string alpn) {
    constexpr UnixSeconds kDay = 86'400;
    const auto now = static_cast<UnixSeconds>(std::time(nullptr));
    const auto authority = sim::TlsAuthority::make_root("Origin Root", now - kDay, now + kDay);
    const auto own = authority.issue({.common_name = "origin",
                                      .dns = {"localhost"},
                                      .ip = {std::string("\x7f\0\0\1", 4)},
                                      .not_before = now - kDay,
                                      .not_after = now + kDay});
    sim::TlsServerOptions options;
    options.certificate_pem = own.certificate_pem;
    options.key_pem = own.key_pem;
    options.alpn = {std::move(alpn)};
    tls_ = std::make_unique<sim::TlsServerContext>(sim::TlsServerContext::create(options).value());
    TlsOptions trusting;
    trusting.trust_anchors_pem = authority.certificate_pem();
    trust_ = TlsConfig::create(trusting).value();
  }

  void run() {
    std::array<epoll_event, 256> batch;
    while (!stop_) {
      const int count = ::epoll_wait(epoll_.get(), batch.data(), static_cast<int>(batch.size()), -1);
      // Accepting comes last: a descriptor number that is closed in this batch must not be used again inside it.
      bool http = false, https = false;
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = batch[static_cast<std::size_t>(i)];
        http |= event.data.fd == http_.socket.get();
        https |= event.data.fd == https_.socket.get();
        if (event.data.fd == event_.get()) obey();
        drive(event.data.fd, event.events);
      }
      if (http) accept_all(http_, nullptr);
      if (https) accept_all(https_, tls_.get());
    }
    connections_.clear();
  }

  void obey() {
    std::uint64_t count = 0;
    must(::read(event_.get(), &count, sizeof count) == sizeof count);
    if (!release_.exchange(false)) return;
    for (std::size_t fd = 0; fd < connections_.size(); ++fd) {
      if (!connections_[fd] || connections_[fd]->talk().held() == 0) continue;
      held_ -= connections_[fd]->talk().held();
      connections_[fd]->release();
      drive(static_cast<int>(fd), EPOLLOUT);
    }
  }

  void drive(int fd, std::uint32_t events) {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= connections_.size() || !connections_[index]) return;
    Connection& connection = *connections_[index];
    const int held = connection.talk().held();
    const int requests = connection.talk().requests();
    const bool goes_on = connection.drive(events);
    requests_ += connection.talk().requests() - requests;
    held_ += (goes_on ? connection.talk().held() : 0) - held;
    if (!goes_on) {
      connections_[index].reset();
      --open_;
    } else if (const std::uint32_t wanted = connection.wanted(); wanted != watched_[index]) {
      control(EPOLL_CTL_MOD, fd, watched_[index] = wanted);
    }
  }

  void accept_all(const Listener& listener, const sim::TlsServerContext* tls) {
    for (;;) {
      Descriptor socket(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) return;
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const int fd = socket.get();
      const auto index = static_cast<std::size_t>(fd);
      if (index >= connections_.size()) {
        connections_.resize(index * 2 + 1);
        watched_.resize(connections_.size());
      }
      connections_[index] = std::make_unique<Connection>(std::move(socket), tls, make_talk_());
      control(EPOLL_CTL_ADD, fd, watched_[index] = EPOLLIN);
      ++open_;
      ++accepted_;
    }
  }

  const std::function<std::unique_ptr<Talk>()> make_talk_;
  Descriptor epoll_, event_;
  std::unique_ptr<sim::TlsServerContext> tls_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor; used by the thread only
  std::vector<std::uint32_t> watched_;
  std::atomic<bool> stop_ = false, release_ = false;
  std::thread thread_;
};

OriginServer::OriginServer() : OriginServer([] { return std::make_unique<OriginTalk>(); }, "http/1.1") {}
OriginServer::OriginServer(std::function<std::unique_ptr<Talk>()> make_talk, std::string alpn) {
  pattern(0, 0);  // made now, not during a measurement
  thread_ = std::make_unique<Thread>(std::move(make_talk), std::move(alpn));
}
OriginServer::~OriginServer() = default;

std::string OriginServer::http(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(thread_->http_.port) + path;
}
std::string OriginServer::https(const std::string& path) const {
  return "https://127.0.0.1:" + std::to_string(thread_->https_.port) + path;
}
const std::shared_ptr<const TlsConfig>& OriginServer::trust() const { return thread_->trust_; }

void OriginServer::release() { thread_->release(); }
int OriginServer::held() const { return thread_->held_; }
int OriginServer::open() const { return thread_->open_; }
int OriginServer::accepted() const { return thread_->accepted_; }
int OriginServer::requests() const { return thread_->requests_; }

}  // namespace sluice::test
