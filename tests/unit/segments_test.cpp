// core/segments: whether and how a whole is divided, what the response to a range means, and the journal.
#include "core/segments.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace sluice;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr UnixSeconds kNow = 1'700'000'000;

Fields fields_of(const Pairs& pairs) {
  Fields fields;
  for (const auto& [name, value] : pairs) REQUIRE(fields.add_received(name, value));
  return fields;
}

// "0-3 3-6 6-8"
std::string shares(std::uint64_t size, std::size_t count, std::uint64_t least) {
  std::string text;
  std::uint64_t end = 0;
  for (const Segment& segment : equal_segments(size, {.count = count, .least_bytes = least})) {
    CHECK(segment.first == end);
    CHECK(segment.done == 0);
    CHECK(segment.left() > 0);
    end = segment.end;
    text += (text.empty() ? "" : " ") + std::to_string(segment.first) + "-" + std::to_string(segment.end);
  }
  CHECK(end == size);
  return text;
}

SegmentedParts two_halves() { return {"http://a.example/f", "\"a\"", 1'000, {{0, 500, 100}, {500, 1'000, 0}}}; }

// "append 400", or the step and why.
std::string judged(const SegmentedParts& parts, std::size_t segment, int status, const Pairs& pairs) {
  const SegmentAnswer answer = judge_segment(parts, parts.segments[segment], status, fields_of(pairs));
  switch (answer.step) {
    case SegmentStep::append:
      CHECK(answer.why.empty());
      return "append " + std::to_string(answer.bytes);
    case SegmentStep::whole:
      return "whole: " + answer.why;
    case SegmentStep::changed:
      return "changed: " + answer.why;
    case SegmentStep::refused:
      return "refused: " + answer.why;
  }
  return "";
}

std::string read_journal(const std::string& text, std::uint64_t part_bytes = 1'000) {
  const auto parts = parse_segment_journal(text, part_bytes);
  if (!parts) return std::string(parts.error());
  CHECK(format_segment_journal(*parts) == text);
  return "ok";
}

}  // namespace

TEST_CASE("segments: equal shares that follow one another, none too small") {
  const struct {
    std::uint64_t size;
    std::size_t count;
    std::uint64_t least;
    std::string result;
  } rows[] = {
      {9, 3, 1, "0-3 3-6 6-9"}, {8, 3, 1, "0-3 3-6 6-8"}, {10, 4, 1, "0-3 3-6 6-9 9-10"},
      {9, 4, 1, "0-3 3-6 6-9"},  // four shares of three would be too many
      {2, 5, 1, "0-1 1-2"},     {1, 5, 1, "0-1"},         {0, 5, 1, ""},
      {10, 1, 1, "0-10"},       {10, 0, 0, "0-10"},       {10, 5, 5, "0-5 5-10"},
      {10, 5, 6, "0-10"},       {9, 9, 4, "0-5 5-9"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.size);
    CAPTURE(row.count);
    CHECK(shares(row.size, row.count, row.least) == row.result);
  }
  CHECK(equal_segments(100'000, {.count = 100'000, .least_bytes = 1}).size() == SegmentsWanted::kMost);
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  CHECK(equal_segments(most, {.count = 3}).back().end == most);
}

TEST_CASE("segments: a whole is divided if the server serves ranges, its size is known and its version is provable") {
  const std::string size = std::to_string(8 * kMiB), too_small = std::to_string(2 * kMiB - 1);
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT", later = "Sun, 06 Nov 1994 08:49:38 GMT";
  const Pairs good = {{"accept-ranges", "bytes"}, {"Content-Length", size}, {"ETag", "\"a\""}};
  const struct {
    int status;
    Pairs fields;
    std::string result;
  } rows[] = {
      {200, good, "\"a\" 4"},
      {200,
       {{"Accept-Ranges", "x, Bytes"}, {"Content-Length", size}, {"Last-Modified", date}, {"Date", later}},
       date + " 4"},
      {206, good, "its status is not 200"},
      {203, good, "its status is not 200"},
      {404, good, "its status is not 200"},
      {200, {{"Content-Length", size}, {"ETag", "\"a\""}}, "it has no Accept-Ranges: bytes"},
      {200, {{"Accept-Ranges", "none"}, {"Content-Length", size}, {"ETag", "\"a\""}}, "it has no Accept-Ranges: bytes"},
      {200,
       {{"Accept-Ranges", "bytesx"}, {"Content-Length", size}, {"ETag", "\"a\""}},
       "it has no Accept-Ranges: bytes"},
      {200, {{"Accept-Ranges", "bytes"}, {"ETag", "\"a\""}}, "it has no Content-Length"},
      {200,
       {{"Accept-Ranges", "bytes"}, {"Content-Length", size}, {"Transfer-Encoding", "chunked"}, {"ETag", "\"a\""}},
       "it has no Content-Length"},
      {200,
       {{"Accept-Ranges", "bytes"}, {"Content-Length", "9223372036854775807"}, {"ETag", "\"a\""}},
       "it has no Content-Length"},
      {200,
       {{"Accept-Ranges", "bytes"}, {"Content-Length", size}, {"Content-Encoding", "gzip"}, {"ETag", "\"a\""}},
       "it has a content coding"},
      {200,
       {{"Accept-Ranges", "bytes"}, {"Content-Length", size}, {"ETag", "W/\"a\""}},
       "it has neither a strong ETag nor a usable Last-Modified"},
      {200,
       {{"Accept-Ranges", "bytes"}, {"Content-Length", size}, {"Last-Modified", date}, {"Date", date}},
       "it has neither a strong ETag nor a usable Last-Modified"},
      {200,
       {{"Accept-Ranges", "bytes"}, {"Content-Length", size}},
       "it has neither a strong ETag nor a usable Last-Modified"},
      {200, {{"Accept-Ranges", "bytes"}, {"Content-Length", too_small}, {"ETag", "\"a\""}}, "it is too small"},
      {200, {{"Accept-Ranges", "bytes"}, {"Content-Length", "0"}, {"ETag", "\"a\""}}, "it is too small"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.result);
    CAPTURE(&row - rows);
    const auto parts = divide("http://a.example/f", row.status, fields_of(row.fields), {.count = 4}, kNow);
    CHECK((parts ? parts->if_range + " " + std::to_string(parts->segments.size()) : parts.error()) == row.result);
    if (!parts) continue;
    CHECK(parts->size == 8 * kMiB);
    CHECK(parts->url == "http://a.example/f");
    CHECK(parts->segments == equal_segments(8 * kMiB, {.count = 4}));
    CHECK(parse_segment_journal(format_segment_journal(*parts), 0) == *parts);
  }
}

TEST_CASE("segments: a range asks for what is missing") {
  CHECK(segment_range({0, 500, 0}) == "bytes=0-499");
  CHECK(segment_range({500, 1'000, 100}) == "bytes=600-999");
  CHECK(segment_range({500, 1'000, 499}) == "bytes=999-999");
}

TEST_CASE("segments: what the response to a range means") {
  const std::string another = "changed: the server has another version now";
  const struct {
    std::size_t segment;
    int status;
    Pairs fields;
    std::string result;
  } rows[] = {
      {0, 206, {{"Content-Range", "bytes 100-499/1000"}}, "append 400"},
      {0, 206, {{"Content-Range", "bytes 100-499/1000"}, {"ETag", "\"a\""}}, "append 400"},
      {0, 206, {{"Content-Range", "bytes 100-499/*"}}, "append 400"},
      {0, 206, {{"Content-Range", "bytes 100-199/1000"}}, "append 100"},
      {1, 206, {{"Content-Range", "bytes 500-999/1000"}}, "append 500"},
      {0, 206, {{"Content-Range", "bytes 100-500/1000"}}, "changed: the server sent another part than was asked for"},
      {0, 206, {{"Content-Range", "bytes 0-499/1000"}}, "changed: the server sent the bytes from 0 on"},
      {0, 206, {}, "changed: the server sent a part without a valid Content-Range"},
      {0, 206, {{"Content-Range", "bytes 100-499/1000"}, {"ETag", "\"b\""}}, another + ": its ETag is not the same"},
      {0, 206, {{"Content-Range", "bytes 100-499/1001"}}, another + ": it has 1001 bytes, and had 1000 bytes"},
      {0,
       206,
       {{"Content-Range", "bytes 100-499/1000"}, {"Content-Length", "399"}},
       "changed: the server sent a Content-Range and a Content-Length that differ"},
      {0, 416, {{"Content-Range", "bytes */50"}}, another + ": it has 50 bytes (status 416)"},
      {0, 416, {}, "changed: the server refused to send them (status 416) of 1000 bytes"},
      {0, 200, {{"ETag", "\"a\""}}, "whole: the server sends the whole instead of a part"},
      {0, 200, {{"ETag", "\"a\""}, {"Content-Length", "1000"}}, "whole: the server sends the whole instead of a part"},
      {0, 203, {{"ETag", "\"a\""}}, "whole: the server sends the whole instead of a part"},
      {0, 200, {{"ETag", "\"a\""}, {"Content-Length", "999"}}, another},
      {0, 200, {{"ETag", "\"b\""}}, another},
      {0, 200, {}, another},
      {0, 404, {}, "refused: the server answered with status 404"},
      {0, 503, {{"Content-Range", "bytes 100-499/1000"}}, "refused: the server answered with status 503"},
      {0, 304, {}, "refused: the server answered with status 304"},
      {0, 204, {}, "refused: the server answered with status 204"},
  };
  for (const auto& row : rows) {
    CAPTURE(&row - rows);
    CHECK(judged(two_halves(), row.segment, row.status, row.fields) == row.result);
  }
  // A segment whose end the whole does not reach any more: a 416 that says the same size as its begin.
  SegmentedParts parts = two_halves();
  CHECK(judged(parts, 1, 416, {{"Content-Range", "bytes */500"}}) == another + ": it has 500 bytes (status 416)");
  // By date.
  parts.if_range = "Sun, 06 Nov 1994 08:49:37 GMT";
  CHECK(judged(parts, 0, 200, {{"Last-Modified", parts.if_range}}).starts_with("whole"));
  CHECK(judged(parts, 0, 200, {{"ETag", "\"a\""}}) == another);
  CHECK(judged(parts, 0, 206,
               {{"Content-Range", "bytes 100-499/1000"}, {"Last-Modified", "Sun, 06 Nov 1994 08:49:38 GMT"}}) ==
        another + ": its Last-Modified is not the same");
}

TEST_CASE("segments: a journal says what is there, and what does not fit is refused") {
  const std::string text = format_segment_journal(two_halves());
  CHECK(text ==
        "sluice segments 1\nurl http://a.example/f\nif-range \"a\"\nsize 1000\nsegment 0 500 100\n"
        "segment 500 1000 0\nend\n");
  CHECK(parse_segment_journal(text, 100) == two_halves());
  CHECK(two_halves().done() == 100);
  CHECK_FALSE(two_halves().whole());
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse_segment_journal(text.substr(0, size), 1'000));
  }
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const std::size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, from.size(), to);
  };
  const std::string line = "a line of it is not understood", follow = "its segments do not follow one another";
  const struct {
    std::string from, to, result;
  } rows[] = {
      {"segments 1", "segments 2", "it is no journal"},
      {"url ", "uri ", line},
      {"url http", "urlhttp", line},
      {"/f", "/f\x1b[2J", line},
      {"/f", std::string("/f\0", 3), line},
      {"\"a\"", "W/\"a\"", line},
      {"\"a\"", "", line},
      {"\"a\"", "a", line},
      {"\"a\"", "Sun, 06 Nov 1994 08:49:37 GMT", "ok"},
      {"size 1000", "size 999", "its segments are not the whole"},
      {"size 1000", "size 1001", "its segments are not the whole"},
      {"size 1000", "size -1", line},
      {"size 1000", "size 99999999999999999999", line},
      {"size 1000", "size 9223372036854775807", line},
      {"0 500 100", "0 500 501", line},
      {"0 500 100", "0 500 500", "ok"},
      {"0 500 100", "0 0 0", line},
      {"0 500 100", "1 500 100", follow},
      {"0 500 100", "500 0 0", line},
      {"0 500 100", "0 500  100", line},
      {"0 500 100", "0 500 100 1", line},
      {"0 500 100", "0 500", line},
      {"0 500 100", "0 500 +1", line},
      {"500 1000", "499 1000", follow},
      {"500 1000", "501 1000", follow},
      {"500 1000 0", "500 18446744073709551615 0", line},
      {"end\n", "end\nend\n", line},
      {"end\n", "end", line},
      {"segment 0 500 100\nsegment 500 1000 0\n", "", "its segments are not the whole"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.from);
    CAPTURE(row.to);
    CHECK(read_journal(with(row.from, row.to)) == row.result);
  }
  CHECK(read_journal(text, 100) == "ok");
  CHECK(read_journal(text, 99) == "it names bytes after the end of the part");
  CHECK(read_journal(with("1000 0\n", "1000 1\n"), 500) == "it names bytes after the end of the part");
  CHECK(read_journal(std::string(600'000, 'x')) == "it is too large");
  std::string many = "sluice segments 1\nurl u\nif-range \"a\"\nsize 1001\n";
  for (int i = 0; i < 1'001; ++i) many += "segment " + std::to_string(i) + " " + std::to_string(i + 1) + " 0\n";
  CHECK(read_journal(many + "end\n") == follow);
}
