// See name_constraints.hpp.
#include "core/tls/name_constraints.hpp"

#include <openssl/mem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <string_view>

#include "core/fields.hpp"
#include "core/tls/certificate.hpp"
#include "core/types.hpp"

namespace sluice::tls {
namespace {

using Subtrees = STACK_OF(GENERAL_SUBTREE);

Bytes bytes_of(const ASN1_STRING& string) {
  const int length = ASN1_STRING_length(&string);
  return {ASN1_STRING_get0_data(&string), static_cast<std::size_t>(std::max(length, 0))};
}

bool is_address(const GENERAL_SUBTREE& tree) { return tree.base->type == GEN_IPADD; }

// Whether the mask of an address range is valid: one bits, then zero bits.
bool is_mask(Bytes mask) {
  bool ended = false;
  for (const std::uint8_t byte : mask) {
    for (int bit = 7; bit >= 0; --bit) {
      const bool one = (byte >> bit & 1) != 0;
      if (one && ended) return false;
      ended |= !one;
    }
  }
  return true;
}

// X509_V_OK: the address is in the range. X509_V_ERR_PERMITTED_VIOLATION: it is not. Another code: it cannot be
// decided.
int match_address(Bytes address, const GENERAL_SUBTREE& tree) {
  if (tree.minimum != nullptr || tree.maximum != nullptr) return X509_V_ERR_SUBTREE_MINMAX;
  const Bytes range = bytes_of(*tree.base->d.iPAddress);
  const std::size_t half = range.size() / 2;
  if ((range.size() != 8 && range.size() != 32) || !is_mask(range.subspan(half)))
    return X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX;
  if (address.size() != 4 && address.size() != 16) return X509_V_ERR_UNSUPPORTED_NAME_SYNTAX;
  if (address.size() != half) return X509_V_ERR_PERMITTED_VIOLATION;  // the other address family
  for (std::size_t i = 0; i < half; ++i) {
    if (((address[i] ^ range[i]) & range[half + i]) != 0) return X509_V_ERR_PERMITTED_VIOLATION;
  }
  return X509_V_OK;
}

// The address must be in a permitted range, if there are any, and in no excluded range.
int check_address(Bytes address, const NAME_CONSTRAINTS& constraints) {
  bool constrained = false, permitted = false;
  const Subtrees* trees = constraints.permittedSubtrees;
  for (std::size_t i = 0; trees != nullptr && i < sk_GENERAL_SUBTREE_num(trees); ++i) {
    const GENERAL_SUBTREE& tree = *sk_GENERAL_SUBTREE_value(trees, i);
    if (!is_address(tree)) continue;
    constrained = true;
    const int match = match_address(address, tree);
    if (match != X509_V_OK && match != X509_V_ERR_PERMITTED_VIOLATION) return match;
    permitted |= match == X509_V_OK;
  }
  if (constrained && !permitted) return X509_V_ERR_PERMITTED_VIOLATION;
  trees = constraints.excludedSubtrees;
  for (std::size_t i = 0; trees != nullptr && i < sk_GENERAL_SUBTREE_num(trees); ++i) {
    const GENERAL_SUBTREE& tree = *sk_GENERAL_SUBTREE_value(trees, i);
    if (!is_address(tree)) continue;
    const int match = match_address(address, tree);
    if (match == X509_V_OK) return X509_V_ERR_EXCLUDED_VIOLATION;
    if (match != X509_V_ERR_PERMITTED_VIOLATION) return match;
  }
  return X509_V_OK;
}

// "*.a.b" matches x.a.b too, which may be excluded. Excluded names at or above a.b are found by BoringSSL.
int check_wildcard(std::string_view name, const NAME_CONSTRAINTS& constraints) {
  if (!name.starts_with("*.")) return X509_V_OK;
  name.remove_prefix(1);
  const Subtrees* trees = constraints.excludedSubtrees;
  for (std::size_t i = 0; trees != nullptr && i < sk_GENERAL_SUBTREE_num(trees); ++i) {
    const GENERAL_SUBTREE& tree = *sk_GENERAL_SUBTREE_value(trees, i);
    if (tree.base->type != GEN_DNS) continue;
    const std::string_view excluded = as_text(bytes_of(*tree.base->d.dNSName));
    const std::size_t dot = excluded.find('.');
    if (dot != 0 && dot != std::string_view::npos && equals_ignoring_case(excluded.substr(dot), name))
      return X509_V_ERR_EXCLUDED_VIOLATION;
  }
  return X509_V_OK;
}

int check_names(const GENERAL_NAMES* names, const NAME_CONSTRAINTS& constraints) {
  for (std::size_t i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME& name = *sk_GENERAL_NAME_value(names, i);
    int code = X509_V_OK;
    if (name.type == GEN_IPADD) code = check_address(bytes_of(*name.d.iPAddress), constraints);
    if (name.type == GEN_DNS) code = check_wildcard(as_text(bytes_of(*name.d.dNSName)), constraints);
    if (code != X509_V_OK) return code;
  }
  return X509_V_OK;
}

// BoringSSL checks the constraints that are left; it reports a kind that it does not know.
void remove_addresses(Subtrees* trees) {
  for (std::size_t i = trees == nullptr ? 0 : sk_GENERAL_SUBTREE_num(trees); i-- > 0;) {
    if (is_address(*sk_GENERAL_SUBTREE_value(trees, i))) GENERAL_SUBTREE_free(sk_GENERAL_SUBTREE_delete(trees, i));
  }
}

// Checks the certificates below index `above` against the constraints of that certificate.
std::optional<ChainFault> check_below(const STACK_OF(X509) & chain, std::size_t above, NAME_CONSTRAINTS& constraints) {
  const auto fault = [&](std::size_t at, int code) {
    const X509& one = *sk_X509_value(&chain, at);
    return ChainFault{at, code, std::string(X509_verify_cert_error_string(code)) + ": " + subject_text(one)};
  };
  for (std::size_t i = 0; i < above; ++i) {
    X509* one = sk_X509_value(&chain, i);
    // A self-issued certificate, for a new key (RFC 5280 6.1.3): it is not checked.
    if (i != 0 && (X509_get_extension_flags(one) & EXFLAG_SI) != 0) continue;
    int critical = 0;
    const bssl::UniquePtr<GENERAL_NAMES> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(one, NID_subject_alt_name, &critical, nullptr)));
    if (!names && critical != -1) return fault(i, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
    if (const int code = check_names(names.get(), constraints); code != X509_V_OK) return fault(i, code);
  }
  remove_addresses(constraints.permittedSubtrees);
  remove_addresses(constraints.excludedSubtrees);
  for (std::size_t i = 0; i < above; ++i) {
    X509* one = sk_X509_value(&chain, i);
    if (i != 0 && (X509_get_extension_flags(one) & EXFLAG_SI) != 0) continue;
    if (const int code = NAME_CONSTRAINTS_check(one, &constraints); code != X509_V_OK) return fault(i, code);
  }
  return std::nullopt;
}

}  // namespace

std::optional<ChainFault> broken_constraint(const STACK_OF(X509) & chain) {
  for (std::size_t above = sk_X509_num(&chain); above-- > 1;) {
    const X509* one = sk_X509_value(&chain, above);
    int critical = 0;
    const bssl::UniquePtr<NAME_CONSTRAINTS> constraints(
        static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(one, NID_name_constraints, &critical, nullptr)));
    if (!constraints) {
      if (critical == -1) continue;
      return ChainFault{above, X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX,
                        "its name constraints cannot be read: " + subject_text(*one)};
    }
    if (auto fault = check_below(chain, above, *constraints)) return fault;
  }
  return std::nullopt;
}

}  // namespace sluice::tls
