// See glob.hpp. Curl's syntax and its messages. The positions in them are exact, where curl's are too small after a set
// or an IPv6 address.
#include "adapters/cli/glob.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "adapters/cli/text.hpp"
#include "core/address.hpp"
#include "core/base/ascii.hpp"

namespace sluice::cli {

namespace {

constexpr std::string_view kSpecial = "{}[]";

bool is_letter(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }

// Removes a number from the front. nullopt: there is none, or it is 2^64 or more.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// A step may have white space and a '+' before it.
std::optional<std::uint64_t> take_step(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  return take_number(text);
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

// The length of "[]", or of an IPv6 address in brackets, with or without a zone, at the front. 0: there is neither.
std::size_t literal_size(std::string_view text) {
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos) return 0;
  const std::string_view inside = text.substr(1, close - 1);
  const auto address = IpAddress::parse(inside.substr(0, inside.find('%')));
  const bool literal = inside.empty() || (address && address->kind == IpAddress::Kind::ipv6);
  return literal ? close + 1 : 0;
}

}  // namespace

// Reads one piece after the other from `rest_`.
class Glob::Parser {
 public:
  Parser(std::string_view url, std::string_view what) : url_(url), what_(what), rest_(url) {}

  Result<Glob> parse() {
    while (!rest_.empty()) {
      auto piece = next_piece();
      if (!piece) return std::unexpected(std::move(piece.error()));
      if (glob_.pieces_.size() == kMaxPieces) return failed("too many globs");
      if (piece->count > kMost / glob_.count_) return failed("range overflow");
      glob_.count_ *= piece->count;
      glob_.pieces_.push_back(*std::move(piece));
    }
    return std::move(glob_);
  }

 private:
  using Made = Result<Piece>;
  static constexpr int kMostLetters = 26;
  static constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

  std::size_t position() const { return url_.size() - rest_.size() + 1; }
  std::unexpected<Error> failed(std::string_view why, std::size_t position) const {
    return std::unexpected(make_error(
        Code::invalid_url, std::string(why) + " in " + std::string(what_) + " position " + std::to_string(position)));
  }
  std::unexpected<Error> failed(std::string_view why) const { return failed(why, position()); }

  Made next_piece() {
    if (rest_.starts_with('{')) return set();
    if (rest_.starts_with('[') && literal_size(rest_) == 0) return range();
    return text();
  }

  Made text() {
    Piece piece;
    std::string out;
    while (!rest_.empty() && rest_.front() != '{') {
      const std::size_t literal = rest_.front() == '[' ? literal_size(rest_) : 0;
      if (rest_.front() == '[' && literal == 0) break;
      if (rest_.front() == '}' || rest_.front() == ']') return failed("unmatched close brace/bracket");
      const bool escaped =
          rest_.size() > 1 && rest_.front() == '\\' && kSpecial.find(rest_[1]) != std::string_view::npos;
      if (escaped) rest_.remove_prefix(1);
      const std::size_t size = std::max<std::size_t>(1, literal);
      out += rest_.substr(0, size);
      rest_.remove_prefix(size);
    }
    piece.texts.push_back(std::move(out));
    return piece;
  }

  Made set() {
    const std::size_t begin = position();
    rest_.remove_prefix(1);
    if (rest_.starts_with('}')) return failed("empty string within braces");
    Piece piece;
    piece.kind = Piece::Kind::set;
    piece.texts.emplace_back();
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      const char c = rest_.front();
      if (c == '}') {
        rest_.remove_prefix(1);
        piece.count = piece.texts.size();
        return piece;
      }
      if (c == '{' || c == '[') return failed("nested brace");
      if (c == ']') return failed("unexpected close bracket");
      if (c == ',') {
        piece.texts.emplace_back();
        continue;
      }
      if (c == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      piece.texts.back() += rest_.front();
    }
    return failed("unmatched brace", begin);
  }

  Made range() {
    rest_.remove_prefix(1);
    if (!rest_.empty() && is_letter(rest_.front())) return letters();
    if (!rest_.empty() && is_digit(rest_.front())) return numbers();
    return failed("bad range specification");
  }

  // "a-z]" or "a-z:3]".
  Made letters() {
    const std::size_t begin = position();
    std::string_view rest = rest_;
    const char first = rest.front();
    rest.remove_prefix(1);
    const bool dash = take(rest, '-');
    if (!dash || rest.empty()) return failed("bad range");
    const char last = rest.front();
    rest.remove_prefix(1);
    const bool has_step = take(rest, ':');
    const auto step = has_step ? take_step(rest) : std::optional<std::uint64_t>(1);
    if (!step || !take(rest, ']')) return failed("bad range", begin);
    rest_ = rest;
    const auto low = static_cast<unsigned char>(first), high = static_cast<unsigned char>(last);
    if (high > low + kMostLetters - 1) return failed("bad range");
    return counted(Piece::Kind::letters, low, high, *step, 0);
  }

  // "1-100]" or "1-100:10]". After an error the position is that of the number that is wrong.
  Made numbers() {
    const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const std::size_t width = rest_.starts_with('0') ? digits : 0;
    std::string_view rest = rest_;
    const auto first = take_number(rest);
    if (!first || !take(rest, '-')) return failed("bad range");
    while (rest.starts_with(' ') || rest.starts_with('\t')) rest.remove_prefix(1);
    rest_ = rest;
    const auto last = take_number(rest);
    if (!last) return failed("bad range");
    std::uint64_t step = 1;
    if (take(rest, ':')) {
      rest_ = rest;
      const auto given = rest.starts_with(']') ? std::optional<std::uint64_t>(0) : take_step(rest);
      if (!given) return failed("bad range");
      step = *given;
    }
    if (!take(rest, ']')) return failed("bad range");
    rest_ = rest;
    return counted(Piece::Kind::numbers, *first, *last, step, width);
  }

  Made counted(Piece::Kind kind, std::uint64_t first, std::uint64_t last, std::uint64_t step, std::size_t width) const {
    const bool one = first == last;
    if (first > last || step == 0 || (one ? step != 1 : step > last - first)) return failed("bad range");
    const std::uint64_t more = (last - first) / step;
    if (more >= kMost) return failed("range overflow");
    Piece piece;
    piece.kind = kind;
    piece.first = first;
    piece.step = step;
    piece.width = width;
    piece.count = more + 1;
    return piece;
  }

  std::string_view url_;
  std::string_view what_;
  std::string_view rest_;
  Glob glob_;
};

Result<Glob> Glob::parse(std::string_view url, std::string_view what) { return Parser(url, what).parse(); }

std::string Glob::Piece::value() const {
  switch (kind) {
    case Kind::text:
    case Kind::set:
      return texts[at];
    case Kind::letters:
      return std::string(1, static_cast<char>(first + at * step));
    case Kind::numbers:
      break;
  }
  const std::string digits = std::to_string(first + at * step);
  return std::string(width > digits.size() ? width - digits.size() : 0, '0') + digits;
}

std::optional<std::string> Glob::next() {
  if (given_ == count_) return std::nullopt;
  bool carry = given_ != 0;
  for (std::size_t i = pieces_.size(); carry && i-- > 0;) {
    Piece& piece = pieces_[i];
    carry = ++piece.at == piece.count;
    if (carry) piece.at = 0;
  }
  ++given_;
  std::string url;
  for (const Piece& piece : pieces_) url += piece.value();
  return url;
}

const Glob::Piece* Glob::numbered(std::uint64_t number) const {
  for (const Piece& piece : pieces_) {
    if (piece.kind != Piece::Kind::text && number-- == 1) return &piece;
  }
  return nullptr;
}

std::string Glob::output_name(std::string_view name) const {
  std::string out;
  while (!name.empty()) {
    const char c = name.front();
    name.remove_prefix(1);
    std::string_view rest = name;
    const auto number = c == '#' ? take_number(rest) : std::nullopt;
    const Piece* piece = number ? numbered(*number) : nullptr;
    out += piece == nullptr ? std::string(1, c) : piece->value();
    if (piece != nullptr) name = rest;
  }
  return out;
}

}  // namespace sluice::cli
