// See loopback_server.hpp. One poll loop; requests of other threads are protected by one mutex and announced by an
// eventfd.
#include "tests/support/loopback_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/net/descriptor.hpp"
#include "tests/support/must.hpp"

namespace sluice::test {
namespace {

using net::Descriptor;

struct Caller {
  Descriptor socket;
  int number = 0;
  std::string in;
  std::deque<Reply> out;  // the front is being sent
  std::size_t sent = 0;   // of the front
  bool gone = false;
};

sockaddr_in loopback_at(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address = {};
  socklen_t size = sizeof address;
  must(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

Descriptor bind_loopback() {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  must(static_cast<bool>(socket));
  const sockaddr_in address = loopback_at(0);
  must(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

// The size of the first request in `text` in bytes; 0: it is incomplete.
std::size_t request_size(const std::string& text) {
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string::npos) return 0;
  const std::string fields = text.substr(0, head + 2);
  if (fields.find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos) {
    const std::size_t end = text.find("0\r\n\r\n", head + 4);
    return end == std::string::npos ? 0 : end + 5;
  }
  std::size_t body = 0;
  const std::string name = "\r\nContent-Length: ";
  if (const std::size_t at = fields.find(name); at != std::string::npos)
    body = std::stoul(fields.substr(at + name.size()));
  return text.size() >= head + 4 + body ? head + 4 + body : 0;
}

}  // namespace

Reply ok(const std::string& body) {
  return {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
}

std::uint16_t refused_port() {
  const Descriptor socket = bind_loopback();
  return port_of(socket.get());
}

class LoopbackServer::Thread {
 public:
  explicit Thread(ConnectionScript script)
      : script_(std::move(script)), listener_(bind_loopback()), event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    must(::listen(listener_.get(), 4096) == 0);
    port_ = port_of(listener_.get());
    thread_ = std::thread([this] { run(); });
  }
  ~Thread() {
    tell([this] { stop_ = true; });
    thread_.join();
  }

  template <class Change>
  void tell(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    const std::uint64_t one = 1;
    must(::write(event_.get(), &one, sizeof one) == sizeof one);
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false, release_ = false, reset_all_ = false;
  int requests_ = 0, replies_ = 0, accepted_ = 0, open_ = 0;
  std::size_t received_ = 0;
  std::uint16_t port_ = 0;

 private:
  void run() {
    std::vector<pollfd> set;
    while (!obey()) {
      sweep();  // what reset_all() has ended
      set.clear();
      set.push_back({event_.get(), POLLIN, 0});
      set.push_back({listener_.get(), POLLIN, 0});
      for (const auto& client : clients_) {
        const bool writes = !client->out.empty() && !client->out.front().hold;
        set.push_back({client->socket.get(), static_cast<short>(POLLIN | (writes ? POLLOUT : 0)), 0});
      }
      ::poll(set.data(), set.size(), -1);
      const std::size_t present = clients_.size();
      if (set[1].revents & POLLIN) accept_all();
      for (std::size_t i = 0; i < present; ++i) {
        const short ready = set[i + 2].revents;
        if (ready & (POLLIN | POLLHUP | POLLERR)) read(*clients_[i]);
        if (!clients_[i]->gone && (ready & POLLOUT)) write(*clients_[i]);
      }
      sweep();
    }
  }

  // True: stop.
  bool obey() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = ::read(event_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    for (const auto& client : clients_) {
      if (reset_all_) reset(*client);
      if (!release_) continue;
      for (Reply& reply : client->out) reply.hold = false;
    }
    release_ = reset_all_ = false;
    return stop_;
  }

  void accept_all() {
    for (;;) {
      Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) return;
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      clients_.push_back(std::make_unique<Caller>());
      clients_.back()->socket = std::move(socket);
      note([this] { ++accepted_, ++open_; });
      clients_.back()->number = accepted_;
    }
  }

  void read(Caller& client) {
    char piece[64 * 1024];
    const ssize_t size = ::recv(client.socket.get(), piece, sizeof piece, 0);
    if (size <= 0) {
      client.gone = size == 0 || (errno != EAGAIN && errno != EINTR);
      return;
    }
    client.in.append(piece, static_cast<std::size_t>(size));
    note([&] { received_ += static_cast<std::size_t>(size); });
    while (const std::size_t request = request_size(client.in)) {
      client.out.push_back(script_(client.in.substr(0, request), client.number));
      client.in.erase(0, request);
      note([this] { ++requests_; });
    }
  }

  void write(Caller& client) {
    Reply& reply = client.out.front();
    const std::size_t left = reply.bytes.size() - client.sent;
    const std::size_t step = reply.byte_by_byte ? std::min<std::size_t>(left, 1) : left;
    const ssize_t size = ::send(client.socket.get(), reply.bytes.data() + client.sent, step, MSG_NOSIGNAL);
    if (size < 0) {
      client.gone = errno != EAGAIN && errno != EINTR;
      return;
    }
    client.sent += static_cast<std::size_t>(size);
    if (client.sent < reply.bytes.size()) return;
    if (reply.reset) reset(client);
    if (reply.close) client.gone = true;
    client.out.pop_front();
    client.sent = 0;
    note([this] { ++replies_; });
  }

  // SO_LINGER with a time of zero makes close() send RST.
  static void reset(Caller& client) {
    const linger now = {1, 0};
    ::setsockopt(client.socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    client.gone = true;
  }

  void sweep() {
    const auto gone = std::erase_if(clients_, [](const auto& client) { return client->gone; });
    if (gone > 0) note([&] { open_ -= static_cast<int>(gone); });
  }

  template <class Change>
  void note(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  ConnectionScript script_;
  Descriptor listener_, event_;
  std::vector<std::unique_ptr<Caller>> clients_;
  std::thread thread_;
};

LoopbackServer::LoopbackServer(Script script)
    : LoopbackServer(
          ConnectionScript([script = std::move(script)](const std::string& request, int) { return script(request); })) {
}
LoopbackServer::LoopbackServer(ConnectionScript script) : thread_(std::make_unique<Thread>(std::move(script))) {}
LoopbackServer::~LoopbackServer() = default;

std::uint16_t LoopbackServer::port() const { return thread_->port_; }
std::string LoopbackServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port()) + path;
}

void LoopbackServer::release() {
  thread_->tell([this] { thread_->release_ = true; });
}
void LoopbackServer::reset_all() {
  thread_->tell([this] { thread_->reset_all_ = true; });
}

int LoopbackServer::requests() const {
  const std::lock_guard lock(thread_->mutex_);
  return thread_->requests_;
}
int LoopbackServer::accepted() const {
  const std::lock_guard lock(thread_->mutex_);
  return thread_->accepted_;
}
int LoopbackServer::open() const {
  const std::lock_guard lock(thread_->mutex_);
  return thread_->open_;
}
std::size_t LoopbackServer::received_bytes() const {
  const std::lock_guard lock(thread_->mutex_);
  return thread_->received_;
}
bool LoopbackServer::wait_for_requests(int count) const {
  return thread_->wait([&] { return thread_->requests_ >= count; });
}
bool LoopbackServer::wait_for_replies(int count) const {
  return thread_->wait([&] { return thread_->replies_ >= count; });
}
bool LoopbackServer::wait_for_open(int count) const {
  return thread_->wait([&] { return thread_->open_ == count; });
}

}  // namespace sluice::test
