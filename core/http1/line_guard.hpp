// The strictness that no build of the parser is trusted with: line ends, the status line, folding, and the caps on what
// may stand before a body, in a chunk's size line and in trailers. Looks at bytes before the parser does and lets the
// good ones through; the same verdict at the same byte, however the input is cut. Leaves to others: what the lines
// mean.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::http1 {

struct Scan {
  std::size_t good = 0;         // bytes from the front of the input that may be parsed
  bool ended = false;           // the last of them ends the section or line
  const char* fault = nullptr;  // what is wrong with the byte after them
  Code code = Code::malformed_response;
};

// A head or a trailer section: lines that end in CRLF, up to and including the empty one (RFC 9112 2.2, 5, 7.1.2).
class SectionGuard {
 public:
  void start_head();
  void start_trailers();
  Scan scan(Bytes input);

 private:
  Scan scan_lines(Bytes input);
  const char* status_line_fault(std::uint8_t byte) const;
  std::size_t bytes_ = 0;
  std::size_t line_bytes_ = 0;  // of the line at hand, without its end
  bool after_cr_ = false;
  bool status_line_ = false;
};

// The size lines and line ends of a chunked body (RFC 9112 7.1). An extension is anything behind a semicolon without
// control bytes: nobody reads it, and the parser is not shown it.
class ChunkGuard {
 public:
  void start_message() { *this = {}; }
  void start_line() { digits_ = 0, after_cr_ = false, behind_size_ = Behind::nothing; }
  Scan scan_line(Bytes input);
  std::size_t digits() const { return digits_; }  // of the size line at hand, so far
  // The CRLF behind a chunk's data.
  void start_end() { after_cr_ = false; }
  Scan scan_end(Bytes input);

 private:
  const char* size_line_fault(std::uint8_t byte);
  std::size_t extension_bytes_ = 0;  // over the whole message (SB-59)
  std::size_t digits_ = 0;
  bool after_cr_ = false;
  enum class Behind : std::uint8_t { nothing, blanks, extension } behind_size_ = Behind::nothing;
};

}  // namespace sluice::http1
