// core/tls/description: what TLS with the server, and with proxies, adds to the facts of a stream.
#include "core/tls/description.hpp"

#include <doctest/doctest.h>

namespace sluice::tls {
namespace {

Description described() {
  return {.version = "TLSv1.3",
          .cipher = "C",
          .group = "G",
          .alpn = "h2",
          .resumed = true,
          .verified = true,
          .certificate = PeerCertificate{.subject = "s", .issuer = "i", .not_before = 1, .not_after = 2, .names = {}}};
}

}  // namespace

TEST_CASE("tls description: the server's") {
  StreamFacts facts;
  add_server(described(), facts);
  CHECK(facts.version == "TLSv1.3");
  CHECK(facts.cipher == "C");
  CHECK(facts.group == "G");
  CHECK(facts.alpn == "h2");
  CHECK(facts.resumed);
  CHECK(facts.verified);
  CHECK(facts.subject == "s");
  CHECK(facts.issuer == "i");
  CHECK(facts.not_before == 1);
  CHECK(facts.not_after == 2);
  CHECK(facts.proxies.empty());
}

TEST_CASE("tls description: those of proxies are beside it, in their order, and are none of the server's") {
  StreamFacts facts;
  add_proxy(described(), facts);
  Description unnamed = described();
  unnamed.certificate.reset();
  unnamed.resumed = unnamed.verified = false;
  add_proxy(std::move(unnamed), facts);
  REQUIRE(facts.proxies.size() == 2);
  const StreamSecurity& first = facts.proxies[0];
  CHECK(first.version + first.cipher + first.group + first.alpn == "TLSv1.3CGh2");
  CHECK(first.subject + first.issuer == "si");
  CHECK(first.not_before == 1);
  CHECK(first.not_after == 2);
  CHECK((first.resumed && first.verified));
  CHECK(facts.proxies[1].version == "TLSv1.3");
  CHECK(facts.proxies[1].subject.empty());
  CHECK_FALSE((facts.proxies[1].resumed || facts.proxies[1].verified));
  CHECK((facts.version.empty() && facts.alpn.empty() && facts.subject.empty()));
  CHECK_FALSE((facts.verified || facts.resumed));
}

}  // namespace sluice::tls
