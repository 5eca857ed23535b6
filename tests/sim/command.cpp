// See command.hpp.
#include "tests/sim/command.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/sim/jobs.hpp"
#include "tests/sim/run.hpp"
#include "tests/sim/shrink.hpp"

namespace sluice::simtest {
namespace {

constexpr const char* kHelp =
    "Usage: sluice_sim [--seeds N] [--seed S] [options]\n"
    "Runs simulated transfers, each scenario from one seed, and lets oracles judge them.\n"
    "  --seeds N           how many seeds (1000; with --seed alone, 1)\n"
    "  --seed S            the first one (1)\n"
    "  --from-commit TEXT  the first one is drawn from this text, such as a commit's hash\n"
    "  --jobs J            processes side by side (as many as there are cores)\n"
    "  --until-failure     begin no seed past one that has failed\n"
    "  --plain             no TLS (the same as --off tls, for every seed)\n"
    "  --multi             drive a Multi over in-memory transports instead of an Engine\n"
    "  --resumes           continue downloads of files that change\n"
    "  --http2             many exchanges on one connection\n"
    "  --names             look names up that change, with a cache and a rule\n"
    "  --proxies           go through proxies\n"
    "  --hash-only         print nothing but the hash over all traces\n"
    "  --no-shrink         print failures as they are\n"
    "  --features          list the features\n"
    "To see a failure again:\n"
    "  --trace             every line of what happens, and the scenario in words\n"
    "  --keep 3,7          only these transfers; not with --multi, --resumes, --names and --proxies, nor are these:\n"
    "  --off A,B           without these features       --only A,B   with no others than these\n"
    "Instead of seeds, and alone:\n"
    "  --scale N           N transfers at once over N connections: time and memory for each\n"
    "  --streams N         N exchanges on one HTTP/2 connection: whether the last ones cost more\n"
    "Exit code: 0 all passed, 1 something failed, 2 wrong options. The last line is `N passed, M failed`.\n";

struct Options {
  JobOptions jobs;
  Reduction reduction;
  const Modes::Other* other = nullptr;
  bool trace = false, hash_only = false, shrinks = true;
  std::optional<std::size_t> scale, streams;
  std::string program;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<std::vector<std::uint32_t>> numbers(std::string_view text) {
  std::vector<std::uint32_t> values;
  if (text == "none") return values;
  while (true) {
    const std::size_t comma = text.find(',');
    const auto value = number(text.substr(0, comma));
    if (!value || *value > UINT32_MAX) return std::nullopt;
    values.push_back(static_cast<std::uint32_t>(*value));
    if (comma == std::string_view::npos) break;
    text = text.substr(comma + 1);
  }
  std::ranges::sort(values);
  return values;
}

// 64 bits of FNV-1a; the low bits are left free for the seeds that follow.
std::uint64_t seed_from(std::string_view text) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  return hash & ~std::uint64_t{0xff'ffff};
}

int wrong(const std::string& what) {
  std::fprintf(stderr, "sluice_sim: %s (see --help)\n", what.c_str());
  return 2;
}

class Parser {
 public:
  Parser(int argc, char** argv, const Modes& modes) : words_(argv + std::min(argc, 1), argv + argc), modes_(modes) {
    options.program = argc > 0 ? argv[0] : "sluice_sim";
  }

  // nullopt: continue; else the exit code.
  std::optional<int> parse() {
    options.jobs.jobs = std::max(1u, std::thread::hardware_concurrency());
    for (at_ = 0; at_ < words_.size(); ++at_) {
      if (const auto code = option(words_[at_])) return code;
    }
    if (has_seed_ && !has_count_) options.jobs.count = 1;
    if (options.trace && options.jobs.count != 1) return wrong("--trace shows one seed");
    if (options.jobs.count == 0) return wrong("--seeds wants at least one");
    if ((options.scale || options.streams) && words_.size() != 2)
      return wrong("--scale and --streams go with no other option");
    if (options.other && options.reduction != Reduction{})
      return wrong(options.other->option + " has no features: --keep, --off, --only and --plain are not for it");
    return std::nullopt;
  }

  Options options;

 private:
  std::optional<int> option(const std::string& word) {
    if (word == "--help" || word == "-h") return std::fputs(kHelp, stdout), 0;
    if (word == "--features") return std::printf("%s\n", FeatureSet::all().text().c_str()), 0;
    if (word == "--trace") return options.trace = true, std::nullopt;
    if (const auto found = std::ranges::find(modes_.others, word, &Modes::Other::option);
        found != modes_.others.end()) {
      if (options.other) return wrong(options.other->option + " and " + word + " exclude each other");
      return options.other = &*found, std::nullopt;
    }
    if (word == "--plain") return options.reduction.off.add(Feature::tls), std::nullopt;
    if (word == "--hash-only") return options.hash_only = true, std::nullopt;
    if (word == "--no-shrink") return options.shrinks = false, std::nullopt;
    if (word == "--until-failure") return options.jobs.until_failure = true, std::nullopt;
    static constexpr std::string_view kWithValue[] = {"--seeds",       "--seed", "--jobs", "--scale", "--streams",
                                                      "--from-commit", "--keep", "--off",  "--only"};
    if (std::ranges::find(kWithValue, word) == std::end(kWithValue)) return wrong("unknown option " + word);
    if (++at_ == words_.size()) return wrong(word + " wants a value");
    return set(word, words_[at_]) ? std::nullopt : std::optional(wrong(word + " cannot be " + words_[at_]));
  }

  bool set(const std::string& word, const std::string& value) {
    if (word == "--keep") return (options.reduction.keep = numbers(value)).has_value();
    if (word == "--only") return (options.reduction.only = FeatureSet::parse(value)).has_value();
    if (word == "--off") {
      const auto off = FeatureSet::parse(value);
      for (std::size_t i = 0; off && i < kFeatures; ++i) {
        if (off->has(static_cast<Feature>(i))) options.reduction.off.add(static_cast<Feature>(i));
      }
      return off.has_value();
    }
    if (word == "--from-commit") {
      options.jobs.first = seed_from(value);
      return has_commit_ = true;
    }
    const auto count = number(value);
    if (!count) return false;
    if (word == "--seeds") options.jobs.count = *count, has_count_ = true;
    if (word == "--seed") options.jobs.first = *count, has_seed_ = true;
    if (word == "--jobs") options.jobs.jobs = static_cast<std::size_t>(std::max<std::uint64_t>(*count, 1));
    if (word == "--scale") options.scale = static_cast<std::size_t>(*count);
    if (word == "--streams") options.streams = static_cast<std::size_t>(*count);
    return true;
  }

  std::vector<std::string> words_;
  const Modes& modes_;
  std::size_t at_ = 0;
  bool has_seed_ = false, has_count_ = false, has_commit_ = false;
};

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string indented(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += "    " + text.substr(at, end - at) + '\n';
    at = end + 1;
  }
  return out;
}

// Runs one seed; prints its scenario and its trace.
int trace(const Options& options) {
  const std::uint64_t seed = options.jobs.first;
  const auto show = [](const std::string& line) {
    print(line + '\n');
    std::fflush(stdout);  // so that a crash comes after the lines that led to it
  };
  RunResult result;
  if (options.other) {
    if (options.other->describe) print(options.other->describe(seed) + "\n\n");
    result = options.other->run(seed, show);
  } else {
    const Scenario scenario = make_scenario(seed, options.reduction);
    print(describe(scenario) + '\n');
    result = run(scenario, show);
  }
  std::printf("\n%llu steps, hash %016llx\n", static_cast<unsigned long long>(result.steps),
              static_cast<unsigned long long>(result.hash));
  if (result.finding) print(result.finding->oracle + ": " + result.finding->message + '\n');
  std::printf("%d passed, %d failed\n", result.finding ? 0 : 1, result.finding ? 1 : 0);
  return result.finding ? 1 : 0;
}

void print_failure(const Options& options, const Failure& failure, bool shrinks) {
  print("seed " + std::to_string(failure.seed) + ": " + failure.finding.oracle + ": " + failure.finding.message + '\n');
  if (failure.finding.oracle == "leaks") return;
  if (options.other) {  // its scenarios are not shrunk
    if (options.other->describe) print(indented(options.other->describe(failure.seed)));
    return print("  again: " + options.program + ' ' + options.other->option + " --seed " +
                 std::to_string(failure.seed) + " --trace\n");
  }
  Shrunk shrunk{options.reduction, failure.finding, 0};
  if (shrinks) {
    const std::size_t most = failure.finding.oracle == "hangs" ? 4 : 300;
    const auto run_reduced = [&](const Reduction& reduction) {
      return run_apart([&] { return run(make_scenario(failure.seed, reduction)); });
    };
    // Only a run in a process of its own tells which crash it is.
    const auto again = failure.finding.oracle == "crash" ? run_reduced(options.reduction) : std::nullopt;
    shrunk = shrink(failure.seed, options.reduction, again.value_or(failure.finding), run_reduced, most);
    print("  shrunk in " + std::to_string(shrunk.runs) + " runs: " + shrunk.finding.message + '\n');
    print(indented(describe(make_scenario(failure.seed, shrunk.reduction))));
  }
  print("  again: " + options.program + ' ' + options_for(failure.seed, shrunk.reduction) + " --trace\n");
  std::fflush(stdout);
}

void print_failures(const Options& options, const std::vector<Failure>& failures) {
  constexpr std::size_t kShrunk = 3, kShown = 50;
  for (std::size_t i = 0; i < std::min(failures.size(), kShown); ++i) {
    print_failure(options, failures[i], options.shrinks && i < kShrunk);
  }
  if (failures.size() > kShown) std::printf("... and %zu more\n", failures.size() - kShown);
}

}  // namespace

int sim_main(int argc, char** argv, const Modes& modes) {
  Parser parser(argc, argv, modes);
  if (const auto code = parser.parse()) return *code;
  Options& options = parser.options;
  if (options.scale && !modes.scale) return wrong("this program has no such mode");
  if (options.scale) return modes.scale(*options.scale);
  if (options.streams && !modes.streams) return wrong("this program has no such mode");
  if (options.streams) return modes.streams(*options.streams);
  if (options.trace) return trace(options);

  options.jobs.shows_progress = true;
  const Tally tally = run_seeds(options.jobs, [&](std::uint64_t seed) {
    return options.other ? options.other->run(seed, nullptr) : run(make_scenario(seed, options.reduction));
  });
  if (options.hash_only) {
    std::printf("%016llx\n", static_cast<unsigned long long>(tally.hash));
    return tally.failures.empty() ? 0 : 1;
  }
  print_failures(options, tally.failures);
  const std::uint64_t seeds = tally.passed + tally.failures.size();
  std::printf("seeds from %llu on, %zu jobs: %llu steps in %.1f s, %.0f seeds/s, hash %016llx\n",
              static_cast<unsigned long long>(options.jobs.first), options.jobs.jobs,
              static_cast<unsigned long long>(tally.steps), tally.seconds,
              static_cast<double>(seeds) / std::max(tally.seconds, 1e-6), static_cast<unsigned long long>(tally.hash));
  std::printf("%llu passed, %zu failed\n", static_cast<unsigned long long>(tally.passed), tally.failures.size());
  return tally.failures.empty() ? 0 : 1;
}

}  // namespace sluice::simtest
