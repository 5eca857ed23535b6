// See core/certificate.hpp: keys and certificates in the forms of files, as PEM. The rest is in certificate_text.cpp.
// Leaves encrypted keys to pkcs8.cpp.
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/pkcs8.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/limits.hpp"
#include "core/certificate.hpp"
#include "core/hash/hash.hpp"
#include "core/tls/errors.hpp"
#include "core/types.hpp"

namespace sluice {
namespace tls {
namespace {

std::unexpected<Error> useless(std::string_view what, std::string why) {
  const bool out_of_memory = take_memory_failure();
  return std::unexpected(out_of_memory ? make_error(Code::out_of_memory, {})
                                       : make_error(Code::tls_config, std::string(what) + ": " + std::move(why)));
}

// The label of a key in PEM, by what its DER begins with; nullptr: it is none of the known forms.
const char* label_of(CBS der) {
  CBS key, value;
  std::uint64_t version = 0;
  if (!CBS_get_asn1(&der, &key, CBS_ASN1_SEQUENCE) || CBS_len(&der) != 0) return nullptr;
  if (CBS_peek_asn1_tag(&key, CBS_ASN1_SEQUENCE)) {
    const bool encrypted = CBS_get_asn1(&key, &value, CBS_ASN1_SEQUENCE) &&
                           CBS_get_asn1(&key, &value, CBS_ASN1_OCTETSTRING) && CBS_len(&key) == 0;
    return encrypted ? PEM_STRING_PKCS8 : nullptr;
  }
  if (!CBS_get_asn1_uint64(&key, &version)) return nullptr;
  if (CBS_peek_asn1_tag(&key, CBS_ASN1_SEQUENCE)) return PEM_STRING_PKCS8INF;
  if (CBS_peek_asn1_tag(&key, CBS_ASN1_INTEGER)) return PEM_STRING_RSA;
  return CBS_peek_asn1_tag(&key, CBS_ASN1_OCTETSTRING) ? PEM_STRING_ECPRIVATEKEY : nullptr;
}

// What `write` writes to a BIO; nullopt: it failed.
template <class Write>
std::optional<std::string> written(Write write) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  if (!out || !write(out.get())) return std::nullopt;
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  if (!BIO_mem_contents(out.get(), &data, &size)) return std::nullopt;
  return std::string(as_text({data, size}));
}

std::optional<std::string> certificate_in_pem(X509* certificate) {
  return written([&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

std::unexpected<Error> no_pkcs12(std::string why) {
  return useless("client certificate", "PKCS #12: " + std::move(why));
}

// The last error says why; it is not yet taken from the queue.
std::unexpected<Error> unreadable_pkcs12(std::string_view password) {
  const std::uint32_t error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) == ERR_LIB_PKCS8 && ERR_GET_REASON(error) == PKCS8_R_INCORRECT_PASSWORD) {
    return no_pkcs12(password.empty() ? "it is encrypted and no password was given" : "wrong password");
  }
  const Failure failure = take_failure("malformed");
  if (failure.out_of_memory) return std::unexpected(make_error(Code::out_of_memory, {}));
  return no_pkcs12("unusable: " + failure.reason);
}

}  // namespace
}  // namespace tls

Result<std::string> private_key_pem(std::string_view der) {
  if (der.size() > limits::kMaxPemBytes) return tls::useless("private key", "more than 16 MiB");
  CBS bytes;
  CBS_init(&bytes, as_bytes(der).data(), der.size());
  const char* label = tls::label_of(bytes);
  if (label == nullptr) return tls::useless("private key", "there is no key in DER");
  auto text = tls::written(
      [&](BIO* out) { return PEM_write_bio(out, label, "", CBS_data(&bytes), static_cast<long>(CBS_len(&bytes))); });
  if (!text) return tls::useless("private key", "unusable");
  return *std::move(text);
}

Result<Pkcs12Contents> read_pkcs12(std::string_view bytes, std::string_view password) {
  tls::clear_errors();
  if (bytes.size() > limits::kMaxPemBytes) return tls::no_pkcs12("more than 16 MiB");
  if (password.contains('\0')) return tls::no_pkcs12("the password has a NUL byte");
  CBS input;
  CBS_init(&input, as_bytes(bytes).data(), bytes.size());
  EVP_PKEY* key = nullptr;
  const bssl::UniquePtr<STACK_OF(X509)> certificates(sk_X509_new_null());
  if (!certificates) return std::unexpected(make_error(Code::out_of_memory, {}));
  if (!PKCS12_get_key_and_certs(&key, certificates.get(), &input, std::string(password).c_str())) {
    return tls::unreadable_pkcs12(password);
  }
  const bssl::UniquePtr<EVP_PKEY> owner(key);
  if (!key) return tls::no_pkcs12("there is no private key in it");
  Pkcs12Contents contents;
  std::string others;
  for (std::size_t i = 0; i < sk_X509_num(certificates.get()); ++i) {
    X509* one = sk_X509_value(certificates.get(), i);
    auto text = tls::certificate_in_pem(one);
    if (!text) return tls::no_pkcs12("unusable certificate");
    const bool own = contents.certificates_pem.empty() && X509_check_private_key(one, key);
    (own ? contents.certificates_pem : others) += *text;
  }
  if (contents.certificates_pem.empty()) return tls::no_pkcs12("there is no certificate of its private key in it");
  contents.certificates_pem += others;
  auto text = tls::written(
      [&](BIO* out) { return PEM_write_bio_PKCS8PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
  if (!text) return tls::no_pkcs12("its private key is unusable");
  contents.private_key_pem = *std::move(text);
  tls::clear_errors();
  return contents;
}

Result<std::string> public_key_hash(std::string_view pem_or_der) {
  if (pem_or_der.size() > limits::kMaxPemBytes) return tls::useless("public key", "more than 16 MiB");
  tls::clear_errors();
  std::string_view der = pem_or_der;
  std::uint8_t* data = nullptr;
  long size = 0;
  const bssl::UniquePtr<BIO> text(BIO_new_mem_buf(pem_or_der.data(), static_cast<int>(pem_or_der.size())));
  const bool is_pem =
      text && PEM_bytes_read_bio(&data, &size, nullptr, PEM_STRING_PUBLIC, text.get(), nullptr, nullptr);
  const bssl::UniquePtr<std::uint8_t> owner(data);
  if (is_pem) der = as_text({data, static_cast<std::size_t>(size)});
  tls::clear_errors();
  CBS bytes;
  CBS_init(&bytes, as_bytes(der).data(), der.size());
  const bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&bytes));
  if (!key || CBS_len(&bytes) != 0) return tls::useless("public key", "none in PEM or DER");
  return std::string(as_text(Bytes(hash::sha256(der))));
}

}  // namespace sluice
