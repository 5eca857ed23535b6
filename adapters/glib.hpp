// GLib: runs a Multi in a GMainContext (also that of GTK), together with other sources.
// Uses one GSource for each descriptor and one for the deadline. Leaves transfers to Multi. Header only: libsluice does
// not depend on GLib.
//
// Example: fetches all the URLs of its command line at once, while a timer of its own says how many still run.
//   #include <glib.h>
//
//   #include <iostream>
//
//   #include <sluice/glib.hpp>
//
//   gboolean tick(gpointer multi) {
//     std::cerr << static_cast<sluice::Multi*>(multi)->running() << " running\n";
//     return G_SOURCE_CONTINUE;
//   }
//
//   int main(int argc, char** argv) {
//     GMainLoop* const loop = g_main_loop_new(nullptr, FALSE);
//     sluice::TransferHandler discard;  // whose defaults drop what comes; must outlive the transfers
//     const auto multi = sluice::Multi::create().value();
//     std::unique_ptr<sluice::GlibDriver> driver;
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
//       if (left == 0 || driver->failed()) g_main_loop_quit(loop);
//     };
//     driver = sluice::GlibDriver::create(*multi, nullptr, print_results).value();
//     for (int i = 1; i < argc; ++i) {
//       sluice::Request request;
//       const auto url = sluice::Url::parse(argv[i]);
//       if (url) request.url = *url;
//       const auto added = url ? multi->add(std::move(request), {}, &discard) : std::unexpected(url.error());
//       left += added ? 1 : 0;
//       if (!added) std::cerr << added.error().message() << '\n';
//     }
//     g_timeout_add(100, tick, multi.get());
//     if (left > 0) g_main_loop_run(loop);
//     g_main_loop_unref(loop);
//     return succeeded == argc - 1 ? 0 : 1;
//   }
#pragma once

#include <glib.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "multi.hpp"

namespace sluice {

// Multi and the context must outlive the driver. A Multi has one driver at a time. Only the thread that runs the
// context may use both. Inside after_drive, a TransferHandler or a coroutine that Multi resumed, the driver must not be
// destroyed and the context must not be run.
class GlibDriver final : private WatchSink {
 public:
  // `context`: null is GLib's default one. `after_drive` (may be null) is called after each drive. Error:
  // invalid_option (this Multi has another driver; that driver keeps working and must be destroyed first). GLib accepts
  // every descriptor, and ends the process if it has no memory.
  //
  // `priority`: while transfers have work all the time, sources with a lower priority (a larger number) do not run. In
  // a GTK program, which draws at priority 120, use G_PRIORITY_DEFAULT_IDLE: then transfers get the remaining time.
  static Result<std::unique_ptr<GlibDriver>> create(Multi& multi, GMainContext* context,
                                                    AfterDrive after_drive = nullptr,
                                                    int priority = G_PRIORITY_DEFAULT);
  ~GlibDriver() override;  // removes its sources from the context
  GlibDriver(const GlibDriver&) = delete;
  GlibDriver& operator=(const GlibDriver&) = delete;

  // A descriptor of Multi could not be watched for lack of memory, or a drive answered Drive::failed: transfers that
  // run may never end.
  bool failed() const { return failed_; }
  // What a TransferHandler (see multi.hpp) or after_drive threw: no exception may pass through GLib, which is C. The
  // first one since the last call; null: none. The context keeps running.
  std::exception_ptr take_exception() { return std::exchange(exception_, nullptr); }

 private:
  // Allocated, zeroed and reference-counted by GLib. A source that is destroyed inside its own dispatch exists until
  // that returns. A source that is destroyed before its pending dispatch is not dispatched, so no event of an earlier
  // descriptor reaches a later one with the same number.
  struct Source {
    GSource base;
    GlibDriver* driver;
    gpointer tag;  // null: the source of the deadline
    int fd;
    std::size_t place;  // in watches_
  };
  struct Destroy {
    void operator()(Source* source) const {
      g_source_destroy(&source->base);
      g_source_unref(&source->base);
    }
  };
  using SourcePtr = std::unique_ptr<Source, Destroy>;

  GlibDriver(Multi& multi, GMainContext* context, AfterDrive after_drive, int priority)
      : multi_(multi),
        context_(context),
        after_drive_(std::move(after_drive)),
        priority_(priority),
        timer_(make_source(Multi::kNoSocket)) {}
  void on_watch(int fd, std::uint8_t events, void* assigned) override;
  void on_timer(std::optional<Instant> at) override;
  SourcePtr make_source(int fd);
  static gboolean dispatch(GSource* base, GSourceFunc, gpointer);
  void drive(int fd, std::uint8_t events);

  Multi& multi_;
  GMainContext* context_;
  AfterDrive after_drive_;
  int priority_;
  SourcePtr timer_;
  std::vector<SourcePtr> watches_;
  bool failed_ = false;
  std::exception_ptr exception_;
};

inline Result<std::unique_ptr<GlibDriver>> GlibDriver::create(Multi& multi, GMainContext* context,
                                                              AfterDrive after_drive, int priority) {
  if (multi.watch_sink()) {
    return std::unexpected(
        make_error(Code::invalid_option, "watch in a GLib context: this Multi has a driver already"));
  }
  std::unique_ptr<GlibDriver> driver(new GlibDriver(multi, context, std::move(after_drive), priority));
  multi.set_watch_sink(driver.get());
  return driver;
}

inline GlibDriver::~GlibDriver() {
  if (multi_.watch_sink() == this) multi_.set_watch_sink(nullptr);
}

inline GlibDriver::SourcePtr GlibDriver::make_source(int fd) {
  static GSourceFuncs functions = {nullptr, nullptr, &dispatch, nullptr, nullptr, nullptr};
  SourcePtr source(reinterpret_cast<Source*>(g_source_new(&functions, sizeof(Source))));
  source->driver = this;
  source->fd = fd;
  g_source_set_priority(&source->base, priority_);
  g_source_set_name(&source->base, "sluice");
  g_source_attach(&source->base, context_);
  return source;
}

inline void GlibDriver::on_watch(int fd, std::uint8_t events, void* assigned) {
  auto* watch = static_cast<Source*>(assigned);
  if (events == 0) {
    if (!watch) return;
    watches_.back()->place = watch->place;
    std::swap(watches_[watch->place], watches_.back());
    watches_.pop_back();
    return;
  }
  const auto wanted =
      static_cast<GIOCondition>(((events & kEventRead) ? G_IO_IN : 0) | ((events & kEventWrite) ? G_IO_OUT : 0));
  if (watch) return g_source_modify_unix_fd(&watch->base, watch->tag, wanted);
  try {
    watches_.push_back(make_source(fd));
  } catch (const std::bad_alloc&) {
    failed_ = true;
    return;
  }
  watch = watches_.back().get();
  watch->tag = g_source_add_unix_fd(&watch->base, fd, wanted);
  watch->place = watches_.size() - 1;
  multi_.assign(fd, watch);
}

inline void GlibDriver::on_timer(std::optional<Instant> at) {
  // g_get_monotonic_time() is the same clock, in microseconds. -1: never.
  g_source_set_ready_time(&timer_->base,
                          at ? std::chrono::ceil<std::chrono::microseconds>(at->time_since_epoch()).count() : -1);
}

// The source is not used after the drive, which may have destroyed it.
inline gboolean GlibDriver::dispatch(GSource* base, GSourceFunc, gpointer) {
  auto* const source = reinterpret_cast<Source*>(base);
  int events = kEventNone;  // the deadline: the source stays due until Multi sets the next time
  if (source->tag) {
    const GIOCondition ready = g_source_query_unix_fd(base, source->tag);
    events = ((ready & G_IO_IN) ? kEventRead : 0) | ((ready & G_IO_OUT) ? kEventWrite : 0) |
             ((ready & (G_IO_ERR | G_IO_HUP | G_IO_NVAL)) ? kEventError : 0);
  }
  source->driver->drive(source->fd, static_cast<std::uint8_t>(events));
  return G_SOURCE_CONTINUE;
}

inline void GlibDriver::drive(int fd, std::uint8_t events) {
  try {
    const Drive answer = multi_.socket_action(fd, events);
    if (answer == Drive::recursive_call) return;
    if (answer == Drive::failed) failed_ = true;
    if (after_drive_) after_drive_(multi_);
  } catch (...) {
    if (!exception_) exception_ = std::current_exception();
  }
}

}  // namespace sluice
