// Which chains are accepted: weak keys and signatures, name constraints, several certificates of one name, distrust.
#include "core/tls/verify.hpp"

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pool.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/tls/config.hpp"
#include "core/tls/pem.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using sim::CertificateSpec;
using sim::Hash;
using sim::KeyKind;
using sim::TlsAuthority;
using test::kDay;
using test::kNoon;

namespace {

const std::string kAddress4("\x7f\0\0\1", 4);
const std::string kAddress6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);

CertificateSpec ca(std::string name, KeyKind key = KeyKind::ec_p256) {
  return {std::move(name), {}, {}, kNoon - 100 * kDay, kNoon + 100 * kDay, true, false, key};
}

CertificateSpec constrained(std::string constraints) {
  CertificateSpec spec = ca("Constrained");
  spec.name_constraints = std::move(constraints);
  return spec;
}

CertificateSpec leaf(std::vector<std::string> dns = {"example.org"}, std::vector<std::string> ip = {}) {
  return test::leaf_spec(std::move(dns), std::move(ip));
}

CertificateSpec made_of(CertificateSpec spec, KeyKind key, Hash hash = Hash::sha256) {
  spec.key = key;
  spec.hash = hash;
  return spec;
}

CertificateSpec made_of(CertificateSpec spec, Hash hash) { return made_of(std::move(spec), spec.key, hash); }

tls::ReferenceId example() { return {"example.org", HostKind::name, {}}; }
tls::ReferenceId loopback() { return {"127.0.0.1", HostKind::ipv4, kAddress4}; }

// `shown`: PEM, the server's certificate first.
tls::Verdict judge(const std::string& shown, const std::string& anchors, const tls::ReferenceId& peer = example(),
                   UnixSeconds wall = kNoon) {
  TlsOptions options;
  options.trust_anchors_pem = anchors;
  const auto config = tls::Config::create(options);
  REQUIRE(config.has_value());
  const auto certificates = tls::read_certificates(shown, "shown");
  REQUIRE(certificates.has_value());
  const bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> chain(sk_CRYPTO_BUFFER_new_null());
  for (const auto& one : *certificates) {
    std::uint8_t* der = nullptr;
    const int size = i2d_X509(one.get(), &der);
    REQUIRE(size > 0);
    const bssl::UniquePtr<std::uint8_t> owner(der);
    REQUIRE(bssl::PushToStack(
        chain.get(), bssl::UniquePtr<CRYPTO_BUFFER>(CRYPTO_BUFFER_new(der, static_cast<std::size_t>(size), nullptr))));
  }
  const tls::Verdict verdict = tls::verify_chain((*config)->anchors(), chain.get(), peer, wall);
  CHECK(verdict.good == verdict.reason.empty());
  CHECK_FALSE(verdict.out_of_memory);
  CHECK((verdict.good || verdict.alert != 0));
  return verdict;
}

// What a sub-authority of a trusted root that is so constrained may vouch for.
tls::Verdict under(const std::string& constraints, const CertificateSpec& spec,
                   const tls::ReferenceId& peer = example()) {
  const auto between = test::authority().make_intermediate(constrained(constraints));
  const tls::Verdict verdict = judge(between.issue(spec).certificate_pem, test::authority().certificate_pem(), peer);
  // The same in the anchor itself, with another authority between.
  const auto root = TlsAuthority::make_root(constrained(constraints));
  const auto below = root.make_intermediate(ca("Below"));
  const tls::Verdict again = judge(below.issue(spec).certificate_pem, root.certificate_pem(), peer);
  CHECK(again.good == verdict.good);
  CHECK(again.code == verdict.code);
  return verdict;
}

// A block that OpenSSL would write for `certificate_pem` with these settings (an X509_CERT_AUX).
std::string trusted_block(const std::string& certificate_pem, std::string_view settings) {
  const auto certificates = tls::read_certificates(certificate_pem, "one");
  REQUIRE(certificates.has_value());
  std::uint8_t* der = nullptr;
  const int size = i2d_X509(certificates->front().get(), &der);
  REQUIRE(size > 0);
  const bssl::UniquePtr<std::uint8_t> owner(der);
  std::string bytes(der, der + size);
  bytes += settings;
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio(out.get(), "TRUSTED CERTIFICATE", "", as_bytes(bytes).data(), static_cast<long>(bytes.size())));
  const std::uint8_t* text = nullptr;
  std::size_t length = 0;
  REQUIRE(BIO_mem_contents(out.get(), &text, &length));
  return std::string(as_text({text, length}));
}

#define SERVER_AUTH "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
#define EMAIL "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x04"
#define ANY_PURPOSE "\x06\x04\x55\x1d\x25\x00"

}  // namespace

TEST_CASE("SB-83 a server's certificate with a weak key or signature is refused, and why is said") {
  const std::string anchors = test::authority().certificate_pem();
  const auto rsa = TlsAuthority::make_root(ca("RSA Root", KeyKind::rsa_2048));
  const auto says = [&](const TlsAuthority& issuer, const CertificateSpec& spec, std::string_view why) {
    const tls::Verdict verdict = judge(issuer.issue(spec).certificate_pem, issuer.certificate_pem());
    CAPTURE(verdict.reason);
    CHECK_FALSE(verdict.good);
    CHECK(verdict.code == X509_V_ERR_CERT_UNTRUSTED);
    CHECK(verdict.reason.starts_with("certificate is too weak: "));
    CHECK(verdict.reason.contains(why));
    CHECK(verdict.reason.ends_with(": CN=leaf"));
  };
  says(test::authority(), made_of(leaf(), KeyKind::rsa_1024), "its RSA key of 1024 bits is too weak (2048 are needed)");
  says(test::authority(), made_of(leaf(), KeyKind::ec_p224), "its key is on a curve that is not accepted (secp224r1)");
  says(test::authority(), made_of(leaf(), Hash::sha1), "it is signed by ecdsa-with-SHA1, which is not accepted");
  says(rsa, made_of(leaf(), Hash::sha1), "it is signed by sha1WithRSAEncryption");
  says(rsa, made_of(leaf(), Hash::md5), "it is signed by md5WithRSAEncryption");
  says(rsa, made_of(leaf(), Hash::pss_sha1), "it is signed by RSA-PSS with a hash that is not accepted");
}

TEST_CASE("SB-83 keys that are no longer made: DSA, P-192") {
  // DSA of 1,024 bits.
  CertificateSpec spec = leaf();
  spec.key_pem = R"(-----BEGIN PRIVATE KEY-----
MIIBWgIBADCCATMGByqGSM44BAEwggEmAoGBAPFwQS0LTy6t0GZk1kiGoo1UdmtU
FaGPndHG0Mhkcsk5RY18qRhyKiKyKA2HFh8X55Sx83FsspYwKfPrKLfrhOIGitaw
rLGIothbeNvZ8bcCKFXAlmwmyk5W2grXwnh9Ei+hENoImXblYc2qdETq/2W0sqUA
HoyRWMl5JfZWqU5LAh0Ahwl1eIvntt8gbr50bwfWPCTUwMZNGqucaotXuQKBgFAs
spzfC7bGkurVecWVOB9/BWRN+j4xSj8G6YDBrRXwPCTwjVSH9VdQdO/OqYtRszSc
qI2+OrXt34s8sWs2OnO7h9oj2HXwnKf/RumcL+9OrSXZUERnF0Yo5ejJEWgaEQX7
b8Pv+OhKUYSYtc8INr4RB0ZEYfyxApbHtVQTAv0vBB4CHETWrdf+2cAa7/Orb3Gv
gSXdf+nv7KqME8OQ/7Y=
-----END PRIVATE KEY-----
)";
  const tls::Verdict verdict =
      judge(test::authority().issue(spec).certificate_pem, test::authority().certificate_pem());
  CHECK_FALSE(verdict.good);
  CHECK(verdict.reason == "certificate is too weak: its key is a DSA key, which is not accepted: CN=leaf");
  // P-192, which BoringSSL does not know: the root and the certificate that it issued are OpenSSL's.
  const tls::Verdict curve = judge(R"(-----BEGIN CERTIFICATE-----
MIIBfTCCASSgAwIBAgIBAjAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhPbGQgUm9v
dDAeFw0yMDAxMDEwMDAwMDBaFw00OTEyMzEyMzU5NTlaMA8xDTALBgNVBAMMBGxl
YWYwSTATBgcqhkjOPQIBBggqhkjOPQMBAQMyAAS+/7UycPASNyOmEhga6unFBFpa
aWQ17J7pygmaN/xYSy4gWUvP8f6Uw4Mt/zN+gnujfTB7MAwGA1UdEwEB/wQCMAAw
EwYDVR0lBAwwCgYIKwYBBQUHAwEwFgYDVR0RBA8wDYILZXhhbXBsZS5vcmcwHQYD
VR0OBBYEFPpnFO7NfVKtYevZ+3Ow4TwBDJcsMB8GA1UdIwQYMBaAFFgXO7q6+Y0f
UEc+JuibMjGaEZA9MAoGCCqGSM49BAMCA0cAMEQCIB7yVqhzwHT0So4m8nJM0waA
bu3Rt6aSFUZdo+YFi7drAiBEVm+fCJEQWutK7+Pl7cCB3uqfCtcm4L7hR5sfFc/Y
Ig==
-----END CERTIFICATE-----
)",
                                   R"(-----BEGIN CERTIFICATE-----
MIIBVTCB/aADAgECAgEBMAoGCCqGSM49BAMCMBMxETAPBgNVBAMMCE9sZCBSb290
MB4XDTIwMDEwMTAwMDAwMFoXDTQ5MTIzMTIzNTk1OVowEzERMA8GA1UEAwwIT2xk
IFJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT6F6/E2tofUrxS/CaxleBf
GmbzyX3BWbXfU6BJzCazrMLNJyjEhvCNamoPDiFZKpXOCGCd2BY0ueKcEM7aW0oM
o0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwICBDAdBgNVHQ4EFgQU
WBc7urr5jR9QRz4m6JsyMZoRkD0wCgYIKoZIzj0EAwIDRwAwRAIgdbwXZ7xQcKIi
eTBzV52dAwl7N+QBEaUHTqFLEQB3QWUCIBDAcc16gk3s7Rlt7v1J/IMBL+SgDiYR
dV4G3vblrull
-----END CERTIFICATE-----
)");
  CHECK_FALSE(curve.good);
  CHECK(curve.reason == "certificate is too weak: its key is of a kind that is not supported: CN=leaf");
}

TEST_CASE("SB-83 weak keys and signatures above the server's certificate, the anchor's key too") {
  const auto good_root = TlsAuthority::make_root(ca("Root", KeyKind::rsa_2048));
  const auto refused = [&](const TlsAuthority& issuer, const std::string& anchors, std::string_view guilty) {
    const tls::Verdict verdict = judge(issuer.issue(leaf()).certificate_pem, anchors);
    CAPTURE(verdict.reason);
    CHECK_FALSE(verdict.good);
    CHECK(verdict.reason.starts_with("certificate is too weak: "));
    CHECK(verdict.reason.ends_with(guilty));
  };
  for (const Hash hash : {Hash::sha1, Hash::md5, Hash::pss_sha1}) {
    refused(good_root.make_intermediate(made_of(ca("Between"), hash)), good_root.certificate_pem(), "CN=Between");
  }
  for (const KeyKind key : {KeyKind::rsa_1024, KeyKind::ec_p224}) {
    refused(good_root.make_intermediate(ca("Between", key)), good_root.certificate_pem(), "CN=Between");
    const auto weak_root = TlsAuthority::make_root(ca("Weak", key));
    refused(weak_root, weak_root.certificate_pem(), "CN=Weak");
    refused(weak_root.make_intermediate(ca("Between")), weak_root.certificate_pem(), "CN=Weak");
    // An intermediate that is trusted itself is an anchor.
    const auto between = good_root.make_intermediate(ca("Between", key));
    refused(between, between.certificate_pem(), "CN=Between");
  }
  // The server's own certificate as the anchor.
  const auto one = TlsAuthority::make_root(made_of(leaf(), KeyKind::rsa_1024));
  CHECK_FALSE(judge(one.certificate_pem(), one.certificate_pem()).good);
}

TEST_CASE("strong keys and signatures of each kind are taken, and a root may have signed itself as it likes") {
  for (const KeyKind key :
       {KeyKind::ec_p256, KeyKind::rsa_2048, KeyKind::ec_p384, KeyKind::ec_p521, KeyKind::ed25519}) {
    const auto root = TlsAuthority::make_root(ca("Root", key));
    const auto between = root.make_intermediate(ca("Between", key));
    const tls::Verdict verdict = judge(between.issue(made_of(leaf(), key)).certificate_pem, root.certificate_pem());
    CAPTURE(verdict.reason);
    CHECK(verdict.good);
  }
  const auto rsa = TlsAuthority::make_root(made_of(ca("Root", KeyKind::rsa_2048), Hash::sha1));
  for (const Hash hash : {Hash::sha256, Hash::sha384, Hash::sha512, Hash::pss_sha256}) {
    CHECK(judge(rsa.issue(made_of(leaf(), hash)).certificate_pem, rsa.certificate_pem()).good);
  }
}

TEST_CASE("SB-84 a wildcard that stands for an excluded name is refused") {
  const auto refused = [](const char* constraints, const char* name) {
    CAPTURE(constraints);
    CAPTURE(name);
    const tls::Verdict verdict = under(constraints, leaf({"example.org", name}));
    CHECK(verdict.code == X509_V_ERR_EXCLUDED_VIOLATION);
    CHECK(verdict.reason == "excluded subtree violation: CN=leaf");
  };
  refused("critical,excluded;DNS:secret.example.com", "*.example.com");
  refused("excluded;DNS:SECRET.example.COM", "*.Example.com");
  refused("critical,excluded;DNS:other.test,excluded;DNS:a.b.example.com", "*.b.example.com");
  refused("critical,excluded;DNS:example.com", "*.example.com");
  refused("critical,excluded;DNS:com", "*.example.com");
  refused("critical,excluded;DNS:.example.com", "*.example.com");
  refused("critical,excluded;DNS:secret.example.com", "secret.example.com");
  // Also after an address, where BoringSSL's own look ends.
  const tls::Verdict after = under("critical,permitted;IP:127.0.0.0/255.0.0.0,excluded;DNS:secret.example.com",
                                   leaf({"*.example.com", "example.org"}, {kAddress4}));
  CHECK(after.code == X509_V_ERR_EXCLUDED_VIOLATION);
}

TEST_CASE("SB-84 names beside the excluded ones are good") {
  const auto good = [](const char* constraints, const char* name) {
    CAPTURE(constraints);
    CAPTURE(name);
    CHECK(under(constraints, leaf({"example.org", name})).good);
  };
  good("critical,excluded;DNS:a.b.example.com", "*.example.com");  // a wildcard is one label
  good("critical,excluded;DNS:secret.example.com", "*.other.example.com");
  good("critical,excluded;DNS:secret.example.com", "*.mexample.com");
  good("critical,excluded;DNS:com", "*.example.net");
  good("critical,permitted;DNS:example.com,permitted;DNS:example.org", "*.example.com");
  CHECK(under("critical,permitted;DNS:example.com", leaf()).code == X509_V_ERR_PERMITTED_VIOLATION);
}

TEST_CASE("SB-84 constraints on addresses are obeyed") {
  const auto code = [](const char* constraints, std::vector<std::string> addresses) {
    CAPTURE(constraints);
    return under(constraints, leaf({"example.org"}, std::move(addresses))).code;
  };
  const std::string ten("\x0a\x00\x00\x01", 4);
  CHECK(code("critical,permitted;IP:127.0.0.0/255.0.0.0", {kAddress4}) == X509_V_OK);
  CHECK(code("permitted;IP:127.0.0.0/255.0.0.0", {kAddress4}) == X509_V_OK);
  CHECK(code("critical,permitted;IP:10.0.0.0/255.0.0.0", {kAddress4}) == X509_V_ERR_PERMITTED_VIOLATION);
  CHECK(code("critical,permitted;IP:10.0.0.0/255.0.0.0,permitted;IP:127.0.0.1/255.255.255.255", {kAddress4, ten}) ==
        X509_V_OK);
  CHECK(code("critical,permitted;IP:127.0.0.0/255.0.0.0", {kAddress4, ten}) == X509_V_ERR_PERMITTED_VIOLATION);
  CHECK(code("critical,permitted;IP:127.0.0.0/255.255.255.254", {kAddress4}) == X509_V_OK);
  CHECK(code("critical,permitted;IP:127.0.0.2/255.255.255.254", {kAddress4}) == X509_V_ERR_PERMITTED_VIOLATION);
  CHECK(code("critical,excluded;IP:127.0.0.0/255.0.0.0", {kAddress4}) == X509_V_ERR_EXCLUDED_VIOLATION);
  CHECK(code("critical,excluded;IP:10.0.0.0/255.0.0.0", {kAddress4}) == X509_V_OK);
  CHECK(code("critical,excluded;IP:0.0.0.0/0.0.0.0", {kAddress4}) == X509_V_ERR_EXCLUDED_VIOLATION);
  CHECK(code("critical,excluded;IP:0.0.0.0/0.0.0.0", {kAddress6}) == X509_V_OK);
  CHECK(code("critical,permitted;IP:0.0.0.0/0.0.0.0", {kAddress6}) == X509_V_ERR_PERMITTED_VIOLATION);
  CHECK(code("critical,permitted;IP:127.0.0.0/255.0.0.0,excluded;IP:127.0.0.1/255.255.255.255", {kAddress4}) ==
        X509_V_ERR_EXCLUDED_VIOLATION);
  CHECK(code("critical,permitted;IP:0:0:0:0:0:0:0:0/FFFF:FFFF:FFFF:FFFF:0:0:0:0", {kAddress6}) == X509_V_OK);
  CHECK(code("critical,excluded;IP:0:0:0:0:0:0:0:0/FFFF:FFFF:FFFF:FFFF:0:0:0:0", {kAddress6}) ==
        X509_V_ERR_EXCLUDED_VIOLATION);
  CHECK(code("critical,excluded;IP:1:0:0:0:0:0:0:0/FFFF:FFFF:FFFF:FFFF:0:0:0:0", {kAddress6}) == X509_V_OK);
  CHECK(code("critical,permitted;IP:127.0.0.0/255.0.255.0", {kAddress4}) == X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX);
  CHECK(code("critical,permitted;IP:127.0.0.0/255.0.0.0", {"\x7f\x01"}) == X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
  CHECK(code("critical,permitted;IP:10.0.0.0/255.0.0.0", {}) == X509_V_OK);  // no address is named
  CHECK(under("critical,permitted;IP:127.0.0.0/255.0.0.0", leaf({}, {kAddress4}), loopback()).good);
  CHECK_FALSE(under("critical,permitted;IP:10.0.0.0/255.0.0.0", leaf({}, {kAddress4}), loopback()).good);
}

TEST_CASE(
    "SB-84 an address in a certificate hides no other name from the constraints, and no other constraint is left out") {
  // The address comes first: BoringSSL ends there.
  const auto both = "critical,permitted;IP:127.0.0.0/255.0.0.0,permitted;DNS:example.com";
  CHECK(under(both, leaf({"example.org"}, {kAddress4})).code == X509_V_ERR_PERMITTED_VIOLATION);
  CHECK(under("critical,permitted;IP:127.0.0.0/255.0.0.0,excluded;DNS:example.org", leaf({"example.org"}, {kAddress4}))
            .code == X509_V_ERR_EXCLUDED_VIOLATION);
  CHECK(under("critical,permitted;IP:127.0.0.0/255.0.0.0,permitted;DNS:example.org", leaf({"example.org"}, {kAddress4}))
            .good);
  // Two authorities, each with a constraint of its own.
  const auto upper = test::authority().make_intermediate(constrained("critical,permitted;IP:127.0.0.0/255.0.0.0"));
  CertificateSpec spec = constrained("critical,excluded;IP:127.0.0.1/255.255.255.255");
  spec.common_name = "Lower";
  const auto lower = upper.make_intermediate(spec);
  CHECK(judge(lower.issue(leaf({"example.org"}, {kAddress4})).certificate_pem, test::authority().certificate_pem())
            .code == X509_V_ERR_EXCLUDED_VIOLATION);
  const auto wider = upper.make_intermediate(ca("Wider"));
  CHECK(judge(wider.issue(leaf({"example.org"}, {std::string("\x0a\0\0\1", 4)})).certificate_pem,
              test::authority().certificate_pem())
            .code == X509_V_ERR_PERMITTED_VIOLATION);
}

TEST_CASE("an expired root or intermediate beside its renewal: the valid one counts, in either order") {
  CertificateSpec old_spec = ca("Company Root"), new_spec = ca("Company Root");
  old_spec.not_after = kNoon - 10 * kDay;
  const auto new_root = TlsAuthority::make_root(new_spec);
  old_spec.key_pem = new_root.key_pem();
  const auto old_root = TlsAuthority::make_root(old_spec);
  const std::string leaf_pem = new_root.issue(leaf()).certificate_pem;
  CHECK(judge(leaf_pem, old_root.certificate_pem() + new_root.certificate_pem()).good);
  CHECK(judge(leaf_pem, new_root.certificate_pem() + old_root.certificate_pem()).good);
  const tls::Verdict expired = judge(leaf_pem, old_root.certificate_pem());
  CHECK(expired.code == X509_V_ERR_CERT_HAS_EXPIRED);
  CHECK(expired.reason.ends_with(": CN=Company Root"));

  // Among what the server shows.
  CertificateSpec between = ca("Between");
  const auto new_between = test::authority().make_intermediate(between);
  between.not_after = kNoon - kDay;
  between.key_pem = new_between.key_pem();
  const auto old_between = test::authority().make_intermediate(between);
  const std::string alone = new_between.issue(leaf()).certificate_pem;
  const std::string just_leaf = alone.substr(0, alone.size() - new_between.certificate_pem().size());
  const std::string anchors = test::authority().certificate_pem();
  CHECK(judge(just_leaf + old_between.certificate_pem() + new_between.certificate_pem(), anchors).good);
  CHECK(judge(just_leaf + new_between.certificate_pem() + old_between.certificate_pem(), anchors).good);
  CHECK(judge(just_leaf + old_between.certificate_pem(), anchors).code == X509_V_ERR_CERT_HAS_EXPIRED);
  // One is an anchor, the other comes from the server.
  CHECK(judge(just_leaf + new_between.certificate_pem(), anchors + old_between.certificate_pem()).good);
  CHECK(judge(just_leaf + old_between.certificate_pem(), anchors + new_between.certificate_pem()).good);
}

TEST_CASE("of several certificates of one name the search goes on until one makes a good chain") {
  const std::string anchors = test::authority().certificate_pem();
  CertificateSpec between = ca("Between", KeyKind::ec_p256);
  const auto good = test::authority().make_intermediate(between);
  const std::string whole = good.issue(leaf()).certificate_pem;
  const std::string just_leaf = whole.substr(0, whole.size() - good.certificate_pem().size());
  between.key_pem = good.key_pem();

  // Signed with SHA-1 once, and anew since.
  between.hash = Hash::sha1;
  const std::string weak = test::authority().make_intermediate(between).certificate_pem();
  between.hash = Hash::sha256;
  CHECK(judge(just_leaf + weak + good.certificate_pem(), anchors).good);
  CHECK_FALSE(judge(just_leaf + weak, anchors).good);
  // By a root that is not trusted, which is shown too.
  const auto stranger = TlsAuthority::make_root(ca("Stranger"));
  const std::string crossed = stranger.make_intermediate(between).certificate_pem();
  CHECK(judge(just_leaf + crossed + stranger.certificate_pem() + good.certificate_pem(), anchors).good);
  CHECK(judge(just_leaf + crossed + stranger.certificate_pem(), anchors).code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
  // Of the same name, but another key.
  const std::string namesake = test::authority().make_intermediate(ca("Between")).certificate_pem();
  CHECK(judge(just_leaf + namesake + good.certificate_pem(), anchors).good);
  CHECK(judge(just_leaf + namesake, anchors).code == X509_V_ERR_CERT_SIGNATURE_FAILURE);
  // With a constraint that the other one is without.
  between.name_constraints = "critical,permitted;DNS:example.net";
  const std::string narrow = test::authority().make_intermediate(between).certificate_pem();
  CHECK(judge(just_leaf + narrow + good.certificate_pem(), anchors).good);
  CHECK(judge(just_leaf + narrow, anchors).code == X509_V_ERR_PERMITTED_VIOLATION);
  // Two roots of one name and different keys.
  const auto one = TlsAuthority::make_root(ca("Twins")), two = TlsAuthority::make_root(ca("Twins"));
  for (const auto* root : {&one, &two})
    CHECK(judge(root->issue(leaf()).certificate_pem, one.certificate_pem() + two.certificate_pem()).good);
}

TEST_CASE("a search has an end") {
  std::string shown = test::authority().make_intermediate(ca("Between")).issue(leaf()).certificate_pem;
  shown = shown.substr(0, shown.find("-----END CERTIFICATE-----") + 26);
  for (int i = 0; i < 30; ++i) shown += test::authority().make_intermediate(ca("Between")).certificate_pem();
  CHECK(judge(shown, test::authority().certificate_pem()).code == X509_V_ERR_CERT_SIGNATURE_FAILURE);
}

TEST_CASE("a renewed root that is a server's own certificate is found among its namesakes") {
  CertificateSpec spec = leaf();
  const auto now = TlsAuthority::make_root(spec);
  spec.key_pem = now.key_pem();
  const auto earlier = TlsAuthority::make_root(spec);
  for (const auto* shown : {&now, &earlier}) {
    CHECK(judge(shown->certificate_pem(), now.certificate_pem() + earlier.certificate_pem()).good);
    CHECK(judge(shown->certificate_pem(), earlier.certificate_pem() + now.certificate_pem()).good);
  }
  CHECK(judge(now.certificate_pem(), earlier.certificate_pem()).code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
}

TEST_CASE("a chain is good until the first of its certificates ends, the anchor included") {
  CertificateSpec root = ca("Root"), between = ca("Between");
  const auto until = [&](UnixSeconds root_end, UnixSeconds between_end, UnixSeconds leaf_end) {
    root.not_after = root_end;
    between.not_after = between_end;
    CertificateSpec last = leaf();
    last.not_after = leaf_end;
    const auto authority = TlsAuthority::make_root(root);
    return judge(authority.make_intermediate(between).issue(last).certificate_pem, authority.certificate_pem())
        .good_until;
  };
  CHECK(until(kNoon + 30, kNoon + 20, kNoon + 10) == kNoon + 10);
  CHECK(until(kNoon + 30, kNoon + 10, kNoon + 20) == kNoon + 10);
  CHECK(until(kNoon + 10, kNoon + 20, kNoon + 30) == kNoon + 10);
}

TEST_CASE("TRUSTED CERTIFICATE: what its settings say of servers is obeyed") {
  using namespace std::literals;
  const std::string plain = test::authority().certificate_pem();
  const std::string leaf_pem = test::authority().issue(leaf()).certificate_pem;
  const auto code = [&](std::string_view settings) { return judge(leaf_pem, trusted_block(plain, settings)).code; };
  CHECK(code("") == X509_V_OK);
  CHECK(code("\x30\x00"sv) == X509_V_OK);
  CHECK(code("\x30\x0c\x30\x0a" SERVER_AUTH ""sv) == X509_V_OK);
  CHECK(code("\x30\x16\x30\x14" EMAIL SERVER_AUTH ""sv) == X509_V_OK);
  CHECK(code("\x30\x08\x30\x06" ANY_PURPOSE ""sv) == X509_V_OK);
  CHECK(code("\x30\x0c\xa0\x0a" EMAIL ""sv) == X509_V_OK);
  CHECK(code("\x30\x06\x0c\x04name"sv) == X509_V_OK);
  CHECK(code("\x30\x0c\x30\x0a" EMAIL ""sv) == X509_V_ERR_CERT_REJECTED);
  CHECK(code("\x30\x02\x30\x00"sv) == X509_V_ERR_CERT_REJECTED);
  CHECK(code("\x30\x0c\xa0\x0a" SERVER_AUTH ""sv) == X509_V_ERR_CERT_REJECTED);
  CHECK(code("\x30\x08\xa0\x06" ANY_PURPOSE ""sv) == X509_V_ERR_CERT_REJECTED);
  CHECK(code("\x30\x18\x30\x0a" SERVER_AUTH "\xa0\x0a" SERVER_AUTH ""sv) == X509_V_ERR_CERT_REJECTED);
  // Distrust is not undone by a copy without it, nor by a way round it.
  const std::string distrusted = trusted_block(plain, "\x30\x0c\xa0\x0a" SERVER_AUTH ""sv);
  CHECK(judge(leaf_pem, plain + distrusted).code == X509_V_ERR_CERT_REJECTED);
  CHECK(judge(leaf_pem, distrusted + plain).code == X509_V_ERR_CERT_REJECTED);
  const auto between = test::authority().make_intermediate(ca("Between"));
  const std::string no_between = trusted_block(between.certificate_pem(), "\x30\x0c\xa0\x0a" SERVER_AUTH ""sv);
  CHECK(judge(between.issue(leaf()).certificate_pem, plain).good);
  CHECK(judge(between.issue(leaf()).certificate_pem, plain + no_between).code == X509_V_ERR_CERT_REJECTED);
}
