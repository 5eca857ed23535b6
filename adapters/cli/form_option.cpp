// See form_option.hpp. A reader for what is after "name=", then the parts that are made of it.
#include "adapters/cli/form_option.hpp"

#include <algorithm>
#include <utility>

#include "adapters/cli/text.hpp"
#include "core/base/ascii.hpp"
#include "core/fields.hpp"

namespace sluice::cli {

namespace {

constexpr std::string_view kTransferEncoding = "Content-Transfer-Encoding";

// ---- the syntax of a content and its attributes ----

struct Section {
  std::string content;
  std::optional<std::string> file_name, encoder;
  std::string type;
  std::vector<FormHeader> headers;
};

std::string_view without_spaces_after(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// "major/minor", and anything after that.
bool is_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) return false;
  return text.substr(0, slash).find(' ') == std::string_view::npos && text.find_first_of(", \n", slash + 1) > slash + 1;
}

class Reader {
 public:
  Reader(std::string_view text, std::vector<std::string>& warnings) : text_(text), warnings_(warnings) {}

  // One section. `ends`: what ends a word; a ';' is among it. Error: why the section is wrong.
  std::expected<Section, std::string> section(std::string_view ends) {
    ends_ = ends;
    section_ = {};
    type_begin_.reset();
    skip_spaces();
    section_.content = word();
    while (take(";")) {
      skip_spaces();
      if (auto ok = attribute(); !ok) return std::unexpected(std::move(ok.error()));
    }
    return std::move(section_);
  }
  // Removes `expected` from the front; the case of letters does not count.
  bool take(std::string_view expected) {
    if (!equals_ignoring_case(text_.substr(at_, expected.size()), expected)) return false;
    at_ += expected.size();
    return true;
  }

 private:
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  // The text up to the end of the word, without white space at its end.
  std::string_view plain_word() {
    const std::size_t begin = std::exchange(at_, std::min(text_.find_first_of(ends_, at_), text_.size()));
    return without_spaces_after(text_.substr(begin, at_ - begin));
  }

  // In double quotes, the end of a word has no meaning, and '\' is before '"' and '\'. nullopt: they are not closed.
  std::optional<std::string> quoted_word() {
    std::string out;
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
      const char next = i + 1 < text_.size() ? text_[i + 1] : '\0';
      if (text_[i] == '"') {
        at_ = i + 1;
        return out;
      }
      const bool escaped = text_[i] == '\\' && (next == '"' || next == '\\');
      out += escaped ? text_[++i] : text_[i];
    }
    return std::nullopt;
  }

  std::string word() {
    auto quoted = text_.substr(at_).starts_with('"') ? quoted_word() : std::nullopt;
    if (!quoted) return std::string(plain_word());  // as in curl, a quote that is not closed is like any other byte
    const std::string_view surplus = trimmed(plain_word());
    if (!surplus.empty()) warnings_.push_back("ignored '" + printable(surplus) + "' after a quoted form value");
    return *std::move(quoted);
  }

  std::expected<void, std::string> attribute() {
    const auto type_begin = std::exchange(type_begin_, std::nullopt);
    if (!type_begin && take("type=")) return type();
    if (take("filename=")) {
      skip_spaces();
      section_.file_name = word();
    } else if (take("headers=")) {
      header();
    } else if (take("encoder=")) {
      skip_spaces();
      section_.encoder = word();
    } else if (type_begin) {
      continue_type(*type_begin);
    } else if (const std::string unknown = word(); !unknown.empty()) {
      warnings_.push_back("ignored '" + printable(unknown) + "', an unknown attribute of a form field");
    }
    return {};
  }

  std::expected<void, std::string> type() {
    skip_spaces();
    type_begin_ = at_;
    section_.type = plain_word();
    if (!is_type(section_.type)) return std::unexpected("';type=' needs a type like text/plain");
    return {};
  }
  // An attribute with another name is a parameter of the type. The type is then all the text since its begin.
  void continue_type(std::size_t begin) {
    const std::size_t word_begin = at_;
    const std::size_t end = word_begin + plain_word().size();
    section_.type = text_.substr(begin, end - begin);
    type_begin_ = begin;
  }

  void header() {
    const bool from_file = take("@") || take("<");
    skip_spaces();
    section_.headers.push_back({from_file, word()});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string_view ends_;
  std::vector<std::string>& warnings_;
  Section section_;
  std::optional<std::size_t> type_begin_;  // set while parameters of a type may follow
};

// ---- parts ----

using Kind = FormPart::Kind;
using Made = std::expected<FormPart, std::string>;

std::expected<std::string, std::string> encoder_of(const Section& section) {
  if (!section.encoder) return std::string();
  for (const std::string_view known : {"binary", "8bit", "7bit", "base64", "quoted-printable"}) {
    if (equals_ignoring_case(*section.encoder, known)) return std::string(known);
  }
  return std::unexpected("';encoder=' can be binary, 8bit, 7bit, base64 or quoted-printable, not '" +
                         printable(*section.encoder) + "'");
}

// The last part of a path; a '/' at its end does not count.
std::string base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path == "/") return "/";
  return std::string(path.substr(path.rfind('/') + 1));
}

// Curl sends no default for the standard input, and its guess of text/plain only with a file's name.
std::string guess(const FormPart& part) {
  const bool is_file = part.kind != Kind::text && part.content != "-";
  std::string_view type = part.file_name ? type_of_file_name(*part.file_name) : "";
  if (type.empty() && is_file) type = type_of_file_name(part.content);
  if (type == "text/plain" && !part.file_name) type = "";
  if (type.empty() && is_file && part.file_name) type = "application/octet-stream";
  return std::string(type);
}

Made make_part(Kind kind, Section section) {
  auto encoder = encoder_of(section);
  if (!encoder) return std::unexpected(std::move(encoder.error()));
  FormPart part;
  part.kind = kind;
  part.content = std::move(section.content);
  part.file_name = std::move(section.file_name);
  if (kind == Kind::upload && !part.file_name) part.file_name = base_name(part.content);
  part.type = std::move(section.type);
  part.guessed_type = guess(part);
  part.encoder = *std::move(encoder);
  part.headers = std::move(section.headers);
  return part;
}

// "file" or "file,file": of several files each has its own attributes.
Made make_uploads(std::string_view text, std::vector<std::string>& warnings) {
  Reader reader(text, warnings);
  std::vector<FormPart> files;
  do {
    auto section = reader.section(";,");
    if (!section) return std::unexpected(std::move(section.error()));
    auto file = make_part(Kind::upload, *std::move(section));
    if (!file) return file;
    files.push_back(*std::move(file));
  } while (reader.take(","));
  if (files.size() == 1) return std::move(files.front());
  FormPart list;
  list.kind = Kind::parts;
  list.parts = std::move(files);
  return list;
}

void ignore(std::optional<std::string>& attribute, std::string_view name, std::vector<std::string>& warnings) {
  if (attribute) warnings.push_back("ignored ';" + std::string(name) + printable(*attribute) + "', not allowed there");
  attribute.reset();
}

// `value`: what is after "name=".
Made make(std::string_view value, std::vector<std::string>& warnings) {
  if (value.starts_with('@')) return make_uploads(value.substr(1), warnings);
  const Kind kind = value.starts_with('<') ? Kind::contents : value.starts_with('(') ? Kind::parts : Kind::text;
  auto section = Reader(kind == Kind::contents ? value.substr(1) : value, warnings).section(";");
  if (!section) return std::unexpected(std::move(section.error()));
  if (kind != Kind::text) ignore(section->file_name, "filename=", warnings);
  if (kind == Kind::parts) ignore(section->encoder, "encoder=", warnings);
  if (kind == Kind::parts) section->content.clear();
  return make_part(kind, *std::move(section));
}

std::unexpected<Error> refused(std::string_view value, std::string_view why) {
  return std::unexpected(make_error(Code::invalid_option, "'" + printable(value) + "': " + std::string(why)));
}

constexpr std::string_view kForm = "expected name=content";

}  // namespace

Result<void> Form::add(std::string_view value) {
  const std::size_t equals = value.find('=');
  if (equals == std::string_view::npos) return refused(value, kForm);
  if (value == "=)") {
    if (open_.empty()) return refused(value, "there is no '(' before it");
    close();
    return {};
  }
  auto part = make(value.substr(equals + 1), warnings_);
  if (!part) return refused(value, part.error());
  part->name = unless_empty(value.substr(0, equals));
  const bool opens = value.substr(equals + 1).starts_with('(');
  if (opens && open_.size() >= kMaxFormDepth) return refused(value, "too many '(' in each other");
  if (opens)
    open_.push_back(*std::move(part));
  else
    append(*std::move(part));
  return {};
}

Result<void> Form::add_string(std::string_view value) {
  const std::size_t equals = value.find('=');
  if (equals == std::string_view::npos) return refused(value, kForm);
  FormPart part;
  part.name = unless_empty(value.substr(0, equals));
  part.content = value.substr(equals + 1);
  append(std::move(part));
  return {};
}

std::vector<FormPart> Form::take() {
  while (!open_.empty()) close();
  return std::exchange(parts_, {});
}

void Form::append(FormPart part) { (open_.empty() ? parts_ : open_.back().parts).push_back(std::move(part)); }

void Form::close() {
  FormPart part = std::move(open_.back());
  open_.pop_back();
  append(std::move(part));
}

std::string_view type_of_file_name(std::string_view file_name) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".gif", "image/gif"},       {".jpg", "image/jpeg"},     {".jpeg", "image/jpeg"}, {".png", "image/png"},
      {".svg", "image/svg+xml"},   {".txt", "text/plain"},     {".htm", "text/html"},   {".html", "text/html"},
      {".pdf", "application/pdf"}, {".xml", "application/xml"}};
  for (const auto& [ending, type] : kTypes) {
    if (file_name.size() < ending.size()) continue;
    if (equals_ignoring_case(file_name.substr(file_name.size() - ending.size()), ending)) return type;
  }
  return "";
}

std::vector<std::string> read_header_lines(std::string_view text) {
  std::vector<std::string> lines;
  bool open = false;  // the last line may be continued
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    std::erase(line, '\r');
    if (line.starts_with('#')) open = false;
    if (line.empty() || line.starts_with('#')) continue;
    if (open && is_space(line.front())) {
      lines.back() += line;
    } else if (!trimmed(line).empty()) {
      lines.push_back(std::move(line));
      open = true;
    }
  }
  for (std::string& line : lines) line = std::string(trimmed(line));
  return lines;
}

std::expected<std::vector<std::string>, UsageError> header_lines(const FormPart& part, const ReadFile& read_file) {
  std::vector<std::string> lines;
  for (const FormHeader& header : part.headers) {
    if (!header.from_file) {
      lines.push_back(header.text);
      continue;
    }
    const auto text = read_file(header.text);
    if (!text) return std::unexpected(text.error());
    for (std::string& line : read_header_lines(*text)) lines.push_back(std::move(line));
  }
  const auto replaces = [](std::string_view line) {
    return equals_ignoring_case(line.substr(0, line.find(':')), kTransferEncoding);
  };
  if (!part.encoder.empty() && std::none_of(lines.begin(), lines.end(), replaces)) {
    lines.insert(lines.begin(), std::string(kTransferEncoding) + ": " + part.encoder);
  }
  return lines;
}

}  // namespace sluice::cli
