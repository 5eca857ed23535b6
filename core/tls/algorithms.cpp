// See algorithms.hpp.
#include "core/tls/algorithms.hpp"

#include <openssl/nid.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/tls/errors.hpp"

namespace sluice::tls {
namespace {

constexpr std::size_t kMaxShownBytes = 256;

// Without 3DES (RFC 8429) and ciphers that need a pre-shared key.
constexpr std::string_view kDefaultCiphers = "ALL";
constexpr std::string_view kNever = ":!3DES:!aPSK";

// The signature algorithms that a server may use in the handshake: no SHA-1 (RFC 9155). In the library's order.
constexpr std::uint16_t kSignatures[] = {
    SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_RSA_PKCS1_SHA256,
    SSL_SIGN_ECDSA_SECP384R1_SHA384, SSL_SIGN_RSA_PSS_RSAE_SHA384, SSL_SIGN_RSA_PKCS1_SHA384,
    SSL_SIGN_RSA_PSS_RSAE_SHA512,    SSL_SIGN_RSA_PKCS1_SHA512,    SSL_SIGN_ED25519,
    SSL_SIGN_ECDSA_SECP521R1_SHA512,
};

// In TLS 1.2 these are also the curves that a certificate's key may use (RFC 8422 5.1.1).
struct Group {
  std::array<std::string_view, 3> names;
  int nid;
};
constexpr Group kGroups[] = {
    {{"X25519", "x25519", "X25519"}, NID_X25519},
    {{"P-256", "prime256v1", "secp256r1"}, NID_X9_62_prime256v1},
    {{"P-384", "secp384r1", "secp384r1"}, NID_secp384r1},
    {{"P-521", "secp521r1", "secp521r1"}, NID_secp521r1},
};

struct Tls13Cipher {
  std::string_view name;
  std::uint16_t number;
};
constexpr Tls13Cipher kTls13[] = {
    {"TLS_AES_128_GCM_SHA256", 0x1301},
    {"TLS_AES_256_GCM_SHA384", 0x1302},
    {"TLS_CHACHA20_POLY1305_SHA256", 0x1303},
};

std::unexpected<Error> wrong(std::string_view member, std::string text) {
  const bool out_of_memory = take_memory_failure();
  return std::unexpected(out_of_memory ? make_error(Code::out_of_memory, {})
                                       : make_error(Code::tls_config, std::string(member) + ": " + std::move(text)));
}

std::string quoted(std::string_view text) { return '"' + printable(text, kMaxShownBytes) + '"'; }

// Removes the first name from a list with colons between them.
std::string_view next_name(std::string_view& list) {
  const std::size_t end = std::min(list.find(':'), list.size());
  const std::string_view name = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  return name;
}

std::vector<int> default_groups() {
  std::vector<int> all;
  for (const Group& group : kGroups) all.push_back(group.nid);
  return all;
}

Result<void> set_groups(SSL_CTX* context, std::string_view list) {
  std::vector<int> groups;
  if (list.empty()) groups = default_groups();
  while (!list.empty()) {
    const std::string_view name = next_name(list);
    const auto* found = std::ranges::find_if(
        kGroups, [&](const Group& group) { return std::ranges::find(group.names, name) != group.names.end(); });
    if (found == std::end(kGroups)) {
      return wrong("groups", quoted(name) + " is none of X25519, P-256, P-384, P-521");
    }
    groups.push_back(found->nid);
  }
  if (!SSL_CTX_set1_curves(context, groups.data(), groups.size())) return wrong("groups", "refused");
  return {};
}

Result<void> set_signatures(SSL_CTX* context, const std::string& list) {
  if (list.empty()) {
    if (SSL_CTX_set_verify_algorithm_prefs(context, kSignatures, std::size(kSignatures))) return {};
    return wrong("signature algorithms", "refused");
  }
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::string_view name = next_name(rest);
    if (to_lower(name).contains("sha1")) return wrong("signature algorithms", quoted(name) + ": SHA-1 is too weak");
  }
  if (SSL_CTX_set1_sigalgs_list(context, list.c_str())) return {};
  return wrong("signature algorithms", quoted(list) +
                                           ": expected names like rsa_pss_rsae_sha256 or ECDSA+SHA256, each once, with "
                                           "colons between them");
}

// The list without OpenSSL's "@SECLEVEL=0", 1 or 2: what is accepted here is about as strong as the last of these.
std::string without_level(std::string_view list) {
  constexpr std::string_view kLevel = "@SECLEVEL=";
  const std::size_t at = list.find(kLevel);
  const std::size_t end = at + kLevel.size() + 1;
  if (at == std::string_view::npos || end > list.size() || list[end - 1] < '0' || list[end - 1] > '2') {
    return std::string(list);
  }
  return std::string(list.substr(0, at)).append(list.substr(end));
}

// As in OpenSSL: what is not known is left out.
Result<void> set_ciphers(SSL_CTX* context, const std::string& list) {
  const std::string rules = list.empty() ? std::string(kDefaultCiphers) : without_level(list);
  if (!rules.empty() && SSL_CTX_set_cipher_list(context, (rules + std::string(kNever)).c_str())) return {};
  return wrong("ciphers", quoted(list) + " names none that can be used with TLS 1.2");
}

}  // namespace

Result<void> set_algorithms(SSL_CTX* context, const TlsOptions& options) {
  if (auto done = set_ciphers(context, options.ciphers); !done) return done;
  if (auto done = set_groups(context, options.groups); !done) return done;
  return set_signatures(context, options.signature_algorithms);
}

Result<std::vector<std::uint16_t>> tls13_ciphers(const TlsOptions& options) {
  std::vector<std::uint16_t> numbers;
  std::string_view list = options.tls13_ciphers;
  while (!list.empty()) {
    const std::string_view name = next_name(list);
    const auto* found = std::ranges::find(kTls13, name, &Tls13Cipher::name);
    if (found != std::end(kTls13)) numbers.push_back(found->number);
  }
  if (numbers.empty() && !options.tls13_ciphers.empty()) {
    return wrong("TLS 1.3 ciphers", quoted(options.tls13_ciphers) +
                                        " names none of TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, "
                                        "TLS_CHACHA20_POLY1305_SHA256");
  }
  return numbers;
}

}  // namespace sluice::tls
