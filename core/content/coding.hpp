// Content codings by name: which ones this build can undo, which ones a body has (Content-Encoding, RFC 9110 8.4), and
// the value of Accept-Encoding (12.5.3). And transfer codings, which have the same names and data (RFC 9112 7.2).
// Leaves to others: how a coding is undone, and the order of the layers of a body (body_decoder.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/limits.hpp"
#include "core/content/decoder.hpp"
#include "core/error.hpp"
#include "core/fields.hpp"

namespace sluice::content {

enum class Coding : std::uint8_t { gzip, deflate, br, zstd };
std::string_view to_string(Coding coding);  // the registered name (RFC 9110 16.6.1); static text

class CodingSet {
 public:
  constexpr CodingSet() = default;
  constexpr CodingSet(std::initializer_list<Coding> codings) {
    for (const Coding coding : codings) add(coding);
  }
  constexpr void add(Coding coding) { bits_ |= bit(coding); }
  constexpr bool contains(Coding coding) const { return (bits_ & bit(coding)) != 0; }
  friend constexpr bool operator==(CodingSet, CodingSet) = default;

 private:
  static constexpr unsigned bit(Coding coding) { return 1U << static_cast<unsigned>(coding); }
  unsigned bits_ = 0;
};

// Those whose library this build has.
CodingSet codings_in_build();
// "gzip, deflate, br, zstd", of these those in the set; "" if there is none. Throws std::bad_alloc.
std::string accept_encoding(CodingSet codings = codings_in_build());
// Errors: out_of_memory; unsupported_coding, if this build has no library for the coding.
Result<std::unique_ptr<Decoder>> make_decoder(Coding coding);

// The codings of one body, in the order in which they were applied. Names have any case (RFC 9110 8.4.1). `x-gzip` is
// gzip (8.4.1.3); `identity` is no coding, nor is `none`, which some servers send. After an error the object is of no
// use.
class Codings {
 public:
  // `known`: every other coding is an error.
  explicit Codings(CodingSet known = codings_in_build()) : known_(known) {}
  // Of all Content-Encoding fields, which together are one list (RFC 9110 5.3). Errors: as add().
  static Result<Codings> of(const Fields& fields, CodingSet known = codings_in_build());

  // Adds those of all Transfer-Encoding fields, without `chunked`, which is framing: they were applied after those of
  // Content-Encoding. Errors: as add(); unsupported_coding also for what is no transfer coding (RFC 9112 7.2).
  Result<void> add_transfer(const Fields& fields);
  // Adds one name. Errors: unsupported_coding (a name that is not known, or more than limits::kMaxCodings of them,
  // SB-20), out_of_memory.
  Result<void> add(std::string_view name);
  // Adds each name of a field's value (RFC 9110 5.6.1). Errors: as add().
  Result<void> add_list(std::string_view value);

  std::span<const Coding> list() const { return std::span(codings_).first(count_); }

 private:
  enum class Kind : std::uint8_t { content, transfer };
  static Error unsupported(Kind kind, std::string_view name, std::string_view why);
  Result<void> add(std::string_view name, Kind kind);

  CodingSet known_;
  std::array<Coding, limits::kMaxCodings> codings_ = {};
  std::size_t count_ = 0;
};

}  // namespace sluice::content
