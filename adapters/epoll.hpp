// epoll: runs a Multi with an application's own epoll descriptor, together with the application's descriptors. Knows
// epoll events and how long to wait. Leaves transfers to Multi, and the loop to the application.
//
// Example: fetches all the URLs of its command line at once, while a timer of its own says how many still run.
//   #include <sys/epoll.h>
//   #include <sys/timerfd.h>
//   #include <unistd.h>
//   #include <iostream>
//   #include <sluice/epoll.hpp>
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
//   int main(int argc, char** argv) {
//     const int epoll = epoll_create1(EPOLL_CLOEXEC), ticker = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
//     const itimerspec every_100_ms = {{0, 100'000'000}, {0, 100'000'000}};
//     timerfd_settime(ticker, 0, &every_100_ms, nullptr);
//     epoll_event tick = {.events = EPOLLIN, .data = {.fd = ticker}};
//     epoll_ctl(epoll, EPOLL_CTL_ADD, ticker, &tick);
//     const auto multi = sluice::Multi::create().value();  // throws what went wrong
//     const auto driver = sluice::EpollDriver::create(*multi, epoll, print_results).value();
//     for (int i = 1; i < argc; ++i) {
//       sluice::Request request;
//       const auto url = sluice::Url::parse(argv[i]);
//       if (url) request.url = *url;
//       const auto added = url ? multi->add(std::move(request), {}, &drop_bodies) : std::unexpected(url.error());
//       if (!added) std::cerr << added.error().message() << '\n';
//     }
//     while (multi->running() > 0 && !driver->failed()) {
//       epoll_event events[64];
//       const int count = epoll_wait(epoll, events, 64, driver->timeout_ms());
//       for (int i = 0; i < count; ++i) {
//         std::uint64_t ticks = 0;
//         if (driver->handle(events[i]) || read(ticker, &ticks, sizeof ticks) < 0) continue;
//         std::cerr << multi->running() << " running\n";
//       }
//       driver->after_batch();
//     }
//     return succeeded == argc - 1 ? 0 : 1;
//   }
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "multi.hpp"

namespace sluice {

// Adds Multi's descriptors to the application's epoll set, level-triggered, each with its number in `data.fd`. An
// application that keeps pointers in `data` can watch Multi::fd() instead, and needs no driver. Multi and the epoll
// descriptor must outlive the driver. A Multi has one driver at a time, in the Multi's thread. The driver must not be
// destroyed inside after_drive or a TransferHandler. It does not use Multi::assign, which the application may use.
class EpollDriver final : private WatchSink {
 public:
  // `after_drive` (may be null) is called after each drive. Error: invalid_option (`epoll` cannot watch Multi's
  // descriptors, or this Multi has another driver; that driver keeps working and must be destroyed first).
  static Result<std::unique_ptr<EpollDriver>> create(Multi& multi, int epoll, AfterDrive after_drive = nullptr);
  ~EpollDriver() override;  // removes Multi's descriptors from the set
  EpollDriver(const EpollDriver&) = delete;
  EpollDriver& operator=(const EpollDriver&) = delete;

  // For epoll_wait, in milliseconds: the time until Multi's deadline, rounded up, but at most `longest`. -1 means no
  // limit, both as argument and as result.
  int timeout_ms(int longest = -1) const;
  // Handles one event of a batch. False: its descriptor is not one of Multi's; it is the application's, or was closed
  // after the batch was fetched. An event of an earlier descriptor with the same number does no harm. What a
  // TransferHandler or after_drive throws leaves handle() and after_batch(); the driver stays usable.
  bool handle(const epoll_event& event);
  // Call it after each epoll_wait, also after one without events: runs what is due.
  void after_batch();
  // A descriptor of Multi could not be watched, or a drive answered Drive::failed: transfers that run may never end.
  bool failed() const { return error_ != 0; }

 private:
  EpollDriver(Multi& multi, int epoll, AfterDrive after_drive);
  void on_watch(int fd, std::uint8_t events, void* assigned) override;
  void on_timer(std::optional<Instant> at) override { deadline_ = at; }
  void drive(int fd, std::uint8_t events);

  Multi& multi_;
  int epoll_;
  AfterDrive after_drive_;
  std::vector<bool> watched_;  // indexed by descriptor
  std::optional<Instant> deadline_;
  int error_ = 0;  // an errno; 0: none
};

}  // namespace sluice
