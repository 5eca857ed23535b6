// Writes the head of an HTTP/1.1 request (RFC 9112 3) into the caller's memory.
// The request must have passed validate(). Knows how a body is framed, but does not send it.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/http/session.hpp"
#include "core/request.hpp"
#include "core/types.hpp"

namespace sluice::http1 {

// What the fields and the method of a request mean for its session.
struct RequestFacts {
  bool is_head = false;           // the response has no body (RFC 9112 6.3)
  bool closes = false;            // Connection: close
  bool expects_continue = false;  // Expect: 100-continue, and there is content
  bool drops_expect = false;      // the same, but there is no content: the field is not sent
  bool asks_upgrade = false;      // Upgrade
  bool has_host = false, has_length = false, has_encoding = false;  // the caller has set it, so it is not made
};
RequestFacts examine(const Request& request);
// The same for HTTP/1.0 (RFC 1945), which knows neither kept connections nor 100 (Continue).
RequestFacts examine_1_0(const Request& request);

// The greatest possible size of the head of an exchange's request in bytes.
std::size_t head_bound(const http::Exchange& exchange);
// Writes the head and returns its size. `out` must have at least head_bound() bytes.
std::size_t write_head(const http::Exchange& exchange, const RequestFacts& facts, MutableBytes out);

}  // namespace sluice::http1
