// Hashes of text: MD4, MD5, SHA-256 and SHA-512/256, and HMAC over MD5 and SHA-256. The only room that uses BoringSSL's
// hash headers. Leaves to others: what is hashed and why; MD4 and MD5 are here for authentication schemes that know
// nothing better (Digest, RFC 7616, and NTLM, MS-NLMP).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace sluice::hash {

// The weakest first.
enum class Algorithm : std::uint8_t {
  md5,         // RFC 1321
  sha256,      // FIPS 180-4
  sha512_256,  // FIPS 180-4 6.7: not the same as the first half of SHA-512
};

using Sha256 = std::array<std::uint8_t, 32>;
using Md4 = std::array<std::uint8_t, 16>;
using Md5 = std::array<std::uint8_t, 16>;

// The digest of the parts joined, as lower-case hexadecimal digits: 32 of MD5, 64 of the others. Throws std::bad_alloc.
std::string hex_digest(Algorithm algorithm, std::span<const std::string_view> parts);
inline std::string hex_digest(Algorithm algorithm, std::initializer_list<std::string_view> parts) {
  return hex_digest(algorithm, std::span(parts.begin(), parts.size()));
}

Sha256 sha256(std::string_view text);
Md4 md4(std::string_view text);  // RFC 1320
// RFC 2104. A key of any length. Throw std::bad_alloc.
Sha256 hmac_sha256(Bytes key, std::string_view text);
Md5 hmac_md5(Bytes key, std::string_view text);

// Two lower-case hexadecimal digits for each byte. Throws std::bad_alloc.
std::string to_hex(Bytes bytes);

}  // namespace sluice::hash
