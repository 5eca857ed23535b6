// See socks4_server.hpp.
#include "tests/support/socks4_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <thread>
#include <utility>

#include "adapters/net/descriptor.hpp"
#include "tests/support/must.hpp"

namespace sluice::test {
namespace {

using net::Descriptor;

sockaddr_in socks4_address(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

struct Socks4Request {
  std::string address;  // four bytes
  std::uint16_t port = 0;
  std::string user, name;
};

// Reads bytes up to a NUL.
bool read_text(int fd, std::string& text) {
  for (char c = 0; ::read(fd, &c, 1) == 1; text += c) {
    if (c == '\0') return true;
  }
  return false;
}

bool read_request(int fd, Socks4Request& request) {
  std::array<std::uint8_t, 8> head = {};
  for (std::uint8_t& byte : head) {
    if (::read(fd, &byte, 1) != 1) return false;
  }
  if (head[0] != 4 || head[1] != 1) return false;
  request.port = static_cast<std::uint16_t>(head[2] * 256 + head[3]);
  request.address.assign(head.begin() + 4, head.end());
  if (!read_text(fd, request.user)) return false;
  const bool has_name = head[4] == 0 && head[5] == 0 && head[6] == 0 && head[7] != 0;
  return !has_name || read_text(fd, request.name);
}

std::string text_of_request(const Socks4Request& request) {
  std::string host = request.name;
  for (const char byte : request.name.empty() ? request.address : "")
    host += (host.empty() ? "" : ".") + std::to_string(static_cast<unsigned char>(byte));
  return host + ":" + std::to_string(request.port) + " " + request.user;
}

// False: no more comes from there.
bool pass_on(int from, int to) {
  std::array<char, 16384> bytes = {};
  const ssize_t count = ::read(from, bytes.data(), bytes.size());
  for (ssize_t sent = 0; sent < count;) {
    const ssize_t more = ::send(to, bytes.data() + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
    if (more <= 0) return false;
    sent += more;
  }
  return count > 0;
}

void relay(int client, int origin, int stop) {
  std::array<pollfd, 3> ends = {{{client, POLLIN, 0}, {origin, POLLIN, 0}, {stop, POLLIN, 0}}};
  while (::poll(ends.data(), ends.size(), -1) > 0 && ends[2].revents == 0) {
    if (ends[0].revents != 0 && !pass_on(client, origin)) return;
    if (ends[1].revents != 0 && !pass_on(origin, client)) return;
  }
}

}  // namespace

class Socks4Server::Thread {
 public:
  Thread(std::uint8_t answer, const std::string& path) : answer_(answer) {
    std::array<int, 2> ends = {};
    must(::pipe2(ends.data(), O_CLOEXEC) == 0);
    stop_ = Descriptor(ends[0]);
    stopper_ = Descriptor(ends[1]);
    path.empty() ? bind_port() : bind_path(path);
    must(::listen(listener_.get(), 16) == 0);
    thread_ = std::thread([this] { run(); });
  }
  ~Thread() {
    stopper_ = Descriptor();
    thread_.join();
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  std::uint16_t port() const { return port_; }
  std::string last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  void bind_port() {
    listener_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = socks4_address(0);
    socklen_t size = sizeof address;
    must(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    must(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }

  void bind_path(const std::string& path) {
    listener_ = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    must(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    must(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  void run() {
    std::array<pollfd, 2> ends = {{{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    while (::poll(ends.data(), ends.size(), -1) > 0 && ends[1].revents == 0) {
      const Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (client) serve(client.get());
    }
  }

  void serve(int client) {
    Socks4Request request;
    const timeval limit = {.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const bool is_valid = read_request(client, request);
    {
      const std::lock_guard lock(mutex_);
      last_ = is_valid ? text_of_request(request) : "";
    }
    if (!is_valid) return;
    const Descriptor origin(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = socks4_address(request.port);
    const bool reached = ::connect(origin.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const std::array<std::uint8_t, 8> reply = {0, reached ? answer_ : std::uint8_t{91}};
    if (::send(client, reply.data(), reply.size(), MSG_NOSIGNAL) != 8 || reply[1] != 90) return;
    relay(client, origin.get(), stop_.get());
  }

  const std::uint8_t answer_;
  Descriptor stop_, stopper_, listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::string last_;
  std::thread thread_;
};

Socks4Server::Socks4Server(std::uint8_t answer, const std::string& path)
    : thread_(std::make_unique<Thread>(answer, path)) {}
Socks4Server::~Socks4Server() = default;
std::string Socks4Server::place() const { return "127.0.0.1:" + std::to_string(thread_->port()); }
std::string Socks4Server::last_request() const { return thread_->last(); }

}  // namespace sluice::test
