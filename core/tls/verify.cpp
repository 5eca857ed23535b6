// See verify.hpp.
#include "core/tls/verify.hpp"

#include <openssl/pool.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/address.hpp"
#include "core/base/limits.hpp"
#include "core/tls/certificate.hpp"
#include "core/tls/chain_policy.hpp"
#include "core/tls/errors.hpp"
#include "core/tls/name_constraints.hpp"
#include "core/tls/name_match.hpp"

namespace sluice::tls {
namespace {

constexpr std::size_t kMaxNamesInMessage = 5;

Verdict refuse(int code, std::string reason) {
  const bool out_of_memory = take_memory_failure() || code == X509_V_ERR_OUT_OF_MEM;
  return {false, std::move(reason), code,   static_cast<std::uint8_t>(SSL_alert_from_verify_result(code)),
          0,     out_of_memory,     nullptr};
}

// A DNS name that looks like an address matches nothing, so the message marks it.
std::string wrong_name(const SubjectAltNames& names, const ReferenceId& peer) {
  auto texts = printable_names(names);
  if (texts.empty())
    return "certificate names no host (no dNSName or iPAddress in subjectAltName), needed is " + peer.host;
  bool spells_address = false;
  for (std::size_t i = 0; i < names.dns.size(); ++i) {
    if (!IpAddress::parse(names.dns[i])) continue;
    texts[i] += " (as a DNS name)";
    spells_address = true;
  }
  std::string list;
  for (std::size_t i = 0; i < std::min(texts.size(), kMaxNamesInMessage); ++i) list += (i == 0 ? "" : ", ") + texts[i];
  if (texts.size() > kMaxNamesInMessage) list += " and " + std::to_string(texts.size() - kMaxNamesInMessage) + " more";
  return "certificate is for " + list + ", not for " +
         (spells_address && peer.kind != HostKind::name ? "the address " : "") + peer.host;
}

// Only subjectAltName counts (RFC 9525 2): a common name is not a host name (SB-49), and a DNS name is not an address
// (SB-08).
Verdict check_name(const X509& leaf, const ReferenceId& peer) {
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
  return {true, {}, X509_V_OK, 0, 0, false, nullptr};
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

UnixSeconds chain_end(const STACK_OF(X509) & chain) {
  UnixSeconds end = std::numeric_limits<UnixSeconds>::max();
  for (std::size_t i = 0; i < sk_X509_num(&chain); ++i)
    end = std::min(end, unix_time(*X509_get0_notAfter(sk_X509_value(&chain, i))));
  return end;
}

bool is_valid_at(const X509& certificate, UnixSeconds wall) {
  return unix_time(*X509_get0_notBefore(&certificate)) <= wall && wall < unix_time(*X509_get0_notAfter(&certificate));
}

// The search for a chain. BoringSSL uses the first certificate that could have issued another one, and fails if that
// certificate is not acceptable. Authorities have several certificates with the same name and key: renewed,
// cross-signed, or signed again with a better hash. So certificates that are valid now come first, and one that made a
// chain fail is skipped in the next attempt.
struct Search {
  X509_STORE* anchors;
  X509* leaf;
  const std::vector<bssl::UniquePtr<X509>>& others;  // the other certificates that the peer sent
  UnixSeconds wall;
  std::vector<const X509*> passed_over;

  bool passes_over(const X509* one) const { return std::ranges::find(passed_over, one) != passed_over.end(); }
};

// X509_STORE_CTX_get_issuer_fn: finds an anchor that could have issued `subject`.
int find_anchor(X509** issuer, X509_STORE_CTX* store, X509* subject) {
  const Search& search = *static_cast<const Search*>(X509_STORE_CTX_get_app_data(store));
  const bssl::UniquePtr<STACK_OF(X509)> named(X509_STORE_get1_certs(store, X509_get_issuer_name(subject)));
  X509* best = nullptr;
  int best_rank = 0;
  for (std::size_t i = 0; named && i < sk_X509_num(named.get()); ++i) {
    X509* one = sk_X509_value(named.get(), i);
    if (search.passes_over(one) || X509_check_issued(one, subject) != X509_V_OK) continue;
    // A self-signed certificate is trusted only if it is an anchor itself, not because another anchor has its name and
    // key.
    const int rank = X509_cmp(one, subject) == 0 ? 3 : is_valid_at(*one, search.wall) ? 2 : 1;
    if (rank > best_rank) best = one;
    best_rank = std::max(rank, best_rank);
  }
  if (best == nullptr) return 0;
  X509_up_ref(best);
  *issuer = best;
  return 1;
}

// BoringSSL does not know constraints on addresses. broken_constraint() checks every constraint again, also unknown
// ones.
int on_chain_error(int good, X509_STORE_CTX* store) {
  if (good == 1 || X509_STORE_CTX_get_error(store) != X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE) return good;
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

// Which certificate of a failed chain to skip in the next attempt. Null: the fault is in the server's own certificate,
// or in none of them.
const X509* to_pass_over(const STACK_OF(X509) & chain, std::size_t at, int code) {
  switch (code) {
    case X509_V_ERR_OUT_OF_MEM:
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_INVALID_CALL:
    case X509_V_ERR_STORE_LOOKUP:
    case X509_V_ERR_CERT_REJECTED:  // distrusted: another chain must not undo this
      return nullptr;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // the certificate above has the issuer's name but not its key
      ++at;
      break;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
      at = std::max<std::size_t>(at, 1);  // a cross-signed certificate may not have the constraint
      break;
  }
  return at == 0 || at >= sk_X509_num(&chain) ? nullptr : sk_X509_value(&chain, at);
}

struct Attempt {
  Verdict verdict;                     // without a check of the name
  bssl::UniquePtr<X509> to_pass_over;  // set if another attempt may succeed
};

std::size_t place_of(const STACK_OF(X509) & chain, const X509* certificate) {
  std::size_t at = 0;
  while (at < sk_X509_num(&chain) && sk_X509_value(&chain, at) != certificate) ++at;
  return at;
}

Attempt attempt(Search& search) {
  const bssl::UniquePtr<X509_STORE_CTX> store(X509_STORE_CTX_new());
  const bssl::UniquePtr<STACK_OF(X509)> others(sk_X509_new_null());
  if (!store || !others) return {refuse(X509_V_ERR_OUT_OF_MEM, {}), nullptr};
  for (const bool valid : {true, false}) {
    for (const auto& one : search.others) {
      if (search.passes_over(one.get()) || is_valid_at(*one, search.wall) != valid) continue;
      if (!bssl::PushToStack(others.get(), bssl::UpRef(one))) return {refuse(X509_V_ERR_OUT_OF_MEM, {}), nullptr};
    }
  }
  if (!X509_STORE_CTX_init(store.get(), search.anchors, search.leaf, others.get()) ||
      !X509_STORE_CTX_set_default(store.get(), "ssl_server") || !X509_STORE_CTX_set_app_data(store.get(), &search) ||
      // Every certificate that the application trusts is an anchor, also an intermediate one, and is preferred to those
      // that the peer sent.
      !X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(store.get()),
                                   X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN)) {
    return {refuse(X509_V_ERR_OUT_OF_MEM, {}), nullptr};
  }
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(store.get()), search.wall);
  X509_STORE_CTX_set_verify_cb(store.get(), on_chain_error);
  const int valid = X509_verify_cert(store.get());
  const int code = X509_STORE_CTX_get_error(store.get());
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(store.get());
  std::optional<ChainFault> fault;
  if (valid != 1 || code != X509_V_OK || chain == nullptr) {
    const int known = code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code;
    const std::size_t at = chain == nullptr ? 0 : place_of(*chain, X509_STORE_CTX_get_current_cert(store.get()));
    fault = ChainFault{at, known, chain_failure(store.get(), known)};
  } else {
    fault = weak_link(*chain);
    if (!fault) fault = broken_constraint(*chain);
  }
  if (!fault) {
    // One that is trusted itself need not have signed itself: then its issuer is not known.
    X509* const above = sk_X509_value(chain, sk_X509_num(chain) > 1 ? 1 : 0);
    const bool issued = X509_check_issued(above, sk_X509_value(chain, 0)) == X509_V_OK;
    std::shared_ptr<X509> issuer = issued ? bssl::UpRef(above) : nullptr;
    return {{true, {}, X509_V_OK, 0, chain_end(*chain), false, std::move(issuer)}, nullptr};
  }
  const X509* guilty = chain == nullptr ? nullptr : to_pass_over(*chain, fault->at, fault->code);
  return {refuse(fault->code, std::move(fault->reason)), bssl::UpRef(const_cast<X509*>(guilty))};
}

// If there is no chain, the reason of the first attempt is reported: BoringSSL takes that chain for the best.
Verdict find_chain(Search& search) {
  Attempt first = attempt(search);
  std::vector<bssl::UniquePtr<X509>> guilty;
  bssl::UniquePtr<X509> next = std::move(first.to_pass_over);
  for (std::size_t tries = 1; next && !first.verdict.out_of_memory && tries < limits::kMaxChainAttempts; ++tries) {
    search.passed_over.push_back(next.get());
    guilty.push_back(std::move(next));
    Attempt again = attempt(search);
    if (again.verdict.good || again.verdict.out_of_memory || again.verdict.code == X509_V_ERR_CERT_REJECTED)
      return again.verdict;
    next = std::move(again.to_pass_over);
  }
  return std::move(first.verdict);
}

}  // namespace

std::optional<ReferenceId> reference_id(const std::string& host, HostKind kind) {
  ReferenceId peer{host, kind, {}};
  const bool visible = std::ranges::all_of(peer.host, [](char c) { return c > ' ' && c <= '~'; });
  if (!visible) return std::nullopt;
  if (peer.kind == HostKind::name) {
    if (peer.host.ends_with('.')) peer.host.pop_back();  // RFC 6066 3
    return peer.host.empty() || peer.host.size() > TLSEXT_MAXLEN_host_name ? std::nullopt
                                                                           : std::optional(std::move(peer));
  }
  clear_errors();
  const bssl::UniquePtr<ASN1_OCTET_STRING> octets(a2i_IPADDRESS(peer.host.c_str()));
  if (!octets) return std::nullopt;
  const unsigned char* data = ASN1_STRING_get0_data(octets.get());
  peer.address.assign(data, data + ASN1_STRING_length(octets.get()));
  if (peer.address.size() != (peer.kind == HostKind::ipv4 ? 4U : 16U)) return std::nullopt;
  return peer;
}

void search_anchors(X509_STORE* anchors) { X509_STORE_set_get_issuer(anchors, find_anchor); }

Verdict verify_chain(X509_STORE* anchors, const STACK_OF(CRYPTO_BUFFER) * shown, const ReferenceId& peer,
                     UnixSeconds wall) {
  if (shown == nullptr || sk_CRYPTO_BUFFER_num(shown) == 0)
    return refuse(X509_V_ERR_UNSPECIFIED, "the peer showed no certificate");
  std::vector<bssl::UniquePtr<X509>> others;
  bssl::UniquePtr<X509> leaf;
  for (std::size_t i = 0; i < sk_CRYPTO_BUFFER_num(shown); ++i) {
    bssl::UniquePtr<X509> parsed(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(shown, i)));
    if (!parsed)
      return refuse(X509_V_ERR_UNSPECIFIED, "certificate " + std::to_string(i + 1) + " of the chain is malformed");
    if (i == 0) {
      leaf = std::move(parsed);
    } else {
      others.push_back(std::move(parsed));
    }
  }
  Search search{anchors, leaf.get(), others, wall, {}};
  Verdict chain = find_chain(search);
  if (!chain.good) return chain;
  Verdict verdict = check_name(*leaf, peer);
  if (!verdict.good) return verdict;
  verdict.good_until = chain.good_until;
  verdict.issuer = std::move(chain.issuer);
  return verdict;
}

}  // namespace sluice::tls
