// See lighttpd.hpp.
#include "tests/support/lighttpd.hpp"

#include <stdexcept>

namespace sluice::test {
namespace {

constexpr const char* kMain = R"(
server.modules = ("mod_openssl", "mod_auth", "mod_authn_file", "mod_cgi", "mod_setenv")
server.document-root = "@/www"
server.errorlog = "@/error.log"
server.upload-dirs = ("@")
server.max-fds = 12000
server.max-connections = 6000
server.listen-backlog = 4096
server.max-keep-alive-requests = 1000000
server.max-keep-alive-idle = 60
server.stream-response-body = 1
mimetype.assign = ("" => "application/octet-stream")
cgi.assign = ("/echo" => "/bin/sh")
auth.backend = "plain"
auth.backend.plain.userfile = "@/users"
auth.require = (
  "/basic" => ("method" => "basic", "realm" => "the realm", "require" => "valid-user"),
  "/digest" => ("method" => "digest", "realm" => "the realm", "require" => "valid-user", "algorithm" => "MD5"),
  "/sha256" => ("method" => "digest", "realm" => "the realm", "require" => "valid-user", "algorithm" => "SHA-256")
)
)";

constexpr const char* kEcho =
    R"(printf 'Content-Type: application/octet-stream\r\nX-Method: %s\r\nX-Length: %s\r\n\r\n' \
  "$REQUEST_METHOD" "$CONTENT_LENGTH"
exec cat
)";

}  // namespace

Lighttpd::Lighttpd() {
  write_file(site_.www() / "echo", kEcho);
  write_file(site_.folder() / "users", std::string(kUser) + ":" + kPassword + "\n");
  for (const char* guarded : {"basic", "digest", "sha256"}) write_file(site_.www() / guarded, "let in\n");
  for (int attempt = 0; attempt < 3; ++attempt) {
    ports_ = free_ports(4);
    write_file(site_.folder() / "lighttpd.conf", configuration());
    child_ = Child({"/usr/sbin/lighttpd", "-D", "-f", (site_.folder() / "lighttpd.conf").string()},
                   site_.folder() / "start.log");
    if (child_.wait_until_accepting(ports_)) return;
    child_.stop();
  }
  throw std::runtime_error("lighttpd does not come up: " + read_file(site_.folder() / "start.log") +
                           read_file(site_.folder() / "error.log"));
}

std::string Lighttpd::configuration() const {
  const char* const tls[] = {"",
                             R"(ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2", "MaxProtocol" => "TLSv1.2"))",
                             R"(ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.3", "MaxProtocol" => "TLSv1.3"))",
                             R"(ssl.ca-file = "@/root.pem"
ssl.verifyclient.activate = "enable"
ssl.verifyclient.enforce = "enable")"};
  std::string text = kMain;
  text += "server.bind = \"127.0.0.1\"\nserver.port = " + std::to_string(ports_[0]) + "\n";
  for (std::size_t i = 1; i < ports_.size(); ++i) {
    text += "$SERVER[\"socket\"] == \"127.0.0.1:" + std::to_string(ports_[i]) +
            "\" {\nssl.engine = \"enable\"\nssl.pemfile = \"@/server.pem\"\n" + tls[i] + "\n}\n";
  }
  return site_.filled_in(text);
}

std::string Lighttpd::at(const char* scheme, std::size_t index) const {
  return std::string(scheme) + "://127.0.0.1:" + std::to_string(ports_[index]);
}

}  // namespace sluice::test
