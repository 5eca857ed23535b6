// Tests that the simulator can fail: runs seeds with each planted bug until an oracle fails, and without a bug, where
// none may fail.
//
//   sluice_sim_planted without a bug, then with each one; prints the seeds needed and the oracle, the counts last
//   sluice_sim_planted --planted NAME one bug, by name or number, or `none`; prints what was found sluice_sim_planted
//   --list the bugs
//   --seeds N (2000), --seed FIRST (1), --jobs J (the cores there are)
//
// Knows no oracle and no bug. Leaves the meaning of a seed to run.hpp. For tests/run it accepts doctest's
// --test-case=*PART* (of a bug's name) and --list-test-cases, and ignores other doctest options.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "tests/sim/http2/run.hpp"
#include "tests/sim/jobs.hpp"
#include "tests/sim/limits/run.hpp"
#include "tests/sim/names/run.hpp"
#include "tests/sim/planted/planted.hpp"
#include "tests/sim/proxies/run.hpp"
#include "tests/sim/resumes/run.hpp"
#include "tests/sim/scenario/scenario.hpp"

int sluice_planted = 0;

namespace {

using namespace sluice::simtest;

struct Words {
  JobOptions jobs{.first = 1, .count = 2000};
  std::optional<int> planted = {};  // nullopt: none, then all of them
  bool lists = false;
  std::string only = {};  // bugs with this in their names; empty: all
};

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// Its number; 0 for "none"; nullopt: there is no such bug.
std::optional<int> bug_named(std::string_view name) {
  const auto& bugs = planted_bugs();
  if (name == "none") return 0;
  if (const auto number = number_in(name))
    return *number <= bugs.size() ? std::optional(static_cast<int>(*number)) : std::nullopt;
  const auto found = std::ranges::find(bugs, name, [](const PlantedBug& bug) -> std::string_view { return bug.name; });
  return found == bugs.end() ? std::nullopt : std::optional(static_cast<int>(found - bugs.begin()) + 1);
}

std::optional<Words> parse(int count, char** words) {
  Words out;
  out.jobs.jobs = static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--list" || word == "--list-test-cases") {
      out.lists = true;
    } else if (word == "--planted" || word == "--seeds" || word == "--seed" || word == "--jobs") {
      if (++i == count) return std::nullopt;
      const auto number = number_in(words[i]);
      if (word == "--planted") out.planted = bug_named(words[i]);
      if (word == "--planted" ? !out.planted : !number) return std::nullopt;
      if (word == "--seeds") out.jobs.count = *number;
      if (word == "--seed") out.jobs.first = *number;
      if (word == "--jobs") out.jobs.jobs = std::max<std::size_t>(1, *number);
    } else if (word.starts_with("--test-case=")) {
      out.only = word.substr(word.find('=') + 1);
      std::erase(out.only, '*');
    } else if (!word.starts_with("--no-")) {  // --no-intro, --no-colors=true, --no-version
      return std::nullopt;
    }
  }
  return out;
}

Tally run_with(int planted, JobOptions jobs) {
  sluice_planted = planted;
  jobs.until_failure = planted != 0;
  // Scenarios do not reach what continues a download, or proxies, nor do their seeds reach much else.
  const std::string_view name =
      planted == 0 ? std::string_view{} : planted_bugs()[static_cast<std::size_t>(planted) - 1].name;
  return run_seeds(jobs, [&](std::uint64_t seed) {
    if (name.starts_with("http2-")) return run_http2_seed(seed);
    if (name.starts_with("resume-")) return run_resumes_seed(seed);
    if (name.starts_with("cache-")) return run_names_seed(seed);
    if (name.starts_with("proxy-")) return run_proxies_seed(seed);
    if (name.starts_with("limit-")) return run_limits_seed(seed);
    return run(make_scenario(seed));
  });
}

void print_failure(const Failure& failure) {
  std::printf("  seed %llu, %s: %s\n", static_cast<unsigned long long>(failure.seed), failure.finding.oracle.c_str(),
              failure.finding.message.c_str());
}

// True: the result is correct.
bool without_a_bug(const JobOptions& jobs) {
  const Tally tally = run_with(0, jobs);
  const bool good = tally.failures.empty() && tally.passed == jobs.count;
  std::printf("%s no bug: %llu of %llu seeds pass, %.1f s\n", good ? "ok  " : "FAIL",
              static_cast<unsigned long long>(tally.passed), static_cast<unsigned long long>(jobs.count),
              tally.seconds);
  for (const Failure& failure : tally.failures) print_failure(failure);
  std::fflush(stdout);
  return good;
}

bool with_bug(int planted, const JobOptions& jobs, bool says_all) {
  const PlantedBug& bug = planted_bugs()[static_cast<std::size_t>(planted) - 1];
  const Tally tally = run_with(planted, jobs);
  const bool found = !tally.failures.empty();
  const std::string seeds = found ? std::to_string(tally.failures.front().seed - jobs.first + 1) : "-";
  const std::string oracle = found ? tally.failures.front().finding.oracle : "not found";
  std::printf("%s %2d %-26s %5s seeds %5.1f s  %-13s %s\n", found ? "ok  " : "FAIL", planted, bug.name.c_str(),
              seeds.c_str(), tally.seconds, oracle.c_str(), bug.what.c_str());
  if (says_all && found) print_failure(tally.failures.front());
  std::fflush(stdout);
  return found;
}

}  // namespace

int main(int count, char** words) {
  const auto parsed = parse(count, words);
  if (!parsed) {
    std::fprintf(stderr,
                 "usage: sluice_sim_planted [--planted NAME|NUMBER] [--seeds N] [--seed FIRST] [--jobs J] [--list]\n");
    return 2;
  }
  const int bugs = static_cast<int>(planted_bugs().size());
  if (parsed->lists) {
    for (const PlantedBug& bug : planted_bugs()) std::printf("%-26s %s\n", bug.name.c_str(), bug.what.c_str());
    return 0;
  }
  if (parsed->planted) {
    const bool good =
        *parsed->planted == 0 ? without_a_bug(parsed->jobs) : with_bug(*parsed->planted, parsed->jobs, true);
    return good ? 0 : 1;
  }
  int passed = 0, failed = 0;
  if (parsed->only.empty()) ++(without_a_bug(parsed->jobs) ? passed : failed);
  if (!std::freopen("/dev/null", "w", stderr)) return 2;  // from here on crashes are expected
  for (int planted = 1; planted <= bugs; ++planted) {
    if (!planted_bugs()[static_cast<std::size_t>(planted) - 1].name.contains(parsed->only)) continue;
    ++(with_bug(planted, parsed->jobs, false) ? passed : failed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
