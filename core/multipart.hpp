// Builds multipart bodies: multipart/form-data (RFC 7578), and multiparts inside of it (RFC 2046 5.1). Pure: the result
// is a list of texts and of the places where the bytes of a source go.
// Leaves to others: reading the sources, and the types of files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "error.hpp"

namespace sluice {

class Random;  // base/random.hpp

// An index into the caller's table of sources. It means nothing here.
struct SourceId {
  std::size_t index = 0;
  friend bool operator==(const SourceId&, const SourceId&) = default;
};

// Bytes that are not in memory. `length` in bytes; nullopt: unknown until they were read.
struct MultipartSource {
  SourceId id = {};
  std::optional<std::uint64_t> length = {};
};

struct MultipartPart;
using MultipartParts = std::vector<MultipartPart>;

// One part. A part with parts as its body is a multipart of its own. Several files of one field in the old style of RFC
// 7578 4.3 are a part with the field's name, whose body is a part without a name for each file.
struct MultipartPart {
  std::optional<std::string> name = {};       // of the field
  std::optional<std::string> file_name = {};  // as the server is to see it
  // The type, as in the Content-Type field. If it is empty, a line in `headers` gives it, and if there is none,
  // `fallback_type`. If that is empty too, a multipart is multipart/mixed, and other parts have no Content-Type.
  std::string content_type = {};
  std::string fallback_type = {};
  // Lines "Name: value", added in this order. A Content-Disposition replaces the one that is made from the names. A
  // Content-Type says only what `content_type` says.
  std::vector<std::string> headers = {};
  std::variant<std::string, MultipartSource, MultipartParts> body = {};
};

// How a quote or line end in a name is written.
enum class NameEscapes : std::uint8_t {
  percent,    // %22 %0D %0A, as browsers do (WHATWG HTML, multipart/form-data encoding algorithm)
  backslash,  // \" and \\, as in a quoted string (RFC 9110 5.6.4); a line end cannot be written
};

inline constexpr std::string_view kFormData = "multipart/form-data";

struct MultipartOptions {
  NameEscapes escapes = NameEscapes::percent;
  // Without a boundary. As in curl, the parts are "attachment" instead of "form-data" if it is another type.
  std::string content_type = std::string(kFormData);
};

// Multiparts may be as deep in each other as this, the whole body included.
inline constexpr std::size_t kMaxMultipartDepth = 32;

struct Multipart {
  // The body, in order. No text is empty, and no two texts follow each other.
  std::vector<std::variant<std::string, SourceId>> segments = {};
  std::string content_type = {};             // the value of the request's Content-Type, with the boundary
  std::optional<std::uint64_t> length = {};  // bytes of all segments; nullopt: the length of a source is unknown
};

// Errors (invalid_request): a header line that is not "Name: value"; a control byte in it, in a type, or (with
// NameEscapes::backslash) a CR or LF in a name; too many multiparts in each other; a length of 2^64 bytes or more.
// May throw std::bad_alloc.
//
// Nothing is searched for the boundaries. They are safe if `random` cannot be predicted (SB-35), as they have 131 bits.
Result<Multipart> build_multipart(const MultipartParts& parts, const MultipartOptions& options, Random& random);

// A new boundary: 24 dashes, then 22 random letters and digits, as in curl.
std::string make_boundary(Random& random);

}  // namespace sluice
