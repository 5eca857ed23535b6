// Keys and certificates in DER and PKCS #12 as the PEM that TlsOptions takes. Files of real tools:
// tests/integration/cli_tls_test.cpp.
#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/pkcs8.h>
#include <openssl/rsa.h>

#include <string>

#include "core/certificate.hpp"
#include "core/options.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;

namespace {

sim::CertificateAndKey pair_with(sim::KeyKind kind) {
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.for_client = true;
  spec.key = kind;
  return test::authority().issue(spec);
}

bssl::UniquePtr<EVP_PKEY> parsed_key(const std::string& pem) {
  const bssl::UniquePtr<BIO> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return bssl::UniquePtr<EVP_PKEY>(PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
}

template <class Write>
std::string der_by(Write write) {
  bssl::ScopedCBB out;
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  REQUIRE((CBB_init(out.get(), 0) && write(out.get()) && CBB_finish(out.get(), &bytes, &size)));
  const bssl::UniquePtr<std::uint8_t> owner(bytes);
  return std::string(as_text({bytes, size}));
}

bool is_usable(const std::string& certificate_pem, const std::string& key_pem, const std::string& password = "") {
  TlsOptions options;
  options.certificate_pem = certificate_pem;
  options.private_key_pem = key_pem;
  options.private_key_password = password;
  const auto config = TlsConfig::create(options);
  if (!config) MESSAGE(config.error().message());
  return config.has_value();
}

std::string pkcs12(const sim::CertificateAndKey& pair, const char* password, bool with_key = true) {
  const bssl::UniquePtr<BIO> text(
      BIO_new_mem_buf(pair.certificate_pem.data(), static_cast<int>(pair.certificate_pem.size())));
  const bssl::UniquePtr<X509> certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  const auto key = parsed_key(pair.key_pem);
  const bssl::UniquePtr<PKCS12> made(
      PKCS12_create(password, "name", with_key ? key.get() : nullptr, certificate.get(), nullptr, 0, 0, 0, 0, 0));
  REQUIRE(made);
  std::uint8_t* der = nullptr;
  const int size = i2d_PKCS12(made.get(), &der);
  const bssl::UniquePtr<std::uint8_t> owner(der);
  return std::string(as_text({der, static_cast<std::size_t>(size)}));
}

std::string pkcs12_failure(std::string_view bytes, std::string_view password) {
  const auto contents = read_pkcs12(bytes, password);
  if (contents) return "";
  CHECK(contents.error().code == Code::tls_config);
  return contents.error().message();
}

}  // namespace

TEST_CASE("a private key in DER: PKCS #8, plain and encrypted, and the older forms") {
  const auto curve = pair_with(sim::KeyKind::ec_p256), rsa = pair_with(sim::KeyKind::rsa_2048);
  for (const auto* pair : {&curve, &rsa}) {
    const auto key = parsed_key(pair->key_pem);
    const std::string plain = der_by([&](CBB* out) { return EVP_marshal_private_key(out, key.get()); });
    const std::string encrypted = der_by([&](CBB* out) {
      return PKCS8_marshal_encrypted_private_key(out, -1, EVP_aes_256_cbc(), "secret", 6, nullptr, 0, 1'000, key.get());
    });
    CHECK(private_key_pem(plain).value().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    CHECK(is_usable(pair->certificate_pem, private_key_pem(plain).value()));
    CHECK(private_key_pem(encrypted).value().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    CHECK(is_usable(pair->certificate_pem, private_key_pem(encrypted).value(), "secret"));
  }
  const auto curve_key = parsed_key(curve.key_pem), rsa_key = parsed_key(rsa.key_pem);
  const std::string older_curve =
      der_by([&](CBB* out) { return EC_KEY_marshal_private_key(out, EVP_PKEY_get0_EC_KEY(curve_key.get()), 0); });
  CHECK(private_key_pem(older_curve).value().starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
  CHECK(is_usable(curve.certificate_pem, private_key_pem(older_curve).value()));
  const std::string older_rsa =
      der_by([&](CBB* out) { return RSA_marshal_private_key(out, EVP_PKEY_get0_RSA(rsa_key.get())); });
  CHECK(private_key_pem(older_rsa).value().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
  CHECK(is_usable(rsa.certificate_pem, private_key_pem(older_rsa).value()));
  for (const std::string& other : {std::string(), curve.key_pem, older_rsa + "x", older_rsa.substr(1)}) {
    const auto pem = private_key_pem(other);
    REQUIRE_FALSE(pem.has_value());
    CHECK(pem.error().message() == "private key: there is no key in DER");
  }
}

TEST_CASE("PKCS #12: the certificate of the key and the key; a wrong password, no key, rubbish") {
  for (const auto kind : {sim::KeyKind::ec_p256, sim::KeyKind::rsa_2048}) {
    const auto pair = pair_with(kind);
    for (const char* password : {"secret", "", "pässword"}) {
      const auto contents = read_pkcs12(pkcs12(pair, password), password);
      REQUIRE(contents.has_value());
      CHECK(contents->certificates_pem == pair.certificate_pem.substr(0, contents->certificates_pem.size()));
      CHECK(is_usable(contents->certificates_pem, contents->private_key_pem));
    }
  }
  const auto pair = pair_with(sim::KeyKind::ec_p256);
  const std::string good = pkcs12(pair, "secret");
  CHECK(pkcs12_failure(good, "other") == "client certificate: PKCS #12: wrong password");
  CHECK(pkcs12_failure(good, "") == "client certificate: PKCS #12: it is encrypted and no password was given");
  CHECK(pkcs12_failure(good, std::string_view("secret\0x", 8)) ==
        "client certificate: PKCS #12: the password has a NUL byte");
  CHECK(pkcs12_failure(pkcs12(pair, "secret", false), "secret") ==
        "client certificate: PKCS #12: there is no private key in it");
  for (const std::string& rubbish : {std::string(), std::string("rubbish"), pair.certificate_pem}) {
    CHECK(pkcs12_failure(rubbish, "secret").starts_with("client certificate: PKCS #12: unusable: "));
  }
  for (std::size_t size = 0; size < good.size(); size += 7)
    CHECK_FALSE(pkcs12_failure(good.substr(0, size), "secret").empty());
}
