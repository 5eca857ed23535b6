// See loop.hpp. --loop epoll: EpollDriver with an epoll set of the command, which also has its other descriptors.
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "adapters/cli/epoll_extras.hpp"
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
    if (const int error = extras_.open(); error != 0) return std::unexpected(failure("epoll_create1", error));
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = extras_.fd();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, extras_.fd(), &event) != 0)
      return std::unexpected(failure("epoll_ctl", errno));
    auto driver = EpollDriver::create(multi, epoll_.get());
    if (!driver) return std::unexpected(std::move(driver.error()));
    driver_ = *std::move(driver);
    return {};
  }

  Drive perform() override { return driver_->failed() ? Drive::failed : Drive::ok; }

  Result<void> wait(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) override {
    if (const int error = extras_.watch(extra); error != 0) return std::unexpected(failure("epoll_ctl", error));
    const auto most = std::clamp<std::int64_t>(longest.count(), 0, std::numeric_limits<int>::max());
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                   driver_->timeout_ms(static_cast<int>(most)));
    if (count < 0 && errno != EINTR) return std::unexpected(failure("epoll_wait", errno));
    for (int i = 0; i < count; ++i) driver_->handle(events_[static_cast<std::size_t>(i)]);
    driver_->after_batch();
    extras_.tell(extra);
    return {};
  }

 private:
  net::Descriptor epoll_;
  EpollExtras extras_;
  std::unique_ptr<EpollDriver> driver_;
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
