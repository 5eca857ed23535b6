// How the command finds addresses, with a real name server (dnsmasq): several addresses, dead ones, names that do not
// exist, slow and truncated answers, times to live, and --dns-servers with its kin.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/multi.hpp"
#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/support/dnsmasq.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

Reply greeting(const std::string&) { return {.bytes = "HTTP/1.0 200 OK\r\n\r\nhello", .close = true}; }

// The message of a transfer that failed.
std::string failure_line(int exit_code, const std::string& url, const std::string& why) {
  return "sluice: (" + std::to_string(exit_code) + ") GET " + url + ": " + why + "\n";
}

std::string url_of(const std::string& host, const LoopbackServer& server) {
  return "http://" + host + ":" + std::to_string(server.port()) + "/";
}

CommandResult ask(const std::string& servers, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"-q", "-sS", "--dns-servers", servers});
  return run_command(std::move(arguments));
}

}  // namespace

TEST_CASE("names: --dns-servers, and a host with several addresses of which only the last one answers") {
  const LoopbackServer server(greeting);
  const Dnsmasq dns({"host-record=one.test,127.0.0.1,60", "host-record=many.test,127.0.0.9,::1,60",
                     "host-record=many.test,127.0.0.1,60", "host-record=six.test,::1,60",
                     "host-record=none.test,127.0.0.8,::1,60", "host-record=none.test,127.0.0.9,60"});
  const CommandResult one = ask(dns.address(), {url_of("one.test", server)});
  CHECK(one.err == "");
  CHECK(one.out == "hello");
  CHECK(dns.count("query[A] one.test") == 1);
  CHECK(dns.count("query[AAAA] one.test") == 1);
  // Nothing listens at 127.0.0.9 and ::1.
  const CommandResult many = ask(dns.address(), {"-w", " %{remote_ip}", url_of("many.test", server)});
  CHECK(many.err == "");
  CHECK(many.out == "hello 127.0.0.1");
  const CommandResult ipv4 = ask(dns.address(), {"-4", url_of("one.test", server)});
  CHECK(ipv4.out == "hello");
  CHECK(dns.count("query[AAAA] one.test") == 1);  // not asked again
  const CommandResult dead = ask(dns.address(), {url_of("six.test", server)});
  CHECK(dead.exit_code == 7);
  CHECK(dead.err.find("six.test") != std::string::npos);
  CHECK(dead.err.find("connect to [::1]:" + std::to_string(server.port())) != std::string::npos);
  // The error names each address that was tried, and why it was of no use.
  const CommandResult all = ask(dns.address(), {url_of("none.test", server)});
  CHECK(all.exit_code == 7);
  for (const std::string address : {"127.0.0.8:", "127.0.0.9:", "[::1]:"}) {
    CHECK(all.err.contains("connect to " + address + std::to_string(server.port()) + ": Connection refused"));
  }
}

TEST_CASE("names: the second name server is asked if the first is dead") {
  const LoopbackServer server(greeting);
  const Dnsmasq dns({"host-record=a.test,127.0.0.1,60"});
  const std::string dead = "127.0.0.1:" + std::to_string(refused_port());
  CHECK(ask(dead + "," + dns.address(), {url_of("a.test", server)}).out == "hello");
  const CommandResult nobody = ask(dead, {url_of("a.test", server)});
  CHECK(nobody.exit_code == 6);
  CHECK(nobody.err ==
        failure_line(6, url_of("a.test", server), "resolve a.test: the name server 127.0.0.1: Connection refused"));
}

TEST_CASE("names: one that does not exist, and one without an address, are told apart in one line") {
  const Dnsmasq dns({"txt-record=empty.test,text"});
  const CommandResult none = ask(dns.address(), {"http://none.test/"});
  CHECK(none.exit_code == 6);
  CHECK(none.err == failure_line(6, "http://none.test/", "resolve none.test: Domain name not found"));
  const CommandResult empty = ask(dns.address(), {"http://empty.test/"});
  CHECK(empty.exit_code == 6);
  CHECK(empty.err ==
        failure_line(6, "http://empty.test/", "resolve empty.test: DNS server returned answer with no data"));
}

TEST_CASE("names: an answer that is too long for UDP comes over TCP, with all of its addresses") {
  const LoopbackServer server(greeting);
  std::vector<std::string> lines;
  // 40 addresses of which one answers take 640 bytes; UDP has 512.
  for (int i = 2; i < 42; ++i) lines.push_back("host-record=long.test,127.0.1." + std::to_string(i) + ",60");
  const Dnsmasq dns(lines);
  MultiOptions options;
  options.dns_servers = dns.address();
  const auto multi = make_multi(std::move(options));
  REQUIRE(multi);
  TransferOptions four;
  four.family = AddressFamily::ipv4;
  REQUIRE(multi->add(get(url_of("long.test", server)), four).has_value());
  REQUIRE(finish(*multi));
  const auto message = multi->info_read();
  REQUIRE(message);
  REQUIRE_FALSE(message->result.has_value());
  // At most eight are tried at a time, and all are refused.
  CHECK(message->result.error().code == Code::connect_failed);
  CHECK(message->result.error().message().find("connect to 127.0.1.") != std::string::npos);
  CHECK(dns.count("query[A] long.test") == 2);  // over UDP, then over TCP
}

TEST_CASE("names: a server that is slow is asked again") {
  const LoopbackServer server(greeting);
  // It answers no question that is asked for the first time.
  DnsServer slow({{"late.slow.test", {*IpAddress::parse("127.0.0.1")}}});
  const std::string place = slow.address();
  const Dnsmasq dns(
      {"server=/slow.test/" + place.substr(0, place.find(':')) + "#" + place.substr(place.find(':') + 1)});
  const CommandResult late = ask(dns.address(), {"-4", "-m", "20", url_of("late.slow.test", server)});
  CHECK(late.err == "");
  CHECK(late.out == "hello");
  const CommandResult never = ask(dns.address(), {"-m", "1", url_of("silent.slow.test", server)});
  CHECK(never.exit_code == 28);
}

TEST_CASE("names: a time to live of zero means that the next connection asks again") {
  const LoopbackServer server(greeting);
  const Dnsmasq dns({"host-record=brief.test,127.0.0.1", "host-record=lasting.test,127.0.0.1,86400"});
  for (const char* name : {"brief.test", "lasting.test"}) {
    const std::string url = url_of(name, server);
    const CommandResult three = ask(dns.address(), {"-4", url, url, url});
    CHECK(three.out == "hellohellohello");
  }
  CHECK(dns.count("query[A] brief.test") == 3);
  CHECK(dns.count("query[A] lasting.test") == 1);
}

TEST_CASE("names: --dns-interface and --dns-ipv4-addr say where the questions come from") {
  const LoopbackServer server(greeting);
  const Dnsmasq dns({"host-record=a.test,127.0.0.1,60"});
  CHECK(ask(dns.address(), {"--dns-ipv4-addr", "127.0.0.2", url_of("a.test", server)}).out == "hello");
  CHECK(dns.count("query[A] a.test from 127.0.0.2") == 1);
  CHECK(dns.count("from 127.0.0.1") == 0);
  CHECK(ask(dns.address(), {"--dns-interface", "lo", url_of("a.test", server)}).out == "hello");
  CHECK(dns.count("query[A] a.test from 127.0.0.1") == 1);
  // Of no use for this server, which has an IPv4 address.
  CHECK(ask(dns.address(), {"--dns-ipv6-addr", "2001:db8::7", url_of("a.test", server)}).out == "hello");
  const CommandResult foreign = ask(dns.address(), {"--dns-ipv4-addr", "192.0.2.1", url_of("a.test", server)});
  CHECK(foreign.exit_code == 6);
  CHECK(foreign.err == failure_line(6, url_of("a.test", server),
                                    "resolve a.test: a socket for the name server: bind to 192.0.2.1: Cannot assign "
                                    "requested address"));
}

TEST_CASE("names: the application opens and configures the sockets to name servers") {
  const LoopbackServer server(greeting);
  const Dnsmasq dns({"host-record=a.test,127.0.0.1,60"});
  int opened = 0, configured = 0;
  std::string refuses;
  MultiOptions options;
  options.dns_servers = dns.address();
  options.sockets.open = [&](const SocketWish& wish) -> Result<int> {
    if (wish.use == SocketWish::Use::connection) return ::socket(wish.family, wish.type, wish.protocol);
    ++opened;
    if (refuses == "open") throw std::runtime_error("no thread");
    return ::socket(wish.family, wish.type, wish.protocol);
  };
  options.sockets.configure = [&](int, const SocketWish& wish) -> Result<void> {
    if (wish.use == SocketWish::Use::name_server) ++configured;
    if (refuses == "configure") return std::unexpected(make_error(Code::internal, "not this one"));
    return {};
  };
  const auto outcome = [&] {
    auto given = options;
    const auto multi = make_multi(std::move(given));
    REQUIRE(multi);
    REQUIRE(multi->add(get(url_of("a.test", server))).has_value());
    REQUIRE(finish(*multi));
    const auto message = multi->info_read();
    REQUIRE(message);
    return message->result ? "" : message->result.error().message();
  };
  const std::string prefix = "GET " + url_of("a.test", server) + ": resolve a.test: ";
  CHECK(outcome() == "");
  CHECK(opened == 2);  // one for each family
  CHECK(configured == 2);
  refuses = "open";
  CHECK(outcome() == prefix + "a socket for the name server: the application threw an exception: no thread");
  refuses = "configure";
  CHECK(outcome() == prefix + "a socket for the name server: not this one");
}
