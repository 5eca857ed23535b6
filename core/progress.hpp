// What is known about a transfer while it runs and after its end: its hops, its byte counts and times, and its
// connection. Plain values that own their data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "address.hpp"
#include "error.hpp"
#include "stream_security.hpp"
#include "types.hpp"
#include "url.hpp"

namespace sluice {

// Byte counts and times of a transfer's current hop. Times are instants of Now::steady, none is before `queued`;
// nullopt: not reached yet, or never. If the connection was used before, or was idle, then resolved, connected and
// secured are the instant at which the hop got it.
struct Progress {
  std::uint64_t received_head_bytes = 0;  // as received, interim heads included
  std::uint64_t received_body_bytes = 0;  // without chunk framing, but with TransferOptions::raw_body
  std::uint64_t decoded_body_bytes = 0;   // without the codings that are undone, so far; 0 if there are none of these
  // Of the head, once the request is put on a connection; of the body, what was given to the connection so far.
  std::uint64_t sent_head_bytes = 0;
  std::uint64_t sent_body_bytes = 0;
  std::optional<std::uint64_t> expected_body_bytes = {};  // from Content-Length; nullopt: unknown, or no body
  Instant queued = {};
  std::optional<Instant> resolved = {};
  std::optional<Instant> connected = {};
  std::optional<Instant> secured = {};
  std::optional<Instant> sent = {};        // the whole request was handed over to the stream
  std::optional<Instant> first_byte = {};  // the head of the final response was complete
  std::optional<Instant> done = {};
};

// What is known about the connection that a transfer has, or had last.
struct TransferInfo {
  ConnId conn = {};      // stale after the connection was closed
  Address address = {};  // of the peer; Kind::none before a connection is open, and with a route
  // Of this end, after the connection is open; Kind::none: the driver did not tell it (MultiOptions::local_addresses),
  // or the stream has none.
  Address local = {};
  std::string route = {};  // Route::name() after the connection is open; "" without a route
  // "http://proxy.example:3128": the proxy that is connected to, without user and password; "": none.
  std::string proxy = {};
  int connect_status = 0;       // of an HTTP proxy's last response to CONNECT; 0: there was none
  std::uint32_t stream_id = 0;  // of the exchange over HTTP/2; 0: HTTP/1, or no exchange has begun
  // The server takes extended CONNECT over this connection (RFC 8441), as its SETTINGS say that came before the
  // response. Where a proxy forwards the request, they are the proxy's.
  bool extended_connect = false;
  bool reused = false;           // the connection had carried another exchange before
  int addresses_tried = 0;       // for this connection, the one that answered included; 0: it was not dialed by name
  int connections = 0;           // how many were made for it, also if no request was sent on them in the end
  int retries = 0;               // how often the request was sent again, mostly on another connection
  std::string tls_version = {};  // "" without TLS, as those below
  std::string tls_cipher = {};
  std::string tls_group = {};  // of the key exchange: "X25519"
  std::string alpn = {};
  bool tls_resumed = false;
  std::string tls_subject = {};  // of the peer's certificate
  std::string tls_issuer = {};
  UnixSeconds tls_not_before = 0;  // the certificate is valid from then on; 0: not known, as the next
  UnixSeconds tls_not_after = 0;   // and until then
  bool tls_verified = false;       // it was checked (TlsOptions::verify_peer), and is valid for the host
  // The certificates that the peer has shown, its own first, in DER (see certificate.hpp). Only with
  // TlsOptions::keep_certificates. Without verify_peer nothing vouches for them.
  std::vector<std::string> certificates = {};
  // TLS with each https proxy on the way, the nearest first. Without their certificates in DER.
  std::vector<StreamSecurity> proxy_tls = {};
  // The body ended without a close_notify (TransferOptions::tls_truncation_ok), so it may be incomplete.
  bool tls_truncated = false;
  // How many bytes of the request, all at most, were sent as TLS early data (TlsOptions::early_data); 0: none, or on
  // another connection. If the server has not accepted them, they were sent again after the handshake.
  std::uint32_t early_bytes = 0;
  bool early_accepted = false;
};

// Why a hop began.
enum class HopReason : std::uint8_t {
  first,           // the application's own request
  redirect,        // TransferOptions::redirects
  authentication,  // the answer to a challenge (TransferOptions::credentials, or Proxy::user)
  expectation,     // without Expect, after a 417 (TransferOptions::expect_continue_from)
  retry,           // TransferOptions::retries
};

// A hop: one request of a transfer with its response. A transfer is a chain of hops. With the default options it has
// one.
struct Hop {
  HopReason reason = HopReason::first;
  std::string method = {};
  Url url = {};
  int status = 0;                    // of the final response; 0: none has come
  std::optional<Code> failure = {};  // nullopt: the hop did not fail
  Progress progress = {};            // `queued`: when the hop began; `done`: when it ended
  bool reused = false;               // its connection had carried another exchange before
  int retries = 0;                   // how often the request was sent again, mostly on another connection
  int connections = 0;               // how many were made for it, also if no request was sent on them in the end
};

}  // namespace sluice
