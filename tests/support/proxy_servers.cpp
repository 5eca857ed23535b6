// See proxy_servers.hpp.
#include "tests/support/proxy_servers.hpp"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <stdexcept>

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTinyproxy =
    "Listen 127.0.0.1\nTimeout 20\nMaxClients 50\nLogLevel Connect\nViaProxyName \"tinyproxy\"\n";

// As root squid becomes the user "proxy". Without a cache and a pinger it touches its own folder only.
constexpr const char* kSquid = R"conf(
http_port 127.0.0.1:$PORT
pid_filename none
cache deny all
cache_mem 1 MB
cache_effective_user proxy
access_log none
cache_log @/cache.log
coredump_dir @
netdb_filename none
pinger_enable off
max_filedescriptors 1024
auth_param basic program /usr/lib/squid/basic_ncsa_auth @/users
auth_param basic children 1 startup=1
auth_param basic realm the proxy
auth_param digest program /usr/lib/squid/digest_file_auth -c @/digests
auth_param digest children 1 startup=1
auth_param digest realm the proxy
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
)conf";

constexpr const char* kTlsFront = R"conf(
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; user root; worker_processes 1; error_log @/error.log; pid @/nginx.pid;
events { }
stream {
  ssl_certificate @/server.crt; ssl_certificate_key @/server.key;
  server { listen 127.0.0.1:$TLS ssl; proxy_pass 127.0.0.1:$PROXY; }
  server {
    listen 127.0.0.1:$MUTUAL ssl; ssl_client_certificate @/root.pem; ssl_verify_client on; proxy_pass 127.0.0.1:$PROXY;
  }
}
)conf";

std::string with_all(std::string text, std::string_view what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

// The ports that a program listens on, which `start` has been given. Other ports are tried if they are taken.
std::vector<std::uint16_t> start_on(std::size_t count, Child& child, const std::string& name, const fs::path& log,
                                    const std::function<Child(const std::vector<std::uint16_t>&)>& start) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    const std::vector<std::uint16_t> ports = free_ports(count);
    child = start(ports);
    if (child.wait_until_accepting(ports)) return ports;
    child.stop();
  }
  throw std::runtime_error(name + " does not come up: " + read_file(log));
}

}  // namespace

Tinyproxy::Tinyproxy(bool wants_login) {
  const fs::path conf = folder_.path() / "tinyproxy.conf", out = folder_.path() / "out";
  ports_ = start_on(1, child_, "tinyproxy", out, [&](const std::vector<std::uint16_t>& ports) {
    std::string text = kTinyproxy;
    text += "Port " + std::to_string(ports[0]) + "\nLogFile \"" + (folder_.path() / "log").string() + "\"\n";
    if (wants_login) text += "BasicAuth " + std::string(kProxyUser) + " " + kProxyPassword + "\n";
    write_file(conf, text);
    return Child({"/usr/bin/tinyproxy", "-d", "-c", conf.string()}, out);
  });
}

Squid::Squid() : name_("sluice" + std::to_string(::getpid())) {
  const fs::path conf = folder_.path() / "squid.conf", log = folder_.path() / "cache.log";
  fs::permissions(folder_.path(), fs::perms::all);  // it writes there as another user
  // Hashes of kProxyPassword: of APR1 with a salt, and MD5 of "USER:REALM:PASSWORD".
  write_file(folder_.path() / "users", "me:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\n");
  write_file(folder_.path() / "digests", "me:the proxy:da351e7ac15102429da35dd5127f1073\n");
  ports_ = start_on(1, child_, "squid", log, [&](const std::vector<std::uint16_t>& ports) {
    const std::string text = with_all(kSquid, "@", folder_.path().string());
    write_file(conf, with_all(text, "$PORT", std::to_string(ports[0])));
    return Child({"/usr/sbin/squid", "-N", "-n", name_, "-f", conf.string()}, folder_.path() / "out");
  });
}

// Its regular end takes three seconds. Killed, it leaves its shared memory.
Squid::~Squid() {
  child_.kill_now();
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator("/dev/shm", none)) {
    if (entry.path().filename().string().starts_with(name_ + "-")) fs::remove(entry.path(), none);
  }
}

Microsocks::Microsocks(bool wants_login) {
  const fs::path log = folder_.path() / "log";
  ports_ = start_on(1, child_, "microsocks", log, [&](const std::vector<std::uint16_t>& ports) {
    std::vector<std::string> command = {"/usr/bin/microsocks", "-i", "127.0.0.1", "-p", std::to_string(ports[0])};
    if (wants_login) command.insert(command.end(), {"-u", kProxyUser, "-P", kProxyPassword});
    return Child(command, log);
  });
}

TlsFront::TlsFront(std::uint16_t port) {
  const fs::path conf = site_.folder() / "nginx.conf", log = site_.folder() / "error.log";
  ports_ = start_on(2, child_, "nginx", log, [&](const std::vector<std::uint16_t>& ports) {
    std::string text = with_all(site_.filled_in(kTlsFront), "$PROXY", std::to_string(port));
    text = with_all(std::move(text), "$TLS", std::to_string(ports[0]));
    write_file(conf, with_all(std::move(text), "$MUTUAL", std::to_string(ports[1])));
    return Child({"/usr/sbin/nginx", "-p", site_.folder().string(), "-e", log.string(), "-c", conf.string()}, log);
  });
}

Http2Front::Http2Front(std::uint16_t port) {
  const fs::path log = site_.folder() / "out";
  const auto in_site = [&](const char* name) { return (site_.folder() / name).string(); };
  ports_ = start_on(1, child_, "nghttpx", log, [&](const std::vector<std::uint16_t>& ports) {
    return Child({"/usr/sbin/nghttpx", "--conf=/dev/null", "--http2-proxy", "--workers=1", "--no-ocsp",
                  "--frontend=127.0.0.1," + std::to_string(ports[0]), "--backend=127.0.0.1," + std::to_string(port),
                  "--accesslog-file=" + in_site("access.log"), "--accesslog-format=$request $status",
                  "--errorlog-file=" + in_site("error.log"), in_site("server.key"), in_site("server.crt")},
                 log);
  });
}

}  // namespace sluice::test
