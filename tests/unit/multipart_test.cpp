// build_multipart: bodies compared with what curl sent for the same parts, limits, and what is refused.
#include "core/multipart.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.hpp"

using namespace sluice;

namespace {

Result<Multipart> build(const MultipartParts& parts, const MultipartOptions& options = {}) {
  Random random(Seed{7});
  return build_multipart(parts, options, random);
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

// Type and body, with sources as <index>, line ends as \n and the n-th boundary as Bn.
std::string shown(const Result<Multipart>& built) {
  REQUIRE_MESSAGE(built, built.error().message());
  std::string text = built->content_type + "\n";
  for (const auto& segment : built->segments) {
    const auto* id = std::get_if<SourceId>(&segment);
    text += id != nullptr ? "<" + std::to_string(id->index) + ">" : std::get<std::string>(segment);
  }
  constexpr std::string_view kMark = "boundary=-";
  for (char number = '1'; text.find(kMark) != std::string::npos; ++number) {
    const std::string boundary = text.substr(text.find(kMark) + kMark.size() - 1, 24 + 22);
    replace_all(text, boundary, std::string("B") + number);
  }
  replace_all(text, "\r\n", "\n");
  return text;
}
std::string shown(const MultipartParts& parts, const MultipartOptions& options = {}) {
  return shown(build(parts, options));
}

MultipartPart part(std::optional<std::string> name, std::string text) {
  return {.name = std::move(name), .body = std::move(text)};
}
MultipartPart source(std::size_t index, std::optional<std::uint64_t> length) {
  return {.name = "f", .body = MultipartSource{{index}, length}};
}
MultipartPart list(std::optional<std::string> name, MultipartParts parts) {
  return {.name = std::move(name), .body = std::move(parts)};
}

std::string why_not(const MultipartParts& parts, const MultipartOptions& options = {}) {
  const auto built = build(parts, options);
  REQUIRE_FALSE(built.has_value());
  CHECK(built.error().code == Code::invalid_request);
  return built.error().context;
}

MultipartParts nested(std::size_t depth) {
  MultipartParts parts;
  for (std::size_t i = 1; i < depth; ++i) {
    MultipartParts outer;
    outer.push_back(list(std::nullopt, std::move(parts)));
    parts = std::move(outer);
  }
  return parts;
}

MultipartOptions backslashes() { return {.escapes = NameEscapes::backslash}; }

}  // namespace

TEST_CASE("multipart: fields and files, as in RFC 7578") {
  MultipartPart file = source(3, 10);
  file.file_name = "a b.png";
  file.content_type = "image/png";
  file.headers = {"X-One: 1", "X-Two:"};
  CHECK(shown({part("a", "b"), part("", ""), part(std::nullopt, "c\r\n"), file}) ==
        "multipart/form-data; boundary=B1\n"
        "--B1\nContent-Disposition: form-data; name=\"a\"\n\nb\n"
        "--B1\nContent-Disposition: form-data; name=\"\"\n\n\n"
        "--B1\nContent-Disposition: form-data\n\nc\n\n"
        "--B1\nContent-Disposition: form-data; name=\"f\"; filename=\"a b.png\"\nContent-Type: image/png\n"
        "X-One: 1\nX-Two:\n\n<3>\n"
        "--B1--\n");
}

TEST_CASE("multipart: several files of one field are a multipart/mixed, as curl sends -F 'a=@x,y.txt'") {
  MultipartPart x{.file_name = "x", .content_type = "application/octet-stream", .body = "hello"};
  MultipartPart y{.file_name = "y.txt", .content_type = "text/plain", .body = "hi there\n"};
  CHECK(shown({list("a", {x, y}), part("b", "1")}) ==
        "multipart/form-data; boundary=B1\n"
        "--B1\nContent-Disposition: form-data; name=\"a\"\nContent-Type: multipart/mixed; boundary=B2\n\n"
        "--B2\nContent-Disposition: attachment; filename=\"x\"\nContent-Type: application/octet-stream\n\nhello\n"
        "--B2\nContent-Disposition: attachment; filename=\"y.txt\"\nContent-Type: text/plain\n\nhi there\n\n"
        "--B2--\n\n"
        "--B1\nContent-Disposition: form-data; name=\"b\"\n\n1\n"
        "--B1--\n");
}

TEST_CASE("multipart: in another multipart the disposition is attachment, and absent without names") {
  MultipartPart inner = list("n", {part(std::nullopt, "in"), part("x", "2")});
  inner.content_type = "multipart/alternative; a=b";
  CHECK(shown({inner}) ==
        "multipart/form-data; boundary=B1\n"
        "--B1\nContent-Disposition: form-data; name=\"n\"\nContent-Type: multipart/alternative; a=b; boundary=B2\n\n"
        "--B2\n\nin\n"
        "--B2\nContent-Disposition: attachment; name=\"x\"\n\n2\n"
        "--B2--\n\n"
        "--B1--\n");
}

TEST_CASE("multipart: the parts of an inner multipart/form-data are form-data, however its type is written") {
  const auto disposition = [](std::string type) {
    MultipartPart inner = list("n", {part("x", "2")});
    inner.content_type = std::move(type);
    const std::string text = shown({inner});
    const std::size_t at = text.find("--B2\nContent-Disposition: ");
    REQUIRE(at != std::string::npos);
    return text.substr(at + 26, text.find(';', at) - at - 26);
  };
  CHECK(disposition("multipart/form-data") == "form-data");
  CHECK(disposition("MULTIPART/Form-Data; x=y") == "form-data");
  CHECK(disposition("multipart/form-data x") == "form-data");
  CHECK(disposition("multipart/form-datax") == "attachment");
  CHECK(disposition("multipart/form-dat") == "attachment");
}

TEST_CASE("multipart: no parts at all") {
  CHECK(shown(MultipartParts{}) == "multipart/form-data; boundary=B1\n--B1--\n");
  CHECK(shown({list("a", {})}) ==
        "multipart/form-data; boundary=B1\n"
        "--B1\nContent-Disposition: form-data; name=\"a\"\nContent-Type: multipart/mixed; boundary=B2\n\n--B2--\n\n"
        "--B1--\n");
}

TEST_CASE("multipart: the type of the whole body can be another, as with curl's -H Content-Type") {
  CHECK(shown({part("a", "b"), part(std::nullopt, "c")}, {.content_type = "multipart/related; x=y"}) ==
        "multipart/related; x=y; boundary=B1\n"
        "--B1\nContent-Disposition: attachment; name=\"a\"\n\nb\n"
        "--B1\n\nc\n"
        "--B1--\n");
}

TEST_CASE("multipart: the type of a part is its own, else that of its lines, else the fallback") {
  struct Row {
    std::string type, fallback;
    std::vector<std::string> headers;
    std::string lines;
  };
  const Row rows[] = {
      {"", "", {}, ""},
      {"a/b", "", {}, "Content-Type: a/b\n"},
      {"", "c/d", {}, "Content-Type: c/d\n"},
      {"a/b", "c/d", {"Content-Type: e/f", "X: 1"}, "Content-Type: a/b\nX: 1\n"},
      {"", "c/d", {"X: 1", "content-TYPE:  e/f", "Content-Type: g/h"}, "Content-Type: e/f\nX: 1\n"},
      {"", "c/d", {"Content-Type:"}, "Content-Type: \n"},
      {"", "", {"Content-Type-X: 1"}, "Content-Type-X: 1\n"},
  };
  for (const Row& row : rows) {
    MultipartPart one = part("a", "b");
    one.content_type = row.type;
    one.fallback_type = row.fallback;
    one.headers = row.headers;
    CHECK(shown({one}) == "multipart/form-data; boundary=B1\n--B1\nContent-Disposition: form-data; name=\"a\"\n" +
                              row.lines + "\nb\n--B1--\n");
  }
}

TEST_CASE("multipart: a boundary is added to a multipart's type wherever that comes from") {
  MultipartPart inner = list(std::nullopt, {});
  inner.headers = {"Content-Type: x/y", "X: 1"};
  CHECK(shown({inner}).find("\nContent-Type: x/y; boundary=B2\nX: 1\n\n--B2--\n") != std::string::npos);
}

TEST_CASE("multipart: a Content-Disposition line takes the place of the one that is made") {
  MultipartPart one = part("a", "b");
  one.headers = {"content-disposition: foo"};
  CHECK(shown({one}) == "multipart/form-data; boundary=B1\n--B1\ncontent-disposition: foo\n\nb\n--B1--\n");
}

TEST_CASE("multipart: names cannot break out of their quotes") {
  MultipartPart one = part("q\"\\%\r\n", "1");
  one.file_name = "\"\n\xc3\xa9\t";
  CHECK(shown({one}).find("name=\"q%22\\%%0D%0A\"; filename=\"%22%0A\xc3\xa9\t\"\n") != std::string::npos);
  one.name = "q\"\\%";
  one.file_name = "\\\"";
  CHECK(shown({one}, backslashes()).find("name=\"q\\\"\\\\%\"; filename=\"\\\\\\\"\"\n") != std::string::npos);
  for (const char* bad : {"\r", "\n", "a\r\nX: 1"}) {
    one = part(bad, "");
    CHECK(why_not({one}, backslashes()).find("cannot be written with backslashes") != std::string::npos);
    one = part("a", "");
    one.file_name = bad;
    CHECK(why_not({one}, backslashes()).find("cannot be written with backslashes") != std::string::npos);
  }
}

TEST_CASE("multipart: header lines and types cannot end a line or the head") {
  using namespace std::string_literals;
  for (const std::string& line : {""s, " "s, "X"s, ":"s, ": a"s, "X : a"s, " X: a"s, "X: a\r\nY: b"s, "X: a\n"s,
                                  "X:\r"s, "X: a\0"s, "X: \x7f"s, "X\n: a"s, "Content-Type"s}) {
    MultipartPart one = part("a", "b");
    one.headers = {"Good: 1", line};
    CHECK(why_not({one}).find("is not a header line") != std::string::npos);
  }
  for (const std::string& type : {"a/b\r\nX: 1"s, "a\0b"s, "a/b\n"s}) {
    MultipartPart one = part("a", "b");
    one.content_type = type;
    CHECK(why_not({one}).find("a control byte in the type") != std::string::npos);
    one.content_type = "";
    one.fallback_type = type;
    CHECK(why_not({list("n", {one})}).find("a control byte in the type") != std::string::npos);
    CHECK(why_not({}, {.content_type = type}).find("a control byte in its type") != std::string::npos);
  }
}

TEST_CASE("multipart: texts are joined, and sources are segments of their own") {
  const auto built = build({part("a", "b"), source(4, 1), source(2, 0)});
  REQUIRE(built);
  REQUIRE(built->segments.size() == 5);
  CHECK(std::get<SourceId>(built->segments[1]) == SourceId{4});
  CHECK(std::get<SourceId>(built->segments[3]) == SourceId{2});
}

TEST_CASE("multipart: the length is that of all bytes, if each source has one") {
  const auto texts = build({part("a", "b"), list("c", {part("d", std::string(1000, 'x'))})});
  REQUIRE(texts);
  CHECK(texts->length == std::get<std::string>(texts->segments.at(0)).size());

  const auto length = [](std::optional<std::uint64_t> one, std::optional<std::uint64_t> two) {
    const auto built = build({source(0, one), list("n", {source(1, two)})});
    REQUIRE(built);
    return built->length;
  };
  const std::uint64_t around = length(0, 0).value_or(0);
  CHECK(around > 200);
  CHECK(length(5, 7) == around + 12);
  CHECK(length(std::nullopt, 7) == std::nullopt);
  CHECK(length(5, std::nullopt) == std::nullopt);
  constexpr auto kLargest = std::numeric_limits<std::uint64_t>::max();
  CHECK(length(kLargest - around, 0) == kLargest);
  CHECK(why_not({source(0, kLargest - around + 1), list("n", {source(1, 0)})}).find("too many bytes") !=
        std::string::npos);
  CHECK(why_not({source(0, kLargest), source(1, kLargest)}).find("too many bytes") != std::string::npos);
  CHECK(why_not({source(0, kLargest), source(1, std::nullopt)}).find("too many bytes") != std::string::npos);
}

TEST_CASE("multipart: multiparts in each other have a limit") {
  CHECK(build(nested(kMaxMultipartDepth)).has_value());
  CHECK(why_not(nested(kMaxMultipartDepth + 1)).find("more than 32 multiparts") != std::string::npos);
}

TEST_CASE("SB-35: 100,000 boundaries are unique") {
  Random random(Seed{35});
  std::set<std::string> seen;
  std::set<char> used;
  for (int i = 0; i < 100'000; ++i) {
    const std::string boundary = make_boundary(random);
    REQUIRE(boundary.size() == 46);
    REQUIRE(boundary.find_first_not_of('-') == 24);
    used.insert(boundary.begin() + 24, boundary.end());
    REQUIRE(seen.insert(boundary).second);
  }
  CHECK(used.size() == 62);
  Random again(Seed{35});
  CHECK(seen.contains(make_boundary(again)));
}

TEST_CASE("SB-35: the boundaries of one body differ") {
  const auto built = build({list("a", {}), list("b", {})});
  const std::string text = shown(built);
  CHECK(text.find("boundary=B3") != std::string::npos);
}
