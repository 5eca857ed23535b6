// See tls_pair.hpp.
#include "tests/support/tls_pair.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"

namespace sluice::test {

const sim::TlsAuthority& authority() {
  static const sim::TlsAuthority one =
      sim::TlsAuthority::make_root("Test Root", kNoon - 100 * kDay, kNoon + 1000 * kDay);
  return one;
}

sim::CertificateSpec leaf_spec(std::vector<std::string> dns, std::vector<std::string> ip) {
  return {"leaf", std::move(dns), std::move(ip), kNoon - 10 * kDay, kNoon + 90 * kDay, false, false};
}

sim::TlsServerOptions server_for(std::vector<std::string> dns, std::vector<std::string> ip) {
  const sim::CertificateAndKey made = authority().issue(leaf_spec(std::move(dns), std::move(ip)));
  sim::TlsServerOptions options;
  options.certificate_pem = made.certificate_pem;
  options.key_pem = made.key_pem;
  options.client_check_time = kNoon;
  return options;
}

sim::TlsServerOptions example_server() {
  static const sim::TlsServerOptions options = server_for({"example.org"});
  return options;
}

sim::TlsServerContext make_context(const sim::TlsServerOptions& options) {
  auto context = sim::TlsServerContext::create(options);
  SLUICE_CHECK(context.has_value());
  return std::move(*context);
}

TlsOptions trusting_options() {
  TlsOptions options;
  options.trust_anchors_pem = authority().certificate_pem();
  return options;
}

std::shared_ptr<const TlsConfig> make_config(const TlsOptions& options) {
  auto config = TlsConfig::create(options);
  SLUICE_CHECK(config.has_value());
  return *config;
}

tls::ClientParams example_params(const TlsOptions& options) {
  tls::ClientParams params;
  params.config = make_config(options);
  params.host = "example.org";
  params.port = 443;
  return params;
}

TlsPair::TlsPair(const sim::TlsServerContext& context, tls::ClientParams params, UnixSeconds wall)
    : server(context), now{{}, wall} {
  auto made = tls::make_client(std::move(params));
  SLUICE_CHECK(made.has_value());
  client = std::move(*made);
  last = client->start(wire, now);
}

Pump TlsPair::deliver(Bytes bytes, std::size_t room) {
  std::vector<std::uint8_t> space(room);
  for (;;) {
    MutableBytes out(space);
    last = client->decode(bytes, out, wire, now);
    received.append(as_text({space.data(), space.size() - out.size()}));
    if (last != Pump::need_space) break;
    SLUICE_CHECK(out.size() < space.size() || room == 0);  // it must make progress, or not ask for space
    if (room == 0) break;
  }
  SLUICE_CHECK(last != Pump::need_input || bytes.empty());
  return last;
}

void TlsPair::run(std::size_t step) {
  bool moved = true;
  while (moved) {
    moved = false;
    const std::vector<std::uint8_t> to_server = std::exchange(wire, {});
    for (std::size_t at = 0; at < to_server.size(); at += std::min(step, to_server.size() - at)) {
      moved = true;
      server.feed(Bytes(to_server).subspan(at, std::min(step, to_server.size() - at)));
    }
    const std::vector<std::uint8_t> to_client = std::exchange(server.output(), {});
    for (std::size_t at = 0; at < to_client.size(); at += std::min(step, to_client.size() - at)) {
      moved = true;
      deliver(Bytes(to_client).subspan(at, std::min(step, to_client.size() - at)));
    }
  }
}

void TlsPair::send(std::string_view plain) {
  Bytes in = as_bytes(plain);
  const Pump pump = client->encode(in, wire, SIZE_MAX, now);
  SLUICE_CHECK(pump == Pump::progressed && in.empty());
}

}  // namespace sluice::test
