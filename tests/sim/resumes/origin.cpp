// See origin.hpp.
#include "tests/sim/resumes/origin.hpp"

#include <algorithm>
#include <charconv>

#include "core/http_date.hpp"

namespace sluice::simtest::resumes {
namespace {

// From then on responses have no fault of the origin's, so that each download ends.
constexpr std::size_t kFaultyRequests = 40;

std::uint64_t seed_of(std::uint64_t seed) {
  std::uint64_t state = seed ^ 0x0f11'e0f1'1e0f'11e0u;
  return splitmix64(state);
}

UnixSeconds second_of(Duration elapsed) { return kStart + elapsed / std::chrono::seconds(1); }

}  // namespace

std::optional<std::size_t> first_of_range(std::string_view value) {
  constexpr std::string_view kUnit = "bytes=";
  if (!value.starts_with(kUnit) || !value.ends_with('-')) return std::nullopt;
  value = value.substr(kUnit.size(), value.size() - kUnit.size() - 1);
  std::size_t first = 0;
  const auto end = std::from_chars(value.data(), value.data() + value.size(), first);
  if (value.empty() || end.ec != std::errc() || end.ptr != value.data() + value.size()) return std::nullopt;
  return first;
}

Origin::Origin(const Plan& plan) : plan_(plan), random_(Seed{seed_of(plan.seed)}) {
  for (std::size_t file = 0; file < plan.files.size(); ++file) {
    bodies_.emplace_back();
    for (std::size_t version = 0; version < plan.files[file].versions.size(); ++version)
      bodies_[file].push_back(content(plan.seed, file, version, plan.files[file].versions[version].bytes));
  }
}

bool Origin::is_whole(std::size_t file, std::string_view body) const {
  return std::ranges::find(bodies_[file], body) != bodies_[file].end();
}

std::size_t Origin::version_at(std::size_t file, Duration elapsed) const {
  const std::vector<Version>& versions = plan_.files[file].versions;
  const auto next = std::ranges::upper_bound(versions, elapsed, {}, &Version::from);
  return static_cast<std::size_t>(next - versions.begin()) - 1;
}

std::string Origin::last_modified(std::size_t file, std::size_t version) const {
  const Version& of = plan_.files[file].versions[version];
  return of.dated ? format_http_date(second_of(of.from)) : "";
}

// RFC 9110 13.1.5, and what some servers do instead.
bool Origin::may_send_part(std::size_t file, std::size_t version, const std::string* if_range) {
  if (!plan_.files[file].has_ranges) return false;
  if (!if_range || happens(plan_.files[file].ignores_if_range)) return true;
  const std::string& etag = plan_.files[file].versions[version].etag;
  if (if_range->starts_with('"')) return *if_range == etag;
  return *if_range == last_modified(file, version);
}

void Origin::add_part(const FilePlan& file, std::string_view whole, std::size_t first, sim::HttpReply& reply) {
  const std::string size = std::to_string(whole.size());
  if (first >= whole.size()) {
    reply.status = 416;
    reply.fields.emplace_back("Content-Range", "bytes */" + size);
    reply.body = "no such range";
    return;
  }
  if (happens(file.other_first)) first = random_.below(whole.size());
  std::size_t count = whole.size() - first;
  if (happens(file.short_parts)) count = 1 + random_.below(count);
  reply.status = 206;
  reply.body = std::string(whole.substr(first, count));
  const std::string range = std::to_string(first) + '-' + std::to_string(first + count - 1);
  if (!happens(file.no_content_range)) reply.fields.emplace_back("Content-Range", "bytes " + range + '/' + size);
}

void Origin::add_validators(std::size_t file, std::size_t version, Duration elapsed, sim::HttpReply& reply) const {
  const Version& of = plan_.files[file].versions[version];
  if (!of.etag.empty()) reply.fields.emplace_back("ETag", of.etag);
  if (of.dated) reply.fields.emplace_back("Last-Modified", last_modified(file, version));
  if (plan_.files[file].says_dates) reply.fields.emplace_back("Date", format_http_date(second_of(elapsed)));
}

void Origin::add_faults(const FilePlan& file, sim::HttpReply& reply) {
  if (happens(file.unavailable)) {
    reply = {};
    reply.status = 503;
    reply.body = "come again later";
  }
  if (happens(file.short_bodies)) reply.origin_fault = sim::OriginFault::short_body;
  if (happens(file.resets_in_body)) reply.origin_fault = sim::OriginFault::reset_in_body;
}

sim::HttpReply Origin::respond(const sim::HttpRequest& request, Duration elapsed) {
  sim::HttpReply reply;
  std::size_t index = 0;
  const std::string_view path = request.target;
  std::from_chars(path.data() + 1, path.data() + path.size(), index);
  const FilePlan& file = plan_.files[index];
  const std::size_t version = version_at(index, elapsed);
  const std::string& whole = bodies_[index][version];
  const std::string* range = request.field("range");
  const auto first = first_of_range(range ? *range : "");
  if (first && may_send_part(index, version, request.field("if-range"))) {
    add_part(file, whole, *first, reply);
  } else {
    reply.body = whole;
  }
  add_validators(index, version, elapsed, reply);
  if (file.chunked) reply.framing = sim::HttpReply::Framing::chunked;
  if (++requests_ <= kFaultyRequests) add_faults(file, reply);
  return reply;
}

}  // namespace sluice::simtest::resumes
