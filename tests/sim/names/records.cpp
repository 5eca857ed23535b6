// See records.hpp.
#include "tests/sim/names/records.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/random.hpp"
#include "core/engine.hpp"
#include "tests/sim/names/plan.hpp"

namespace sluice::simtest::names {
namespace {

using std::chrono::milliseconds;

constexpr std::uint16_t kOtherPort = 20'000;  // what a record's port is more than the URL's
constexpr int kServiceHost = 9;               // of the addresses of other names
constexpr std::string_view kService = "svc.test";

EngineOptions options_with_records() {
  TlsOptions tls;
  tls.verify_peer = false;
  auto config = TlsConfig::create(std::move(tls));
  SLUICE_CHECK(config.has_value());
  EngineOptions options;
  options.default_tls = *std::move(config);
  options.https_records = true;
  options.name_cache.ttl = Duration::zero();
  return options;
}

class RecordsRun {
 public:
  RecordsRun(std::uint64_t seed, const std::function<void(const std::string&)>& each_line)
      : random_(Seed{seed ^ 0x7265'636f'7264'7300u}), each_line_(each_line), engine_(options_with_records()) {}

  RunResult go() {
    for (int i = 0; i < 150 && !finding_; ++i) step();
    for (int i = 0; i < 10'000 && !finding_ && !running_.empty(); ++i) calm_down();
    if (!running_.empty()) report("records-end", "a transfer does not end");
    return {finding_, hash_, steps_};
  }

 private:
  struct Question {
    ResolveId id;
    std::uint16_t port = 0;  // of the transfer that asks for its own name; 0: for the service
  };
  struct Attempt {
    ConnId conn;
    std::uint16_t port = 0;  // of the transfer
  };
  // What is known of one transfer. `its` is what its record says, drawn when it is added.
  struct Its {
    TransferId id;
    int host = 0;
    HttpsRecord its;
    bool has_record = false;
    std::vector<IpAddress> own, service;
    bool own_over = false, service_over = false;
    bool chosen = false, fallen = false;
    bool connected = false;
    bool waits = false;                      // records may still come
    std::optional<Instant> first_addresses;  // when they came
    std::set<std::pair<std::uint16_t, std::string>> tried;
    std::size_t attempts = 0;  // that run
    int questions = 0;         // for its own name
  };

  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }
  void report(std::string oracle, std::string message) {
    if (!finding_) finding_ = Finding{std::move(oracle), std::move(message)};
  }
  void note(const std::string& line) {
    const std::string whole = std::to_string(now_.steady.time_since_epoch() / milliseconds(1)) + ' ' + line;
    for (const char c : whole) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3u;
    if (each_line_) each_line_(whole);
  }
  static std::string name_of(std::uint16_t port) { return "the transfer to port " + std::to_string(port); }

  // ---- what happens ----

  void step() {
    ++steps_;
    const std::uint64_t what = random_.below(8);
    if (what < 2) return add();
    if (what < 4 && !questions_.empty()) return answer(random_.below(questions_.size()), false);
    if (what < 6 && !attempts_.empty()) return end_attempt(random_.below(attempts_.size()), one_in(4));
    pass();
  }

  void calm_down() {
    ++steps_;
    if (!questions_.empty()) return answer(0, true);
    if (!attempts_.empty()) return end_attempt(0, true);
    if (const auto due = engine_.deadline()) wait_until(std::max(now_.steady, due->at));
  }

  std::vector<IpAddress> draw_addresses(int host, std::uint64_t least) {
    std::vector<IpAddress> drawn;
    const std::uint64_t count = least + random_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      IpAddress one = address_of(host, static_cast<int>(1 + random_.below(8)), one_in(2));
      if (std::ranges::find(drawn, one) == drawn.end()) drawn.push_back(std::move(one));
    }
    return drawn;
  }

  void add() {
    const std::uint16_t port = next_port_++;
    Its& its = running_[port];
    its.host = static_cast<int>(random_.below(3));
    its.has_record = !one_in(3);
    if (one_in(2)) its.its.port = static_cast<std::uint16_t>(port + kOtherPort);
    if (one_in(2)) its.its.target = kService;
    if (one_in(2)) its.its.hints = draw_addresses(its.its.target.empty() ? its.host : kServiceHost, 1);
    Request request;
    request.url = Url::parse("https://host" + std::to_string(its.host) + ".test:" + std::to_string(port) + "/").value();
    note("add " + std::to_string(port) + (its.has_record ? " with a record" : "") + ' ' + its.its.target);
    its.id = engine_.add(std::move(request), {}, now_).value();
    ports_[its.id] = port;
    drain();
  }

  void answer(std::size_t index, bool last) {
    const Question question = questions_[index];
    if (question.port == 0) return answer_service(index);
    const auto found = running_.find(question.port);
    SLUICE_CHECK(found != running_.end());
    Its& its = found->second;
    const bool is_part = !last && !one_in(3);
    const bool fails = !is_part && one_in(5);
    const bool has_records = its.has_record && !fails && (!is_part || one_in(2));
    Result<NameAnswer> answer;
    if (fails) {
      answer = std::unexpected(make_error(Code::resolve_failed, "resolve: SERVFAIL"));
    } else {
      answer->addresses = draw_addresses(its.host, 0);
      answer->more_to_come = is_part;
      answer->https_to_come = is_part && !has_records;
      if (has_records)
        answer->https = std::make_shared<const HttpsRecords>(HttpsRecords{.records = unusable_and(its.its)});
    }
    note("answer for " + std::to_string(question.port) + (fails ? ": none" : "") + (is_part ? ": a part" : "") +
         (has_records ? ", a record" : ""));
    take_answer(its, answer, is_part);
    if (!is_part) questions_.erase(questions_.begin() + static_cast<std::ptrdiff_t>(index));
    engine_.handle_resolved(question.id, std::move(answer), now_);
    drain();
    look(question.port);
  }

  // The record, after one that HTTP/1 cannot use.
  std::vector<HttpsRecord> unusable_and(const HttpsRecord& record) const {
    HttpsRecord other{.alpn = {"h3"}, .no_default_alpn = true, .port = std::uint16_t{1}};
    return {std::move(other), record};
  }

  void take_answer(Its& its, const Result<NameAnswer>& answer, bool is_part) {
    its.own_over = !is_part;
    its.waits = answer && answer->https_to_come;
    if (!answer) return;
    its.own.insert(its.own.end(), answer->addresses.begin(), answer->addresses.end());
    if (!answer->addresses.empty() && !its.first_addresses) its.first_addresses = now_.steady;
    if (answer->https && its.tried.empty() && !its.fallen) its.chosen = true;
  }

  // One answer for all that wait for it.
  void answer_service(std::size_t index) {
    const ResolveId id = questions_[index].id;
    questions_.erase(questions_.begin() + static_cast<std::ptrdiff_t>(index));
    Result<NameAnswer> answer = NameAnswer(draw_addresses(kServiceHost, 0));
    note("answer for the service: " + std::to_string(answer->addresses.size()));
    for (auto& [port, its] : running_) {
      if (!its.chosen || its.fallen || its.its.target.empty() || its.service_over) continue;
      its.service_over = true;
      its.service = answer->addresses;
    }
    engine_.handle_resolved(id, std::move(answer), now_);
    drain();
  }

  void end_attempt(std::size_t index, bool refuses) {
    const Attempt attempt = attempts_[index];
    attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(index));
    note((refuses ? "refused " : "connected ") + std::to_string(attempt.port));
    if (const auto its = running_.find(attempt.port); its != running_.end()) --its->second.attempts;
    if (!refuses) {
      if (const auto its = running_.find(attempt.port); its != running_.end()) its->second.connected = true;
      engine_.handle_connected(attempt.conn, now_);
      drain();
    }
    engine_.handle_io_error(attempt.conn, make_error(Code::connect_failed, "connection refused"), now_);
    drain();
  }

  void pass() {
    constexpr std::uint64_t kTimes[] = {1, 40, 60, 300, 5'000};
    wait_until(now_.steady + milliseconds(random_.below(kTimes[random_.below(5)] + 1)));
  }

  // Timers come in time.
  void wait_until(Instant until) {
    for (auto due = engine_.deadline(); due && due->at <= until; due = engine_.deadline()) {
      now_.steady = std::max(now_.steady, due->at);
      engine_.handle_timeout(now_);
      drain();
    }
    now_.steady = until;
    for (const auto& [port, its] : running_) look(port);
  }

  // ---- oracles ----

  // It must have begun by now, if it has where to go.
  void look(std::uint16_t port) {
    const auto found = running_.find(port);
    if (found == running_.end() || finding_) return;
    const Its& its = found->second;
    if (!its.tried.empty() || its.fallen) return;
    const bool has_time =
        its.waits && its.first_addresses && now_.steady >= *its.first_addresses + limits::kResolutionDelay;
    if (has_time && !its.chosen) report("records-bound", name_of(port) + " still waits for records");
    // While the rest of the host's own addresses may come, IPv6 is waited for, and hints are not used any more.
    const bool has_hints = !its.its.hints.empty();
    const bool has_place = !its.its.target.empty() ? has_hints || !its.service.empty()
                           : its.own.empty()       ? has_hints
                                                   : its.own_over;
    if (its.chosen && has_place) report("records-used", name_of(port) + " has a record, and does not use it");
  }

  // Before it goes to the host's own port, or asks for its name again. A connection that breaks in its handshake, as
  // all do here, ends the use of the record at once.
  void fall(Its& its, std::uint16_t port) {
    if (!its.chosen || its.fallen) return;
    its.fallen = true;
    const bool has_target = !its.its.target.empty();
    const std::vector<IpAddress>& known = has_target ? its.service : its.own;
    const bool is_over = (has_target ? its.service_over : its.own_over) && its.attempts == 0;
    const std::uint16_t where = its.its.port.value_or(port);
    const bool all = std::ranges::all_of(known.empty() ? its.its.hints : known, [&](const IpAddress& one) {
      return its.tried.contains({where, one.to_string()}) || !has_target;
    });
    if (!its.connected && (!is_over || !all))
      report("records-fall", name_of(port) + " does not do what its record says, which may be possible");
  }

  void check_connect(Its& its, std::uint16_t port, const Address& to) {
    const std::uint16_t where = its.its.port.value_or(port);
    const bool has_target = !its.its.target.empty();
    const auto is_one = [&](const std::vector<IpAddress>& all) { return std::ranges::find(all, to.ip) != all.end(); };
    const bool at_record = to.port == where && (has_target ? is_one(its.service) || is_one(its.its.hints)
                                                           : is_one(its.own) || is_one(its.its.hints));
    if (!its.chosen && its.waits && its.first_addresses &&
        now_.steady < *its.first_addresses + limits::kResolutionDelay)
      report("records-wait", name_of(port) + " does not wait for its records");
    if (its.connected) fall(its, port);
    if (its.chosen && !its.fallen && at_record) {
      if (!its.tried.insert({to.port, to.ip.to_string()}).second)
        report("records-used", name_of(port) + " tries " + to.to_string() + " twice");
      return;
    }
    fall(its, port);
    its.tried.insert({to.port, to.ip.to_string()});
    if (to.port != port || !is_one(its.own))
      report("records-used", name_of(port) + " goes to " + to.to_string() + ", which nothing says");
  }

  void ended(std::uint16_t port, const Result<void>& result) {
    const Its& its = running_.at(port);
    if (result) report("records-end", name_of(port) + " succeeds");
    if (its.attempts > 0 && !result && result.error().code == Code::connect_failed)
      report("records-end", name_of(port) + " fails while an attempt runs");
    if (!result && result.error().code == Code::connect_failed && its.chosen && !its.fallen && !its.connected)
      report("records-fall", name_of(port) + " cannot do what its record says, and does nothing else");
    const bool has_place = !its.own.empty();
    if (!result && result.error().code == Code::resolve_failed && has_place && its.own_over && its.tried.empty() &&
        !its.fallen)
      report("records-end", name_of(port) + " says that it has no address");
  }

  // ---- outputs ----

  void drain() {
    while (const auto out = engine_.poll_output()) take(*out);
    engine_.check_invariants();
  }

  void take(const Output& out) {
    if (const auto* asked = std::get_if<output::Resolve>(&out)) {
      note("resolve " + asked->host + ' ' + std::to_string(asked->https_port));
      questions_.push_back({asked->id, asked->https_port});
      const auto its = running_.find(asked->https_port);
      if (its == running_.end()) return;
      if (++its->second.questions > 1) fall(its->second, its->first);
    } else if (const auto* canceled = std::get_if<output::CancelResolve>(&out)) {
      std::erase_if(questions_, [&](const Question& one) { return one.id == canceled->id; });
    } else if (const auto* begun = std::get_if<output::Connect>(&out)) {
      note("connect " + begun->address.to_string());
      const std::uint16_t its_port = port_for(begun->address.port);
      attempts_.push_back({begun->conn, its_port});
      const auto its = running_.find(its_port);
      if (its == running_.end()) return report("records-used", begun->address.to_string() + " is for nobody");
      check_connect(its->second, its_port, begun->address);
      ++its->second.attempts;
    } else if (const auto* closed = std::get_if<output::Close>(&out)) {
      std::erase_if(attempts_, [&](const Attempt& one) {
        if (one.conn != closed->conn) return false;
        if (const auto its = running_.find(one.port); its != running_.end()) --its->second.attempts;
        return true;
      });
    } else if (const auto* done = std::get_if<output::Done>(&out)) {
      const std::uint16_t port = ports_.at(done->transfer);
      note("done " + std::to_string(port) + (done->result ? "" : " " + done->result.error().message()));
      ended(port, done->result);
      running_.erase(port);
      std::erase_if(questions_, [&](const Question& one) { return one.port == port; });
      engine_.remove(done->transfer, now_);
    }
  }

  static std::uint16_t port_for(std::uint16_t port) {
    return port >= kOtherPort ? static_cast<std::uint16_t>(port - kOtherPort) : port;
  }

  Random random_;
  const std::function<void(const std::string&)>& each_line_;
  Engine engine_;
  Now now_{Instant(std::chrono::seconds(100)), 1'800'000'000};
  std::optional<Finding> finding_;
  std::map<std::uint16_t, Its> running_;  // by the port of the URL, which no other has
  std::map<TransferId, std::uint16_t> ports_;
  std::vector<Question> questions_;
  std::vector<Attempt> attempts_;
  std::uint16_t next_port_ = 1'000;
  std::uint64_t hash_ = 0xcbf2'9ce4'8422'2325u;
  std::uint64_t steps_ = 0;
};

}  // namespace

RunResult run_records_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line) {
  return RecordsRun(seed, each_line).go();
}

}  // namespace sluice::simtest::names
