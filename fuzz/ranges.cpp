// Fuzzes core/resume.hpp, core/segments.hpp, core/validators.hpp and core/rules/content_range.hpp. Input: lines with
// what is known of an earlier part: its bytes, the size of the whole, ETag, Last-Modified and If-Range (each may be
// empty), then the status, then fields. Oracles: what is parsed prints to a text that means the same; If-Range is a
// strong ETag or a date of the fields; a part is continued only at its end, within the whole and by the same version;
// what an honest server answers is taken. The whole input is also read as a journal: what is taken is a division of a
// whole, within the part.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "core/http_date.hpp"
#include "core/resume.hpp"
#include "core/rules/content_range.hpp"
#include "core/segments.hpp"
#include "core/validators.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

using namespace rules;

constexpr UnixSeconds kNow = 1'700'000'000;

const bool kSights =
    must_be_seen({"a range", "a range without a size", "an unsatisfied range", "a tag", "a weak tag",
                  "If-Range with a tag", "If-Range with a date", "an honest server", "a journal", "a divided whole"});

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string printed(const ContentRange& range) {
  const auto part = range.part;
  const std::string positions = part ? std::to_string(part->first) + "-" + std::to_string(part->last) : "*";
  return "bytes " + positions + "/" + (range.size ? std::to_string(*range.size) : "*");
}

void check_value(std::string_view value) {
  if (const auto range = parse_content_range(value)) {
    constexpr std::uint64_t kEnd = std::uint64_t{1} << 63;
    const auto& [part, size] = *range;
    FUZZ_CHECK_SAYING(parse_content_range(printed(*range)) == range, shown(value));
    FUZZ_CHECK((part || size) && size.value_or(0) < kEnd);
    if (part) FUZZ_CHECK(part->first <= part->last && part->last < size.value_or(kEnd) && part->size() <= kEnd);
    saw(!part ? "an unsatisfied range" : size ? "a range" : "a range without a size");
  }
  if (const auto tag = parse_entity_tag(value)) {
    FUZZ_CHECK_SAYING((tag->weak ? "W/\"" : "\"") + std::string(tag->opaque) + "\"" == value, shown(value));
    FUZZ_CHECK(are_strongly_equal(*tag, *tag) == !tag->weak);
    saw(tag->weak ? "a weak tag" : "a tag");
  }
}

void check_if_range(const Fields& fields) {
  const auto value = if_range_value(fields, kNow);
  if (!value) return;
  const auto tag = parse_entity_tag(*value);
  saw(tag ? "If-Range with a tag" : "If-Range with a date");
  FUZZ_CHECK(tag ? !tag->weak : parse_http_date(*value, kNow) < parse_http_date(*fields.find("Date"), kNow));
  FUZZ_CHECK(value->data() == fields.find(tag ? "ETag" : "Last-Modified")->data());
}

// The verdict.
std::string check_resume(const EarlierPart& part, int status, const Fields& fields) {
  const auto step = resume(part, status, fields);
  if (!step) {
    FUZZ_CHECK(step.error().code == Code::malformed_response && step.error().context.size() < 250);
    return "refused";
  }
  const auto range = parse_content_range(fields.find("Content-Range").value_or(""));
  if (step->step == ResumeStep::restart) FUZZ_CHECK(status == 200 || status == 203);
  if (step->step == ResumeStep::restart) return "restart";
  if (step->step == ResumeStep::changed) {
    FUZZ_CHECK((status == 206 || status == 416) && !step->why.empty() && step->why.size() < 100);
    return "changed";
  }
  FUZZ_CHECK(!step->size || !part.size || step->size == part.size);
  if (step->step == ResumeStep::complete) {
    FUZZ_CHECK(status == 416 && step->size == part.bytes);
    return "complete";
  }
  FUZZ_CHECK(status == 206 && range && range->part && range->part->first == part.bytes && step->bytes > 0);
  FUZZ_CHECK(step->bytes == range->part->size() && (!range->size || range->size == step->size));
  FUZZ_CHECK(!step->size || step->bytes <= *step->size - part.bytes);
  const auto tag = fields.find("ETag");
  FUZZ_CHECK_SAYING(part.etag.empty() || !tag || tag == part.etag, shown(part.etag));
  if (parse_entity_tag(part.if_range)) FUZZ_CHECK_SAYING(!tag || tag == part.if_range, shown(part.if_range));
  const auto modified = fields.find("Last-Modified");
  if (!tag && !part.last_modified.empty()) FUZZ_CHECK(!modified || modified == part.last_modified);
  return "append";
}

void check_journal(std::string_view text) {
  const std::uint64_t part_bytes = text.size();
  const auto parts = parse_segment_journal(text, part_bytes);
  if (!parts) return;
  saw("a journal");
  FUZZ_CHECK_SAYING(format_segment_journal(*parts) == text || text.find(" 0") != text.npos, shown(text));
  FUZZ_CHECK(parse_segment_journal(format_segment_journal(*parts), part_bytes) == *parts);
  std::uint64_t end = 0;
  for (const Segment& segment : parts->segments) {
    FUZZ_CHECK(segment.first == end && segment.end > end && segment.done <= segment.end - segment.first);
    FUZZ_CHECK(segment.done == 0 || segment.next() <= part_bytes);
    end = segment.end;
  }
  FUZZ_CHECK(end == parts->size && parts->done() <= parts->size);
}

// A response that may be divided, and the answers to its ranges.
void check_segments(int status, const Fields& fields) {
  const auto parts = divide("u", status, fields, {.count = 3, .least_bytes = 2}, kNow);
  if (!parts) return;
  saw("a divided whole");
  check_journal(format_segment_journal(*parts));
  const Segment& second = parts->segments[1];
  const SegmentAnswer answer = judge_segment(*parts, second, status, fields);
  FUZZ_CHECK(answer.step == SegmentStep::whole || answer.step == SegmentStep::changed);
  Fields part;
  FUZZ_CHECK(part.add("Content-Range", printed({ContentRange::Part{second.next(), second.end - 1}, parts->size})));
  FUZZ_CHECK(judge_segment(*parts, second, 206, part) == SegmentAnswer({SegmentStep::append, second.left(), {}}));
  FUZZ_CHECK(judge_segment(*parts, parts->segments[0], 206, part).step == SegmentStep::changed);
}

// The rest of the same file.
void check_honest(const EarlierPart& part) {
  if (!part.size || part.bytes >= *part.size || *part.size >> 63 != 0) return;
  Fields fields;
  const ContentRange range{ContentRange::Part{part.bytes, *part.size - 1}, part.size};
  FUZZ_CHECK(fields.add("Content-Range", printed(range)) && range_value(part.bytes).ends_with("-"));
  const bool good = part.etag.empty() || (fields.add("ETag", part.etag) && fields.find("ETag") == part.etag);
  if (!good || (!part.if_range.empty() && part.if_range != part.etag)) return;
  saw("an honest server");
  const Resume wanted{ResumeStep::append, *part.size - part.bytes, part.size, {}};
  FUZZ_CHECK(resume(part, 206, fields) == wanted);
  FUZZ_CHECK(fields.add("Content-Length", std::to_string(wanted.bytes)) && resume(part, 206, fields) == wanted);
  FUZZ_CHECK(fields.set("Content-Length", std::to_string(wanted.bytes - 1)) && !resume(part, 206, fields));
  FUZZ_CHECK(!resume({.bytes = part.bytes + 1, .size = part.size}, 206, fields));
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  EarlierPart part;
  part.bytes = fuzz::number(input.up_to('\n')).value_or(0);
  part.size = fuzz::number(input.up_to('\n'));
  part.etag = input.up_to('\n');
  part.last_modified = input.up_to('\n');
  part.if_range = input.up_to('\n');
  const auto status = static_cast<int>(fuzz::number(input.up_to('\n')).value_or(0) % 1'000);
  Fields fields;
  while (!input.spent()) {
    const std::string_view line = input.up_to('\n'), value = line.substr(std::min(line.find(':') + 1, line.size()));
    if (!fields.add_received(line.substr(0, line.find(':')), value)) continue;
    fuzz::check_value(fields.at(fields.size() - 1).value);
  }
  fuzz::check_if_range(fields);
  fuzz::check_journal(as_text(Bytes(data, size)));
  fuzz::check_segments(200, fields);
  fuzz::check_honest(part);
  fuzz::last_verdict = fuzz::check_resume(part, status, fields);
  return 0;
}
