// The cost of a request in the steady state (core/README.md "Cost"): one send, one recv, no epoll_ctl, no heap
// allocation; over HTTP/2 less. Counts by replacing functions of the C library and operator new, only in this
// executable and only for the driving thread.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <new>
#include <string>
#include <thread>

#include "adapters/multi.hpp"
#include "core/features.hpp"
#include "tests/support/http2_origin.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace {

struct Counts {
  int sends = 0, receives = 0, controls = 0, allocations = 0;
};
thread_local Counts* counting = nullptr;

void* counted_new(std::size_t size) {
  if (counting) ++counting->allocations;
  void* const memory = std::malloc(size > 0 ? size : 1);
  if (!memory) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted_new(size); }
void* operator new[](std::size_t size) { return counted_new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted_new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted_new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

extern "C" {
ssize_t send(int fd, const void* data, size_t size, int flags) {
  if (counting) ++counting->sends;
  return ::syscall(SYS_sendto, fd, data, size, flags, nullptr, 0);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (counting) ++counting->sends;
  return ::syscall(SYS_sendmsg, fd, message, flags);
}
ssize_t recv(int fd, void* data, size_t size, int flags) {
  if (counting) ++counting->receives;
  return ::syscall(SYS_recvfrom, fd, data, size, flags, nullptr, nullptr);
}
int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  if (counting) ++counting->controls;
  return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, fd, event));
}
}

using namespace sluice;
using namespace sluice::test;

namespace {

// Adds the next request of its store whenever one is done.
struct Relay : TransferHandler {
  std::vector<Request> store;
  std::size_t next = 0;
  std::size_t done = 0, failed = 0, bytes = 0;

  std::size_t on_body(Multi&, TransferId, Bytes body) override {
    bytes += body.size();
    return body.size();
  }
  void on_done(Multi& multi, TransferId id, const Result<void>& result) override {
    ++done;
    if (!result) ++failed;
    multi.remove(id);
    start(multi);
  }
  void start(Multi& multi) {
    if (next >= store.size()) return;
    TransferOptions options;
    options.http_versions = versions;
    (void)multi.add(std::move(store[next++]), std::move(options), this);
  }
  HttpVersions versions = HttpVersions::any;
};

// One connection at a time over HTTP/2 without TLS, in a thread of its own. The first request gets no answer.
class Http2Server {
 public:
  Http2Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::thread([this] { serve(); });
  }
  // The client must have closed its connection.
  ~Http2Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  const std::string& url() const { return url_; }

 private:
  void serve() const {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    Http2Origin origin(1024);
    origin.hold_first();
    std::string answer, input(64 * 1024, '\0');
    for (ssize_t got = 0; (got = ::recv(fd, input.data(), input.size(), 0)) > 0;) {
      answer.clear();
      origin.read(as_bytes(std::string_view(input).substr(0, static_cast<std::size_t>(got))), answer);
      for (std::size_t sent = 0; sent < answer.size();) {
        const ssize_t more = ::send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (more <= 0) break;
        sent += static_cast<std::size_t>(more);
      }
    }
    ::close(fd);
  }
  int listener_;
  std::string url_;
  std::thread thread_;
};

// Until so many are done.
Counts measure(Multi& multi, const Relay& relay, std::size_t done) {
  Counts counts;
  const Instant limit = multi.now() + 20s;
  counting = &counts;
  while (relay.done < done && multi.now() < limit) {
    multi.perform();
    (void)multi.poll({}, 1000ms);
  }
  counting = nullptr;
  return counts;
}

}  // namespace

TEST_CASE("A request on a warm connection costs one send, one recv, no epoll_ctl and no allocation") {
  constexpr std::size_t kWarm = 400, kMeasured = 1000, kAtOnce = 8;
  LoopbackServer server([](const std::string&) { return ok(std::string(1024, 'x')); });
  auto multi = make_multi();
  Relay relay;
  for (std::size_t i = 0; i < kWarm + kMeasured + 2 * kAtOnce; ++i)
    relay.store.push_back(get(server.url("/" + std::to_string(10'000 + i))));
  for (std::size_t i = 0; i < kAtOnce; ++i) relay.start(*multi);
  REQUIRE(drive_until(*multi, [&] { return relay.done >= kWarm; }));
  const std::size_t done_before = relay.done;

  const Counts counts = measure(*multi, relay, kWarm + kMeasured);
  const auto measured = static_cast<int>(relay.done - done_before);
  CHECK(relay.failed == 0);
  CHECK(relay.bytes >= relay.done * 1024);
  CHECK(server.accepted() == static_cast<int>(kAtOnce));
  MESSAGE(measured << " requests: " << counts.sends << " sends, " << counts.receives << " receives, " << counts.controls
                   << " epoll_ctl, " << counts.allocations << " allocations");
  CHECK(counts.sends <= measured);
  CHECK(counts.receives <= measured + static_cast<int>(kAtOnce));
  CHECK(counts.controls == 0);
  CHECK(counts.allocations == 0);
}

TEST_CASE("A request on a warm connection over HTTP/2 costs no more than that, and shares sends and receives") {
  if (!features().http2) return;
  constexpr std::size_t kWarm = 400, kMeasured = 1000, kAtOnce = 16;
  Http2Server server;
  auto multi = make_multi();
  Relay relay;
  relay.versions = HttpVersions::http2_prior_knowledge;
  for (std::size_t i = 0; i < kWarm + kMeasured + 2 * kAtOnce; ++i) relay.store.push_back(get(server.url()));
  for (std::size_t i = 0; i < kAtOnce; ++i) relay.start(*multi);
  REQUIRE(drive_until(*multi, [&] { return relay.done >= kWarm; }));
  const std::size_t done_before = relay.done;
  const Counts counts = measure(*multi, relay, kWarm + kMeasured);
  const auto measured = static_cast<int>(relay.done - done_before);
  CHECK(relay.failed == 0);
  CHECK(relay.bytes >= relay.done * 1024);
  MESSAGE(measured << " requests: " << counts.sends << " sends, " << counts.receives << " receives, " << counts.controls
                   << " epoll_ctl, " << counts.allocations << " allocations");
  CHECK(measured >= static_cast<int>(kMeasured - kAtOnce));
  CHECK(counts.sends <= measured);
  CHECK(counts.receives <= measured);
  CHECK(counts.controls == 0);
  CHECK(counts.allocations == 0);
}
