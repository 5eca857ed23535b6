// See run.hpp.
#include "tests/sim/proxies/run.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/check.hpp"
#include "tests/sim/mode_run.hpp"
#include "tests/sim/proxies/network.hpp"
#include "tests/sim/proxies/plan.hpp"

namespace sluice::simtest {
namespace proxies {
namespace {

using std::chrono::seconds;

using Chains = std::vector<std::shared_ptr<const ProxyChain>>;

class FixedWays final : public ProxyChooser {
 public:
  explicit FixedWays(Chains ways) : ways_(std::move(ways)) {}
  Chains ways_to(const Url&) const override { return ways_; }

 private:
  Chains ways_;
};

struct Running {
  const TransferPlan* plan = nullptr;
  std::size_t number = 0;
  std::size_t processed = 0;  // how often an origin has answered it
  WayPlan gone;               // the proxies by which it came last
  std::string body;
  bool ended = false;
};

class ProxyRun final : public ModeRun {
 public:
  ProxyRun(std::uint64_t seed, const std::function<void(const std::string&)>& each_line)
      : ModeRun(each_line),
        plan_(proxies::draw_plan(seed)),
        network_(
            plan_,
            [this](std::size_t origin, const Passed& passed, const sim::HttpRequest& request) {
              return respond(origin, passed, request);
            },
            [this](std::string oracle, std::string message) { report(std::move(oracle), std::move(message)); }),
        world_(world_options()) {
    add_servers();
    running_.resize(plan_.transfers.size());
    for (std::size_t i = 0; i < running_.size(); ++i) {
      running_[i].plan = &plan_.transfers[i];
      running_[i].number = i;
      world_.after(running_[i].plan->start, [this, i] { begin(running_[i]); });
    }
  }

  void on_output(sim::World&, const Output& output) override {
    if (const auto* body = std::get_if<output::BodyReady>(&output)) take(*by_id_.at(body->transfer), body->transfer);
    if (const auto* done = std::get_if<output::Done>(&output)) on_done(*by_id_.at(done->transfer), *done);
  }

 private:
  sim::WorldOptions world_options() {
    sim::WorldOptions made = options(plan_.seed);
    made.weather = plan_.weather;
    made.engine.max_connections_per_origin = plan_.max_connections_per_origin;
    made.engine.max_connections_per_proxy = plan_.max_connections_per_proxy;
    return made;
  }
  sim::World& world() override { return world_; }
  void check_end() override {
    for (const Running& running : running_) {
      if (!running.ended) report("unfinished", name(running) + " has not ended");
    }
  }

  void add_servers() {
    for (std::size_t i = 0; i < plan_.origins.size(); ++i) {
      sim::OriginSpec spec{.host = proxies::origin_host(i), .port = proxies::port_of(plan_.origins[i])};
      spec.tls = plan_.origins[i].tls;
      spec.http2 = plan_.origins[i].http2 ? sim::PerMille{1'000} : sim::PerMille{0};
      spec.addresses = {Network::address_of(i)};
      spec.accept = [this, i](std::uint64_t) { return network_.origin(i, {}); };
      world_.add_origin(std::move(spec));
    }
    for (std::size_t i = 0; i < plan_.proxies.size(); ++i) {
      const std::vector<IpAddress> addresses = {Network::address_of_proxy(i)};
      if (plan_.proxies[i].dead) {
        world_.set_name(proxies::proxy_host(i), {.addresses = addresses});
        continue;
      }
      sim::OriginSpec spec{.host = proxies::proxy_host(i), .port = proxies::kProxyPort};
      spec.tls = plan_.proxies[i].kind == ProxyKind::https;
      spec.http2 = plan_.proxies[i].http2 ? sim::PerMille{1'000} : sim::PerMille{0};
      spec.addresses = addresses;
      spec.accept = [this, i](std::uint64_t) { return network_.proxy(i, {}); };
      proxy_numbers_.push_back(world_.add_origin(std::move(spec)));
    }
  }

  void after_step() override {
    const std::size_t most = plan_.max_connections_per_proxy;
    if (world_.faults().contains("bad request")) report_bad_request();
    if (most == 0) return;
    for (const sim::OriginNumber proxy : proxy_numbers_) {
      const std::size_t open = world_.open_connections(proxy);
      if (open > most) report("no more connections to one proxy than are allowed", std::to_string(open) + " are open");
    }
  }

  void report_bad_request() {
    std::string all;
    for (const auto& [fault, count] : world_.faults()) all += ' ' + fault + ',';
    report("a server understands the client", "faults of the run:" + all);
  }

  static std::string name(const Running& running) { return "transfer " + std::to_string(running.number); }

  // ---- the client ----

  Proxy proxy_of(std::size_t number, const TransferPlan& transfer) {
    const proxies::ProxyPlan& plan = plan_.proxies[number];
    Proxy proxy;
    proxy.kind = plan.kind;
    proxy.host = proxies::proxy_host(number);
    proxy.port = proxies::kProxyPort;
    proxy.user = proxies::user_of(transfer.account);
    proxy.password = proxies::password_of(transfer.account);
    proxy.schemes.digest = transfer.waits_for_challenge;
    proxy.tunnel = transfer.tunnel;
    SLUICE_CHECK(proxy.fields.add("X-For-Proxy", "1").has_value());
    if (plan.kind == ProxyKind::https) proxy.tls = world_.tls();
    proxy.http2 = transfer.offers_http2;
    return proxy;
  }

  void begin(Running& running) {
    const TransferPlan& plan = *running.plan;
    Chains ways;
    for (const WayPlan& way : plan.ways) {
      ProxyChain chain;
      for (const std::size_t number : way) chain.push_back(proxy_of(number, plan));
      ways.push_back(std::make_shared<const ProxyChain>(std::move(chain)));
    }
    const bool tls = plan_.origins[plan.origin].tls;
    Request request(plan.post ? "POST" : "GET",
                    Url::parse((tls ? "https://" : "http://") + proxies::origin_host(plan.origin) + "/").value());
    const bool fits = request.fields.add("X-Transfer", std::to_string(running.number)) &&
                      request.fields.add("Cookie", "secret=1") && request.fields.add("Authorization", "Bearer secret");
    SLUICE_CHECK(fits);
    if (plan.post) request.body = BodyOwned{"upload of " + std::to_string(running.number)};
    TransferOptions options;
    options.http_versions = plan.versions;
    if (tls) options.tls = world_.tls();
    options.proxies = std::make_shared<FixedWays>(std::move(ways));
    // Byte by byte, a handshake takes long; where nothing goes wrong, that must not look like a fault.
    options.connect_timeout = seconds(plan_.calm ? 600 : 5);
    options.idle_timeout = seconds(plan_.calm ? 600 : 5);
    options.fresh_connection = plan.fresh;
    auto id = world_.engine().add(std::move(request), options, world_.now());
    SLUICE_CHECK(id.has_value());
    by_id_[*id] = &running;
  }

  void take(Running& running, TransferId id) {
    const Bytes body = world_.engine().body(id);
    running.body += as_text(body);
    world_.engine().consume_body(id, body.size(), world_.now());
  }

  void on_done(Running& running, const output::Done& done) {
    const int status = world_.engine().head(done.transfer).status;
    const std::string what = done.result ? "status " + std::to_string(status) : done.result.error().message();
    world_.note(name(running) + ": " + what);
    by_id_.erase(done.transfer);
    running.ended = true;
    const bool fine = done.result && status == 200;
    if (fine && (running.body != body_for(running) || running.processed == 0)) {
      report("a response is whole", name(running) + " has " + std::to_string(running.body.size()) + " bytes");
    }
    if (fine) judge_version(running, world_.engine().info(done.transfer));
    if (!done.result) judge_failure(running, done.result.error());
    if (done.result && status != 200 && status != 407 && status != 503) report("a known response", what);
    if (plan_.calm && fine != can_succeed(*running.plan)) {
      report("the first way that can be gone decides", name(running) + ": " + what);
    }
    world_.engine().remove(done.transfer, world_.now());
  }

  // ---- what must be true ----

  // The version that the last hop has agreed to: of the proxy that forwards, or of the origin.
  void judge_version(const Running& running, const TransferInfo& info) {
    const TransferPlan& plan = *running.plan;
    const proxies::OriginPlan& origin = plan_.origins[plan.origin];
    const proxies::ProxyPlan* const last = running.gone.empty() ? nullptr : &plan_.proxies[running.gone.back()];
    const bool forwarded = last && proxies::is_http(last->kind) && !plan.tunnel && !origin.tls;
    const bool asked = plan.versions != HttpVersions::http1_1 && (origin.tls || plan.versions != HttpVersions::any);
    const bool http2 = forwarded ? last->http2 && plan.offers_http2 : origin.http2 && asked;
    if (http2 != (info.stream_id != 0))
      report("the version is as agreed", name(running) + ": stream " + std::to_string(info.stream_id));
  }

  void judge_failure(const Running& running, const Error& error) {
    const auto& faults = world_.faults();
    const auto happened = [&](std::initializer_list<std::string_view> names) {
      return std::ranges::any_of(names, [&](std::string_view fault) { return faults.contains(fault); });
    };
    const bool over_http2 = error.code == Code::http2_error || error.code == Code::http2_stream;
    const bool has_no_cause =
        (error.code == Code::idle_timeout && !happened({"stall", "hangs", "half open", "proxy silent"})) ||
        (over_http2 && (!plan_.http2 || faults.empty())) || error.blame == Blame::internal;
    if (has_no_cause) report("cause of " + std::string(to_string(error.code)), name(running) + ": " + error.message());
  }

  // If nothing goes wrong.
  bool can_succeed(const TransferPlan& transfer) const {
    const bool known = transfer.account == Account::first || transfer.account == Account::second;
    for (const WayPlan& way : transfer.ways) {
      if (!way.empty() && plan_.proxies[way.front()].dead) continue;  // it is not reached, so the next one is tried
      return std::ranges::all_of(way, [&](std::size_t number) {
        const proxies::ProxyPlan& proxy = plan_.proxies[number];
        return !proxy.dead && (known || !proxy.asks);
      });
    }
    return false;
  }

  std::string body_for(const Running& running) const {
    return body_of(plan_.seed, static_cast<std::uint32_t>(running.number), Direction::reply, running.plan->bytes);
  }

  sim::HttpReply respond(std::size_t origin, const Passed& passed, const sim::HttpRequest& request) {
    const std::string* text = request.field("x-transfer");
    std::size_t number = running_.size();
    if (text) std::from_chars(text->data(), text->data() + text->size(), number);
    if (number >= running_.size()) {
      report("an origin sees requests of transfers", request.target);
      return {};
    }
    Running& running = running_[number];
    const TransferPlan& plan = *running.plan;
    if (plan.origin != origin) report("an origin sees its own requests", name(running));
    if (request.field("proxy-authorization") || request.field("x-for-proxy"))
      report("an origin sees nothing that is meant for a proxy", name(running));
    if (std::ranges::find(plan.ways, passed.proxies) == plan.ways.end())
      report("a request goes by one of its ways", name(running));
    for (const std::string& user : passed.users) {
      if (!user.empty() && (user != proxies::user_of(plan.account) || plan.account == Account::wrong))
        report("a tunnel carries its user's requests", name(running) + " is sent as " + user);
    }
    running.gone = passed.proxies;
    if (plan.post && request.body.empty()) return {};  // asked after its head, about an early reply
    if (plan.post && request.body != "upload of " + std::to_string(number))
      report("an upload is whole", name(running) + ": " + request.body);
    if (++running.processed > 1 && plan.post) report("a POST is processed once", name(running));
    return {.body = body_for(running)};
  }

  const Plan plan_;
  Network network_;
  std::vector<Running> running_;
  std::map<TransferId, Running*> by_id_;
  std::vector<sim::OriginNumber> proxy_numbers_;  // of those that listen
  sim::World world_;
};

}  // namespace
}  // namespace proxies

RunResult run_proxies_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line) {
  return proxies::ProxyRun(seed, each_line).go();
}

std::string describe_proxies_seed(std::uint64_t seed) { return proxies::describe(proxies::draw_plan(seed)); }

}  // namespace sluice::simtest
