// Reads one response over HTTP/2 from decoded fields and body bytes: which sections may follow each other, which fields
// may come, and whether the body's length agrees (RFC 9113 8.1 and 8.3.2). Does all checks itself, so that they do not
// depend on the library's version. Leaves to the session: frames and windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/fields.hpp"
#include "core/response.hpp"

namespace sluice::http2 {

class ResponseReader {
 public:
  struct Places {
    ResponseHead* head = nullptr;
    Fields* trailers = nullptr;  // null: not wanted
    bool to_head = false;        // the request is a HEAD
    bool to_connect = false;     // it is a CONNECT: a length in a 2xx means nothing (RFC 9110 9.3.6)
    bool keep_raw = false;       // ResponseHead::raw() is made: "HTTP/2 200 " and a line for each field
  };
  enum class Section : std::uint8_t { interim, head, trailers };

  void start(const Places& places);
  // A field section: its begin, each field, its end. `last`: the stream ends with it. Errors are permanent and of this
  // response alone: http2_stream, response_too_large. Throw std::bad_alloc.
  Result<void> begin_section();
  Result<void> field(std::string_view name, std::string_view value);
  Result<Section> end_section(bool last);
  // Bytes of the body, and its end.
  Result<void> body(std::size_t bytes);
  Result<void> end_body() const;

  // For messages about its end: " after 5 of 10 bytes of the body"; "" before the final head, and if there is no body.
  std::string how_far() const;
  int status() const { return status_; }                      // of the last head; 0: none
  bool started() const { return started_; }                   // anything has come
  bool has_head() const { return phase_ == Phase::body; }     // the final one
  std::size_t head_bytes() const { return head_bytes_; }      // of the last head, as lines of text
  std::optional<std::uint64_t> body_length(bool last) const;  // what the head says; `last`: the stream has ended

 private:
  enum class Phase : std::uint8_t { head, body, trailers };
  // RFC 9110 9.3.6: what follows is no content, but the bytes of the tunnel.
  bool opens_tunnel() const { return places_.to_connect && status_ >= 200 && status_ <= 299; }
  bool bodiless() const { return places_.to_head || (status_ == 204 && !opens_tunnel()) || status_ == 304; }
  Result<void> pseudo(std::string_view name, std::string_view value);
  Result<void> note_length(std::string_view list);
  Result<void> count(std::string_view name, std::string_view value);

  Places places_;
  Phase phase_ = Phase::head;
  bool started_ = false, has_fields_ = false;  // a field that is no pseudo-header field has come in this section
  int status_ = 0;
  std::size_t head_bytes_ = 0, section_bytes_ = 0, fields_ = 0;
  std::optional<std::uint64_t> content_length_;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace sluice::http2
