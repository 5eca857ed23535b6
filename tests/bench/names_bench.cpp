// Transfers to as many names, with a resolver that answers each look-up after a fixed time: through Multi, or by the
// engine alone. Connections are streams in memory, each of which answers one request.
// Usage: bench-names multi|engine NAMES MILLISECONDS AT_ONCE (0: the resolver answers all at the same time). Prints the
// seconds until the last transfer has ended, those that the resolver needs, and the greatest number of look-ups that
// were open at once.
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/multi.hpp"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";

[[noreturn]] void die(const char* why) {
  std::fprintf(stderr, "bench-names: %s\n", why);
  std::exit(1);
}

IpAddress answered_address() { return *IpAddress::parse("192.0.2.1"); }

// The questions in the order in which they were asked. `at_once` of them are worked on; each takes `time`.
class Slow {
 public:
  Slow(Duration time, std::size_t at_once) : time_(time), at_once_(at_once == 0 ? SIZE_MAX : at_once) {}
  void ask(ResolveId id, Instant now) {
    waiting_.push_back(id);
    begin(now);
    most_ = std::max(most_, waiting_.size() + working_.size());
  }
  std::optional<Instant> due() const { return working_.empty() ? std::nullopt : std::optional(working_.front().due); }
  std::optional<ResolveId> next(Instant now) {
    if (working_.empty() || working_.front().due > now) return std::nullopt;
    const ResolveId id = working_.front().id;
    working_.pop_front();
    begin(now);
    return id;
  }
  std::size_t most() const { return most_; }

 private:
  struct Work {
    ResolveId id;
    Instant due;
  };
  void begin(Instant now) {
    while (!waiting_.empty() && working_.size() < at_once_) {
      working_.push_back({waiting_.front(), now + time_});
      waiting_.pop_front();
    }
  }
  const Duration time_;
  const std::size_t at_once_;
  std::deque<ResolveId> waiting_;
  std::deque<Work> working_;
  std::size_t most_ = 0;
};

// ---- through Multi ----

class SlowResolver final : public NameResolver {
 public:
  SlowResolver(Slow& slow, Environment& clock) : slow_(slow), clock_(clock) {}
  void start(const output::Resolve& question) override {
    question_opened();
    slow_.ask(question.id, clock_.steady());
  }
  void cancel(ResolveId) override { die("a look-up is canceled"); }
  void process(int, bool, bool) override {}
  std::optional<Instant> deadline(Instant) override { return slow_.due(); }
  void process_timeouts() override {
    while (const auto id = slow_.next(clock_.steady())) {
      question_closed();
      answer(*id, NameAnswer({answered_address()}));
    }
  }

 private:
  Slow& slow_;
  Environment& clock_;
};

// Answers the first bytes that are sent. Its descriptor is always ready.
class Answering final : public Transport {
 public:
  Answering() : fd_(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) die("no more descriptors: raise ulimit -n");
  }
  ~Answering() override { ::close(fd_); }
  Result<Opening> open() override { return Opening::done; }
  int fd() const override { return fd_; }
  Transferred receive(MutableBytes space) override {
    if (!asked_ || space.size() < kAnswer.size()) return {.would_block = true};
    asked_ = false;
    std::memcpy(space.data(), kAnswer.data(), kAnswer.size());
    return {.bytes = kAnswer.size()};
  }
  Transferred send(std::span<const Bytes> pieces) override {
    std::size_t size = 0;
    for (const Bytes piece : pieces) size += piece.size();
    asked_ = true;
    return {.bytes = size};
  }

 private:
  const int fd_;
  bool asked_ = false;
};

class SlowEnvironment final : public Environment {
 public:
  explicit SlowEnvironment(Slow& slow) : slow_(slow) {}
  Instant steady() const override { return base_.steady(); }
  Now now() const override { return base_.now(); }
  Result<std::unique_ptr<Waiter>> make_waiter() override { return base_.make_waiter(); }
  Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions) override {
    return std::make_unique<SlowResolver>(slow_, base_);
  }
  std::unique_ptr<Transport> tcp(const Address&) override { return std::make_unique<Answering>(); }

 private:
  Slow& slow_;
  Environment& base_ = system_environment();
};

Request request_of(std::size_t number) {
  auto url = Url::parse("http://host" + std::to_string(number) + ".test/");
  if (!url) die("no URL");
  Request request;
  request.url = *std::move(url);
  return request;
}

// A connection is closed after its transfer, so that this measures names and not how many descriptors a system has.
TransferOptions closing() {
  TransferOptions options;
  options.forbid_reuse = true;
  return options;
}

void run_multi(std::size_t names, Slow& slow) {
  SlowEnvironment environment(slow);
  MultiOptions options;
  options.environment = &environment;
  auto made = Multi::create(std::move(options));
  if (!made) die("no Multi");
  Multi& multi = **made;
  for (std::size_t i = 0; i < names; ++i) {
    if (!multi.add(request_of(i), closing())) die("a transfer is refused");
  }
  std::size_t done = 0;
  while (done < names) {
    if (multi.perform() == Drive::failed) die("perform failed");
    while (auto message = multi.info_read()) {
      if (!message->result) die(message->result.error().message().c_str());
      multi.remove(message->transfer);
      ++done;
    }
    if (done < names) static_cast<void>(multi.poll({}, std::chrono::seconds(1)));
  }
}

// ---- the engine alone ----

void run_engine(std::size_t names, Slow& slow) {
  Engine engine{EngineOptions{}};
  std::size_t done = 0;
  const auto now = [] { return system_environment().now(); };
  std::deque<ConnId> fresh;
  const auto drain = [&] {
    while (auto out = engine.poll_output()) {
      if (const auto* asked = std::get_if<output::Resolve>(&*out)) slow.ask(asked->id, now().steady);
      if (const auto* begun = std::get_if<output::Connect>(&*out)) fresh.push_back(begun->conn);
      if (const auto* body = std::get_if<output::BodyReady>(&*out)) engine.consume_body(body->transfer, 1, now());
      if (const auto* end = std::get_if<output::Done>(&*out)) {
        if (!end->result) die(end->result.error().message().c_str());
        engine.remove(end->transfer, now());
        ++done;
      }
    }
  };
  for (std::size_t i = 0; i < names; ++i) {
    if (!engine.add(request_of(i), closing(), now())) die("a transfer is refused");
    drain();
  }
  while (done < names) {
    while (const auto id = slow.next(now().steady)) {
      engine.handle_resolved(*id, NameAnswer({answered_address()}), now());
      drain();
    }
    while (!fresh.empty()) {
      const ConnId conn = fresh.front();
      fresh.pop_front();
      engine.handle_connected(conn, now());
      drain();
      const OutputView sent = engine.transmit(conn);
      engine.handle_sent(conn, sent.size_bytes(), now());
      drain();
      const MutableBytes space = engine.receive_space(conn);
      std::memcpy(space.data(), kAnswer.data(), kAnswer.size());
      engine.handle_received(conn, kAnswer.size(), now());
      drain();
    }
    if (const auto due = slow.due(); done < names && due) std::this_thread::sleep_for(*due - now().steady);
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) die("usage: bench-names multi|engine NAMES MILLISECONDS AT_ONCE");
  rlimit descriptors = {};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  const bool through_multi = std::string_view(words[1]) == "multi";
  const std::size_t names = std::strtoull(words[2], nullptr, 10);
  const double milliseconds = std::strtod(words[3], nullptr);
  const std::size_t at_once = std::strtoull(words[4], nullptr, 10);
  Slow slow(std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(milliseconds)), at_once);
  const auto begun = Clock::now();
  through_multi ? run_multi(names, slow) : run_engine(names, slow);
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  const double rounds = at_once == 0 ? 1 : static_cast<double>((names + at_once - 1) / at_once);
  std::printf("%s names=%zu seconds=%.4f resolver_seconds=%.4f open_at_once=%zu\n", words[1], names, seconds,
              rounds * milliseconds / 1000, slow.most());
}
