// What TlsOptions ask of a connection besides a valid chain: pinned keys, ciphers, groups, signature algorithms,
// revocation lists. Chains: client_verify_test.cpp.
#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

#include "core/certificate.hpp"
#include "core/hash/hash.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kDay;
using test::kNoon;
using test::TlsPair;

namespace {

const TlsVersion kEachVersion[] = {TlsVersion::tls1_2, TlsVersion::tls1_3};

bssl::UniquePtr<X509> certificate_of(const std::string& pem) {
  const bssl::UniquePtr<BIO> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return bssl::UniquePtr<X509>(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
}

std::string key_in_der(const std::string& certificate_pem) {
  const auto certificate = certificate_of(certificate_pem);
  std::uint8_t* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &der);
  const bssl::UniquePtr<std::uint8_t> owner(der);
  return std::string(as_text({der, static_cast<std::size_t>(size)}));
}

std::string hash_of_key(const std::string& certificate_pem) {
  return std::string(as_text(Bytes(hash::sha256(key_in_der(certificate_pem)))));
}

// "" if the handshake succeeds; else the error's name and text.
std::string outcome(const sim::TlsServerOptions& server, const tls::ClientParams& params) {
  TlsPair pair(test::make_context(server), params);
  pair.run();
  if (pair.client->established()) return "";
  return std::string(to_string(pair.client->error().code)) + ": " + pair.client->error().message();
}

std::string outcome_with(const TlsOptions& options) {
  return outcome(test::example_server(), test::example_params(options));
}

std::string refused_option(const TlsOptions& options) {
  const auto config = TlsConfig::create(options);
  if (config) return "";
  return std::string(to_string(config.error().code)) + ": " + config.error().message();
}

}  // namespace

TEST_CASE("SB-52 a pinned key is asked for with and without verification, in each version, also of a resumed session") {
  const std::string right = hash_of_key(test::example_server().certificate_pem);
  const std::string wrong(32, 'x');
  for (const TlsVersion version : kEachVersion) {
    for (const bool verifies : {true, false}) {
      CAPTURE(verifies);
      TlsOptions options = test::trusting_options();
      options.verify_peer = verifies;
      options.max_version = version;
      options.pinned_public_keys = {right};
      CHECK(outcome_with(options) == "");
      options.pinned_public_keys = {wrong, right};
      CHECK(outcome_with(options) == "");
      options.pinned_public_keys = {wrong};
      CHECK(outcome_with(options) ==
            "tls_pin: TLS handshake with example.org:443: the certificate's key is none of the pinned ones");
      // A session of a server with the pinned key is offered to one that has taken its place.
      const auto context = test::make_context(test::example_server());
      tls::SessionCache sessions;
      options.pinned_public_keys.clear();
      auto params = test::example_params(options);
      params.sessions = &sessions;
      params.session_key = "the same for both";
      TlsPair first(context, params);
      first.run();
      REQUIRE(first.server.write(as_bytes("x")));
      first.run();
      REQUIRE(sessions.size() > 0);
      options.pinned_public_keys = {wrong};
      params.config = test::make_config(options);
      TlsPair second(context, params);
      second.run();
      CHECK_FALSE(second.client->established());
      CHECK(second.client->error().code == Code::tls_pin);
    }
  }
}

TEST_CASE("a certificate that is not valid is told before its key; a hash has 32 bytes") {
  TlsOptions options = test::trusting_options();
  options.pinned_public_keys = {std::string(32, 'x')};
  auto params = test::example_params(options);
  params.host = "example.com";
  CHECK(outcome(test::example_server(), params).starts_with("tls_certificate: "));
  options.pinned_public_keys = {std::string(31, 'x')};
  CHECK(refused_option(options) == "tls_config: pinned public keys: a hash has 31 bytes, SHA-256 has 32");
}

TEST_CASE("the hash of a public key, in PEM and in DER") {
  const std::string certificate = test::example_server().certificate_pem;
  const std::string der = key_in_der(certificate);
  CHECK(public_key_hash(der).value() == hash_of_key(certificate));
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio(out.get(), "PUBLIC KEY", "", as_bytes(der).data(), static_cast<long>(der.size())));
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out.get(), &data, &size);
  CHECK(public_key_hash("# a key\n" + std::string(as_text({data, size}))).value() == hash_of_key(certificate));
  for (const std::string& other : {std::string(), der + "x", der.substr(1), certificate}) {
    const auto hash = public_key_hash(other);
    REQUIRE_FALSE(hash.has_value());
    CHECK(hash.error().message() == "public key: none in PEM or DER");
  }
}

TEST_CASE("ciphers of TLS 1.2: the server's choice is among them, and none that is known is an error") {
  TlsOptions options = test::trusting_options();
  options.max_version = TlsVersion::tls1_2;
  for (const auto& [list, chosen] :
       {std::pair("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        std::pair("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        std::pair("ECDHE-ECDSA-AES256-GCM-SHA384@SECLEVEL=1", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        std::pair("@SECLEVEL=2:ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        std::pair("NO-SUCH:ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")}) {
    options.ciphers = list;
    TlsPair pair(test::make_context(test::example_server()), test::example_params(options));
    pair.run();
    REQUIRE(pair.client->established());
    CHECK(pair.client->cipher() == chosen);
  }
  options.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";  // the server has no RSA key
  CHECK(outcome_with(options).starts_with("tls_handshake: "));
  for (const char* none :
       {"NO-SUCH", "DES-CBC3-SHA", "PSK-AES128-CBC-SHA", "@SECLEVEL=1", "DEFAULT@SECLEVEL=3", "DEFAULT@SECLEVEL="}) {
    options.ciphers = none;
    CHECK(refused_option(options) ==
          "tls_config: ciphers: \"" + std::string(none) + "\" names none that can be used with TLS 1.2");
  }
}

TEST_CASE("ciphers of TLS 1.3: a choice of the server that was not asked for ends the handshake") {
  TlsOptions options = test::trusting_options();
  options.tls13_ciphers = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
  CHECK(outcome_with(options) == "");
  TlsPair pair(test::make_context(test::example_server()), test::example_params(options));
  pair.run();
  const std::string chosen(pair.client->cipher());
  options.tls13_ciphers = "TLS_NO_SUCH:" + chosen;
  CHECK(outcome_with(options) == "");
  options.tls13_ciphers = chosen == "TLS_AES_256_GCM_SHA384" ? "TLS_AES_128_GCM_SHA256" : "TLS_AES_256_GCM_SHA384";
  const std::string said = outcome_with(options);
  CHECK(said.starts_with("tls_handshake: TLS handshake with example.org:443: the server chose " + chosen + ", which"));
  options.max_version = TlsVersion::tls1_2;
  CHECK(outcome_with(options) == "");
  options.tls13_ciphers = "TLS_NO_SUCH";
  CHECK(refused_option(options).starts_with("tls_config: TLS 1.3 ciphers: \"TLS_NO_SUCH\" names none of TLS_AES_128"));
}

TEST_CASE("groups: what is asked for is used and told, in each version; wrong names are named") {
  for (const TlsVersion version : kEachVersion) {
    TlsOptions options = test::trusting_options();
    options.max_version = version;
    for (const auto& [list, used] : {std::pair("", "X25519"), std::pair("P-384:P-256", "P-384"),
                                     std::pair("prime256v1", "P-256"), std::pair("secp521r1:secp256r1", "P-256")}) {
      if (version == TlsVersion::tls1_2 && std::string_view(used) == "P-384") continue;  // the server prefers P-256
      CAPTURE(std::string(list));
      options.groups = list;
      TlsPair pair(test::make_context(test::example_server()), test::example_params(options));
      CHECK(pair.client->group().empty());
      pair.run();
      REQUIRE(pair.client->established());
      CHECK(pair.client->group() == used);
    }
  }
  for (const auto& [list, wrong] :
       {std::pair("P-224", "P-224"), std::pair("X25519::P-256", ""), std::pair("X25519:P-256:sect163k1", "sect163k1"),
        std::pair("nonsense", "nonsense")}) {
    TlsOptions options = test::trusting_options();
    options.groups = list;
    CHECK(refused_option(options) ==
          "tls_config: groups: \"" + std::string(wrong) + "\" is none of X25519, P-256, P-384, P-521");
  }
}

TEST_CASE("signature algorithms: only those are accepted; SHA-1 never; wrong names are named") {
  for (const TlsVersion version : kEachVersion) {
    TlsOptions options = test::trusting_options();
    options.max_version = version;
    options.signature_algorithms = "ECDSA+SHA256:rsa_pss_rsae_sha256";
    CHECK(outcome_with(options) == "");
    options.signature_algorithms = "rsa_pss_rsae_sha256";  // the server's key is on a curve
    CHECK(outcome_with(options).starts_with("tls_handshake: "));
  }
  TlsOptions options = test::trusting_options();
  options.signature_algorithms = "rsa_pss_rsae_sha256:RSA+SHA1";
  CHECK(refused_option(options) == "tls_config: signature algorithms: \"RSA+SHA1\": SHA-1 is too weak");
  options.signature_algorithms = "ecdsa_sha1";
  CHECK(refused_option(options).contains("SHA-1 is too weak"));
  options.signature_algorithms = "nonsense";
  CHECK(refused_option(options).starts_with("tls_config: signature algorithms: \"nonsense\": expected names like"));
}

namespace {

// A list of `authority` that revokes `serial`; null: it is empty.
std::string revocation_list(const sim::TlsAuthority& authority, const ASN1_INTEGER* serial, UnixSeconds from,
                            UnixSeconds until) {
  const auto issuer = certificate_of(authority.certificate_pem());
  const std::string key_text = authority.key_pem();
  const bssl::UniquePtr<BIO> key_bio(BIO_new_mem_buf(key_text.data(), static_cast<int>(key_text.size())));
  const bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<X509_CRL> list(X509_CRL_new());
  const bssl::UniquePtr<ASN1_TIME> begin(ASN1_TIME_set(nullptr, from)), end(ASN1_TIME_set(nullptr, until));
  REQUIRE(X509_CRL_set_version(list.get(), 1));
  REQUIRE(X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.get())));
  REQUIRE(X509_CRL_set1_lastUpdate(list.get(), begin.get()));
  REQUIRE(X509_CRL_set1_nextUpdate(list.get(), end.get()));
  if (serial != nullptr) {
    X509_REVOKED* revoked = X509_REVOKED_new();
    REQUIRE(X509_REVOKED_set_serialNumber(revoked, const_cast<ASN1_INTEGER*>(serial)));
    REQUIRE(X509_REVOKED_set_revocationDate(revoked, begin.get()));
    REQUIRE(X509_CRL_add0_revoked(list.get(), revoked));
  }
  REQUIRE(X509_CRL_sign(list.get(), key.get(), EVP_sha256()));
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509_CRL(out.get(), list.get()));
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out.get(), &data, &size);
  return std::string(as_text({data, size}));
}

}  // namespace

TEST_CASE("revocation lists: a revoked certificate, an old list, none of the issuer's, and a list that has nothing") {
  const auto leaf = certificate_of(test::example_server().certificate_pem);
  const ASN1_INTEGER* serial = X509_get0_serialNumber(leaf.get());
  const auto with = [](const std::string& lists) {
    TlsOptions options = test::trusting_options();
    options.revocation_lists_pem = lists;
    return outcome_with(options);
  };
  const std::string empty = revocation_list(test::authority(), nullptr, kNoon - kDay, kNoon + kDay);
  CHECK(with(empty) == "");
  CHECK(with("some words\n" + test::authority().certificate_pem() + empty) == "");
  const std::string revoked = with(revocation_list(test::authority(), serial, kNoon - kDay, kNoon + kDay));
  CHECK(revoked.starts_with("tls_certificate: TLS handshake with example.org:443: certificate revoked"));
  CHECK(with(revocation_list(test::authority(), nullptr, kNoon - 2 * kDay, kNoon - kDay)).contains("CRL has expired"));
  const auto other = sim::TlsAuthority::make_root("Other Root", kNoon - kDay, kNoon + kDay);
  CHECK(with(revocation_list(other, nullptr, kNoon - kDay, kNoon + kDay)).contains("unable to get certificate CRL"));
  // Of the same name, but with another key.
  const auto impostor = sim::TlsAuthority::make_root("Test Root", kNoon - kDay, kNoon + kDay);
  CHECK_FALSE(with(revocation_list(impostor, nullptr, kNoon - kDay, kNoon + kDay)).empty());
}

TEST_CASE("revocation lists that cannot be read are named") {
  TlsOptions options = test::trusting_options();
  options.revocation_lists_pem = "no list";
  CHECK(refused_option(options) == "tls_config: revocation lists: none in the PEM text");
  options.revocation_lists_pem = test::authority().certificate_pem();
  CHECK(refused_option(options) == "tls_config: revocation lists: none in the PEM text");
  options.revocation_lists_pem = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
  CHECK(refused_option(options).starts_with("tls_config: revocation lists: list 1 is unusable: "));
}
