// Reads HTTP/1.1 requests strictly by RFC 9112: what a correct client never sends is a fault. The result does not
// depend on how the input is split. Leaves to others: the answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/sim_origin.hpp"
#include "core/types.hpp"

namespace sluice::sim {

struct RequestCaps {
  std::size_t head_bytes = 2 * 1024 * 1024;  // limit for request line and fields; the same for trailers
  std::size_t fields = 20'000;
  std::size_t body_bytes = std::size_t{256} * 1024 * 1024;
};

class RequestReader {
 public:
  enum class Step : std::uint8_t {
    need_more,  // all input was taken
    head,       // the head is complete; the body follows, and may be empty
    complete,   // the request is complete; the next call begins another one
    bad,        // see fault(); permanent
  };

  explicit RequestReader(RequestCaps caps = {}) : caps_(caps) {}

  // Takes bytes from the front of `input`, and none after the returned step.
  Step read(std::string_view& input);

  // Valid from Step::head until the read() after Step::complete. `connection` and `number` are not set here.
  HttpRequest& request() { return request_; }
  bool has_body() const { return chunked_ || body_left_ > 0; }  // at Step::head
  void drop_body() { keeps_body_ = false; }                     // for this request, from here on
  bool between_requests() const { return state_ == State::request_line && line_.empty(); }
  const std::string& fault() const { return fault_; }  // empty: none
  int fault_status() const { return fault_status_; }   // the status to answer: 400, 413, 431, 501, 505

 private:
  enum class State : std::uint8_t {
    request_line,
    fields,
    body,
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    ended,
    broken
  };

  bool take_line(std::string_view& input);  // true: line_ is complete, without its CRLF
  bool take_body(std::string_view& input);  // true: body_left_ is 0
  void request_line();
  void field_line(bool trailer);
  void end_of_head();
  void framing();
  void chunk_size_line();
  void fail(int status, std::string why);

  RequestCaps caps_;
  State state_ = State::request_line;
  HttpRequest request_;
  std::string line_;
  bool line_done_ = false;
  std::size_t section_bytes_ = 0;  // bytes of the head or the trailers so far
  std::size_t trailer_count_ = 0;
  std::size_t body_left_ = 0;   // bytes left of the body or of the current chunk
  std::size_t body_bytes_ = 0;  // bytes of the body so far, kept or dropped
  bool chunked_ = false;
  bool keeps_body_ = true;
  std::string fault_;
  int fault_status_ = 0;
};

}  // namespace sluice::sim
