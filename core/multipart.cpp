// See multipart.hpp. The layout is curl's, byte for byte.
#include "core/multipart.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/random.hpp"
#include "core/fields.hpp"

namespace sluice {

namespace {

constexpr std::string_view kContentType = "Content-Type";
constexpr std::string_view kContentDisposition = "Content-Disposition";

// The value of the line "Name: value" without blanks around it; nullopt: the line has another name.
std::optional<std::string_view> value_of(std::string_view line, std::string_view name) {
  if (!equals_ignoring_case(line.substr(0, line.find(':')), name)) return std::nullopt;
  return trim_blanks(line.substr(name.size() + 1));
}

std::optional<std::string_view> find_header(const MultipartPart& part, std::string_view name) {
  for (const std::string& line : part.headers) {
    if (const auto value = value_of(line, name)) return value;
  }
  return std::nullopt;
}

bool is_header_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon)) && is_field_value(line);
}

// nullopt: the part has no Content-Type.
std::optional<std::string_view> type_of(const MultipartPart& part) {
  if (!part.content_type.empty()) return part.content_type;
  if (const auto value = find_header(part, kContentType)) return value;
  if (!part.fallback_type.empty()) return part.fallback_type;
  if (std::holds_alternative<MultipartParts>(part.body)) return "multipart/mixed";
  return std::nullopt;
}

// Parameters do not count.
bool is_form_data(std::string_view type) {
  return equals_ignoring_case(type.substr(0, std::min(type.find_first_of("; \t"), type.size())), kFormData);
}

std::unexpected<Error> refused(std::string why) {
  return std::unexpected(make_error(Code::invalid_request, "multipart body: " + std::move(why)));
}

std::string with_boundary(std::string_view type, std::string_view boundary) {
  return std::string(type) + "; boundary=" + std::string(boundary);
}

// What the parts of one multipart have in common.
struct Level {
  std::string boundary;
  bool is_form = false;  // parts are "form-data", with or without a name
  std::size_t depth = 1;
};

class Builder {
 public:
  Builder(NameEscapes escapes, Random& random) : escapes_(escapes), random_(random) {}

  Result<void> add_parts(const MultipartParts& parts, const Level& level) {
    if (level.depth > kMaxMultipartDepth) {
      return refused("more than " + std::to_string(kMaxMultipartDepth) + " multiparts in each other");
    }
    for (const MultipartPart& part : parts) {
      if (auto ok = check(part); !ok) return ok;
      add("--" + level.boundary + "\r\n");
      if (auto ok = add_part(part, level); !ok) return ok;
      add("\r\n");
    }
    add("--" + level.boundary + "--\r\n");
    return {};
  }

  Result<Multipart> finish() {
    std::uint64_t length = 0;
    for (const auto& segment : result_.segments) {
      const auto* text = std::get_if<std::string>(&segment);
      if (text != nullptr) length += text->size();  // of memory that exists, so it cannot overflow
    }
    for (const std::uint64_t more : source_lengths_) {
      if (more > std::numeric_limits<std::uint64_t>::max() - length) return refused("too many bytes");
      length += more;
    }
    if (all_lengths_known_) result_.length = length;
    return std::move(result_);
  }

 private:
  Result<void> check(const MultipartPart& part) const {
    const bool backslashes = escapes_ == NameEscapes::backslash;
    for (const auto* name : {&part.name, &part.file_name}) {
      if (backslashes && *name && (*name)->find_first_of("\r\n") != std::string::npos) {
        return refused("a line end in the name '" + **name + "' cannot be written with backslashes");
      }
    }
    for (const std::string* type : {&part.content_type, &part.fallback_type}) {
      if (!is_field_value(*type)) return refused("a control byte in the type '" + *type + "'");
    }
    for (const std::string& line : part.headers) {
      if (!is_header_line(line)) return refused("'" + line + "' is not a header line 'Name: value'");
    }
    return {};
  }

  Result<void> add_part(const MultipartPart& part, const Level& level) {
    if (!find_header(part, kContentDisposition)) add_disposition(part, level);
    const auto type = type_of(part);
    const auto* parts = std::get_if<MultipartParts>(&part.body);
    if (parts == nullptr) {
      if (type) add_header(kContentType, *type);
      add_end_of_head(part);
      add_body(part);
      return {};
    }
    const Level inner{make_boundary(random_), is_form_data(*type), level.depth + 1};
    add_header(kContentType, with_boundary(*type, inner.boundary));
    add_end_of_head(part);
    return add_parts(*parts, inner);
  }

  void add_disposition(const MultipartPart& part, const Level& level) {
    if (!level.is_form && !part.name && !part.file_name) return;
    std::string value = level.is_form ? "form-data" : "attachment";
    if (part.name) value += "; name=\"" + escaped(*part.name) + '"';
    if (part.file_name) value += "; filename=\"" + escaped(*part.file_name) + '"';
    add_header(kContentDisposition, value);
  }

  std::string escaped(std::string_view name) const {
    const bool percent = escapes_ == NameEscapes::percent;
    std::string out;
    for (const char c : name) {
      if (c == '"')
        out += percent ? "%22" : "\\\"";
      else if (c == '\\' && !percent)
        out += "\\\\";
      else if (c == '\r')  // with backslashes, check() has refused it
        out += "%0D";
      else if (c == '\n')
        out += "%0A";
      else
        out += c;
    }
    return out;
  }

  void add_header(std::string_view name, std::string_view value) {
    add(std::string(name) + ": " + std::string(value) + "\r\n");
  }

  // The part's own lines and the empty line.
  void add_end_of_head(const MultipartPart& part) {
    for (const std::string& line : part.headers) {
      if (!value_of(line, kContentType)) add(line + "\r\n");
    }
    add("\r\n");
  }

  void add_body(const MultipartPart& part) {
    if (const auto* text = std::get_if<std::string>(&part.body)) return add(*text);
    const auto& source = std::get<MultipartSource>(part.body);
    result_.segments.emplace_back(source.id);
    if (source.length)
      source_lengths_.push_back(*source.length);
    else
      all_lengths_known_ = false;
  }

  void add(std::string_view text) {
    if (result_.segments.empty() || !std::holds_alternative<std::string>(result_.segments.back())) {
      result_.segments.emplace_back(std::string());
    }
    std::get<std::string>(result_.segments.back()) += text;
  }

  NameEscapes escapes_;
  Random& random_;
  Multipart result_;
  std::vector<std::uint64_t> source_lengths_;
  bool all_lengths_known_ = true;
};

}  // namespace

std::string make_boundary(Random& random) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kDashes = 24, kLetters = 22;
  std::string boundary(kDashes, '-');
  for (std::size_t i = 0; i < kLetters; ++i) boundary += kAlphabet[random.below(kAlphabet.size())];
  return boundary;
}

Result<Multipart> build_multipart(const MultipartParts& parts, const MultipartOptions& options, Random& random) {
  if (!is_field_value(options.content_type)) return refused("a control byte in its type");
  const Level level{make_boundary(random), is_form_data(options.content_type)};
  Builder builder(options.escapes, random);
  if (auto ok = builder.add_parts(parts, level); !ok) return std::unexpected(std::move(ok.error()));
  auto result = builder.finish();
  if (result) result->content_type = with_boundary(options.content_type, level.boundary);
  return result;
}

}  // namespace sluice
