// See tls_options.hpp.
#include "adapters/cli/tls_options.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "adapters/cli/option_values.hpp"
#include "adapters/cli/text.hpp"
#include "core/base/ascii.hpp"
#include "core/base/base64.hpp"

namespace sluice::cli {
namespace {

// Options whose value is kept as it is, for origins and for proxies; `operand`: proxies have no such option.
struct TextRow {
  OptionId origin, proxy;
  std::string TlsSettings::* member;
};
constexpr TextRow kTexts[] = {
    {OptionId::cacert, OptionId::proxy_cacert, &TlsSettings::cacert},
    {OptionId::capath, OptionId::proxy_capath, &TlsSettings::capath},
    {OptionId::key, OptionId::proxy_key, &TlsSettings::key},
    {OptionId::pass, OptionId::proxy_pass, &TlsSettings::password},
    {OptionId::pinnedpubkey, OptionId::proxy_pinnedpubkey, &TlsSettings::pinned},
    {OptionId::ciphers, OptionId::proxy_ciphers, &TlsSettings::ciphers},
    {OptionId::tls13_ciphers, OptionId::proxy_tls13_ciphers, &TlsSettings::tls13_ciphers},
    {OptionId::curves, OptionId::operand, &TlsSettings::curves},
    {OptionId::sigalgs, OptionId::operand, &TlsSettings::sigalgs},
    {OptionId::crlfile, OptionId::proxy_crlfile, &TlsSettings::crlfile},
};

struct FlagRow {
  OptionId origin, proxy;
  bool TlsSettings::* member;
};
constexpr FlagRow kFlags[] = {
    {OptionId::insecure, OptionId::proxy_insecure, &TlsSettings::insecure},
    {OptionId::ca_native, OptionId::proxy_ca_native, &TlsSettings::ca_native},
    {OptionId::cert_status, OptionId::operand, &TlsSettings::cert_status},
    {OptionId::tls_earlydata, OptionId::operand, &TlsSettings::early_data},
};

struct FormRow {
  OptionId origin, proxy;
  FileForm TlsSettings::* member;
};
constexpr FormRow kForms[] = {
    {OptionId::cert_type, OptionId::proxy_cert_type, &TlsSettings::cert_form},
    {OptionId::key_type, OptionId::proxy_key_type, &TlsSettings::key_form},
};

std::unexpected<UsageError> wrong_value(OptionId id, const std::string& why, int exit_code = 2) {
  return std::unexpected(UsageError{exit_code, option_spec(id).dashed() + ": " + why});
}

std::optional<FileForm> form_of(std::string_view text) {
  const std::string name = to_lower(text);
  if (name == "pem") return FileForm::pem;
  if (name == "der") return FileForm::der;
  if (name == "p12") return FileForm::pkcs12;
  return std::nullopt;
}

// As in curl, a certificate without a password leaves that of --pass.
void set_certificate(const std::string& value, TlsSettings& tls) {
  auto [file, password] = split_certificate(value);
  tls.cert = std::move(file);
  if (!password.empty()) tls.password = std::move(password);
}

// Of curl's values, pn: (another public name) is for tests of servers, and not known to curl with BoringSSL either.
std::expected<void, UsageError> set_ech(const std::string& value, TlsSettings& tls) {
  constexpr std::string_view kList = "ecl:";
  constexpr std::pair<std::string_view, EncryptedHello> kModes[] = {{"false", EncryptedHello::none},
                                                                    {"grease", EncryptedHello::grease},
                                                                    {"true", EncryptedHello::if_known},
                                                                    {"hard", EncryptedHello::required}};
  for (const auto& [name, mode] : kModes) {
    if (value != name) continue;
    tls.ech = mode;
    if (mode == EncryptedHello::none) tls.ech_list.clear();
    return {};
  }
  if (!value.starts_with(kList)) {
    return wrong_value(OptionId::ech,
                       "expected true, hard, grease, false or ecl:BASE64, not '" + printable(value) + "'");
  }
  auto list = from_base64(std::string_view(value).substr(kList.size()));
  if (!list || list->empty()) return wrong_value(OptionId::ech, "what follows ecl: is not base64");
  tls.ech_list = *std::move(list);
  return {};
}

template <class Rows>
auto row_of(const Rows& rows, OptionId id) {
  return std::ranges::find_if(rows, [id](const auto& row) { return row.origin == id || row.proxy == id; });
}

}  // namespace

std::expected<void, UsageError> set_tls_option(OptionId id, const std::string& value, bool on, Settings& settings) {
  TlsSettings& origin = settings.tls;
  TlsSettings& proxy = settings.proxies.tls;
  if (const auto row = row_of(kTexts, id); row != std::end(kTexts)) {
    (id == row->proxy ? proxy : origin).*row->member = value;
    return {};
  }
  if (const auto row = row_of(kFlags, id); row != std::end(kFlags)) {
    (id == row->proxy ? proxy : origin).*row->member = on;
    return {};
  }
  if (const auto row = row_of(kForms, id); row != std::end(kForms)) {
    const auto form = form_of(value);
    if (!form) return wrong_value(id, "expected PEM, DER or P12, not '" + printable(value) + "'", 58);
    (id == row->proxy ? proxy : origin).*row->member = *form;
    return {};
  }
  if (id == OptionId::cert || id == OptionId::proxy_cert) {
    set_certificate(value, id == OptionId::cert ? origin : proxy);
  } else if (id == OptionId::ech) {
    return set_ech(value, origin);
  } else if (id == OptionId::sessionid) {
    origin.resumption = proxy.resumption = !on;  // --no-sessionid
  } else if (id == OptionId::tls_max) {
    if (value != "1.2" && value != "1.3" && value != "default") {
      return wrong_value(id, "expected 1.2, 1.3 or default, not '" + printable(value) + "'");
    }
    origin.max = value == "1.2" ? TlsVersion::tls1_2 : TlsVersion::tls1_3;
  } else {  // --tlsv1 to --tlsv1.3
    origin.min = id == OptionId::tlsv1_3 ? TlsVersion::tls1_3 : TlsVersion::tls1_2;
  }
  return {};
}

}  // namespace sluice::cli
