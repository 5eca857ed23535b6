// Multi::perform() and Multi::poll() in the simulated world: time is virtual, and the server is one of its origins. The application's own
// descriptors are the system's, so they are looked at between waits.
#include <poll.h>

#include <set>

#include "adapters/sim.hpp"
#include "tests/conformance/by_hand.hpp"
#include "tests/conformance/ground.hpp"
#include "tests/support/origin_talk.hpp"

namespace sluice::conformance {
namespace {

class Virtual;
Virtual* present = nullptr;  // whose loop make_loop() makes

class Virtual final : public Ground {
 public:
  Virtual() {
    world_.add_origin({.host = "origin.test", .accept = [this](std::uint64_t) { return std::make_unique<Origin>(*this); }});
    world_.add_origin(
        {.host = "origin.test", .port = 443, .accept = [this](std::uint64_t) { return std::make_unique<Origin>(*this); }, .tls = true});
    waiter_ = world_.environment().make_waiter().value();
    present = this;
  }
  ~Virtual() override {
    if (present == this) present = nullptr;
  }

  Environment* environment() override { return &world_.environment(); }
  std::string http(const std::string& path) const override { return "http://origin.test" + path; }
  std::string https(const std::string& path) const override { return "https://origin.test" + path; }
  std::shared_ptr<const TlsConfig> trust() override { return world_.tls(); }
  void release() override {
    const std::set<Origin*> now = origins_;
    for (Origin* one : now) one->release();
  }
  int held() const override {
    return static_cast<int>(std::ranges::count_if(origins_, [](const Origin* one) { return one->talk.holds(); }));
  }
  int open() const override { return static_cast<int>(origins_.size()); }
  int requests() const override { return requests_; }
  std::string hanging_url() override {
    sim::Weather weather;
    weather.hangs = 1000;
    world_.set_weather(weather);
    return http("/0/0");
  }
  void busy_for(std::chrono::milliseconds time) override { waiter_->wait(static_cast<int>(time.count())); }
  bool real() const override { return false; }

 private:
  // The origin's half of a connection: the same talk as the server of sockets has.
  struct Origin final : sim::Peer {
    explicit Origin(Virtual& of) : ground(of) { ground.origins_.insert(this); }
    ~Origin() override { ground.origins_.erase(this); }
    void on_open(sim::Line& opened) override { line = &opened; }
    void on_bytes(sim::Line&, Bytes bytes) override {
      const int before = talk.requests();
      talk.receive(as_text(bytes));
      ground.requests_ += talk.requests() - before;
      answer();
    }
    void on_end(sim::Line& ended) override {
      ground.origins_.erase(this);
      ended.close();
    }
    void release() {
      talk.release();
      answer();
    }
    void answer() {
      while (talk.has_output()) {
        std::string piece;
        talk.produce(piece, 64 * 1024);
        line->send(piece);
      }
      if (talk.end() == test::OriginTalk::End::none) return;
      ground.origins_.erase(this);
      talk.end() == test::OriginTalk::End::close ? line->close() : line->reset();
    }
    Virtual& ground;
    test::OriginTalk talk;
    sim::Line* line = nullptr;
  };

  int requests_ = 0;
  std::set<Origin*> origins_;  // with an open connection
  sim::World world_{sim::WorldOptions{.keep_trace = false}};
  std::unique_ptr<Waiter> waiter_;
};

class SimLoop final : public Loop {
 public:
  explicit SimLoop(Environment& environment) : environment_(environment) {}
  void attach(Multi& multi, AfterDrive after) override {
    multi_ = &multi;
    after_ = std::move(after);
  }
  void detach() override { multi_ = nullptr; }
  void watch(int fd, std::function<void()> readable) override { readers_.add(fd, std::move(readable)); }
  void unwatch(int fd) override { readers_.remove(fd); }
  int every(Milliseconds period, std::function<void()> tick) override { return timers_.every(period, std::move(tick)); }
  void cancel(int timer) override { timers_.cancel(timer); }

  bool run_until(const std::function<bool()>& condition, Milliseconds limit) override {
    const auto end = now() + limit;
    for (;;) {
      const Drive drive = multi_->perform();
      after_(*multi_);
      if (condition()) return true;
      if (now() >= end) return false;
      const bool again = call_readers() || drive == Drive::call_again;
      const auto waited = multi_->poll({}, again ? Milliseconds(0) : timers_.wait(end));
      ++turns_;
      if (!waited) {
        failure_ = waited.error();
        return false;
      }
      timers_.run_due();
    }
  }

 private:
  Timers::Clock::time_point now() const {
    return Timers::Clock::time_point(std::chrono::duration_cast<Timers::Clock::duration>(environment_.steady().time_since_epoch()));
  }
  bool call_readers() {
    std::vector<ExtraDescriptor> extra = readers_.extra();
    std::vector<pollfd> set;
    for (const ExtraDescriptor& one : extra) set.push_back({one.fd, POLLIN, 0});
    if (set.empty() || ::poll(set.data(), set.size(), 0) <= 0) return false;
    readers_.begin_batch();
    for (const pollfd& one : set) {
      if (one.revents != 0) readers_.call(one.fd);
    }
    return true;
  }

  Environment& environment_;
  Multi* multi_ = nullptr;
  AfterDrive after_;
  Readers readers_;
  Timers timers_{[this] { return now(); }};
};

}  // namespace

std::unique_ptr<Ground> make_ground() { return std::make_unique<Virtual>(); }
std::unique_ptr<Loop> make_loop() { return std::make_unique<SimLoop>(*present->environment()); }
const char* loop_name() { return "sim"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
