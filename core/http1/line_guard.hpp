// Cuts the heads and trailers of a response into lines, and checks chunk size lines. Line ends, the start of the status
// line, folding and the limits are decided here, before the parser (llhttp) sees a byte, because they decide where a
// line, a head or a body ends and builds of the parser differ. The result does not depend on how the input is split.
// Leaves to others: what the lines mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/options.hpp"
#include "core/types.hpp"

namespace sluice::http1 {

// Which line ends one response has used, and which it may use: CRLF always, LF alone in tolerant mode (RFC 9112 2.2).
class LineEnds {
 public:
  void start(Http1 mode) { *this = {}, tolerant_ = mode == Http1::tolerant; }
  bool tolerant() const { return tolerant_; }
  // Records a line end. False: it is not allowed.
  bool take(bool with_cr) {
    (with_cr ? crlf_ : lf_) = true;
    return with_cr || tolerant_;
  }
  // Both kinds were used. A LF that was injected into a field value looks like this.
  bool mixed() const { return crlf_ && lf_; }

 private:
  bool tolerant_ = true;
  bool crlf_ = false, lf_ = false;
};

// Cuts a head or a trailer section into lines, up to and including the empty line (RFC 9112 2.1, 5, 7.1.2).
class SectionGuard {
 public:
  enum class Found : std::uint8_t {
    more,   // the current line may not be complete yet; there may be input left
    line,   // `line` is a complete line
    end,    // the empty line
    fault,  // see `fault` and `code`
  };
  struct Cut {
    Found found = Found::more;
    std::size_t taken = 0;  // bytes from the front of the input that were used
    // Without its line end, and with one space for each fold (RFC 9112 5.2). A view that lives until the next call and
    // no longer than the input.
    std::string_view line = {};
    bool folded = false;
    const char* fault = nullptr;
    Code code = Code::malformed_response;
  };

  void start_head();
  void start_trailers();
  // The next line. A field line is complete only when the byte after it has come, because that byte may continue it
  // (RFC 9112 5.2). Throws std::bad_alloc.
  Cut next(Bytes input, LineEnds& ends);
  // Bytes of the section so far, line ends included.
  std::size_t bytes() const { return bytes_; }
  // How many bytes of the status line were valid; for a fault with Code::not_http.
  std::size_t status_prefix() const { return prefix_; }

 private:
  Cut cut(Bytes input, LineEnds& ends);
  Cut take_line(Bytes input, std::size_t begin, std::size_t lf, LineEnds& ends);
  Cut hand_out_held(std::size_t taken);
  const char* check_status_prefix(Bytes input, bool tolerant, Code& code);
  std::size_t bytes_ = 0;
  // The start of the current line, if it was in an earlier input; or a line that is or may be folded.
  std::string held_;
  std::size_t prefix_ = 0;    // bytes of the status line that were checked
  bool status_line_ = false;  // the current line is the status line
  bool first_ = false;        // no field line has come, so the next line cannot be a continuation
  bool whole_ = false;        // held_ is a complete line, unless the next byte continues it
  bool handed_out_ = false;   // held_ was returned and is not needed any more
  bool folded_ = false;       // the current line has a fold
  bool after_fold_ = false;   // the blanks after a fold are being skipped; they count as one space
  bool after_cr_ = false;     // the last byte was a CR
};

// Checks the size lines and line ends of a chunked body (RFC 9112 7.1). A chunk extension is everything after a
// semicolon; it may hold no control byte other than HTAB. It is ignored, and the parser does not see it.
class ChunkGuard {
 public:
  struct Scan {
    std::size_t good = 0;         // bytes from the front of the input that are valid
    bool ended = false;           // the last of them ends the line
    const char* fault = nullptr;  // what is wrong with the byte after them; static text
    Code code = Code::malformed_response;
  };

  void start_message() { *this = {}; }
  void start_line() { digits_ = line_bytes_ = 0, after_cr_ = false, after_size_ = After::nothing; }
  // `body_bytes`: decoded bytes of the body so far. The number of extension bytes is limited by it (SB-59).
  Scan scan_line(Bytes input, std::uint64_t body_bytes, LineEnds& ends);
  std::size_t digits() const { return digits_; }  // digits of the current size line so far
  // The line end after a chunk's data.
  void start_end() { after_cr_ = false; }
  Scan scan_end(Bytes input, LineEnds& ends);

 private:
  const char* size_line_fault(std::uint8_t byte);
  std::uint64_t skipped_bytes_ = 0;  // bytes other than digits and line ends, in the whole message
  std::size_t line_bytes_ = 0;       // the same, in the current line
  std::size_t digits_ = 0;
  bool after_cr_ = false;
  enum class After : std::uint8_t { nothing, blanks, extension } after_size_ = After::nothing;
};

}  // namespace sluice::http1
