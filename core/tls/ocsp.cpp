// See ocsp.hpp.
#include "core/tls/ocsp.hpp"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/ascii.hpp"
#include "core/tls/certificate.hpp"
#include "core/tls/chain_policy.hpp"
#include "core/tls/errors.hpp"

namespace sluice::tls {
namespace {

constexpr UnixSeconds kClockSkew = 300;
constexpr UnixSeconds kLongestLife = 10 * 86'400;  // of a response without nextUpdate
constexpr std::size_t kMaxCertificates = 8;        // that a response may carry
constexpr unsigned kExplicit0 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr unsigned kExplicit1 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1;
constexpr unsigned kExplicit2 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 2;
constexpr unsigned kExplicit3 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 3;
constexpr std::uint8_t kBasic[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};  // id-pkix-ocsp-basic

std::string_view text_of(CBS bytes) { return as_text({CBS_data(&bytes), CBS_len(&bytes)}); }

std::unexpected<std::string> not_good(std::string text) {
  clear_errors();
  return std::unexpected(std::move(text));
}
std::unexpected<std::string> malformed_response() { return not_good("is malformed"); }

// A BasicOCSPResponse (RFC 6960 4.2.1). Views of the response.
struct Basic {
  CBS signed_data = {};  // tbsResponseData, with its tag
  CBS responder = {};    // the responderID's contents
  bool by_key = false;   // it is a hash of the key; else a name
  CBS responses = {};    // SEQUENCE OF SingleResponse, the contents
  int signature_algorithm = NID_undef;
  CBS signature_parameters = {};
  CBS signature = {};
  std::vector<bssl::UniquePtr<X509>> certificates;
};

// "20251231235959Z" (RFC 5280 4.1.2.5.2)
std::optional<UnixSeconds> read_time(CBS* from) {
  CBS value;
  if (!CBS_get_asn1(from, &value, CBS_ASN1_GENERALIZEDTIME)) return std::nullopt;
  const std::string_view text = text_of(value);
  if (text.size() != 15 || text.back() != 'Z' || !std::ranges::all_of(text.substr(0, 14), is_digit)) {
    return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    int sum = 0;
    for (const char digit : text.substr(at, size)) sum = sum * 10 + (digit - '0');
    return sum;
  };
  using namespace std::chrono;
  const year_month_day date(year(number(0, 4)), month(static_cast<unsigned>(number(4, 2))),
                            day(static_cast<unsigned>(number(6, 2))));
  const int hour = number(8, 2), minute = number(10, 2), second = number(12, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return UnixSeconds{sys_days(date).time_since_epoch().count()} * 86'400 + hour * 3'600 + minute * 60 + second;
}

bool read_signed_data(Basic& basic) {
  CBS element = basic.signed_data, data, value;
  int present = 0;
  if (!CBS_get_asn1(&element, &data, CBS_ASN1_SEQUENCE) ||
      !CBS_get_optional_asn1(&data, nullptr, nullptr, kExplicit0)) {  // the version
    return false;
  }
  if (!CBS_get_optional_asn1(&data, &value, &present, kExplicit2)) return false;
  basic.by_key = present != 0;
  if (basic.by_key) {
    if (!CBS_get_asn1(&value, &basic.responder, CBS_ASN1_OCTETSTRING) || CBS_len(&value) != 0) return false;
  } else if (!CBS_get_asn1(&data, &basic.responder, kExplicit1)) {
    return false;
  }
  return read_time(&data) && CBS_get_asn1(&data, &basic.responses, CBS_ASN1_SEQUENCE);
}

bool read_certificates(CBS& rest, Basic& basic) {
  CBS wrapper, list;
  int present = 0;
  if (!CBS_get_optional_asn1(&rest, &wrapper, &present, kExplicit0)) return false;
  if (!present) return true;
  if (!CBS_get_asn1(&wrapper, &list, CBS_ASN1_SEQUENCE) || CBS_len(&wrapper) != 0) return false;
  while (CBS_len(&list) != 0 && basic.certificates.size() < kMaxCertificates) {
    CBS one;
    if (!CBS_get_asn1_element(&list, &one, CBS_ASN1_SEQUENCE)) return false;
    const std::uint8_t* at = CBS_data(&one);
    bssl::UniquePtr<X509> certificate(d2i_X509(nullptr, &at, static_cast<long>(CBS_len(&one))));
    if (!certificate) return false;
    basic.certificates.push_back(std::move(certificate));
  }
  return true;
}

std::expected<Basic, std::string> read_basic(Bytes bytes) {
  CBS outer, response, status, wrapper, content, type, octets, basic, algorithm, oid, bits;
  std::uint8_t unused_bits = 0;
  CBS_init(&outer, bytes.data(), bytes.size());
  if (!CBS_get_asn1(&outer, &response, CBS_ASN1_SEQUENCE) || CBS_len(&outer) != 0 ||
      !CBS_get_asn1(&response, &status, CBS_ASN1_ENUMERATED) || CBS_len(&status) != 1) {
    return malformed_response();
  }
  if (CBS_data(&status)[0] != 0)
    return not_good("says that there is no answer (" + std::to_string(CBS_data(&status)[0]) + ")");
  if (!CBS_get_asn1(&response, &wrapper, kExplicit0) || !CBS_get_asn1(&wrapper, &content, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&content, &type, CBS_ASN1_OBJECT) || !CBS_get_asn1(&content, &octets, CBS_ASN1_OCTETSTRING)) {
    return malformed_response();
  }
  if (!CBS_mem_equal(&type, kBasic, sizeof kBasic)) return not_good("is of a kind that is not known");
  Basic read;
  if (!CBS_get_asn1(&octets, &basic, CBS_ASN1_SEQUENCE) || CBS_len(&octets) != 0 ||
      !CBS_get_asn1_element(&basic, &read.signed_data, CBS_ASN1_SEQUENCE) || !read_signed_data(read) ||
      !CBS_get_asn1(&basic, &algorithm, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&algorithm, &oid, CBS_ASN1_OBJECT) ||
      !CBS_get_asn1(&basic, &bits, CBS_ASN1_BITSTRING) || !CBS_get_u8(&bits, &unused_bits) || unused_bits != 0 ||
      !read_certificates(basic, read)) {
    return malformed_response();
  }
  read.signature_algorithm = OBJ_cbs2nid(&oid);
  read.signature_parameters = algorithm;
  read.signature = bits;
  return read;
}

std::string hash_of(const EVP_MD* algorithm, std::string_view text) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> out;
  unsigned size = 0;
  if (!EVP_Digest(text.data(), text.size(), out.data(), &size, algorithm, nullptr)) return {};
  return std::string(as_text({out.data(), size}));
}

std::string name_of(const X509& certificate) {
  std::uint8_t* der = nullptr;
  const int size = i2d_X509_NAME(X509_get_subject_name(&certificate), &der);
  const bssl::UniquePtr<std::uint8_t> owner(der);
  return size < 0 ? std::string() : std::string(as_text({der, static_cast<std::size_t>(size)}));
}

// The bits of its public key, without the algorithm.
std::string_view key_bits(const X509& certificate) {
  const ASN1_BIT_STRING* bits = X509_get0_pubkey_bitstr(&certificate);
  return bits == nullptr ? std::string_view()
                         : as_text({ASN1_STRING_get0_data(bits), static_cast<std::size_t>(ASN1_STRING_length(bits))});
}

bool is_responder(const Basic& basic, const X509& certificate) {
  if (basic.by_key) return text_of(basic.responder) == hash_of(EVP_sha1(), key_bits(certificate));
  return text_of(basic.responder) == name_of(certificate);
}

// Null: not an algorithm that is accepted. Ed25519 has no hash.
struct SignatureKind {
  int nid, key_type;
  const EVP_MD* (*hash)();
};
constexpr SignatureKind kSignatureKinds[] = {
    {NID_sha256WithRSAEncryption, EVP_PKEY_RSA, EVP_sha256},
    {NID_sha384WithRSAEncryption, EVP_PKEY_RSA, EVP_sha384},
    {NID_sha512WithRSAEncryption, EVP_PKEY_RSA, EVP_sha512},
    {NID_ecdsa_with_SHA256, EVP_PKEY_EC, EVP_sha256},
    {NID_ecdsa_with_SHA384, EVP_PKEY_EC, EVP_sha384},
    {NID_ecdsa_with_SHA512, EVP_PKEY_EC, EVP_sha512},
    {NID_ED25519, EVP_PKEY_ED25519, nullptr},
};

// The hash algorithm of an AlgorithmIdentifier, whose parameters are NULL or absent (RFC 4055 2.1).
int read_hash(CBS* from) {
  CBS algorithm, oid, null;
  if (!CBS_get_asn1(from, &algorithm, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&algorithm, &oid, CBS_ASN1_OBJECT)) {
    return NID_undef;
  }
  if (CBS_len(&algorithm) != 0 && !(CBS_get_asn1(&algorithm, &null, CBS_ASN1_NULL) && CBS_len(&null) == 0)) {
    return NID_undef;
  }
  return CBS_len(&algorithm) == 0 ? OBJ_cbs2nid(&oid) : NID_undef;
}

// RSASSA-PSS (RFC 4055 3.1) with SHA-256 or more, the same hash in MGF1, and a salt of its size, as in the certificates
// that BoringSSL accepts. Null: other parameters.
const EVP_MD* read_pss(CBS parameters) {
  CBS all, wrapper, mask, oid;
  std::uint64_t salt = 0, trailer = 1;
  int has_trailer = 0;
  if (!CBS_get_asn1(&parameters, &all, CBS_ASN1_SEQUENCE) || CBS_len(&parameters) != 0 ||
      !CBS_get_asn1(&all, &wrapper, kExplicit0)) {
    return nullptr;
  }
  const int hash = read_hash(&wrapper);
  if (CBS_len(&wrapper) != 0 || (hash != NID_sha256 && hash != NID_sha384 && hash != NID_sha512)) return nullptr;
  const EVP_MD* const algorithm = EVP_get_digestbynid(hash);
  if (!CBS_get_asn1(&all, &wrapper, kExplicit1) || !CBS_get_asn1(&wrapper, &mask, CBS_ASN1_SEQUENCE) ||
      CBS_len(&wrapper) != 0 || !CBS_get_asn1(&mask, &oid, CBS_ASN1_OBJECT) || OBJ_cbs2nid(&oid) != NID_mgf1 ||
      read_hash(&mask) != hash || CBS_len(&mask) != 0 || !CBS_get_asn1(&all, &wrapper, kExplicit2) ||
      !CBS_get_asn1_uint64(&wrapper, &salt) || CBS_len(&wrapper) != 0 || salt != EVP_MD_size(algorithm) ||
      !CBS_get_optional_asn1(&all, &wrapper, &has_trailer, kExplicit3) ||
      (has_trailer && (!CBS_get_asn1_uint64(&wrapper, &trailer) || CBS_len(&wrapper) != 0)) || trailer != 1 ||
      CBS_len(&all) != 0) {
    return nullptr;
  }
  return algorithm;
}

std::optional<std::string> signature_fault_of(const Basic& basic, const X509& signer) {
  const bool is_pss = basic.signature_algorithm == NID_rsassaPss;
  const auto* kind = std::ranges::find(kSignatureKinds, basic.signature_algorithm, &SignatureKind::nid);
  const EVP_MD* hash = is_pss ? read_pss(basic.signature_parameters) : nullptr;
  if (is_pss ? hash == nullptr : kind == std::end(kSignatureKinds)) {
    return "is signed by an algorithm that is not accepted";
  }
  if (!is_pss && kind->hash != nullptr) hash = kind->hash();
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(const_cast<X509*>(&signer)));
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* padding = nullptr;  // `context` owns it
  if (!key || EVP_PKEY_id(key.get()) != (is_pss ? EVP_PKEY_RSA : kind->key_type) ||
      !EVP_DigestVerifyInit(context.get(), &padding, hash, nullptr, key.get()) ||
      (is_pss && (!EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) ||
                  !EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, -1))) ||  // of the hash's size
      !EVP_DigestVerify(context.get(), CBS_data(&basic.signature), CBS_len(&basic.signature),
                        CBS_data(&basic.signed_data), CBS_len(&basic.signed_data))) {
    return "has a signature that is wrong";
  }
  return std::nullopt;
}

// RFC 6960 4.2.2.2: issued by the same authority, directly, for this purpose.
bool is_authorised(X509& certificate, X509& issuer, UnixSeconds wall) {
  if (X509_check_issued(&issuer, &certificate) != X509_V_OK) return false;
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(&issuer));
  if (!key || X509_verify(&certificate, key.get()) != 1) return false;
  const bssl::UniquePtr<EXTENDED_KEY_USAGE> usage(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(&certificate, NID_ext_key_usage, nullptr, nullptr)));
  bool signs = false;
  for (std::size_t i = 0; usage && i < sk_ASN1_OBJECT_num(usage.get()); ++i) {
    signs |= OBJ_obj2nid(sk_ASN1_OBJECT_value(usage.get(), i)) == NID_OCSP_sign;
  }
  return signs && unix_time(*X509_get0_notBefore(&certificate)) <= wall &&
         wall <= unix_time(*X509_get0_notAfter(&certificate));
}

std::optional<std::string> weak_responder(X509& responder, X509& issuer) {
  const bssl::UniquePtr<STACK_OF(X509)> chain(sk_X509_new_null());
  if (!chain || !bssl::PushToStack(chain.get(), bssl::UpRef(&responder)) ||
      (&responder != &issuer && !bssl::PushToStack(chain.get(), bssl::UpRef(&issuer)))) {
    return "could not be checked";
  }
  const auto weak = weak_link(*chain);
  return weak ? std::optional("is signed by a responder whose " + weak->reason) : std::nullopt;
}

std::optional<std::string> untrusted(const Basic& basic, X509& issuer, UnixSeconds wall) {
  X509* signer = is_responder(basic, issuer) ? &issuer : nullptr;
  for (const auto& one : basic.certificates) {
    if (signer == nullptr && is_responder(basic, *one) && is_authorised(*one, issuer, wall)) signer = one.get();
  }
  if (signer == nullptr) return "is signed by none who may do so for the certificate's issuer";
  if (auto weak = weak_responder(*signer, issuer)) return weak;
  return signature_fault_of(basic, *signer);
}

// Whether a CertID (RFC 6960 4.1.1) means `leaf`.
bool names_certificate(CBS id, const X509& leaf, const X509& issuer) {
  CBS algorithm, oid, name_hash, key_hash, serial;
  if (!CBS_get_asn1(&id, &algorithm, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&algorithm, &oid, CBS_ASN1_OBJECT) ||
      !CBS_get_asn1(&id, &name_hash, CBS_ASN1_OCTETSTRING) || !CBS_get_asn1(&id, &key_hash, CBS_ASN1_OCTETSTRING) ||
      !CBS_get_asn1(&id, &serial, CBS_ASN1_INTEGER)) {
    return false;
  }
  const EVP_MD* hash = EVP_get_digestbynid(OBJ_cbs2nid(&oid));
  if (hash == nullptr) return false;
  const ASN1_INTEGER* own = X509_get0_serialNumber(&leaf);
  std::uint8_t* der = nullptr;
  const int size = i2d_ASN1_INTEGER(const_cast<ASN1_INTEGER*>(own), &der);
  const bssl::UniquePtr<std::uint8_t> owner(der);
  CBS own_der, own_serial;
  CBS_init(&own_der, der, size < 0 ? 0 : static_cast<std::size_t>(size));
  return CBS_get_asn1(&own_der, &own_serial, CBS_ASN1_INTEGER) && text_of(serial) == text_of(own_serial) &&
         text_of(name_hash) == hash_of(hash, name_of(issuer)) && text_of(key_hash) == hash_of(hash, key_bits(issuer));
}

// What one SingleResponse (after its CertID) says.
std::expected<UnixSeconds, std::string> judge_status(CBS one, UnixSeconds wall) {
  CBS status, next;
  unsigned tag = 0;
  int has_next = 0;
  if (!CBS_get_any_asn1(&one, &status, &tag)) return malformed_response();
  const auto since = read_time(&one);
  if (!since || !CBS_get_optional_asn1(&one, &next, &has_next, kExplicit0)) return malformed_response();
  const auto until = has_next ? read_time(&next) : *since + kLongestLife;
  if (!until) return malformed_response();
  if (*since > wall + kClockSkew) return not_good("is not valid before " + utc_text(*since));
  if (*until + kClockSkew < wall) return not_good("has expired (on " + utc_text(*until) + ")");
  if (tag == (CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1)) {
    const auto revoked = read_time(&status);
    return not_good("says that the certificate is revoked" + (revoked ? " (on " + utc_text(*revoked) + ")" : ""));
  }
  if (tag != (CBS_ASN1_CONTEXT_SPECIFIC | 0)) return not_good("says that the certificate is not known");
  return *until + kClockSkew;
}

}  // namespace

std::expected<UnixSeconds, std::string> check_status(Bytes response, const X509& leaf, const X509& issuer,
                                                     UnixSeconds wall) {
  clear_errors();
  auto basic = read_basic(response);
  if (!basic) return std::unexpected(std::move(basic.error()));
  if (auto why = untrusted(*basic, const_cast<X509&>(issuer), wall)) return not_good(std::move(*why));
  CBS responses = basic->responses;
  while (CBS_len(&responses) != 0) {
    CBS one, id;
    if (!CBS_get_asn1(&responses, &one, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&one, &id, CBS_ASN1_SEQUENCE)) {
      return malformed_response();
    }
    if (names_certificate(id, leaf, issuer)) return judge_status(one, wall);
  }
  return not_good("is about other certificates");
}

}  // namespace sluice::tls
