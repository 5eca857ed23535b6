// See hash.hpp.
#include "core/hash/hash.hpp"

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/md4.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include <cstddef>
#include <new>

namespace sluice::hash {
namespace {

// The functions of one algorithm in BoringSSL. They do not fail.
template <class Context>
struct Functions {
  int (*init)(Context*);
  int (*update)(Context*, const void*, std::size_t);
  int (*final)(std::uint8_t*, Context*);
};

template <std::size_t kSize, class Context>
std::array<std::uint8_t, kSize> digest(Functions<Context> functions, std::span<const std::string_view> parts) {
  Context context;
  functions.init(&context);
  for (const std::string_view part : parts) functions.update(&context, part.data(), part.size());
  std::array<std::uint8_t, kSize> result = {};
  functions.final(result.data(), &context);
  return result;
}

constexpr Functions<SHA256_CTX> kSha256 = {SHA256_Init, SHA256_Update, SHA256_Final};

template <std::size_t kSize>
std::array<std::uint8_t, kSize> hmac(const EVP_MD* algorithm, Bytes key, std::string_view text) {
  std::array<std::uint8_t, kSize> result = {};
  const Bytes bytes = as_bytes(text);
  if (!HMAC(algorithm, key.data(), key.size(), bytes.data(), bytes.size(), result.data(), nullptr)) {
    ERR_clear_error();  // so that no later error of TLS is taken for this one
    throw std::bad_alloc();
  }
  return result;
}

}  // namespace

std::string hex_digest(Algorithm algorithm, std::span<const std::string_view> parts) {
  switch (algorithm) {
    case Algorithm::md5:
      return to_hex(digest<MD5_DIGEST_LENGTH>(Functions<MD5_CTX>{MD5_Init, MD5_Update, MD5_Final}, parts));
    case Algorithm::sha256:
      return to_hex(digest<SHA256_DIGEST_LENGTH>(kSha256, parts));
    case Algorithm::sha512_256:
      return to_hex(digest<SHA512_256_DIGEST_LENGTH>(
          Functions<SHA512_CTX>{SHA512_256_Init, SHA512_256_Update, SHA512_256_Final}, parts));
  }
  return {};  // no such algorithm
}

Sha256 sha256(std::string_view text) { return digest<SHA256_DIGEST_LENGTH>(kSha256, std::span(&text, 1)); }

Md4 md4(std::string_view text) {
  return digest<MD4_DIGEST_LENGTH>(Functions<MD4_CTX>{MD4_Init, MD4_Update, MD4_Final}, std::span(&text, 1));
}

Sha256 hmac_sha256(Bytes key, std::string_view text) { return hmac<SHA256_DIGEST_LENGTH>(EVP_sha256(), key, text); }

Md5 hmac_md5(Bytes key, std::string_view text) { return hmac<MD5_DIGEST_LENGTH>(EVP_md5(), key, text); }

// Not append_hex() of core/base, which is a room on the same floor.
std::string to_hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

}  // namespace sluice::hash
