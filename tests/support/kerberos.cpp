// See kerberos.hpp.
#include "tests/support/kerberos.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <utility>

namespace sluice::test {
namespace {

// $DIR: the folder, $KDC, $PORT: the ports. No name is looked up, and nothing is written outside the folder.
constexpr const char* kKrb5Conf = R"conf([libdefaults]
  default_realm = SLUICE.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  forwardable = true
  default_rcache_name = none:
[realms]
  SLUICE.TEST = {
    kdc = 127.0.0.1:$KDC
  }
[domain_realm]
  localhost = SLUICE.TEST
)conf";

constexpr const char* kKdcConf = R"conf([kdcdefaults]
  kdc_listen = ""
  kdc_tcp_listen = 127.0.0.1:$KDC
[realms]
  SLUICE.TEST = {
    database_name = $DIR/principals
    key_stash_file = $DIR/stash
    acl_file = $DIR/acl
    master_key_type = aes128-cts
    supported_enctypes = aes128-cts-hmac-sha1-96:normal
  }
)conf";

constexpr const char* kRealm = R"sh(set -e
kdb5_util create -s -P master
kadmin.local <<END
addprinc -pw secret ada
addprinc -randkey HTTP/localhost
ktadd -k $DIR/service.keytab HTTP/localhost
END
chmod 644 $DIR/service.keytab
)sh";

constexpr const char* kHttpd = R"conf(
ServerRoot "$DIR"
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_connect_module /usr/lib/apache2/modules/mod_proxy_connect.so
LoadModule auth_gssapi_module /usr/lib/apache2/modules/mod_auth_gssapi.so
User www-data
Group www-data
ServerName localhost
Listen 127.0.0.1:$PORT
Listen 127.0.0.1:$GATE
PidFile "$DIR/apache.pid"
ErrorLog "$DIR/error.log"
LogFormat "%>s %m %U %u %k" short
CustomLog "$DIR/access.log" short
DocumentRoot "$DIR/www"
StartServers 12
<Directory "$DIR/www">
  Options +ExecCGI
  AuthType GSSAPI
  AuthName "the realm"
  GssapiCredStore keytab:$DIR/service.keytab
  GssapiDelegCcacheDir $DIR/delegated
  Require valid-user
</Directory>
# The module takes nothing of its options from the folder above.
<Directory "$DIR/www/bound">
  GssapiCredStore keytab:$DIR/service.keytab
  GssapiConnectionBound On
  GssapiSignalPersistentAuth On
</Directory>
<VirtualHost *:$GATE>
  ProxyRequests On
  AllowCONNECT 0-65535
  <Proxy "*">
    AuthType GSSAPI
    AuthName "the gate"
    GssapiCredStore keytab:$DIR/service.keytab
    Require valid-user
  </Proxy>
</VirtualHost>
<Files "echo">
  SetHandler cgi-script
</Files>
)conf";

constexpr const char* kRealmEcho = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat\n";

}  // namespace

Kerberos::Kerberos() {
  prepare();
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (start_kdc() && run("echo secret | kinit ada") && start_apache()) return;
    kdc_.stop();
    apache_.stop();
  }
  throw std::runtime_error("no Kerberos: " + messages());
}

std::string Kerberos::take_log(std::size_t count) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text = read_file(folder_.path() / "access.log").substr(taken_);
    if (std::ranges::count(text, '\n') >= static_cast<std::ptrdiff_t>(count)) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  taken_ += text.size();
  return text;
}

void Kerberos::prepare() {
  namespace fs = std::filesystem;
  using fs::perms;
  const fs::path here = folder_.path();
  for (const char* const file : {"each/file", "bound/file"}) write_file(here / "www" / file, "let in\n");
  write_file(here / "www/each/echo", kRealmEcho);
  fs::create_directories(here / "delegated");
  for (const char* const seen : {"", "www", "www/each", "www/bound", "www/each/echo"}) {
    fs::permissions(here / seen, perms::all & ~(perms::group_write | perms::others_write));
  }
  fs::permissions(here / "delegated", perms::all);
}

bool Kerberos::start_kdc() {
  const std::filesystem::path here = folder_.path();
  const auto ports = free_ports(3);
  kdc_port_ = ports[0];
  port_ = ports[1];
  gate_port_ = ports[2];
  write_file(here / "krb5.conf", filled(kKrb5Conf));
  write_file(here / "kdc.conf", filled(kKdcConf));
  if (!std::filesystem::exists(here / "service.keytab") && !run(filled(kRealm))) return false;
  kdc_ = Child(with_environment({"/usr/sbin/krb5kdc", "-n"}), here / "kdc.log");
  return kdc_.wait_until_accepting({kdc_port_});
}

bool Kerberos::start_apache() {
  const std::filesystem::path here = folder_.path();
  write_file(here / "apache.conf", filled(kHttpd));
  apache_ = Child(with_environment({"/usr/sbin/apache2", "-DFOREGROUND", "-f", (here / "apache.conf").string()}),
                  here / "start.log");
  return apache_.wait_until_accepting({port_, gate_port_});
}

std::vector<std::string> Kerberos::with_environment(std::vector<std::string> command) const {
  std::vector<std::string> whole = without_ticket();
  whole.insert(whole.begin(), "/usr/bin/env");
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

bool Kerberos::run(const std::string& script) {
  std::string text = "PATH=$PATH:/usr/sbin\nexport PATH\n";
  for (const std::string& variable : with_ticket()) text += "export " + variable + "\n";
  const std::filesystem::path file = folder_.path() / "script";
  write_file(file, text + script + "\n");
  const std::string log = (folder_.path() / "script.log").string();
  return std::system(("sh '" + file.string() + "' >>'" + log + "' 2>&1").c_str()) == 0;
}

std::string Kerberos::filled(std::string text) const {
  const std::pair<std::string, std::string> values[] = {{"$DIR", folder_.path().string()},
                                                        {"$KDC", std::to_string(kdc_port_)},
                                                        {"$PORT", std::to_string(port_)},
                                                        {"$GATE", std::to_string(gate_port_)}};
  for (const auto& [name, value] : values) {
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size()) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

std::vector<std::string> Kerberos::environment(const std::string& tickets) const {
  const std::string here = folder_.path().string();
  return {"KRB5_CONFIG=" + here + "/krb5.conf", "KRB5_KDC_PROFILE=" + here + "/kdc.conf", "KRB5CCNAME=" + tickets};
}

std::string Kerberos::messages() const {
  std::string all;
  for (const char* const name : {"script.log", "kdc.log", "start.log", "error.log"}) {
    all += read_file(folder_.path() / name);
  }
  return all;
}

}  // namespace sluice::test
