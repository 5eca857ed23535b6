// --loop epoll: EpollDriver in an epoll set of the command's own, with what else the command waits for beside it.
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <vector>

#include "adapters/cli/loop.hpp"
#include "adapters/epoll.hpp"
#include "adapters/net/descriptor.hpp"
#include "adapters/net/socket.hpp"

namespace sluice::cli {
namespace {

Error failure(const char* what, int error) {
  return make_error(Code::internal, std::string("loop epoll: ") + what + ": " + net::describe_errno(error), error);
}

class EpollLoop final : public Loop {
 public:
  explicit EpollLoop(net::Descriptor epoll) : epoll_(std::move(epoll)) {}

  Result<void> attach(Multi& multi) {
    auto driver = EpollDriver::create(multi, epoll_.get());
    if (!driver) return std::unexpected(std::move(driver.error()));
    driver_ = *std::move(driver);
    return {};
  }

  Drive perform() override { return driver_->failed() ? Drive::failed : Drive::ok; }

  Result<void> wait(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) override {
    if (const int error = watch(extra); error != 0) return std::unexpected(failure("epoll_ctl", error));
    const auto most = std::clamp<std::int64_t>(longest.count(), 0, std::numeric_limits<int>::max());
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                   driver_->timeout_ms(static_cast<int>(most)));
    if (count < 0 && errno != EINTR) return std::unexpected(failure("epoll_wait", errno));
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events_[static_cast<std::size_t>(i)];
      if (driver_->handle(event)) continue;
      for (ExtraDescriptor& one : extra) {
        if (one.fd == event.data.fd) one.ready = kEventRead;
      }
    }
    driver_->after_batch();
    return {};
  }

 private:
  // Brings what is watched for the command in line with `extra`; from one wait to the next little changes.
  int watch(std::span<ExtraDescriptor> extra) {
    for (const int fd : extra_) {
      if (std::ranges::none_of(extra, [&](const ExtraDescriptor& one) { return one.fd == fd; })) {
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // it may have been closed
      }
    }
    std::vector<int> watched;
    for (ExtraDescriptor& one : extra) {
      one.ready = 0;
      epoll_event event = {};
      event.events = EPOLLIN;
      event.data.fd = one.fd;
      const bool there = std::ranges::find(extra_, one.fd) != extra_.end();
      if (!there && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, one.fd, &event) != 0 && errno != EEXIST) return errno;
      watched.push_back(one.fd);
    }
    extra_ = std::move(watched);
    return 0;
  }

  net::Descriptor epoll_;
  std::unique_ptr<EpollDriver> driver_;
  std::vector<int> extra_;
  std::array<epoll_event, 256> events_ = {};
};

}  // namespace

Result<std::unique_ptr<Loop>> make_epoll_loop(Multi& multi) {
  net::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(failure("epoll_create1", errno));
  auto loop = std::make_unique<EpollLoop>(std::move(epoll));
  if (auto attached = loop->attach(multi); !attached) return std::unexpected(std::move(attached.error()));
  return loop;
}

}  // namespace sluice::cli
