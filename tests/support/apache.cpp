// See apache.hpp.
#include "tests/support/apache.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace sluice::test {
namespace {

// Debian's httpd begins as root only if it knows whom to become. $DIR: its folder, $PORT: its port.
constexpr const char* kApache = R"conf(
ServerRoot "$DIR"
User www-data
Group www-data
ServerName 127.0.0.1
Listen 127.0.0.1:$PORT
PidFile "$DIR/apache.pid"
ErrorLog "$DIR/error.log"
LogFormat "%>s %m %U %{count}e" short
CustomLog "$DIR/access.log" short
DocumentRoot "$DIR/www"
StartServers 2
MaxKeepAliveRequests 0
DavLockDB "$DIR/lock/db"
AuthDigestShmemSize 65536
SetEnvIf Authorization "nc=([0-9a-f]+)" count=$1
<Location /dav>
  Dav On
</Location>
<Directory "$DIR/www/digest">
  Options +ExecCGI
  AuthType Digest
  AuthName "the realm"
  AuthUserFile "$DIR/users"
  AuthDigestProvider file
  AuthDigestQop auth
  AuthDigestAlgorithm MD5
  AuthDigestNcCheck On
  Require valid-user
</Directory>
# The module takes nothing of its options from the folder above.
<Directory "$DIR/www/digest/brief">
  AuthDigestProvider file
  AuthDigestQop auth
  AuthDigestAlgorithm MD5
  AuthDigestNonceLifetime 2
</Directory>
<FilesMatch "^(slow|echo)$">
  SetHandler cgi-script
</FilesMatch>
)conf";

constexpr const char* kApacheModules[] = {"mpm_prefork", "authn_core", "authn_file", "authz_core", "authz_user",
                                          "auth_digest", "dav",        "dav_fs",     "cgi",        "setenvif"};

constexpr const char* kSlow = "#!/bin/sh\nsleep 3\nprintf 'Status: 302\\nLocation: file\\n\\n'\n";
constexpr const char* kBack = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat\n";

void replace_all(std::string& text, std::string_view what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
}

}  // namespace

Apache::Apache() {
  using std::filesystem::perms;
  namespace fs = std::filesystem;
  const fs::path here = folder_.path(), digest = here / "www/digest";
  fs::create_directories(dav());
  fs::create_directories(here / "lock");
  write_file(digest / "file", "let in\n");
  fs::create_directories(digest / "brief");
  write_file(digest / "brief/file", "let in\n");
  write_file(digest / "brief/slow", kSlow);
  write_file(digest / "echo", kBack);
  // MD5 of "USER:REALM:PASSWORD".
  write_file(here / "users", std::string(kUser) + ":the realm:48503efdb2e0b9a2b2a067e68281cd08\n");
  for (const fs::path& seen : {here, here / "www", digest, digest / "brief", digest / "brief/slow", digest / "echo"}) {
    fs::permissions(seen, perms::all & ~(perms::group_write | perms::others_write));
  }
  for (const fs::path& written : {dav(), here / "lock"}) fs::permissions(written, perms::all);
  for (int attempt = 0; attempt < 3; ++attempt) {
    ports_ = free_ports(1);
    write_file(here / "apache.conf", configuration());
    child_ = Child({"/usr/sbin/apache2", "-DFOREGROUND", "-f", (here / "apache.conf").string()}, here / "start.log");
    if (child_.wait_until_accepting(ports_)) return;
    child_.stop();
  }
  throw std::runtime_error("apache2 does not come up: " + read_file(here / "start.log") +
                           read_file(here / "error.log"));
}

std::string Apache::configuration() const {
  std::string text;
  for (const std::string module : kApacheModules) {
    text += "LoadModule " + module + "_module /usr/lib/apache2/modules/mod_" + module + ".so\n";
  }
  text += kApache;
  replace_all(text, "$DIR", folder_.path().string());
  replace_all(text, "$PORT", std::to_string(ports_[0]));
  return text;
}

std::string Apache::log_of(std::ptrdiff_t lines) const {
  for (int i = 0; i < 500 && std::ranges::count(log(), '\n') < lines; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return log();
}

std::string Apache::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(ports_[0]) + path;
}

}  // namespace sluice::test
