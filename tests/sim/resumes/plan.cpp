// See plan.hpp.
#include "tests/sim/resumes/plan.hpp"

#include <iterator>

#include "tests/sim/mode_run.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest::resumes {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Tags : std::uint8_t { none, strong, weak, same_weak };

std::string etag_of(Tags tags, std::size_t version) {
  switch (tags) {
    case Tags::none:
      return "";
    case Tags::strong:
      return "\"v" + std::to_string(version) + '"';
    case Tags::weak:
      return "W/\"v" + std::to_string(version) + '"';
    case Tags::same_weak:
      return "W/\"v\"";
  }
  return "";
}

FilePlan draw_file(Random& random) {
  FilePlan file;
  const Tags kinds[] = {Tags::strong, Tags::strong, Tags::none, Tags::none, Tags::weak, Tags::same_weak};
  const Tags tags = kinds[random.below(std::size(kinds))];
  const bool dated = tags == Tags::none || one_in(random, 2);
  const bool same_size = one_in(random, 2);
  const std::size_t bytes = 1 + random.below(one_in(random, 3) ? 200 : 60'000);
  const std::size_t versions = 1 + random.below(8);
  Duration from = Duration::zero();
  for (std::size_t i = 0; i < versions; ++i) {
    const std::size_t other = 1 + random.below(bytes + bytes / 2);
    file.versions.push_back({from, same_size ? bytes : other, etag_of(tags, i), dated});
    const std::uint64_t gap = one_in(random, 4) ? 30'000 : one_in(random, 2) ? 3'000 : 400;
    from += milliseconds(1 + random.below(gap));
  }
  file.has_ranges = !one_in(random, 16);
  file.says_dates = !one_in(random, 4);
  file.chunked = one_in(random, 4);
  file.ignores_if_range = share(random);
  file.other_first = share(random);
  file.no_content_range = share(random);
  file.short_parts = share(random);
  file.unavailable = share(random);
  file.short_bodies = share(random);
  file.resets_in_body = share(random);
  return file;
}

sim::Weather draw_weather(Random& random) {
  sim::Weather weather;
  if (one_in(random, 2)) weather.max_piece = 1 + random.below(4'000);
  weather.jitter = milliseconds(random.below(20));
  if (one_in(random, 2)) weather.bandwidth = 5'000 + random.below(200'000);
  weather.resets = share(random);
  weather.closes_early = share(random);
  weather.half_closes = share(random);
  weather.stalls = share(random);
  weather.refused = share(random);
  weather.fault_within = 1 + random.below(20'000);
  weather.late_reads = share(random);
  return weather;
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  std::uint64_t state = seed ^ 0x5e6d'e275'0000'0001u;
  Random random(Seed{splitmix64(state)});
  Plan plan;
  plan.seed = seed;
  plan.tls = one_in(random, 3);
  plan.weather = draw_weather(random);
  plan.calm_from = seconds(1 + random.below(60));
  const std::size_t files = 1 + random.below(4), downloads = 1 + random.below(8);
  for (std::size_t i = 0; i < files; ++i) plan.files.push_back(draw_file(random));
  for (std::size_t i = 0; i < downloads; ++i) {
    const std::uint64_t wait = one_in(random, 2) ? 100 : 3'000;
    plan.downloads.push_back({static_cast<std::size_t>(random.below(files)), milliseconds(random.below(4'000)),
                              milliseconds(1 + random.below(wait))});
  }
  return plan;
}

std::string describe(const Plan& plan) {
  std::string text = "resumes, seed " + std::to_string(plan.seed) + (plan.tls ? ", TLS" : "") + "\n";
  for (std::size_t i = 0; i < plan.files.size(); ++i) {
    const FilePlan& file = plan.files[i];
    text +=
        "file " + std::to_string(i) + (file.has_ranges ? "" : ", no ranges") + (file.chunked ? ", chunked" : "") + "\n";
    for (const Version& version : file.versions) {
      text += "  from " + std::to_string(version.from / milliseconds(1)) + " ms: " + std::to_string(version.bytes) +
              " bytes " + version.etag + (version.dated ? " dated" : "") + "\n";
    }
  }
  for (const DownloadPlan& download : plan.downloads) {
    text += "download of " + std::to_string(download.file) + " from " +
            std::to_string(download.start / milliseconds(1)) + " ms, every " +
            std::to_string(download.wait / milliseconds(1)) + " ms\n";
  }
  return text;
}

std::string content(std::uint64_t seed, std::size_t file, std::size_t version, std::size_t bytes) {
  return body_of(seed, static_cast<std::uint32_t>(file * 16 + version), Direction::reply, bytes);
}

}  // namespace sluice::simtest::resumes
