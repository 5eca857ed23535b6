// See description.hpp.
#include "core/tls/description.hpp"

#include <utility>

namespace sluice::tls {

void add_server(Description tls, StreamFacts& facts) {
  facts.version = tls.version;
  facts.cipher = tls.cipher;
  facts.group = tls.group;
  facts.alpn = tls.alpn;
  facts.resumed = tls.resumed;
  facts.verified = tls.verified;
  PeerCertificate certificate = std::move(tls.certificate).value_or(PeerCertificate{});
  facts.subject = std::move(certificate.subject);
  facts.issuer = std::move(certificate.issuer);
  facts.not_before = certificate.not_before;
  facts.not_after = certificate.not_after;
}

void add_proxy(Description tls, StreamFacts& facts) {
  PeerCertificate certificate = std::move(tls.certificate).value_or(PeerCertificate{});
  facts.proxies.push_back({.version = std::string(tls.version),
                           .cipher = std::string(tls.cipher),
                           .group = std::string(tls.group),
                           .alpn = std::string(tls.alpn),
                           .resumed = tls.resumed,
                           .subject = std::move(certificate.subject),
                           .issuer = std::move(certificate.issuer),
                           .not_before = certificate.not_before,
                           .not_after = certificate.not_after,
                           .verified = tls.verified});
}

}  // namespace sluice::tls
