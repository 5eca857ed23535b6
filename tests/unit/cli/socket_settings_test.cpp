// The options about sockets and name servers: their values, and the SocketOptions that they make. The reference is
// curl 8.
#include "adapters/cli/socket_settings.hpp"

#include <doctest/doctest.h>

#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {
namespace {

SocketOptions chosen_by(std::vector<std::string> options) {
  options.emplace_back("h");
  const Operation operation = one(options);
  const auto chosen = SocketChoices().for_settings(*operation.settings);
  REQUIRE_MESSAGE(chosen.has_value(), chosen.error().message);
  REQUIRE(*chosen != nullptr);
  return **chosen;
}

Failure not_chosen(const std::string& interface) {
  const Operation operation = one({"--interface", interface, "h"});
  const auto chosen = SocketChoices().for_settings(*operation.settings);
  REQUIRE_FALSE(chosen.has_value());
  CHECK(chosen.error().message.find('\n') == std::string::npos);
  return chosen.error();
}

const SocketOptions kDefault{.keep_alive = KeepAlive{}};

SocketOptions changed(const std::function<void(SocketOptions&)>& change) {
  SocketOptions options = kDefault;
  change(options);
  return options;
}

}  // namespace

TEST_CASE("socket options: as curl, probes by default and no delay") {
  CHECK(chosen_by({}) == kDefault);
  CHECK(kDefault.tcp_nodelay);
  CHECK(kDefault.keep_alive->idle == std::chrono::seconds(60));
  CHECK(kDefault.keep_alive->interval == std::chrono::seconds(60));
  CHECK(kDefault.keep_alive->count == 9);
}

TEST_CASE("socket options: with --keepalive-time HTTP/2 connections are probed too, by PINGs") {
  using std::chrono::seconds;
  const auto interval = [](std::vector<std::string> options) {
    options.emplace_back("h");
    const auto line = parse(options);
    REQUIRE(line.has_value());
    return ping_interval(*line);
  };
  CHECK(interval({}) == std::nullopt);
  CHECK(interval({"--keepalive-time", "60"}) == seconds(60));
  CHECK(interval({"--keepalive-time", "7", "--keepalive-time", "0"}) == std::nullopt);
  CHECK(interval({"--keepalive-time", "7"}) == seconds(7));
  CHECK(interval({"--keepalive-time", "7", "--no-keepalive"}) == std::nullopt);
  CHECK(interval({"--keepalive-time", "60", "--no-keepalive", "--keepalive"}) == seconds(60));
  CHECK(interval({"--keepalive-time", "9", "h", "--next", "--keepalive-time", "5", "h", "--next"}) == seconds(5));
  CHECK(interval({"--keepalive-time", "9", "h", "--next", "--keepalive-time", "5", "--no-keepalive"}) == seconds(9));
}

TEST_CASE("socket options: each sets its member") {
  CHECK(chosen_by({"--no-keepalive"}) == SocketOptions{});
  CHECK(chosen_by({"--no-keepalive", "--keepalive"}) == kDefault);
  CHECK(chosen_by({"--keepalive-time", "7"}).keep_alive ==
        KeepAlive{.idle = std::chrono::seconds(7), .interval = std::chrono::seconds(7)});
  CHECK(chosen_by({"--keepalive-time", "7", "--keepalive-time", "0"}) == kDefault);
  CHECK(chosen_by({"--keepalive-cnt", "3"}).keep_alive == KeepAlive{.count = 3});
  CHECK(chosen_by({"--keepalive-cnt", "3", "--keepalive-cnt", "0"}) == kDefault);
  CHECK(chosen_by({"--tcp-nodelay"}) == kDefault);
  CHECK(chosen_by({"--no-tcp-nodelay"}) == changed([](SocketOptions& one) { one.tcp_nodelay = false; }));
  CHECK(chosen_by({"--tcp-fastopen"}) == changed([](SocketOptions& one) { one.tcp_fastopen = true; }));
  CHECK(chosen_by({"--tcp-fastopen", "--no-tcp-fastopen"}) == kDefault);
  CHECK(chosen_by({"--mptcp"}) == changed([](SocketOptions& one) { one.multipath = true; }));
  CHECK(chosen_by({"--vlan-priority", "0"}).priority == std::uint8_t{0});
  CHECK(chosen_by({"--vlan-priority", "7"}).priority == std::uint8_t{7});
  const SocketOptions port = chosen_by({"--local-port", "5000"});
  CHECK(port == changed([](SocketOptions& one) { one.local_port = 5000; }));
  const SocketOptions range = chosen_by({"--local-port", "5000-5010"});
  CHECK(range == changed([](SocketOptions& one) { one.local_port = 5000, one.last_local_port = 5010; }));
  CHECK(chosen_by({"--local-port", "1 - 65535"}).last_local_port == 65535);
  CHECK(chosen_by({"--local-port", "5000-5000"}).local_port == 5000);
  CHECK(chosen_by({"--local-port", "5000-5010", "--local-port", "0"}) == kDefault);
}

TEST_CASE("socket options: the type of service by number and by name") {
  const auto tos = [](const char* text) { return chosen_by({"--ip-tos", text}).ip_tos.value_or(-1); };
  CHECK(tos("0") == 0);
  CHECK(tos("255") == 255);
  CHECK(tos("CS0") == 0);
  CHECK(tos("EF") == 0xb8);
  CHECK(tos("ef") == 0xb8);
  CHECK(tos("AF11") == 0x28);
  CHECK(tos("AF43") == 0x98);
  CHECK(tos("cs7") == 0xe0);
  CHECK(tos("LE") == 0x04);
  CHECK(tos("voice-admit") == 0xb0);
  CHECK(tos("lowdelay") == 0x10);
  CHECK(tos("Throughput") == 0x08);
}

TEST_CASE("socket options: --interface is an interface, an address or a host") {
  CHECK(chosen_by({"--interface", ""}) == kDefault);
  CHECK(chosen_by({"--interface", "if!"}) == kDefault);
  CHECK(chosen_by({"--interface", "host!"}) == kDefault);
  const auto lo = changed([](SocketOptions& one) { one.interface = "lo"; });
  CHECK(chosen_by({"--interface", "lo"}) == lo);
  CHECK(chosen_by({"--interface", "if!lo"}) == lo);
  const auto address = changed([](SocketOptions& one) { one.local_addresses = {*IpAddress::parse("127.0.0.2")}; });
  CHECK(chosen_by({"--interface", "127.0.0.2"}) == address);
  CHECK(chosen_by({"--interface", "host!127.0.0.2"}) == address);
  auto both = address;
  both.interface = "lo";
  CHECK(chosen_by({"--interface", "ifhost!lo!127.0.0.2"}) == both);
  const SocketOptions zoned = chosen_by({"--interface", "fe80::1%lo"});
  REQUIRE(zoned.local_addresses.size() == 1);
  CHECK(zoned.local_addresses[0].to_string() == "fe80::1");
  CHECK(zoned.local_addresses[0].zone == "lo");
  const auto local = chosen_by({"--interface", "localhost"}).local_addresses;
  CHECK(std::find(local.begin(), local.end(), *IpAddress::parse("127.0.0.1")) != local.end());
}

TEST_CASE("socket options: an --interface that is none of these ends the transfer as in curl, with 45") {
  // The names of this machine are no names of other hosts, so none of these asks a name server.
  const auto text = [](const char* interface) {
    const Failure failure = not_chosen(interface);
    CHECK(failure.exit_code == 45);
    return failure.message;
  };
  CHECK(text("if!nosuch") == "option --interface: 'if!nosuch' names no network interface of this system");
  CHECK(text("if!127.0.0.1") == "option --interface: 'if!127.0.0.1' names no network interface of this system");
  CHECK(text("ifhost!nosuch!127.0.0.1") ==
        "option --interface: 'ifhost!nosuch!127.0.0.1' names no network interface of this system");
  CHECK(text("ifhost!lo") == "option --interface: 'ifhost!lo' has no host: expected ifhost!INTERFACE!HOST");
  CHECK(text("host!a b").starts_with("option --interface: 'host!a b' names no host of which an address is known: "));
  CHECK(
      text("a b").starts_with("option --interface: 'a b' is no network interface of this system, and no host of "
                              "which an address is known: "));
}

TEST_CASE("socket options: made once for a group of options") {
  const Operation operation = one({"--local-port", "7", "h"});
  SocketChoices choices;
  const auto first = choices.for_settings(*operation.settings);
  REQUIRE(first.has_value());
  CHECK(*choices.for_settings(*operation.settings) == *first);
}

TEST_CASE("socket options: wrong values are one clear line") {
  const auto line = [](const char* option, const char* value) {
    const UsageError error = refused({option, value, "h"});
    CHECK(error.exit_code == 2);
    return error.message;
  };
  for (const char* wrong : {"x", "5-3", "70000", "5-70000", "4-", "-4", "", "1-2-3", "+1"}) {
    CHECK(line("--local-port", wrong) ==
          "option --local-port: expected a port or a range of ports (5000-5010), not '" + std::string(wrong) + "'");
  }
  CHECK(line("--ip-tos", "256") ==
        "option --ip-tos: expected a number from 0 to 255 or a name such as AF21, CS5, EF or LowDelay, not '256'");
  CHECK(line("--ip-tos", "AF44").ends_with("not 'AF44'"));
  CHECK(line("--ip-tos", "").ends_with("not ''"));
  CHECK(line("--vlan-priority", "8") == "option --vlan-priority: expected a number from 0 to 7, not '8'");
  CHECK(line("--keepalive-time", "x") == "option --keepalive-time: expected a number, not 'x'");
  CHECK(line("--keepalive-time", "-3") == "option --keepalive-time: expected a positive number, not '-3'");
  CHECK(line("--keepalive-cnt", "x") == "option --keepalive-cnt: expected a number, not 'x'");
  CHECK(line("--dns-servers", "example.org") ==
        "option --dns-servers: \"example.org\" is no address of a name server, " +
            std::string("with or without a port"));
  CHECK(line("--dns-servers", "127.0.0.1,").starts_with("option --dns-servers: "));
  CHECK(line("--dns-interface", "nosuch") ==
        "option --dns-interface: \"nosuch\" is no network interface of this system");
  CHECK(line("--dns-ipv4-addr", "::1") == "option --dns-ipv4-addr: expected an IPv4 address, not '::1'");
  CHECK(line("--dns-ipv6-addr", "127.0.0.1") == "option --dns-ipv6-addr: expected an IPv6 address, not '127.0.0.1'");
  CHECK(line("--abstract-unix-socket", "") ==
        "option --abstract-unix-socket: the path of a Unix-domain socket is empty");
}

TEST_CASE("name options: for all groups, the last one counts") {
  const auto command =
      parse({"--dns-servers", "127.0.0.1:5353,[::1]:53", "a", "--next", "--dns-interface", "lo", "--dns-ipv4-addr",
             "127.0.0.2", "--dns-ipv6-addr", "::1", "--dns-ipv4-addr", "127.0.0.3", "b"});
  REQUIRE(command.has_value());
  CHECK(command->names.servers == "127.0.0.1:5353,[::1]:53");
  CHECK(command->names.interface == "lo");
  CHECK(command->names.local_addresses == std::vector{*IpAddress::parse("::1"), *IpAddress::parse("127.0.0.3")});
}

TEST_CASE("socket options: --abstract-unix-socket names what --unix-socket @NAME does, and the last one counts") {
  CHECK(one({"--abstract-unix-socket", "app", "h"}).settings->unix_socket == "@app");
  CHECK(one({"--unix-socket", "@app", "h"}).settings->unix_socket == "@app");
  CHECK(one({"--abstract-unix-socket", "app", "--unix-socket", "/run/app", "h"}).settings->unix_socket == "/run/app");
}

TEST_CASE("socket options: --haproxy-protocol, and --haproxy-clientip, which asks for the line too") {
  const auto sockets = [](std::vector<std::string> options) {
    options.emplace_back("h");
    return one(options).settings->sockets;
  };
  CHECK_FALSE(sockets({}).proxy_line);
  CHECK(sockets({"--haproxy-protocol"}).proxy_line);
  CHECK_FALSE(sockets({"--haproxy-protocol", "--no-haproxy-protocol"}).proxy_line);
  CHECK(sockets({"--haproxy-clientip", "2001:db8::1"}).line_client == IpAddress::parse("2001:db8::1"));
  CHECK(refused({"--haproxy-clientip", "a.test", "h"}).exit_code == 2);
}

}  // namespace sluice::cli
