// What is known of a transfer while it runs and after it: its hops, its figures, and the connection it has. Plain
// values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "address.hpp"
#include "error.hpp"
#include "types.hpp"
#include "url.hpp"

namespace sluice {

// Figures of a transfer's present hop. Times are steady instants, none before `queued`; not yet (or never) reached:
// nullopt. On a connection that had been used, or had been idle, resolved, connected and secured equal the instant at
// which it was taken.
struct Progress {
  std::uint64_t received_head_bytes = 0;  // as the wire had them, interim heads included
  std::uint64_t received_body_bytes = 0;  // decoded, as handed out
  std::uint64_t sent_head_bytes = 0;
  std::uint64_t sent_body_bytes = 0;
  std::optional<std::uint64_t> expected_body_bytes = {};  // from Content-Length
  Instant queued = {};
  std::optional<Instant> resolved = {};
  std::optional<Instant> connected = {};
  std::optional<Instant> secured = {};
  std::optional<Instant> sent = {};        // the request was handed over whole
  std::optional<Instant> first_byte = {};  // of the final response
  std::optional<Instant> done = {};
};

// What is known of the connection that a transfer has, or had last.
struct TransferInfo {
  ConnId conn = {};              // stale once the connection was released
  Address address = {};          // of the peer; kind none before one is connected, and with a route
  std::string route = {};        // the name of TransferOptions::route, once connected; "" without one
  bool reused = false;           // the connection had carried another exchange before
  int retries = 0;               // how often it was put on another connection
  std::string tls_version = {};  // "" without TLS
  std::string tls_cipher = {};
  std::string alpn = {};
  bool tls_resumed = false;
  std::string tls_subject = {};  // of the peer's certificate
  std::string tls_issuer = {};
  // The body ended without a close_notify (TransferOptions::tls_truncation_ok): it may be cut short.
  bool tls_truncated = false;
};

// One request of a transfer, with its response: a transfer is a chain of them, of one where nothing asks for another.
struct Hop {
  std::string method = {};
  Url url = {};
  int status = 0;                    // of the final response; 0: none has come
  std::optional<Code> failure = {};  // what it failed with
  Progress progress = {};            // `queued`: when the hop began; `done`: when it ended
  bool reused = false;               // its connection had carried another exchange before
  int retries = 0;                   // how often it was put on another connection
};

}  // namespace sluice
