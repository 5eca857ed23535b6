// See core/certificate.hpp. Certificates come from a peer, so every value is printable and has a limit of size.
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/obj.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/base64.hpp"
#include "core/certificate.hpp"
#include "core/tls/errors.hpp"
#include "core/types.hpp"

namespace sluice {
namespace tls {
namespace {

constexpr std::size_t kMaxValueBytes = 64 * 1024;

// What BoringSSL prints, as one line: a line end, with the blanks around it, becomes a comma and a space.
template <class Print>
std::string printed(Print print) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  if (!out || !print(out.get())) return "";
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out.get(), &data, &size);
  std::string line;
  std::string_view rest = as_text({data, size});
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view part = trim_blanks(rest.substr(0, end));
    if (!part.empty()) line.append(line.empty() ? "" : ", ").append(part);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return printable(line, kMaxValueBytes);
}

std::string hex(std::span<const std::uint8_t> bytes, std::string_view after_each = "") {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    append_hex(text, static_cast<char>(byte));
    text += after_each;
    if (text.size() >= kMaxValueBytes) break;
  }
  return text;
}

std::string in_hex(const BIGNUM* value) {
  std::string digits = printed([&](BIO* out) { return BN_print(out, value) == 1; });
  std::ranges::transform(digits, digits.begin(), [](char c) { return is_digit(c) ? c : static_cast<char>(c & ~0x20); });
  return digits;
}

// Its long name, or its numbers if BoringSSL does not know it.
std::string name_text_of(const ASN1_OBJECT* object) {
  std::array<char, 128> text = {};
  const int size = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 0);
  return size > 0 ? printable(text.data(), text.size()) : std::string();
}

std::string name_text_of(X509_NAME* name) {
  constexpr unsigned long kForm = XN_FLAG_ONELINE & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  return printed([&](BIO* out) { return X509_NAME_print_ex(out, name, 0, kForm) >= 0; });
}

std::string date_text(const ASN1_TIME* time) {
  return printed([&](BIO* out) { return ASN1_TIME_print(out, time) == 1; });
}

std::span<const std::uint8_t> octets_of(const ASN1_STRING* string) {
  const int size = string == nullptr ? 0 : ASN1_STRING_length(string);
  return {size > 0 ? ASN1_STRING_get0_data(string) : nullptr, static_cast<std::size_t>(std::max(size, 0))};
}

class Lines {
 public:
  void add(std::string_view name, std::string_view value) { text_.append(name).append(":").append(value).append("\n"); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_extensions(const X509& certificate, Lines& lines) {
  for (int i = 0; i < X509_get_ext_count(&certificate); ++i) {
    X509_EXTENSION* extension = X509_get_ext(&certificate, i);
    std::string value = printed([&](BIO* out) { return X509V3_EXT_print(out, extension, 0, 0) == 1; });
    // One that BoringSSL does not know.
    if (value.empty()) value = hex(octets_of(X509_EXTENSION_get_data(extension)));
    lines.add(name_text_of(X509_EXTENSION_get_object(extension)), value);
  }
}

void add_key(const X509& certificate, Lines& lines) {
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(const_cast<X509*>(&certificate)));  // only its lock changes
  const RSA* rsa = key ? EVP_PKEY_get0_RSA(key.get()) : nullptr;
  if (rsa == nullptr) return;
  const BIGNUM* modulus = nullptr;
  const BIGNUM* exponent = nullptr;
  RSA_get0_key(rsa, &modulus, &exponent, nullptr);
  lines.add("RSA Public Key", std::to_string(BN_num_bits(modulus)));
  lines.add("rsa(n)", in_hex(modulus));
  lines.add("rsa(e)", in_hex(exponent));
}

std::string text_of(const X509& certificate) {
  Lines lines;
  lines.add("Subject", name_text_of(X509_get_subject_name(&certificate)));
  lines.add("Issuer", name_text_of(X509_get_issuer_name(&certificate)));
  lines.add("Version", std::to_string(X509_get_version(&certificate)));
  const std::string_view sign = X509_get0_serialNumber(&certificate)->type == V_ASN1_NEG_INTEGER ? "-" : "";
  lines.add("Serial Number", std::string(sign) + hex(octets_of(X509_get0_serialNumber(&certificate))));
  const ASN1_BIT_STRING* signature = nullptr;
  const X509_ALGOR* algorithm = nullptr;
  X509_get0_signature(&signature, &algorithm, &certificate);
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  lines.add("Signature Algorithm", name_text_of(object));
  ASN1_OBJECT* key_object = nullptr;
  X509_PUBKEY_get0_param(&key_object, nullptr, nullptr, nullptr, X509_get_X509_PUBKEY(&certificate));
  lines.add("Public Key Algorithm", name_text_of(key_object));
  add_extensions(certificate, lines);
  lines.add("Start date", date_text(X509_get0_notBefore(&certificate)));
  lines.add("Expire date", date_text(X509_get0_notAfter(&certificate)));
  add_key(certificate, lines);
  lines.add("Signature", hex(octets_of(signature), ":"));
  return lines.take();
}

}  // namespace
}  // namespace tls

std::string certificate_pem(std::string_view der) {
  constexpr std::size_t kLine = 64;  // RFC 7468 2
  const std::string text = base64(der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t i = 0; i < text.size(); i += kLine) pem.append(text, i, kLine).append("\n");
  return pem + "-----END CERTIFICATE-----\n";
}

std::string certificate_text(std::string_view der) {
  tls::clear_errors();
  const auto* bytes = as_bytes(der).data();
  const bssl::UniquePtr<X509> certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  std::string text = certificate ? tls::text_of(*certificate) : std::string();
  tls::clear_errors();
  return text;
}

}  // namespace sluice
