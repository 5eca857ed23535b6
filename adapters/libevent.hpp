// libevent: runs a Multi in an application's event_base, together with other events.
// Knows libevent's events. Leaves transfers to Multi, and the loop to the application. Header only: libsluice does not
// link libevent.
//
// Example: fetches all the URLs of its command line at once, while a timer of its own says how many still run.
//   #include <event2/event.h>
//   #include <iostream>
//   #include <sluice/libevent.hpp>
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
//   void tick(int, short, void* multi) { std::cerr << static_cast<sluice::Multi*>(multi)->running() << " running\n"; }
//
//   int main(int argc, char** argv) {
//     event_base* const base = event_base_new();
//     const auto multi = sluice::Multi::create().value();  // throws what went wrong
//     auto driver = sluice::LibeventDriver::create(*multi, base, print_results).value();
//     const timeval every_100_ms = {0, 100'000};
//     event* const ticker = event_new(base, -1, EV_PERSIST, tick, multi.get());
//     event_add(ticker, &every_100_ms);
//     for (int i = 1; i < argc; ++i) {
//       sluice::Request request;
//       const auto url = sluice::Url::parse(argv[i]);
//       if (url) request.url = *url;
//       const auto added = url ? multi->add(std::move(request), {}, &drop_bodies) : std::unexpected(url.error());
//       if (!added) std::cerr << added.error().message() << '\n';
//     }
//     while (multi->running() > 0 && !driver->failed()) event_base_loop(base, EVLOOP_ONCE);
//     driver.reset();
//     event_free(ticker);
//     event_base_free(base);
//     return succeeded == argc - 1 ? 0 : 1;
//   }
#pragma once

#include <event2/event.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "multi.hpp"

namespace sluice {

// Multi and the event_base must outlive the driver. A Multi has one driver at a time, in the loop's thread. While the
// driver exists, event_base_dispatch() does not return, because a wakeup() may come: call event_base_loopbreak() in
// after_drive, or run the loop as above. Uses Multi::assign. The driver must not be destroyed inside after_drive or a
// TransferHandler.
class LibeventDriver final : private WatchSink {
 public:
  // `after_drive` (may be null) is called after each drive. Error: invalid_option (the event_base refuses Multi's
  // descriptors, or this Multi has another driver; that driver keeps working and must be destroyed first).
  static Result<std::unique_ptr<LibeventDriver>> create(Multi& multi, event_base* base,
                                                        AfterDrive after_drive = nullptr) {
    if (multi.watch_sink()) {
      return std::unexpected(
          make_error(Code::invalid_option, "watch in a libevent loop: this Multi has a driver already"));
    }
    std::unique_ptr<LibeventDriver> driver(new LibeventDriver(multi, base, std::move(after_drive)));
    multi.set_watch_sink(driver.get());
    if (!driver->failed_) return driver;
    return std::unexpected(make_error(Code::invalid_option, "watch in a libevent loop: refused"));
  }
  ~LibeventDriver() override {
    if (multi_.watch_sink() == this) multi_.set_watch_sink(nullptr);
  }
  LibeventDriver(const LibeventDriver&) = delete;
  LibeventDriver& operator=(const LibeventDriver&) = delete;

  // A descriptor of Multi could not be watched, or a drive answered Drive::failed: transfers that run may never end.
  bool failed() const { return failed_; }
  // What a TransferHandler (see multi.hpp) or after_drive threw: no exception may pass through libevent, which is C.
  // The first one since the last call; null: none. The loop keeps running.
  std::exception_ptr take_exception() { return std::exchange(exception_, nullptr); }

 private:
  struct Free {
    void operator()(event* given) const { event_free(given); }
  };
  using Owned = std::unique_ptr<event, Free>;
  struct Watch {
    Owned waits;
    std::list<Watch>::iterator place;
  };

  LibeventDriver(Multi& multi, event_base* base, AfterDrive after_drive)
      : multi_(multi),
        base_(base),
        after_drive_(std::move(after_drive)),
        timer_(event_new(base, -1, 0, on_event, this)) {}

  void on_watch(int fd, std::uint8_t events, void* assigned) override {
    auto* watch = static_cast<Watch*>(assigned);
    if (events == 0) {
      if (watch) watches_.erase(watch->place);
      return;
    }
    if (!watch) {
      try {
        watch = &watches_.emplace_front();
      } catch (const std::bad_alloc&) {
        failed_ = true;
        return;
      }
      watch->place = watches_.begin();
      multi_.assign(fd, watch);
    }
    const int wanted = ((events & kEventRead) ? EV_READ : 0) | ((events & kEventWrite) ? EV_WRITE : 0);
    watch->waits.reset();  // libevent cannot change what an event waits for
    watch->waits.reset(event_new(base_, fd, static_cast<short>(wanted | EV_PERSIST), on_event, this));
    add(watch->waits, nullptr);
  }

  void on_timer(std::optional<Instant> at) override {
    if (!at) {
      if (timer_) event_del(timer_.get());
      return;
    }
    const auto wait = std::chrono::ceil<std::chrono::microseconds>(std::max(*at - multi_.now(), Duration(0))).count();
    const timeval relative = {.tv_sec = wait / 1'000'000, .tv_usec = wait % 1'000'000};
    // Timers count from the loop's cached time, which does not advance during a callback.
    event_base_update_cache_time(base_);
    add(timer_, &relative);
  }

  // libevent reports an error or a hang-up as the event that is waited for. A negative fd: the timer.
  static void on_event(evutil_socket_t fd, short events, void* driver) {
    const int seen = ((events & EV_READ) ? kEventRead : 0) | ((events & EV_WRITE) ? kEventWrite : 0);
    static_cast<LibeventDriver*>(driver)->drive(fd < 0 ? Multi::kNoSocket : fd, static_cast<std::uint8_t>(seen));
  }

  void drive(int fd, std::uint8_t events) {
    try {
      const Drive answer = multi_.socket_action(fd, events);
      if (answer == Drive::recursive_call) return;
      failed_ = failed_ || answer == Drive::failed;
      if (after_drive_) after_drive_(multi_);
    } catch (...) {
      if (!exception_) exception_ = std::current_exception();
    }
  }

  void add(const Owned& event, const timeval* wait) {
    if (!event || event_add(event.get(), wait) != 0) failed_ = true;
  }

  Multi& multi_;
  event_base* base_;
  AfterDrive after_drive_;
  Owned timer_;
  std::list<Watch> watches_;
  bool failed_ = false;
  std::exception_ptr exception_;
};

}  // namespace sluice
