// See ech_server.hpp.
#include "tests/support/ech_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <span>
#include <thread>

#include "adapters/net/descriptor.hpp"
#include "tests/support/ech_key.hpp"
#include "tests/support/tls_authority.hpp"
#include "tests/support/tls_server.hpp"

namespace sluice::test {

class EchServer::Thread {
 public:
  explicit Thread(const std::filesystem::path& root) {
    using std::chrono::system_clock;
    const UnixSeconds now = system_clock::to_time_t(system_clock::now());
    const UnixSeconds from = now - 3600, to = now + 86'400;
    const auto authority = sim::TlsAuthority::make_root("sluice test root", from, to);
    const auto made = authority.issue({.common_name = "server",
                                       .dns = {"hidden.test", "public.example"},
                                       .ip = {},
                                       .not_before = from,
                                       .not_after = to});
    write_file(root, authority.certificate_pem());
    sim::TlsServerOptions options;
    options.certificate_pem = made.certificate_pem;
    options.key_pem = made.key_pem;
    for (auto* made_context : {&context_, &plain_}) {
      auto context = sim::TlsServerContext::create(options);
      if (!context) std::abort();
      *made_context = std::make_unique<sim::TlsServerContext>(std::move(*context));
    }
    SSL_CTX* const its = SSL_get_SSL_CTX(sim::TlsServer(*context_).native());
    if (SSL_CTX_set1_ech_keys(its, key_.keys.get()) != 1) std::abort();
    listener_ = net::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    stop_ = net::Descriptor(::eventfd(0, EFD_CLOEXEC));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const where = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), where, size) != 0 || ::listen(listener_.get(), 16) != 0) std::abort();
    if (::getsockname(listener_.get(), where, &size) != 0) std::abort();
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Thread() {
    const std::uint64_t one = 1;
    if (::write(stop_.get(), &one, sizeof one) != sizeof one) std::abort();
    thread_.join();
  }

  std::uint16_t port_ = 0;
  const EchKey key_, other_;
  std::atomic<bool> takes_ = true;

 private:
  void run() {
    for (;;) {
      pollfd set[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      ::poll(set, 2, -1);
      if (set[1].revents != 0) return;
      const net::Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (client) serve(client.get());
    }
  }

  // One client at a time, until it or its request ends.
  void serve(int fd) {
    sim::TlsServer server(takes_ ? *context_ : *plain_);
    std::uint8_t buffer[4096];
    bool is_answered = false;
    while (!is_answered) {
      pollfd set[] = {{fd, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      ::poll(set, 2, -1);
      const ssize_t got = set[1].revents != 0 ? 0 : ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      const bool goes_on = server.feed(Bytes(buffer, static_cast<std::size_t>(got)));
      if (goes_on && server.plain().contains("\r\n\r\n")) {
        const std::string body =
            server.server_name() + (SSL_ech_accepted(server.native()) != 0 ? " hidden" : " in clear");
        server.write(as_bytes("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                              "\r\n\r\n" + body));
        server.close_notify();
        is_answered = true;
      }
      const std::vector<std::uint8_t>& out = server.output();
      if (::send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0 || !goes_on) return;
      server.output().clear();
    }
  }

  std::unique_ptr<sim::TlsServerContext> context_, plain_;
  net::Descriptor listener_, stop_;
  std::thread thread_;
};

EchServer::EchServer() : thread_(std::make_unique<Thread>(folder_.path() / "root.pem")) {}
EchServer::~EchServer() = default;
std::uint16_t EchServer::port() const { return thread_->port_; }
std::string EchServer::list() const { return thread_->key_.list(); }
std::string EchServer::other_list() const { return thread_->other_.list(); }
void EchServer::take_none() { thread_->takes_ = false; }

}  // namespace sluice::test
