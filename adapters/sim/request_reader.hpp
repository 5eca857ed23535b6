// Reads HTTP/1.1 requests as RFC 9112 writes them, and nothing looser: what a good client never sends is a fault here.
// Knows the bytes of requests, however they are cut. Leaves to others: what is answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/sim_origin.hpp"
#include "core/types.hpp"

namespace sluice::sim {

struct RequestCaps {
  std::size_t head_bytes = 2 * 1024 * 1024;  // request line and fields; the same again for trailers
  std::size_t fields = 20'000;
  std::size_t body_bytes = std::size_t{256} * 1024 * 1024;
};

class RequestReader {
 public:
  enum class Step : std::uint8_t {
    need_more,  // all of the input is taken
    head,       // the head is complete; the body, which may be empty, comes next
    complete,   // the request is; the next call begins another
    bad,        // see fault(); for good
  };

  explicit RequestReader(RequestCaps caps = {}) : caps_(caps) {}

  // Takes from the front of `input`, and no byte behind the step that it returns.
  Step read(std::string_view& input);

  // From Step::head on until the read() after Step::complete. `connection` and `number` are not this reader's.
  HttpRequest& request() { return request_; }
  bool has_body() const { return chunked_ || body_left_ > 0; }  // at Step::head
  void drop_body() { keeps_body_ = false; }                     // of this request, from here on
  bool between_requests() const { return state_ == State::request_line && line_.empty(); }
  const std::string& fault() const { return fault_; }  // empty: none
  int fault_status() const { return fault_status_; }   // what a server answers to it: 400, 413, 431, 501, 505

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

  bool take_line(std::string_view& input);  // true: line_ is whole, without its CRLF
  bool take_body(std::string_view& input);  // true: nothing of body_left_ is left
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
  std::size_t section_bytes_ = 0;  // of the head or the trailers so far
  std::size_t trailer_count_ = 0;
  std::size_t body_left_ = 0;   // of the body, or of the chunk at hand
  std::size_t body_bytes_ = 0;  // so far, kept or dropped
  bool chunked_ = false;
  bool keeps_body_ = true;
  std::string fault_;
  int fault_status_ = 0;
};

}  // namespace sluice::sim
