// A TLS client layer and a server in memory, connected to each other, with certificates that are made once in a
// process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/tls/client.hpp"
#include "tests/support/tls_authority.hpp"
#include "tests/support/tls_server.hpp"

namespace sluice::test {

inline constexpr UnixSeconds kNoon = 1'750'000'000;  // the current time in tests
inline constexpr UnixSeconds kDay = 86'400;

const sim::TlsAuthority& authority();  // valid around kNoon
sim::CertificateSpec leaf_spec(std::vector<std::string> dns, std::vector<std::string> ip = {});
// Options of a server with a certificate of authority() for these names.
sim::TlsServerOptions server_for(std::vector<std::string> dns, std::vector<std::string> ip = {});
sim::TlsServerOptions example_server();  // example.org; the same certificate each time
sim::TlsServerContext make_context(const sim::TlsServerOptions& options);
TlsOptions trusting_options();  // authority() is trusted
std::shared_ptr<const TlsConfig> make_config(const TlsOptions& options);
tls::ClientParams example_params(const TlsOptions& options = trusting_options());

struct TlsPair {
  TlsPair(const sim::TlsServerContext& context, tls::ClientParams params, UnixSeconds wall = kNoon);

  // Moves bytes in both directions, `step` at a time, until none are left. Plain bytes are appended to `received`.
  void run(std::size_t step = SIZE_MAX);
  // Gives bytes to the client only. Its answer is in `wire`. Returns the last result of decode().
  Pump deliver(Bytes bytes, std::size_t room = 64 * 1024);
  void send(std::string_view plain);

  sim::TlsServer server;
  std::unique_ptr<tls::ClientLayer> client;
  std::vector<std::uint8_t> wire;  // from the client
  std::string received;
  Pump last = Pump::need_input;
  Now now;
};

}  // namespace sluice::test
