// See verify.hpp.
#include "core/tls/verify.hpp"

#include <openssl/pool.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <limits>

#include "core/tls/certificate.hpp"
#include "core/tls/errors.hpp"
#include "core/tls/name_match.hpp"

namespace sluice::tls {
namespace {

constexpr std::size_t kMaxNamesInMessage = 5;

Verdict refuse(int code, std::string reason) {
  const bool out_of_memory = take_memory_failure() || code == X509_V_ERR_OUT_OF_MEM;
  return {false, std::move(reason), code, static_cast<std::uint8_t>(SSL_alert_from_verify_result(code)), 0, out_of_memory};
}

std::string wrong_name(const SubjectAltNames& names, const PeerName& peer) {
  const auto texts = printable_names(names);
  if (texts.empty())
    return "certificate names no host (no dNSName or iPAddress in subjectAltName), needed is " + peer.host;
  std::string list;
  for (std::size_t i = 0; i < std::min(texts.size(), kMaxNamesInMessage); ++i) list += (i == 0 ? "" : ", ") + texts[i];
  if (texts.size() > kMaxNamesInMessage) list += " and " + std::to_string(texts.size() - kMaxNamesInMessage) + " more";
  return "certificate is for " + list + ", not for " + peer.host;
}

// Only subjectAltName counts (RFC 9525 2): a common name is no host name (SB-49), and a DNS name is no address (SB-08).
Verdict check_name(const X509& leaf, const PeerName& peer) {
  const auto names = subject_alt_names(leaf);
  if (!names) return refuse(X509_V_ERR_HOSTNAME_MISMATCH, "certificate " + names.error());
  bool covered = false;
  if (peer.kind == HostKind::name) {
    covered =
        std::ranges::any_of(names->dns, [&](const std::string& name) { return dns_name_matches(name, peer.host); });
    if (!covered) return refuse(X509_V_ERR_HOSTNAME_MISMATCH, wrong_name(*names, peer));
  } else {
    covered = std::ranges::any_of(
        names->ip, [&](const std::string& ip) { return ip_address_matches(as_bytes(ip), as_bytes(peer.address)); });
    if (!covered) return refuse(X509_V_ERR_IP_ADDRESS_MISMATCH, wrong_name(*names, peer));
  }
  return {true, {}, X509_V_OK, 0, 0, false};
}

std::string chain_failure(X509_STORE_CTX* store, int code) {
  std::string reason = X509_verify_cert_error_string(code);
  const X509* at = X509_STORE_CTX_get_current_cert(store);
  if (at == nullptr) return reason;
  if (code == X509_V_ERR_CERT_HAS_EXPIRED) reason += " (on " + utc_text(unix_time(*X509_get0_notAfter(at))) + ")";
  if (code == X509_V_ERR_CERT_NOT_YET_VALID)
    reason += " (before " + utc_text(unix_time(*X509_get0_notBefore(at))) + ")";
  return reason + ": " + subject_text(*at);
}

UnixSeconds chain_end(X509_STORE_CTX* store) {
  UnixSeconds end = std::numeric_limits<UnixSeconds>::max();
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(store);
  for (std::size_t i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    end = std::min(end, unix_time(*X509_get0_notAfter(sk_X509_value(chain, i))));
  }
  return end;
}

}  // namespace

Verdict verify_chain(X509_STORE* anchors, const STACK_OF(CRYPTO_BUFFER) * shown, const PeerName& peer,
                     UnixSeconds wall) {
  if (shown == nullptr || sk_CRYPTO_BUFFER_num(shown) == 0)
    return refuse(X509_V_ERR_UNSPECIFIED, "the peer showed no certificate");
  bssl::UniquePtr<STACK_OF(X509)> others(sk_X509_new_null());
  bssl::UniquePtr<X509> leaf;
  for (std::size_t i = 0; i < sk_CRYPTO_BUFFER_num(shown); ++i) {
    bssl::UniquePtr<X509> parsed(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(shown, i)));
    if (!parsed)
      return refuse(X509_V_ERR_UNSPECIFIED, "certificate " + std::to_string(i + 1) + " of the chain is malformed");
    if (i == 0) {
      leaf = std::move(parsed);
    } else if (!others || !bssl::PushToStack(others.get(), std::move(parsed))) {
      return refuse(X509_V_ERR_OUT_OF_MEM, {});
    }
  }
  const bssl::UniquePtr<X509_STORE_CTX> store(X509_STORE_CTX_new());
  if (!store || !X509_STORE_CTX_init(store.get(), anchors, leaf.get(), others.get()) ||
      !X509_STORE_CTX_set_default(store.get(), "ssl_server") ||
      // Whatever the application trusts is an anchor, an intermediate certificate too, and is preferred to what the peer sent.
      !X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(store.get()), X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN)) {
    return refuse(X509_V_ERR_OUT_OF_MEM, {});
  }
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(store.get());
  X509_VERIFY_PARAM_set_time(param, wall);
  const int valid = X509_verify_cert(store.get());
  const int code = X509_STORE_CTX_get_error(store.get());
  if (valid != 1 || code != X509_V_OK) {
    const int known = code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code;
    return refuse(known, chain_failure(store.get(), known));
  }
  Verdict verdict = check_name(*leaf, peer);
  if (verdict.good) verdict.good_until = chain_end(store.get());
  return verdict;
}

}  // namespace sluice::tls
