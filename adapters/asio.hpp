// Asio (standalone): runs a Multi in an application's io_context, together with other work, and fetches with any
// completion token. Waits for descriptors and one timer. Leaves transfers to Multi. Header only: libsluice does not
// depend on Asio.
//
// Outstanding work: the driver waits for Multi's descriptors as long as it exists, also for those of idle connections
// and of wakeup(), so that both are noticed while no transfer runs. So io_context::run() returns only after the driver
// was destroyed. It must not be destroyed inside after_drive: post that instead. A completion handler of async_fetch
// may destroy it. A later driver for the same Multi continues with the same connections.
//
// Example: fetches all the URLs of its command line at once, in a coroutine each.
//   #include <asio.hpp>
//   #include <iostream>
//
//   #include <sluice/asio.hpp>
//
//   asio::awaitable<bool> show(sluice::Multi& multi, std::string text) {
//     const auto url = sluice::Url::parse(text);
//     if (!url) co_return std::cerr << url.error().message() << '\n', false;
//     const auto response = co_await sluice::async_fetch(multi, *url, asio::use_awaitable);
//     if (!response) co_return std::cerr << response.error().message() << '\n', false;
//     std::cout << response->head.status << ' ' << response->body.size() << ' ' << text << '\n';
//     co_return true;
//   }
//
//   int main(int argc, char** argv) {
//     asio::io_context context;
//     const auto multi = sluice::Multi::create().value();
//     auto driver = sluice::AsioDriver::create(*multi, context).value();
//     int left = argc - 1, succeeded = 0;
//     for (int i = 1; i < argc; ++i) {
//       asio::co_spawn(context, show(*multi, argv[i]), [&](std::exception_ptr, bool shown) {
//         succeeded += shown ? 1 : 0;
//         if (--left == 0) driver.reset();  // so that run() returns
//       });
//     }
//     if (left > 0) context.run();
//     return succeeded == argc - 1 ? 0 : 1;
//   }
#pragma once

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "coroutine.hpp"

namespace sluice {

// What a TransferHandler (see multi.hpp) or after_drive throws leaves io_context::run(), as from any Asio handler;
// run() may be called again.
//
// Multi and the io_context must outlive the driver. A Multi has one driver at a time. Only the thread that runs the
// io_context may use both. Inside after_drive, a TransferHandler or a coroutine that Multi resumed, the driver must not
// be destroyed and the io_context must not be run.
class AsioDriver final : private WatchSink {
 public:
  // `after_drive` (may be null) is called after each drive. Error: invalid_option (Asio cannot wait for Multi's
  // descriptors, or this Multi has another driver; that driver keeps working and must be destroyed first).
  static Result<std::unique_ptr<AsioDriver>> create(Multi& multi, asio::io_context& context,
                                                    AfterDrive after_drive = nullptr);
  // Ends all waits, and each async_fetch with Code::canceled. Their handlers still run later, as is usual in Asio; they
  // use neither the driver nor the Multi.
  ~AsioDriver() override;
  AsioDriver(const AsioDriver&) = delete;
  AsioDriver& operator=(const AsioDriver&) = delete;

  // The driver of this Multi; null: it has none, or one for another kind of loop.
  static AsioDriver* of(const Multi& multi) {
    WatchSink* const sink = multi.watch_sink();
    return sink && typeid(*sink) == typeid(AsioDriver) ? static_cast<AsioDriver*>(sink) : nullptr;
  }
  // For async_fetch().
  template <class Handler>
  void begin_fetch(Request request, TransferOptions options, Handler handler);

  // A descriptor of Multi could not be watched, or a drive answered Drive::failed: transfers that run may never end.
  bool failed() const { return failed_; }

 private:
  // Shared with the handlers that wait, so that a handler for an earlier descriptor with the same number is not taken
  // for one of this watch.
  struct Watch {
    AsioDriver* driver;  // null: the watch has ended
    asio::posix::stream_descriptor descriptor;
    int fd;
    std::size_t place;        // in watches_
    std::uint8_t wanted = 0;  // Events
    // Events with a handler that waits. If the event is not wanted any more, the handler does nothing.
    std::uint8_t waiting = 0;
  };
  // One async_fetch. Its handler is called once; the call is posted, never made inside the call that began or ended the
  // fetch.
  class Fetch : public ResponseCollector {
   public:
    Fetch(AsioDriver& driver, Multi& multi) : ResponseCollector(multi), driver_(&driver) {}
    void begin(Request request, TransferOptions options) {
      start(std::move(request), std::move(options));
      if (!running()) ended();
    }
    void cancel() {
      if (!driver_) return;  // it has ended, and its completion was posted
      if (running()) give_up(make_error(Code::canceled, {}));
      ended();
    }
    // False: there is no memory to post its completion; nothing has changed.
    bool complete() {
      try {
        post();
      } catch (const std::bad_alloc&) {
        return false;
      }
      driver_ = nullptr;
      return true;
    }
    bool is_due() const { return !running(); }
    std::list<std::shared_ptr<Fetch>>::iterator place;

   protected:
    virtual void post() = 0;

   private:
    void ended() override { driver_->finish(*this); }
    AsioDriver* driver_;  // null: the fetch is not the driver's any more
  };
  template <class Handler>
  class FetchFor;

  AsioDriver(Multi& multi, asio::io_context& context, AfterDrive after_drive)
      : multi_(multi), context_(context), after_drive_(std::move(after_drive)), timer_(context) {}
  void on_watch(int fd, std::uint8_t events, void* assigned) override;
  void on_timer(std::optional<Instant> at) override;
  const std::shared_ptr<Watch>& begin(int fd);
  static void end(Watch& watch);
  static void wait(const std::shared_ptr<Watch>& watch);
  static void wait_again(const std::shared_ptr<Watch>& watch);
  void drive(int fd, std::uint8_t events);
  void finish(Fetch& fetch);

  Multi& multi_;
  asio::io_context& context_;
  AfterDrive after_drive_;
  asio::steady_timer timer_;
  // For the timer's handlers; points to null after this object was destroyed.
  std::shared_ptr<AsioDriver*> self_ = std::make_shared<AsioDriver*>(this);
  std::vector<std::shared_ptr<Watch>> watches_;
  std::list<std::shared_ptr<Fetch>> fetches_;  // fetches whose completion was not posted
  bool has_deferred_ = false;                  // some of them have ended, but there was no memory to post
  bool failed_ = false;
};

// Fetches with any completion token: use_awaitable, use_future, deferred, a callback. The signature is
// void(Result<Response>). The Multi must have an AsioDriver, else the result is invalid_option. Only the driver's
// thread may begin and cancel a fetch. The handler runs on its associated executor, by default the driver's io_context.
// A cancellation slot ends the fetch with Code::canceled, for the types terminal and partial (the request may have
// reached the server). Destroying the driver does the same. Throws std::bad_alloc if there is no memory for the
// operation, as Asio's functions do; every other failure is an error in the result.
template <class Token>
auto async_fetch(Multi& multi, Request request, TransferOptions options, Token&& token) {
  return asio::async_initiate<Token, void(Result<Response>)>(
      [to = &multi](auto handler, Request what, TransferOptions how) {
        if (AsioDriver* const driver = AsioDriver::of(*to)) {
          driver->begin_fetch(std::move(what), std::move(how), std::move(handler));
          return;
        }
        const auto executor = asio::get_associated_executor(handler);
        asio::post(executor, [handler = std::move(handler)]() mutable {
          Result<Response> none =
              std::unexpected(make_error(Code::invalid_option, "async_fetch: this Multi has no AsioDriver"));
          std::move(handler)(std::move(none));
        });
      },
      token, std::move(request), std::move(options));
}
template <class Token>
auto async_fetch(Multi& multi, Request request, Token&& token) {
  return async_fetch(multi, std::move(request), TransferOptions(), std::forward<Token>(token));
}

inline Result<std::unique_ptr<AsioDriver>> AsioDriver::create(Multi& multi, asio::io_context& context,
                                                              AfterDrive after_drive) {
  if (multi.watch_sink()) {
    return std::unexpected(make_error(Code::invalid_option, "watch in Asio: this Multi has a driver already"));
  }
  try {  // Asio opens its reactor at the first use, and may throw
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
  while (!fetches_.empty()) {
    const std::shared_ptr<Fetch> fetch = fetches_.front();
    fetch->cancel();
    // There was no memory to post its completion, which is lost.
    if (!fetches_.empty() && fetches_.front() == fetch) fetches_.pop_front();
  }
}

template <class Handler>
class AsioDriver::FetchFor final : public Fetch, public std::enable_shared_from_this<FetchFor<Handler>> {
 public:
  FetchFor(AsioDriver& driver, Handler handler)
      : Fetch(driver, driver.multi_),
        work_(asio::make_work_guard(handler, driver.context_.get_executor())),
        handler_(std::move(handler)) {}
  // Only when a shared_ptr owns this object.
  void listen_to_cancellation() {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.assign([weak = this->weak_from_this()](asio::cancellation_type type) {
      using asio::cancellation_type;
      const auto self = weak.lock();
      if (self && (type & (cancellation_type::terminal | cancellation_type::partial)) != cancellation_type::none)
        self->cancel();
    });
  }

 private:
  struct Completion {
    std::shared_ptr<FetchFor> fetch;
    using allocator_type = asio::associated_allocator_t<Handler>;
    allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(fetch->handler_); }
    void operator()() { fetch->invoke(); }
  };
  void post() override { asio::post(work_.get_executor(), Completion{this->shared_from_this()}); }
  void invoke() {
    if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected()) slot.clear();
    auto handler = std::move(handler_);
    auto result = std::move(this->result_);
    work_.reset();
    std::move(handler)(std::move(result));
  }

  using Guard = decltype(asio::make_work_guard(std::declval<const Handler&>(),
                                               std::declval<const asio::io_context::executor_type&>()));
  Guard work_;
  Handler handler_;
};

template <class Handler>
void AsioDriver::begin_fetch(Request request, TransferOptions options, Handler handler) {
  const auto fetch = std::make_shared<FetchFor<Handler>>(*this, std::move(handler));
  fetch->listen_to_cancellation();
  fetch->place = fetches_.insert(fetches_.end(), fetch);
  fetch->begin(std::move(request), std::move(options));
}

inline void AsioDriver::finish(Fetch& fetch) {
  if (fetch.complete()) {
    fetches_.erase(fetch.place);
  } else {
    has_deferred_ = failed_ = true;
  }
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

// Multi closes the descriptor, so Asio must release it and not close it.
inline void AsioDriver::end(Watch& watch) {
  watch.driver = nullptr;
  if (watch.descriptor.is_open()) watch.descriptor.release();
}

// A wait ends when the descriptor is ready, and a new wait checks the state at its start: so repeated waits are
// level-triggered.
inline void AsioDriver::wait(const std::shared_ptr<Watch>& watch) {
  for (const Events event : {kEventRead, kEventWrite}) {
    if (!(watch->wanted & event) || (watch->waiting & event)) continue;
    using Descriptor = asio::posix::stream_descriptor;
    const auto ready = event == kEventRead ? Descriptor::wait_read : Descriptor::wait_write;
    watch->descriptor.async_wait(ready, [watch, event](const std::error_code& error) {
      watch->waiting = static_cast<std::uint8_t>(watch->waiting & ~event);
      if (!watch->driver) return;
      // The driver does not cancel a wait of an existing watch, so an error means that Asio cannot wait for this
      // descriptor.
      if (error) watch->driver->failed_ = true;
      try {
        if (watch->wanted & event) watch->driver->drive(watch->fd, error ? kEventError : event);
      } catch (...) {  // thrown by a handler; passed to the caller of io_context::run()
        if (watch->driver && !error) wait_again(watch);
        throw;
      }
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

// This also ends the wait for the earlier deadline. If that deadline has passed already, its handler still runs and
// drives early, which does no harm.
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
  if (std::exchange(has_deferred_, false)) {
    for (auto next = fetches_.begin(); next != fetches_.end();) {
      const std::shared_ptr<Fetch> fetch = *next++;
      if (fetch->is_due()) finish(*fetch);
    }
  }
  if (after_drive_) after_drive_(multi_);
}

}  // namespace sluice
