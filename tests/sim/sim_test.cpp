// Tests of the simulator itself: scenarios depend only on their seed, leaving something out changes nothing else,
// failures shrink, a seed that crashes is known by its number, and the hash does not depend on the process.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/rules/digest.hpp"
#include "tests/sim/command.hpp"
#include "tests/sim/jobs.hpp"
#include "tests/sim/oracles/guard.hpp"
#include "tests/sim/run.hpp"
#include "tests/sim/scenario/stages.hpp"
#include "tests/sim/shrink.hpp"

using namespace sluice;
using namespace sluice::simtest;

namespace {

FeatureSet only(std::initializer_list<Feature> features) {
  FeatureSet set;
  for (const Feature feature : features) set.add(feature);
  return set;
}

// A run without a world: the hash of the scenario's description.
RunResult pretend(std::uint64_t seed) {
  RunResult result;
  result.hash = std::hash<std::string>{}(describe(make_scenario(seed)));
  return result;
}

std::vector<std::uint32_t> numbers_of(const Scenario& scenario) {
  std::vector<std::uint32_t> numbers;
  for (const TransferPlan& plan : scenario.transfers) numbers.push_back(plan.number);
  return numbers;
}

// The first seed from `seed` on whose scenario has at least this many transfers.
std::uint64_t seed_with(std::size_t transfers, std::uint64_t seed = 1) {
  while (make_scenario(seed).transfers.size() < transfers) ++seed;
  return seed;
}

}  // namespace

TEST_CASE("sim: features have names, one each, and sets of them are text and back") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const auto feature = static_cast<Feature>(i);
    names.insert(to_string(feature));
    CHECK(feature_named(to_string(feature)) == feature);
  }
  CHECK(names.size() == kFeatures);
  CHECK_FALSE(feature_named("reset").has_value());
  const FeatureSet set = only({Feature::resets, Feature::idle_timeouts});
  CHECK(set.text() == "resets,idle-timeouts");
  CHECK(FeatureSet::parse(set.text()) == set);
  CHECK(FeatureSet::parse("none") == FeatureSet{});
  CHECK(FeatureSet::parse(FeatureSet::all().text()) == FeatureSet::all());
  CHECK_FALSE(FeatureSet::parse("resets,").has_value());
  CHECK(FeatureSet::all().without(set).without(FeatureSet::all()).empty());
}

TEST_CASE("sim: a scenario is its seed's, and seeds differ") {
  std::set<std::string> all;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const std::string words = describe(make_scenario(seed));
    CHECK(describe(make_scenario(seed)) == words);
    all.insert(words);
  }
  CHECK(all.size() == 200);
}

TEST_CASE("sim: a swarm has scenarios without a fault, with few and with many, and every feature somewhere") {
  std::size_t without = 0, many = 0;
  FeatureSet seen;
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    const FeatureSet on = make_scenario(seed).on;
    std::size_t harmful = 0;
    for (std::size_t i = 0; i < kFeatures; ++i) {
      const auto feature = static_cast<Feature>(i);
      if (!on.has(feature)) continue;
      seen.add(feature);
      harmful += is_harmful(feature);
    }
    without += harmful == 0;
    many += harmful >= 6;
  }
  CHECK(without >= 200);
  CHECK(many >= 200);
  CHECK(seen == FeatureSet::all());
}

TEST_CASE("sim: what is left out moves nothing else") {
  const std::uint64_t seed = seed_with(8);
  const Scenario whole = make_scenario(seed);
  const Scenario two = make_scenario(seed, {.keep = std::vector<std::uint32_t>{1, 5}});
  CHECK(numbers_of(two) == std::vector<std::uint32_t>{1, 5});
  CHECK(two.drawn == whole.transfers.size());
  CHECK(two.on == whole.on);
  CHECK(two.transfers[1].method == whole.transfers[5].method);
  CHECK(two.transfers[1].reply.bytes == whole.transfers[5].reply.bytes);
  CHECK(two.transfers[1].start == whole.transfers[5].start);

  CHECK(make_scenario(seed, {.only = FeatureSet{}}).on.empty());
}

TEST_CASE("sim: a feature that is turned off takes its own effects away, and moves nothing else") {
  const FeatureSet off = only({Feature::resets, Feature::cancels, Feature::pauses, Feature::trailers});
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    const Scenario whole = make_scenario(seed), calmer = make_scenario(seed, {.off = off});
    REQUIRE(calmer.transfers.size() == whole.transfers.size());
    CHECK(calmer.weather.resets == 0);
    CHECK(calmer.weather.max_piece == whole.weather.max_piece);
    for (std::size_t i = 0; i < whole.transfers.size(); ++i) {
      const TransferPlan &before = whole.transfers[i], &after = calmer.transfers[i];
      // Those are removed by their own feature.
      if (!after.own_name) CHECK(after.cancel.when == CancelPlan::When::never);
      CHECK_FALSE(after.read.pauses_at.has_value());
      CHECK_FALSE(after.reply.trailers);
      CHECK(after.reply.bytes == before.reply.bytes);
      CHECK(after.reply.origin_fault == before.reply.origin_fault);
      CHECK(after.stale_calls == before.stale_calls);
      CHECK(after.route == before.route);
      CHECK(after.connect_timeout == before.connect_timeout);
      CHECK(after.total_timeout == before.total_timeout);
      CHECK(after.start == before.start);
    }
  }
}

TEST_CASE("sim: redirects, challenges and retries turned off leave transfers with one hop, and nothing else changes") {
  const FeatureSet off = only({Feature::redirects, Feature::challenges, Feature::retries});
  std::size_t chains = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    const Scenario whole = make_scenario(seed), plain = make_scenario(seed, {.off = off});
    REQUIRE(plain.transfers.size() == whole.transfers.size());
    REQUIRE(plain.origins.size() <= whole.origins.size());  // some are only for redirects
    for (std::size_t i = 0; i < whole.transfers.size(); ++i) {
      const TransferPlan &before = whole.transfers[i], &after = plain.transfers[i];
      chains += before.has_hops();
      CHECK_FALSE(after.has_hops());
      CHECK(after.origin == before.origin);
      CHECK(after.method == before.method);
      CHECK(after.reply.bytes == before.reply.bytes);
      CHECK(after.upload.bytes == before.upload.bytes);
      CHECK(after.start == before.start);
    }
  }
  CHECK(chains > 100);
}

namespace {

// Two origins, of which the second has TLS, and a POST with a body to the first.
Scenario two_origins() {
  Scenario scenario;
  for (const char* host : {"one.test", "two.test"}) {
    OriginPlan origin;
    origin.host = host;
    scenario.origins.push_back(origin);
  }
  scenario.origins[1].tls = true;
  scenario.origins[1].port = 443;
  TransferPlan plan;
  plan.number = 7;
  plan.method = "POST";
  plan.upload.kind = UploadPlan::Kind::owned;
  plan.upload.bytes = 5;
  plan.filler = 3;
  scenario.transfers.push_back(plan);
  return scenario;
}

RedirectPlan led_to(std::size_t origin, int status, RedirectPlan::Form form = RedirectPlan::Form::absolute) {
  RedirectPlan redirect{.form = form, .to = origin, .reply = {}};
  redirect.reply.status = status;
  return redirect;
}

}  // namespace

TEST_CASE("sim: the stages of a redirected transfer are what RFC 9110 15.4 makes of its request") {
  using Form = RedirectPlan::Form;
  Scenario scenario = two_origins();
  TransferPlan& plan = scenario.transfers.front();
  plan.follows.emplace();
  plan.follows->auto_referer = true;
  plan.redirects = {led_to(0, 307, Form::relative), led_to(1, 303), led_to(0, 302, Form::without_scheme)};
  const std::vector<Stage> stages = stages_of(scenario, plan);
  REQUIRE(stages.size() == 4);
  const char* const urls[] = {"http://one.test/7", "http://one.test/7/1", "https://two.test/7/2",
                              "http://one.test/7/3"};
  const char* const locations[] = {"7/1", "https://two.test:443/7/2", "http://one.test:80/7/3", ""};
  const char* const referers[] = {"", "http://one.test/7", "http://one.test/7/1", ""};  // SB-32: the last one
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(stages[i].url == urls[i]);
    CHECK(stages[i].location == locations[i]);
    CHECK(stages[i].referer == referers[i]);
    CHECK(stages[i].plan.method == (i < 2 ? "POST" : "GET"));
    CHECK(stages[i].plan.upload.bytes == (i < 2 ? 5 : 0));
    CHECK(stages[i].at_home == (i < 2));  // SB-02: it does not come back
    CHECK(stages[i].plan.filler == (i < 2 ? 3 : 0));
  }
  plan.follows->max_redirects = 1;
  CHECK(stages_of(scenario, plan).size() == 2);
  CHECK(stages_of(scenario, plan).back().location == locations[1]);
  plan.follows.reset();
  CHECK(stages_of(scenario, plan).size() == 1);
}

TEST_CASE("sim: a guard lets the right answer in once, and says which nonce was stale") {
  const auto answered = [](Guard& guard, std::string_view password) {
    Fields fields;
    for (const auto& [name, value] : guard.challenge(false, true)) REQUIRE(fields.add(name, value));
    const auto challenge = rules::parse_digest_challenge(rules::challenges_of(fields, "WWW-Authenticate").back());
    REQUIRE(challenge.has_value());
    sim::HttpRequest request{.method = "GET", .target = "/1"};
    const std::string user = user_of(0);
    const auto value = rules::digest_authorization(
        *challenge,
        {.method = "GET", .target = "/1", .user = user, .password = password, .cnonce = "c", .nonce_count = 1});
    request.fields = {{"authorization", value.value()}};
    Verdict verdict = guard.judge(request, {.transfer = 1, .hop = 1});
    if (verdict.lets_in) verdict.finding = guard.judge(request, {.transfer = 2, .hop = 1}).finding;
    return verdict;
  };
  for (const bool qop : {true, false}) {
    Guard guard({.basic = true, .digest = true, .algorithm = hash::Algorithm::sha256, .qop = qop}, 0);
    CHECK(answered(guard, password_of(0)).lets_in);
    CHECK(answered(guard, password_of(0)).finding.empty() == !qop);  // the same count once more
    CHECK_FALSE(answered(guard, "wrong").lets_in);
    CHECK_FALSE(answered(guard, "wrong").stale);
  }
  Guard stale({.digest = true, .stale_every = 1}, 0);
  CHECK(answered(stale, password_of(0)).stale);
  Guard basic({.basic = true}, 0);
  sim::HttpRequest request;
  request.fields = {{"authorization", "Basic dXNlci0wOnNlY3JldCBvZiAw"}};  // user-0:secret of 0
  CHECK(basic.judge(request, {}).lets_in);
  request.fields = {{"authorization", basic_field(user_of(0), "wrong")}};
  CHECK_FALSE(basic.judge(request, {}).lets_in);
  CHECK_FALSE(basic.judge({}, {}).lets_in);
}

TEST_CASE("sim: no two bodies have eight bytes in common") {
  std::set<std::string> words;
  std::size_t count = 0;
  for (std::uint32_t number = 0; number < 20; ++number) {
    for (const Direction direction : {Direction::reply, Direction::upload}) {
      const std::string body = body_of(7, number, direction, 800);
      CHECK(body_of(7, number, direction, 33) == body.substr(0, 33));
      for (std::size_t at = 0; at < body.size(); at += 8, ++count) words.insert(body.substr(at, 8));
    }
  }
  CHECK(words.size() == count);
}

TEST_CASE("sim: a failure shrinks to the transfers and features it needs") {
  const std::uint64_t seed = seed_with(20);
  const FeatureSet on = make_scenario(seed).on;
  std::vector<Feature> some;
  for (std::size_t i = 0; i < kFeatures && some.size() < 2; ++i) {
    if (on.has(static_cast<Feature>(i))) some.push_back(static_cast<Feature>(i));
  }
  REQUIRE(some.size() == 2);
  const RunReduced needs = [&](const Reduction& reduction) -> std::optional<Finding> {
    const Scenario scenario = make_scenario(seed, reduction);
    const std::vector<std::uint32_t> numbers = numbers_of(scenario);
    const bool both = std::ranges::count(numbers, 3) + std::ranges::count(numbers, 17) == 2;
    if (both && scenario.on.has(some[0]) && scenario.on.has(some[1]))
      return Finding{"two", std::to_string(numbers.size())};
    return both ? std::optional(Finding{"another", ""}) : std::nullopt;  // another oracle's finding does not count
  };
  const Shrunk shrunk = shrink(seed, {}, {"two", ""}, needs);
  CHECK(shrunk.reduction.keep == std::vector<std::uint32_t>{3, 17});
  CHECK(make_scenario(seed, shrunk.reduction).on == only({some[0], some[1]}));
  CHECK(shrunk.finding.message == "2");
  CHECK(shrunk.runs <= 300);
  const std::string names = std::string(to_string(some[0])) + ',' + std::string(to_string(some[1]));
  CHECK(options_for(seed, shrunk.reduction) == "--seed " + std::to_string(seed) + " --keep 3,17 --only " + names);
  CHECK(options_for(seed, {}) == "--seed " + std::to_string(seed));

  std::size_t runs = 0;
  const auto counted = [&](const Reduction& reduction) { return ++runs, needs(reduction); };
  const Shrunk bounded = shrink(seed, {}, {"two", ""}, counted, 10);
  CHECK(bounded.runs == runs);
  CHECK(runs <= 10);
  CHECK(needs(bounded.reduction)->oracle == "two");
}

TEST_CASE("sim: a crash shrinks to the same crash and to no other") {
  const std::uint64_t seed = seed_with(20);
  const RunReduced crashes = [&](const Reduction& reduction) -> std::optional<Finding> {
    const std::vector<std::uint32_t> numbers = numbers_of(make_scenario(seed, reduction));
    const bool both = std::ranges::count(numbers, 3) + std::ranges::count(numbers, 17) == 2;
    return Finding{"crash", both ? "signal 6: one" : "signal 6: another"};
  };
  CHECK(shrink(seed, {}, {"crash", "signal 6: one"}, crashes).reduction.keep == std::vector<std::uint32_t>{3, 17});
}

TEST_CASE("sim: which crash it was is known by its line, without addresses, or by a sanitizer's summary") {
  const auto crash = [](const char* words) {
    return run_apart([words]() -> RunResult {
             std::fputs(words, stderr);
             std::signal(SIGABRT, SIG_DFL);  // doctest has set a handler
             std::abort();
           })
        .value();
  };
  CHECK(crash("").message == "signal 6");
  CHECK(crash("a.cpp:1: check failed: x\nmore\n").message == "signal 6: a.cpp:1: check failed: x");
  CHECK(crash("\na.cpp:1: runtime error: address 0x7ffd12 and 0x5\n").message ==
        "signal 6: a.cpp:1: runtime error: address 0x and 0x");
  CHECK(crash("=== 0x12\nSUMMARY: AddressSanitizer: SEGV (prog+0x12)\n===").message ==
        "signal 6: SUMMARY: AddressSanitizer: SEGV (prog+0x12)");
  CHECK(crash("a").oracle == "crash");
}

TEST_CASE("sim: of --off and --only the shorter one is said") {
  std::uint64_t seed = 1;
  while (!make_scenario(seed).on.has(Feature::resets) || make_scenario(seed).on.text().size() < 60) ++seed;
  CHECK(options_for(seed, {.off = only({Feature::resets})}) == "--seed " + std::to_string(seed) + " --off resets");
}

TEST_CASE("sim: a seed that crashes, and one that fails, is known by its number; the others go on") {
  const auto run = [](std::uint64_t seed) {
    RunResult result = pretend(seed);
    if (seed == 13) std::raise(SIGKILL);
    if (seed == 27) result.finding = Finding{"an oracle", "has spoken"};
    return result;
  };
  for (const std::size_t jobs : {1u, 3u}) {
    const Tally tally = run_seeds({.first = 10, .count = 40, .jobs = jobs}, run);
    CHECK(tally.passed == 38);
    REQUIRE(tally.failures.size() == 2);
    CHECK(tally.failures[0].seed == 13);
    CHECK(tally.failures[0].finding.oracle == "crash");
    CHECK(tally.failures[0].finding.message == "signal 9");
    CHECK(tally.failures[1].seed == 27);
    CHECK(tally.failures[1].finding.message == "has spoken");
  }
  const Tally first = run_seeds({.first = 10, .count = 400, .jobs = 3, .until_failure = true}, run);
  CHECK(first.failures.front().seed == 13);
  CHECK(first.passed < 390);
  CHECK(run_apart([&] { return run(13); })->message == "signal 9");
  CHECK(run_apart([&] { return run(27); })->oracle == "an oracle");
  CHECK_FALSE(run_apart([&] { return run(28); }).has_value());
}

TEST_CASE("sim: options that mean nothing to --multi, --resumes or --scale are refused, and nothing is run") {
  const auto command = [](std::vector<std::string> words) {
    words.insert(words.begin(), "sluice_sim");
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    const Modes modes{
        .scale = [](std::size_t) { return 77; },
        .others = {
            {"--multi", [](std::uint64_t, const std::function<void(const std::string&)>&) { return RunResult{}; }},
            {"--resumes", [](std::uint64_t, const std::function<void(const std::string&)>&) { return RunResult{}; }}}};
    return sim_main(static_cast<int>(pointers.size()), pointers.data(), modes);
  };
  using Words = std::vector<std::string>;
  const Words refused[] = {{"--plain"}, {"--keep", "0"}, {"--keep", "none"}, {"--off", "tls"}, {"--only", "none"}};
  for (Words words : refused) {
    CAPTURE(words.front());
    words.insert(words.begin(), {"--seed", "3", "--multi"});
    CHECK(command(words) == 2);
  }
  CHECK(command({"--seed", "3", "--multi"}) == 0);
  CHECK(command({"--seed", "3", "--resumes"}) == 0);
  CHECK(command({"--seed", "3", "--resumes", "--multi"}) == 2);
  CHECK(command({"--seed", "3", "--another"}) == 2);
  CHECK(command({"--seed", "3", "--multi", "--trace"}) == 0);
  CHECK(command({"--seed", "3", "--multi", "--hash-only"}) == 0);
  CHECK(command({"--seeds", "2", "--multi", "--trace"}) == 2);
  CHECK(command({"--scale", "5", "--seed", "3"}) == 2);
  CHECK(command({"--plain", "--scale", "5"}) == 2);
  CHECK(command({"--scale", "5"}) == 77);
}

TEST_CASE("sim: memory that a seed loses is a failure, where the build can tell") {
  const auto loses = [](std::uint64_t seed) {
    static std::unique_ptr<std::string> held;
    if (seed == 3) held = std::make_unique<std::string>(100, 'x');
    if (seed == 4) static_cast<void>(held.release());
    return pretend(seed);
  };
  const Tally tally = run_seeds({.first = 1, .count = 5, .jobs = 1}, loses);
  CHECK(tally.passed == 5);
  CHECK(tally.failures.size() == (finds_leaks() ? 1 : 0));
  if (!tally.failures.empty()) CHECK(tally.failures.front().finding.oracle == "leaks");
}

TEST_CASE("sim: the hash over seeds does not depend on the number of processes, and every seed counts") {
  const JobOptions one{.first = 5, .count = 60, .jobs = 1}, four{.first = 5, .count = 60, .jobs = 4};
  const std::uint64_t hash = run_seeds(one, pretend).hash;
  CHECK(run_seeds(four, pretend).hash == hash);
  const std::uint64_t parts = run_seeds({.first = 5, .count = 30, .jobs = 2}, pretend).hash +
                              run_seeds({.first = 35, .count = 30, .jobs = 2}, pretend).hash;
  CHECK(parts == hash);
  CHECK(run_seeds({.first = 6, .count = 60, .jobs = 1}, pretend).hash != hash);
}

TEST_CASE("sim: a run is the same again, and a trace is what its hash is over") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    const Scenario scenario = make_scenario(seed, {.off = only({Feature::tls})});
    std::vector<std::string> lines, again;
    const RunResult one = run(scenario, [&](const std::string& line) { lines.push_back(line); });
    const RunResult two = run(scenario, [&](const std::string& line) { again.push_back(line); });
    CHECK_FALSE(one.finding.has_value());
    CHECK(one.hash == two.hash);
    CHECK(run(scenario).hash == one.hash);
    CHECK(lines == again);
    CHECK_FALSE(lines.empty());
  }
}
