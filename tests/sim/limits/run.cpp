// See run.hpp.
#include "tests/sim/limits/run.hpp"

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "core/base/check.hpp"
#include "tests/sim/limits/plan.hpp"
#include "tests/sim/mode_run.hpp"

namespace sluice::simtest {
namespace limits {
namespace {

constexpr Duration kLate = std::chrono::milliseconds(1);  // a simulated driver is never later than this
constexpr std::size_t kTlsRecord = 17'000;

// Bytes that passed, and since when. Begins with the first byte.
class Meter {
 public:
  void count(std::uint64_t so_far, Instant now) {
    if (so_far < bytes_) began_.reset();  // it is sent again
    if (!began_ && so_far > 0) began_ = now;
    bytes_ = so_far;
  }
  void add(std::uint64_t more, Instant now) {
    if (!began_ && more > 0) began_ = now;
    bytes_ += more;
  }
  // What may have passed: the rate, what was saved up, once more as credit that was not used at once, and `piece`.
  bool exceeds(std::uint64_t rate, std::size_t piece, Instant now) const {
    if (!began_) return false;
    const double elapsed = std::chrono::duration<double>(now - *began_).count();  // in seconds
    const double most = static_cast<double>(rate) * (elapsed + 0.3) + 4 + static_cast<double>(piece);
    return static_cast<double>(bytes_) > most;
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
  std::optional<Instant> began_;
};

struct Running {
  const TransferPlan* plan = nullptr;
  std::size_t number = 0;
  TransferId id;
  std::string body;
  bool begun = false, ended = false;
  Meter received, sent;
  // How many bytes had come and gone at which time, since its exchange began.
  std::deque<std::pair<Instant, std::uint64_t>> moved;
};

class LimitRun final : public ModeRun {
 public:
  LimitRun(std::uint64_t seed, const std::function<void(const std::string&)>& each_line)
      : ModeRun(each_line), plan_(limits::draw_plan(seed)), world_(world_options()) {
    for (std::size_t i = 0; i < plan_.origins.size(); ++i) add_origin(i);
    running_.resize(plan_.transfers.size());
    for (std::size_t i = 0; i < running_.size(); ++i) {
      running_[i].plan = &plan_.transfers[i];
      running_[i].number = i;
      world_.after(running_[i].plan->start, [this, i] { begin(running_[i]); });
    }
    if (plan_.network_changes) {
      world_.after(*plan_.network_changes, [this] {
        changed_at_ = world_.now().steady;
        world_.engine().network_changed(world_.now());
      });
    }
    rates_ = {{}, plan_.limits.max_receive_rate, plan_.limits.max_send_rate};
    if (plan_.rates_change) world_.after(plan_.rates_change->at, [this] { change_rates(); });
  }

  void on_output(sim::World&, const Output& output) override {
    if (const auto* body = std::get_if<output::BodyReady>(&output)) take(*by_id_.at(body->transfer));
    if (const auto* done = std::get_if<output::Done>(&output)) on_done(*by_id_.at(done->transfer), done->result);
  }

 private:
  sim::WorldOptions world_options() {
    sim::WorldOptions made = options(plan_.seed);
    made.weather = plan_.weather;
    EngineOptions& engine = made.engine;
    engine.max_connections = plan_.limits.max_connections;
    engine.max_connections_per_origin = plan_.limits.max_connections_per_origin;
    engine.max_connection_uses = plan_.limits.max_connection_uses;
    engine.max_connection_age = plan_.limits.max_connection_age;
    engine.max_receive_rate = plan_.limits.max_receive_rate;
    engine.max_send_rate = plan_.limits.max_send_rate;
    return made;
  }
  sim::World& world() override { return world_; }
  void check_end() override {
    for (const Running& running : running_) {
      if (!running.ended) report("unfinished", name(running) + " has not ended");
    }
  }
  static std::string name(const Running& running) { return "transfer " + std::to_string(running.number); }
  static std::string host(std::size_t origin) { return "origin" + std::to_string(origin) + ".test"; }

  void add_origin(std::size_t number) {
    const OriginPlan& plan = plan_.origins[number];
    if (plan.kind == OriginKind::nameless) return world_.set_name(host(number), {.never = 1000});
    sim::OriginSpec spec{.host = host(number), .port = static_cast<std::uint16_t>(plan.tls ? 443 : 80)};
    spec.tls = plan.tls && plan.kind != OriginKind::mute;
    if (plan.kind == OriginKind::mute) {
      spec.accept = sim::script_origin(sim::Script());
    } else {
      spec.accept = sim::http_origin([this](const sim::HttpRequest& request) { return respond(request); });
    }
    world_.add_origin(std::move(spec));
  }

  // From here on no more than the new rates may pass, also for what runs.
  void change_rates() {
    rates_ = *plan_.rates_change;
    EngineLimits changed = world_.engine().limits();
    changed.max_receive_rate = rates_.receive;
    changed.max_send_rate = rates_.send;
    world_.engine().set_limits(changed, world_.now());
    for (Running& running : running_) {
      if (running.begun && !running.ended) watch(running);
    }
    received_ = sent_ = {};
  }

  // ---- the client ----

  void begin(Running& running) {
    const TransferPlan& plan = *running.plan;
    const bool tls = plan_.origins[plan.origin].tls;
    Request request(plan.upload > 0 ? "POST" : "GET",
                    Url::parse((tls ? "https://" : "http://") + host(plan.origin) + "/").value());
    SLUICE_CHECK(request.fields.add("X-Transfer", std::to_string(running.number)).has_value());
    if (plan.upload > 0) request.body = BodyOwned{std::string(plan.upload, 'u')};
    TransferOptions options;
    options.http_versions = HttpVersions::http1_1;  // no origin here speaks HTTP/2 yet
    if (tls) options.tls = world_.tls();
    options.connect_timeout = limits::kConnectTimeout;
    options.idle_timeout = limits::kIdleTimeout;
    options.limits = std::make_shared<const TransferLimits>(plan.limits);
    auto id = world_.engine().add(std::move(request), options, world_.now());
    SLUICE_CHECK(id.has_value());
    running.id = *id;
    running.begun = true;
    by_id_[*id] = &running;
  }

  void take(Running& running) {
    const Bytes body = world_.engine().body(running.id);
    running.body += as_text(body);
    world_.engine().consume_body(running.id, body.size(), world_.now());
  }

  void on_done(Running& running, const Result<void>& result) {
    watch(running);
    world_.note(name(running) + ": " + (result ? "done" : result.error().message()));
    running.ended = true;
    if (result && running.body != body_for(running))
      report("a response is whole", name(running) + " has " + std::to_string(running.body.size()) + " bytes");
    if (!result) judge(running, result.error());
    judge_connection(running);
    by_id_.erase(running.id);
    world_.engine().remove(running.id, world_.now());
  }

  std::string body_for(const Running& running) const {
    return body_of(plan_.seed, static_cast<std::uint32_t>(running.number), Direction::reply, running.plan->bytes);
  }

  sim::HttpReply respond(const sim::HttpRequest& request) {
    std::size_t number = running_.size();
    if (const std::string* text = request.field("x-transfer"))
      std::from_chars(text->data(), text->data() + text->size(), number);
    SLUICE_CHECK(number < running_.size());
    const Running& running = running_[number];
    const std::size_t most = plan_.limits.max_connection_uses;
    if (most != 0 && request.number >= most) report("uses of a connection", name(running) + " is one too many");
    sim::HttpReply reply{.body = body_for(running), .delay = running.plan->reply_after};
    if (running.plan->chunked) reply.framing = sim::HttpReply::Framing::chunked;
    if (plan_.origins[running.plan->origin].kind == OriginKind::never) reply.origin_fault = sim::OriginFault::never;
    return reply;
  }

  // ---- what must be true ----

  void after_step() override {
    for (Running& running : running_) {
      if (running.begun && !running.ended) watch(running);
    }
    const Instant now = world_.now().steady;
    const auto over_tls = std::ranges::count_if(
        running_, [&](const Running& running) { return plan_.origins[running.plan->origin].tls; });
    const std::size_t piece = kTlsRecord * static_cast<std::size_t>(over_tls);
    if (const auto rate = rates_.receive; rate && received_.exceeds(*rate, piece, now))
      report("rate of all", "all transfers have received " + std::to_string(received_.bytes()));
    if (const auto rate = rates_.send; rate && sent_.exceeds(*rate, piece, now))
      report("rate of all", "all transfers have sent " + std::to_string(sent_.bytes()));
  }

  void watch(Running& running) {
    const Progress& progress = world_.engine().progress(running.id);
    const Instant now = world_.now().steady;
    const TransferLimits& limits = running.plan->limits;
    const std::uint64_t in = progress.received_body_bytes, out = progress.sent_body_bytes;
    received_.add(in - std::min(in, running.received.bytes()), now);
    sent_.add(out - std::min(out, running.sent.bytes()), now);
    running.received.count(in, now);
    running.sent.count(out, now);
    const std::size_t piece = plan_.origins[running.plan->origin].tls ? kTlsRecord : 0;
    if (limits.max_receive_rate && running.received.exceeds(*limits.max_receive_rate, piece, now))
      report("rate", name(running) + " has received " + std::to_string(in));
    if (limits.max_send_rate && running.sent.exceeds(*limits.max_send_rate, piece, now))
      report("rate", name(running) + " has sent " + std::to_string(out));
    // Over TLS, what is sent is counted when it is encrypted.
    watch_speed(running, progress, in + (piece == 0 ? out : 0), now);
    if (limits.response_timeout && progress.sent && !progress.first_byte &&
        plan_.origins[running.plan->origin].kind == OriginKind::never &&
        now > *progress.sent + *limits.response_timeout + kLate)
      report("a limit that has passed ends its transfer", name(running) + " waits for a response");
  }

  void watch_speed(Running& running, const Progress& progress, std::uint64_t moved, Instant now) {
    const TransferLimits& limits = running.plan->limits;
    if (!limits.low_rate) return;
    auto& history = running.moved;
    if (progress.sent_head_bytes == 0 || (!history.empty() && moved < history.back().second)) return history.clear();
    history.emplace_back(now, moved);
    // Where rates hold a transfer up, it may be slow.
    const bool held = limits.max_receive_rate || limits.max_send_rate || plan_.limits.max_receive_rate ||
                      plan_.limits.max_send_rate || plan_.rates_change;
    const Duration longest = limits.low_period + limits.low_period / 4 + kLate;
    const bool tls = plan_.origins[running.plan->origin].tls;  // a record that comes slowly counts byte by byte
    if (held || tls || history.front().first > now - longest) return;
    constexpr double kHeads = 400, kChunkFraming = 3;
    if ((bytes_since(history, now - longest) * kChunkFraming + kHeads) * 1e9 < needed(limits))
      report("a limit that has passed ends its transfer", name(running) + " is too slow and goes on");
  }

  static double needed(const TransferLimits& limits) {
    return static_cast<double>(*limits.low_rate) * static_cast<double>(limits.low_period.count());
  }
  static double bytes_since(const std::deque<std::pair<Instant, std::uint64_t>>& history, Instant since) {
    std::uint64_t before = 0;
    for (const auto& [at, moved] : history) {
      if (at <= since) before = moved;
    }
    return static_cast<double>(history.back().second - before);
  }

  void judge(const Running& running, const Error& error) {
    const Progress& progress = world_.engine().progress(running.id);
    const TransferLimits& limits = running.plan->limits;
    const Instant now = world_.now().steady;
    const auto passed = [&](std::optional<Duration> limit, std::optional<Instant> since) {
      return limit && since && now - *since >= *limit;
    };
    bool explained = true;
    switch (error.code) {
      case Code::queue_timeout:
        explained = passed(limits.queue_timeout, progress.queued) && progress.sent_head_bytes == 0;
        break;
      case Code::resolve_timeout:
        explained = passed(limits.resolve_timeout, progress.queued) && !progress.resolved;
        break;
      case Code::tls_timeout:
        explained = passed(limits.tls_timeout, progress.connected) && !progress.secured;
        break;
      case Code::response_timeout:
        explained = passed(limits.response_timeout, progress.sent) && !progress.first_byte;
        break;
      case Code::too_slow:
        explained = limits.low_rate && !running.moved.empty() && running.moved.front().first <= now - period(limits) &&
                    bytes_since(running.moved, now - period(limits)) * 1e9 < needed(limits);
        break;
      case Code::idle_timeout:
        // A slow network may hold a whole upload for longer.
        explained = plan_.origins[running.plan->origin].kind != OriginKind::answers ||
                    plan_.weather.bandwidth < 1'000 ||
                    world_.faults(world_.engine().info(running.id).conn).contains("stall");
        break;
      default:
        break;
    }
    if (!explained) report("cause of " + std::string(to_string(error.code)), name(running) + ": " + error.message());
    const OriginKind kind = plan_.origins[running.plan->origin].kind;
    if (error.code != Code::connect_timeout) return;
    if (kind == OriginKind::nameless && limits.resolve_timeout)
      report("a limit that has passed ends its transfer", name(running) + " looks up a name");
    if (kind == OriginKind::mute && limits.tls_timeout && progress.connected)
      report("a limit that has passed ends its transfer", name(running) + " waits for TLS");
  }

  // Eight steps.
  static Duration period(const TransferLimits& limits) { return limits.low_period / 8 * 8; }

  // Of the connection that carries it, or has carried it.
  void judge_connection(const Running& running) {
    const TransferInfo info = world_.engine().info(running.id);
    const Progress& progress = world_.engine().progress(running.id);
    const sim::ConnectRecord* const record = world_.record(info.conn);
    if (!info.reused || !record || !record->connected || !progress.connected) return;
    const Instant got = *progress.connected;
    const auto& age = plan_.limits.max_connection_age;
    if (age && got - *record->connected > *age) report("age of a connection", name(running) + " has an old one");
    if (changed_at_ && got > *changed_at_ && *record->connected < *changed_at_)
      report("another network", name(running) + " has a connection of the network before");
    // It waited for this one, and none was begun for it.
    const auto& queue = running.plan->limits.queue_timeout;
    if (queue && info.retries == 0 && got - progress.queued > *queue + kLate &&
        dials_to(running, progress.queued, got) == 0)
      report("a limit that has passed ends its transfer", name(running) + " waits for a connection");
  }

  // How many connections were being made to its origin in that time.
  std::size_t dials_to(const Running& running, Instant from, Instant to) const {
    std::size_t count = 0;
    for (const sim::ConnectRecord& connect : world_.connects()) {
      const Instant over = connect.connected.value_or(connect.over.value_or(to));
      if (connect.origin && number_of(*connect.origin) == running.plan->origin && connect.began <= to && over >= from)
        ++count;
    }
    return count;
  }
  // The plan's number of a world's origin: those without a name are not added.
  std::size_t number_of(sim::OriginNumber added) const {
    for (std::size_t i = 0; i < plan_.origins.size(); ++i) {
      if (plan_.origins[i].kind != OriginKind::nameless && added-- == 0) return i;
    }
    return plan_.origins.size();
  }

  const Plan plan_;
  std::vector<Running> running_;
  std::map<TransferId, Running*> by_id_;
  Meter received_, sent_;  // of all, since the rates are as they are
  RateChange rates_;
  std::optional<Instant> changed_at_;
  sim::World world_;
};

}  // namespace
}  // namespace limits

RunResult run_limits_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line) {
  return limits::LimitRun(seed, each_line).go();
}

std::string describe_limits_seed(std::uint64_t seed) { return limits::describe(limits::draw_plan(seed)); }

}  // namespace sluice::simtest
