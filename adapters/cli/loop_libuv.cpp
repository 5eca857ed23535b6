// See loop.hpp. --loop libuv: LibuvDriver in a loop of the command, which also watches its other descriptors. If sluice
// was built without libuv, make_libuv_loop() only returns an error.
#include "adapters/cli/loop.hpp"

#ifdef SLUICE_HAVE_LIBUV

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/epoll_extras.hpp"
#include "adapters/libuv.hpp"

namespace sluice::cli {
namespace {

Error uv_failure(const std::string& what, int error) {
  return make_error(Code::internal, "loop libuv: " + what + uv_strerror(error), -error);
}

// libuv aborts if it cannot open its own descriptors, so this is tried first.
int try_descriptors() {
  std::array<net::Descriptor, 6> taken;
  for (net::Descriptor& one : taken) {
    one = net::Descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!one) return -errno;
  }
  return 0;
}

class LibuvLoop final : public Loop {
 public:
  ~LibuvLoop() override {
    driver_.reset();
    if (started_ != 0) return;
    for (uv_handle_t* const handle :
         {reinterpret_cast<uv_handle_t*>(&poll_), reinterpret_cast<uv_handle_t*>(&timer_)}) {
      if (handle->loop != nullptr) uv_close(handle, nullptr);
    }
    uv_run(&loop_, UV_RUN_DEFAULT);  // until all handles are closed
    uv_loop_close(&loop_);
  }

  static Result<std::unique_ptr<Loop>> make(Multi& multi) {
    auto made = std::make_unique<LibuvLoop>();
    if (auto begun = made->begin(multi); !begun) return std::unexpected(std::move(begun.error()));
    return made;
  }

  Drive perform() override { return driver_->failed() ? Drive::failed : Drive::ok; }

  Result<void> wait(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) override {
    if (const int error = extras_.watch(extra); error != 0) return std::unexpected(uv_failure("", -error));
    uv_update_time(&loop_);
    const auto most = std::max<std::int64_t>(longest.count(), 0);
    const uv_timer_cb returns = [](uv_timer_t*) {};  // it only makes uv_run() return
    uv_timer_start(&timer_, returns, static_cast<std::uint64_t>(most), 0);
    uv_run(&loop_, UV_RUN_ONCE);
    extras_.tell(extra);
    return {};
  }

 private:
  Result<void> begin(Multi& multi) {
    started_ = try_descriptors();
    if (started_ == 0) started_ = uv_loop_init(&loop_);
    if (started_ != 0) return std::unexpected(uv_failure("uv_loop_init: ", started_));
    uv_timer_init(&loop_, &timer_);
    if (const int error = extras_.open(); error != 0) return std::unexpected(uv_failure("epoll_create1: ", -error));
    if (const int error = uv_poll_init(&loop_, &poll_, extras_.fd()); error != 0) {
      return std::unexpected(uv_failure("uv_poll_init: ", error));
    }
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t*, int, int) {});
    auto driver = LibuvDriver::create(multi, &loop_);
    if (!driver) return std::unexpected(std::move(driver.error()));
    driver_ = *std::move(driver);
    return {};
  }

  uv_loop_t loop_ = {};
  int started_ = UV_EINVAL;  // a libuv error; UV_EINVAL: not started
  uv_timer_t timer_ = {};    // limits a wait
  // libuv makes every descriptor that it watches non-blocking. The standard input is shared with the parent process, so
  // libuv watches this epoll descriptor instead.
  EpollExtras extras_;
  uv_poll_t poll_ = {};
  std::unique_ptr<LibuvDriver> driver_;
};

}  // namespace

Result<std::unique_ptr<Loop>> make_libuv_loop(Multi& multi) { return LibuvLoop::make(multi); }

}  // namespace sluice::cli

#else

namespace sluice::cli {

Result<std::unique_ptr<Loop>> make_libuv_loop(Multi&) {
  return std::unexpected(make_error(Code::invalid_option, "loop libuv: this sluice was built without libuv"));
}

}  // namespace sluice::cli

#endif
