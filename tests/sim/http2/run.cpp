// See run.hpp. The client, and what must be true of it.
#include "tests/sim/http2/run.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/cookies.hpp"
#include "core/features.hpp"
#include "tests/sim/http2/book.hpp"
#include "tests/sim/http2/causes.hpp"
#include "tests/sim/http2/plan.hpp"
#include "tests/sim/mode_run.hpp"

namespace sluice::simtest {
namespace http2 {
namespace {

class Http2Run final : public ModeRun {
 public:
  Http2Run(std::uint64_t seed, const std::function<void(const std::string&)>& each_line)
      : ModeRun(each_line),
        plan_(draw_plan(seed)),
        book_(plan_,
              [this](std::string oracle, std::string message) { report(std::move(oracle), std::move(message)); }),
        world_(world_options()) {
    for (std::size_t i = 0; i < plan_.origins.size(); ++i) add_origin(i);
    for (Account& account : book_.accounts()) world_.after(account.plan->start, [this, &account] { begin(account); });
  }

  void on_output(sim::World&, const Output& output) override {
    if (const auto* interim = std::get_if<output::InterimReady>(&output)) {
      if (Account* account = find(interim->transfer); account && interim->head.status == 103) ++account->interims;
    }
    if (const auto* body = std::get_if<output::BodyReady>(&output)) {
      if (Account* account = find(body->transfer)) take(*account);
    }
    if (const auto* ready = std::get_if<output::UploadReady>(&output)) {
      if (Account* account = find(ready->transfer)) give(*account);
    }
    if (const auto* rewind = std::get_if<output::UploadRewind>(&output)) {
      if (Account* account = find(rewind->transfer)) begin_again(*account);
    }
    if (const auto* done = std::get_if<output::Done>(&output)) {
      if (Account* account = find(done->transfer)) on_done(*account, done->result);
    }
  }

 private:
  sim::WorldOptions world_options() {
    sim::WorldOptions made = options(plan_.seed);
    made.weather = plan_.weather;
    made.engine.max_connections_per_origin = plan_.max_connections_per_origin;
    made.engine.max_connection_uses = plan_.max_connection_uses;
    made.engine.http2_ping_interval = plan_.ping_interval;
    made.engine.coalesce_connections = plan_.coalesces;
    return made;
  }
  sim::World& world() override { return world_; }
  Account* find(TransferId id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }
  std::shared_ptr<const TlsConfig> modern_tls() {
    if (!modern_) modern_ = world_.tls({.min_version = TlsVersion::tls1_3});
    return modern_;
  }

  // One for all origins; each has two cookies there.
  std::shared_ptr<CookieJar> make_jar() {
    std::shared_ptr<CookieJar> jar = CookieJar::create();
    for (std::size_t i = 0; i < plan_.origins.size(); ++i) {
      for (const char* name : {"short", "long"}) {
        Cookie cookie{.name = name,
                      .value = std::string(*name == 's' ? 2 : 30, 'j'),
                      .domain = host_of(i, 0),
                      .host_only = false};
        SLUICE_CHECK(jar->add(std::move(cookie), world_.now()).has_value());
      }
    }
    return jar;
  }

  static std::string joined(const std::vector<std::string>& cookies) {
    std::string all;
    for (const std::string& cookie : cookies) all += (all.empty() ? "" : "; ") + cookie;
    return all;
  }

  // RFC 6265 5.4, with those of the application after those of the jar.
  std::string cookies_of(const FieldsPlan& plan, const Url& url) {
    std::vector<std::string> all = plan.cookies;
    if (plan.has_jar) all.insert(all.begin(), jar_->header_for(url, world_.now()));
    return joined(all);
  }

  void add_origin(std::size_t number) {
    const OriginPlan& plan = plan_.origins[number];
    std::vector<sim::OtherHost> others;
    for (const HostPlan& other : plan.others)
      others.push_back({.host = host_of(number, others.size() + 1), .is_apart = other.is_apart});
    world_.add_origin({.host = host_of(number, 0),
                       .port = static_cast<std::uint16_t>(plan.tls ? 443 : 80),
                       .accept = book_.origin(number),
                       .tls = plan.tls,
                       .http2 = plan.http2,
                       .others = std::move(others)});
  }

  // ---- the client ----

  void begin(Account& account) {
    const TransferPlan& plan = *account.plan;
    const bool tls = plan_.origins[plan.origin].tls;
    const std::string url = (tls ? "https://" : "http://") + host_of(plan) + "/" + std::to_string(account.number);
    Request request(plan.method, Url::parse(url).value());
    SLUICE_CHECK(request.fields.add("X-Transfer", std::to_string(account.number)).has_value());
    account.cookies = cookies_of(plan.fields, request.url);
    if (!plan.fields.cookies.empty())
      SLUICE_CHECK(request.fields.add("Cookie", joined(plan.fields.cookies)).has_value());
    if (plan.upload.expects_continue) SLUICE_CHECK(request.fields.add("Expect", "100-continue").has_value());
    if (plan.upload.kind == UploadPlan::Kind::owned) request.body = BodyOwned{book_.upload_body(account)};
    if (plan.upload.kind == UploadPlan::Kind::streamed) {
      BodyStream stream;
      if (plan.upload.says_length) stream.length = plan.upload.bytes;
      stream.rewindable = plan.upload.rewindable;
      request.body = stream;
    }
    TransferOptions options;
    options.http_versions = plan.versions;
    if (tls) options.tls = plan.is_modern ? modern_tls() : world_.tls();
    options.total_timeout = kTotalTimeout;
    options.priority = plan.fields.priority;
    if (plan.fields.has_jar) options.cookies = jar_;
    if (plan.reply.redirect) options.redirects = RedirectOptions{};
    auto id = world_.engine().add(std::move(request), options, world_.now());
    SLUICE_CHECK(id.has_value());
    account.id = *id;
    account.begun = true;
    account.begun_at = world_.now().steady;
    by_id_[*id] = &account;
    world_.note("transfer " + std::to_string(account.number) + " begins");
    if (plan.fields.later) {
      world_.after(plan.fields.later_at, [this, &account] {
        if (account.ended) return;
        account.reprioritized_at = world_.now().steady;
        world_.engine().set_priority(account.id, *account.plan->fields.later, world_.now());
      });
    }
    if (plan.cancel) {
      world_.after(*plan.cancel, [this, &account] {
        if (!account.ended) world_.engine().cancel(account.id, world_.now());
      });
    }
  }

  void take(Account& account) {
    const TransferPlan& plan = *account.plan;
    while (!account.paused && !account.ended) {
      Bytes body = world_.engine().body(account.id);
      if (body.empty()) return;
      if (plan.pauses_at && !account.pause_over) {
        const std::size_t left = *plan.pauses_at - std::min(*plan.pauses_at, account.body.size());
        if (left == 0) return pause(account);
        body = body.first(std::min(left, body.size()));
      }
      account.body += as_text(body);
      world_.engine().consume_body(account.id, body.size(), world_.now());
    }
  }

  void pause(Account& account) {
    account.paused = true;
    world_.after(account.plan->pause, [this, &account] {
      account.paused = false;
      account.pause_over = true;
      if (account.ended) return;
      check_neighbours(account);
      take(account);
    });
  }

  void give(Account& account) {
    if (account.plan->upload.kind != UploadPlan::Kind::streamed || account.upload_waits) return;
    const std::string all = book_.upload_body(account);
    const bool waits = account.plan->upload.pause > Duration::zero() && !account.upload_waited;
    const std::size_t end = waits ? all.size() / 2 : all.size();
    while (account.given < end) {
      const MutableBytes space = world_.engine().upload_space(account.id);
      if (space.empty()) return;
      const std::size_t count = std::min(space.size(), end - account.given);
      std::copy_n(as_bytes(all).begin() + static_cast<std::ptrdiff_t>(account.given), count, space.begin());
      account.given += count;
      world_.engine().commit_upload(account.id, count, world_.now());
    }
    if (!waits) return finish(account);
    account.upload_waits = account.upload_waited = true;
    world_.after(account.plan->upload.pause, [this, &account] {
      account.upload_waits = false;
      if (!account.ended) give(account);
    });
  }

  void finish(const Account& account) {
    if (account.plan->upload.trailers == 0) return world_.engine().finish_upload(account.id, world_.now());
    Fields trailers;
    for (const auto& [name, value] : book_.upload_trailers(account))
      SLUICE_CHECK(trailers.add(name, value).has_value());
    world_.engine().finish_upload(account.id, std::move(trailers), world_.now());
  }

  void begin_again(Account& account) {
    account.given = 0;
    world_.engine().rewind_upload(account.id, world_.now());
  }

  // ---- what must be true ----

  void on_done(Account& account, const Result<void>& result) {
    world_.note(name_of(account) + ": " + (result ? "done" : result.error().message()));
    account.ended = true;
    account.ended_at = world_.now().steady;
    const TransferInfo info = world_.engine().info(account.id);
    if (result) {
      judge_success(account, info);
    } else {
      judge_failure(account, info, result.error());
    }
    by_id_.erase(account.id);
    world_.engine().remove(account.id, world_.now());
  }

  void judge_success(const Account& account, const TransferInfo& info) {
    const TransferPlan& plan = *account.plan;
    const ResponseHead& head = world_.engine().head(account.id);
    const bool over_http2 = head.version.major == 2;
    const std::string body = has_reply_body(plan) ? book_.reply_body(account) : "";
    const auto wrong = [&](const std::string& what) { report("a response is whole", name_of(account) + ": " + what); };
    if (account.faulty && over_http2 && is_never_good(plan.reply.http2.fault))
      report("a wrong response is never taken",
             name_of(account) + ": " + std::string(to_string(plan.reply.http2.fault)));
    if (account.was_misdirected && head.status == 421) {
      const bool again = plan.upload.kind != UploadPlan::Kind::streamed || plan.upload.rewindable;
      if (again) wrong("a 421 that could be sent again");
      return;
    }
    if (account.body != body) wrong(std::to_string(account.body.size()) + " bytes");
    if (head.status != plan.reply.status) wrong("status " + std::to_string(head.status));
    if (head.fields.find("x-number").value_or("") != std::to_string(account.number)) wrong("another's head");
    if (!plan.reply.says_length && head.fields.contains("content-length")) wrong("a length that nobody said");
    judge_version(account, info, over_http2);
    if (info.retries == 0) check_wait(account);
    if (plan.reply.http2.fault == sim::Http2Fault::data_after_end || plan.reply.http2.fault == sim::Http2Fault::overrun)
      return;
    if (account.interims != plan.reply.interims) wrong(std::to_string(account.interims) + " interim responses");
    const bool has_trailers = has_reply_body(plan) && (over_http2 || !plan.reply.says_length);
    if (world_.engine().trailers(account.id).size() != (has_trailers ? plan.reply.trailers : 0)) wrong("trailers");
  }

  void judge_version(const Account& account, const TransferInfo& info, bool over_http2) {
    const HttpVersions versions = account.plan->versions;
    const OriginPlan& origin = plan_.origins[account.plan->origin];
    const bool only_http1 = versions == HttpVersions::http1_1 || (versions == HttpVersions::any && !origin.tls);
    const bool only_http2 = versions == HttpVersions::at_least_http2 || versions == HttpVersions::http2_prior_knowledge;
    const bool is_wrong = (only_http1 && over_http2) || (only_http2 && !over_http2) ||
                          (versions == HttpVersions::any && origin.tls && origin.http2 == 1000 && !over_http2 &&
                           !book_.has_asked_for_http1(account.plan->origin)) ||
                          (info.stream_id != 0) != over_http2;
    if (is_wrong) report("the version is as asked", name_of(account) + ": stream " + std::to_string(info.stream_id));
    if (over_http2 && info.stream_id % 2 == 0) report("the version is as asked", name_of(account) + ": an even stream");
  }

  void judge_failure(const Account& account, const TransferInfo& info, const Error& error) {
    if (error.retry_safe && !is_idempotent(account.plan->method) && account.processed > 0)
      report("what may be sent again", name_of(account) + " may not: " + error.message());
    const bool good = has_cause(error, plan_, account, world_, info);
    const bool is_allowed = !plan_.faultless || account.plan->cancel || may_fail(account);
    if (good && is_allowed) return;
    report("cause of " + std::string(to_string(error.code)), name_of(account) + ": " + error.message());
  }

  // Without any fault: the version may not be there, a GOAWAY and limits may refuse it too often.
  bool may_fail(const Account& account) const {
    const OriginPlan& origin = plan_.origins[account.plan->origin];
    return (origin.tls && origin.http2 < 1000) || origin.options.goes_away_after || origin.options.keep_alive ||
           account.refusals > 0 || !origin.options.changes.empty() || origin.options.max_streams < 100 ||
           origin.options.window_step < 50;
  }

  // Where nothing else can hold it up, a transfer that was not paused has ended when a long pause of another is over.
  void check_neighbours(const Account& paused) {
    const Duration enough = std::chrono::seconds(60) + longest_wait(plan_);
    const OriginPlan& origin = plan_.origins[paused.plan->origin];
    const bool clear = plan_.faultless && plan_.max_connections_per_origin == 0 && origin.options.changes.empty() &&
                       origin.options.max_streams >= plan_.transfers.size() && !plan_.weather.late_reads;
    if (!clear || paused.plan->pause < enough) return;
    for (const Account& other : book_.accounts()) {
      if (other.plan->origin != paused.plan->origin || other.plan->pauses_at || other.ended || !other.begun) continue;
      if (world_.now().steady - other.begun_at > enough)
        report("a paused transfer stops no other", name_of(other) + " waits for " + name_of(paused));
    }
  }

  void after_step() override {
    if (const auto& faults = world_.faults(); faults.contains("bad request")) {
      std::string all;
      for (const auto& [fault, count] : faults) all += ' ' + fault + ',';
      return report("the client breaks no rule", "faults of the run:" + all);
    }
    check_memory();
  }

  // What is kept for a peer is under its cap: bytes that have come and were not consumed, of each exchange and of each
  // connection, and bytes that wait to be sent.
  void check_memory() {
    using namespace sluice::limits;
    constexpr std::size_t kHead = 512, kAnswers = 32 * 1024;  // of a request; of all frames that are not of requests
    struct Held {
      std::size_t exchanges = 0, unconsumed = 0;
    };
    std::map<ConnId, Held> conns;
    for (const auto& [id, account] : by_id_) {
      const TransferInfo& info = world_.engine().info(id);
      const std::size_t come = world_.engine().progress(id).received_body_bytes, taken = account->body.size();
      // What is not consumed is no reason for a larger window.
      const std::size_t most = taken >= kStreamWindowBytes / 2 ? kMaxStreamWindowBytes : kStreamWindowBytes;
      if (come > taken + most) report("memory", name_of(*account) + " has " + std::to_string(come) + " bytes");
      if (info.stream_id == 0) continue;  // over HTTP/1 a body is sent from where it is
      Held& held = conns[info.conn];
      ++held.exchanges;
      held.unconsumed += come - std::min(come, taken);
    }
    const std::size_t most = kWireOutBytes + kTlsRecordBytes + kAnswers + kHead * plan_.transfers.size();
    for (const auto& [conn, held] : conns) {
      const std::size_t waits = world_.engine().transmit(conn).size_bytes();
      if (waits > most) report("memory", std::to_string(waits) + " bytes wait to be sent on a connection");
      if (held.unconsumed > held.exchanges * kStreamWindowBytes + kMaxGrownBytes)
        report("memory", std::to_string(held.unconsumed) + " bytes have come on a connection");
    }
  }

  void check_end() override {
    for (const Account& account : book_.accounts()) {
      if (!account.ended) report("unfinished", name_of(account) + " has not ended");
    }
    for (std::size_t i = 0; i < plan_.origins.size(); ++i) check_sharing(i);
  }

  // Of an origin that has room for all, one connection carries all that may share it.
  void check_sharing(std::size_t number) {
    const OriginPlan& origin = plan_.origins[number];
    const sim::Http2OriginOptions& options = origin.options;
    const bool over_http2 = !origin.tls || origin.http2 == 1000;
    // Many small updates of windows look like a flood.
    const bool clear = plan_.faultless && over_http2 && plan_.max_connection_uses == 0 && options.changes.empty() &&
                       options.max_streams >= plan_.transfers.size() && !options.goes_away_after &&
                       !options.keep_alive && options.window_step >= 50;
    if (!clear) return;
    std::set<std::tuple<HttpVersions, std::size_t, bool>> shared;
    std::ptrdiff_t alone = 0;
    for (const TransferPlan& transfer : plan_.transfers) {
      if (transfer.origin != number) continue;
      if (transfer.versions == HttpVersions::http1_1) {
        alone += 2;  // one may be made for it and not be needed
      } else {
        shared.insert({transfer.versions, transfer.host, transfer.is_modern && origin.tls});
      }
    }
    const auto made = std::ranges::count_if(world_.connects(),
                                            [&](const sim::ConnectRecord& record) { return record.origin == number; });
    if (made > std::ssize(shared) + alone)
      report("transfers share a connection", std::to_string(made) + " to origin " + std::to_string(number));
    if (alone == 0) check_kept(number);
  }

  // Nothing but its long idleness ends a connection there.
  void check_kept(std::size_t number) {
    const Duration least = EngineOptions().idle_connection_timeout;
    for (const sim::ConnectRecord& record : world_.connects()) {
      if (record.origin != number || !record.connected || !record.over) continue;
      if (*record.over - *record.connected < least) report("a good connection is kept", "one was closed");
    }
  }

  // At a server without HTTP/2 every transfer makes a connection as soon as that is known.
  void check_wait(const Account& account) {
    constexpr Duration kLong = std::chrono::seconds(3);
    const OriginPlan& origin = plan_.origins[account.plan->origin];
    const bool clear = plan_.faultless && origin.tls && origin.http2 == 0 && plan_.max_connections_per_origin == 0 &&
                       plan_.weather.max_piece > 200 && plan_.weather.max_send > 200 && plan_.weather.late_reads == 0;
    const Progress& progress = world_.engine().progress(account.id);
    if (clear && progress.connected && *progress.connected - progress.queued > kLong)
      report("over HTTP/1 no transfer waits for another", name_of(account) + " does");
  }

  const Plan plan_;
  Book book_;
  std::map<TransferId, Account*> by_id_;
  sim::World world_;
  std::shared_ptr<const TlsConfig> modern_;
  const std::shared_ptr<CookieJar> jar_ = make_jar();
};

}  // namespace
}  // namespace http2

RunResult run_http2_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line) {
  if (!features().http2 || !sim::has_http2_origin()) return {};
  return http2::Http2Run(seed, each_line).go();
}

std::string describe_http2_seed(std::uint64_t seed) { return http2::describe(http2::draw_plan(seed)); }

}  // namespace sluice::simtest
