// Whether a response continues a download from the byte where an earlier part ends (RFC 9110 14.2, 15.3.7, 15.5.17). A
// pure decision; parts of two versions are never joined. Leaves to others: the request's fields (If-Range too,
// validators.hpp), writing, and whether as many bytes come as were promised.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "error.hpp"
#include "fields.hpp"

namespace sluice {

// The earlier part, and what is known of its version. "": not known. All views must live during the call.
struct EarlierPart {
  std::uint64_t bytes = 0;                 // that are kept; the request asked for all from this position on
  std::optional<std::uint64_t> size = {};  // of the whole
  std::string_view etag = {};              // the values of the response's fields
  std::string_view last_modified = {};
  std::string_view if_range = {};  // the value that the request had (RFC 9110 13.1.5)
};

enum class ResumeStep : std::uint8_t {
  append,    // the response's body follows the earlier part
  restart,   // its body is the whole: the earlier part is to be dropped
  complete,  // the earlier part is the whole; the body is a message and is to be dropped
  changed,   // the server has another version now: its body is to be dropped, and the whole asked for without Range
};

struct Resume {
  ResumeStep step = ResumeStep::restart;
  // append: of the body, in bytes. It may end before the whole does.
  std::uint64_t bytes = 0;
  // append, complete: of the whole; nullopt: not known.
  std::optional<std::uint64_t> size = {};
  // changed: how it shows, for people: "its ETag is not the same". No text of the peer is in it.
  std::string why = {};

  friend bool operator==(const Resume&, const Resume&) = default;
};

// What to do with the final response to a GET whose Range was range_value(part.bytes). Bytes are counted with content
// coding, as servers do: a part whose coding is undone cannot be continued.
//
// Errors (malformed_response): any status but 200, 203, 206 and 416; a 206 in several parts, with no Content-Range or
// one that is not understood, with another first position, with another length than its Content-Length, or that goes
// on after the known end; a 416 that does not say how long the whole is, or that there is more of it. A 206 of a whole
// of another size, or whose ETag or, without an ETag that is strong and equal, Last-Modified differs from what is
// known, are `changed`; so is a 416 for a whole of another size, for a shorter one or, if the size was not known, with
// another validator. Throws std::bad_alloc.
Result<Resume> resume(const EarlierPart& part, int status, const Fields& fields);

// The value of a Range field for all bytes from this position on (RFC 9110 14.1.2): "bytes=500-". Throws
// std::bad_alloc.
std::string range_value(std::uint64_t first);

}  // namespace sluice
