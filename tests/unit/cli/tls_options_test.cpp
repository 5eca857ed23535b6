// What the options of TLS say, of origins and of https proxies. What they do: tests/integration/cli_tls_test.cpp.
#include "adapters/cli/tls_options.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::cli;

namespace {

struct Given {
  OptionId id;
  std::string value;
  bool on = true;
};

Settings settings_of(const std::vector<Given>& options) {
  Settings settings;
  for (const Given& one : options) REQUIRE(set_tls_option(one.id, one.value, one.on, settings).has_value());
  return settings;
}

UsageError refusal_of(OptionId id, const std::string& value) {
  Settings settings;
  const auto set = set_tls_option(id, value, true, settings);
  REQUIRE_FALSE(set.has_value());
  return set.error();
}

}  // namespace

TEST_CASE("each option of TLS sets one thing, of the origin or of the proxy, and never of the other") {
  using enum OptionId;
  struct Row {
    OptionId origin, proxy;
    std::string TlsSettings::* member;
  };
  const Row rows[] = {
      {cacert, proxy_cacert, &TlsSettings::cacert},
      {capath, proxy_capath, &TlsSettings::capath},
      {key, proxy_key, &TlsSettings::key},
      {pass, proxy_pass, &TlsSettings::password},
      {pinnedpubkey, proxy_pinnedpubkey, &TlsSettings::pinned},
      {crlfile, proxy_crlfile, &TlsSettings::crlfile},
      {ciphers, proxy_ciphers, &TlsSettings::ciphers},
      {tls13_ciphers, proxy_tls13_ciphers, &TlsSettings::tls13_ciphers},
  };
  for (const Row& row : rows) {
    CAPTURE(static_cast<int>(row.origin));
    const Settings one = settings_of({{row.origin, "a"}}), two = settings_of({{row.proxy, "b"}});
    CHECK(one.tls.*row.member == "a");
    CHECK((one.proxies.tls.*row.member).empty());
    CHECK((two.tls.*row.member).empty());
    CHECK(two.proxies.tls.*row.member == "b");
  }
  CHECK(settings_of({{curves, "a"}}).tls.curves == "a");
  CHECK(settings_of({{sigalgs, "a"}}).tls.sigalgs == "a");
}

TEST_CASE("flags of TLS can be switched off again") {
  using enum OptionId;
  CHECK(settings_of({{insecure, "", true}}).tls.insecure);
  CHECK_FALSE(settings_of({{insecure, "", true}, {insecure, "", false}}).tls.insecure);
  CHECK_FALSE(settings_of({{insecure, "", true}}).proxies.tls.insecure);
  CHECK(settings_of({{proxy_insecure, "", true}}).proxies.tls.insecure);
  CHECK(settings_of({{ca_native, "", true}}).tls.ca_native);
  CHECK(settings_of({{proxy_ca_native, "", true}}).proxies.tls.ca_native);
  CHECK(settings_of({{cert_status, "", true}}).tls.cert_status);
  CHECK(settings_of({{tls_earlydata, "", true}}).tls.early_data);
  CHECK_FALSE(settings_of({{tls_earlydata, "", true}}).proxies.tls.early_data);
  CHECK_FALSE(settings_of({{tls_earlydata, "", true}, {tls_earlydata, "", false}}).tls.early_data);
  CHECK_FALSE(settings_of({{sessionid, "", true}}).tls.resumption);
  CHECK(settings_of({{sessionid, "", true}, {sessionid, "", false}}).tls.resumption);
}

TEST_CASE("the password of a key is that of --pass, or of --cert if it has one; the later counts") {
  using enum OptionId;
  CHECK(settings_of({{cert, "file:one"}, {pass, "two"}}).tls.password == "two");
  CHECK(settings_of({{pass, "two"}, {cert, "file:one"}}).tls.password == "one");
  CHECK(settings_of({{pass, "two"}, {cert, "file"}}).tls.password == "two");
  CHECK(settings_of({{proxy_pass, "two"}, {proxy_cert, "file:one"}}).proxies.tls.cert == "file");
}

TEST_CASE("types of files, in any case; others are refused with curl's exit code") {
  using enum OptionId;
  CHECK(settings_of({{cert_type, "P12"}}).tls.cert_form == FileForm::pkcs12);
  CHECK(settings_of({{cert_type, "der"}}).tls.cert_form == FileForm::der);
  CHECK(settings_of({{cert_type, "DER"}, {cert_type, "pem"}}).tls.cert_form == FileForm::pem);
  CHECK(settings_of({{key_type, "Der"}}).tls.key_form == FileForm::der);
  CHECK(settings_of({{proxy_cert_type, "P12"}}).proxies.tls.cert_form == FileForm::pkcs12);
  CHECK(settings_of({{proxy_key_type, "DER"}}).proxies.tls.key_form == FileForm::der);
  CHECK(refusal_of(cert_type, "ENG").exit_code == 58);
  CHECK(refusal_of(proxy_key_type, "x\n").message == "--proxy-key-type: expected PEM, DER or P12, not 'x?'");
  CHECK(refusal_of(tls_max, "1.1").exit_code == 2);
  CHECK(refusal_of(tls_max, "1.1").message == "--tls-max: expected 1.2, 1.3 or default, not '1.1'");
}

TEST_CASE("--ech: a mode, a list in base64, or none") {
  using enum OptionId;
  CHECK(settings_of({{ech, "ecl:AAEC"}}).tls.ech_list == std::string("\0\1\2", 3));
  CHECK(settings_of({{ech, "ecl:AAEC"}}).proxies.tls.ech_list.empty());
  CHECK(settings_of({{ech, "ecl:AAEC"}, {ech, "false"}}).tls.ech_list.empty());
  CHECK(settings_of({{ech, "true"}}).tls.ech == EncryptedHello::if_known);
  CHECK(settings_of({{ech, "true"}}).proxies.tls.ech == EncryptedHello::none);
  CHECK(settings_of({{ech, "hard"}, {ech, "ecl:AAEC"}}).tls.ech == EncryptedHello::required);
  CHECK(settings_of({{ech, "grease"}}).tls.ech == EncryptedHello::grease);
  CHECK(settings_of({{ech, "hard"}, {ech, "false"}}).tls.ech == EncryptedHello::none);
  for (const char* value : {"True", "pn:a.b", "", "ECL:AAEC"}) {
    CHECK(refusal_of(ech, value).message ==
          "--ech: expected true, hard, grease, false or ecl:BASE64, not '" + std::string(value) + "'");
  }
  CHECK(refusal_of(ech, "ecl:*").message == "--ech: what follows ecl: is not base64");
  CHECK(refusal_of(ech, "ecl:").message == "--ech: what follows ecl: is not base64");
}
