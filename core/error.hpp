// Errors: what went wrong, who caused it, and one line of text.
// Leaves to others: exit codes (adapters/cli) and the decision to try again (core/engine).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include "language.hpp"

namespace sluice {

// Who caused an error.
enum class Blame : std::uint8_t {
  caller,    // the application asked for something that cannot be done
  peer,      // the server (or proxy) broke a rule
  network,   // name resolution, routing, connections
  limit,     // a timeout or a size limit, sluice's or the application's
  internal,  // a bug in sluice, or memory ran out
};

// What went wrong.
enum class Code : std::uint8_t {
  // blame: caller
  invalid_url = 1,
  unsupported_scheme,
  invalid_request,  // a method, target, field or body that cannot be sent
  invalid_option,
  tls_config,         // unusable trust anchors, certificate or key
  canceled,           // ended by the application (cancel(), remove()) before it was finished
  rewind_failed,      // the request had to be sent again, but its body cannot be produced again
  upload_failed,      // a streamed body ended before its declared length, or its source failed
  address_forbidden,  // the application's AddressRule allows none of the host's addresses
  // blame: network
  resolve_failed,
  proxy_resolve_failed,  // the name of a proxy
  connect_failed,
  bind_failed,  // the address, port or interface that SocketOptions name cannot be used
  send_failed,
  receive_failed,
  connection_closed,  // closed by the peer before a response began, or closed before the request was sent
  // blame: peer
  malformed_response,
  not_http,            // the bytes received are not an HTTP/1 response
  unsupported_coding,  // a transfer coding or content coding that sluice does not decode, or too many of them
  bad_coding,          // the coded data of a body breaks the rules of its content coding
  truncated,           // the connection ended in the middle of a response
  unexpected_upgrade,  // a 101 (Switching Protocols)
  http2_error,         // the peer broke HTTP/2's rules, or ended the connection with an error; detail: its number
  http2_stream,        // one exchange over HTTP/2 was malformed or reset; detail: the number (RFC 9113 7)
  tls_handshake,
  tls_certificate,        // the peer's certificate was not accepted
  tls_pin,                // none of TlsOptions::pinned_public_keys is the key of the peer's certificate
  tls_status,             // no valid proof that the peer's certificate is not revoked (TlsOptions::require_status)
  tls_failed,             // a broken record or alert after the handshake
  authentication_failed,  // the server could not show who it is (Negotiate)
  tunnel_failed,          // an HTTP proxy refused the tunnel, or broke HTTP's rules; detail: its response's status
  // A SOCKS proxy refused to lead to the host or broke the rules of its protocol, or that protocol cannot say what is
  // asked (an IPv6 address in SOCKS4; a user, password or host of more than 255 bytes).
  socks_failed,
  // blame: limit
  connect_timeout,
  total_timeout,
  attempts_timeout,
  idle_timeout,
  queue_timeout,  // this and the next three: PhaseTimeouts
  resolve_timeout,
  tls_timeout,
  response_timeout,
  too_slow,            // RateOptions::low_rate
  response_too_large,  // head, trailers or interim responses are larger than sluice allows
  body_too_large,      // the body is larger than the application allows
  too_many_redirects,  // more than the application allows
  too_many_descriptors,
  descriptor_too_large,  // does not fit into an fd_set
  // blame: internal, but recursive_call: caller
  recursive_call,  // a call that runs transfers, made inside a callback
  out_of_memory,
  internal,
};

// The name in lower case, which does not change between versions: "connect_failed". Static text.
std::string_view to_string(Code code);
std::string_view to_string(Blame blame);

// Owns its text.
struct [[nodiscard]] Error {
  Code code = Code::internal;
  Blame blame = Blame::internal;
  bool retry_safe = false;  // true: the request had no effect at the peer, or is idempotent: sending it again is safe
  // Of resolve_failed: the name does not exist, or has no address that can be used; the failure is not one that may
  // pass (RFC 2308).
  bool name_absent = false;
  // The system's error number, TLS alert, c-ares status, HTTP parser code or status of a proxy's response; 0: none. Of
  // not_http: 2, the answer was HTTP/2.
  int detail = 0;
  std::string context;  // one line to read: what was tried, on what, what came back. No credentials.

  // `context`, or the code's name if it is empty. Control bytes are escaped, so it is one line; it is never empty.
  std::string message() const;
  friend bool operator==(const Error&, const Error&) = default;
};

// Makes an error whose blame follows from the code.
Error make_error(Code code, std::string context, int detail = 0);
Blame blame_of(Code code);

// For programs that use std::error_code.
const std::error_category& error_category();
std::error_code make_error_code(Code code);

template <class T>
using Result = std::expected<T, Error>;

}  // namespace sluice

template <>
struct std::is_error_code_enum<sluice::Code> : std::true_type {};
