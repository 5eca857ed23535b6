// See sha256.hpp.
#include "adapters/cli/demo/sha256.hpp"

#include <openssl/sha.h>

#include "core/base/ascii.hpp"

namespace sluice::demo {

struct Sha256::Context {
  SHA256_CTX sha = {};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) { SHA256_Init(&context_->sha); }
Sha256::~Sha256() = default;

void Sha256::update(Bytes bytes) { SHA256_Update(&context_->sha, bytes.data(), bytes.size()); }

Digest Sha256::finish() {
  Digest digest = {};
  SHA256_Final(digest.data(), &context_->sha);
  return digest;
}

std::string to_hex(const Digest& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) append_hex(text, static_cast<char>(byte));
  return text;
}

}  // namespace sluice::demo
