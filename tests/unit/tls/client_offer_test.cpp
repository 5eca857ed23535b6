// What a client offers and accepts in a handshake, and the second handshake of TLS 1.2, renegotiation.
#include "core/tls/client.hpp"

#include <doctest/doctest.h>
#include <openssl/bytestring.h>
#include <openssl/nid.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::TlsPair;

namespace {

TlsOptions of_version(TlsVersion version) {
  TlsOptions options = test::trusting_options();
  options.min_version = options.max_version = version;
  return options;
}

const TlsVersion kOfferedBy[] = {TlsVersion::tls1_2, TlsVersion::tls1_3};

// Lists of a ClientHello (RFC 8446 4.1.2), without the values that stand for nothing (RFC 8701).
struct Offer {
  std::vector<std::uint16_t> ciphers, groups, signatures;
};

std::vector<std::uint16_t> numbers(CBS list) {
  std::vector<std::uint16_t> found;
  for (std::uint16_t one = 0; CBS_get_u16(&list, &one);) {
    if ((one & 0x0f0f) != 0x0a0a) found.push_back(one);
  }
  return found;
}

Offer offer_of(TlsVersion version) {
  const TlsPair pair(test::make_context(test::example_server()), test::example_params(of_version(version)));
  CBS hello, session, ciphers, compressions, extensions, body, list;
  CBS_init(&hello, pair.wire.data(), pair.wire.size());
  Offer offer;
  // A record's head, a message's, version and random.
  REQUIRE(CBS_skip(&hello, 5 + 4 + 2 + 32));
  REQUIRE(CBS_get_u8_length_prefixed(&hello, &session));
  REQUIRE(CBS_get_u16_length_prefixed(&hello, &ciphers));
  REQUIRE(CBS_get_u8_length_prefixed(&hello, &compressions));
  REQUIRE(CBS_get_u16_length_prefixed(&hello, &extensions));
  CHECK(CBS_len(&hello) == 0);
  offer.ciphers = numbers(ciphers);
  for (std::uint16_t type = 0; CBS_get_u16(&extensions, &type) && CBS_get_u16_length_prefixed(&extensions, &body);) {
    if (type != TLSEXT_TYPE_supported_groups && type != TLSEXT_TYPE_signature_algorithms) continue;
    REQUIRE(CBS_get_u16_length_prefixed(&body, &list));
    (type == TLSEXT_TYPE_supported_groups ? offer.groups : offer.signatures) = numbers(list);
  }
  return offer;
}

// A pair over TLS 1.2 whose server can be made to ask for a renegotiation, with the handshake done.
TlsPair pair_to_renegotiate(const TlsOptions& options) {
  sim::TlsServerOptions server = test::example_server();
  server.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  TlsPair pair(test::make_context(server), test::example_params(options));
  pair.run();
  REQUIRE(pair.client->established());
  return pair;
}

void check_renegotiation_refused(TlsPair& pair) {
  CHECK(pair.deliver(test::hello_request_record(pair.server)) == Pump::failed);
  CHECK(pair.client->error().code == Code::tls_failed);
  CHECK(pair.client->error().context == "TLS connection with example.org: no renegotiation");
  CHECK_FALSE(pair.wire.empty());  // an alert
}

TlsOptions with_client_certificate() {
  TlsOptions options = of_version(TlsVersion::tls1_2);
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.for_client = true;
  const auto made = test::authority().issue(spec);
  options.certificate_pem = made.certificate_pem;
  options.private_key_pem = made.key_pem;
  return options;
}

}  // namespace

TEST_CASE("ciphers, groups and signatures that are offered: all of them, in this order") {
  const std::vector<std::uint16_t> kNew = {0x1301, 0x1302, 0x1303};
  const std::vector<std::uint16_t> kOld = {0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009,
                                           0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  for (const TlsVersion version : kOfferedBy) {
    const Offer offer = offer_of(version);
    auto ciphers = offer.ciphers;
    if (version == TlsVersion::tls1_3) std::ranges::sort(ciphers);  // their order depends on the machine
    CHECK(ciphers == (version == TlsVersion::tls1_3 ? kNew : kOld));
    CHECK(offer.groups == std::vector<std::uint16_t>{0x001d, 0x0017, 0x0018, 0x0019});
    // SB-83: no SHA-1 (0x0201, 0x0203).
    CHECK(offer.signatures ==
          std::vector<std::uint16_t>{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0807, 0x0603});
  }
}

TEST_CASE("SB-83 a server that can sign the handshake with SHA-1 only fails it") {
  const auto root = sim::TlsAuthority::make_root("RSA Root", test::kNoon - test::kDay, test::kNoon + 100 * test::kDay,
                                                 sim::KeyKind::rsa_2048);
  sim::CertificateSpec spec = test::leaf_spec({"example.org"});
  spec.key = sim::KeyKind::rsa_2048;
  const auto made = root.issue(spec);
  sim::TlsServerOptions server;
  server.certificate_pem = made.certificate_pem;
  server.key_pem = made.key_pem;
  server.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  TlsOptions options = of_version(TlsVersion::tls1_2);
  options.trust_anchors_pem = root.certificate_pem();
  const std::uint16_t signatures[] = {SSL_SIGN_RSA_PKCS1_SHA1, SSL_SIGN_RSA_PKCS1_SHA256};
  for (const std::uint16_t signature : signatures) {
    TlsPair pair(test::make_context(server), test::example_params(options));
    REQUIRE(SSL_set_signing_algorithm_prefs(pair.server.native(), &signature, 1));
    pair.run();
    CHECK(pair.client->established() == (signature == SSL_SIGN_RSA_PKCS1_SHA256));
    if (!pair.client->established()) CHECK(pair.client->error().code == Code::tls_handshake);
  }
}

TEST_CASE("servers with keys of each strong kind are accepted, in both versions") {
  for (const sim::KeyKind key :
       {sim::KeyKind::rsa_2048, sim::KeyKind::ec_p384, sim::KeyKind::ec_p521, sim::KeyKind::ed25519}) {
    sim::CertificateSpec spec = test::leaf_spec({"example.org"});
    spec.key = key;
    const auto made = test::authority().issue(spec);
    sim::TlsServerOptions server;
    server.certificate_pem = made.certificate_pem;
    server.key_pem = made.key_pem;
    for (const TlsVersion version : kOfferedBy) {
      CAPTURE(static_cast<int>(key));
      TlsPair pair(test::make_context(server), test::example_params(of_version(version)));
      // Its own lists are shorter than what it can do.
      const int groups[] = {NID_X25519, NID_secp384r1, NID_secp521r1};
      const std::uint16_t signatures[] = {SSL_SIGN_ED25519, SSL_SIGN_ECDSA_SECP521R1_SHA512,
                                          SSL_SIGN_ECDSA_SECP384R1_SHA384, SSL_SIGN_RSA_PSS_RSAE_SHA256};
      REQUIRE(SSL_set1_curves(pair.server.native(), groups, std::size(groups)));
      REQUIRE(SSL_set_signing_algorithm_prefs(pair.server.native(), signatures, std::size(signatures)));
      pair.run();
      CHECK(pair.client->verified());
      CHECK(pair.client->established());
    }
  }
}

TEST_CASE("SB-54 renegotiation is a clean error") {
  sim::TlsServerOptions server = test::example_server();
  server.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  TlsPair pair(test::make_context(server), test::example_params(of_version(TlsVersion::tls1_2)));
  pair.run();
  CHECK(pair.client->cipher() == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  CHECK(pair.deliver(test::hello_request_record(pair.server)) == Pump::failed);
  CHECK(pair.client->error().code == Code::tls_failed);
  CHECK(pair.client->error().context == "TLS connection with example.org: no renegotiation");
}

TEST_CASE(
    "SB-54 renegotiation is refused without a client certificate, where the option says never, and within a response") {
  TlsPair plain = pair_to_renegotiate(of_version(TlsVersion::tls1_2));
  check_renegotiation_refused(plain);
  TlsOptions options = with_client_certificate();
  options.renegotiation = TlsRenegotiation::never;
  TlsPair never = pair_to_renegotiate(options);
  check_renegotiation_refused(never);
  options.renegotiation = TlsRenegotiation::with_certificate;
  TlsPair within = pair_to_renegotiate(options);
  within.send("request");
  CHECK(within.server.write(as_bytes("HTTP/1.1 200 O")));
  within.run();
  check_renegotiation_refused(within);
  CHECK(within.received == "HTTP/1.1 200 O");
}

TEST_CASE(
    "SB-54 renegotiation is begun where it is allowed: after the handshake, after a request, after another response") {
  for (int when = 0; when < 3; ++when) {
    TlsOptions options = when == 1 ? of_version(TlsVersion::tls1_2) : with_client_certificate();
    if (when == 1) options.renegotiation = TlsRenegotiation::once;
    TlsPair pair = pair_to_renegotiate(options);
    if (when > 0) pair.send("request");
    if (when == 2) {
      CHECK(pair.server.write(as_bytes("response")));
      pair.run();
      pair.send("request");
    }
    pair.run();
    CHECK(pair.deliver(test::hello_request_record(pair.server)) == Pump::need_input);
    CHECK_FALSE(pair.wire.empty());  // a ClientHello
    CHECK(pair.client->established());
    // Until it is over nothing of the request's is sent, and nothing is lost.
    Bytes more = as_bytes("more of the request");
    pair.wire.clear();
    CHECK(pair.client->encode(more, pair.wire, SIZE_MAX, pair.now) == Pump::need_input);
    CHECK(as_text(more) == "more of the request");
    CHECK(pair.wire.empty());
    // A peer that does not go on with it, but asks anew or sends what is no handshake, gets an error.
    CHECK(pair.deliver(std::vector<std::uint8_t>{23, 3, 3, 0, 1, 0}) == Pump::failed);
    CHECK(pair.client->error().code == Code::tls_failed);
    pair.client->close(pair.wire);
  }
}
