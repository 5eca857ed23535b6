// GlibDriver in the application's main context.
#include "adapters/glib.hpp"

#include <glib-unix.h>
#include <glib.h>

#include <algorithm>
#include <map>
#include <utility>

#include "tests/conformance/loop.hpp"

namespace sluice::conformance {
namespace {

// A source with a function, for as long as this object lives.
class Source {
 public:
  Source(GMainContext* context, GSource* source, GSourceFunc callback, std::function<void()> call)
      : source_(source), call_(std::make_shared<std::function<void()>>(std::move(call))) {
    g_source_set_callback(source_, callback, new std::shared_ptr<std::function<void()>>(call_),
                          [](gpointer data) { delete static_cast<std::shared_ptr<std::function<void()>>*>(data); });
    g_source_attach(source_, context);
  }
  ~Source() {
    g_source_destroy(source_);
    g_source_unref(source_);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  static gboolean run(gpointer data) {
    const auto call = *static_cast<std::shared_ptr<std::function<void()>>*>(data);  // it may end this source
    (*call)();
    return G_SOURCE_CONTINUE;
  }
  static gboolean run_for_descriptor(gint, GIOCondition, gpointer data) { return run(data); }

 private:
  GSource* source_;
  std::shared_ptr<std::function<void()>> call_;
};

// g_timeout_source_new() counts from when it was called late.
class Timer {
 public:
  Timer(GMainContext* context, Milliseconds period, std::function<void()> tick)
      : source_(g_source_new(&functions_, sizeof(Entry))) {
    auto* const entry = reinterpret_cast<Entry*>(source_);
    entry->period = period.count() * 1000;
    entry->tick = new std::function<void()>(std::move(tick));
    g_source_set_ready_time(source_, g_get_monotonic_time() + entry->period);
    g_source_attach(source_, context);
  }
  ~Timer() {
    g_source_destroy(source_);
    g_source_unref(source_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  struct Entry {
    GSource base;
    gint64 period;  // microseconds
    std::function<void()>* tick;
  };
  static gboolean dispatch(GSource* source, GSourceFunc, gpointer) {
    auto* const entry = reinterpret_cast<Entry*>(source);
    const gint64 next = std::max(g_source_get_ready_time(source) + entry->period, g_get_monotonic_time());
    g_source_set_ready_time(source, next);
    const std::function<void()> call = *entry->tick;
    call();  // it may end this timer
    return G_SOURCE_CONTINUE;
  }
  static void finalize(GSource* source) { delete reinterpret_cast<Entry*>(source)->tick; }
  static inline GSourceFuncs functions_ = {nullptr, nullptr, &dispatch, &finalize, nullptr, nullptr};

  GSource* source_;
};

class GlibLoop final : public Loop {
 public:
  ~GlibLoop() override {
    detach();
    watches_.clear();
    timers_.clear();
  }

  void attach(Multi& multi, AfterDrive after) override {
    driver_ = GlibDriver::create(multi, context_.get(), std::move(after)).value();
  }
  void detach() override { driver_.reset(); }

  void watch(int fd, std::function<void()> readable) override {
    watches_[fd] = std::make_unique<Source>(context_.get(), g_unix_fd_source_new(fd, G_IO_IN),
                                            G_SOURCE_FUNC(Source::run_for_descriptor), std::move(readable));
  }
  void unwatch(int fd) override { watches_.erase(fd); }
  int every(Milliseconds period, std::function<void()> tick) override {
    timers_[++last_timer_] = std::make_unique<Timer>(context_.get(), period, std::move(tick));
    return last_timer_;
  }
  void cancel(int timer) override { timers_.erase(timer); }

  bool run_until(const std::function<bool()>& condition, Milliseconds limit) override {
    bool over = false;
    const Source end(context_.get(), g_timeout_source_new(static_cast<guint>(limit.count())), Source::run,
                     [&over] { over = true; });
    while (!over && !condition()) {
      g_main_context_iteration(context_.get(), TRUE);
      ++turns_;
    }
    return condition();
  }

 private:
  struct Unref {
    void operator()(GMainContext* context) const { g_main_context_unref(context); }
  };
  std::unique_ptr<GMainContext, Unref> context_{g_main_context_new()};
  std::unique_ptr<GlibDriver> driver_;
  std::map<int, std::unique_ptr<Source>> watches_;
  std::map<int, std::unique_ptr<Timer>> timers_;
  int last_timer_ = 0;
};

}  // namespace

std::unique_ptr<Loop> make_loop() { return std::make_unique<GlibLoop>(); }
const char* loop_name() { return "glib"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
