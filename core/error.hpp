// What can go wrong, whose fault it was, and one line that says so.
// Leaves to others: exit codes (adapters/cli) and the decision to try again (engine).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include "language.hpp"

namespace sluice {

enum class Blame : std::uint8_t {
  caller,    // the application asked for something that cannot be
  peer,      // the server (or proxy) broke a rule
  network,   // names, routes, connections
  limit,     // a timeout or a cap, ours or the application's
  internal,  // a bug or a lack of memory
};

enum class Code : std::uint8_t {
  // the caller's
  invalid_url = 1,
  unsupported_scheme,
  invalid_request,  // method, target, field or body that cannot be sent as asked
  invalid_option,
  tls_config,     // unusable trust anchors, certificate or key
  canceled,       // ended by the application (cancel(), remove()) before it was finished
  rewind_failed,  // the request had to be sent again, and its body cannot be given again
  upload_failed,  // a streamed body ended before, or went past, its declared length, or its source failed
  // the network's
  resolve_failed,
  connect_failed,
  send_failed,
  receive_failed,
  connection_closed,  // closed by the peer before a response began
  // the peer's
  malformed_response,
  not_http,            // what came is no HTTP/1 response
  unsupported_coding,  // a transfer coding that is not decoded here
  truncated,           // the connection ended in the middle of a response
  unexpected_upgrade,
  tls_handshake,
  tls_certificate,  // the peer's certificate was not accepted
  tls_failed,       // a broken record or alert after the handshake
  // limits
  connect_timeout,
  total_timeout,
  attempts_timeout,
  idle_timeout,
  response_too_large,  // head, trailers or interim responses past a cap
  body_too_large,      // past the application's own limit for a body
  too_many_descriptors,
  descriptor_too_large,  // does not fit in an fd_set
  // ours
  recursive_call,  // a drive from inside a callback
  out_of_memory,
  internal,
};

// The stable, lower-case name of a code: "connect_failed".
std::string_view to_string(Code code);
std::string_view to_string(Blame blame);

struct [[nodiscard]] Error {
  Code code = Code::internal;
  Blame blame = Blame::internal;
  int detail = 0;           // of the system call, TLS alert, c-ares status or HTTP parser code; 0 when there is none
  bool retry_safe = false;  // true: the request had no effect at the peer, sending it again is safe
  std::string context;      // one line for a person: what was tried, on what, what came back. Never holds credentials.

  // `context`, or the code's name where there is none. Never empty, never more than one line.
  std::string message() const;
  friend bool operator==(const Error&, const Error&) = default;
};

// The usual way to make one: the blame follows from the code.
Error make_error(Code code, std::string context, int detail = 0);
Blame blame_of(Code code);

// For those who live with std::error_code.
const std::error_category& error_category();
std::error_code make_error_code(Code code);

template <class T>
using Result = std::expected<T, Error>;

}  // namespace sluice

template <>
struct std::is_error_code_enum<sluice::Code> : std::true_type {};
