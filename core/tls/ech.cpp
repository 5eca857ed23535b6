// See ech.hpp.
#include "core/tls/ech.hpp"

#include <openssl/bytestring.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/tls/errors.hpp"
#include "core/types.hpp"

namespace sluice::tls {
namespace {

constexpr std::uint16_t kVersion = 0xfe0d;
constexpr std::uint16_t kX25519Sha256 = 0x0020;  // RFC 9180 7.1
constexpr std::uint16_t kHkdfSha256 = 0x0001;    // 7.2
constexpr std::uint16_t kLastAead = 0x0003;      // 7.3: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305

bool has_known_suite(CBS suites) {
  bool known = false;
  std::uint16_t kdf = 0, aead = 0;
  while (CBS_get_u16(&suites, &kdf) && CBS_get_u16(&suites, &aead)) {
    known |= kdf == kHkdfSha256 && aead >= 1 && aead <= kLastAead;
  }
  return known;
}

// RFC 9849 4.2: one with an extension that must be understood is passed over.
bool has_mandatory_extension(CBS extensions) {
  std::uint16_t type = 0;
  CBS content;
  while (CBS_get_u16(&extensions, &type) && CBS_get_u16_length_prefixed(&extensions, &content)) {
    if ((type & 0x8000) != 0) return true;
  }
  return false;
}

// A host name that the library takes as the public one: labels of letters, digits and hyphens, and no address. With
// another it would pass over the configuration, and send the true name in clear.
bool is_public_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_alnum = [&](char c) { return is_digit(c) || is_letter(c); };
  if (name.empty() || name.size() > 253) return false;
  while (true) {
    const std::string_view label = name.substr(0, name.find('.'));
    const bool fits = !label.empty() && label.size() <= 63 && is_alnum(label.front()) && is_alnum(label.back()) &&
                      std::ranges::all_of(label, [&](char c) { return is_alnum(c) || c == '-'; });
    if (!fits) return false;
    if (label.size() == name.size()) return is_letter(label.front());  // one that begins with a digit may be an address
    name.remove_prefix(label.size() + 1);
  }
}

bool is_usable(CBS config) {
  std::uint8_t id = 0, longest_name = 0;
  std::uint16_t kem = 0;
  CBS key, suites, name, extensions;
  return CBS_get_u8(&config, &id) && CBS_get_u16(&config, &kem) && CBS_get_u16_length_prefixed(&config, &key) &&
         CBS_get_u16_length_prefixed(&config, &suites) && CBS_get_u8(&config, &longest_name) &&
         CBS_get_u8_length_prefixed(&config, &name) && CBS_get_u16_length_prefixed(&config, &extensions) &&
         kem == kX25519Sha256 && CBS_len(&key) == 32 && has_known_suite(suites) &&
         is_public_name(as_text({CBS_data(&name), CBS_len(&name)})) && !has_mandatory_extension(extensions);
}

bool has_usable(std::string_view list) {
  CBS outer, configs, config;
  std::uint16_t version = 0;
  CBS_init(&outer, as_bytes(list).data(), list.size());
  if (!CBS_get_u16_length_prefixed(&outer, &configs)) return false;
  while (CBS_get_u16(&configs, &version) && CBS_get_u16_length_prefixed(&configs, &config)) {
    if (version == kVersion && is_usable(config)) return true;
  }
  return false;
}

std::unexpected<Error> no_ech(std::string why, Code code = Code::tls_config) {
  const bool out_of_memory = take_memory_failure();
  return std::unexpected(out_of_memory ? make_error(Code::out_of_memory, {})
                                       : make_error(code, "Encrypted Client Hello: " + std::move(why)));
}

}  // namespace

Result<void> check_ech(SSL_CTX* context, const TlsOptions& options) {
  if (options.ech_config_list.empty() && options.ech == EncryptedHello::none) return {};
  if (options.max_version != TlsVersion::tls1_3) return no_ech("it needs TLS 1.3");
  if (options.ech_config_list.empty()) return {};
  const bssl::UniquePtr<SSL> probe(SSL_new(context));
  if (!probe) return std::unexpected(make_error(Code::out_of_memory, {}));
  const Bytes list = as_bytes(options.ech_config_list);
  if (!SSL_set1_ech_config_list(probe.get(), list.data(), list.size())) return no_ech("the list is malformed");
  if (!has_usable(options.ech_config_list)) return no_ech("none of the list's configurations can be used");
  return {};
}

Result<bool> offer_ech(SSL* ssl, const TlsOptions& options, const std::optional<std::string>& list) {
  const std::string& offered = list ? *list : options.ech_config_list;
  if (!offered.empty() && has_usable(offered)) {
    const Bytes bytes = as_bytes(offered);
    if (SSL_set1_ech_config_list(ssl, bytes.data(), bytes.size())) return true;
    if (take_memory_failure()) return std::unexpected(make_error(Code::out_of_memory, {}));
    clear_errors();
  }
  if (options.ech == EncryptedHello::required || !options.ech_config_list.empty()) {
    return no_ech("it is required, and there are no keys of the host that can be used", Code::tls_handshake);
  }
  if (options.ech == EncryptedHello::grease) SSL_set_enable_ech_grease(ssl, 1);
  return false;
}

std::string ech_list_to_retry(const SSL* ssl) {
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  SSL_get0_ech_retry_configs(ssl, &bytes, &size);
  std::string list(as_text({bytes, size}));
  return has_usable(list) ? list : std::string();
}

}  // namespace sluice::tls
