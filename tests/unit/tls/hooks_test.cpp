// TlsSigner and TlsVerifier: what an application does itself (core/tls_hooks.hpp).
#include "core/tls_hooks.hpp"

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kNoon;
using test::TlsPair;

namespace {

using enum TlsSignatureScheme;

// As a program in another process would sign: only bytes go in and come out.
class KeyOutside final : public TlsSigner {
 public:
  KeyOutside(const std::string& key_pem, std::vector<TlsSignatureScheme> schemes)
      : TlsSigner("the key of the test"), schemes_(std::move(schemes)) {
    const bssl::UniquePtr<BIO> text(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
    key_.reset(PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
  }
  std::vector<TlsSignatureScheme> schemes() const override { return schemes_; }
  Result<std::string> sign(TlsSignatureScheme scheme, std::string_view input) const override {
    used.push_back(scheme);
    if (instead) return instead();
    bssl::ScopedEVP_MD_CTX context;
    EVP_PKEY_CTX* padding = nullptr;
    const EVP_MD* hash = scheme == ed25519 ? nullptr : scheme == rsa_pss_rsae_sha384 ? EVP_sha384() : EVP_sha256();
    REQUIRE(EVP_DigestSignInit(context.get(), &padding, hash, nullptr, key_.get()));
    if (scheme == rsa_pss_rsae_sha256 || scheme == rsa_pss_rsae_sha384) {
      REQUIRE(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING));
      REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, -1));
    }
    std::string out(1'024, '\0');
    std::size_t size = out.size();
    REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<std::uint8_t*>(out.data()), &size, as_bytes(input).data(),
                           input.size()));
    out.resize(size);
    return out;
  }

  std::function<Result<std::string>()> instead;
  mutable std::vector<TlsSignatureScheme> used;

 private:
  std::vector<TlsSignatureScheme> schemes_;
  bssl::UniquePtr<EVP_PKEY> key_;
};

sim::TlsServerOptions asking_server() {
  sim::TlsServerOptions options = test::example_server();
  options.client_anchors_pem = test::authority().certificate_pem();
  return options;
}

sim::CertificateAndKey client_pair(sim::KeyKind kind) {
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.for_client = true;
  spec.key = kind;
  return test::authority().issue(spec);
}

class Asked final : public TlsVerifier {
 public:
  explicit Asked(Counts counts = Counts::besides) : TlsVerifier(counts) {}
  std::optional<std::string> refuse(const TlsPeer& peer) const override {
    ++times;
    host = peer.host;
    port = peer.port;
    certificates.assign(peer.certificates.begin(), peer.certificates.end());
    checked = peer.checked;
    accepted = peer.accepted;
    reason = peer.reason;
    time = peer.time;
    if (throws) throw std::runtime_error("a bug");
    return answer;
  }
  std::optional<std::string> answer;
  bool throws = false;
  mutable int times = 0;
  mutable std::string host, reason;
  mutable std::uint16_t port = 0;
  mutable std::vector<std::string> certificates;
  mutable bool checked = false, accepted = false;
  mutable UnixSeconds time = 0;
};

}  // namespace

TEST_CASE("a client's key that is not here: its signer is asked, with what it offers, in each version") {
  struct Row {
    sim::KeyKind kind;
    TlsVersion version;
    std::vector<TlsSignatureScheme> offered;
    TlsSignatureScheme used;
  };
  const Row rows[] = {
      {sim::KeyKind::ec_p256, TlsVersion::tls1_3, {ecdsa_secp256r1_sha256}, ecdsa_secp256r1_sha256},
      {sim::KeyKind::ec_p256, TlsVersion::tls1_2, {ecdsa_secp256r1_sha256}, ecdsa_secp256r1_sha256},
      {sim::KeyKind::rsa_2048, TlsVersion::tls1_3, {rsa_pkcs1_sha256, rsa_pss_rsae_sha384}, rsa_pss_rsae_sha384},
      {sim::KeyKind::rsa_2048, TlsVersion::tls1_2, {rsa_pkcs1_sha256, rsa_pss_rsae_sha384}, rsa_pkcs1_sha256},
  };
  for (const Row& row : rows) {
    CAPTURE(static_cast<int>(row.used));
    const auto pair = client_pair(row.kind);
    const auto signer = std::make_shared<KeyOutside>(pair.key_pem, row.offered);
    TlsOptions options = test::trusting_options();
    options.max_version = row.version;
    options.certificate_pem = pair.certificate_pem;
    options.signer = signer;
    TlsPair talk(test::make_context(asking_server()), test::example_params(options));
    talk.run();
    INFO(talk.client->error().message());
    CHECK(talk.client->established());
    CHECK(talk.server.handshake_done());
    CHECK(talk.server.client_subject() == "leaf");
    CHECK(signer->used == std::vector{row.used});
  }
}

TEST_CASE("a signer that fails, throws or gives rubbish ends the handshake, and its words are told") {
  const auto pair = client_pair(sim::KeyKind::ec_p256);
  const auto failure = [&](std::function<Result<std::string>()> instead) {
    const auto signer = std::make_shared<KeyOutside>(pair.key_pem, std::vector{ecdsa_secp256r1_sha256});
    signer->instead = std::move(instead);
    TlsOptions options = test::trusting_options();
    options.certificate_pem = pair.certificate_pem;
    options.signer = signer;
    TlsPair talk(test::make_context(asking_server()), test::example_params(options));
    talk.run();
    CHECK_FALSE(talk.client->established());
    CHECK(talk.client->error().code == Code::tls_handshake);
    return talk.client->error().message();
  };
  const std::string where = "TLS handshake with example.org:443: the signer of the client certificate: ";
  const auto no_card = [] { return std::unexpected(make_error(Code::internal, "no card\nin the reader")); };
  CHECK(failure(no_card) == where + "no card\\x0ain the reader");
  CHECK(failure([]() -> Result<std::string> { throw std::runtime_error("x"); }) == where + "it threw an exception");
  CHECK(failure([] { return std::string(); }) == where + "its signature has 0 bytes");
  CHECK(failure([] { return std::string(100'000, 'x'); }) == where + "its signature has 100000 bytes");
}

TEST_CASE("a signer needs a certificate, no key beside it, and schemes") {
  const auto pair = client_pair(sim::KeyKind::ec_p256);
  const auto refusal = [&](bool certificate, bool key, std::vector<TlsSignatureScheme> schemes) {
    TlsOptions options;
    if (certificate) options.certificate_pem = pair.certificate_pem;
    if (key) options.private_key_pem = pair.key_pem;
    options.signer = std::make_shared<KeyOutside>(pair.key_pem, std::move(schemes));
    const auto config = TlsConfig::create(options);
    return config ? "" : config.error().message();
  };
  CHECK(refusal(true, false, {ecdsa_secp256r1_sha256}) == "");
  CHECK(refusal(true, false, {}) == "client certificate: the signer offers no signature scheme");
  CHECK(refusal(true, true, {ecdsa_secp256r1_sha256}) == "client certificate: there are a private key and a signer");
  CHECK(refusal(false, false, {ecdsa_secp256r1_sha256}) ==
        "client certificate: there is a private key but no certificate");
}

TEST_CASE("an application's verifier is told what there is to know, and can refuse") {
  const auto asked = std::make_shared<Asked>();
  TlsOptions options = test::trusting_options();
  options.verifier = asked;
  TlsPair talk(test::make_context(test::example_server()), test::example_params(options));
  talk.run();
  CHECK(talk.client->established());
  CHECK(talk.client->verified());
  CHECK(asked->times == 1);
  CHECK(asked->host == "example.org");
  CHECK(asked->port == 443);
  CHECK(asked->certificates.size() == 1);
  CHECK(asked->certificates.front().starts_with("\x30\x82"));
  CHECK((asked->checked && asked->accepted && asked->reason.empty() && asked->time == kNoon));

  const auto error_of = [&](const TlsOptions& changed, const char* host) {
    auto params = test::example_params(changed);
    params.host = host;
    TlsPair other(test::make_context(test::example_server()), params);
    other.run();
    CHECK_FALSE(other.client->established());
    CHECK(other.client->error().code == Code::tls_certificate);
    return other.client->error().message();
  };
  asked->answer = "not in the log\n";
  CHECK(error_of(options, "example.org") ==
        "TLS handshake with example.org:443: refused by the application: not in the log\\x0a");
  asked->throws = true;
  CHECK(error_of(options, "example.org").ends_with("the application's verifier threw an exception"));
  // What is refused anyway is not asked about.
  asked->times = 0;
  CHECK(error_of(options, "example.com").contains("certificate is for example.org"));
  CHECK(asked->times == 0);
}

TEST_CASE("a verifier in place of the built-in check decides alone, and knows what that one said") {
  const auto asked = std::make_shared<Asked>(TlsVerifier::Counts::in_place);
  for (const bool verifies : {true, false}) {
    TlsOptions options = test::trusting_options();
    options.verify_peer = verifies;
    options.verifier = asked;
    auto params = test::example_params(options);
    params.host = "example.com";
    asked->answer = std::nullopt;
    TlsPair accepted(test::make_context(test::example_server()), params);
    accepted.run();
    CHECK(accepted.client->established());
    CHECK_FALSE(accepted.client->verified());
    CHECK(asked->checked == verifies);
    CHECK_FALSE(asked->accepted);
    CHECK(asked->reason == (verifies ? "certificate is for example.org, not for example.com" : ""));
    asked->answer = "no";
    TlsPair refused(test::make_context(test::example_server()), params);
    refused.run();
    CHECK_FALSE(refused.client->established());
    // Pinned keys count besides.
    asked->answer = std::nullopt;
    options.pinned_public_keys = {std::string(32, 'x')};
    params.config = test::make_config(options);
    TlsPair pinned(test::make_context(test::example_server()), params);
    pinned.run();
    CHECK(pinned.client->error().code == Code::tls_pin);
  }
}
