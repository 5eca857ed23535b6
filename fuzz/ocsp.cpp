// Fuzzes the reading of stapled OCSP responses (core/tls/ocsp.cpp). Input: a letter, then
//   r   the bytes of a response
//   m   a made one: a byte with its status (good, revoked, unknown), its name of the responder (1: by key) and its hash
//       (1: SHA-256); two signed bytes, since when and until when it is good, in minutes from now; then edits, of four
//       bytes each: before it is signed (even) or after it, two for where, and what is put there
// Oracles: one without edits is good by the rules alone; after it was signed, no byte of what is signed or of the
// signature can be changed; what is good is so at this time; the reason of a refusal is a short line of visible ASCII.
#include <openssl/bio.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/tls/ocsp.hpp"
#include "fuzz/support/certificates.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

const bool kSights = must_be_seen({"good", "refused", "good with an edit", "of this shape", "malformed"});

bssl::UniquePtr<BIO> text_bio(const std::string& text) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}
bssl::UniquePtr<X509> certificate(const std::string& pem) {
  return bssl::UniquePtr<X509>(PEM_read_bio_X509(text_bio(pem).get(), nullptr, nullptr, nullptr));
}

struct Parties {
  bssl::UniquePtr<X509> issuer = certificate(authority().certificate_pem());
  bssl::UniquePtr<X509> leaf = certificate(issue({"example.org"}).certificate_pem);
  bssl::UniquePtr<EVP_PKEY> key{
      PEM_read_bio_PrivateKey(text_bio(authority().key_pem()).get(), nullptr, nullptr, nullptr)};
};
const Parties& parties() {
  static const Parties one;
  return one;
}

std::string tlv(int tag, const std::string& content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() >= 256) {
    out += '\x82';
    out += static_cast<char>(content.size() >> 8);
  } else if (content.size() >= 128) {
    out += '\x81';
  }
  return out + static_cast<char>(content.size() & 0xff) + content;
}

std::string digest(const EVP_MD* algorithm, const std::string& bytes) {
  std::uint8_t out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  FUZZ_CHECK(EVP_Digest(bytes.data(), bytes.size(), out, &size, algorithm, nullptr));
  return std::string(as_text({out, size}));
}

// What an i2d function writes.
template <class Write, class Object>
std::string der(Write write, const Object* object) {
  std::uint8_t* bytes = nullptr;
  const int size = write(const_cast<Object*>(object), &bytes);
  const bssl::UniquePtr<std::uint8_t> owner(bytes);
  return std::string(as_text({bytes, static_cast<std::size_t>(size)}));
}

std::string time_text(UnixSeconds time) {
  const bssl::UniquePtr<ASN1_GENERALIZEDTIME> made(ASN1_GENERALIZEDTIME_set(nullptr, time));
  return der(i2d_ASN1_GENERALIZEDTIME, made.get());
}

struct Edit {
  bool before = false;
  std::size_t where = 0;
  char what = 0;
};

// True: it changes a byte.
bool apply(const Edit& edit, std::string& bytes, std::size_t& at) {
  at = edit.where % bytes.size();
  return std::exchange(bytes[at], edit.what) != edit.what;
}

void check_reason(const std::string& why) {
  FUZZ_CHECK_SAYING(!why.empty() && why.size() < 300, why);
  FUZZ_CHECK_SAYING(std::ranges::all_of(why, [](char c) { return c >= ' ' && c <= '~'; }), why);
  saw("refused");
  if (why == "is malformed") saw("malformed");
  last_verdict = "refused";
}

bool is_good(const std::string& response) {
  const auto until = tls::check_status(as_bytes(response), *parties().leaf, *parties().issuer, kNoon);
  if (!until) return check_reason(until.error()), false;
  FUZZ_CHECK(*until >= kNoon);
  saw("good");
  last_verdict = "good";
  return true;
}

void check_made(Input& input) {
  const Parties& all = parties();
  const std::uint8_t form = input.byte();
  const int kind = form % 3;
  const bool by_key = (form & 4) != 0, is_sha256 = (form & 8) != 0;
  const UnixSeconds since = kNoon + 60 * static_cast<std::int8_t>(input.byte());
  const UnixSeconds until = kNoon + 60 * static_cast<std::int8_t>(input.byte());
  std::vector<Edit> edits;
  while (!input.spent()) edits.push_back({input.one_in(2), input.below(1 << 16), static_cast<char>(input.byte())});

  const std::string name = der(i2d_X509_NAME, X509_get_subject_name(all.issuer.get()));
  const ASN1_BIT_STRING* bits = X509_get0_pubkey_bitstr(all.issuer.get());
  const std::string key(as_text({ASN1_STRING_get0_data(bits), static_cast<std::size_t>(ASN1_STRING_length(bits))}));
  const EVP_MD* hash = is_sha256 ? EVP_sha256() : EVP_sha1();
  const std::string hash_oid =
      is_sha256 ? std::string("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01", 11) : "\x06\x05\x2b\x0e\x03\x02\x1a";
  const std::string id = tlv(0x30, tlv(0x30, hash_oid) + tlv(0x04, digest(hash, name)) + tlv(0x04, digest(hash, key)) +
                                       der(i2d_ASN1_INTEGER, X509_get0_serialNumber(all.leaf.get())));
  const std::string statuses[] = {std::string("\x80\x00", 2), tlv(0xa1, time_text(since)), std::string("\x82\x00", 2)};
  const std::string one = tlv(0x30, id + statuses[kind] + time_text(since) + tlv(0xa0, time_text(until)));
  const std::string responder = by_key ? tlv(0xa2, tlv(0x04, digest(EVP_sha1(), key))) : tlv(0xa1, name);
  std::string data = tlv(0x30, responder + time_text(kNoon) + tlv(0x30, one));
  bool shaped = true, sound = true;
  std::size_t at = 0;
  for (const Edit& edit : edits) {
    if (edit.before && apply(edit, data, at)) shaped = false;
  }
  bssl::ScopedEVP_MD_CTX context;
  std::string signature(128, '\0');
  std::size_t size = signature.size();
  FUZZ_CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, all.key.get()) &&
             EVP_DigestSign(context.get(), reinterpret_cast<std::uint8_t*>(signature.data()), &size,
                            as_bytes(data).data(), data.size()));
  signature.resize(size);
  const std::string ecdsa("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 10);
  const std::string basic = tlv(0x30, data + tlv(0x30, ecdsa) + tlv(0x03, '\0' + signature));
  const std::string type("\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01", 11);
  std::string response = tlv(0x30, tlv(0x0a, std::string(1, '\0')) + tlv(0xa0, tlv(0x30, type + tlv(0x04, basic))));
  const std::size_t data_at = response.find(data), signature_at = response.rfind(signature);
  for (const Edit& edit : edits) {
    const std::string whole = response;
    if (edit.before || !apply(edit, response, at)) continue;
    shaped = false;
    sound &=
        !(at >= data_at && at - data_at < data.size()) && !(at >= signature_at && at - signature_at < signature.size());
    if (edits.size() > 1) sound = true;  // a later edit may undo an earlier one
  }
  const bool good = is_good(response);
  FUZZ_CHECK(sound || !good);
  if (!shaped) return good ? saw("good with an edit") : void();
  saw("of this shape");
  FUZZ_CHECK(good == (kind == 0 && since <= kNoon + 300 && until >= kNoon - 300));
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(sluice::Bytes(data, size));
  const char kind = static_cast<char>(input.byte());
  if (kind == 'r') is_good(std::string(input.rest()));
  if (kind == 'm') check_made(input);
  return 0;
}
