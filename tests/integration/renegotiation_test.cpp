// The TLS client against openssl's s_server, for what BoringSSL's server does not support: a renegotiation for a client
// certificate.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "core/tls/client.hpp"
#include "tests/support/child.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Serves one connection over TLS 1.2; a line on its standard input is sent to the client, but for its commands: "R"
// asks for a renegotiation with a client certificate, "Q" ends it.
class OpensslServer {
 public:
  OpensslServer() : port_(free_ports(1).front()) {
    const sim::TlsServerOptions server = example_server();
    write_file(folder_.path() / "server.pem", server.certificate_pem + server.key_pem);
    write_file(folder_.path() / "root.pem", authority().certificate_pem());
    const std::string where = folder_.path().string();
    const std::string command = "exec timeout 30 openssl s_server -accept 127.0.0.1:" + std::to_string(port_) +
                                " -naccept 1 -tls1_2 -cert " + where + "/server.pem -CAfile " + where + "/root.pem > " +
                                where + "/out 2> " + where + "/err";
    input_.reset(::popen(command.c_str(), "w"));
    REQUIRE(input_ != nullptr);
  }
  void say(const char* line) {
    std::fputs(line, input_.get());
    std::fflush(input_.get());
  }
  std::uint16_t port() const { return port_; }
  std::string received() const { return read_file(folder_.path() / "out"); }
  std::string said() const { return read_file(folder_.path() / "err"); }

 private:
  struct Closer {
    void operator()(FILE* file) const { ::pclose(file); }
  };
  TempFolder folder_;
  std::uint16_t port_;
  std::unique_ptr<FILE, Closer> input_;
};

class Connection {
 public:
  Connection(std::uint16_t port, const TlsOptions& options) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int tries = 0; tries < 500; ++tries) {
      socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      REQUIRE(socket_ >= 0);
      if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) break;
      ::close(std::exchange(socket_, -1));
      ::usleep(20'000);
    }
    REQUIRE(socket_ >= 0);
    auto made = tls::make_client(example_params(options));
    REQUIRE(made.has_value());
    layer_ = std::move(*made);
    last_ = layer_->start(wire_, now_);
    flush();
    while (!layer_->established() && receive()) {
    }
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const tls::ClientLayer& layer() const { return *layer_; }
  const std::string& plain() const { return plain_; }
  Pump last() const { return last_; }
  int flights() const { return flights_; }

  Pump send(std::string_view text) {
    Bytes in = as_bytes(text);
    const Pump pump = layer_->encode(in, wire_, SIZE_MAX, now_);
    flush();
    return pump;
  }
  // Reads once. False: it failed, was closed, or nothing came for ten seconds.
  bool receive() {
    pollfd one{socket_, POLLIN, 0};
    if (::poll(&one, 1, 10'000) != 1) return false;
    std::vector<std::uint8_t> bytes(64 * 1024), space(64 * 1024);
    const ssize_t size = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (size <= 0) return false;
    Bytes in = Bytes(bytes).first(static_cast<std::size_t>(size));
    MutableBytes out(space);
    last_ = layer_->decode(in, out, wire_, now_);
    plain_.append(as_text({space.data(), space.size() - out.size()}));
    flush();
    return last_ == Pump::need_input;
  }

 private:
  void flush() {
    if (wire_.empty()) return;
    ++flights_;
    CHECK(::send(socket_, wire_.data(), wire_.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(wire_.size()));
    wire_.clear();
  }

  int socket_ = -1;
  std::unique_ptr<tls::ClientLayer> layer_;
  std::vector<std::uint8_t> wire_;
  std::string plain_;
  Pump last_ = Pump::need_input;
  int flights_ = 0;
  Now now_{{}, kNoon};
};

TlsOptions with_certificate() {
  TlsOptions options = trusting_options();
  sim::CertificateSpec spec = leaf_spec({});
  spec.common_name = "the client";
  spec.for_client = true;
  const auto made = authority().issue(spec);
  options.certificate_pem = made.certificate_pem;
  options.private_key_pem = made.key_pem;
  return options;
}

// From the request on until the second handshake is over: two flights of the client's, and the server's last one.
void renegotiate(OpensslServer& server, Connection& connection) {
  const int before = connection.flights();
  server.say("R\n");
  while (connection.flights() < before + 2 && connection.receive()) {
  }
  REQUIRE(connection.last() == Pump::need_input);
  REQUIRE(connection.receive());
}

}  // namespace

TEST_CASE("SB-54 a server may ask for the client's certificate after the request, once") {
  OpensslServer server;
  Connection connection(server.port(), with_certificate());
  REQUIRE(connection.layer().established());
  CHECK(connection.send("GET / HTTP/1.1\r\n\r\n") == Pump::progressed);
  renegotiate(server, connection);
  CHECK(connection.layer().established());
  CHECK(connection.layer().verified());
  CHECK(connection.layer().version() == "TLSv1.2");
  CHECK(connection.layer().peer_certificate()->subject == "CN=leaf");
  server.say("an answer\n");
  while (connection.plain() != "an answer\n" && connection.receive()) {
  }
  CHECK(connection.plain() == "an answer\n");
  CHECK(server.said().contains("the client"));
  // Both ways it goes on, under the new keys.
  CHECK(connection.send("more\n") == Pump::progressed);
  server.say("R\n");
  while (connection.receive()) {
  }
  CHECK(connection.last() == Pump::failed);
  CHECK(connection.layer().error().context == "TLS connection with example.org: no renegotiation");
  CHECK(server.received().contains("GET / HTTP/1.1\r\n\r\n"));
}

TEST_CASE("SB-54 where it is allowed without a certificate, the server learns that there is none") {
  OpensslServer server;
  TlsOptions options = trusting_options();
  options.renegotiation = TlsRenegotiation::once;
  Connection connection(server.port(), options);
  REQUIRE(connection.layer().established());
  CHECK(connection.send("GET / HTTP/1.1\r\n\r\n") == Pump::progressed);
  renegotiate(server, connection);
  server.say("an answer\n");
  while (connection.plain() != "an answer\n" && connection.receive()) {
  }
  CHECK(connection.plain() == "an answer\n");
}

TEST_CASE("SB-54 a server that asks for it without leave gets an alert, and the client a clean error") {
  OpensslServer server;
  Connection connection(server.port(), trusting_options());
  REQUIRE(connection.layer().established());
  CHECK(connection.send("GET / HTTP/1.1\r\n\r\n") == Pump::progressed);
  server.say("R\n");
  while (connection.receive()) {
  }
  CHECK(connection.last() == Pump::failed);
  CHECK(connection.layer().error().code == Code::tls_failed);
  CHECK(connection.layer().error().context == "TLS connection with example.org: no renegotiation");
}
