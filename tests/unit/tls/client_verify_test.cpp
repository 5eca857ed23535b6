// Which peers a client accepts: chain, name, time.
#include <doctest/doctest.h>
#include <openssl/x509.h>

#include <algorithm>
#include <string>

#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kDay;
using test::kNoon;
using test::TlsPair;

namespace {

const std::string kLoopback4("\x7f\0\0\1", 4);
const std::string kLoopback6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);

struct Outcome {
  bool accepted = false;
  Error error;
  std::string server_got;
};

// A whole attempt that would send a request as soon as it may.
Outcome attempt(const sim::TlsServerOptions& server, tls::ClientParams params, UnixSeconds wall = kNoon) {
  TlsPair pair(test::make_context(server), std::move(params), wall);
  pair.run();
  Outcome outcome;
  outcome.accepted = pair.client->established();
  CHECK(pair.client->verified() == outcome.accepted);
  if (outcome.accepted) {
    pair.send("request");
  } else {
    REQUIRE(pair.last == Pump::failed);
    outcome.error = pair.client->error();
    CHECK(outcome.error.code == Code::tls_certificate);
    CHECK(outcome.error.blame == Blame::peer);
    CHECK(outcome.error.context.find('\n') == std::string::npos);
  }
  pair.run();
  outcome.server_got = pair.server.plain();
  CHECK(outcome.server_got == (outcome.accepted ? "request" : ""));
  CHECK(pair.server.failure().empty() == outcome.accepted);  // the refusal was said by an alert
  return outcome;
}

Outcome attempt_host(const sim::TlsServerOptions& server, std::string host, HostKind kind = HostKind::name) {
  auto params = test::example_params();
  params.host = std::move(host);
  params.host_kind = kind;
  return attempt(server, std::move(params));
}

sim::TlsServerOptions with(const sim::CertificateAndKey& pair) {
  sim::TlsServerOptions options;
  options.certificate_pem = pair.certificate_pem;
  options.key_pem = pair.key_pem;
  return options;
}

}  // namespace

TEST_CASE("a name of the certificate is accepted, another is refused and both are said") {
  const auto server = test::server_for({"a.example", "b.example"});
  CHECK(attempt_host(server, "a.example").accepted);
  CHECK(attempt_host(server, "b.example").accepted);
  CHECK(attempt_host(server, "b.example.").accepted);
  const Error error = attempt_host(server, "c.example").error;
  CHECK(error.context ==
        "TLS handshake with c.example:443: certificate is for a.example, b.example, not for c.example");
  CHECK(error.detail == X509_V_ERR_HOSTNAME_MISMATCH);
}

TEST_CASE("a long list of names is cut short in the message") {
  std::vector<std::string> names;
  for (int i = 0; i < 50; ++i) names.push_back("n" + std::to_string(i) + ".example");
  CHECK(attempt_host(test::server_for(names), "c.example")
            .error.context.contains("n4.example and 45 more, not for c.example"));
}

TEST_CASE("SB-49 wildcards in a certificate; no fallback to the common name") {
  CHECK(attempt_host(test::server_for({"*.example.org"}), "www.example.org").accepted);
  for (const char* pattern : {"*.org", "*.*", "x*", "w*.example.org", "*.www.example.org", "*"}) {
    CAPTURE(pattern);
    CHECK_FALSE(attempt_host(test::server_for({pattern}), "www.example.org").accepted);
  }
  CHECK_FALSE(attempt_host(test::server_for({"*.1.2.3"}), "4.1.2.3", HostKind::ipv4).accepted);
  CHECK_FALSE(attempt_host(test::server_for({"*.a"}), "x.a").accepted);
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.common_name = "example.org";
  const Error error = attempt_host(with(test::authority().issue(spec)), "example.org").error;
  CHECK(error.context.contains("names no host"));
  spec.dns = {"other.example"};
  CHECK_FALSE(attempt_host(with(test::authority().issue(spec)), "example.org").accepted);
}

TEST_CASE("SB-08 an address needs its iPAddress, names do not do") {
  const auto names = test::server_for({"127.0.0.1", "::1", "localhost"});
  CHECK_FALSE(attempt_host(names, "127.0.0.1", HostKind::ipv4).accepted);
  CHECK_FALSE(attempt_host(names, "::1", HostKind::ipv6).accepted);
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.common_name = "127.0.0.1";
  CHECK_FALSE(attempt_host(with(test::authority().issue(spec)), "127.0.0.1", HostKind::ipv4).accepted);
  const auto addresses = test::server_for({"localhost"}, {kLoopback4, kLoopback6});
  CHECK(attempt_host(addresses, "127.0.0.1", HostKind::ipv4).accepted);
  CHECK(attempt_host(addresses, "::1", HostKind::ipv6).accepted);
  CHECK(attempt_host(addresses, "localhost").accepted);
  const Error error = attempt_host(addresses, "127.0.0.2", HostKind::ipv4).error;
  CHECK(error.context ==
        "TLS handshake with 127.0.0.2:443: certificate is for localhost, 127.0.0.1, ::1, not for "
        "127.0.0.2");
  CHECK(error.detail == X509_V_ERR_IP_ADDRESS_MISMATCH);
  CHECK(attempt_host(addresses, "::2", HostKind::ipv6).error.context.starts_with("TLS handshake with [::2]:443: "));
  // The bytes of an address as a DNS name, and the name's bytes as an address.
  CHECK_FALSE(attempt_host(test::server_for({}, {"example.org"}), "example.org").accepted);
  CHECK_FALSE(attempt_host(test::server_for({kLoopback4}), "127.0.0.1", HostKind::ipv4).accepted);
}

TEST_CASE("SB-08 an address that stands in a certificate as a DNS name is told apart from the address") {
  const auto server = test::server_for({"127.0.0.1", "localhost", "::1"});
  CHECK(
      attempt_host(server, "127.0.0.1", HostKind::ipv4).error.context ==
      "TLS handshake with 127.0.0.1:443: certificate is for 127.0.0.1 (as a DNS name), localhost, ::1 (as a DNS name), not "
      "for the address 127.0.0.1");
  CHECK(
      attempt_host(server, "elsewhere.example")
          .error.context.ends_with(
              "certificate is for 127.0.0.1 (as a DNS name), localhost, ::1 (as a DNS name), not for elsewhere.example"));
}

TEST_CASE("SB-83 a weak certificate is refused within the handshake") {
  sim::CertificateSpec spec = test::leaf_spec({"example.org"});
  spec.hash = sim::Hash::sha1;
  const Error error = attempt(with(test::authority().issue(spec)), test::example_params()).error;
  CHECK(error.context ==
        "TLS handshake with example.org:443: certificate is too weak: it is signed by ecdsa-with-SHA1, which is "
        "not accepted: CN=leaf");
  CHECK(error.detail == X509_V_ERR_CERT_UNTRUSTED);
}

TEST_CASE("SB-09 a NUL in a name refuses the certificate, whatever else it holds") {
  const std::string tricky("example.org\0.evil.example", 25);
  CHECK_FALSE(attempt_host(test::server_for({tricky}), "example.org").accepted);
  CHECK_FALSE(attempt_host(test::server_for({tricky}), "evil.example").accepted);
  CHECK(attempt_host(test::server_for({"example.org", tricky}), "example.org").error.context.contains("NUL"));
}

TEST_CASE("SB-50 expired and not yet valid, by the time passed in") {
  const auto server = test::example_server();  // kNoon - 10 days until kNoon + 90 days
  CHECK(attempt(server, test::example_params(), kNoon + 89 * kDay).accepted);
  CHECK(attempt(server, test::example_params(), kNoon + 90 * kDay - 1).accepted);
  const Error late = attempt(server, test::example_params(), kNoon + 90 * kDay + 1).error;
  CHECK(late.detail == X509_V_ERR_CERT_HAS_EXPIRED);
  CHECK(late.context ==
        "TLS handshake with example.org:443: certificate has expired (on 2025-09-13 15:06:40 UTC): CN=leaf");
  const Error early = attempt(server, test::example_params(), kNoon - 10 * kDay - 1).error;
  CHECK(early.detail == X509_V_ERR_CERT_NOT_YET_VALID);
  CHECK(early.context.contains("not yet valid (before 2025-06-05 15:06:40 UTC)"));
  CHECK_FALSE(attempt(server, test::example_params(), 0).accepted);
}

TEST_CASE("SB-50 an expired certificate above the leaf refuses too") {
  const auto between = test::authority().make_intermediate("Short-lived", kNoon - kDay, kNoon + kDay);
  const auto server = with(between.issue(test::leaf_spec({"example.org"})));
  CHECK(attempt(server, test::example_params()).accepted);
  CHECK(attempt(server, test::example_params(), kNoon + 2 * kDay).error.context.contains("CN=Short-lived"));
}

TEST_CASE("SB-46 SB-10 only what the given anchors vouch for") {
  const auto other = sim::TlsAuthority::make_root("Other Root", kNoon - kDay, kNoon + kDay);
  const auto impostor = with(other.issue(test::leaf_spec({"example.org"})));
  CHECK(attempt(impostor, test::example_params()).error.context.contains("unable to get local issuer certificate"));
  // A root of the same name is not the same root.
  const auto namesake = sim::TlsAuthority::make_root("Test Root", kNoon - kDay, kNoon + kDay);
  CHECK_FALSE(attempt(with(namesake.issue(test::leaf_spec({"example.org"}))), test::example_params()).accepted);
  TlsOptions options;
  options.trust_anchors_pem = other.certificate_pem();
  CHECK(attempt(impostor, test::example_params(options)).accepted);
  CHECK_FALSE(attempt(test::example_server(), test::example_params(options)).accepted);
  CHECK(attempt(test::example_server(), test::example_params(TlsOptions{}))
            .error.context.contains("no trust anchors were given"));
}

TEST_CASE("chains: with its intermediate, without it, and with the intermediate itself trusted") {
  const auto between = test::authority().make_intermediate("Between", kNoon - kDay, kNoon + 100 * kDay);
  auto server = with(between.issue(test::leaf_spec({"example.org"})));
  CHECK(attempt(server, test::example_params()).accepted);
  TlsOptions options;
  options.trust_anchors_pem = between.certificate_pem();
  CHECK(attempt(server, test::example_params(options)).accepted);
  server.certificate_pem.resize(server.certificate_pem.size() - between.certificate_pem().size());
  CHECK_FALSE(attempt(server, test::example_params()).accepted);
}

TEST_CASE("a leaf is no authority, and a client's certificate is no server's") {
  sim::CertificateSpec spec = test::leaf_spec({"example.org"});
  spec.for_client = true;
  CHECK(attempt(with(test::authority().issue(spec)), test::example_params()).error.detail ==
        X509_V_ERR_INVALID_PURPOSE);
}

TEST_CASE("with verification off anything is accepted, and never called verified") {
  const auto other = sim::TlsAuthority::make_root("Other Root", 0, kDay);
  sim::CertificateSpec spec = test::leaf_spec({"elsewhere.example"});
  spec.not_before = 0;
  spec.not_after = kDay;
  TlsOptions options;
  options.verify_peer = false;
  TlsPair pair(test::make_context(with(other.issue(spec))), test::example_params(options));
  pair.run();
  CHECK(pair.client->established());
  CHECK_FALSE(pair.client->verified());
  const auto certificate = pair.client->peer_certificate();
  REQUIRE(certificate.has_value());
  CHECK(certificate->names == std::vector<std::string>{"elsewhere.example"});
  CHECK(certificate->not_before == 0);
  CHECK(certificate->not_after == kDay);
}

TEST_CASE("the peer's certificate can be told, with nothing unprintable in it") {
  sim::CertificateSpec spec = test::leaf_spec({"example.org", "tab\there.example"}, {kLoopback4});
  spec.common_name = "evil\r\nname \x1b[31m \xc3\xa4";
  TlsPair pair(test::make_context(with(test::authority().issue(spec))), test::example_params());
  pair.run();
  const auto certificate = pair.client->peer_certificate();
  REQUIRE(certificate.has_value());
  CHECK(certificate->issuer == "CN=Test Root");
  CHECK(certificate->subject.starts_with("CN=evil"));
  CHECK(std::ranges::all_of(certificate->subject, [](char c) { return c >= ' ' && c <= '~'; }));
  CHECK(certificate->names == std::vector<std::string>{"example.org", "tab\\x09here.example", "127.0.0.1"});
  CHECK(certificate->not_after == spec.not_after);
}
