// See run.hpp. The application: adds transfers, reads and writes bodies at the planned pace, and removes transfers. It
// draws no random numbers: everything follows from the plan and from the world.
#include "tests/sim/run.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "core/base/check.hpp"
#include "core/cookies.hpp"
#include "core/credentials.hpp"
#include "core/engine/parts.hpp"
#include "tests/sim/mux/origin.hpp"
#include "tests/sim/scenario/stages.hpp"
#include "tests/support/stored_gzip.hpp"

namespace sluice::simtest {
namespace {

// A run with more steps than this is endless.
constexpr std::uint64_t kMaxSteps = 2'000'000;
constexpr Duration kMaxTime = std::chrono::hours(24);

struct PlannedRoute final : Route {
  PlannedRoute(std::size_t number, const RoutePlan& plan)
      : Route(plan.identity, "route " + std::to_string(number), plan.max_connections) {}
};

// An origin with an invalid certificate: it must not get any plain byte.
class Impostor final : public sim::Peer {
 public:
  explicit Impostor(Oracles& oracles) : oracles_(oracles) {}
  void on_bytes(sim::Line&, Bytes bytes) override {
    oracles_.report("certificate", std::to_string(bytes.size()) + " bytes reach an origin whose certificate is bad");
  }

 private:
  Oracles& oracles_;
};

class Run final : public sim::Application {
 public:
  Run(const Scenario& scenario, const std::function<void(const std::string&)>& each_line)
      : scenario_(scenario), each_line_(each_line), oracles_(scenario), world_(options()) {
    oracles_.watch(world_);
    for (std::size_t i = 0; i < scenario.origins.size(); ++i) add_origin(i);
    for (const TransferPlan& plan : scenario.transfers) {
      const OriginPlan& origin = scenario.origins[plan.origin];
      if (plan.connect_to) world_.set_name(alias_of(origin, plan), origin.name);
    }
    for (std::size_t i = 0; i < scenario.routes.size(); ++i) {
      routes_.push_back(std::make_shared<PlannedRoute>(i, scenario.routes[i]));
    }
    for (Seen& seen : oracles_.transfers()) {
      if (!seen.plan->behind) world_.after(seen.plan->start, [this, &seen] { add(seen); });
    }
    for (const Duration when : scenario.close_idle) {
      world_.after(when, [this] {
        engine().close_idle_connections(now());
        oracles_.idle_closed();
      });
    }
  }

  RunResult go() {
    const bool idle = run_on();
    if (idle) {
      oracles_.at_idle();
      ending_ = true;
      for (Seen& seen : oracles_.transfers()) remove(seen);
      world_.settle();
      engine().close_idle_connections(now());
      world_.settle();
      if (run_on()) oracles_.at_end();
    }
    show_trace();
    return {oracles_.finding(), world_.trace_hash(), world_.steps()};
  }

  void on_output(sim::World&, const Output& output) override {
    Seen* seen = oracles_.on_output(output);
    if (!seen || oracles_.finding()) return;
    if (std::holds_alternative<output::InterimReady>(output)) cancel_at(*seen, CancelPlan::When::interim);
    if (std::holds_alternative<output::HeadReady>(output)) cancel_at(*seen, CancelPlan::When::head);
    if (std::holds_alternative<output::BodyReady>(output)) {
      cancel_at(*seen, CancelPlan::When::body);
      take(*seen);
    }
    if (std::holds_alternative<output::UploadReady>(output)) {
      cancel_at(*seen, CancelPlan::When::upload);
      supply(*seen);
    }
    if (std::holds_alternative<output::UploadRewind>(output)) engine().rewind_upload(seen->id, now());
    if (std::holds_alternative<output::Done>(output)) on_done(*seen);
  }

 private:
  Engine& engine() { return world_.engine(); }
  // One part of an application may have an older time than another: the engine must use the latest one.
  Now now() {
    Now now = world_.now();
    if (!scenario_.on.has(Feature::old_times) || ++calls_ % 3 != 0) return now;
    engine().consume_body({}, 0, now);
    now.steady -= std::chrono::milliseconds(calls_ * 7 % 3'000);
    return now;
  }

  sim::WorldOptions options() {
    sim::WorldOptions options;
    options.seed = Seed{scenario_.seed};
    options.engine.max_connections = scenario_.max_connections;
    options.engine.max_connections_per_origin = scenario_.max_connections_per_origin;
    options.engine.idle_connection_timeout = scenario_.idle_connection_timeout;
    options.engine.report_events = scenario_.reports_events();
    options.weather = scenario_.weather;
    if (scenario_.on.has(Feature::multiplexing)) {
      options.make_engine = [this](EngineOptions engine) {
        return EngineParts::make(std::move(engine), mux_sessions(scenario_, oracles_));
      };
    }
    options.application = this;
    options.keep_trace = each_line_ != nullptr;
    options.after_step = [this](sim::World&) {
      show_trace();
      if (scenario_.on.has(Feature::peeks)) peek();
      oracles_.after_step();
    };
    return options;
  }

  void show_trace() {
    if (!each_line_) return;
    for (const std::vector<std::string>& lines = world_.trace(); shown_ < lines.size(); ++shown_)
      each_line_(lines[shown_]);
  }

  // False: an oracle has failed.
  bool run_on() {
    const Instant until = world_.now().steady + kMaxTime;
    const std::uint64_t most = world_.steps() + kMaxSteps;
    while (!oracles_.finding() && world_.step()) {
      if (world_.steps() > most) oracles_.report("endless", "more than " + std::to_string(kMaxSteps) + " steps");
      if (world_.now().steady > until) oracles_.report("endless", "more than a day");
    }
    return !oracles_.finding();
  }

  void add_origin(std::size_t number) {
    const OriginPlan& plan = scenario_.origins[number];
    sim::OriginSpec spec;
    spec.host = plan.host;
    spec.port = plan.port;
    spec.tls = plan.tls;
    spec.addresses = plan.addresses;
    spec.name = plan.name;
    spec.certificate = plan.certificate;
    if (plan.tls12) spec.newest_tls = TlsVersion::tls1_2;
    spec.early_data = scenario_.sends_early_data();
    spec.refuses_early_data = scenario_.sends_early_data() ? 300 : 0;
    const sim::Responder responder = [this, number](const sim::HttpRequest& request) {
      return respond(number, request);
    };
    spec.accept = plan.mux ? mux_origin(scenario_, *plan.mux, plan.options.keep_alive, oracles_, responder)
                           : sim::http_origin(responder, plan.options);
    if (plan.certificate != sim::Certificate::good)
      spec.accept = [this](std::uint64_t) { return std::make_unique<Impostor>(oracles_); };
    world_.add_origin(std::move(spec));
  }

  sim::HttpReply respond(std::size_t origin, const sim::HttpRequest& request) {
    const Served served = oracles_.on_request(origin, request);
    sim::HttpReply reply;
    if (!served.seen) return reply;
    const TransferPlan& transfer = served.answer ? served.answer->plan : *served.seen->plan;
    const ReplyPlan& plan = transfer.reply;
    const std::string number = std::to_string(transfer.number);
    reply.status = plan.status;
    reply.fields = {{"X-Number", number}, {"X-Last", "last of " + number}};
    reply.body =
        served.answer ? served.answer->body : body_of(scenario_.seed, transfer.number, Direction::reply, plan.bytes);
    if (Oracles::is_coded(transfer)) {
      reply.body = test::stored_gzip(reply.body);
      reply.fields.emplace_back("Content-Encoding", "gzip");
    }
    if (transfer.cookies) {
      const std::string path = served.answer ? "; Path=/" : "";
      reply.fields.emplace_back("Set-Cookie", "of=" + host_of(scenario_.origins[origin], transfer) + path);
    }
    if (served.answer)
      reply.fields.insert(reply.fields.end(), served.answer->fields.begin(), served.answer->fields.end());
    reply.framing = plan.framing;
    reply.chunk_bytes = plan.chunk_bytes;
    if (plan.trailers) reply.trailers = {{"X-Trailer", number}};
    reply.interims = plan.interims;
    reply.interim_fields = {{"X-Interim", number}};
    reply.delay = plan.delay;
    reply.early = plan.early;
    reply.begins_early = plan.begins_early;
    reply.close = plan.close;
    reply.http10 = plan.http10;
    reply.keep_alive = plan.keep_alive;
    reply.one_write = plan.one_write;
    reply.origin_fault = plan.origin_fault;
    reply.oddity = plan.oddity;
    return reply;
  }

  // ---- doing what the plans say ----

  RequestBody body_of_request(const Seen& seen) const {
    switch (seen.plan->upload.kind) {
      case UploadPlan::Kind::none:
        return {};
      case UploadPlan::Kind::owned:
        return BodyOwned{seen.upload};
      case UploadPlan::Kind::view:
        return BodyView{as_bytes(seen.upload)};
      case UploadPlan::Kind::stream:
        return BodyStream{.rewindable = seen.plan->upload.rewindable};
      case UploadPlan::Kind::stream_with_length:
        return BodyStream{.length = seen.upload.size(), .rewindable = seen.plan->upload.rewindable};
    }
    return {};
  }

  bool needs_tls(const Seen& seen) const {
    if (!seen.chain) return scenario_.origins[seen.plan->origin].tls;
    return std::ranges::any_of(seen.chain->stages,
                               [&](const Stage& stage) { return scenario_.origins[stage.plan.origin].tls; });
  }

  TransferOptions options_of(const Seen& seen) {
    const TransferPlan& plan = *seen.plan;
    const OriginPlan& origin = scenario_.origins[plan.origin];
    TransferOptions options;
    options.http_versions = HttpVersions::http1_1;  // the oracles count its bytes and connections; see http2/
    if (needs_tls(seen)) options.tls = plan.other_tls ? other_tls() : usual_tls();
    if (plan.connect_to) options.connect_to = ConnectTo{alias_of(origin, plan), origin.port};
    options.family = plan.family;
    if (plan.route) options.route = routes_[*plan.route];
    options.connect_timeout = plan.connect_timeout;
    options.total_timeout = plan.total_timeout;
    options.idle_timeout = plan.idle_timeout;
    options.max_body_bytes = plan.max_body_bytes;
    options.fresh_connection = plan.fresh;
    options.forbid_reuse = plan.no_reuse;
    if (Oracles::is_coded(seen.chain ? seen.chain->stages.back().plan : plan)) options.decoding.emplace();
    if (plan.cookies) options.cookies = jar_;
    options.redirects = plan.follows;
    if (plan.login) options.credentials = credentials_of(plan);
    if (plan.retries) {
      options.retries = plan.retries->options;
      options.resend = plan.retries->resends;
    }
    return options;
  }

  std::shared_ptr<const TlsConfig> usual_tls() {
    if (!scenario_.sends_early_data()) return world_.tls();
    if (usual_tls_) return usual_tls_;
    TlsOptions options = world_.tls()->options();
    options.early_data = true;
    auto made = TlsConfig::create(std::move(options));
    SLUICE_CHECK(made.has_value());
    return usual_tls_ = std::move(*made);
  }

  // A second configuration: it trusts the same authority, without resumption.
  std::shared_ptr<const TlsConfig> other_tls() {
    if (other_tls_) return other_tls_;
    TlsOptions options = world_.tls()->options();
    options.session_resumption = false;
    auto made = TlsConfig::create(std::move(options));
    SLUICE_CHECK(made.has_value());
    return other_tls_ = std::move(*made);
  }

  // Fields that tell what reaches which origin.
  static bool add_own_fields(Fields& fields, const TransferPlan& plan) {
    const std::string number = std::to_string(plan.number);
    bool fits = fields.add("Accept", "text/" + number).has_value();
    if (plan.upload.kind != UploadPlan::Kind::none)
      fits = fits && fields.add("Content-Type", "text/" + number).has_value();
    if (!plan.secrets) return fits;
    if (!plan.login) fits = fits && fields.add("Authorization", "Bearer of-" + number).has_value();
    return fits && fields.add("X-Secret", "of " + number) && fields.add("Cookie", "own=" + number);
  }

  // The URL of the first request.
  std::string first_url_of(const TransferPlan& plan) const {
    std::string url = url_of(scenario_.origins[plan.origin], plan, 0);
    if (!plan.login || !plan.login->in_url) return url;
    const std::string user =
        percent_encode(user_of(plan.origin)) + ':' + percent_encode(password_for(plan, plan.origin));
    return url.insert(url.find("//") + 2, user + '@');
  }

  static std::shared_ptr<const Credentials> credentials_of(const TransferPlan& plan) {
    Credentials credentials;
    credentials.schemes = plan.login->schemes;
    if (!plan.login->in_url) {
      credentials.user = user_of(plan.origin);
      credentials.password = password_for(plan, plan.origin);
    }
    return std::make_shared<const Credentials>(std::move(credentials));
  }

  void add(Seen& seen) {
    const TransferPlan& plan = *seen.plan;
    const std::string number = std::to_string(plan.number);
    Request request;
    request.method = plan.method;
    if (auto url = Url::parse(first_url_of(plan))) request.url = std::move(*url);
    bool fits = request.fields.add("X-Number", number).has_value();
    if (seen.chain) fits = fits && add_own_fields(request.fields, plan);
    if (plan.filler > 0) fits = fits && request.fields.add("X-Filler", std::string(plan.filler, 'f')).has_value();
    if (plan.upload.expects_continue) fits = fits && request.fields.add("Expect", "100-continue").has_value();
    SLUICE_CHECK(fits);
    request.body = body_of_request(seen);
    auto id = engine().add(std::move(request), options_of(seen), now());
    if (!id) return oracles_.report("refused", "transfer " + number + ": " + id.error().message());
    world_.note("added " + number);
    oracles_.added(seen, *id);
    if (plan.cancel.when == CancelPlan::When::time) world_.after(plan.cancel.after, [this, &seen] { cancel(seen); });
  }

  void remove(Seen& seen) {
    if (!seen.added || seen.removed) return;
    world_.note("removes " + std::to_string(seen.plan->number));
    oracles_.removing(seen);
    engine().remove(seen.id, now());
    if (seen.plan->stale_calls)
      world_.after(std::chrono::milliseconds(seen.plan->number % 5 * 7), [this, &seen] { lose_count(seen); });
  }

  void cancel(const Seen& seen) {
    if (Seen* victim = oracles_.find(seen.plan->cancel.victim)) remove(*victim);
  }
  void cancel_at(const Seen& seen, CancelPlan::When when) {
    if (seen.plan->cancel.when == when) cancel(seen);
  }

  // Calls about a transfer that is gone, as from a careless application.
  void lose_count(const Seen& seen) {
    const bool nothing = !engine().contains(seen.id) && engine().body(seen.id).empty() &&
                         engine().upload_space(seen.id).empty() && engine().head(seen.id).status == 0 &&
                         !engine().is_done(seen.id);
    if (!nothing)
      oracles_.report("stale ids", "transfer " + std::to_string(seen.plan->number) + " was removed, and answers");
    engine().consume_body(seen.id, 0, now());
    engine().commit_upload(seen.id, 0, now());
    engine().finish_upload(seen.id, now());
    engine().fail_upload(seen.id, "said too late", now());
    engine().remove(seen.id, now());
  }

  void on_done(Seen& seen) {
    cancel_at(seen, CancelPlan::When::done);
    const bool is_looked_at = scenario_.on.has(Feature::peeks) && !seen.succeeded;
    if (!seen.plan->kept && !is_looked_at) remove(seen);
    if (ending_) return;
    for (Seen& other : oracles_.transfers()) {
      if (other.plan->behind == seen.plan->number) add(other);
    }
  }

  void take(Seen& seen) {
    const ReadPlan& plan = seen.plan->read;
    while (!seen.removed && !seen.reads_later && !seen.paused) {
      const Bytes body = engine().body(seen.id);
      if (body.empty()) return;
      std::size_t count = std::min(body.size(), plan.most);
      if (plan.pauses_at && !seen.has_paused) {
        if (seen.taken >= *plan.pauses_at) return pause(seen);
        count = std::min(count, *plan.pauses_at - seen.taken);
      }
      oracles_.take(seen, body.first(count));
      oracles_.acted(seen);
      engine().consume_body(seen.id, count, now());
      oracles_.took(seen);
      if (plan.most == SIZE_MAX || plan.every == Duration::zero()) continue;
      seen.reads_later = true;
      world_.after(plan.every, [this, &seen] {
        seen.reads_later = false;
        take(seen);
      });
    }
  }

  // Looks again and again at everything that was not consumed, also of failed transfers.
  void peek() {
    for (const Seen& seen : oracles_.transfers()) {
      if (!seen.added || seen.removed) continue;
      if (const Bytes body = engine().body(seen.id); !body.empty()) oracles_.look(seen, body);
    }
  }

  void pause(Seen& seen) {
    seen.paused = seen.has_paused = true;
    if (!seen.plan->read.pause) return;
    world_.after(*seen.plan->read.pause, [this, &seen] {
      seen.paused = false;
      take(seen);
    });
  }

  void supply(Seen& seen) {
    const UploadPlan& plan = seen.plan->upload;
    if (!plan.is_stream()) return;  // after a redirect
    while (!seen.removed && !seen.done && !seen.gives_later) {
      if (plan.breaks_at && seen.committed >= *plan.breaks_at) return break_source(seen);
      oracles_.acted(seen);
      if (seen.committed == plan.bytes) return engine().finish_upload(seen.id, now());
      const MutableBytes space = engine().upload_space(seen.id);
      const std::size_t end = std::min(plan.bytes, plan.breaks_at.value_or(plan.bytes));
      const std::size_t count = std::min({space.size(), plan.most, end - seen.committed});
      if (count == 0) return;
      std::memcpy(space.data(), seen.upload.data() + seen.committed, count);
      seen.committed += count;
      engine().commit_upload(seen.id, count, now());
      if (plan.every == Duration::zero()) continue;
      seen.gives_later = true;
      world_.after(plan.every, [this, &seen] {
        seen.gives_later = false;
        supply(seen);
      });
    }
  }

  // By fail_upload(), or by finishing before the declared length.
  void break_source(Seen& seen) {
    seen.source_failed = true;
    const bool too_short =
        seen.plan->upload.kind == UploadPlan::Kind::stream_with_length && seen.committed < seen.plan->upload.bytes;
    if (too_short && seen.plan->number % 2 == 0) {
      engine().finish_upload(seen.id, now());
    } else {
      engine().fail_upload(seen.id, "the source broke", now());
    }
  }

  const Scenario& scenario_;
  const std::function<void(const std::string&)>& each_line_;
  std::size_t shown_ = 0;
  bool ending_ = false;
  std::uint32_t calls_ = 0;
  Oracles oracles_;
  sim::World world_;
  std::vector<std::shared_ptr<Route>> routes_;
  std::shared_ptr<const TlsConfig> usual_tls_, other_tls_;
  const std::shared_ptr<CookieJar> jar_ = CookieJar::create();
};

}  // namespace

RunResult run(const Scenario& scenario, const std::function<void(const std::string&)>& each_line) {
  return Run(scenario, each_line).go();
}

}  // namespace sluice::simtest
