// See pkcs8.hpp.
#include "core/tls/pkcs8.hpp"

#include <openssl/bytestring.h>
#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/pkcs8.h>

#include <array>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/tls/errors.hpp"

namespace sluice::tls {
namespace {

// Limits for the work and the memory that a key file may ask for, far above what tools write.
constexpr std::uint64_t kMaxIterations = 100'000'000;
constexpr std::size_t kMaxScryptBytes = std::size_t{512} * 1024 * 1024;
constexpr std::uint8_t kScrypt[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b};  // 1.3.6.1.4.1.11591.4.11

std::unexpected<Error> refused(std::string why) {
  const bool out_of_memory = take_memory_failure();
  return std::unexpected(out_of_memory ? make_error(Code::out_of_memory, {})
                                       : make_error(Code::tls_config, "private key: " + std::move(why)));
}

std::unexpected<Error> malformed() { return refused("unusable: its encryption's parameters are malformed"); }
std::unexpected<Error> unknown(const char* what) {
  return refused(std::string("it is encrypted with ") + what + " that is not supported");
}
std::unexpected<Error> wrong_password() { return refused("wrong password"); }

// Bytes that are erased from memory at the end.
struct Secret {
  explicit Secret(std::size_t size) : bytes(size) {}
  ~Secret() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  std::vector<std::uint8_t> bytes;
};

const EVP_MD* hash_of(int hmac) {
  switch (hmac) {
    case NID_hmacWithSHA1:
      return EVP_sha1();
    case NID_hmacWithSHA224:
      return EVP_sha224();
    case NID_hmacWithSHA256:
      return EVP_sha256();
    case NID_hmacWithSHA384:
      return EVP_sha384();
    case NID_hmacWithSHA512:
      return EVP_sha512();
  }
  return nullptr;
}

const EVP_CIPHER* cipher_of(int nid) {
  switch (nid) {
    case NID_aes_128_cbc:
      return EVP_aes_128_cbc();
    case NID_aes_192_cbc:
      return EVP_aes_192_cbc();
    case NID_aes_256_cbc:
      return EVP_aes_256_cbc();
    case NID_des_ede3_cbc:
      return EVP_des_ede3_cbc();
  }
  return nullptr;
}

bool read_algorithm(CBS& from, CBS& oid, CBS& parameters) {
  return CBS_get_asn1(&from, &parameters, CBS_ASN1_SEQUENCE) && CBS_get_asn1(&parameters, &oid, CBS_ASN1_OBJECT);
}

// Both functions have an optional keyLength, which must agree with the cipher.
bool key_length_fits(CBS& parameters, std::size_t wanted) {
  std::uint64_t length = 0;
  return !CBS_peek_asn1_tag(&parameters, CBS_ASN1_INTEGER) ||
         (CBS_get_asn1_uint64(&parameters, &length) && length == wanted);
}

// PBKDF2 (RFC 8018 A.2). `kdf` holds the parameters after the OID.
Result<void> derive_pbkdf2(CBS kdf, const std::string& password, Secret& key) {
  CBS parameters, salt;
  std::uint64_t iterations = 0;
  if (!CBS_get_asn1(&kdf, &parameters, CBS_ASN1_SEQUENCE) || CBS_len(&kdf) != 0 ||
      !CBS_get_asn1(&parameters, &salt, CBS_ASN1_OCTETSTRING) || !CBS_get_asn1_uint64(&parameters, &iterations) ||
      iterations == 0 || !key_length_fits(parameters, key.bytes.size())) {
    return malformed();
  }
  if (iterations > kMaxIterations) return refused("unusable: its password is hashed more than 100,000,000 times");
  const EVP_MD* hash = EVP_sha1();  // the default
  if (CBS_len(&parameters) != 0) {
    CBS oid, prf;
    if (!read_algorithm(parameters, oid, prf) || CBS_len(&parameters) != 0) return malformed();
    hash = hash_of(OBJ_cbs2nid(&oid));
    if (hash == nullptr) return unknown("a hash");
  }
  if (!PKCS5_PBKDF2_HMAC(password.data(), password.size(), CBS_data(&salt), CBS_len(&salt),
                         static_cast<unsigned>(iterations), hash, key.bytes.size(), key.bytes.data())) {
    return malformed();
  }
  return {};
}

// scrypt (RFC 7914 7.1)
Result<void> derive_scrypt(CBS kdf, const std::string& password, Secret& key) {
  CBS parameters, salt;
  std::uint64_t cost = 0, block_size = 0, parallel = 0;
  if (!CBS_get_asn1(&kdf, &parameters, CBS_ASN1_SEQUENCE) || CBS_len(&kdf) != 0 ||
      !CBS_get_asn1(&parameters, &salt, CBS_ASN1_OCTETSTRING) || !CBS_get_asn1_uint64(&parameters, &cost) ||
      !CBS_get_asn1_uint64(&parameters, &block_size) || !CBS_get_asn1_uint64(&parameters, &parallel) ||
      !key_length_fits(parameters, key.bytes.size()) || CBS_len(&parameters) != 0) {
    return malformed();
  }
  if (parallel > 1'024) return malformed();
  if (!EVP_PBE_scrypt(password.data(), password.size(), CBS_data(&salt), CBS_len(&salt), cost, block_size, parallel,
                      kMaxScryptBytes, key.bytes.data(), key.bytes.size())) {
    return refused("unusable: scrypt's parameters are malformed, or want more than 512 MiB of memory");
  }
  return {};
}

// Decrypts to the front of `out` and returns the size of the plain text; nullopt: the padding is wrong.
std::optional<std::size_t> decrypt_cbc(const EVP_CIPHER* cipher, const Secret& key, CBS iv, CBS text, Secret& out) {
  const bssl::UniquePtr<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  int size = 0, last = 0;
  if (!context || !EVP_DecryptInit_ex(context.get(), cipher, nullptr, key.bytes.data(), CBS_data(&iv)) ||
      !EVP_DecryptUpdate(context.get(), out.bytes.data(), &size, CBS_data(&text), static_cast<int>(CBS_len(&text))) ||
      !EVP_DecryptFinal_ex(context.get(), out.bytes.data() + size, &last)) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(size) + static_cast<std::size_t>(last);
}

Result<bssl::UniquePtr<EVP_PKEY>> read_plain_key(Bytes plain) {
  CBS bytes, inner;
  CBS_init(&bytes, plain.data(), plain.size());
  CBS probe = bytes;
  std::uint64_t version = 0;
  // One of 256 wrong passwords gives bytes with valid padding. These bytes do not begin like a key.
  if (!CBS_get_asn1(&probe, &inner, CBS_ASN1_SEQUENCE) || CBS_len(&probe) != 0 ||
      !CBS_get_asn1_uint64(&inner, &version))
    return wrong_password();
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_private_key(&bytes));
  if (key) return key;
  const Failure failure = take_failure("malformed");
  if (failure.out_of_memory) return std::unexpected(make_error(Code::out_of_memory, {}));
  return refused("unusable: " + failure.reason);
}

Result<bssl::UniquePtr<EVP_PKEY>> decrypt_pbes2(CBS scheme, CBS text, const std::string& password) {
  CBS parameters, kdf_oid, kdf, cipher_oid, cipher_parameters, iv;
  if (!CBS_get_asn1(&scheme, &parameters, CBS_ASN1_SEQUENCE) || CBS_len(&scheme) != 0 ||
      !read_algorithm(parameters, kdf_oid, kdf) || !read_algorithm(parameters, cipher_oid, cipher_parameters) ||
      CBS_len(&parameters) != 0) {
    return malformed();
  }
  const EVP_CIPHER* cipher = cipher_of(OBJ_cbs2nid(&cipher_oid));
  if (cipher == nullptr) return unknown("a cipher");
  if (!CBS_get_asn1(&cipher_parameters, &iv, CBS_ASN1_OCTETSTRING) || CBS_len(&cipher_parameters) != 0 ||
      CBS_len(&iv) != EVP_CIPHER_iv_length(cipher) || CBS_len(&text) > std::numeric_limits<int>::max() / 2) {
    return malformed();
  }
  Secret key(EVP_CIPHER_key_length(cipher));
  Result<void> derived;
  if (OBJ_cbs2nid(&kdf_oid) == NID_id_pbkdf2) {
    derived = derive_pbkdf2(kdf, password, key);
  } else if (CBS_mem_equal(&kdf_oid, kScrypt, sizeof kScrypt)) {
    derived = derive_scrypt(kdf, password, key);
  } else {
    return unknown("a key derivation");
  }
  if (!derived) return std::unexpected(std::move(derived.error()));
  Secret plain(CBS_len(&text) + EVP_MAX_BLOCK_LENGTH);
  const auto size = decrypt_cbc(cipher, key, iv, text, plain);
  if (!size) return wrong_password();
  return read_plain_key(Bytes(plain.bytes).first(*size));
}

}  // namespace

Result<bssl::UniquePtr<EVP_PKEY>> decrypt_private_key(Bytes der, const std::string& password) {
  clear_errors();
  CBS bytes, info, oid, scheme, text;
  CBS_init(&bytes, der.data(), der.size());
  CBS older = bytes;
  if (!CBS_get_asn1(&bytes, &info, CBS_ASN1_SEQUENCE) || CBS_len(&bytes) != 0 || !read_algorithm(info, oid, scheme) ||
      !CBS_get_asn1(&info, &text, CBS_ASN1_OCTETSTRING) || CBS_len(&info) != 0) {
    return refused("unusable: it is no encrypted key");
  }
  if (OBJ_cbs2nid(&oid) == NID_pbes2) return decrypt_pbes2(scheme, text, password);
  // The older schemes of PKCS #12 (RFC 7292 appendix C).
  bssl::UniquePtr<EVP_PKEY> key(PKCS8_parse_encrypted_private_key(&older, password.data(), password.size()));
  if (key) return key;
  const std::uint32_t error = ERR_peek_error();
  if (ERR_GET_LIB(error) == ERR_LIB_PKCS8 && ERR_GET_REASON(error) == PKCS8_R_UNKNOWN_ALGORITHM)
    return unknown("a scheme");
  return wrong_password();
}

}  // namespace sluice::tls
