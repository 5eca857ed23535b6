// See chain_policy.hpp.
#include "core/tls/chain_policy.hpp"

#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/obj.h>

#include "core/tls/certificate.hpp"
#include "core/tls/errors.hpp"

namespace sluice::tls {
namespace {

constexpr int kMinRsaBits = 2'048;

std::string name_of(int nid) {
  const char* name = nid == NID_undef ? nullptr : OBJ_nid2ln(nid);
  return name == nullptr ? "an unknown algorithm" : printable(name, 64);
}

// Why the key is not accepted; nullopt if it is.
std::optional<std::string> key_fault(const X509& certificate) {
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(const_cast<X509*>(&certificate)));
  if (!key) return "its key is of a kind that is not supported";
  switch (EVP_PKEY_id(key.get())) {
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_bits(key.get());
      if (bits >= kMinRsaBits) return std::nullopt;
      return "its RSA key of " + std::to_string(bits) + " bits is too weak (2048 are needed)";
    }
    case EVP_PKEY_EC: {
      const EC_KEY* point = EVP_PKEY_get0_EC_KEY(key.get());
      const EC_GROUP* group = point == nullptr ? nullptr : EC_KEY_get0_group(point);
      const int curve = group == nullptr ? NID_undef : EC_GROUP_get_curve_name(group);
      if (curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1) return std::nullopt;
      return "its key is on a curve that is not accepted (" + name_of(curve) + ")";
    }
    case EVP_PKEY_ED25519:
      return std::nullopt;
    case EVP_PKEY_DSA:
      return "its key is a DSA key, which is not accepted";
  }
  return "its key is of a kind that is not accepted";
}

bool is_strong_hash(int nid) { return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512; }

bool read_hash(CBS& field, CBS& rest, int& hash) {
  CBS oid;
  if (!CBS_get_asn1(&field, &rest, CBS_ASN1_SEQUENCE) || CBS_len(&field) != 0 ||
      !CBS_get_asn1(&rest, &oid, CBS_ASN1_OBJECT))
    return false;
  hash = OBJ_cbs2nid(&oid);
  return true;
}

// RFC 4055 3.1: a field that is absent means SHA-1. MGF1 must use the same hash; all authorities do so.
bool is_strong_pss(const X509_ALGOR* algorithm) {
  int type = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(nullptr, &type, &value, algorithm);
  if (type != V_ASN1_SEQUENCE || value == nullptr) return false;
  const auto* encoded = static_cast<const ASN1_STRING*>(value);
  constexpr unsigned kHash = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
  constexpr unsigned kMask = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1;
  CBS bytes, parameters, field, rest;
  CBS_init(&bytes, ASN1_STRING_get0_data(encoded), static_cast<std::size_t>(ASN1_STRING_length(encoded)));
  int hash = NID_undef, mask = NID_undef, mask_hash = NID_undef;
  return CBS_get_asn1(&bytes, &parameters, CBS_ASN1_SEQUENCE) && CBS_get_asn1(&parameters, &field, kHash) &&
         read_hash(field, rest, hash) && is_strong_hash(hash) && CBS_get_asn1(&parameters, &field, kMask) &&
         read_hash(field, rest, mask) && mask == NID_mgf1 && read_hash(rest, field, mask_hash) && mask_hash == hash;
}

std::optional<std::string> signature_fault(const X509& certificate) {
  const X509_ALGOR* algorithm = nullptr;
  X509_get0_signature(nullptr, &algorithm, &certificate);
  const int nid = X509_get_signature_nid(&certificate);
  switch (nid) {
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
    case NID_ED25519:
      return std::nullopt;
    case NID_rsassaPss:
      if (is_strong_pss(algorithm)) return std::nullopt;
      return "it is signed by RSA-PSS with a hash that is not accepted";
  }
  return "it is signed by " + name_of(nid) + ", which is not accepted";
}

}  // namespace

std::optional<ChainFault> weak_link(const STACK_OF(X509) & chain) {
  const std::size_t size = sk_X509_num(&chain);
  for (std::size_t i = 0; i < size; ++i) {
    const X509& one = *sk_X509_value(&chain, i);
    auto fault = key_fault(one);
    if (!fault && i + 1 < size) fault = signature_fault(one);
    if (fault)
      return ChainFault{i, X509_V_ERR_CERT_UNTRUSTED, "certificate is too weak: " + *fault + ": " + subject_text(one)};
  }
  return std::nullopt;
}

}  // namespace sluice::tls
