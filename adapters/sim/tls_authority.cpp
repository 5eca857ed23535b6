// See tls_authority.hpp.
#include "adapters/sim/tls_authority.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <utility>

#include "adapters/sim/even_signature.hpp"
#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

using Key = bssl::UniquePtr<EVP_PKEY>;
using CertificatePtr = bssl::UniquePtr<X509>;

Key make_rsa_key(int bits) {
  const bssl::UniquePtr<RSA> rsa(RSA_new());
  const bssl::UniquePtr<BIGNUM> exponent(BN_new());
  Key key(EVP_PKEY_new());
  SLUICE_CHECK(rsa && exponent && key && BN_set_word(exponent.get(), RSA_F4) &&
               RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr) &&
               EVP_PKEY_set1_RSA(key.get(), rsa.get()));
  return key;
}

Key make_curve_key(int curve) {
  const bssl::UniquePtr<EC_KEY> curve_key(EC_KEY_new_by_curve_name(curve));
  Key key(EVP_PKEY_new());
  SLUICE_CHECK(curve_key && key && EC_KEY_generate_key(curve_key.get()) &&
               EVP_PKEY_set1_EC_KEY(key.get(), curve_key.get()));
  return key;
}

Key make_ed25519_key() {
  std::uint8_t seed[32];
  SLUICE_CHECK(RAND_bytes(seed, sizeof seed));
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed, sizeof seed));
  SLUICE_CHECK(key);
  return key;
}

Key make_key(KeyKind kind) {
  switch (kind) {
    case KeyKind::ec_p256:
      return make_curve_key(NID_X9_62_prime256v1);
    case KeyKind::rsa_2048:
      return make_rsa_key(2'048);
    case KeyKind::rsa_1024:
      return make_rsa_key(1'024);
    case KeyKind::ec_p224:
      return make_curve_key(NID_secp224r1);
    case KeyKind::ec_p384:
      return make_curve_key(NID_secp384r1);
    case KeyKind::ec_p521:
      return make_curve_key(NID_secp521r1);
    case KeyKind::ed25519:
      return make_ed25519_key();
  }
  SLUICE_CHECK(false);
  return nullptr;
}

const EVP_MD* digest_of(Hash hash) {
  switch (hash) {
    case Hash::sha256:
    case Hash::pss_sha256:
      return EVP_sha256();
    case Hash::sha384:
      return EVP_sha384();
    case Hash::sha512:
      return EVP_sha512();
    case Hash::sha1:
    case Hash::pss_sha1:
      return EVP_sha1();
    case Hash::md5:
      return EVP_md5();
  }
  return nullptr;
}

std::string contents(BIO* bio) {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  SLUICE_CHECK(BIO_mem_contents(bio, &data, &size));
  return std::string(as_text({data, size}));
}

std::string certificate_text(X509* certificate) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  SLUICE_CHECK(out && PEM_write_bio_X509(out.get(), certificate));
  return contents(out.get());
}

std::string key_text(EVP_PKEY* key) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  SLUICE_CHECK(out && PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr));
  return contents(out.get());
}

Key read_key(const std::string& pem) {
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr) : nullptr);
  SLUICE_CHECK(key);
  return key;
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, nullptr, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(X509V3_EXT_nconf_nid(nullptr, &context, nid, value));
  SLUICE_CHECK(extension && X509_add_ext(certificate, extension.get(), -1));
}

void add_name(GENERAL_NAMES* names, int type, const std::string& bytes) {
  bssl::UniquePtr<GENERAL_NAME> name(GENERAL_NAME_new());
  bssl::UniquePtr<ASN1_STRING> value(ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING));
  SLUICE_CHECK(name && value && ASN1_STRING_set(value.get(), bytes.data(), static_cast<int>(bytes.size())));
  GENERAL_NAME_set0_value(name.get(), type, value.release());
  SLUICE_CHECK(bssl::PushToStack(names, std::move(name)));
}

void add_subject_alt_names(X509* certificate, const CertificateSpec& spec) {
  if (spec.dns.empty() && spec.ip.empty()) return;
  const bssl::UniquePtr<GENERAL_NAMES> names(GENERAL_NAMES_new());
  SLUICE_CHECK(names);
  for (const std::string& name : spec.dns) add_name(names.get(), GEN_DNS, name);
  for (const std::string& address : spec.ip) add_name(names.get(), GEN_IPADD, address);
  SLUICE_CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0));
}

// 63 bits with the highest bit set, so that all serial numbers have the same length.
void set_random_serial(X509* certificate) {
  std::uint8_t bytes[8];
  SLUICE_CHECK(RAND_bytes(bytes, sizeof bytes));
  std::uint64_t serial = 0;
  for (const std::uint8_t byte : bytes) serial = (serial << 8) | byte;
  serial = (serial >> 1) | (std::uint64_t{1} << 62);
  SLUICE_CHECK(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial));
}

// `issuer` null: self-signed.
CertificatePtr sign(const CertificateSpec& spec, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  CertificatePtr made(X509_new());
  SLUICE_CHECK(made && X509_set_version(made.get(), X509_VERSION_3) && X509_set_pubkey(made.get(), key));
  set_random_serial(made.get());
  X509_NAME* subject = X509_get_subject_name(made.get());
  SLUICE_CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, as_bytes(spec.common_name).data(),
                                          static_cast<int>(spec.common_name.size()), -1, 0));
  SLUICE_CHECK(X509_set_issuer_name(made.get(), issuer == nullptr ? subject : X509_get_subject_name(issuer)));
  SLUICE_CHECK(ASN1_TIME_set(X509_getm_notBefore(made.get()), spec.not_before));
  SLUICE_CHECK(ASN1_TIME_set(X509_getm_notAfter(made.get()), spec.not_after));
  add_extension(made.get(), NID_basic_constraints, spec.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(made.get(), NID_key_usage, spec.is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  if (!spec.is_ca) add_extension(made.get(), NID_ext_key_usage, spec.for_client ? "clientAuth" : "serverAuth");
  add_subject_alt_names(made.get(), spec);
  if (!spec.name_constraints.empty()) add_extension(made.get(), NID_name_constraints, spec.name_constraints.c_str());
  EVP_PKEY* const signer = issuer == nullptr ? key : issuer_key;
  if (is_p256(signer)) {
    sign_evenly(made.get(), signer, digest_of(spec.hash));
    return made;
  }
  const bool pss = spec.hash == Hash::pss_sha256 || spec.hash == Hash::pss_sha1;
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* padding = nullptr;
  const EVP_MD* const digest = EVP_PKEY_id(signer) == EVP_PKEY_ED25519 ? nullptr : digest_of(spec.hash);
  SLUICE_CHECK(EVP_DigestSignInit(context.get(), &padding, digest, nullptr, signer));
  SLUICE_CHECK(!pss || (EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) &&
                        EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, -1)));
  SLUICE_CHECK(X509_sign_ctx(made.get(), context.get()) > 0);
  return made;
}

}  // namespace

struct TlsAuthority::Impl {
  KeyKind kind = KeyKind::ec_p256;
  Key key;
  CertificatePtr certificate;
  std::string certificate_pem;
  // What follows a certificate from this authority: its own and those above it, without the root.
  std::string chain_pem;
};

TlsAuthority::TlsAuthority(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsAuthority::~TlsAuthority() = default;
TlsAuthority::TlsAuthority(TlsAuthority&&) noexcept = default;
TlsAuthority& TlsAuthority::operator=(TlsAuthority&&) noexcept = default;

TlsAuthority TlsAuthority::make_root(const std::string& common_name, UnixSeconds not_before, UnixSeconds not_after,
                                     KeyKind key) {
  return make_root({common_name, {}, {}, not_before, not_after, true, false, key});
}

TlsAuthority TlsAuthority::make_root(CertificateSpec spec) {
  spec.is_ca = true;
  auto impl = std::make_unique<Impl>();
  impl->kind = spec.key;
  impl->key = spec.key_pem.empty() ? make_key(spec.key) : read_key(spec.key_pem);
  impl->certificate = sign(spec, impl->key.get(), nullptr, nullptr);
  impl->certificate_pem = certificate_text(impl->certificate.get());
  return TlsAuthority(std::move(impl));
}

TlsAuthority TlsAuthority::make_intermediate(const std::string& common_name, UnixSeconds not_before,
                                             UnixSeconds not_after) const {
  return make_intermediate({common_name, {}, {}, not_before, not_after, true, false, impl_->kind});
}

TlsAuthority TlsAuthority::make_intermediate(CertificateSpec spec) const {
  spec.is_ca = true;
  auto impl = std::make_unique<Impl>();
  impl->kind = spec.key;
  impl->key = spec.key_pem.empty() ? make_key(spec.key) : read_key(spec.key_pem);
  impl->certificate = sign(spec, impl->key.get(), impl_->certificate.get(), impl_->key.get());
  impl->certificate_pem = certificate_text(impl->certificate.get());
  impl->chain_pem = impl->certificate_pem + impl_->chain_pem;
  return TlsAuthority(std::move(impl));
}

CertificateAndKey TlsAuthority::issue(const CertificateSpec& spec) const {
  const Key key = spec.key_pem.empty() ? make_key(spec.key) : read_key(spec.key_pem);
  const CertificatePtr made = sign(spec, key.get(), impl_->certificate.get(), impl_->key.get());
  return {certificate_text(made.get()) + impl_->chain_pem, key_text(key.get())};
}

const std::string& TlsAuthority::certificate_pem() const { return impl_->certificate_pem; }

std::string TlsAuthority::key_pem() const { return key_text(impl_->key.get()); }

std::string encrypt_key(const std::string& key_pem, const std::string& password) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  const Key key = read_key(key_pem);
  std::string secret = password;
  SLUICE_CHECK(out && PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_256_cbc(), secret.data(),
                                                    static_cast<int>(secret.size()), nullptr, nullptr));
  return contents(out.get());
}

}  // namespace sluice::sim
