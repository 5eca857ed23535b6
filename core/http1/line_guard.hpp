// The lines of a response: heads and trailers are cut into them, chunk size lines are checked. Everything that bears on
// where a line, a head or a body ends is decided here, before the parser sees a byte, since no build of the parser is
// trusted with it: line ends, the start of the status line, folding, and the caps. The same verdict at the same byte,
// however the input is cut. Leaves to others: what the lines mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/options.hpp"
#include "core/types.hpp"

namespace sluice::http1 {

// Which line ends came in one response, and which may. CRLF always; LF alone in tolerant mode (RFC 9112 2.2).
class LineEnds {
 public:
  void start(Http1 mode) { *this = {}, tolerant_ = mode == Http1::tolerant; }
  bool tolerant() const { return tolerant_; }
  // Notes one. False: it may not be.
  bool take(bool with_cr) {
    (with_cr ? crlf_ : lf_) = true;
    return with_cr || tolerant_;
  }
  // A LF that somebody injected into a value looks like this.
  bool mixed() const { return crlf_ && lf_; }

 private:
  bool tolerant_ = true;
  bool crlf_ = false, lf_ = false;
};

// A head or a trailer section, line by line up to and including the empty one (RFC 9112 2.1, 5, 7.1.2).
class SectionGuard {
 public:
  enum class Found : std::uint8_t {
    more,   // the line at hand is not known to be whole; there may be input left
    line,   // `line` is whole
    end,    // the empty line
    fault,  // see `fault` and `code`
  };
  struct Cut {
    Found found = Found::more;
    std::size_t taken = 0;  // bytes from the front of the input that are done with
    // Without its end, and with a blank for each fold (RFC 9112 5.2). Lives until the next call, and no longer than the
    // input.
    std::string_view line = {};
    bool folded = false;
    const char* fault = nullptr;
    Code code = Code::malformed_response;
  };

  void start_head();
  void start_trailers();
  // The next line. A field line is whole when the byte after it has come, which may continue it. Throws std::bad_alloc.
  Cut next(Bytes input, LineEnds& ends);
  // Of the section so far.
  std::size_t bytes() const { return bytes_; }
  // How much of a status line was right so far, where the fault is that it is none.
  std::size_t status_prefix() const { return prefix_; }

 private:
  Cut cut(Bytes input, LineEnds& ends);
  Cut take_line(Bytes input, std::size_t begin, std::size_t lf, LineEnds& ends);
  Cut hand_out_held(std::size_t taken);
  const char* check_status_prefix(Bytes input, bool tolerant, Code& code);
  std::size_t bytes_ = 0;
  // The start of the line at hand, where its input has gone, or a line that is or may be folded.
  std::string held_;
  std::size_t prefix_ = 0;    // bytes of the status line that were looked at
  bool status_line_ = false;  // the line at hand is one
  bool first_ = false;        // no field line has come: nothing can be continued
  bool whole_ = false;        // held_ is a whole line; the next byte says whether it goes on
  bool handed_out_ = false;   // held_ is no longer needed
  bool folded_ = false;       // the line at hand is
  bool after_fold_ = false;   // its blanks, which count as one, are being skipped
  bool after_cr_ = false;     // the last byte that was taken is a CR
};

// The size lines and line ends of a chunked body (RFC 9112 7.1). An extension is anything after a semicolon without
// control bytes: nobody reads it, and the parser is not shown it.
class ChunkGuard {
 public:
  struct Scan {
    std::size_t good = 0;         // bytes from the front of the input that are right
    bool ended = false;           // the last of them ends the line
    const char* fault = nullptr;  // what is wrong with the byte after them
    Code code = Code::malformed_response;
  };

  void start_message() { *this = {}; }
  void start_line() { digits_ = line_bytes_ = 0, after_cr_ = false, after_size_ = After::nothing; }
  // `body_bytes`: of the body, decoded, so far. What is skipped is measured against it (SB-59).
  Scan scan_line(Bytes input, std::uint64_t body_bytes, LineEnds& ends);
  std::size_t digits() const { return digits_; }  // of the size line at hand, so far
  // The line end after a chunk's data.
  void start_end() { after_cr_ = false; }
  Scan scan_end(Bytes input, LineEnds& ends);

 private:
  const char* size_line_fault(std::uint8_t byte);
  std::uint64_t skipped_bytes_ = 0;  // over the whole message
  std::size_t line_bytes_ = 0;       // of them in the line at hand
  std::size_t digits_ = 0;
  bool after_cr_ = false;
  enum class After : std::uint8_t { nothing, blanks, extension } after_size_ = After::nothing;
};

}  // namespace sluice::http1
