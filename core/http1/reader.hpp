// The responses of one connection, decoded in place. line_guard.hpp cuts heads into lines, field lines are read here,
// the status line and the framing of chunks by llhttp; which framing a response has is decided here, by RFC 9112
// section 6, and the parser is told. So it does not matter how the parser was built. Knows nothing of requests but two
// facts, and nothing of connections.
//
// In strict mode what RFC 9112 forbids is refused, and besides a Content-Length that comes twice, even where both
// agree (6.3 allows either). In both modes a status line may end right after the code, as many servers have it. What
// tolerant mode takes: Http1 in core/options.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/error.hpp"
#include "core/http/session.hpp"
#include "core/http1/line_guard.hpp"
#include "core/response.hpp"
#include "core/types.hpp"

namespace sluice::http1 {

class Reader {
 public:
  // What is known about the response before it comes.
  struct Expectation {
    bool to_head = false;        // it has no body, whatever it claims
    bool asked_upgrade = false;  // for the message only: no upgrade is taken
    http::ResponseRules rules = {};
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
    // Decoded, at the place of its first byte in the input; the first bytes of HTTP/0.9 in constant memory.
    Bytes body;
  };
  // Takes all of `input`, or stops after an interim response, after the last byte of the response, or where the rest of
  // the input has a body of its own. Needs start().
  Step read(MutableBytes input);

  // The stream ended. An error unless that is what ends the body, and clean, or bare where the rules let that pass.
  Result<void> end(StreamEnd how);

  bool started() const { return started_; }  // a byte of a response has come, interim ones included
  // Neither side said close, and where the response ends is beyond doubt. Meaningful from the final head on; false may
  // follow true.
  bool keep_alive() const;
  // Of the body that the final head announces, where it says so beforehand: none after HEAD, 204 and 304 (RFC
  // 9112 6.3).
  std::optional<std::uint64_t> body_length() const { return bodiless() || chunked_ ? std::nullopt : content_length_; }
  int status() const { return status_; }
  std::size_t head_bytes() const { return head_bytes_; }  // of the last head that became complete, as the wire had it
  // The end was not clean, and the rules let it pass: the body may be cut short.
  bool truncated() const { return truncated_; }
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

  bool strict() const { return expectation_.rules.http1 == Http1::strict; }
  void start_head();
  void read_phases(MutableBytes input, Step& step);
  std::size_t read_section(MutableBytes input, Step& step);
  std::size_t read_chunk_line(MutableBytes input);
  std::size_t read_chunk_end(MutableBytes input);
  std::size_t read_body(MutableBytes input, Step& step);
  bool read_headless(const SectionGuard::Cut& cut, Step& step);
  void end_chunk_line();
  bool execute(Bytes input);
  bool bodiless() const {
    return expectation_.to_head || (status_ >= 100 && status_ < 200) || status_ == 204 || status_ == 304;
  }
  // Each answers with false where fail() was called.
  bool take_status_line(std::string_view line);
  bool take_reason(std::string_view part);
  bool take_field_line(std::string_view line, bool folded);
  bool drop_field(std::string_view value);
  bool keep_field(std::string_view name, std::string_view value, bool name_is_token);
  bool note_field(std::string_view name, std::string_view value, bool folded);
  bool note_length(std::string_view list);
  bool note_codings(std::string_view list);
  bool check_head();
  void end_head(Step& step);
  void end_trailers();
  void frame_body();
  bool fail(Code code, std::string_view what, int detail = 0);  // false, for those who answer with it
  void fail_for_memory();
  Error cut_short(StreamEnd how) const;

  // The parser's own state; its type is reader.cpp's secret.
  alignas(std::max_align_t) std::array<std::byte, 128> parser_ = {};
  Phase phase_ = Phase::idle;
  bool started_ = false;
  bool keep_alive_ = false;
  bool in_doubt_ = false;  // about framing, other than by line ends
  bool seen_interim_ = false, truncated_ = false;
  bool headers_done_ = false, chunk_header_done_ = false, message_done_ = false;  // said by the parser
  Expectation expectation_;
  ResponseHead* head_ = nullptr;
  Fields* trailers_ = nullptr;
  int status_ = 0;  // 0 before the status line has come
  std::size_t head_bytes_ = 0;
  std::size_t field_count_ = 0;  // of the section at hand
  std::uint64_t left_ = 0;       // of a body of known length, or of a chunk's data
  std::uint64_t body_bytes_ = 0;
  LineEnds ends_;
  SectionGuard section_;
  ChunkGuard chunk_;
  // What the head's fields say about framing.
  std::optional<std::uint64_t> content_length_;
  bool chunked_ = false, has_identity_ = false;
  bool says_close_ = false, says_keep_alive_ = false;
  Error error_;
};

}  // namespace sluice::http1
