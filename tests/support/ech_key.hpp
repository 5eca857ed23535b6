// A key for Encrypted Client Hello (RFC 9849) of a server in tests.
#pragma once

#include <doctest/doctest.h>
#include <openssl/hpke.h>
#include <openssl/mem.h>
#include <openssl/ssl.h>

#include <string>

#include "core/types.hpp"

namespace sluice::test {

// A server's key, and the list that its DNS record would have.
struct EchKey {
  EchKey() {
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    REQUIRE(EVP_HPKE_KEY_generate(key.get(), EVP_hpke_x25519_hkdf_sha256()));
    REQUIRE(SSL_marshal_ech_config(&bytes, &size, 7, key.get(), "public.example", 16));
    const bssl::UniquePtr<std::uint8_t> owner(bytes);
    config = as_text({bytes, size});
    keys.reset(SSL_ECH_KEYS_new());
    REQUIRE(SSL_ECH_KEYS_add(keys.get(), 1, bytes, size, key.get()));
  }
  std::string list() const { return list_of(config); }
  static std::string list_of(const std::string& configs) {
    return std::string{static_cast<char>(configs.size() >> 8), static_cast<char>(configs.size() & 0xff)} + configs;
  }
  bssl::ScopedEVP_HPKE_KEY key;
  bssl::UniquePtr<SSL_ECH_KEYS> keys;
  std::string config;
};

}  // namespace sluice::test
