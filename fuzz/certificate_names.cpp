// Fuzzes core/tls's judgement of names and certificates. Input: lines, the first of which is a host. Then
//   Dname   a dNSName of the certificate        Ioctets   an iPAddress of it
//   Xab...  an edit of the encoded certificate: two bytes for where, and what is put there instead
//   Tnumber so many days later (or, below 0, earlier) it is judged
// Oracles: a matcher written label by label agrees with name_match, and a chain is good if, and only if, it is as it was
// signed and one of its names is the host's; nothing unprintable reaches a message.
#include <algorithm>
#include <cstdint>
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
  return !label.empty() && label.size() <= 63 && label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos;
}

bool is_number(const std::string& label) { return label.find_first_not_of("0123456789") == std::string::npos; }

bool covers(std::string_view presented, std::string_view host) {
  std::vector<std::string> shown = labels_of(presented), wanted = labels_of(host);
  if (!std::all_of(wanted.begin(), wanted.end(), is_plain_label) || is_number(wanted.back()) || host.size() > 253) return false;
  if (shown.size() != wanted.size()) return false;
  if (shown.front() == "*") {
    if (shown.size() < 3) return false;
    shown.front() = wanted.front();
  }
  return shown == wanted;
}

// ---- one input ----

struct Case {
  std::string host;
  std::vector<std::string> dns, ip;
  std::vector<std::string> edits;
  int days = 0;  // until it is judged
};

Case read_case(Input& input) {
  Case made;
  made.host = input.up_to('\n');
  for (int lines = 0; lines < 40 && !input.spent(); ++lines) {
    const std::string line(input.up_to('\n'));
    if (line.starts_with('D')) made.dns.push_back(line.substr(1));
    if (line.starts_with('I')) made.ip.push_back(line.substr(1));
    if (line.starts_with('X') && line.size() > 2) made.edits.push_back(line.substr(1));
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

std::optional<tls::PeerName> peer_of(const std::string& host) {
  const auto url = Url::parse("https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]"));
  if (!url || url->host().empty() || url->path() != "/" || url->has_userinfo() || url->has_explicit_port()) return std::nullopt;
  tls::PeerName peer{std::string(url->host()), url->host_kind(), ""};
  if (const auto address = IpAddress::parse(peer.host))
    peer.address.assign(address->bytes.begin(), address->bytes.begin() + (address->kind == IpAddress::Kind::ipv4 ? 4 : 16));
  return peer;
}

bool is_wanted(const Case& given, const tls::PeerName& peer) {
  if (std::any_of(given.dns.begin(), given.dns.end(), [](const auto& name) { return name.find('\0') != std::string::npos; })) return false;
  if (peer.kind != HostKind::name) return std::find(given.ip.begin(), given.ip.end(), peer.address) != given.ip.end();
  return std::any_of(given.dns.begin(), given.dns.end(), [&](const auto& name) { return covers(name, peer.host); });
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
        (static_cast<std::size_t>(static_cast<unsigned char>(edit[0])) << 8 | static_cast<unsigned char>(edit[1])) % der.size();
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
  auto parsed = tls::read_certificates(issue(given.dns, given.ip).certificate_pem, "leaf");
  FUZZ_CHECK(parsed && parsed->size() == 1);
  const std::string der = encoded(parsed->front().get());
  const std::string shown_der = edited(der, given.edits);
  bssl::UniquePtr<CRYPTO_BUFFER> buffer(CRYPTO_BUFFER_new(as_bytes(shown_der).data(), shown_der.size(), nullptr));
  check_reading(buffer.get());
  const bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> chain(sk_CRYPTO_BUFFER_new_null());
  FUZZ_CHECK(bssl::PushToStack(chain.get(), std::move(buffer)));

  X509_STORE* const anchors = static_cast<const tls::Config&>(*trusting_config()).anchors();
  const tls::Verdict verdict = tls::verify_chain(anchors, chain.get(), *peer, kNoon + given.days * kDay + 3'600);
  check_text(verdict.reason);
  last_verdict = verdict.good ? "good" : "refused";
  const bool in_time = given.days >= -10 && given.days < 90;  // as certificates.hpp issues them
  FUZZ_CHECK_SAYING(verdict.good == (in_time && shown_der == der && is_wanted(given, *peer)), verdict.reason + " for " + shown(peer->host));
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
