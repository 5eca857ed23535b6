// Stapled OCSP responses (RFC 6960), made here byte by byte, and how a handshake takes them.
#include "core/tls/ocsp.hpp"

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <optional>
#include <string>

#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kDay;
using test::kNoon;
using test::TlsPair;

namespace {

bssl::UniquePtr<X509> x509_of(const std::string& pem) {
  const bssl::UniquePtr<BIO> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return bssl::UniquePtr<X509>(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
}

bssl::UniquePtr<EVP_PKEY> key_of(const std::string& pem) {
  const bssl::UniquePtr<BIO> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return bssl::UniquePtr<EVP_PKEY>(PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
}

std::string digest(const EVP_MD* algorithm, std::string_view bytes) {
  std::uint8_t out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  REQUIRE(EVP_Digest(bytes.data(), bytes.size(), out, &size, algorithm, nullptr));
  return std::string(as_text({out, size}));
}

std::string name_bytes(const X509& certificate) {
  std::uint8_t* der = nullptr;
  const int size = i2d_X509_NAME(X509_get_subject_name(&certificate), &der);
  const bssl::UniquePtr<std::uint8_t> owner(der);
  return std::string(as_text({der, static_cast<std::size_t>(size)}));
}

std::string key_bytes(const X509& certificate) {
  const ASN1_BIT_STRING* bits = X509_get0_pubkey_bitstr(&certificate);
  return std::string(as_text({ASN1_STRING_get0_data(bits), static_cast<std::size_t>(ASN1_STRING_length(bits))}));
}

// DER, in which every length is below 65,536.
std::string tlv(int tag, const std::string& content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() < 128) {
    out += static_cast<char>(content.size());
  } else if (content.size() < 256) {
    out += '\x81';
    out += static_cast<char>(content.size());
  } else {
    out += '\x82';
    out += static_cast<char>(content.size() >> 8);
    out += static_cast<char>(content.size() & 0xff);
  }
  return out + content;
}

std::string oid(int nid) {
  bssl::ScopedCBB out;
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  REQUIRE((CBB_init(out.get(), 0) && OBJ_nid2cbb(out.get(), nid) && CBB_finish(out.get(), &bytes, &size)));
  const bssl::UniquePtr<std::uint8_t> owner(bytes);
  return std::string(as_text({bytes, size}));
}

std::string time_bytes(UnixSeconds time) {
  using namespace std::chrono;
  const sys_seconds point{seconds(time)};
  const year_month_day date(floor<days>(point));
  const hh_mm_ss clock(point - floor<days>(point));
  char text[32];
  std::snprintf(text, sizeof text, "%04d%02u%02u%02d%02d%02dZ", int{date.year()}, unsigned{date.month()},
                unsigned{date.day()}, static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  return tlv(0x18, text);
}

// What a response is made of; each case changes one thing.
struct Answer {
  std::string status = std::string("\x80\x00", 2);  // good
  UnixSeconds since = kNoon - 3'600;
  std::optional<UnixSeconds> until = kNoon + kDay;
  bool by_key = false;
  const EVP_MD* id_hash = EVP_sha1();
  int id_hash_nid = NID_sha1;
  std::string serial = {};      // "": the right one
  std::string signer_key = {};  // in PEM; "": the authority's
  std::string responder = {};   // its certificate in PEM; "": the authority's
  bool shows_responder = false;
  int signature_nid = NID_ecdsa_with_SHA256;
  const EVP_MD* signature_hash = EVP_sha256();
  bool breaks_signature = false;
  std::string pss_parameters = {};  // "": not RSASSA-PSS
  int outer_status = 0;
};

const sim::TlsServerOptions& stapling_server() {
  static const sim::TlsServerOptions options = test::example_server();
  return options;
}

std::string cert_id(const Answer& answer, const X509& leaf, const X509& issuer) {
  std::string serial = answer.serial;
  if (serial.empty()) {
    std::uint8_t* der = nullptr;
    const int size = i2d_ASN1_INTEGER(X509_get_serialNumber(const_cast<X509*>(&leaf)), &der);
    const bssl::UniquePtr<std::uint8_t> owner(der);
    serial = as_text({der, static_cast<std::size_t>(size)});
  }
  return tlv(0x30, tlv(0x30, oid(answer.id_hash_nid) + std::string("\x05\x00", 2)) +
                       tlv(0x04, digest(answer.id_hash, name_bytes(issuer))) +
                       tlv(0x04, digest(answer.id_hash, key_bytes(issuer))) + serial);
}

std::string response_of(const Answer& answer) {
  const auto leaf = x509_of(stapling_server().certificate_pem);
  const auto issuer = x509_of(test::authority().certificate_pem());
  const auto responder = x509_of(answer.responder.empty() ? test::authority().certificate_pem() : answer.responder);
  const auto key = key_of(answer.signer_key.empty() ? test::authority().key_pem() : answer.signer_key);
  std::string single = cert_id(answer, *leaf, *issuer) + answer.status + time_bytes(answer.since);
  if (answer.until) single += tlv(0xa0, time_bytes(*answer.until));
  const std::string id = answer.by_key ? tlv(0xa2, tlv(0x04, digest(EVP_sha1(), key_bytes(*responder))))
                                       : tlv(0xa1, name_bytes(*responder));
  const std::string data = tlv(0x30, id + time_bytes(answer.since) + tlv(0x30, tlv(0x30, single)));
  bssl::ScopedEVP_MD_CTX context;
  std::string signature(512, '\0');
  std::size_t size = signature.size();
  EVP_PKEY_CTX* padding = nullptr;
  REQUIRE(EVP_DigestSignInit(context.get(), &padding, answer.signature_hash, nullptr, key.get()));
  if (!answer.pss_parameters.empty()) {
    REQUIRE((EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, -1)));
  }
  REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<std::uint8_t*>(signature.data()), &size, as_bytes(data).data(),
                         data.size()));
  signature.resize(size);
  if (answer.breaks_signature) signature.back() = static_cast<char>(signature.back() ^ 1);
  std::string basic = data + tlv(0x30, oid(answer.signature_nid) + answer.pss_parameters) + tlv(0x03, '\0' + signature);
  if (answer.shows_responder) {
    std::uint8_t* der = nullptr;
    const int length = i2d_X509(responder.get(), &der);
    const bssl::UniquePtr<std::uint8_t> owner(der);
    basic += tlv(0xa0, tlv(0x30, std::string(as_text({der, static_cast<std::size_t>(length)}))));
  }
  const std::string kind("\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01", 11);
  return tlv(0x30, tlv(0x0a, std::string(1, static_cast<char>(answer.outer_status))) +
                       tlv(0xa0, tlv(0x30, kind + tlv(0x04, tlv(0x30, basic)))));
}

// "": it is good; else why not.
std::string fault_of(const std::string& response, UnixSeconds wall = kNoon) {
  const auto leaf = x509_of(stapling_server().certificate_pem);
  const auto issuer = x509_of(test::authority().certificate_pem());
  const auto until = tls::check_status(as_bytes(response), *leaf, *issuer, wall);
  return until ? "" : until.error();
}

std::string fault_with(void (*change)(Answer&)) {
  Answer answer;
  change(answer);
  return fault_of(response_of(answer));
}

// A certificate for another key, with the purpose `usage`.
sim::CertificateAndKey delegate(const sim::TlsAuthority& issuer, int usage, UnixSeconds until = kNoon + kDay) {
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.common_name = "responder";
  spec.not_after = until;
  const auto issued = issuer.issue(spec);
  const auto certificate = x509_of(issued.certificate_pem);
  const int at = X509_get_ext_by_NID(certificate.get(), NID_ext_key_usage, -1);
  if (at >= 0) X509_EXTENSION_free(X509_delete_ext(certificate.get(), at));
  const bssl::UniquePtr<EXTENDED_KEY_USAGE> purposes(sk_ASN1_OBJECT_new_null());
  REQUIRE(sk_ASN1_OBJECT_push(purposes.get(), OBJ_nid2obj(usage)));
  REQUIRE(X509_add1_ext_i2d(certificate.get(), NID_ext_key_usage, purposes.get(), 0, X509V3_ADD_DEFAULT));
  REQUIRE(X509_sign(certificate.get(), key_of(issuer.key_pem()).get(), EVP_sha256()));
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509(out.get(), certificate.get()));
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out.get(), &data, &size);
  return {std::string(as_text({data, size})), issued.key_pem};
}

// The same certificate of the authority for an RSA key.
sim::CertificateAndKey with_rsa_key(const sim::CertificateAndKey& of) {
  const bssl::UniquePtr<RSA> rsa(RSA_new());
  const bssl::UniquePtr<BIGNUM> exponent(BN_new());
  const bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  REQUIRE((BN_set_word(exponent.get(), RSA_F4) && RSA_generate_key_ex(rsa.get(), 2048, exponent.get(), nullptr) &&
           EVP_PKEY_set1_RSA(key.get(), rsa.get())));
  const auto certificate = x509_of(of.certificate_pem);
  REQUIRE((X509_set_pubkey(certificate.get(), key.get()) &&
           X509_sign(certificate.get(), key_of(test::authority().key_pem()).get(), EVP_sha256())));
  const bssl::UniquePtr<BIO> shown(BIO_new(BIO_s_mem())), secret(BIO_new(BIO_s_mem()));
  REQUIRE((PEM_write_bio_X509(shown.get(), certificate.get()) &&
           PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr)));
  const auto text = [](const BIO* bio) {
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    BIO_mem_contents(bio, &data, &size);
    return std::string(as_text({data, size}));
  };
  return {text(shown.get()), text(secret.get())};
}

std::string fault_by(const sim::CertificateAndKey& responder, bool shown = true, bool by_key = true) {
  Answer answer;
  answer.responder = responder.certificate_pem;
  answer.signer_key = responder.key_pem;
  answer.shows_responder = shown;
  answer.by_key = by_key;
  return fault_of(response_of(answer));
}

}  // namespace

TEST_CASE("OCSP: a good response of the issuer, named by name or by key, with each hash") {
  CHECK(fault_with([](Answer&) {}) == "");
  CHECK(fault_with([](Answer& a) { a.by_key = true; }) == "");
  CHECK(fault_with([](Answer& a) { a.id_hash = EVP_sha256(), a.id_hash_nid = NID_sha256; }) == "");
  CHECK(fault_with([](Answer& a) { a.until.reset(); }) == "");
  CHECK(fault_with([](Answer& a) { a.shows_responder = true; }) == "");
  CHECK(fault_with([](Answer& a) { a.signature_nid = NID_ecdsa_with_SHA384, a.signature_hash = EVP_sha384(); }) == "");
}

TEST_CASE("OCSP: what a response says of the certificate") {
  CHECK(fault_with([](Answer& a) { a.status = tlv(0xa1, time_bytes(kNoon - kDay)); }) ==
        "says that the certificate is revoked (on 2025-06-14 15:06:40 UTC)");
  CHECK(fault_with([](Answer& a) { a.status = std::string("\x82\x00", 2); }) ==
        "says that the certificate is not known");
  CHECK(fault_with([](Answer& a) { a.serial = tlv(0x02, "\x07"); }) == "is about other certificates");
  CHECK(fault_with([](Answer& a) { a.id_hash = EVP_sha256(); }) == "is about other certificates");
  CHECK(fault_with([](Answer& a) { a.outer_status = 6; }) == "says that there is no answer (6)");
}

TEST_CASE("OCSP: times, with five minutes for clocks that differ") {
  CHECK(fault_with([](Answer& a) { a.since = kNoon + 299; }) == "");
  CHECK(fault_with([](Answer& a) { a.since = kNoon + 301; }) == "is not valid before 2025-06-15 15:11:41 UTC");
  CHECK(fault_with([](Answer& a) { a.until = kNoon - 299; }) == "");
  CHECK(fault_with([](Answer& a) { a.until = kNoon - 301; }) == "has expired (on 2025-06-15 15:01:39 UTC)");
  CHECK(fault_with([](Answer& a) { a.until.reset(), a.since = kNoon - 10 * kDay; }) == "");
  CHECK(fault_with([](Answer& a) { a.until.reset(), a.since = kNoon - 11 * kDay; }).starts_with("has expired"));
}

TEST_CASE("OCSP: who has signed it, and how") {
  CHECK(fault_with([](Answer& a) { a.breaks_signature = true; }) == "has a signature that is wrong");
  CHECK(fault_with([](Answer& a) { a.signature_nid = NID_ecdsa_with_SHA1, a.signature_hash = EVP_sha1(); }) ==
        "is signed by an algorithm that is not accepted");
  const auto other = sim::TlsAuthority::make_root("Other Root", kNoon - kDay, kNoon + kDay);
  const std::string nobody = "is signed by none who may do so for the certificate's issuer";
  for (const bool shown : {true, false}) {
    CHECK(fault_by({other.certificate_pem(), other.key_pem()}, shown) == nobody);
  }
  const auto authorised = delegate(test::authority(), NID_OCSP_sign);
  CHECK(fault_by(authorised) == "");
  CHECK(fault_by(authorised, true, false) == "");
  CHECK(fault_by(authorised, false) == nobody);
  CHECK(fault_by({authorised.certificate_pem, other.key_pem()}) == "has a signature that is wrong");
  CHECK(fault_by(delegate(test::authority(), NID_server_auth)) == nobody);
  CHECK(fault_by(delegate(test::authority(), NID_OCSP_sign, kNoon - 1)) == nobody);
  CHECK(fault_by(delegate(other, NID_OCSP_sign)) == nobody);
  // One with the issuer's name and another key.
  const auto impostor = sim::TlsAuthority::make_root("Test Root", kNoon - kDay, kNoon + kDay);
  CHECK(fault_by(delegate(impostor, NID_OCSP_sign)) == nobody);
  // The certificate that is asked about cannot answer for itself.
  CHECK(fault_by({stapling_server().certificate_pem, stapling_server().key_pem}) == nobody);
}

TEST_CASE("OCSP: RSASSA-PSS, with parameters that certificates may have") {
  const auto authorised = delegate(test::authority(), NID_OCSP_sign);
  const sim::CertificateAndKey responder = with_rsa_key(authorised);
  const std::string null("\x05\x00", 2), salt = tlv(0xa2, "\x02\x01\x20");
  const std::string sha256 = tlv(0x30, oid(NID_sha256) + null), bare = tlv(0x30, oid(NID_sha256));
  const std::string sha1 = tlv(0x30, oid(NID_sha1) + null), sha384 = tlv(0x30, oid(NID_sha384) + null);
  const auto mask = [](const std::string& hash) { return tlv(0xa1, tlv(0x30, oid(NID_mgf1) + hash)); };
  const auto fault = [&](const std::string& parameters) {
    Answer answer;
    answer.responder = responder.certificate_pem;
    answer.signer_key = responder.key_pem;
    answer.shows_responder = answer.by_key = true;
    answer.signature_nid = NID_rsassaPss;
    answer.pss_parameters = parameters;
    return fault_of(response_of(answer));
  };
  const std::string right = tlv(0xa0, sha256) + mask(sha256) + salt;
  CHECK(fault(tlv(0x30, right)) == "");
  CHECK(fault(tlv(0x30, tlv(0xa0, bare) + mask(bare) + salt)) == "");
  CHECK(fault(tlv(0x30, right + tlv(0xa3, "\x02\x01\x01"))) == "");
  for (const std::string& wrong :
       {null, tlv(0x30, ""), tlv(0x30, tlv(0xa0, sha1) + mask(sha1) + salt),
        tlv(0x30, tlv(0xa0, sha256) + mask(sha1) + salt), tlv(0x30, tlv(0xa0, sha256) + mask(sha256)),
        tlv(0x30, tlv(0xa0, sha256) + mask(sha256) + tlv(0xa2, "\x02\x01\x14")),
        tlv(0x30, tlv(0xa0, sha384) + mask(sha384) + salt), tlv(0x30, right + tlv(0xa3, "\x02\x01\x02")),
        tlv(0x30, right + null), tlv(0x30, right) + null,
        tlv(0x30, tlv(0xa0, tlv(0x30, oid(NID_sha256) + tlv(0x04, ""))) + mask(sha256) + salt)}) {
    CHECK(fault(wrong) == "is signed by an algorithm that is not accepted");
  }
  CHECK(fault(tlv(0x30, tlv(0xa0, sha384) + mask(sha384) + tlv(0xa2, "\x02\x01\x30"))) ==
        "has a signature that is wrong");
}

TEST_CASE("OCSP: cut or changed at any byte, a response is never good for it") {
  const std::string good = response_of({});
  REQUIRE(fault_of(good) == "");
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(fault_of(good.substr(0, size)).empty());
  }
  CHECK(fault_of(good + '\0') == "is malformed");
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x01);
    if (fault_of(changed).empty()) ++accepted;
  }
  // What is not signed, such as the parameters that an algorithm does not have.
  CHECK(accepted <= 1);
}

namespace {

// The outcome of a handshake in which `response` is stapled ("": none is).
std::string stapled(const std::string& response, TlsVersion version, bool verifies, std::optional<Code>& code,
                    bool shows_issuer = false) {
  TlsOptions options = test::trusting_options();
  options.max_version = version;
  options.verify_peer = verifies;
  options.require_status = true;
  sim::TlsServerOptions server = stapling_server();
  if (shows_issuer) server.certificate_pem += test::authority().certificate_pem();
  TlsPair pair(test::make_context(server), test::example_params(options));
  if (!response.empty()) {
    REQUIRE(SSL_set_ocsp_response(pair.server.native(), as_bytes(response).data(), response.size()));
  }
  pair.run();
  if (pair.client->established()) return "";
  code = pair.client->error().code;
  return pair.client->error().message();
}

}  // namespace

TEST_CASE("a status that is required: a good stapled response, or the handshake fails") {
  Answer revoked;
  revoked.status = tlv(0xa1, time_bytes(kNoon - kDay));
  for (const TlsVersion version : {TlsVersion::tls1_2, TlsVersion::tls1_3}) {
    std::optional<Code> code;
    CHECK(stapled(response_of({}), version, true, code) == "");
    const std::string where = "TLS handshake with example.org:443: ";
    CHECK(stapled("", version, true, code) == where + "the server stapled no OCSP response");
    CHECK(code == Code::tls_status);
    CHECK(
        stapled(response_of(revoked), version, true, code).starts_with(where + "the stapled OCSP response says that"));
    CHECK(code == Code::tls_status);
    // Without verification nobody vouches for the issuer, also if the server shows it.
    for (const bool shows_issuer : {false, true}) {
      CHECK(stapled(response_of({}), version, false, code, shows_issuer)
                .ends_with("the certificate's issuer was not verified"));
      CHECK(code == Code::tls_status);
    }
  }
}

TEST_CASE("a session with a stapled response is offered no longer than that response is good") {
  TlsOptions options = test::trusting_options();
  options.require_status = true;
  const auto context = test::make_context(stapling_server());
  Answer answer;
  answer.until = kNoon + 600;
  const auto visit = [&](tls::SessionCache& sessions, UnixSeconds wall, const std::string& response) {
    auto params = test::example_params(options);
    params.sessions = &sessions;
    params.session_key = "k";
    TlsPair pair(context, params, wall);
    REQUIRE(SSL_set_ocsp_response(pair.server.native(), as_bytes(response).data(), response.size()));
    pair.run();
    REQUIRE(pair.client->established());
    REQUIRE(pair.server.write(as_bytes("x")));
    pair.run();
    return pair.client->resumed();
  };
  tls::SessionCache sessions;
  CHECK_FALSE(visit(sessions, kNoon, response_of(answer)));
  CHECK(visit(sessions, kNoon + 600, response_of(answer)));
  Answer later;
  later.until = kNoon + kDay;
  CHECK_FALSE(visit(sessions, kNoon + 1'000, response_of(later)));
}
