// See signing.hpp.
#include "core/tls/signing.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <new>
#include <vector>

#include "core/tls/errors.hpp"

namespace sluice {

// The first byte tells a name from an address.
TlsHook::TlsHook(std::string_view name) : has_name_(!name.empty()) {
  if (has_name_) {
    identity_.append("n").append(name);
    return;
  }
  const auto address = std::bit_cast<std::array<char, sizeof this>>(this);
  identity_.append("o").append(address.data(), address.size());
}

}  // namespace sluice

namespace sluice::tls {
namespace {

constexpr std::size_t kMaxReasonBytes = 512;

// Only RSA ciphers without forward secrecy decrypt, in servers.
ssl_private_key_result_t no_decryption(SSL*, std::uint8_t*, std::size_t*, std::size_t, const std::uint8_t*,
                                       std::size_t) {
  return ssl_private_key_failure;
}
// Signing is never unfinished.
ssl_private_key_result_t no_completion(SSL*, std::uint8_t*, std::size_t*, std::size_t) {
  return ssl_private_key_failure;
}

constexpr SSL_PRIVATE_KEY_METHOD kMethod = {on_sign, no_decryption, no_completion};

}  // namespace

Result<void> use_signer(SSL_CTX* context, std::span<CRYPTO_BUFFER* const> chain, const TlsSigner& signer) {
  std::vector<std::uint16_t> schemes;
  for (const TlsSignatureScheme scheme : signer.schemes()) schemes.push_back(static_cast<std::uint16_t>(scheme));
  if (schemes.empty()) {
    return std::unexpected(make_error(Code::tls_config, "client certificate: the signer offers no signature scheme"));
  }
  if (SSL_CTX_set_chain_and_key(context, chain.data(), chain.size(), nullptr, &kMethod) &&
      SSL_CTX_set_signing_algorithm_prefs(context, schemes.data(), schemes.size())) {
    return {};
  }
  const Failure failure = take_failure("refused");
  if (failure.out_of_memory) return std::unexpected(make_error(Code::out_of_memory, {}));
  return std::unexpected(
      make_error(Code::tls_config, "client certificate: unusable with this signer: " + failure.reason));
}

std::string sign_with(const TlsSigner& signer, std::uint16_t scheme, Bytes input, MutableBytes out, std::size_t& size) {
  try {
    const Result<std::string> made = signer.sign(static_cast<TlsSignatureScheme>(scheme), as_text(input));
    if (!made) return printable(made.error().message(), kMaxReasonBytes);
    if (made->empty() || made->size() > out.size())
      return "its signature has " + std::to_string(made->size()) + " bytes";
    std::ranges::copy(as_bytes(*made), out.begin());
    size = made->size();
    return {};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
    return "it threw an exception";
  }
}

}  // namespace sluice::tls
