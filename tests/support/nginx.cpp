// See nginx.hpp.
#include "tests/support/nginx.hpp"

#include <signal.h>

#include <stdexcept>

namespace sluice::test {
namespace {

constexpr const char* kNginxMain = R"(
load_module /usr/lib/nginx/modules/ngx_http_brotli_filter_module.so;
daemon off; user root; worker_processes 1; worker_rlimit_nofile 20000; error_log @/error.log; pid @/nginx.pid;
events { worker_connections 8192; multi_accept on; }
http {
  access_log off; default_type application/octet-stream;
  client_body_temp_path @/body; proxy_temp_path @/proxy; fastcgi_temp_path @/fastcgi; uwsgi_temp_path @/uwsgi; scgi_temp_path @/scgi;
  keepalive_requests 1000000; keepalive_timeout 75s; client_max_body_size 0; reset_timedout_connection off;
  ssl_certificate @/server.crt; ssl_certificate_key @/server.key; ssl_session_cache shared:tests:1m;
  add_header X-Connection $connection always; add_header X-Connection-Requests $connection_requests always;
  add_header X-Protocol $ssl_protocol always; add_header X-Session-Reused $ssl_session_reused always;
)";

constexpr const char* kLocations = R"(
    root @/www;
    location /chunked/ { alias @/www/; ssi on; ssi_types *; }
    location /slow/ { alias @/www/; limit_rate 64k; }
    location /brotli/ { alias @/www/; brotli on; brotli_types *; brotli_min_length 1; }
    location /line { return 200 "$proxy_protocol_addr $proxy_protocol_port"; }
    location /go { return 302 /1024; }
    location /own/ { alias @/www/; set $who $host/$ssl_server_name; if ($who = localhost/) { return 421; } }
    location /upload/ { dav_methods PUT DELETE; create_full_put_path on; }
)";

}  // namespace

Nginx::Nginx() {
  for (int attempt = 0; attempt < 3; ++attempt) {
    ports_ = free_ports(9);
    write_file(site_.folder() / "nginx.conf", configuration());
    child_ = Child({"/usr/sbin/nginx", "-p", site_.folder().string(), "-e", (site_.folder() / "error.log").string(),
                    "-c", (site_.folder() / "nginx.conf").string()},
                   site_.folder() / "error.log");
    if (child_.wait_until_accepting(ports_)) return;
    child_.stop();
  }
  throw std::runtime_error("nginx does not come up: " + read_file(site_.folder() / "error.log"));
}

std::string Nginx::configuration() const {
  const char* const tls[] = {"",
                             "ssl_protocols TLSv1.2 TLSv1.3;",
                             "ssl_protocols TLSv1.2;",
                             "ssl_protocols TLSv1.3;",
                             "ssl_client_certificate @/root.pem; ssl_verify_client on;",
                             "",
                             "",
                             "",
                             ""};
  const char* const listen[] = {"",           " ssl",  " ssl", " ssl", " ssl", " proxy_protocol", " ssl proxy_protocol",
                                " ssl http2", " http2"};
  std::string text = kNginxMain;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    text += "server { listen 127.0.0.1:" + std::to_string(ports_[i]) + " backlog=4096" + listen[i] + ";" + tls[i] +
            kLocations + "}\n";
  }
  return site_.filled_in(text + "}\n");
}

std::string Nginx::at(const char* scheme, std::size_t index) const {
  return std::string(scheme) + "://127.0.0.1:" + std::to_string(ports_[index]);
}

void Nginx::kill_worker() {
  for (const pid_t worker : children_of(child_.pid())) kill(worker, SIGKILL);
}

void Nginx::reload() { kill(child_.pid(), SIGHUP); }

}  // namespace sluice::test
