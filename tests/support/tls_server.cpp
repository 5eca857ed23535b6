// See tls_server.hpp.
#include "tests/support/tls_server.hpp"

#include <openssl/aead.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "core/base/check.hpp"

namespace sluice::test {

std::vector<std::uint8_t> hello_request_record(const sim::TlsServer& server) {
  constexpr std::size_t kKey = 16, kSalt = 4, kExplicit = 8, kTag = 16;
  SSL* ssl = server.native();
  std::vector<std::uint8_t> block(SSL_get_key_block_len(ssl));
  SLUICE_CHECK(block.size() >= 2 * (kKey + kSalt) && SSL_generate_key_block(ssl, block.data(), block.size()));
  // RFC 5246 6.3: client key, server key, client IV, server IV. RFC 5288 3: nonce = salt + explicit part.
  const std::uint8_t* key = block.data() + kKey;
  std::vector<std::uint8_t> nonce;
  for (std::size_t i = 0; i < kSalt; ++i) nonce.push_back(block[2 * kKey + kSalt + i]);
  std::vector<std::uint8_t> additional;
  for (std::uint64_t sequence = SSL_get_write_sequence(ssl), shift = 64; shift != 0; shift -= 8) {
    additional.push_back(static_cast<std::uint8_t>(sequence >> (shift - 8)));
  }
  for (std::size_t i = 0; i < kExplicit; ++i) nonce.push_back(additional[i]);
  const std::uint8_t message[] = {0, 0, 0, 0};  // hello_request(0), length 0
  for (const int byte : {22, 3, 3, 0, int{sizeof message}}) additional.push_back(static_cast<std::uint8_t>(byte));
  std::vector<std::uint8_t> record = {22, 3, 3, 0, static_cast<std::uint8_t>(kExplicit + sizeof message + kTag)};
  for (std::size_t i = 0; i < kExplicit; ++i) record.push_back(nonce[kSalt + i]);
  const std::size_t head = record.size();
  record.resize(head + sizeof message + kTag);
  bssl::ScopedEVP_AEAD_CTX seal;
  std::size_t size = 0;
  SLUICE_CHECK(EVP_AEAD_CTX_init(seal.get(), EVP_aead_aes_128_gcm(), key, kKey, kTag, nullptr));
  SLUICE_CHECK(EVP_AEAD_CTX_seal(seal.get(), record.data() + head, &size, record.size() - head, nonce.data(),
                                 nonce.size(), message, sizeof message, additional.data(), additional.size()));
  SLUICE_CHECK(size == record.size() - head);
  return record;
}

std::vector<std::uint8_t> plain_alert(std::uint8_t alert) { return {21, 3, 3, 0, 2, 2, alert}; }

}  // namespace sluice::test
