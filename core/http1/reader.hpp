// The responses of one connection, decoded in place: heads and chunks by llhttp, framing by RFC 9112 section 6.
// What the parser lets through and should not is refused here and in line_guard.hpp, so that it does not matter how the
// parser was built. Knows nothing of requests but two facts, and nothing of connections.
//
// Stricter than it must be, on purpose: a Content-Length that stands twice is refused even where both agree (RFC
// 9112 6.3 allows either), Transfer-Encoding is "chunked" alone or an error, and an error with HTTP/1.0. One lenience:
// a status line may end right behind the code, as many servers have it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/http1/line_guard.hpp"
#include "core/response.hpp"
#include "core/types.hpp"

namespace sluice::http1 {

// A run of text that the parser reports in fragments: a view into the input where they touch, a copy where the input
// ended.
class Piece {
 public:
  void append(const char* at, std::size_t size);
  void keep();  // the input is about to go away
  void clear();
  std::string_view text() const { return carried_.empty() ? view_ : std::string_view(carried_); }

 private:
  std::string_view view_;
  std::string carried_;
};

class Reader {
 public:
  // What the request says about the response to it.
  struct Expectation {
    bool to_head = false;        // it has no body, whatever it claims
    bool asked_upgrade = false;  // for the message only: no upgrade is taken
  };
  // Both must stay until the response is complete, the reader failed or was reset. `trailers` may be null.
  void start(ResponseHead& head, Fields* trailers, Expectation expectation);
  void reset();  // forgets the response and its pointers

  struct Step {
    std::size_t taken = 0;  // bytes of the input that are done with
    bool head = false;      // the final head became complete
    bool interim = false;   // a 1xx became complete, right at the end of what was taken
    bool complete = false;  // the response did
    bool failed = false;    // see error(); what came before still counts
    Bytes body;             // decoded, at the place of its first byte in the input
  };
  // Takes all of `input`, or stops behind an interim response or behind the last byte of the response. Needs start().
  Step read(MutableBytes input);

  // The stream ended. An error unless that is what ends the body, and `clean`.
  Result<void> end(bool clean);

  bool started() const { return started_; }        // a byte of a response has come, interim ones included
  bool keep_alive() const { return keep_alive_; }  // meaningful once the final head is complete
  // Of the body that the final head announces, where it says so beforehand: none behind HEAD, 204 and 304 (RFC 9112 6.3).
  std::optional<std::uint64_t> body_length() const { return bodiless() ? std::nullopt : content_length_; }
  int status() const { return status_; }
  const Error& error() const { return error_; }

 private:
  friend struct ParserCallbacks;
  enum class Phase : std::uint8_t {
    idle,
    head,
    length_body,
    eof_body,
    chunk_line,
    chunk_data,
    chunk_end,
    trailers,
    complete,
    failed
  };

  void start_head();
  void read_phases(MutableBytes input, Step& step);
  std::size_t read_section(MutableBytes input, Step& step);
  std::size_t read_chunk_line(MutableBytes input);
  std::size_t read_chunk_end(MutableBytes input);
  std::size_t read_body(MutableBytes input, Step& step);
  bool execute(Bytes input);
  bool bodiless() const { return expectation_.to_head || status_ == 204 || status_ == 304; }
  bool frame_body();
  bool frame_final_head();
  bool take_reason(std::string_view part);
  bool take_field();
  bool note_field(std::string_view name, std::string_view value);
  void fail(Code code, std::string_view what, int detail = 0);
  void fail_for_memory();
  void check_scan(const Scan& scan);
  Error cut_short() const;

  // The parser's own state; its type is reader.cpp's secret.
  alignas(std::max_align_t) std::array<std::byte, 128> parser_ = {};
  Phase phase_ = Phase::idle;
  bool started_ = false;
  bool keep_alive_ = false;
  bool headers_done_ = false, chunk_header_done_ = false, message_done_ = false;  // said by the parser
  Expectation expectation_;
  ResponseHead* head_ = nullptr;
  Fields* trailers_ = nullptr;
  int status_ = 0;
  std::size_t interim_count_ = 0;
  std::size_t field_count_ = 0;  // of the section at hand
  std::uint64_t left_ = 0;       // of a body of known length, or of a chunk's data
  std::uint64_t body_bytes_ = 0;
  SectionGuard section_;
  ChunkGuard chunk_;
  Piece name_, value_;
  // What the head's fields say about framing.
  std::optional<std::uint64_t> content_length_;
  bool chunked_ = false;
  bool says_close_ = false, says_keep_alive_ = false;
  Error error_;
};

}  // namespace sluice::http1
