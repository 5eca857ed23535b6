// Reads the responses of one connection and decodes them in place. line_guard.hpp cuts heads into lines. Field lines
// are read here; the status line and the framing of chunks are read by llhttp. Which framing a response has is decided
// here (RFC 9112 6), so it does not matter how the parser was built. Knows two facts about the request (Expectation)
// and nothing of connections.
//
// Strict mode refuses what RFC 9112 forbids, and also a Content-Length that comes twice with the same value (6.3 allows
// to refuse or to accept it). In both modes a status line may end right after the code, because many servers do so.
// Http1 in core/options.hpp says what tolerant mode accepts.
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
  // What is known about a response before it comes.
  struct Expectation {
    bool to_head = false;        // the request is a HEAD: the response has no body, whatever its fields say
    bool asked_upgrade = false;  // the request asked for an upgrade; only for the error's message, as none is accepted
    http::ResponseRules rules = {};
    http::BodyForm body = http::BodyForm::plain;
  };
  // Begins a response. `head` and `trailers` must stay valid until the response is complete, the reader failed or was
  // reset. `trailers` may be null.
  void start(ResponseHead& head, Fields* trailers, Expectation expectation);
  void reset();  // forgets the response and its pointers; then start() again

  struct Step {
    std::size_t taken = 0;  // bytes of the input that were used
    bool head = false;      // the final head is now complete
    bool interim = false;   // a 1xx is now complete, at the end of what was taken
    bool complete = false;  // the response is now complete
    bool failed = false;    // see error(); what was read before is valid
    // Body bytes without framing (with it if the rules ask for raw ones): a view into the input, or into constant
    // memory for the first bytes of HTTP/0.9.
    Bytes body;
  };
  // Takes all of `input`, or stops after an interim response, after the last byte of the response, or if body bytes are
  // in constant memory and the rest of the input has more. Needs start(), and a response that is neither complete nor
  // failed.
  Step read(MutableBytes input);

  // The stream ended. If only the end of the stream ends the body, and `how` is clean, or bare and the rules accept
  // that, the response is complete. Errors: truncated, or connection_closed if no byte of a response had come.
  Result<void> end(StreamEnd how);

  bool started() const { return started_; }  // a byte of a response has come, interim responses included
  // The response does not announce a close, and it is certain where it ends. Valid from the final head on; true may
  // become false later.
  bool keep_alive() const;
  // The length of the body, if the final head says it. nullopt also for a body with a transfer coding, and after HEAD,
  // 204 and 304 (RFC 9112 6.3).
  std::optional<std::uint64_t> body_length() const { return bodiless() ? std::nullopt : content_length_; }
  int status() const { return status_; }
  std::size_t head_bytes() const { return head_bytes_; }  // size of the last complete head, as received
  // The end was not clean, but the rules accept it: the body may be incomplete.
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
  bool is_chunked() const { return transfer_ == Transfer::chunked; }
  void read_phases(MutableBytes input, Step& step);
  std::size_t read_section(MutableBytes input, Step& step);
  std::size_t read_framing(MutableBytes input, Step& step);
  std::size_t read_chunk_line(MutableBytes input);
  std::size_t read_chunk_end(MutableBytes input);
  std::size_t read_body(MutableBytes input, Step& step);
  bool read_headless(const SectionGuard::Cut& cut, Step& step);
  void end_chunk_line();
  bool execute(Bytes input);
  bool bodiless() const {
    return expectation_.to_head || (status_ >= 100 && status_ < 200) || status_ == 204 || status_ == 304;
  }
  // Each returns false if it called fail().
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
  bool fail(Code code, std::string_view what, int detail = 0);  // returns false, so that a caller can return it
  void fail_for_memory();
  Error cut_short(StreamEnd how) const;

  // The state of the parser; only reader.cpp knows its type.
  alignas(std::max_align_t) std::array<std::byte, 128> parser_ = {};
  Phase phase_ = Phase::idle;
  bool started_ = false;
  bool keep_alive_ = false;
  bool in_doubt_ = false;  // it is not certain where the response ends (for reasons other than line ends)
  bool seen_interim_ = false, truncated_ = false;
  bool headers_done_ = false, chunk_header_done_ = false, message_done_ = false;  // reported by the parser
  Expectation expectation_;
  ResponseHead* head_ = nullptr;
  Fields* trailers_ = nullptr;
  int status_ = 0;  // 0 until the status line has come
  std::size_t head_bytes_ = 0;
  std::size_t field_count_ = 0;  // of the current head or trailer section
  std::uint64_t left_ = 0;       // bytes left of a body of known length, or of a chunk's data
  std::uint64_t body_bytes_ = 0;
  LineEnds ends_;
  SectionGuard section_;
  ChunkGuard chunk_;
  // What the fields of the head say about framing.
  std::optional<std::uint64_t> content_length_;
  // The transfer codings: none; some, which leave the end of the body to the end of the stream (RFC 9112 6.3); or the
  // last one is chunked.
  enum class Transfer : std::uint8_t { none, coded, chunked } transfer_ = Transfer::none;
  bool has_identity_ = false;
  bool says_close_ = false, says_keep_alive_ = false;
  Error error_;
};

}  // namespace sluice::http1
