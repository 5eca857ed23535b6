// See certificate.hpp.
#include "core/tls/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdint>

#include "core/address.hpp"
#include "core/base/ascii.hpp"
#include "core/tls/errors.hpp"

namespace sluice::tls {
namespace {

constexpr std::size_t kMaxTextBytes = 256;  // longest name shown in a message or log

std::string octets(const ASN1_STRING& string) {
  const unsigned char* data = ASN1_STRING_get0_data(&string);
  const int length = ASN1_STRING_length(&string);
  return length <= 0 ? std::string() : std::string(data, data + length);
}

std::string name_text(X509_NAME* name) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "(unreadable)";
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out.get(), &data, &size);
  return printable(as_text({data, size}), kMaxTextBytes);
}

// RFC 5280 4.2.1.6: an address has 4 or 16 bytes. Anything else is not an address and is shown in hexadecimal.
std::string ip_text(std::string_view bytes) {
  IpAddress address;
  if (bytes.size() == 4 || bytes.size() == address.bytes.size()) {
    address.kind = bytes.size() == 4 ? IpAddress::Kind::ipv4 : IpAddress::Kind::ipv6;
    std::ranges::copy(as_bytes(bytes), address.bytes.begin());
    return address.to_string();
  }
  std::string text = "0x";
  for (const char c : bytes) append_hex(text, c);
  return text;
}

std::string two_digits(unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); }

}  // namespace

std::expected<SubjectAltNames, std::string> subject_alt_names(const X509& certificate) {
  int critical = 0;
  const bssl::UniquePtr<GENERAL_NAMES> found(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, &critical, nullptr)));
  SubjectAltNames names;
  if (!found) {
    if (critical == -1) return names;
    return std::unexpected(critical == -2 ? "has two subjectAltName extensions" : "has an unreadable subjectAltName");
  }
  for (std::size_t i = 0; i < sk_GENERAL_NAME_num(found.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(found.get(), i);
    if (name->type == GEN_DNS) {
      names.dns.push_back(octets(*name->d.dNSName));
      if (names.dns.back().contains('\0')) return std::unexpected("holds a name with a NUL byte");
    } else if (name->type == GEN_IPADD) {
      names.ip.push_back(octets(*name->d.iPAddress));
    }
  }
  return names;
}

std::string subject_text(const X509& certificate) { return name_text(X509_get_subject_name(&certificate)); }

UnixSeconds unix_time(const ASN1_TIME& time) {
  const bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (!epoch || !ASN1_TIME_diff(&days, &seconds, epoch.get(), &time)) return 0;
  return UnixSeconds{days} * 86'400 + seconds;
}

std::string utc_text(UnixSeconds time) {
  using namespace std::chrono;
  const sys_seconds point{seconds(time)};
  const sys_days day = floor<days>(point);
  const year_month_day date(day);
  const hh_mm_ss clock(point - day);
  return std::to_string(int{date.year()}) + '-' + two_digits(unsigned{date.month()}) + '-' +
         two_digits(unsigned{date.day()}) + ' ' + two_digits(static_cast<unsigned>(clock.hours().count())) + ':' +
         two_digits(static_cast<unsigned>(clock.minutes().count())) + ':' +
         two_digits(static_cast<unsigned>(clock.seconds().count())) + " UTC";
}

std::vector<std::string> printable_names(const SubjectAltNames& names) {
  std::vector<std::string> texts;
  texts.reserve(names.dns.size() + names.ip.size());
  for (const std::string& name : names.dns) texts.push_back(printable(name, kMaxTextBytes));
  for (const std::string& ip : names.ip) texts.push_back(ip_text(std::string_view(ip).substr(0, 32)));
  return texts;
}

PeerCertificate summarise(const X509& certificate) {
  PeerCertificate summary;
  summary.subject = subject_text(certificate);
  summary.issuer = name_text(X509_get_issuer_name(&certificate));
  summary.not_before = unix_time(*X509_get0_notBefore(&certificate));
  summary.not_after = unix_time(*X509_get0_notAfter(&certificate));
  if (const auto names = subject_alt_names(certificate)) summary.names = printable_names(*names);
  clear_errors();
  return summary;
}

std::vector<std::string> in_der(const STACK_OF(CRYPTO_BUFFER) * certificates) {
  std::vector<std::string> all;
  for (std::size_t i = 0; certificates != nullptr && i < sk_CRYPTO_BUFFER_num(certificates); ++i) {
    const CRYPTO_BUFFER* one = sk_CRYPTO_BUFFER_value(certificates, i);
    all.emplace_back(as_text({CRYPTO_BUFFER_data(one), CRYPTO_BUFFER_len(one)}));
  }
  return all;
}

}  // namespace sluice::tls
