// The TLS server for tests is the demonstration's own, with what only a test would do to a client beside it.
#pragma once

#include "adapters/sim/tls_server.hpp"

namespace sluice::test {

// One record with a HelloRequest under the connection's keys (RFC 5246 7.4.1.1), which the library itself never sends.
// TLS 1.2 with ECDHE-ECDSA-AES128-GCM-SHA256 only; the server can send nothing sensible afterwards.
std::vector<std::uint8_t> hello_request_record(const sim::TlsServer& server);

// An alert before any keys: what a server sends that refuses the ClientHello.
std::vector<std::uint8_t> plain_alert(std::uint8_t alert);

}  // namespace sluice::test
