// See http2_servers.hpp.
#include "tests/support/http2_servers.hpp"

#include <signal.h>

#include <functional>
#include <stdexcept>

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

// '@' is the folder, $TLS and $PLAIN are the ports.
constexpr const char* kHttp2Apache = R"conf(
ServerRoot "@"
User www-data
Group www-data
ServerName 127.0.0.1
Listen 127.0.0.1:$TLS
Listen 127.0.0.1:$PLAIN
PidFile "@/apache.pid"
ErrorLog "@/error.log"
DocumentRoot "@/www"
Protocols h2 h2c http/1.1
StartServers 1
MaxKeepAliveRequests 0
DavLockDB "@/lock/db"
Redirect 302 /go /1024
<Location /upload>
  Dav On
</Location>
<VirtualHost 127.0.0.1:$TLS>
  SSLEngine on
  SSLCertificateFile "@/server.crt"
  SSLCertificateKeyFile "@/server.key"
</VirtualHost>
)conf";

constexpr const char* kHttp2Modules[] = {"mpm_event", "authz_core", "http2", "ssl", "alias", "dav", "dav_fs"};

// A process that was replaced gives its listening sockets to the next one, and ends after five seconds at the latest.
constexpr const char* kHaproxy = R"conf(
global
  maxconn 2000
  hard-stop-after 5s
  stats socket @/haproxy.sock level admin expose-fd listeners
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
frontend front
  bind 127.0.0.1:$PLAIN proto h2
  bind 127.0.0.1:$TLS ssl crt @/server.pem alpn h2,http/1.1
  http-request redirect location /1024 code 302 if { path /go }
  default_backend origin
backend origin
  server nginx $ORIGIN
)conf";

std::string replaced(std::string text, std::string_view what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

std::string with_ports(std::string text, const std::vector<std::uint16_t>& ports) {
  return replaced(replaced(std::move(text), "$TLS", std::to_string(ports[0])), "$PLAIN", std::to_string(ports[1]));
}

// Two ports on which `start` was successful. Other ports are tried if they are taken.
void start_on_new_ports(std::vector<std::uint16_t>& ports, const fs::path& log, const std::function<bool()>& start) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    ports = free_ports(2);
    if (start()) return;
  }
  throw std::runtime_error("the server does not come up: " + read_file(log));
}

void must_start(bool started, const fs::path& log) {
  if (!started) throw std::runtime_error("the server does not come up again: " + read_file(log));
}

}  // namespace

Nghttpd::Nghttpd() {
  start_on_new_ports(ports_, site_.folder() / "log", [this] { return start(); });
}

bool Nghttpd::start() {
  const fs::path here = site_.folder();
  const std::vector<std::string> both = {"/usr/sbin/nghttpd", "--address=127.0.0.1", "--echo-upload",
                                         "--htdocs=" + site_.www().string()};
  std::vector<std::string> secure = both, open = both;
  secure.insert(secure.end(),
                {std::to_string(ports_[0]), (here / "server.key").string(), (here / "server.crt").string()});
  open.insert(open.end(), {"--no-tls", std::to_string(ports_[1])});
  tls_ = Child(secure, here / "log");
  plain_ = Child(open, here / "log");
  return tls_.wait_until_accepting({ports_[0]}) && plain_.wait_until_accepting({ports_[1]});
}

void Nghttpd::kill_now() {
  tls_.kill_now();
  plain_.kill_now();
}

void Nghttpd::start_again() { must_start(start(), site_.folder() / "log"); }

// Apache serves as another user.
Http2Apache::Http2Apache() {
  using fs::perms;
  const fs::path here = site_.folder(), www = site_.www();
  fs::create_directories(www / "upload");
  fs::create_directories(here / "lock");
  for (const fs::path& seen : {here, www})
    fs::permissions(seen, perms::all & ~(perms::group_write | perms::others_write));
  for (const fs::path& written : {www / "upload", here / "lock"}) fs::permissions(written, perms::all);
  start_on_new_ports(ports_, here / "log", [this] { return start(); });
}

bool Http2Apache::start() {
  const fs::path here = site_.folder();
  std::string text;
  for (const std::string module : kHttp2Modules)
    text += "LoadModule " + module + "_module /usr/lib/apache2/modules/mod_" + module + ".so\n";
  write_file(here / "apache.conf", site_.filled_in(with_ports(text + kHttp2Apache, ports_)));
  child_ = Child({"/usr/sbin/apache2", "-DFOREGROUND", "-f", (here / "apache.conf").string()}, here / "log");
  return child_.wait_until_accepting(ports_);
}

void Http2Apache::start_again() { must_start(start(), site_.folder() / "error.log"); }

bool Http2Apache::reload() { return kill(child_.pid(), SIGUSR1) == 0; }

Haproxy::Haproxy() {
  start_on_new_ports(ports_, origin_.site().folder() / "haproxy.log", [this] { return start(); });
}

bool Haproxy::start() {
  const fs::path here = origin_.site().folder();
  const std::string origin = origin_.plain().substr(std::string_view("http://").size());
  write_file(here / "haproxy.cfg", origin_.site().filled_in(replaced(with_ports(kHaproxy, ports_), "$ORIGIN", origin)));
  child_ = Child({"/usr/sbin/haproxy", "-W", "-f", (here / "haproxy.cfg").string()}, here / "haproxy.log");
  return child_.wait_until_accepting(ports_);
}

void Haproxy::start_again() { must_start(start(), origin_.site().folder() / "haproxy.log"); }

bool Haproxy::reload() { return kill(child_.pid(), SIGUSR2) == 0; }

}  // namespace sluice::test
