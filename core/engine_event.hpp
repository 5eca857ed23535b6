// The events that an engine reports to those who watch it, with their times: for logs, metrics and traces. Plain values
// that own their data. Leaves to others: what is made of them (tests/examples/metrics.cpp is one way).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "error.hpp"
#include "types.hpp"

namespace sluice {

// One event. Of the ids, those that the kind names are set.
struct EngineEvent {
  enum class Kind : std::uint8_t {
    // transfer; `text`: "GET http://example.org/", without user and password
    transfer_added,
    // resolve; `text`: the host. An answer that is cached is no look-up
    look_up_started,
    // resolve, failure; `text`: the error. Code::canceled: the name is not needed any more, which is no failed look-up
    look_up_ended,
    // conn, and the transfer that it is made for; `text`: the address, or the name of the route
    connection_begun,
    connection_opened,  // conn: its stream is open
    connection_made,    // conn: ready for requests, TLS and proxies included; `text`: the TLS version, or ""
    connection_failed,  // conn, failure; `text`: the error. Before it was made; connection_closed follows
    connection_closed,  // conn
    request_begun,      // transfer, conn, reused: the request is on the connection
    request_sent,       // transfer, conn: the stream has taken the whole request
    // transfer, conn, status: the head of the final response is complete
    response_begun,
    // transfer, status, failure: another hop follows (output::HopDone)
    hop_ended,
    transfer_ended,  // transfer, status, failure; `text`: the error
  };

  Kind kind = {};
  Instant at = {};  // of the call in which it happened
  TransferId transfer = {};
  ConnId conn = {};
  ResolveId resolve = {};
  bool reused = false;  // the connection had carried another request before
  int status = 0;       // of the hop's response; 0: none has come
  std::optional<Code> failure = {};
  std::string text = {};
};

// The kind's name: "transfer_added".
const char* to_string(EngineEvent::Kind kind);

}  // namespace sluice
