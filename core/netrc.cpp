// See netrc.hpp.
#include "core/netrc.hpp"

#include <algorithm>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/memory.hpp"
#include "core/fields.hpp"
#include "core/rules/cookie_file.hpp"

namespace sluice {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

// The tokens of the text, one after the other.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  // The next token, where a keyword is expected. nullopt: the text ends.
  Result<std::optional<std::string>> keyword() {
    skip_space(true);
    if (text_.empty()) return std::nullopt;
    return token();
  }
  // The next token, which is the value of a keyword. `name` is for the message.
  Result<std::string> value_of(std::string_view name) {
    const std::size_t line = line_;
    skip_space(false);
    if (text_.empty()) return std::unexpected(error_at(line, std::string(name).append(" without a value")));
    return token();
  }
  // Up to an empty line.
  void skip_macro() {
    if (!text_.empty()) skip_line();  // the macro's name
    while (!text_.empty() && !skip_line()) {
    }
  }

 private:
  // Skips the rest of the line and its end. True: only blanks were left in it.
  bool skip_line() {
    ++line_;
    at_line_start_ = true;
    return trim_blanks(rules::take_line(text_)).empty();
  }

  // Skips blanks, line ends and comments.
  void skip_space(bool before_keyword) {
    while (!text_.empty()) {
      const char c = text_.front();
      if (c == '\n' || (c == '#' && (before_keyword || at_line_start_))) {
        skip_line();
      } else if (kSpaces.find(c) != std::string_view::npos) {
        text_.remove_prefix(1);
      } else {
        return;
      }
    }
  }

  // There is one.
  Result<std::string> token() {
    at_line_start_ = false;
    if (text_.front() == '"') return quoted();
    const std::size_t size = std::min(text_.find_first_of(kSpaces), text_.size());
    if (size > kMaxNetrcTokenBytes) return std::unexpected(too_long());
    const std::string_view token = text_.substr(0, size);
    text_.remove_prefix(size);
    return std::string(token);
  }

  Result<std::string> quoted() {
    text_.remove_prefix(1);
    std::string token;
    while (!at_line_end()) {
      char c = take();
      if (c == '"') return token;
      if (c == '\\') {
        if (at_line_end()) break;
        c = unescaped(take());
      }
      if (token.size() == kMaxNetrcTokenBytes) return std::unexpected(too_long());
      token += c;
    }
    return std::unexpected(error_at(line_, "a quoted string does not end"));
  }

  bool at_line_end() const { return text_.empty() || text_.front() == '\n'; }
  char take() {
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }
  static char unescaped(char c) { return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c; }

  Error too_long() const {
    return error_at(line_, "a token of more than " + std::to_string(kMaxNetrcTokenBytes) + " bytes");
  }
  static Error error_at(std::size_t line, std::string_view what) {
    return make_error(Code::invalid_option, "netrc, line " + std::to_string(line) + ": " + std::string(what));
  }

  std::string_view text_;  // what was not read yet
  std::size_t line_ = 1;
  bool at_line_start_ = true;  // but for blanks
};

bool is_keyword(std::string_view word, std::string_view keyword) { return equals_ignoring_case(word, keyword); }

class Search {
 public:
  Search(std::string_view text, std::string_view host, std::optional<std::string_view> login)
      : tokens_(text), host_(host), login_(login) {}

  Result<std::optional<NetrcEntry>> run() {
    for (;;) {
      const auto word = tokens_.keyword();
      if (!word) return std::unexpected(word.error());
      if (!*word || is_keyword(**word, "machine") || is_keyword(**word, "default") || is_keyword(**word, "macdef")) {
        if (is_found()) return result();
        entry_ = {};
      }
      if (!*word) return std::nullopt;
      if (auto taken = take(**word); !taken) return std::unexpected(std::move(taken.error()));
    }
  }

 private:
  struct Entry {
    bool is_for_host = false;
    std::optional<std::string> login = {};
    std::optional<std::string> password = {};
  };

  Result<void> take(std::string_view word) {
    if (is_keyword(word, "macdef")) tokens_.skip_macro();
    if (is_keyword(word, "default")) entry_.is_for_host = true;
    for (const std::string_view keyword : {"machine", "login", "password", "account"}) {
      if (!is_keyword(word, keyword)) continue;
      auto value = tokens_.value_of(keyword);
      if (!value) return std::unexpected(std::move(value.error()));
      take_value(keyword, *std::move(value));
    }
    return {};
  }

  void take_value(std::string_view keyword, std::string value) {
    if (keyword == "machine") entry_.is_for_host = equals_ignoring_case(value, host_);
    if (keyword == "login" && !entry_.login) entry_.login = std::move(value);
    if (keyword == "password" && !entry_.password) entry_.password = std::move(value);
  }

  bool is_found() const { return entry_.is_for_host && (!login_ || entry_.login == login_); }
  std::optional<NetrcEntry> result() {
    if (!entry_.login && !entry_.password) return std::nullopt;
    return NetrcEntry{std::move(entry_.login).value_or(""), std::move(entry_.password).value_or("")};
  }

  Tokens tokens_;
  std::string_view host_;
  std::optional<std::string_view> login_;
  Entry entry_;  // the one that is being read; before the first, one for no host
};

}  // namespace

Result<std::optional<NetrcEntry>> find_in_netrc(std::string_view text, std::string_view host,
                                                std::optional<std::string_view> login) {
  return or_out_of_memory([&]() -> Result<std::optional<NetrcEntry>> {
    if (text.size() > kMaxNetrcBytes) {
      return std::unexpected(make_error(Code::invalid_option,
                                        "netrc: the text has more than " + std::to_string(kMaxNetrcBytes) + " bytes"));
    }
    return Search(text, host, login).run();
  });
}

}  // namespace sluice
