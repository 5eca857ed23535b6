// The cost of a request in the steady state (core/README.md "Cost"): one send, one recv, no epoll_ctl, no heap
// allocation. Counts by replacing functions of the C library and operator new, only in this executable and only for the
// driving thread.
#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "adapters/multi.hpp"
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
    if (next < store.size()) (void)multi.add(std::move(store[next++]), {}, this);
  }
};

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

  Counts counts;
  const Instant limit = multi->now() + 20s;
  counting = &counts;
  while (relay.done < kWarm + kMeasured && multi->now() < limit) {
    multi->perform();
    (void)multi->poll({}, 1000ms);
  }
  counting = nullptr;
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
