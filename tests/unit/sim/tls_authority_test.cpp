// adapters/sim/tls_authority, adapters/sim/even_signature: all certificates and handshakes of one kind have the same
// length.
#include <doctest/doctest.h>

#include <set>

#include "core/tls/session_cache.hpp"
#include "tests/support/tls_pair.hpp"

namespace sluice::test {
namespace {

struct Sizes {
  std::vector<std::size_t> wire;  // of each burst, the client's and the server's in turn
  friend auto operator<=>(const Sizes&, const Sizes&) = default;
};

// A handshake, tickets included.
Sizes handshake(const sim::TlsServerContext& context, const tls::ClientParams& params, bool* resumed) {
  TlsPair pair(context, params);
  Sizes sizes;
  for (int round = 0; round < 10; ++round) {
    if (round == 5) pair.server.write(as_bytes("hello"));  // takes the tickets along
    sizes.wire.push_back(pair.wire.size());
    pair.server.feed(std::exchange(pair.wire, {}));
    sizes.wire.push_back(pair.server.output().size());
    pair.deliver(std::exchange(pair.server.output(), {}));
  }
  CHECK(pair.server.handshake_done());
  CHECK(pair.client->verified());
  *resumed = pair.server.resumed();
  return sizes;
}

void check_equal_sizes(sim::KeyKind kind) {
  const auto root = sim::TlsAuthority::make_root("Root", kNoon - kDay, kNoon + kDay, kind);
  std::set<std::size_t> certificates{};
  for (const TlsVersion version : {TlsVersion::tls1_2, TlsVersion::tls1_3}) {
    CAPTURE(static_cast<int>(version));
    std::set<Sizes> full;
    std::set<Sizes> abbreviated;
    for (int i = 0; i < 3; ++i) {
      sim::CertificateSpec spec = leaf_spec({"example.org"});
      spec.key = kind;
      const auto made = root.issue(spec);
      certificates.insert(made.certificate_pem.size());
      sim::TlsServerOptions server;
      server.certificate_pem = made.certificate_pem;
      server.key_pem = made.key_pem;
      server.min_version = server.max_version = version;
      const auto context = make_context(server);
      TlsOptions client;
      client.trust_anchors_pem = root.certificate_pem();
      for (int j = 0; j < 8; ++j) {
        bool resumed = true;
        full.insert(handshake(context, example_params(client), &resumed));
        CHECK_FALSE(resumed);
      }
      tls::SessionCache sessions;
      tls::ClientParams remembering = example_params(client);
      remembering.sessions = &sessions;
      remembering.session_key = "key";
      for (int j = 0; j < 4; ++j) {
        bool resumed = false;
        const Sizes sizes = handshake(context, remembering, &resumed);
        CHECK(resumed == (j > 0));
        (resumed ? abbreviated : full).insert(sizes);
      }
    }
    CHECK(full.size() == 1);
    CHECK(abbreviated.size() == 1);
  }
  CHECK(certificates.size() == 1);
}

TEST_CASE("With P-256 and RSA certificates and handshakes have equal sizes, with other keys and other randomness") {
  SUBCASE("P-256") { check_equal_sizes(sim::KeyKind::ec_p256); }
  SUBCASE("RSA") { check_equal_sizes(sim::KeyKind::rsa_2048); }
}

TEST_CASE("An intermediate has a key of its root's kind") {
  const auto root = sim::TlsAuthority::make_root("Root", kNoon - kDay, kNoon + kDay, sim::KeyKind::rsa_2048);
  const auto middle = root.make_intermediate("Middle", kNoon - kDay, kNoon + kDay);
  const auto curve = sim::TlsAuthority::make_root("Root", kNoon - kDay, kNoon + kDay);
  CHECK(middle.certificate_pem().size() > 900);  // an RSA key alone is 270 bytes, its signature 256
  CHECK(root.certificate_pem().size() > 900);
  CHECK(curve.certificate_pem().size() < 800);
  sim::TlsServerOptions server;
  sim::CertificateSpec spec = leaf_spec({"example.org"});  // an EC leaf below RSA
  const auto made = middle.issue(spec);
  server.certificate_pem = made.certificate_pem;
  server.key_pem = made.key_pem;
  TlsOptions client;
  client.trust_anchors_pem = root.certificate_pem();
  bool resumed = true;
  handshake(make_context(server), example_params(client), &resumed);
  CHECK_FALSE(resumed);
}

}  // namespace
}  // namespace sluice::test
