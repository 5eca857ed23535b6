// Asio (standalone): drives a Multi from an application's io_context, beside whatever else runs there.
// Knows waits for descriptors and one timer; leaves transfers to Multi. Header only: libsluice does not depend on Asio.
//
// io_context::run() and outstanding work: Multi's descriptors are waited for as long as the driver lives, also those of kept-alive
// connections and of wakeup(), so that both are noticed while no transfer runs. As with any Asio object that waits, run() returns
// when it is gone. From inside after_drive, where it must not be destroyed, post that, as the example does. A driver made later for
// the same Multi goes on with the same connections.
//
// Example: fetches all the URLs of its command line at once.
//   #include <asio.hpp>
//   #include <iostream>
//
//   #include "adapters/asio.hpp"
//
//   int main(int argc, char** argv) {
//     asio::io_context context;
//     sluice::TransferHandler discard;  // whose defaults drop what comes; must outlive the transfers
//     const auto multi = sluice::Multi::create().value();
//     std::unique_ptr<sluice::AsioDriver> driver;
//     int left = 0, succeeded = 0;
//     const auto print_results = [&](sluice::Multi&) {
//       while (const auto message = multi->info_read()) {
//         --left;
//         if (message->result) {
//           ++succeeded;
//           std::cout << message->status << ' ' << message->progress.received_body_bytes << ' '
//                     << multi->request(message->transfer).url.text_without_secrets() << '\n';
//         } else {
//           std::cerr << message->result.error().message() << '\n';
//         }
//         multi->remove(message->transfer);
//       }
//       if (left == 0 || driver->failed()) asio::post(context, [&] { driver.reset(); });
//     };
//     driver = sluice::AsioDriver::create(*multi, context, print_results).value();
//     for (int i = 1; i < argc; ++i) {
//       sluice::Request request;
//       const auto url = sluice::Url::parse(argv[i]);
//       if (url) request.url = *url;
//       const auto added = url ? multi->add(std::move(request), {}, &discard) : std::unexpected(url.error());
//       left += added ? 1 : 0;
//       if (!added) std::cerr << added.error().message() << '\n';
//     }
//     if (left > 0) context.run();
//     return succeeded == argc - 1 ? 0 : 1;
//   }
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "adapters/multi.hpp"

namespace sluice {

// Multi and the io_context must outlive the driver; one driver a Multi, and one thread for both: the one that runs the
// io_context. Not to be destroyed from inside after_drive, a TransferHandler or a coroutine that Multi resumed, nor may the
// io_context be run in there.
class AsioDriver final : private WatchSink {
 public:
  // `after_drive` (may be null) runs after each drive. Error invalid_option: Asio cannot wait for Multi's descriptors, or another driver has
  // this Multi, and goes on: end it first.
  static Result<std::unique_ptr<AsioDriver>> create(Multi& multi, asio::io_context& context, AfterDrive after_drive = nullptr);
  // Ends all waits. Their handlers still run, as always in Asio, and touch neither driver nor Multi.
  ~AsioDriver() override;
  AsioDriver(const AsioDriver&) = delete;
  AsioDriver& operator=(const AsioDriver&) = delete;

  // A descriptor of Multi's could not be watched, or Multi cannot go on: what still runs may never end.
  bool failed() const { return failed_; }

 private:
  // Shared with the handlers under way, so that one for an earlier descriptor with the same number cannot be taken for this.
  struct Watch {
    AsioDriver* driver;  // null: the watch has ended
    asio::posix::stream_descriptor descriptor;
    int fd;
    std::size_t place;         // in watches_
    std::uint8_t wanted = 0;   // Events
    std::uint8_t waiting = 0;  // Events with a handler under way; one that is no longer wanted ends by itself, with nothing done
  };
  AsioDriver(Multi& multi, asio::io_context& context, AfterDrive after_drive)
      : multi_(multi), context_(context), after_drive_(std::move(after_drive)), timer_(context) {}
  void on_watch(int fd, std::uint8_t events, void* assigned) override;
  void on_timer(std::optional<Instant> at) override;
  const std::shared_ptr<Watch>& begin(int fd);
  static void end(Watch& watch);
  static void wait(const std::shared_ptr<Watch>& watch);
  static void wait_again(const std::shared_ptr<Watch>& watch);
  void drive(int fd, std::uint8_t events);

  Multi& multi_;
  asio::io_context& context_;
  AfterDrive after_drive_;
  asio::steady_timer timer_;
  std::shared_ptr<AsioDriver*> self_ = std::make_shared<AsioDriver*>(this);  // for the timer's handlers; null once this is gone
  std::vector<std::shared_ptr<Watch>> watches_;
  bool failed_ = false;
};

inline Result<std::unique_ptr<AsioDriver>> AsioDriver::create(Multi& multi, asio::io_context& context, AfterDrive after_drive) {
  if (multi.watch_sink()) {
    return std::unexpected(make_error(Code::invalid_option, "watch in Asio: this Multi has a driver already"));
  }
  try {  // Asio opens its reactor on first use
    std::unique_ptr<AsioDriver> driver(new AsioDriver(multi, context, std::move(after_drive)));
    multi.set_watch_sink(driver.get());
    if (!driver->failed_) return driver;
  } catch (const std::exception& error) {
    return std::unexpected(make_error(Code::invalid_option, std::string("watch in Asio: ") + error.what()));
  }
  return std::unexpected(make_error(Code::invalid_option, "watch in Asio: a descriptor was refused"));
}

inline AsioDriver::~AsioDriver() {
  if (multi_.watch_sink() == this) multi_.set_watch_sink(nullptr);
  *self_ = nullptr;
  for (const auto& watch : watches_) end(*watch);
}

inline void AsioDriver::on_watch(int fd, std::uint8_t events, void* assigned) {
  auto* const known = static_cast<Watch*>(assigned);
  if (events == 0) {
    if (!known) return;
    end(*known);
    watches_.back()->place = known->place;
    std::swap(watches_[known->place], watches_.back());
    watches_.pop_back();
    return;
  }
  try {
    const std::shared_ptr<Watch>& watch = known ? watches_[known->place] : begin(fd);
    watch->wanted = events;
    wait(watch);
  } catch (const std::exception&) {  // no memory
    failed_ = true;
  }
}

inline const std::shared_ptr<AsioDriver::Watch>& AsioDriver::begin(int fd) {
  std::error_code error;
  Watch watch = {this, asio::posix::stream_descriptor(context_), fd, watches_.size()};
  watches_.push_back(std::make_shared<Watch>(std::move(watch)));
  multi_.assign(fd, watches_.back().get());
  watches_.back()->descriptor.assign(fd, error);
  if (error) failed_ = true;
  return watches_.back();
}

// The descriptor is Multi's to close, so it leaves Asio as it came.
inline void AsioDriver::end(Watch& watch) {
  watch.driver = nullptr;
  if (watch.descriptor.is_open()) watch.descriptor.release();
}

// A wait is over once the descriptor is ready, and each looks at how things stand when it begins: one after the other is
// level-triggered.
inline void AsioDriver::wait(const std::shared_ptr<Watch>& watch) {
  for (const Events event : {kEventRead, kEventWrite}) {
    if (!(watch->wanted & event) || (watch->waiting & event)) continue;
    using Descriptor = asio::posix::stream_descriptor;
    const auto ready = event == kEventRead ? Descriptor::wait_read : Descriptor::wait_write;
    watch->descriptor.async_wait(ready, [watch, event](const std::error_code& error) {
      watch->waiting = static_cast<std::uint8_t>(watch->waiting & ~event);
      if (!watch->driver) return;
      if (error) watch->driver->failed_ = true;  // nobody cancels the wait of a watch that stands: Asio cannot wait for this one
      if (watch->wanted & event) watch->driver->drive(watch->fd, error ? kEventError : event);
      if (watch->driver && !error) wait_again(watch);
    });
    watch->waiting = static_cast<std::uint8_t>(watch->waiting | event);
  }
}

inline void AsioDriver::wait_again(const std::shared_ptr<Watch>& watch) {
  try {
    wait(watch);
  } catch (const std::exception&) {  // no memory
    watch->driver->failed_ = true;
  }
}

// Also ends the wait for the deadline before. If that has run out, its handler is under way and drives early, which is harmless.
inline void AsioDriver::on_timer(std::optional<Instant> at) {
  using Time = std::chrono::steady_clock::time_point;  // CLOCK_MONOTONIC, as Instant is
  try {
    timer_.expires_at(at ? Time(at->time_since_epoch()) : Time::max());
    if (!at) return;
    timer_.async_wait([self = self_](const std::error_code& error) {
      if (!error && *self) (*self)->drive(Multi::kNoSocket, kEventNone);
    });
  } catch (const std::exception&) {  // no memory
    failed_ = true;
  }
}

inline void AsioDriver::drive(int fd, std::uint8_t events) {
  const Drive answer = multi_.socket_action(fd, events);
  if (answer == Drive::recursive_call) return;
  if (answer == Drive::failed) failed_ = true;
  if (after_drive_) after_drive_(multi_);
}

}  // namespace sluice
