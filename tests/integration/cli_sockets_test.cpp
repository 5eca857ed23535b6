// Options of the command about sockets: --interface, --local-port, the variables local_ip and local_port, and
// --abstract-unix-socket. The reference is curl 8.
#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/net/descriptor.hpp"
#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/far_side.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"
#include "tests/support/proxy_servers.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

Reply socket_reply(const std::string&) { return ok("hello"); }

CommandResult quietly(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"-q", "-sS"});
  return run_command(std::move(arguments));
}

std::string local_ip_with(const LoopbackServer& server, std::vector<std::string> options) {
  options.insert(options.end(), {"-w", "|%{local_ip}", server.url()});
  const CommandResult result = quietly(std::move(options));
  INFO(result.err);
  CHECK(result.exit_code == 0);
  return result.out;
}

// The message of a transfer that failed.
std::string socket_failure(int exit_code, const std::string& url, const std::string& why) {
  return "sluice: (" + std::to_string(exit_code) + ") GET " + url + ": " + why + "\n";
}

// A free port, after which there are others.
std::uint16_t some_port() {
  std::uint16_t port = 0;
  do port = free_ports(1).front();
  while (port > 65'000);
  return port;
}

}  // namespace

TEST_CASE("sockets: --interface binds to an address, a host or an interface, and local_ip says so") {
  const LoopbackServer server(socket_reply);
  CHECK(local_ip_with(server, {}) == "hello|127.0.0.1");
  CHECK(local_ip_with(server, {"--interface", "127.0.0.2"}) == "hello|127.0.0.2");
  CHECK(local_ip_with(server, {"--interface", "host!127.0.0.3"}) == "hello|127.0.0.3");
  CHECK(local_ip_with(server, {"--interface", "lo"}) == "hello|127.0.0.1");
  CHECK(local_ip_with(server, {"--interface", "if!lo"}) == "hello|127.0.0.1");
  CHECK(local_ip_with(server, {"--interface", "ifhost!lo!127.0.0.4"}) == "hello|127.0.0.4");
  CHECK(local_ip_with(server, {"--interface", "localhost"}) == "hello|127.0.0.1");
  CHECK(local_ip_with(server, {"--interface", "127.0.0.2", "--interface", ""}) == "hello|127.0.0.1");
}

TEST_CASE("sockets: two addresses of this machine are two connections, one is one") {
  const LoopbackServer server(socket_reply);
  const CommandResult result =
      quietly({"-w", "|%{local_ip} %{num_connects}\n", "--interface", "127.0.0.2", server.url(), server.url(), "--next",
               "-w", "|%{local_ip} %{num_connects}\n", "--interface", "127.0.0.3", server.url()});
  CHECK(result.out == "hello|127.0.0.2 1\nhello|127.0.0.2 0\nhello|127.0.0.3 1\n");
}

TEST_CASE("sockets: --local-port takes the first free port of its range, and local_port says so") {
  const LoopbackServer server(socket_reply);
  const std::string port = std::to_string(some_port());
  const CommandResult alone = quietly({"--local-port", port, "-w", "|%{local_port}", server.url()});
  CHECK(alone.out == "hello|" + port);

  const net::Descriptor holder(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  const std::uint16_t taken = some_port();
  where.sin_port = htons(taken);
  REQUIRE(::bind(holder.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  const std::string range = std::to_string(taken) + "-" + std::to_string(taken + 50);
  const CommandResult next = quietly({"--local-port", range, "-w", "%{local_port}", "-o", "/dev/null", server.url()});
  CHECK(next.exit_code == 0);
  CHECK(std::stoi(next.out) > taken);
  CHECK(std::stoi(next.out) <= taken + 50);
  const CommandResult used = quietly({"--local-port", std::to_string(taken), server.url()});
  CHECK(used.exit_code == 45);
  CHECK(used.err == socket_failure(45, server.url(),
                                   "connect to 127.0.0.1:" + std::to_string(server.port()) + ": bind to port " +
                                       std::to_string(taken) + ": Address already in use"));
}

TEST_CASE("sockets: what cannot be bound to ends the transfer with 45, and only it") {
  const LoopbackServer server(socket_reply);
  const CommandResult address = quietly({"--interface", "192.0.2.1", server.url()});
  CHECK(address.exit_code == 45);
  CHECK(address.err == socket_failure(45, server.url(),
                                      "connect to 127.0.0.1:" + std::to_string(server.port()) +
                                          ": bind to 192.0.2.1: Cannot assign requested address"));
  const CommandResult device = quietly({"--interface", "if!nosuch", server.url(), "--next", server.url()});
  CHECK(device.out == "hello");
  CHECK(device.err == "sluice: (45) " + server.url() +
                          ": option --interface: 'if!nosuch' names no network interface of this system\n");
  // A peer of the other family cannot be connected to, as in curl.
  const CommandResult family = quietly({"--interface", "127.0.0.1", "http://[::1]:9/"});
  CHECK(family.exit_code == 7);
  CHECK(family.err ==
        socket_failure(7, "http://[::1]:9/", "connect to [::1]:9: the addresses to bind to have no IPv6 address"));
  // A retry would not help.
  const CommandResult retried =
      quietly({"--retry", "2", "--retry-all-errors", "--interface", "192.0.2.1", server.url()});
  CHECK(retried.exit_code == 45);
  CHECK(server.accepted() == 1);
}

TEST_CASE("sockets: of a connection through a proxy, those to the proxy have the options") {
  const LoopbackServer server(socket_reply);
  const Tinyproxy proxy(false);
  const CommandResult result =
      quietly({"-x", "http://" + proxy.place(), "--interface", "127.0.0.2", "-w", "|%{local_ip}", server.url()});
  CHECK(result.out == "hello|127.0.0.2");
  CHECK(proxy.log().find("127.0.0.2") != std::string::npos);  // as the proxy sees it
}

TEST_CASE("sockets: transfers succeed with every option that changes a socket") {
  const LoopbackServer server(socket_reply);
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{"--no-keepalive"},
                                             {"--keepalive-time", "5", "--keepalive-cnt", "2"},
                                             {"--no-tcp-nodelay"},
                                             {"--tcp-fastopen"},
                                             {"--ip-tos", "EF", "--vlan-priority", "3"}}) {
    CAPTURE(options.front());
    auto arguments = options;
    arguments.insert(arguments.end(), {server.url(), server.url()});
    const CommandResult result = quietly(std::move(arguments));
    CHECK(result.err == "");
    CHECK(result.out == "hellohello");
  }
}

TEST_CASE("sockets: --abstract-unix-socket") {
  FarSide far;
  const std::string name = fresh_abstract_name();  // "@..."
  far.listen_unix(name, 4);
  const CommandResult result = quietly({"--abstract-unix-socket", name.substr(1), "-o", "/dev/null", "-w",
                                        "%{http_code} [%{local_ip}]", far.url("/5000/3")});
  CHECK(result.err == "");
  CHECK(result.out == "200 []");
  const CommandResult none = quietly({"--abstract-unix-socket", name.substr(1) + "-none", "http://h/"});
  CHECK(none.exit_code == 7);
  CHECK(none.err == socket_failure(7, "http://h/", "connect to " + name + "-none: Connection refused"));
}

TEST_CASE("sockets: the application opens and configures the sockets of connections") {
  const LoopbackServer server(socket_reply);
  std::vector<Address> asked;
  std::string refuses;
  MultiOptions options;
  options.sockets.open = [&](const SocketWish& wish) -> Result<int> {
    asked.push_back(wish.peer);
    if (refuses == "open") return std::unexpected(make_error(Code::internal, "no more of these today"));
    return ::socket(wish.family, wish.type, wish.protocol);
  };
  options.sockets.configure = [&](int fd, const SocketWish&) -> Result<void> {
    if (refuses == "configure") throw std::runtime_error("no thread");
    const int size = 32 * 1024;
    CHECK(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0);
    return {};
  };
  const auto multi = make_multi(std::move(options));
  REQUIRE(multi);
  const auto outcome = [&] {
    TransferOptions fresh;
    fresh.fresh_connection = true;
    REQUIRE(multi->add(get(server.url()), fresh).has_value());
    REQUIRE(finish(*multi));
    const auto message = multi->info_read();
    REQUIRE(message);
    return message->result ? "" : message->result.error().message();
  };
  CHECK(outcome() == "");
  const Address peer{*IpAddress::parse("127.0.0.1"), server.port()};
  CHECK(asked == std::vector{peer});
  refuses = "open";
  CHECK(outcome() == "GET " + server.url() + ": connect to " + peer.to_string() + ": no more of these today");
  refuses = "configure";
  CHECK(outcome() ==
        "GET " + server.url() + ": connect to " + peer.to_string() + ": the application threw an exception: no thread");
  refuses.clear();
  CHECK(outcome() == "");
}

// Two network namespaces with two cables between them. The server is in the far one, at an address that both cables
// lead to; it answers with the address that it sees.
TEST_CASE("sockets: --interface decides which of two interfaces is used") {
  constexpr const char* kScript = R"sh(
set -e
ip link set lo up
unshare -n sleep 60 & far=$!
trap 'kill $far' EXIT
until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
in_far() { nsenter -t $far -n "$@"; }
for cable in 1 2; do
  ip link add near$cable type veth peer name far$cable netns $far || exit 77
  ip addr add 10.9.$cable.1/24 dev near$cable
  ip link set near$cable up
  in_far ip addr add 10.9.$cable.2/24 dev far$cable
  in_far ip link set far$cable up
  ip route add 10.9.9.9 via 10.9.$cable.2 dev near$cable metric $cable
  for where in all near$cable; do echo 2 > /proc/sys/net/ipv4/conf/$where/rp_filter || true; done
done
ip addr add 10.9.1.3/24 dev near1
in_far ip link set lo up
in_far ip addr add 10.9.9.9/32 dev lo
in_far python3 -c '
import http.server
class Tell(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    self.send_response(200); self.end_headers(); self.wfile.write(self.client_address[0].encode() + b"\n")
  def log_message(self, *a): pass
http.server.HTTPServer(("10.9.9.9", 8080), Tell).serve_forever()' &
server=$!
trap 'kill $server $far' EXIT
for try in $(seq 50); do "$1" -q -s http://10.9.9.9:8080/ > /dev/null && break; sleep 0.2; done
for name in "" near1 near2 if!near2 10.9.1.3 ifhost!near1!10.9.1.3 10.9.2.1; do
  "$1" -q -sS -m 10 --interface "$name" http://10.9.9.9:8080/
done
)sh";
  if (::geteuid() != 0 || std::system("unshare -n true 2> /dev/null") != 0) {
    MESSAGE("no network namespaces here (that takes root): --interface is tried with the loopback interface only");
    return;
  }
  const TempFolder folder;
  write_file(folder.path() / "script", kScript);
  const std::string command = "unshare -n sh " + (folder.path() / "script").string() + " " + command_path() + " > " +
                              (folder.path() / "out").string() + " 2> " + (folder.path() / "err").string();
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    MESSAGE("no veth interfaces here: --interface is tried with the loopback interface only");
    return;
  }
  CHECK(read_file(folder.path() / "err") == "");
  CHECK(read_file(folder.path() / "out") == "10.9.1.1\n10.9.1.1\n10.9.2.1\n10.9.2.1\n10.9.1.3\n10.9.1.3\n10.9.2.1\n");
}
