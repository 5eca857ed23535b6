// URLs with sets and ranges, as curl reads them: "{a,b,c}", "[1-100]", "[001-100:10]", "[a-z:3]", and "#1" in names of
// files. Pure. The combinations are made one after the other.
// Leaves to others: what the text between them is; -g (--globoff), with which a text is no glob.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace sluice::cli {

// In a text, '\' before one of "{}[]" takes its meaning away; in a set, before any byte. "[]" and the literal of an
// IPv6 address in brackets are text. A copy goes on from where the original is. May throw std::bad_alloc.
class Glob {
 public:
  // Texts, sets and ranges together, as in curl.
  static constexpr std::size_t kMaxPieces = 99;

  // Errors (invalid_url): "bad range in URL position 9", with positions in bytes from 1 on. Sets in sets; ranges that
  // go down, have over 26 letters, or a step larger than they are; over kMaxPieces; over 2^63 - 1 combinations. `what`
  // is the text's name in them.
  static Result<Glob> parse(std::string_view url, std::string_view what = "URL");

  // How many URLs there are in all, at least one.
  std::uint64_t count() const { return count_; }
  // The next URL: the last set or range changes with each, the one before it when that one begins again. nullopt: there
  // are no more.
  std::optional<std::string> next();
  // `name` with "#1" replaced by what the first set or range is in the URL that next() gave last, "#2" the second, and
  // so on. A '#' before any other number stays.
  std::string output_name(std::string_view name) const;

 private:
  struct Piece {
    enum class Kind : std::uint8_t { text, set, numbers, letters };
    Kind kind = Kind::text;
    std::vector<std::string> texts = {};  // of a set; of a text, one
    std::uint64_t first = 0, step = 1;    // of a range
    std::size_t width = 0;                // of numbers: filled with zeros to so many digits
    std::uint64_t count = 1, at = 0;      // how many values there are, and which one it is now

    std::string value() const;
  };
  class Parser;

  // The set or range with that number; null: there is none.
  const Piece* numbered(std::uint64_t number) const;

  std::vector<Piece> pieces_;
  std::uint64_t count_ = 1;
  std::uint64_t given_ = 0;
};

}  // namespace sluice::cli
