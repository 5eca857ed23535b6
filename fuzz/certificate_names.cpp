// Fuzzes the verification of names and certificates in core/tls. Input: lines; the first one is a host. Then
//   Dname   a dNSName of the certificate        Ioctets   an iPAddress of it
//   Xab...  an edit of the encoded certificate: two bytes for where, and what is put there instead
//   Tnumber days between issue and verification (may be negative)
//   pname, xname   a DNS name that the authority above it permits, excludes; of letters, digits, "-" and "." alone
//   rrange, yrange a range of addresses that it permits, excludes: 4 or 16 octets and how many bits of them count
// Oracles: a matcher written label by label agrees with name_match. A chain is good if and only if it is as it was
// signed, all its names are allowed and one of them is the host. No unprintable byte reaches a message.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.hpp"
#include "core/tls/certificate.hpp"
#include "core/tls/config.hpp"
#include "core/tls/name_match.hpp"
#include "core/tls/pem.hpp"
#include "core/tls/verify.hpp"
#include "core/url.hpp"
#include "fuzz/support/certificates.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

// ---- the matcher: RFC 6125 6.4.3 as labels ----

std::vector<std::string> labels_of(std::string_view name) {
  std::vector<std::string> labels(1);
  for (const char c : name) {
    if (c == '.') {
      labels.emplace_back();
    } else {
      labels.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return labels;
}

bool is_plain_label(const std::string& label) {
  return !label.empty() && label.size() <= 63 &&
         label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos;
}

bool is_number(const std::string& label) { return label.find_first_not_of("0123456789") == std::string::npos; }

bool covers(std::string_view presented, std::string_view host) {
  std::vector<std::string> shown = labels_of(presented), wanted = labels_of(host);
  if (!std::all_of(wanted.begin(), wanted.end(), is_plain_label) || is_number(wanted.back()) || host.size() > 253)
    return false;
  if (shown.size() != wanted.size()) return false;
  if (shown.front() == "*") {
    if (shown.size() < 3) return false;
    shown.front() = wanted.front();
  }
  return shown == wanted;
}

// ---- one input ----

struct Range {
  std::string octets;
  unsigned bits = 0;
};

// Name constraints (RFC 5280 4.2.1.10).
struct Constraints {
  std::vector<std::string> permitted, excluded;
  std::vector<Range> permitted_ranges, excluded_ranges;
  bool any() const {
    return !permitted.empty() || !excluded.empty() || !permitted_ranges.empty() || !excluded_ranges.empty();
  }
};

struct Case {
  std::string host;
  std::vector<std::string> dns, ip;
  Constraints constraints;
  std::vector<std::string> edits;
  int days = 0;  // until it is verified
};

void read_name(std::vector<std::string>& names, const std::string& line) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
  if (line.size() > 1 && line.find_first_not_of(kPlain, 1) == std::string::npos) names.push_back(line.substr(1));
}

void read_range(std::vector<Range>& ranges, const std::string& line) {
  if (line.size() != 1 + 4 + 1 && line.size() != 1 + 16 + 1) return;
  Range range{line.substr(1, line.size() - 2), static_cast<unsigned char>(line.back())};
  range.bits %= static_cast<unsigned>(range.octets.size()) * 8 + 1;
  ranges.push_back(std::move(range));
}

Case read_case(Input& input) {
  Case made;
  made.host = input.up_to('\n');
  if (made.host.ends_with('.')) made.host.pop_back();  // it is not part of the name in a certificate (SB-85)
  for (int lines = 0; lines < 40 && !input.spent(); ++lines) {
    const std::string line(input.up_to('\n'));
    if (line.starts_with('D')) made.dns.push_back(line.substr(1));
    if (line.starts_with('I')) made.ip.push_back(line.substr(1));
    if (line.starts_with('X') && line.size() > 2) made.edits.push_back(line.substr(1));
    if (line.starts_with('p')) read_name(made.constraints.permitted, line);
    if (line.starts_with('x')) read_name(made.constraints.excluded, line);
    if (line.starts_with('r')) read_range(made.constraints.permitted_ranges, line);
    if (line.starts_with('y')) read_range(made.constraints.excluded_ranges, line);
    if (line.starts_with('T')) made.days = std::clamp(std::atoi(line.c_str() + 1), -1000, 1000);
  }
  return made;
}

void check_matcher(const Case& given) {
  for (const std::string& name : given.dns) {
    const bool matches = tls::dns_name_matches(name, given.host);
    FUZZ_CHECK_SAYING(matches == covers(name, given.host), shown(name) + " for " + shown(given.host));
    if (matches) FUZZ_CHECK(!IpAddress::parse(given.host) && name.find('\0') == std::string::npos);
  }
  for (const std::string& octets : given.ip) {
    const bool matches = tls::ip_address_matches(as_bytes(octets), as_bytes(given.host));
    FUZZ_CHECK(matches == (octets == given.host && (octets.size() == 4 || octets.size() == 16)));
  }
}

std::optional<tls::ReferenceId> peer_of(const std::string& host) {
  const auto url = Url::parse("https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]"));
  if (!url || url->host().empty() || url->path() != "/" || url->has_userinfo() || url->has_explicit_port())
    return std::nullopt;
  tls::ReferenceId peer{std::string(url->host()), url->host_kind(), ""};
  if (const auto address = IpAddress::parse(peer.host))
    peer.address.assign(address->bytes.begin(),
                        address->bytes.begin() + (address->kind == IpAddress::Kind::ipv4 ? 4 : 16));
  return peer;
}

bool is_wanted(const Case& given, const tls::ReferenceId& peer) {
  if (std::any_of(given.dns.begin(), given.dns.end(),
                  [](const auto& name) { return name.find('\0') != std::string::npos; }))
    return false;
  if (peer.kind != HostKind::name) return std::find(given.ip.begin(), given.ip.end(), peer.address) != given.ip.end();
  return std::any_of(given.dns.begin(), given.dns.end(), [&](const auto& name) { return covers(name, peer.host); });
}

// ---- name constraints, by what each name could stand for ----

std::string lowered(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Whether `tree` covers `name`, as BoringSSL and OpenSSL define it: a tree that begins with a dot covers only names
// below it.
bool holds(const std::string& tree, const std::string& name) {
  if (tree.starts_with('.')) return name.ends_with(tree);
  return name == tree || name.ends_with("." + tree);
}

// Whether it covers one of the names that "*.parent" stands for.
bool holds_some(const std::string& tree, const std::string& parent) {
  const std::size_t dot = tree.find('.');
  const bool one_above = dot != 0 && dot != std::string::npos && tree.substr(dot + 1) == parent;
  return one_above || holds(tree, "*." + parent);
}

bool name_is_allowed(const Constraints& constraints, const std::string& presented) {
  const std::string name = lowered(presented);
  const auto permits = [&](const std::string& tree) { return holds(lowered(tree), name); };
  const auto excludes = [&](const std::string& tree) {
    return name.starts_with("*.") ? holds_some(lowered(tree), name.substr(2)) : holds(lowered(tree), name);
  };
  const auto& permitted = constraints.permitted;
  const auto& excluded = constraints.excluded;
  return (permitted.empty() || std::any_of(permitted.begin(), permitted.end(), permits)) &&
         std::none_of(excluded.begin(), excluded.end(), excludes);
}

bool is_in(const Range& range, const std::string& address) {
  if (range.octets.size() != address.size()) return false;
  for (unsigned bit = 0; bit < range.bits; ++bit) {
    if ((((range.octets[bit / 8] ^ address[bit / 8]) >> (7 - bit % 8)) & 1) != 0) return false;
  }
  return true;
}

bool address_is_allowed(const Constraints& constraints, const std::string& address) {
  const auto holds_it = [&](const Range& range) { return is_in(range, address); };
  const auto& permitted = constraints.permitted_ranges;
  const auto& excluded = constraints.excluded_ranges;
  if (permitted.empty() && excluded.empty()) return true;
  if (address.size() != 4 && address.size() != 16) return false;
  return (permitted.empty() || std::any_of(permitted.begin(), permitted.end(), holds_it)) &&
         std::none_of(excluded.begin(), excluded.end(), holds_it);
}

bool is_allowed(const Case& given) {
  return std::all_of(given.dns.begin(), given.dns.end(),
                     [&](const auto& name) { return name_is_allowed(given.constraints, name); }) &&
         std::all_of(given.ip.begin(), given.ip.end(),
                     [&](const auto& ip) { return address_is_allowed(given.constraints, ip); });
}

std::string in_words(const std::string& octets) {
  std::string text;
  char piece[8];
  for (std::size_t i = 0; i < octets.size(); i += octets.size() == 4 ? 1U : 2U) {
    const unsigned first = static_cast<unsigned char>(octets[i]);
    if (octets.size() == 4) {
      std::snprintf(piece, sizeof piece, "%s%u", i == 0 ? "" : ".", first);
    } else {
      std::snprintf(piece, sizeof piece, "%s%x", i == 0 ? "" : ":",
                    first << 8 | static_cast<unsigned char>(octets[i + 1]));
    }
    text += piece;
  }
  return text;
}

std::string in_words(const Constraints& constraints) {
  std::string text = "critical";
  for (const auto& name : constraints.permitted) text += ",permitted;DNS:" + name;
  for (const auto& name : constraints.excluded) text += ",excluded;DNS:" + name;
  const auto add = [&](const char* kind, const Range& range) {
    std::string mask(range.octets.size(), '\0');
    for (unsigned bit = 0; bit < range.bits; ++bit) mask[bit / 8] = static_cast<char>(mask[bit / 8] | 0x80 >> bit % 8);
    text += kind + in_words(range.octets) + "/" + in_words(mask);
  };
  for (const auto& range : constraints.permitted_ranges) add(",permitted;IP:", range);
  for (const auto& range : constraints.excluded_ranges) add(",excluded;IP:", range);
  return text;
}

// Issues the certificate with the trusted authority, or with a constrained one below it, whose own certificate is then
// in `above`.
sim::CertificateAndKey issue_under(const Case& given, std::string& above) {
  const sim::CertificateSpec leaf{"leaf", given.dns, given.ip, kNoon - 10 * kDay, kNoon + 90 * kDay, false, false};
  if (!given.constraints.any()) return authority().issue(leaf);
  static const std::string key = authority().make_intermediate("key", kNoon, kNoon).key_pem();
  sim::CertificateSpec spec{"Constrained", {}, {}, kNoon - 100 * kDay, kNoon + 100 * kDay, true, false};
  spec.key_pem = key;
  spec.name_constraints = in_words(given.constraints);
  const sim::TlsAuthority between = authority().make_intermediate(std::move(spec));
  above = between.certificate_pem();
  return between.issue(leaf);
}

std::string encoded(X509* certificate) {
  std::uint8_t* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  FUZZ_CHECK(size > 0);
  std::string copy(bytes, bytes + size);
  OPENSSL_free(bytes);
  return copy;
}

std::string edited(std::string der, const std::vector<std::string>& edits) {
  for (const std::string& edit : edits) {
    const std::size_t at =
        (static_cast<std::size_t>(static_cast<unsigned char>(edit[0])) << 8 | static_cast<unsigned char>(edit[1])) %
        der.size();
    if (edit.size() == 2) {
      der.resize(at + 1);
    } else {
      const std::size_t count = std::min(edit.size() - 2, der.size() - at);
      der.replace(at, count, edit.substr(2, count));
    }
  }
  return der;
}

void check_text(std::string_view text) {
  FUZZ_CHECK_SAYING(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; }), shown(text));
}

void check_reading(CRYPTO_BUFFER* buffer) {
  const bssl::UniquePtr<X509> certificate(X509_parse_from_buffer(buffer));
  if (!certificate) return;
  if (const auto names = tls::subject_alt_names(*certificate)) {
    for (const std::string& name : names->dns) FUZZ_CHECK(name.find('\0') == std::string::npos);
  } else {
    check_text(names.error());
  }
  const tls::PeerCertificate summary = tls::summarise(*certificate);
  check_text(summary.subject);
  check_text(summary.issuer);
  for (const std::string& name : summary.names) check_text(name);
}

void check_chain(const Case& given) {
  const auto peer = peer_of(given.host);
  if (!peer) return;
  std::string above;
  auto parsed = tls::read_certificates(issue_under(given, above).certificate_pem, "leaf");
  FUZZ_CHECK(parsed && parsed->size() == (above.empty() ? 1U : 2U));
  const std::string der = encoded(parsed->front().get());
  const std::string shown_der = edited(der, given.edits);
  bssl::UniquePtr<CRYPTO_BUFFER> buffer(CRYPTO_BUFFER_new(as_bytes(shown_der).data(), shown_der.size(), nullptr));
  check_reading(buffer.get());
  const bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> chain(sk_CRYPTO_BUFFER_new_null());
  FUZZ_CHECK(bssl::PushToStack(chain.get(), std::move(buffer)));
  if (!above.empty()) {
    const std::string second = encoded(parsed->back().get());
    bssl::UniquePtr<CRYPTO_BUFFER> between(CRYPTO_BUFFER_new(as_bytes(second).data(), second.size(), nullptr));
    FUZZ_CHECK(bssl::PushToStack(chain.get(), std::move(between)));
  }

  X509_STORE* const anchors = static_cast<const tls::Config&>(*trusting_config()).anchors();
  const tls::Verdict verdict = tls::verify_chain(anchors, chain.get(), *peer, kNoon + given.days * kDay + 3'600);
  check_text(verdict.reason);
  last_verdict = verdict.good ? "good" : "refused";
  const bool in_time = given.days >= -10 && given.days < 90;  // as certificates.hpp issues them
  FUZZ_CHECK_SAYING(verdict.good == (in_time && shown_der == der && is_wanted(given, *peer) && is_allowed(given)),
                    verdict.reason + " for " + shown(peer->host));
  FUZZ_CHECK(verdict.good == verdict.reason.empty());
  if (!verdict.good) return;
  FUZZ_CHECK(verdict.good_until == kNoon + 90 * kDay);
  for (const UnixSeconds late : {kNoon - 11 * kDay, kNoon + 91 * kDay})
    FUZZ_CHECK(!tls::verify_chain(anchors, chain.get(), *peer, late).good);
  TlsOptions nobody;
  const auto without_anchors = tls::Config::create(nobody);
  FUZZ_CHECK(without_anchors && !tls::verify_chain((*without_anchors)->anchors(), chain.get(), *peer, kNoon).good);
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(sluice::Bytes(data, size));
  const Case given = read_case(input);
  check_matcher(given);
  check_chain(given);
  return 0;
}
