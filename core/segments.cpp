// See segments.hpp.
#include "core/segments.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/http_date.hpp"
#include "core/resume.hpp"
#include "core/rules/set_cookie.hpp"
#include "core/validators.hpp"

namespace sluice {
namespace {

constexpr std::uint64_t kMostWholeBytes = std::uint64_t{1} << 62;  // of a whole: sums of two positions do not overflow
constexpr std::string_view kJournal = "sluice segments 1";
constexpr std::size_t kMostJournalBytes = 512 * 1024;

using No = std::unexpected<std::string_view>;

// Whether the list in Accept-Ranges (RFC 9110 14.3) has "bytes".
bool serves_ranges(const Fields& fields) {
  for (const Field& field : fields) {
    if (!equals_ignoring_case(field.name, "Accept-Ranges")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (equals_ignoring_case(trim_blanks(rest.substr(0, comma)), "bytes")) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

std::optional<std::uint64_t> whole_length(const Fields& fields) {
  if (fields.contains("Transfer-Encoding") || fields.count("Content-Length") != 1) return std::nullopt;
  const auto length = rules::clamped_decimal(*fields.find("Content-Length"));
  if (!length || *length < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*length);
}

// Whether the response's own validator is the one that is known.
bool same_version(const SegmentedParts& parts, const Fields& fields) {
  if (const auto length = whole_length(fields); length && *length != parts.size) return false;
  const bool is_tag = parse_entity_tag(parts.if_range).has_value();
  const auto sent = fields.find(is_tag ? "ETag" : "Last-Modified");
  return sent && *sent == parts.if_range;
}

bool is_validator(std::string_view value) {
  if (const auto tag = parse_entity_tag(value)) return !tag->weak;
  return parse_http_date(value, 0).has_value();
}

std::optional<std::uint64_t> journal_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kMostWholeBytes) return std::nullopt;
  return value;
}

// Takes the text up to `end`, and `end` itself. nullopt: there is none.
std::optional<std::string_view> take_text_until(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + 1);
  return taken;
}

// The rest of a line that begins with `name` and a space.
std::optional<std::string_view> take_journal_value(std::string_view& text, std::string_view name) {
  auto line = take_text_until(text, '\n');
  if (!line || !line->starts_with(name)) return std::nullopt;
  line->remove_prefix(name.size());
  if (!line->starts_with(' ')) return std::nullopt;
  line->remove_prefix(1);
  const bool clean = std::all_of(line->begin(), line->end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
  return clean ? line : std::nullopt;
}

// "FIRST END DONE"
std::optional<Segment> parse_segment(std::string_view line) {
  const auto first_text = take_text_until(line, ' '), end_text = take_text_until(line, ' ');
  if (!first_text || !end_text) return std::nullopt;
  const auto first = journal_number(*first_text), end = journal_number(*end_text), done = journal_number(line);
  if (!first || !end || !done || *first >= *end || *done > *end - *first) return std::nullopt;
  return Segment{*first, *end, *done};
}

}  // namespace

std::uint64_t SegmentedParts::done() const {
  std::uint64_t bytes = 0;
  for (const Segment& segment : segments) bytes += segment.done;
  return bytes;
}

std::vector<Segment> equal_segments(std::uint64_t size, const SegmentsWanted& wanted) {
  const std::uint64_t least = std::max<std::uint64_t>(wanted.least_bytes, 1);
  const std::uint64_t most = std::clamp<std::uint64_t>(wanted.count, 1, SegmentsWanted::kMost);
  const std::uint64_t count = std::clamp<std::uint64_t>(size / least, 1, most);
  const std::uint64_t share = size / count + (size % count != 0 ? 1 : 0);
  std::vector<Segment> segments;
  for (std::uint64_t first = 0; first < size; first += share) {
    segments.push_back({first, first + std::min(share, size - first), 0});
  }
  return segments;
}

std::expected<SegmentedParts, std::string_view> divide(std::string url, int status, const Fields& fields,
                                                       const SegmentsWanted& wanted, UnixSeconds now) {
  if (status != 200) return No("its status is not 200");
  if (!serves_ranges(fields)) return No("it has no Accept-Ranges: bytes");
  // The bytes of a coding that is made for each response may differ.
  if (fields.contains("Content-Encoding")) return No("it has a content coding");
  const auto size = whole_length(fields);
  if (!size || *size > kMostWholeBytes) return No("it has no Content-Length");
  const auto validator = if_range_value(fields, now);
  if (!validator || !is_validator(*validator)) return No("it has neither a strong ETag nor a usable Last-Modified");
  SegmentedParts parts{std::move(url), std::string(*validator), *size, equal_segments(*size, wanted)};
  if (parts.segments.size() < 2) return No("it is too small");
  return parts;
}

std::string segment_range(const Segment& segment) {
  return "bytes=" + std::to_string(segment.next()) + "-" + std::to_string(segment.end - 1);
}

SegmentAnswer judge_segment(const SegmentedParts& parts, const Segment& segment, int status, const Fields& fields) {
  if (status == 200 || status == 203) {
    if (same_version(parts, fields)) return {SegmentStep::whole, 0, "the server sends the whole instead of a part"};
    return {SegmentStep::changed, 0, "the server has another version now"};
  }
  if (status != 206 && status != 416) {
    return {SegmentStep::refused, 0, "the server answered with status " + std::to_string(status)};
  }
  const auto decided =
      resume({.bytes = segment.next(), .size = parts.size, .if_range = parts.if_range}, status, fields);
  // Its text begins with the position, which the caller knows.
  if (!decided) {
    const std::string& context = decided.error().context;
    return {SegmentStep::changed, 0, context.substr(std::min(context.find("the server "), context.size()))};
  }
  if (decided->step == ResumeStep::changed) {
    return {SegmentStep::changed, 0, "the server has another version now: " + decided->why};
  }
  if (decided->step != ResumeStep::append || decided->bytes > segment.left()) {
    return {SegmentStep::changed, 0, "the server sent another part than was asked for"};
  }
  return {SegmentStep::append, decided->bytes, {}};
}

std::string format_segment_journal(const SegmentedParts& parts) {
  std::string text(kJournal);
  text += "\nurl " + parts.url + "\nif-range " + parts.if_range + "\nsize " + std::to_string(parts.size) + "\n";
  for (const Segment& segment : parts.segments) {
    text += "segment " + std::to_string(segment.first) + " " + std::to_string(segment.end) + " " +
            std::to_string(segment.done) + "\n";
  }
  return text + "end\n";
}

std::expected<SegmentedParts, std::string_view> parse_segment_journal(std::string_view text, std::uint64_t part_bytes) {
  if (text.size() > kMostJournalBytes) return No("it is too large");
  if (take_text_until(text, '\n') != kJournal) return No("it is no journal");
  const auto url = take_journal_value(text, "url"), if_range = take_journal_value(text, "if-range"),
             size_text = take_journal_value(text, "size");
  const auto size = size_text ? journal_number(*size_text) : std::nullopt;
  if (!url || !if_range || !size || !is_validator(*if_range)) return No("a line of it is not understood");
  SegmentedParts parts{std::string(*url), std::string(*if_range), size.value_or(0), {}};
  std::uint64_t end = 0;
  while (text != "end\n") {
    const auto line = take_journal_value(text, "segment");
    const auto segment = line ? parse_segment(*line) : std::nullopt;
    if (!segment) return No("a line of it is not understood");
    if (segment->first != end || parts.segments.size() == SegmentsWanted::kMost) {
      return No("its segments do not follow one another");
    }
    if (segment->done > 0 && segment->next() > part_bytes) return No("it names bytes after the end of the part");
    end = segment->end;
    parts.segments.push_back(*segment);
  }
  if (end != parts.size || parts.segments.empty()) return No("its segments are not the whole");
  return parts;
}

}  // namespace sluice
