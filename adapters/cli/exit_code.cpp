// See exit_code.hpp. The table as code.
#include "adapters/cli/exit_code.hpp"

#include <string_view>

namespace sluice::cli {

namespace {

// tls_config covers all TlsOptions; its context begins with the part that cannot be used (core/tls/config.cpp).
int tls_config_exit_code(std::string_view context) {
  const auto is_about = [context](auto... parts) { return (context.starts_with(parts) || ...); };
  if (is_about("ciphers", "TLS 1.3 ciphers", "groups", "signature algorithms")) return kExitCipher;
  if (is_about("revocation lists")) return kExitRevocationList;
  if (is_about("pinned public keys", "public key")) return kExitPinnedKey;
  if (context.starts_with("client certificate") || context.starts_with("private key")) return kExitClientCertificate;
  if (is_about("TLS versions", "ALPN", "Encrypted Client Hello")) return kExitTlsHandshake;
  return kExitCaCertificates;
}

}  // namespace

int exit_code(const Error& error, bool head_received) {
  switch (error.code) {
    case Code::invalid_url:
      return kExitUrlMalformed;
    case Code::unsupported_scheme:
      return kExitUnsupportedProtocol;
    case Code::invalid_request:  // so it says itself (core/engine/prepare.cpp)
      return error.context.starts_with("HTTP/1.0") ? kExitUpload : kExitBadArgument;
    case Code::invalid_option:  // of a netrc file the context says so (core/netrc.cpp)
      return error.context.starts_with("netrc") ? kExitRead : kExitBadArgument;
    case Code::tls_config:
      return tls_config_exit_code(error.context);
    case Code::canceled:
      return kExitAborted;
    case Code::rewind_failed:
      return kExitRewind;
    case Code::upload_failed:
      return kExitRead;
    case Code::resolve_failed:
      return kExitResolve;
    case Code::proxy_resolve_failed:
      return kExitResolveProxy;
    case Code::connect_failed:
    case Code::address_forbidden:
      return kExitConnect;
    case Code::bind_failed:
      return kExitInterface;
    case Code::send_failed:
      return kExitSend;
    case Code::receive_failed:
      return kExitReceive;
    case Code::connection_closed:
      return kExitEmptyReply;
    case Code::malformed_response:
      return head_received ? kExitReceive : kExitWeirdReply;
    case Code::not_http:
      return kExitUnsupportedProtocol;
    case Code::unsupported_coding:
    case Code::bad_coding:
      return kExitBadCoding;
    case Code::truncated:
      return kExitPartialFile;
    case Code::unexpected_upgrade:
      return kExitWeirdReply;
    case Code::http2_error:
      return kExitHttp2;
    case Code::http2_stream:
      return kExitHttp2Stream;
    case Code::tls_handshake:
      return kExitTlsHandshake;
    case Code::tls_certificate:
      return kExitPeerCertificate;
    case Code::tls_pin:
      return kExitPinnedKey;
    case Code::tls_status:
      return kExitCertificateStatus;
    case Code::tls_failed:
    case Code::tunnel_failed:
      return kExitReceive;
    case Code::authentication_failed:
      return kExitAuthentication;
    case Code::socks_failed:
      return kExitProxy;
    case Code::connect_timeout:
      return kExitTimeout;
    case Code::total_timeout:
      return kExitTimeout;
    case Code::attempts_timeout:
      return kExitTimeout;
    case Code::idle_timeout:
    case Code::queue_timeout:
    case Code::resolve_timeout:
    case Code::tls_timeout:
    case Code::response_timeout:
    case Code::too_slow:
      return kExitTimeout;
    case Code::response_too_large:
      return kExitReceive;
    case Code::body_too_large:
      return kExitFileSize;
    case Code::too_many_redirects:
      return kExitTooManyRedirects;
    case Code::too_many_descriptors:
      return kExitConnect;
    case Code::descriptor_too_large:
      return kExitRecursiveCall;
    case Code::recursive_call:
      return kExitRecursiveCall;
    case Code::out_of_memory:
      return kExitMemory;
    case Code::internal:
      return kExitUsage;
  }
  return kExitUsage;
}

}  // namespace sluice::cli
