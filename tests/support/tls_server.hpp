// The TLS server for tests is that of the simulator; here is what only a test does to a client.
#pragma once

#include "adapters/sim/tls_server.hpp"

namespace sluice::test {

// One record with a HelloRequest, encrypted with the connection's keys (RFC 5246 7.4.1.1); BoringSSL never sends one.
// Only TLS 1.2 with ECDHE-ECDSA-AES128-GCM-SHA256. The server can send nothing valid afterwards.
std::vector<std::uint8_t> hello_request_record(const sim::TlsServer& server);

// An unencrypted alert, as from a server that refuses the ClientHello.
std::vector<std::uint8_t> plain_alert(std::uint8_t alert);

}  // namespace sluice::test
