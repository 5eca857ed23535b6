// core/resume: what a response means for a download that continues, row by row.
#include "core/resume.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace sluice;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// "append 500 of 1000", "restart", "complete of 500", or the end of the error's text.
std::string decide(const EarlierPart& part, int status, const Pairs& pairs) {
  Fields fields;
  for (const auto& [name, value] : pairs) REQUIRE(fields.add_received(name, value));
  const auto result = resume(part, status, fields);
  if (!result) {
    CHECK(result.error().code == Code::malformed_response);
    CHECK(result.error().blame == Blame::peer);
    const std::string text = result.error().message();
    const std::string head = "continuing a download from byte " + std::to_string(part.bytes) + ": the server ";
    REQUIRE(text.starts_with(head));
    CHECK(text.size() < 160);
    return text.substr(head.size());
  }
  const std::string size = result->size ? " of " + std::to_string(*result->size) : "";
  if (result->step != ResumeStep::append) CHECK(result->bytes == 0);
  switch (result->step) {
    case ResumeStep::append:
      return "append " + std::to_string(result->bytes) + size;
    case ResumeStep::restart:
      return "restart" + size;
    case ResumeStep::complete:
      return "complete" + size;
    case ResumeStep::changed:
      return "changed: " + result->why;
  }
  return "";
}

// As decide(), of a 206 with this Content-Range after 500 bytes.
std::string append(const std::string& range, std::optional<std::uint64_t> size = {}, Pairs more = {}) {
  more.emplace_back("Content-Range", range);
  return decide({.bytes = 500, .size = size}, 206, more);
}

// As decide(), of a 206 that is right but for its validators.
std::string versions(EarlierPart part, Pairs fields) {
  part.bytes = 500;
  fields.emplace_back("Content-Range", "bytes 500-999/1000");
  return decide(part, 206, fields);
}

const std::string kAppended = "append 500 of 1000";
const std::string kOtherTag = "changed: its ETag is not the same";
const std::string kOtherDate = "changed: its Last-Modified is not the same";

}  // namespace

TEST_CASE("resume: the value of Range") {
  CHECK(range_value(0) == "bytes=0-");
  CHECK(range_value(500) == "bytes=500-");
  CHECK(range_value(std::numeric_limits<std::uint64_t>::max()) == "bytes=18446744073709551615-");
}

TEST_CASE("resume: a 206 is appended if it begins where the earlier part ends, and of the same size") {
  const struct {
    const char* range;
    std::optional<std::uint64_t> size;
    std::string result;
  } rows[] = {
      {"bytes 500-999/1000", {}, kAppended},
      {"bytes 500-999/1000", 1'000, kAppended},
      {"bytes 500-999/*", {}, "append 500"},
      {"bytes 500-999/*", 1'000, kAppended},
      {"bytes 500-500/501", {}, "append 1 of 501"},
      {"bytes 500-599/1000", 1'000, "append 100 of 1000"},  // not all of the rest (RFC 9110 15.3.7)
      {"bytes 500-9223372036854775806/9223372036854775807", {}, "append 9223372036854775307 of 9223372036854775807"},
      {"bytes 499-999/1000", {}, "sent the bytes from 499 on"},
      {"bytes 501-999/1000", {}, "sent the bytes from 501 on"},
      {"bytes 0-999/1000", {}, "sent the bytes from 0 on"},
      {"bytes 500-999/1001", 1'000, "changed: it has 1001 bytes, and had 1000 bytes"},
      {"bytes 500-998/999", 1'000, "changed: it has 999 bytes, and had 1000 bytes"},
      {"bytes 500-999/1000", 500, "changed: it has 1000 bytes, and had 500 bytes"},
      {"bytes 500-1000/*", 1'000, "sent bytes after the end: the whole had 1000 bytes"},
      {"bytes 500-500/*", 500, "sent bytes after the end: the whole had 500 bytes"},
      {"bytes 500-999/*", 0, "sent bytes after the end: the whole had 0 bytes"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.range);
    CHECK(append(row.range, row.size) == row.result);
  }
  CHECK(decide({}, 206, {{"Content-Range", "bytes 0-9/10"}}) == "append 10 of 10");
  CHECK(decide({.bytes = std::uint64_t{1} << 63}, 206, {{"Content-Range", "bytes 0-9/10"}}) ==
        "sent the bytes from 0 on");
}

TEST_CASE("resume: a 206 without one valid Content-Range is never appended") {
  const std::string refused = "sent a part without a valid Content-Range";
  CHECK(decide({.bytes = 500}, 206, {}) == refused);
  CHECK(append("bytes 500-999/1000", {}, {{"content-range", "bytes 500-999/1000"}}) == refused);
  CHECK(append("bytes 500-999/1000", {}, {{"content-range", "bytes 0-999/1000"}}) == refused);
  for (const char* range : {"", "bytes */1000", "items 500-999/1000", "bytes 500-/1000", "bytes 500-999",
                            "bytes 500-499/1000", "bytes 500-1000/1000", "bytes 500-9223372036854775808/*"}) {
    CAPTURE(range);
    CHECK(append(range) == refused);
  }
  CHECK(append(std::string(100'000, '9')) == refused);
  CHECK(append("bytes 500-999/1000\x1b[2J") == refused);
}

TEST_CASE("resume: several parts are never appended") {
  for (const char* type : {"multipart/byteranges; boundary=x", "Multipart/ByteRanges", "multipart/byteranges ;x"}) {
    CAPTURE(type);
    const std::string refused = "sent several parts (multipart/byteranges) instead of one";
    CHECK(append("bytes 500-999/1000", {}, {{"Content-Type", type}}) == refused);
    CHECK(decide({.bytes = 500}, 206, {{"Content-Type", type}}) == refused);
  }
  for (const char* type : {"multipart/mixed", "multipart/byterangesx", "text/plain; x=multipart/byteranges", ""}) {
    CAPTURE(type);
    CHECK(append("bytes 500-999/1000", {}, {{"Content-Type", type}}) == kAppended);
  }
}

TEST_CASE("resume: a Content-Length says the same as the Content-Range") {
  const std::string refused = "sent a Content-Range and a Content-Length that differ";
  const std::pair<const char*, std::string> rows[] = {
      {"500", kAppended}, {"499", refused},  {"501", refused},
      {"0", refused},     {"1000", refused}, {"99999999999999999999", refused},
  };
  for (const auto& [length, result] : rows) {
    CAPTURE(length);
    CHECK(append("bytes 500-999/1000", {}, {{"content-length", length}}) == result);
  }
}

TEST_CASE("resume: a 206 of another version is never appended, but asked for anew") {
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT", later = "Sun, 06 Nov 1994 08:49:38 GMT";
  const struct {
    EarlierPart part;
    Pairs fields;
    std::string result;
  } rows[] = {
      {{}, {{"ETag", "\"b\""}, {"Last-Modified", later}}, kAppended},
      {{.etag = "\"a\"", .last_modified = date}, {}, kAppended},
      {{.etag = "\"a\""}, {{"Last-Modified", later}}, kAppended},
      {{.last_modified = date}, {{"ETag", "\"b\""}}, kAppended},
      {{.etag = "\"a\""}, {{"etag", "\"a\""}}, kAppended},
      {{.etag = "\"a\""}, {{"ETag", "\"b\""}}, kOtherTag},
      {{.etag = "\"a\""}, {{"ETag", "\"A\""}}, kOtherTag},
      {{.etag = "\"a\""}, {{"ETag", "W/\"a\""}}, kOtherTag},
      {{.etag = "W/\"a\""}, {{"ETag", "\"a\""}}, kOtherTag},
      {{.etag = "W/\"a\""}, {{"ETag", "W/\"a\""}}, kAppended},
      {{.etag = "\"a\""}, {{"ETag", ""}}, kOtherTag},
      {{.etag = "\"a\""}, {{"ETag", "\"a\""}, {"ETag", "\"b\""}}, kOtherTag},
      {{.etag = "a"}, {{"ETag", "a"}}, kAppended},  // not an entity tag, but the same text
      {{.etag = "a"}, {{"ETag", "b"}}, kOtherTag},
      {{.last_modified = date}, {{"Last-Modified", date}}, kAppended},
      {{.last_modified = date}, {{"last-modified", later}}, kOtherDate},
      // A strong entity tag that is the same proves it.
      {{.etag = "\"a\"", .last_modified = date}, {{"ETag", "\"a\""}, {"Last-Modified", later}}, kAppended},
      {{.etag = "W/\"a\"", .last_modified = date}, {{"ETag", "W/\"a\""}, {"Last-Modified", later}}, kOtherDate},
      {{.etag = "a", .last_modified = date}, {{"ETag", "a"}, {"Last-Modified", later}}, kOtherDate},
      {{.etag = "\"a\"", .last_modified = date}, {{"Last-Modified", later}}, kOtherDate},
      {{.etag = "\"a\"", .last_modified = date}, {{"ETag", "\"b\""}, {"Last-Modified", date}}, kOtherTag},
      // If-Range says what is known too.
      {{.if_range = "\"a\""}, {{"ETag", "\"a\""}, {"Last-Modified", later}}, kAppended},
      {{.if_range = "\"a\""}, {{"ETag", "\"b\""}}, kOtherTag},
      {{.if_range = "\"a\""}, {}, kAppended},
      {{.if_range = "\"a\""}, {{"Last-Modified", later}}, kAppended},
      {{.last_modified = date, .if_range = "\"a\""}, {{"ETag", "\"a\""}, {"Last-Modified", later}}, kAppended},
      {{.if_range = date}, {{"ETag", "\"b\""}, {"Last-Modified", date}}, kAppended},
      {{.if_range = date}, {{"Last-Modified", later}}, kOtherDate},
      {{.etag = "\"a\"", .if_range = "\"b\""}, {{"ETag", "\"a\""}}, kOtherTag},
  };
  for (const auto& row : rows) {
    CAPTURE(row.part.etag);
    CAPTURE(row.part.if_range);
    CAPTURE(&row - rows);
    CHECK(versions(row.part, row.fields) == row.result);
  }
  CHECK(versions({.etag = "\"a\""}, {{"ETag", std::string(200'000, 'x')}}) == kOtherTag);
}

TEST_CASE("resume: a whole response restarts, whatever its fields say") {
  const EarlierPart part{.bytes = 500, .size = 1'000, .etag = "\"a\"", .if_range = "\"a\""};
  for (const int status : {200, 203}) {
    CAPTURE(status);
    CHECK(decide(part, status, {}) == "restart");
    CHECK(decide(part, status, {{"Content-Length", "500"}, {"ETag", "\"b\""}}) == "restart");
    CHECK(decide(part, status, {{"Content-Range", "bytes 500-999/1000"}}) == "restart");
  }
}

TEST_CASE("resume: a 416 means that nothing is missing, if the whole ends where the earlier part does") {
  const std::string unknown = "has no bytes there (status 416), and does not say how many it has";
  const struct {
    std::optional<std::uint64_t> size;
    Pairs fields;
    std::string result;
  } rows[] = {
      {{}, {{"Content-Range", "bytes */500"}}, "complete of 500"},
      {500, {{"Content-Range", "bytes */500"}}, "complete of 500"},
      {500, {}, "complete of 500"},
      {500, {{"Content-Range", "bytes 500-999/1000"}}, "complete of 500"},
      {500, {{"Content-Range", "bytes */500"}, {"ETag", "\"b\""}, {"Content-Length", "7"}}, "complete of 500"},
      {{}, {{"Content-Range", "bytes */500"}, {"ETag", "\"a\""}}, "complete of 500"},
      // Nothing but its validator tells that the earlier part is not all of the version that it is of.
      {{}, {{"Content-Range", "bytes */500"}, {"ETag", "\"b\""}}, "changed: its ETag is not the same (status 416)"},
      {{}, {}, unknown},
      {{}, {{"Content-Range", "bytes */*"}}, unknown},
      {{}, {{"Content-Range", "bytes 0-499/500"}}, unknown},
      {{}, {{"Content-Range", "bytes */500"}, {"Content-Range", "bytes */500"}}, unknown},
      {{}, {{"Content-Range", "bytes */499"}}, "changed: it has 499 bytes (status 416)"},
      {{}, {{"Content-Range", "bytes */0"}}, "changed: it has 0 bytes (status 416)"},
      {1'000, {{"Content-Range", "bytes */500"}}, "changed: it has 500 bytes (status 416)"},
      {500, {{"Content-Range", "bytes */1000"}}, "changed: it has 1000 bytes (status 416)"},
      {{}, {{"Content-Range", "bytes */501"}}, "refused to send them (status 416) of 501 bytes"},
      {1'000, {}, "refused to send them (status 416) of 1000 bytes"},
  };
  for (const auto& row : rows) {
    CAPTURE(&row - rows);
    CHECK(decide({.bytes = 500, .size = row.size, .etag = "\"a\""}, 416, row.fields) == row.result);
  }
  CHECK(decide({}, 416, {{"Content-Range", "bytes */0"}}) == "complete of 0");
}

TEST_CASE("resume: no other status continues anything") {
  for (const int status : {0, 201, 202, 204, 205, 207, 226, 301, 304, 400, 404, 412, 415, 417, 500, 503, 999}) {
    CAPTURE(status);
    CHECK(decide({.bytes = 500}, status, {{"Content-Range", "bytes 500-999/1000"}}) ==
          "answered with status " + std::to_string(status));
  }
}
