// Multi::perform() and Multi::poll() in the simulated world: time is virtual, and the server is one of its origins. The
// application's own descriptors belong to the system, so they are polled between waits.
#include <poll.h>

#include <set>

#include "adapters/sim.hpp"
#include "tests/conformance/by_hand.hpp"
#include "tests/conformance/surroundings.hpp"
#include "tests/support/http2_talk.hpp"
#include "tests/support/origin_talk.hpp"

namespace sluice::conformance {
namespace {

class Virtual;
Virtual* present = nullptr;  // whose loop make_loop() makes

class Virtual final : public Surroundings {
 public:
  explicit Virtual(Version version) : version_(version) {
    world_.add_origin(
        {.host = "origin.test", .accept = [this](std::uint64_t) { return std::make_unique<Origin>(*this); }});
    world_.add_origin({.host = "origin.test",
                       .port = 443,
                       .accept = [this](std::uint64_t) { return std::make_unique<Origin>(*this); },
                       .tls = true});
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
    int held = 0;
    for (const Origin* one : origins_) held += one->talk->held();
    return held;
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
    explicit Origin(Virtual& of)
        : surroundings(of),
          talk(of.version_ == Version::http2 ? test::make_http2_talk() : std::make_unique<test::OriginTalk>()) {
      surroundings.origins_.insert(this);
    }
    ~Origin() override { surroundings.origins_.erase(this); }
    void on_open(sim::Line& opened) override { line = &opened; }
    void on_bytes(sim::Line&, Bytes bytes) override {
      const int before = talk->requests();
      talk->receive(as_text(bytes));
      surroundings.requests_ += talk->requests() - before;
      answer();
    }
    void on_end(sim::Line& ended) override {
      surroundings.origins_.erase(this);
      ended.close();
    }
    void release() {
      talk->release();
      answer();
    }
    void answer() {
      while (talk->has_output()) {
        std::string piece;
        talk->produce(piece, 64 * 1024);
        line->send(piece);
      }
      if (talk->end() == test::Talk::End::none) return;
      surroundings.origins_.erase(this);
      talk->end() == test::Talk::End::close ? line->close() : line->reset();
    }
    Virtual& surroundings;
    std::unique_ptr<test::Talk> talk;
    sim::Line* line = nullptr;
  };

  const Version version_;
  int requests_ = 0;
  std::set<Origin*> origins_;  // with an open connection
  sim::World world_{sim::WorldOptions{.keep_trace = false}};
  std::unique_ptr<Waiter> waiter_;
};

class SimLoop final : public HandLoop {
 public:
  explicit SimLoop(Environment& environment)
      : HandLoop([&environment] {
          const auto since =
              std::chrono::duration_cast<Timers::Clock::duration>(environment.steady().time_since_epoch());
          return Timers::Clock::time_point(since);
        }) {}

 private:
  Result<void> wait(Multi& multi, Milliseconds most) override {
    bool any = false;
    auto looked = wait_for_readers([&](std::vector<ExtraDescriptor>& extra) { return look(extra, any); });
    if (!looked) return looked;
    if (auto waited = multi.poll({}, any ? Milliseconds(0) : most); !waited)
      return std::unexpected(std::move(waited.error()));
    return {};
  }
  static Result<void> look(std::vector<ExtraDescriptor>& extra, bool& any) {
    for (ExtraDescriptor& one : extra) {
      pollfd asked{one.fd, POLLIN, 0};
      if (::poll(&asked, 1, 0) > 0) one.ready = kEventRead;
      any |= one.ready != 0;
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<Surroundings> make_surroundings(Version version) { return std::make_unique<Virtual>(version); }
std::unique_ptr<Loop> make_loop() { return std::make_unique<SimLoop>(*present->environment()); }
const char* loop_name() { return "sim"; }
bool holds_many_descriptors() { return true; }

}  // namespace sluice::conformance
