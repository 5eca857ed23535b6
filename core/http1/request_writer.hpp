// The head of a request as HTTP/1.1 has it (RFC 9112 3), written into memory that the caller brings.
// Takes a request that validate() accepted; knows nothing of bodies but how they are framed.
#pragma once

#include <cstddef>

#include "core/request.hpp"
#include "core/types.hpp"

namespace sluice::http1 {

// What the request's own fields and method mean for the session that carries it.
struct RequestFacts {
  bool is_head = false;                                             // the response has no body (RFC 9112 6.3)
  bool closes = false;                                              // Connection: close
  bool expects_continue = false;                                    // Expect: 100-continue, and there is content
  bool drops_expect = false;                                        // the same, and there is none: it is not sent
  bool asks_upgrade = false;                                        // Upgrade
  bool has_host = false, has_length = false, has_encoding = false;  // set by the caller: not made again
};
RequestFacts examine(const Request& request);

// As many bytes as the head can take at most.
std::size_t head_bound(const Request& request);
// Returns how many bytes were written; `out` holds head_bound() at least.
std::size_t write_head(const Request& request, const RequestFacts& facts, MutableBytes out);

}  // namespace sluice::http1
