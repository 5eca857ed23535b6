// libuv: runs a Multi in an application's uv_loop_t, together with other handles.
// Knows libuv's polls and timers. Leaves transfers to Multi, and the loop to the application. Header only: libsluice
// does not link libuv.
//
// Example: fetches all the URLs of its command line at once, while a timer of its own says how many still run.
//   #include <uv.h>
//   #include <iostream>
//   #include <sluice/libuv.hpp>
//
//   int succeeded = 0;
//   sluice::TransferHandler drop_bodies;  // derive from it to get them
//
//   void print_results(sluice::Multi& multi) {
//     while (const auto message = multi.info_read()) {
//       const auto url = multi.request(message->transfer).url.text_without_secrets();
//       const auto bytes = message->progress.received_body_bytes;
//       if (message->result) std::cout << message->status << ' ' << bytes << ' ' << url << '\n';
//       else std::cerr << message->result.error().message() << '\n';
//       succeeded += message->result.has_value();
//       multi.remove(message->transfer);
//     }
//   }
//
//   void tick(uv_timer_t* ticker) {
//     std::cerr << static_cast<sluice::Multi*>(ticker->data)->running() << " running\n";
//   }
//
//   int main(int argc, char** argv) {
//     uv_loop_t* const loop = uv_default_loop();
//     const auto multi = sluice::Multi::create().value();  // throws what went wrong
//     auto driver = sluice::LibuvDriver::create(*multi, loop, print_results).value();
//     uv_timer_t ticker;
//     uv_timer_init(loop, &ticker);
//     ticker.data = multi.get();
//     uv_timer_start(&ticker, tick, 100, 100);
//     uv_unref(reinterpret_cast<uv_handle_t*>(&ticker));  // not what the loop waits for
//     for (int i = 1; i < argc; ++i) {
//       sluice::Request request;
//       const auto url = sluice::Url::parse(argv[i]);
//       if (url) request.url = *url;
//       const auto added = url ? multi->add(std::move(request), {}, &drop_bodies) : std::unexpected(url.error());
//       if (!added) std::cerr << added.error().message() << '\n';
//     }
//     uv_run(loop, UV_RUN_DEFAULT);  // until no transfer runs
//     uv_close(reinterpret_cast<uv_handle_t*>(&ticker), nullptr);
//     driver.reset();
//     uv_run(loop, UV_RUN_DEFAULT);  // until all is closed
//     return uv_loop_close(loop) == 0 && succeeded == argc - 1 ? 0 : 1;
//   }
#pragma once

#include <uv.h>

#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "multi.hpp"

namespace sluice {

// Multi and the loop must outlive the driver. A Multi has one driver at a time, in the loop's thread. The driver keeps
// uv_run() running only while a transfer runs. Uses Multi::assign. The driver must not be destroyed inside after_drive
// or a TransferHandler. Its handles are freed in the loop's next iteration after that, so run the loop once more before
// uv_loop_close().
class LibuvDriver final : private WatchSink {
 public:
  // `after_drive` (may be null) is called after each drive. Error: invalid_option (the loop cannot watch Multi's
  // descriptors, or this Multi has another driver; that driver keeps working and must be destroyed first).
  static Result<std::unique_ptr<LibuvDriver>> create(Multi& multi, uv_loop_t* loop, AfterDrive after_drive = nullptr) {
    if (multi.watch_sink()) {
      return std::unexpected(
          make_error(Code::invalid_option, "watch in a libuv loop: this Multi has a driver already"));
    }
    std::unique_ptr<LibuvDriver> driver(new LibuvDriver(multi, loop, std::move(after_drive)));
    multi.set_watch_sink(driver.get());
    driver->hold_loop();
    if (const int error = driver->error_; error != 0) {
      const std::string reason = uv_strerror(error);
      return std::unexpected(make_error(Code::invalid_option, "watch in a libuv loop: " + reason, -error));
    }
    return driver;
  }
  ~LibuvDriver() override {
    if (multi_.watch_sink() == this) multi_.set_watch_sink(nullptr);
  }
  LibuvDriver(const LibuvDriver&) = delete;
  LibuvDriver& operator=(const LibuvDriver&) = delete;

  // A descriptor of Multi could not be watched, or a drive answered Drive::failed: transfers that run may never end.
  bool failed() const { return error_ != 0; }
  // What a TransferHandler (see multi.hpp) or after_drive threw: no exception may pass through libuv, which is C. The
  // first one since the last call; null: none. The loop keeps running.
  std::exception_ptr take_exception() { return std::exchange(exception_, nullptr); }

 private:
  // Stops a handle at once. Its memory is freed when libuv does not use it any more.
  struct Close {
    template <class Handle>
    void operator()(Handle* handle) const {
      const uv_close_cb free = [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); };
      uv_close(reinterpret_cast<uv_handle_t*>(handle), free);
    }
  };
  template <class Handle>
  using Owned = std::unique_ptr<Handle, Close>;
  struct Watch {
    uv_poll_t poll;  // first member: a pointer to it is a pointer to the Watch
    LibuvDriver* driver;
    int fd, wanted;
    std::list<Owned<Watch>>::iterator place;
  };

  LibuvDriver(Multi& multi, uv_loop_t* loop, AfterDrive after_drive)
      : multi_(multi), loop_(loop), after_drive_(std::move(after_drive)) {
    uv_timer_init(loop, timer_.get());
    uv_idle_init(loop, at_once_.get());
    uv_prepare_init(loop, hold_.get());
    uv_unref(reinterpret_cast<uv_handle_t*>(timer_.get()));
    timer_->data = at_once_->data = this;
  }

  void on_watch(int fd, std::uint8_t events, void* assigned) override {
    auto* watch = static_cast<Watch*>(assigned);
    if (events == 0) {
      if (watch) watches_.erase(watch->place);
      return;
    }
    if (!watch) watch = open(fd);
    if (!watch) return;
    watch->wanted = ((events & kEventRead) ? UV_READABLE : 0) | ((events & kEventWrite) ? UV_WRITABLE : 0);
    check(uv_poll_start(&watch->poll, watch->wanted, on_poll));
  }

  void on_timer(std::optional<Instant> at) override {
    uv_timer_stop(timer_.get());
    uv_idle_stop(at_once_.get());
    const auto wait = at ? std::chrono::ceil<std::chrono::milliseconds>(*at - multi_.now()).count() : 0;
    if (wait > 0) {
      uv_update_time(loop_);  // timers count from the loop's cached time, which does not advance during a callback
      uv_timer_start(timer_.get(), on_due, static_cast<std::uint64_t>(wait), 0);
    } else if (at) {
      // Not a timer of 0 ms: in libuv 1.44 such a timer that starts itself again runs without a check of the
      // descriptors in between.
      uv_idle_start(at_once_.get(), on_due);
    }
    hold_loop();
  }

  template <class Handle>
  static void on_due(Handle* handle) {
    static_cast<LibuvDriver*>(handle->data)->drive(Multi::kNoSocket, kEventNone);  // which sets the next time
  }

  static void on_poll(uv_poll_t* poll, int status, int events) {
    auto* const watch = reinterpret_cast<Watch*>(poll);
    const int seen = ((events & UV_READABLE) ? kEventRead : 0) | ((events & UV_WRITABLE) ? kEventWrite : 0);
    watch->driver->drive(watch->fd, static_cast<std::uint8_t>(status < 0 ? kEventError : seen));
    // libuv stops a poll when it reports an error, but Multi may still need it.
    auto* const handle = reinterpret_cast<uv_handle_t*>(poll);
    if (uv_is_active(handle) || uv_is_closing(handle)) return;
    watch->driver->check(uv_poll_start(poll, watch->wanted, on_poll));
  }

  Watch* open(int fd) try {
    auto made = std::make_unique<Watch>();
    watches_.emplace_front();
    if (!check(uv_poll_init(loop_, &made->poll, fd))) {
      watches_.pop_front();
      return nullptr;
    }
    uv_unref(reinterpret_cast<uv_handle_t*>(&made->poll));
    made->driver = this;
    made->fd = fd;
    made->place = watches_.begin();
    watches_.front().reset(made.release());
    multi_.assign(fd, watches_.front().get());
    return watches_.front().get();
  } catch (const std::bad_alloc&) {
    check(UV_ENOMEM);
    return nullptr;
  }

  void drive(int fd, std::uint8_t events) {
    try {
      const Drive answer = multi_.socket_action(fd, events);
      if (answer == Drive::recursive_call) return;
      if (answer == Drive::failed) check(UV_EIO);
      if (after_drive_) after_drive_(multi_);
    } catch (...) {
      if (!exception_) exception_ = std::current_exception();
    }
    hold_loop();
  }

  // `hold_` does nothing, but while it is active uv_run() does not return. The same holds for `at_once_`, but not for
  // the polls and the timer.
  void hold_loop() {
    multi_.running() > 0 ? uv_prepare_start(hold_.get(), [](uv_prepare_t*) {}) : uv_prepare_stop(hold_.get());
  }

  bool check(int error) {
    if (error != 0 && error_ == 0) error_ = error;
    return error == 0;
  }

  Multi& multi_;
  uv_loop_t* loop_;
  AfterDrive after_drive_;
  Owned<uv_timer_t> timer_{new uv_timer_t()};
  Owned<uv_idle_t> at_once_{new uv_idle_t()};
  Owned<uv_prepare_t> hold_{new uv_prepare_t()};
  std::list<Owned<Watch>> watches_;
  int error_ = 0;  // a libuv error; 0: none
  std::exception_ptr exception_;
};

}  // namespace sluice
