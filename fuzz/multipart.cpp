// Fuzzes core/multipart.hpp and adapters/cli/form_option.hpp. Input: a line with the type of the body, after a '\' if
// names are escaped by backslashes; then a value of -F in each line, or, after a '!', one of --form-string. A file
// holds its own name; if that begins with '?', its length is not known. Oracles: a text in quotes comes out as it went
// in; a value that is refused changes nothing; the length is that of all segments; the body has the parts in order,
// each with its text and no header line that was not asked for, and boundaries in no other places.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "adapters/cli/form_option.hpp"
#include "core/base/ascii.hpp"
#include "core/base/random.hpp"
#include "core/fields.hpp"
#include "core/multipart.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

const bool kSights = must_be_seen({"a refused value", "a refused body", "a file", "a file without a length",
                                   "a multipart in it", "a header line", "a type", "a warning", "backslashes"});

using Texts = std::vector<std::string>;  // of files

MultipartParts made_of(const std::vector<cli::FormPart>& parts, Texts& files) {
  MultipartParts made;
  for (const cli::FormPart& part : parts) {
    const auto lines = cli::header_lines(part, [](const std::string& name) { return "X: " + name + "\n#\n Y: y"; });
    made.push_back({part.name, part.file_name, part.type, part.guessed_type, lines.value(), part.content});
    if (!part.headers.empty()) saw("a header line");
    if (!part.type.empty()) saw("a type");
    if (part.kind == cli::FormPart::Kind::parts) made.back().body = made_of(part.parts, files);
    if (part.kind != cli::FormPart::Kind::upload && part.kind != cli::FormPart::Kind::contents) continue;
    const bool is_known = !part.content.starts_with('?');
    saw(is_known ? "a file" : "a file without a length");
    made.back().body = MultipartSource{{files.size()}, is_known ? std::optional(part.content.size()) : std::nullopt};
    files.push_back(part.content);
  }
  return made;
}

void take(std::string_view& text, std::string_view wanted) {
  FUZZ_CHECK_SAYING(text.starts_with(wanted), shown(wanted) + " is not before " + shown(text));
  text.remove_prefix(wanted.size());
}

// If the text begins with a line of that name, removes and returns it.
std::string_view take_header(std::string_view& text, std::string_view name) {
  const std::string_view line = text.starts_with(name) ? text.substr(0, text.find("\r\n")) : "";
  FUZZ_CHECK_SAYING(line.find_first_of("\r\n") == line.npos, shown(line));
  text.remove_prefix(line.empty() ? 0 : line.size() + 2);
  return line;
}

void check_body(std::string_view& body, const MultipartParts& parts, std::string_view boundary, NameEscapes escapes,
                const Texts& files) {
  const std::string delimiter = "--" + std::string(boundary);
  for (const MultipartPart& part : parts) {
    take(body, delimiter + "\r\n");
    std::string lines;
    bool is_placed = false;
    for (const std::string& line : part.headers) {
      const std::string name = to_lower(line.substr(0, line.find(':')));
      FUZZ_CHECK_SAYING(is_token(name) && is_field_value(line), shown(line));
      if (name != "content-type") lines += line + "\r\n";
      is_placed |= name == "content-disposition";
    }
    const std::string_view names = is_placed ? "" : take_header(body, "Content-Disposition: ");
    const auto quotes = is_placed ? 0 : (part.name ? 2 : 0) + (part.file_name ? 2 : 0);
    if (escapes == NameEscapes::percent) FUZZ_CHECK_SAYING(std::ranges::count(names, '"') == quotes, shown(names));
    const std::string_view type = take_header(body, "Content-Type: ");
    FUZZ_CHECK_SAYING(part.content_type.empty() || type.find(part.content_type) == 14, shown(type));
    take(body, lines + "\r\n");
    const auto* source = std::get_if<MultipartSource>(&part.body);
    const auto* inner = std::get_if<MultipartParts>(&part.body);
    if (inner != nullptr) {
      saw("a multipart in it");
      const std::string_view other = type.substr(std::max(type.size(), boundary.size()) - boundary.size());
      FUZZ_CHECK(other.size() == boundary.size() && other != boundary);
      check_body(body, *inner, other, escapes, files);
    } else {
      take(body, source != nullptr ? files[source->id.index] : std::get<std::string>(part.body));
    }
    take(body, "\r\n");
  }
  take(body, delimiter + "--\r\n");
}

void check_quotes(std::string_view text) {
  std::string value = "n=\"";
  for (const char c : text) value.append(c == '"' || c == '\\' ? "\\" : "").append(1, c);
  cli::Form form;
  FUZZ_CHECK_SAYING(form.add(value + '"').has_value(), shown(value));
  const auto parts = form.take();
  FUZZ_CHECK_SAYING(parts.size() == 1 && parts[0].name == "n" && parts[0].content == text, shown(value));
  FUZZ_CHECK(form.add_string("n=" + value).has_value() && form.take().at(0).content == value);
}

Result<void> add(cli::Form& form, std::string_view line) {
  return line.starts_with('!') ? form.add_string(line.substr(1)) : form.add(line);
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const Seed seed{std::hash<std::string_view>{}(as_text({data, size}))};  // no input can hold its own boundary
  MultipartOptions options;
  std::string_view type = input.up_to('\n');
  if (type.starts_with('\\')) options.escapes = NameEscapes::backslash;
  if (type.starts_with('\\')) fuzz::saw("backslashes");
  options.content_type = type.substr(type.starts_with('\\') ? 1 : 0);
  cli::Form form, without_refused;
  while (!input.spent()) {
    const std::string_view line = input.up_to('\n');
    fuzz::check_quotes(line);
    const auto added = fuzz::add(form, line);
    if (added) FUZZ_CHECK(fuzz::add(without_refused, line).has_value());
    if (!added) FUZZ_CHECK(added.error().code == Code::invalid_option && added.error().context.size() < 400);
    if (!added) fuzz::saw("a refused value");
  }
  for (const std::string& warning : form.warnings()) FUZZ_CHECK(warning.find('\n') == warning.npos);
  if (!form.warnings().empty()) fuzz::saw("a warning");
  fuzz::Texts files, same_files;
  const MultipartParts parts = fuzz::made_of(form.take(), files);
  Random random(seed), same_random(seed);
  const auto built = build_multipart(parts, options, random);
  const auto same = build_multipart(fuzz::made_of(without_refused.take(), same_files), options, same_random);
  FUZZ_CHECK(built.has_value() == same.has_value() && files == same_files);
  if (!built) {
    FUZZ_CHECK(built.error().code == Code::invalid_request);
    fuzz::saw("a refused body");
    fuzz::last_verdict = "refused";
    return 0;
  }
  FUZZ_CHECK(built->segments == same->segments && built->content_type == same->content_type);
  std::string body;
  std::size_t texts = 0;
  for (const auto& segment : built->segments) {
    const auto* text = std::get_if<std::string>(&segment);
    texts = text != nullptr ? texts + 1 : 0;
    FUZZ_CHECK(texts < 2 && (text == nullptr || !text->empty()));
    body += text != nullptr ? *text : files.at(std::get<SourceId>(segment).index);
  }
  const bool is_known = std::ranges::none_of(files, [](const std::string& name) { return name.starts_with('?'); });
  FUZZ_CHECK(built->length == (is_known ? std::optional<std::uint64_t>(body.size()) : std::nullopt));
  const std::string boundary = built->content_type.substr(options.content_type.size() + 11);
  std::string_view rest = body;
  fuzz::check_body(rest, parts, boundary, options.escapes, files);
  FUZZ_CHECK(rest.empty());
  std::size_t marks = 0;
  for (auto at = body.find(boundary); at != body.npos; at = body.find(boundary, at + 1)) ++marks;
  FUZZ_CHECK(marks == parts.size() + 1);
  fuzz::last_verdict = is_known ? "built" : "built-without-length";
  return 0;
}
