// SHA-256 for the checksums of the demonstration, with BoringSSL. Leaves the bytes to the caller.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "core/types.hpp"

namespace sluice::demo {

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(Bytes bytes);
  Digest finish();  // call it once, at the end

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string to_hex(const Digest& digest);

}  // namespace sluice::demo
