// See errors.hpp.
#include "core/tls/errors.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "core/base/ascii.hpp"

namespace sluice::tls {

Failure take_failure(std::string_view fallback) {
  Failure failure;
  bool tls_spoke = false;
  while (const std::uint32_t error = ERR_get_error()) {
    const int reason = ERR_GET_REASON(error);
    failure.out_of_memory |= reason == ERR_R_MALLOC_FAILURE;
    failure.ech_rejected |= ERR_GET_LIB(error) == ERR_LIB_SSL && reason == SSL_R_ECH_REJECTED;
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255) {
      failure.alert = static_cast<std::uint8_t>(reason - SSL_AD_REASON_OFFSET);
      continue;
    }
    // The oldest entry is the cause; later ones are of its callers. But the first entry of the TLS code, if there is
    // one, says more than those of the ciphers and parsers that it called.
    const char* text = ERR_reason_error_string(error);
    const bool of_tls = ERR_GET_LIB(error) == ERR_LIB_SSL;
    if (text == nullptr || !(failure.reason.empty() || (of_tls && !tls_spoke))) continue;
    failure.reason = text;
    tls_spoke = of_tls;
  }
  // BoringSSL's texts are like WRONG_VERSION_NUMBER.
  std::ranges::transform(failure.reason, failure.reason.begin(), [](char c) { return c == '_' ? ' ' : to_lower(c); });
  if (failure.alert) failure.reason = "peer sent alert " + alert_text(*failure.alert);
  if (failure.reason.empty()) failure.reason = fallback;
  return failure;
}

void clear_errors() { ERR_clear_error(); }

bool take_memory_failure() {
  bool found = false;
  while (const std::uint32_t error = ERR_get_error()) found |= ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
  return found;
}

std::string alert_text(std::uint8_t alert) {
  std::string text = SSL_alert_desc_string_long(alert);
  std::ranges::replace(text, ' ', '_');
  return text + " (" + std::to_string(alert) + ")";
}

std::string reason_after(const Failure& failure, std::string_view first) {
  if (first.starts_with("HTTP/")) return "peer answered in plain HTTP, this is not TLS";
  // The first record in TLS is a handshake record or an alert (RFC 8446 5.1).
  const bool is_tls = first.empty() || first[0] == SSL3_RT_HANDSHAKE || first[0] == SSL3_RT_ALERT;
  return is_tls ? failure.reason : "what the peer sent is not TLS (" + failure.reason + ")";
}

std::string printable(std::string_view text, std::size_t cap) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= cap) return out + "...";
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += "\\x";
      append_hex(out, c);
    }
  }
  return out;
}

}  // namespace sluice::tls
