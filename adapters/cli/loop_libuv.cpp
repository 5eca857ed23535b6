// --loop libuv: LibuvDriver in a loop of the command's own, with what else the command waits for beside it. Where libuv was not there when
// sluice was built: one clear error.
#include "adapters/cli/loop.hpp"

#ifdef SLUICE_HAVE_LIBUV

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "adapters/libuv.hpp"

namespace sluice::cli {
namespace {

class LibuvLoop final : public Loop {
 public:
  ~LibuvLoop() override {
    driver_.reset();
    for (const auto& extra : extra_) uv_close(reinterpret_cast<uv_handle_t*>(&extra->poll), nullptr);
    if (timer_.loop != nullptr) uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);  // until all are closed
    uv_loop_close(&loop_);
  }

  static Result<std::unique_ptr<Loop>> make(Multi& multi) {
    auto made = std::make_unique<LibuvLoop>();
    if (made->started_ != 0) return std::unexpected(failure(made->started_));
    uv_timer_init(&made->loop_, &made->timer_);
    auto driver = LibuvDriver::create(multi, &made->loop_);
    if (!driver) return std::unexpected(std::move(driver.error()));
    made->driver_ = *std::move(driver);
    return made;
  }

  Drive perform() override { return driver_->failed() ? Drive::failed : Drive::ok; }

  Result<void> wait(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) override {
    if (const int error = watch(extra); error != 0) return std::unexpected(failure(error));
    uv_update_time(&loop_);
    const auto most = std::max<std::int64_t>(longest.count(), 0);
    uv_timer_start(&timer_, [](uv_timer_t*) {}, static_cast<std::uint64_t>(most), 0);
    uv_run(&loop_, UV_RUN_ONCE);
    for (ExtraDescriptor& one : extra) {
      const auto found = find(one.fd);
      one.ready = std::exchange((*found)->ready, std::uint8_t{0});
    }
    return {};
  }

 private:
  struct Extra {
    uv_poll_t poll = {};
    int fd = -1;
    std::uint8_t ready = 0;
  };
  using Extras = std::vector<std::unique_ptr<Extra>>;

  static Error failure(int error) {
    return make_error(Code::internal, std::string("loop libuv: ") + uv_strerror(error), -error);
  }
  Extras::iterator find(int fd) {
    return std::ranges::find_if(extra_, [&](const auto& one) { return one->fd == fd; });
  }

  int watch(std::span<ExtraDescriptor> extra) {
    std::erase_if(extra_, [&](std::unique_ptr<Extra>& one) {
      if (std::ranges::any_of(extra, [&](const ExtraDescriptor& wanted) { return wanted.fd == one->fd; })) return false;
      auto* const handle = reinterpret_cast<uv_handle_t*>(&one.release()->poll);
      uv_close(handle, [](uv_handle_t* closed) { delete reinterpret_cast<Extra*>(closed); });  // poll is its first member
      return true;
    });
    for (const ExtraDescriptor& wanted : extra) {
      if (find(wanted.fd) != extra_.end()) continue;
      auto one = std::make_unique<Extra>();
      one->fd = wanted.fd;
      if (const int error = uv_poll_init(&loop_, &one->poll, wanted.fd); error != 0) return error;
      uv_poll_start(&one->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
        reinterpret_cast<Extra*>(poll)->ready = kEventRead;
      });
      extra_.push_back(std::move(one));
    }
    return 0;
  }

  uv_loop_t loop_ = {};
  int started_ = uv_loop_init(&loop_);
  uv_timer_t timer_ = {};  // how long a wait may take
  std::unique_ptr<LibuvDriver> driver_;
  Extras extra_;
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
