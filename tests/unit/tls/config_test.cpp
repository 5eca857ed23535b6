// TlsConfig::create: which options, certificates and keys it accepts, its errors, and its identity.
#include "core/options.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/base/limits.hpp"
#include "core/tls_hooks.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kDay;
using test::kNoon;

namespace {

std::string refusal(const TlsOptions& options) {
  const auto config = TlsConfig::create(options);
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().code == Code::tls_config);
  CHECK(config.error().blame == Blame::caller);
  return config.error().message();
}

sim::CertificateAndKey client_certificate() {
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.for_client = true;
  return test::authority().issue(spec);
}

bool says(const std::string& message, std::string_view part) {
  INFO(message);
  return message.contains(part);
}

struct NoSigner final : TlsSigner {
  explicit NoSigner(std::string_view name) : TlsSigner(name) {}
  std::vector<TlsSignatureScheme> schemes() const override { return {TlsSignatureScheme::ecdsa_secp256r1_sha256}; }
  Result<std::string> sign(TlsSignatureScheme, std::string_view) const override { return ""; }
};

struct AnyPeer final : TlsVerifier {
  AnyPeer(Counts counts, std::string_view name) : TlsVerifier(counts, name) {}
  std::optional<std::string> refuse(const TlsPeer&) const override { return std::nullopt; }
};

}  // namespace

TEST_CASE("SB-05 equal options have equal identities, and each single option makes another one") {
  const TlsOptions base = test::trusting_options();
  CHECK(test::make_config(base)->identity() == test::make_config(base)->identity());
  CHECK(test::make_config(base)->options() == base);

  const auto pair = client_certificate();
  const std::vector<std::string> two_protocols = {"http", "/1.1"};
  // Both exist until the end, so that their addresses differ.
  const auto nameless = std::make_shared<NoSigner>(""), other_nameless = std::make_shared<NoSigner>("");
  const std::vector<std::function<void(TlsOptions&)>> changes = {
      [](TlsOptions&) {},
      [](TlsOptions& o) { o.trust_anchors_pem += "\n"; },
      [](TlsOptions& o) { o.trust_anchors_pem.clear(); },
      [](TlsOptions& o) { o.verify_peer = false; },
      [&](TlsOptions& o) { o.certificate_pem = pair.certificate_pem + pair.key_pem; },
      [&](TlsOptions& o) { o.certificate_pem = pair.certificate_pem, o.private_key_pem = pair.key_pem; },
      [&](TlsOptions& o) { o.certificate_pem = pair.certificate_pem, o.private_key_pem = pair.key_pem + "\n"; },
      [](TlsOptions& o) { o.private_key_password = "x"; },
      [](TlsOptions& o) { o.min_version = TlsVersion::tls1_3; },
      [](TlsOptions& o) { o.max_version = TlsVersion::tls1_2; },
      [](TlsOptions& o) { o.alpn = {}; },
      [&](TlsOptions& o) { o.alpn = two_protocols; },
      [&](TlsOptions& o) { o.alpn.assign(two_protocols.rbegin(), two_protocols.rend()); },
      [](TlsOptions& o) { o.session_resumption = false; },
      [](TlsOptions& o) { o.renegotiation = TlsRenegotiation::never; },
      [](TlsOptions& o) { o.renegotiation = TlsRenegotiation::once; },
      [](TlsOptions& o) { o.key_log = true; },
      [](TlsOptions& o) { o.keep_certificates = true; },
      [](TlsOptions& o) { o.pinned_public_keys = {std::string(32, 'a')}; },
      [](TlsOptions& o) { o.pinned_public_keys = {std::string(32, 'A')}; },
      [](TlsOptions& o) { o.pinned_public_keys = {std::string(32, 'a'), std::string(32, 'A')}; },
      [](TlsOptions& o) { o.ciphers = "ECDHE-RSA-AES128-GCM-SHA256"; },
      [](TlsOptions& o) { o.tls13_ciphers = "TLS_AES_128_GCM_SHA256"; },
      [](TlsOptions& o) { o.groups = "P-256"; },
      [](TlsOptions& o) { o.signature_algorithms = "ed25519"; },
      [](TlsOptions& o) { o.verify_peer = false, o.revocation_lists_pem = "x"; },
      [](TlsOptions& o) { o.require_status = true; },
      [&](TlsOptions& o) { o.certificate_pem = pair.certificate_pem, o.signer = nameless; },
      [&](TlsOptions& o) { o.certificate_pem = pair.certificate_pem, o.signer = other_nameless; },
      [&](TlsOptions& o) { o.certificate_pem = pair.certificate_pem, o.signer = std::make_shared<NoSigner>("a"); },
      [&](TlsOptions& o) { o.certificate_pem = pair.certificate_pem, o.signer = std::make_shared<NoSigner>("A"); },
      [](TlsOptions& o) { o.verifier = std::make_shared<AnyPeer>(TlsVerifier::Counts::besides, "a"); },
      [](TlsOptions& o) { o.verifier = std::make_shared<AnyPeer>(TlsVerifier::Counts::in_place, "a"); },
      [](TlsOptions& o) { o.verifier = std::make_shared<AnyPeer>(TlsVerifier::Counts::besides, ""); },
  };
  std::set<TlsConfig::Identity> identities;
  for (const auto& change : changes) {
    TlsOptions changed = base;
    change(changed);
    identities.insert(test::make_config(changed)->identity());
  }
  CHECK(identities.size() == changes.size());
}

TEST_CASE("bytes that move from one option to the next are another identity") {
  TlsOptions one, two;
  one.verify_peer = two.verify_peer = false;
  one.trust_anchors_pem = "ab";
  one.private_key_password = "c";
  two.trust_anchors_pem = "a";
  two.private_key_password = "bc";
  CHECK(test::make_config(one)->identity() != test::make_config(two)->identity());
}

TEST_CASE("SB-05 objects with one name are one identity, and one without a name is itself alone") {
  const auto with = [](std::shared_ptr<const TlsVerifier> verifier) {
    TlsOptions options = test::trusting_options();
    options.verifier = std::move(verifier);
    return test::make_config(options)->identity();
  };
  const auto make = [](std::string_view name) { return std::make_shared<AnyPeer>(TlsVerifier::Counts::besides, name); };
  CHECK(with(make("a")) == with(make("a")));
  const auto nameless = make("");
  CHECK(with(nameless) == with(nameless));
  CHECK(with(make("")) != with(nameless));
  CHECK(nameless->has_name() == false);
  CHECK(with(make(nameless->identity())) != with(nameless));
}

TEST_CASE("trust anchors: one, many, with prose between; none at all is allowed") {
  const auto other = sim::TlsAuthority::make_root("Other Root", kNoon, kNoon + kDay);
  TlsOptions options = test::trusting_options();
  options.trust_anchors_pem = "# a comment\n" + options.trust_anchors_pem + "\nOther:\n" + other.certificate_pem();
  options.trust_anchors_pem += options.trust_anchors_pem;  // the same ones twice
  CHECK(TlsConfig::create(options).has_value());
  CHECK(TlsConfig::create(TlsOptions{}).has_value());
}

TEST_CASE("unusable trust anchors are named by their number") {
  TlsOptions options = test::trusting_options();
  const std::string good = options.trust_anchors_pem;
  options.trust_anchors_pem = good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + good;
  CHECK(says(refusal(options), "trust anchors: certificate 2 is unusable"));
  options.trust_anchors_pem = good + good + good.substr(0, good.size() / 2);
  CHECK(says(refusal(options), "trust anchors: certificate 3 is unusable"));
  options.trust_anchors_pem = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
  CHECK(says(refusal(options), "trust anchors: certificate 1 is unusable"));
  for (const std::string& empty :
       {std::string("\n"), std::string("no PEM here"), std::string("\0\xff", 2), client_certificate().key_pem}) {
    options.trust_anchors_pem = empty;
    CHECK(says(refusal(options), "trust anchors: no certificate"));
  }
}

TEST_CASE("client certificate: key beside it, in the same text, or encrypted") {
  const auto pair = client_certificate();
  TlsOptions options;
  options.certificate_pem = pair.certificate_pem + pair.key_pem;
  CHECK(TlsConfig::create(options).has_value());
  options.certificate_pem = pair.certificate_pem;
  options.private_key_pem = pair.key_pem;
  CHECK(TlsConfig::create(options).has_value());
  options.private_key_pem = sim::encrypt_key(pair.key_pem, "open sesame");
  options.private_key_password = "open sesame";
  CHECK(TlsConfig::create(options).has_value());
}

TEST_CASE("a client certificate that cannot be used says which part and why") {
  const auto pair = client_certificate();
  TlsOptions options;
  options.certificate_pem = pair.certificate_pem;
  CHECK(says(refusal(options), "private key: none"));
  options.private_key_pem = client_certificate().key_pem;
  CHECK(says(refusal(options), "the private key does not belong to it"));
  options.private_key_pem = sim::encrypt_key(pair.key_pem, "open sesame");
  CHECK(says(refusal(options), "encrypted and no password"));
  options.private_key_password = "open barley";
  CHECK(says(refusal(options), "wrong password"));
  CHECK_FALSE(says(refusal(options), "barley"));
  options.private_key_password = std::string(5'000, 'x');
  CHECK(says(refusal(options), "wrong password"));
  options.private_key_pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  CHECK(says(refusal(options), "private key: unusable"));
  options = {};
  options.private_key_pem = pair.key_pem;
  CHECK(says(refusal(options), "private key but no certificate"));
  options.certificate_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  CHECK(says(refusal(options), "client certificate: certificate 1 is unusable"));
}

TEST_CASE("versions and ALPN are checked") {
  TlsOptions options;
  options.min_version = TlsVersion::tls1_3;
  options.max_version = TlsVersion::tls1_2;
  CHECK(says(refusal(options), "TLS versions"));
  options = {};
  options.max_version = static_cast<TlsVersion>(9);
  CHECK(says(refusal(options), "TLS versions"));
  options = {};
  options.alpn = {""};
  CHECK(says(refusal(options), "ALPN"));
  options.alpn = {std::string(256, 'x')};
  CHECK(says(refusal(options), "ALPN"));
  options.alpn = {std::string(255, 'x')};
  CHECK(TlsConfig::create(options).has_value());
  options.alpn.assign(300, std::string(255, 'x'));
  CHECK(says(refusal(options), "ALPN"));
}

TEST_CASE("a PEM text past its cap is refused before it is read, one at the cap is read") {
  TlsOptions options = test::trusting_options();
  options.trust_anchors_pem.resize(limits::kMaxPemBytes, '\n');
  CHECK(TlsConfig::create(options).has_value());
  options.trust_anchors_pem.push_back('\n');
  CHECK(refusal(options).find("more than 16 MiB") != std::string::npos);
  options = test::trusting_options();
  const auto pair = client_certificate();
  options.certificate_pem = pair.certificate_pem;
  options.private_key_pem = pair.key_pem;
  options.private_key_pem.resize(limits::kMaxPemBytes + 1, '\n');
  CHECK(refusal(options).find("private key: more than 16 MiB") != std::string::npos);
}
