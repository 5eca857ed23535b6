// See scale.hpp.
#include "tests/sim/scale.hpp"

#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "core/base/random.hpp"
#include "core/engine.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLUICE_SCALE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SLUICE_SCALE_SANITIZED 1
#endif
#endif
#ifdef SLUICE_SCALE_SANITIZED
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // gcc 12 has the function, but not its header
#endif

namespace sluice::simtest {

std::size_t bytes_in_use() {
#ifdef SLUICE_SCALE_SANITIZED
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

namespace {

constexpr std::size_t kBodyBytes = 1024;
constexpr std::size_t kPieces = 3;
// The time of one fact: a million facts must take less than the time in which a connection expires.
constexpr Duration kTick = std::chrono::nanoseconds(100);

// Gets memory from the system before, so that the first use of pages does not count.
void bring_memory(std::size_t bytes) {
  mallopt(M_MMAP_MAX, 0);  // freed memory stays in the process
  mallopt(M_TRIM_THRESHOLD, -1);
  constexpr std::size_t kPage = 4096;
  char* const memory = static_cast<char*>(std::malloc(bytes));
  if (!memory) return;
  for (std::size_t i = 0; i < bytes; i += kPage) *const_cast<volatile char*>(memory + i) = 1;
  std::free(memory);
}

double processor_ns() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Everything besides the engine: the ids of the connections, one response for all, and a clock. It allocates nothing
// during the measurement, so every difference is caused by the engine.
class World {
 public:
  explicit World(const ScaleSetup& setup)
      : setup_(setup), transfers_(setup.transfers), random_(Seed{setup.transfers}), engine_(EngineOptions{}) {
    for (std::size_t i = 0; i < setup.origins; ++i) {
      auto url = Url::parse("http://origin-" + std::to_string(i) + ".example/file");
      if (url) urls_.push_back(std::move(*url));
    }
    const std::string head =
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 14:00:00 GMT\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: " +
        std::to_string(kBodyBytes) +
        "\r\nLast-Modified: Mon, 23 Nov 2026 13:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"6922f1a0-400\"\r\n\r\n";
    response_ = head + std::string(kBodyBytes, 'x');
    cuts_ = {0, head.size() / 2, head.size() + kBodyBytes / 2, response_.size()};
    conns_.reserve(transfers_);
    resolves_.reserve(urls_.size());
    field_.assign(setup.field_bytes, 'f');
  }

  ScaleFigures run() {
    figures_.setup = setup_;
    base_ = bytes_in_use();
    first_wave();
    figures_.idle_bytes = bytes_each();
    check(engine_.idle_connections() == transfers_ && engine_.running() == 0, "not every connection is idle");
    second_wave();
    check(connects_ == transfers_, "a connection that was kept alive was not used again");
    timed(ScalePhase::expire, [&] { expire(); });
    figures_.left_bytes = bytes_each();
    check(engine_.connections() == 0 && closes_ == connects_, "a connection is left");
    check(done_ == 2 * transfers_ && body_bytes_ == done_ * kBodyBytes,
          "a transfer, or bytes of its body, are missing");
    engine_.check_invariants();
    for (const double ns : figures_.phase_ns) figures_.total_ns += ns;
    return figures_;
  }

 private:
  void first_wave() {
    timed(ScalePhase::add, [&] { add_all(); });
    timed(ScalePhase::resolve, [&] { resolve_all(); });
    check(conns_.size() == transfers_, "there are not as many connections as transfers");
    note_most();
    reorder();
    timed(ScalePhase::connect, [&] {
      for (const ConnId conn : conns_) {
        engine_.handle_connected(conn, now());
        drain();
      }
    });
    note_most();
    reorder();
    timed(ScalePhase::send, [&] { send_all(); });
    check(engine_.running() == transfers_, "not all transfers run at once");
    answer_all(ScalePhase::answer);
  }

  void second_wave() {
    timed(ScalePhase::add_again, [&] { add_all(); });
    reorder();
    timed(ScalePhase::send_again, [&] { send_all(); });
    answer_all(ScalePhase::answer_again);
  }

  void answer_all(ScalePhase phase) {
    for (std::size_t piece = 0; piece < kPieces; ++piece) {
      reorder();
      timed(phase, [&] {
        for (const ConnId conn : conns_) receive(conn, cuts_[piece], cuts_[piece + 1]);
      });
      note_most();
    }
  }

  // ---- what the application does ----
  void add_all() {
    for (std::size_t i = 0; i < transfers_; ++i) {
      Request request;
      request.url = urls_[i * urls_.size() / transfers_];
      if (!field_.empty()) check(request.fields.add("Cookie", field_).has_value(), "no memory for a field");
      const auto id = engine_.add(std::move(request), {}, now());
      check(id.has_value(), "a transfer was not taken");
      drain();
    }
  }

  // ---- what the world does ----
  void resolve_all() {
    for (const ResolveId resolve : resolves_) {
      engine_.handle_resolved(resolve, std::vector<IpAddress>{*IpAddress::parse("192.0.2.1")}, now());
      drain();
    }
  }
  void send_all() {
    for (const ConnId conn : conns_) {
      const OutputView view = engine_.transmit(conn);
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < view.count; ++i) bytes += view.spans[i].size();
      check(bytes != 0 && engine_.interest(conn).write, "a connection has nothing to send");
      engine_.handle_sent(conn, bytes, now());
      drain();
    }
  }
  void receive(ConnId conn, std::size_t begin, std::size_t end) {
    const MutableBytes space = engine_.receive_space(conn);
    check(space.size() >= end - begin, "no space to receive into");
    if (space.size() < end - begin) return;
    std::memcpy(space.data(), response_.data() + begin, end - begin);
    engine_.handle_received(conn, end - begin, now());
    drain();
  }
  // A driver sleeps for whole milliseconds: timers within one millisecond come together.
  void expire() {
    while (const auto deadline = engine_.deadline()) {
      constexpr Duration kStep = std::chrono::milliseconds(1);
      time_ = std::max(time_, Instant((deadline->at.time_since_epoch() / kStep + 1) * kStep));
      engine_.handle_timeout(now());
      drain();
    }
    engine_.handle_timeout(now());  // the next fact releases the connections closed last
  }

  void drain() {
    while (auto output = engine_.poll_output()) take(*output);
  }
  void take(const Output& output) {
    if (const auto* resolve = std::get_if<output::Resolve>(&output)) {
      resolves_.push_back(resolve->id);
    } else if (const auto* connect = std::get_if<output::Connect>(&output)) {
      ++connects_;
      if (conns_.size() < transfers_) conns_.push_back(connect->conn);
    } else if (std::holds_alternative<output::Close>(output)) {
      ++closes_;
    } else if (const auto* ready = std::get_if<output::BodyReady>(&output)) {
      const std::size_t bytes = engine_.body(ready->transfer).size();
      body_bytes_ += bytes;
      engine_.consume_body(ready->transfer, bytes, now());
    } else if (const auto* over = std::get_if<output::Done>(&output)) {
      check(over->result.has_value(), "a transfer failed");
      engine_.remove(over->transfer, now());
      ++done_;
    }
  }

  // ---- the measurement ----
  Now now() { return {time_ += kTick, 1'800'000'000}; }
  template <class Work>
  void timed(ScalePhase phase, Work work) {
    const double before = processor_ns();
    work();
    figures_.phase_ns[static_cast<std::size_t>(phase)] += (processor_ns() - before) / static_cast<double>(transfers_);
  }
  double bytes_each() const {
    return (static_cast<double>(bytes_in_use()) - static_cast<double>(base_)) / static_cast<double>(transfers_);
  }
  void note_most() { figures_.most_bytes = std::max(figures_.most_bytes, bytes_each()); }
  void reorder() {
    if (setup_.order == ScaleOrder::caused) return;
    for (std::size_t i = conns_.size(); i > 1; --i) std::swap(conns_[i - 1], conns_[random_.below(i)]);
  }
  void check(bool holds, const char* what) {
    if (!holds && figures_.fault.empty()) figures_.fault = what;
  }

  const ScaleSetup setup_;
  const std::size_t transfers_;
  Random random_;
  std::vector<Url> urls_;
  std::string response_, field_;
  std::array<std::size_t, kPieces + 1> cuts_ = {};
  std::vector<ConnId> conns_;
  std::vector<ResolveId> resolves_;
  Instant time_{std::chrono::seconds(1000)};
  std::size_t connects_ = 0, closes_ = 0, done_ = 0, body_bytes_ = 0, base_ = 0;
  ScaleFigures figures_;
  Engine engine_;
};

// The run with the median total.
ScaleFigures median_of(std::vector<ScaleFigures> runs) {
  std::ranges::sort(runs, {}, &ScaleFigures::total_ns);
  return runs[runs.size() / 2];
}

void print(const ScaleFigures& many, const ScaleFigures& few) {
  const auto row = [](std::string_view name, double much, double little, const char* unit, int digits) {
    std::printf("  %-24.*s %11.*f %-3s %11.*f %-3s %6.2f\n", static_cast<int>(name.size()), name.data(), digits, much,
                unit, digits, little, unit, much / little);
  };
  const std::string heads[] = {std::to_string(many.setup.transfers), std::to_string(few.setup.transfers)};
  std::printf("  %-24s %15s %15s %6s\n", "", heads[0].c_str(), heads[1].c_str(), "times");
  for (std::size_t i = 0; i < kScalePhases; ++i) {
    row(to_string(static_cast<ScalePhase>(i)), many.phase_ns[i] / 1e3, few.phase_ns[i] / 1e3, "us", 3);
  }
  row("a transfer, all phases", many.total_ns / 2e3, few.total_ns / 2e3, "us", 3);
  row("memory, at most", many.most_bytes, few.most_bytes, "B", 0);
  row("memory, idle connection", many.idle_bytes, few.idle_bytes, "B", 0);
  row("memory, all gone", many.left_bytes, few.left_bytes, "B", 0);
}

// Whether everything succeeded and no goal was missed. The goal for time is for ScaleOrder::caused.
bool measure_beside(const ScaleSetup& setup) {
  constexpr std::size_t kFew = 1'000, kRuns = 10;
  ScaleSetup few_setup = setup;
  few_setup.transfers = kFew;
  few_setup.origins = std::max<std::size_t>(1, kFew * setup.origins / setup.transfers);
  std::vector<ScaleFigures> few_runs;
  for (std::size_t i = 0; i < kRuns; ++i) few_runs.push_back(measure_scale(few_setup));
  const ScaleFigures many = measure_scale(setup);
  for (std::size_t i = 0; i < kRuns; ++i) few_runs.push_back(measure_scale(few_setup));
  std::vector<ScaleFigures> all_runs = few_runs;
  all_runs.push_back(many);
  std::printf(
      "%zu transfers at once, %zu connections, %zu %s, %s\n", setup.transfers, setup.transfers, setup.origins,
      setup.origins == 1 ? "origin" : "origins",
      setup.order == ScaleOrder::caused ? "events in the order in which they were caused" : "events in random order");
  for (const ScaleFigures& figures : all_runs) {
    if (figures.fault.empty()) continue;
    std::printf("  FAILED with %zu: %s\n", figures.setup.transfers, figures.fault.c_str());
    return false;
  }
  const ScaleFigures few = median_of(std::move(few_runs));
  print(many, few);
  bool good = true;
  if (setup.order == ScaleOrder::caused && setup.transfers >= kFew && many.total_ns > kScaleTimeGoal * few.total_ns) {
    std::printf("  MISSED: more than %.0f times the time of one among 1,000\n", kScaleTimeGoal);
    good = false;
  }
  if (setup.transfers >= kFew && many.idle_bytes > kScaleIdleGoalBytes) {
    std::printf("  MISSED: more than %.0f bytes for an idle connection\n", kScaleIdleGoalBytes);
    good = false;
  }
  return good;
}

}  // namespace

std::string_view to_string(ScalePhase phase) {
  switch (phase) {
    case ScalePhase::add:
      return "add";
    case ScalePhase::resolve:
      return "resolve";
    case ScalePhase::connect:
      return "connect";
    case ScalePhase::send:
      return "send";
    case ScalePhase::answer:
      return "answer";
    case ScalePhase::add_again:
      return "add again";
    case ScalePhase::send_again:
      return "send again";
    case ScalePhase::answer_again:
      return "answer again";
    case ScalePhase::expire:
      return "expire";
  }
  return "";
}

ScaleFigures measure_scale(const ScaleSetup& setup) { return World(setup).run(); }

int run_scale(std::size_t transfers) {
  if (transfers == 0) {
    std::fprintf(stderr, "--scale wants at least one transfer\n");
    return 2;
  }
  constexpr std::size_t kBytesEach = 4096;
  bring_memory(std::max<std::size_t>(transfers, 10'000) * kBytesEach);
  const std::size_t some = std::max<std::size_t>(1, transfers / 100);
  bool good = measure_beside({.transfers = transfers});
  good &= measure_beside({.transfers = transfers, .origins = some});
  good &= measure_beside({.transfers = transfers, .order = ScaleOrder::random});
  return good ? 0 : 1;
}

}  // namespace sluice::simtest
