// See run.hpp. The driver: draws what happens next, and passes facts and outputs between the engine and the oracles.
#include "tests/sim/names/run.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "core/base/check.hpp"
#include "core/base/random.hpp"
#include "core/engine.hpp"
#include "tests/sim/names/oracles.hpp"
#include "tests/sim/names/plan.hpp"
#include "tests/sim/names/records.hpp"

namespace sluice::simtest {
namespace names {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kResponse = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

EngineOptions options_of(const Plan& plan, const std::shared_ptr<PlannedRule>& rule) {
  EngineOptions options;
  options.name_cache = plan.cache;
  if (plan.has_rule) options.address_rule = rule;
  return options;
}

class Run {
 public:
  Run(std::uint64_t seed, const std::function<void(const std::string&)>& each_line)
      : plan_(draw_plan(seed)),
        random_(Seed{seed}),
        each_line_(each_line),
        rule_(std::make_shared<PlannedRule>()),
        engine_(options_of(plan_, rule_)),
        oracles_(plan_, *rule_) {}

  RunResult go() {
    for (int i = 0; i < plan_.steps && !oracles_.finding(); ++i) {
      ++steps_;
      step();
    }
    calm_down();
    return {oracles_.finding(), hash_, steps_};
  }

 private:
  struct Question {
    ResolveId id;
    int host = 0;
    AddressFamily family = AddressFamily::any;
    bool in_part = false;
  };
  struct Attempt {
    ConnId conn;
    std::uint16_t port = 0;
    IpAddress address;
  };

  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }
  static std::string host_name(int host) { return "host" + std::to_string(host) + ".test"; }

  void note(const std::string& line) {
    const std::string whole = std::to_string(now_.steady.time_since_epoch() / milliseconds(1)) + ' ' + line;
    for (const char c : whole) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3u;
    if (each_line_) each_line_(whole);
  }

  // ---- what happens ----

  void step() {
    switch (random_.below(8)) {
      case 0:
      case 1:
        return add();
      case 2:
      case 3:
        return questions_.empty() ? pass() : answer(random_.below(questions_.size()), false);
      case 4:
      case 5:
        return attempts_.empty() ? pass() : end_attempt(random_.below(attempts_.size()), !one_in(3));
      case 6:
        return running_.empty() || !one_in(3) ? pass() : remove();
      default:
        return pass();
    }
  }

  void add() {
    const int host = static_cast<int>(random_.below(static_cast<std::uint64_t>(plan_.hosts)));
    TransferOptions options;
    options.http_versions = HttpVersions::http1_1;  // no origin here speaks HTTP/2 yet
    constexpr AddressFamily kFamilies[] = {AddressFamily::any, AddressFamily::any, AddressFamily::any,
                                           AddressFamily::ipv4, AddressFamily::ipv6};
    options.family = kFamilies[random_.below(5)];
    options.connect_timeout = std::nullopt;
    Request request;
    const std::uint16_t port = next_port_++;
    request.url = Url::parse("http://" + host_name(host) + ':' + std::to_string(port) + '/').value();
    note("add " + host_name(host) + " family " + std::to_string(static_cast<int>(options.family)) + " port " +
         std::to_string(port));
    oracles_.adding(host, options.family, port, now_.steady);
    auto id = engine_.add(std::move(request), options, now_);
    SLUICE_CHECK(id.has_value());
    running_[*id] = port;
    drain();
    oracles_.added(port);
  }

  void remove() {
    auto gone = running_.begin();
    std::advance(gone, random_.below(running_.size()));
    note("remove " + std::to_string(gone->second));
    oracles_.removed(gone->second);
    const TransferId id = gone->first;
    running_.erase(gone);
    engine_.remove(id, now_);
    drain();
  }

  NameAnswer draw_answer(const Question& question, bool only_ipv6) {
    NameAnswer answer;
    const std::uint64_t count = random_.below(5);
    for (std::uint64_t i = 0; i < count; ++i) {
      const bool ipv6 = only_ipv6 || one_in(2);
      answer.addresses.push_back(address_of(question.host, static_cast<int>(1 + random_.below(8)), ipv6));
    }
    if (!one_in(4)) answer.ttl = seconds(random_.below(12));
    return answer;
  }

  void answer(std::size_t index, bool last) {
    Question& question = questions_[index];
    const bool fails = one_in(4);
    const bool in_part = !fails && !last && !question.in_part && question.family == AddressFamily::any && one_in(3);
    Result<NameAnswer> answer = draw_answer(question, in_part && one_in(2));
    if (fails) {
      const bool is_absent = !one_in(3);
      Error error = make_error(Code::resolve_failed, is_absent ? "resolve: no such name" : "resolve: SERVFAIL", 4);
      error.name_absent = is_absent;
      answer = std::unexpected(std::move(error));
    }
    if (answer) answer->more_to_come = in_part;
    const ResolveId id = question.id;
    note("answer for " + host_name(question.host) + (fails ? ": none" : "") + (in_part ? ": a part" : ""));
    oracles_.answered(question.host, question.family, answer, now_.steady);
    question.in_part = question.in_part || in_part;
    if (!in_part) questions_.erase(questions_.begin() + static_cast<std::ptrdiff_t>(index));
    engine_.handle_resolved(id, std::move(answer), now_);
    drain();
  }

  void end_attempt(std::size_t index, bool connects) {
    const Attempt attempt = attempts_[index];
    attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(index));
    note((connects ? "connected " : "refused ") + attempt.address.to_string() + " port " +
         std::to_string(attempt.port));
    if (!connects) {
      oracles_.refused(attempt.port);
      engine_.handle_io_error(attempt.conn, make_error(Code::connect_failed, "connect: connection refused"), now_);
      return drain();
    }
    oracles_.connected(attempt.port, attempt.address, now_.steady);
    engine_.handle_connected(attempt.conn, now_);
    drain();
    for (OutputView view = engine_.transmit(attempt.conn); !view.empty(); view = engine_.transmit(attempt.conn)) {
      engine_.handle_sent(attempt.conn, view.size_bytes(), now_);
      drain();
    }
    const MutableBytes space = engine_.receive_space(attempt.conn);
    if (space.size() < kResponse.size()) return;
    std::memcpy(space.data(), kResponse.data(), kResponse.size());
    engine_.handle_received(attempt.conn, kResponse.size(), now_);
    drain();
  }

  void pass() {
    constexpr int kTimes[] = {0, 10, 100, 1'000, 5'000, 30'000, 700'000};
    const Duration time = milliseconds(random_.below(static_cast<std::uint64_t>(kTimes[random_.below(7)]) + 1));
    const Instant until = now_.steady + time;
    // Timers come in time.
    for (auto due = engine_.deadline(); due && due->at <= until; due = engine_.deadline()) {
      now_.steady = std::max(now_.steady, due->at);
      engine_.handle_timeout(now_);
      drain();
    }
    now_.steady = until;
    oracles_.passed(now_.steady);
  }

  // From here on everything is answered, and everything must end.
  void calm_down() {
    for (int i = 0; i < 10'000 && !oracles_.finding() && !running_.empty(); ++i) {
      ++steps_;
      if (!questions_.empty()) {
        answer(0, true);
      } else if (!attempts_.empty()) {
        end_attempt(0, true);
      } else {
        const auto due = engine_.deadline();
        if (!due) break;
        now_.steady = std::max(now_.steady, due->at);
        engine_.handle_timeout(now_);
        drain();
      }
    }
    if (!running_.empty()) oracles_.report("names-end", "a transfer does not end");
  }

  // ---- outputs ----

  void drain() {
    while (const auto out = engine_.poll_output()) take(*out);
    engine_.check_invariants();
    rule_->asked.clear();
  }

  void take(const Output& out) {
    if (const auto* asked = std::get_if<output::Resolve>(&out)) {
      const int host = asked->host.at(4) - '0';
      note("resolve " + asked->host + " family " + std::to_string(static_cast<int>(asked->family)));
      questions_.push_back({asked->id, host, asked->family});
      oracles_.asked(host, asked->family, now_.steady);
    } else if (const auto* begun = std::get_if<output::Connect>(&out)) {
      note("connect " + begun->address.to_string());
      attempts_.push_back({begun->conn, begun->address.port, begun->address.ip});
      oracles_.connecting(begun->address, now_.steady);
    } else if (const auto* closed = std::get_if<output::Close>(&out)) {
      std::erase_if(attempts_, [&](const Attempt& attempt) { return attempt.conn == closed->conn; });
    } else if (const auto* done = std::get_if<output::Done>(&out)) {
      const auto its = running_.find(done->transfer);
      if (its == running_.end()) return;  // it was removed
      const std::uint16_t port = its->second;
      note("done " + std::to_string(port) + ' ' +
           (done->result ? "well" : std::string(to_string(done->result.error().code))));
      oracles_.ended(port, done->result, engine_.info(done->transfer), now_.steady);
      running_.erase(its);
      engine_.remove(done->transfer, now_);
    }
  }

  const Plan plan_;
  Random random_;
  const std::function<void(const std::string&)>& each_line_;
  const std::shared_ptr<PlannedRule> rule_;
  Engine engine_;
  NameOracles oracles_;
  Now now_{Instant(seconds(100)), 1'800'000'000};
  std::map<TransferId, std::uint16_t> running_;  // by transfer: its port, which no other has
  std::vector<Question> questions_;
  std::vector<Attempt> attempts_;
  std::uint16_t next_port_ = 1'000;
  std::uint64_t hash_ = 0xcbf2'9ce4'8422'2325u;
  std::uint64_t steps_ = 0;
};

}  // namespace
}  // namespace names

RunResult run_names_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line) {
  return names::has_records(seed) ? names::run_records_seed(seed, each_line) : names::Run(seed, each_line).go();
}

std::string describe_names_seed(std::uint64_t seed) {
  return names::has_records(seed) ? "names with HTTPS records\n" : names::describe(names::draw_plan(seed));
}

}  // namespace sluice::simtest
