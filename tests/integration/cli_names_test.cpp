// Names in the `sluice` command: --doh-url and what belongs to it, --dns-ttl, --resolve, --no-private-addresses; HTTPS
// records and Encrypted Client Hello, with keys from them.
#include <doctest/doctest.h>

#include <mutex>
#include <string>

#include "core/base/base64.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/dnsmasq.hpp"
#include "tests/support/doh_server.hpp"
#include "tests/support/ech_server.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/proxy_servers.hpp"

using namespace sluice::test;

namespace {

// Says which URL was asked for, and closes the connection.
struct ClosingServer {
  LoopbackServer server{[](const std::string& request) {
    const std::string target = request.substr(4, request.find(' ', 4) - 4);
    Reply reply = ok(target);
    reply.bytes.insert(reply.bytes.find("\r\n") + 2, "Connection: close\r\n");
    reply.close = true;
    return reply;
  }};
  std::string port() const { return std::to_string(server.port()); }
  std::string at(const std::string& host, const std::string& path) const {
    return "http://" + host + ":" + port() + path;
  }
};

std::string param_of(int key, const std::string& value) {
  return std::string{'\0', static_cast<char>(key), static_cast<char>(value.size() >> 8),
                     static_cast<char>(value.size() & 0xff)} +
         value;
}

std::string port_param(std::uint16_t port) {
  return param_of(3, {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)});
}

// The data of an HTTPS record with priority 1 for the owner itself.
std::string record_of(const std::string& params) { return std::string("\0\1\0", 3) + params; }

std::string in_hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 0xf];
  }
  return text;
}

}  // namespace

TEST_CASE("--doh-url: names are looked up by DNS over HTTPS, both families, on one connection") {
  DohServer doh({{"a.example", {"127.0.0.1", "::1"}}, {"four.example", {"127.0.0.1"}}});
  ClosingServer origin;
  auto result = run_command(
      {"--doh-url", doh.url(), "--cacert", doh.root(), origin.at("a.example", "/1"), origin.at("four.example", "/2")});
  CHECK(result.err == "");
  CHECK(result.out == "/1/2");
  CHECK(doh.questions() == 4);
  result = run_command({"-4", "--doh-insecure", "--doh-url", doh.url(), origin.at("four.example", "/3")});
  CHECK(result.out == "/3");
  CHECK(doh.questions() == 5);  // one family alone
  // What needs no look-up, and what must not be asked for.
  result = run_command(
      {"--doh-insecure", "--doh-url", doh.url(), origin.at("127.0.0.1", "/4"), origin.at("localhost", "/5")});
  CHECK(result.out == "/4/5");
  CHECK(run_command({"--doh-insecure", "--doh-url", doh.url(), "http://x.onion/"}).exit_code == 6);
  CHECK(doh.questions() == 5);
}

TEST_CASE("--doh-url: what goes wrong is told in one line, with exit code 6") {
  DohServer doh({{"a.example", {"127.0.0.1"}}, {"none.example", {}}});
  const auto says = [&](const std::string& host) {
    const auto result = run_command({"-4", "--doh-insecure", "--doh-url", doh.url(), "http://" + host + "/"});
    CHECK(result.exit_code == 6);
    return result.err;
  };
  CHECK(says("unknown.example") == "sluice: (6) GET http://unknown.example/: resolve unknown.example: no such name\n");
  CHECK(says("none.example") == "sluice: (6) GET http://none.example/: resolve none.example: it has no address\n");
  const std::string before = "sluice: (6) GET http://a.example/: resolve a.example: ";
  doh.say("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  CHECK(says("a.example") == before + "the DNS server answered with status 503\n");
  doh.say("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi");
  CHECK(says("a.example") == before + "the answer of the DNS server is no application/dns-message\n");
  doh.say("HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: 2\r\n\r\nhi");
  CHECK(says("a.example") == before + "the answer of the DNS server is malformed\n");
  doh.say("HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: 70000\r\n\r\n");
  CHECK(says("a.example").starts_with(before));
  // The certificate of the server, which --insecure does not excuse.
  const auto refused = run_command({"-k", "--doh-url", doh.url(), "http://a.example/"});
  CHECK(refused.exit_code == 6);
  CHECK(refused.err.find("resolve a.example: ") != std::string::npos);
  CHECK(refused.err.find("certificate") != std::string::npos);
  const std::string nowhere = "https://127.0.0.1:" + std::to_string(refused_port()) + "/";
  CHECK(run_command({"--doh-url", nowhere, "http://a.example/"}).err.find("refused") != std::string::npos);
}

TEST_CASE("--doh-url: the server is reached through the proxy that its URL has") {
  DohServer doh({{"a.example", {"127.0.0.1"}}});
  ClosingServer origin;
  const std::string url = origin.at("a.example", "/1");
  const auto ask = [&](const std::string& proxy, const std::string& exceptions = "") {
    CommandOptions options;
    options.environment = {"https_proxy=" + proxy, "no_proxy=" + exceptions};
    return run_command({"-4", "--doh-insecure", "--doh-url", doh.url(), url}, options);
  };
  std::mutex mutex;
  std::string asked;
  LoopbackServer refusing([&](const std::string& request) {
    const std::lock_guard lock(mutex);
    asked = request;
    return Reply{.bytes = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"};
  });
  const std::string refuser = "127.0.0.1:" + std::to_string(refusing.port());
  CHECK(ask("http://" + refuser).exit_code == 6);
  const std::string server = doh.url().substr(8, doh.url().find('/', 8) - 8);
  CHECK(asked.starts_with("CONNECT " + server + " HTTP/1.1\r\n"));
  CHECK(ask("http://" + refuser, "127.0.0.1").out == "/1");
  const Microsocks socks(false);
  CHECK(ask("socks5h://" + socks.place()).out == "/1");
  CHECK(doh.questions() == 2);
  CHECK(refusing.requests() == 1);
}

TEST_CASE("--doh-url: a server that cannot be one is refused at once") {
  auto result = run_command({"--doh-url", "http://127.0.0.1/", "http://a.example/"});
  CHECK(result.exit_code == 1);
  CHECK(result.err ==
        "sluice: (1) option --doh-url: http://127.0.0.1/: a server for DNS over HTTPS has an https URL\n");
  result = run_command({"--doh-url", "https://", "http://a.example/"});
  CHECK(result.exit_code == 3);
  CHECK(result.err.starts_with("sluice: (3) option --doh-url: "));
}

TEST_CASE("--https-records, --ech: HTTPS records by DNS over HTTPS say where to connect, and with which keys") {
  EchServer origin;
  const std::string wrong_port = std::to_string(refused_port());
  DohServer doh(
      {{"hidden.test", {"127.0.0.1"}}, {"plain.test", {"127.0.0.1"}}, {"bad.test", {"127.0.0.1"}}}, 60,
      {{"hidden.test", record_of(port_param(origin.port()) + param_of(5, origin.list()))}, {"bad.test", "?"}});
  const auto visit = [&](std::vector<std::string> arguments, const std::string& url = "https://hidden.test/") {
    arguments.insert(arguments.end(), {"--doh-url", doh.url(), "--doh-insecure", "--cacert", origin.root(), url});
    return run_command(std::move(arguments));
  };
  CHECK(visit({"--https-records"}).out == "hidden.test in clear");
  CHECK(doh.questions() == 3);
  CHECK(visit({"--ech", "true"}).out == "hidden.test hidden");
  CHECK(visit({"--ech", "hard"}).out == "hidden.test hidden");
  CHECK(doh.questions() == 9);
  const auto none = visit({"--ech", "hard"}, "https://plain.test/");
  CHECK(none.exit_code == 35);
  CHECK(none.err.find("plain.test:443 has no keys in an HTTPS record") != std::string::npos);
  const auto bad = visit({"--ech", "hard"}, "https://bad.test/");
  CHECK(bad.exit_code == 35);
  CHECK(bad.err.find("the HTTPS records of bad.test:443 are not known") != std::string::npos);
  // The server has other keys now than those that it names, and then none; and the record is that of another port.
  const std::string url = "https://hidden.test:" + wrong_port + "/";
  const std::string owner = "_" + wrong_port + "._https.hidden.test";  // whose addresses count
  DohServer old({{"hidden.test", {"127.0.0.9"}}, {owner, {"127.0.0.1"}}}, 60,
                {{owner, record_of(port_param(origin.port()) + param_of(5, origin.other_list()))}});
  const auto visit_old = [&](const std::string& mode) {
    return run_command({"--ech", mode, "--doh-url", old.url(), "--doh-insecure", "--cacert", origin.root(), url});
  };
  CHECK(visit_old("true").out == "hidden.test hidden");
  CHECK(visit_old("hard").out == "hidden.test hidden");
  CHECK(visit_old("grease").exit_code == 7);
  const std::string own = "https://hidden.test:" + std::to_string(origin.port()) + "/";
  const auto listed = [&](const std::string& list) {
    return run_command({"--ech", "ecl:" + sluice::base64(list), "--doh-url", doh.url(), "--doh-insecure", "--cacert",
                        origin.root(), own});
  };
  CHECK(listed(origin.list()).out == "hidden.test hidden");
  CHECK(listed(origin.other_list()).out == "hidden.test hidden");
  origin.take_none();
  CHECK(visit_old("true").out == "hidden.test in clear");
  CHECK(visit_old("hard").exit_code == 35);
  CHECK(listed(origin.list()).exit_code == 35);
}

TEST_CASE("--https-records: a name that is too long with the labels of its port is looked up all the same") {
  const std::string label(62, 'a'), host = label + "." + label + "." + label + "." + std::string(55, 'a');
  DohServer doh({{host, {"127.0.0.1"}}});
  const auto visit = [&](const std::string& port) {
    return run_command({"--https-records", "--doh-url", doh.url(), "--doh-insecure", "-m", "20",
                        "https://" + host + ":" + port + "/"});
  };
  CHECK(visit(std::to_string(refused_port())).exit_code == 7);
  CHECK(doh.questions() == 2);
}

TEST_CASE("--https-records, --ech: HTTPS records of a name server") {
  EchServer origin;
  const std::string params = port_param(origin.port()) + param_of(5, origin.list());
  const Dnsmasq dns({"host-record=hidden.test,127.0.0.9,60", "host-record=svc.test,127.0.0.1,60",
                     "dns-rr=hidden.test,65," + in_hex(std::string("\0\1\3svc\4test\0", 12) + params)});
  const auto visit = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"--dns-servers", dns.address(), "--cacert", origin.root(), "https://hidden.test/"});
    return run_command(std::move(arguments));
  };
  const auto plain = visit({"--https-records", "-w", " %{remote_ip}"});
  CHECK(plain.err == "");
  CHECK(plain.out == "hidden.test in clear 127.0.0.1");
  CHECK(dns.count("query[HTTPS] hidden.test") == 1);
  CHECK(dns.count("query[A] svc.test") == 1);
  CHECK(visit({"--ech", "hard"}).out == "hidden.test hidden");
  CHECK(visit({}).exit_code == 7);
  CHECK(dns.count("query[HTTPS] hidden.test") == 2);
}

TEST_CASE("--resolve: an address of a URL, in brackets, is replaced too") {
  ClosingServer origin;
  const std::string url = "http://[::5]:" + origin.port() + "/";
  CHECK(run_command({"--resolve", "[::5]:" + origin.port() + ":127.0.0.1", url}).out == "/");
  CHECK(run_command({"--resolve", "[0::0:5]:" + origin.port() + ":127.0.0.1", url}).out == "/");
}

TEST_CASE("--dns-ttl: how long an answer serves further connections") {
  DohServer doh({{"a.example", {"127.0.0.1"}}});
  ClosingServer origin;
  std::vector<std::string> words = {"-4", "--doh-insecure", "--doh-url", doh.url()};
  for (int i = 0; i < 3; ++i) words.push_back(origin.at("a.example", "/" + std::to_string(i)));
  CHECK(run_command(words).out == "/0/1/2");
  CHECK(doh.questions() == 1);
  words.insert(words.end(), {"--dns-ttl", "0"});
  CHECK(run_command(words).out == "/0/1/2");
  CHECK(doh.questions() == 4);
}

TEST_CASE("--resolve: * is for each host, also after a redirect, but one with an entry of its own; + ends") {
  ClosingServer origin;
  LoopbackServer redirects([&](const std::string&) {
    return Reply{.bytes = "HTTP/1.1 302 Found\r\nLocation: " + origin.at("elsewhere.onion", "/found") +
                          "\r\nContent-Length: 0\r\n\r\n"};
  });
  const std::string any = "*:" + origin.port() + ":127.0.0.1";
  auto result = run_command({"-L", "--resolve", any, redirects.url()});
  CHECK(result.out == "/found");
  result = run_command({"--resolve", any, "--resolve", "own.onion:" + origin.port() + ":127.0.0.9,127.0.0.1", "-w",
                        "%{remote_ip}", origin.at("own.onion", "/"), origin.at("192.0.2.1", "/")});
  CHECK(result.out == "/127.0.0.1/127.0.0.1");
  result = run_command({"--resolve", any, "--resolve", "-*:" + origin.port(), origin.at("gone.onion", "/")});
  CHECK(result.exit_code == 6);
  // The second transfer begins a second later.
  std::vector<std::string> words = {
      "--rate", "1/s", "--dns-ttl", "0.5", origin.at("a.onion", "/1"), origin.at("a.onion", "/2"), "--resolve"};
  words.push_back("a.onion:" + origin.port() + ":127.0.0.1");
  CHECK(run_command(words).out == "/1/2");
  words.back() = "+" + words.back();
  result = run_command(words);
  CHECK(result.exit_code == 6);
  CHECK(result.out == "/1");
}

TEST_CASE("SB-90 --no-private-addresses: nothing inside is connected to, whatever leads there; names in proxies pass") {
  ClosingServer inside;
  const std::string forbidden = ": forbidden by the address rule\n";
  auto result = run_command({"--no-private-addresses", inside.at("127.0.0.1", "/")});
  CHECK(result.exit_code == 7);
  CHECK(result.err ==
        "sluice: (7) GET " + inside.at("127.0.0.1", "/") + ": connect to 127.0.0.1:" + inside.port() + forbidden);
  result = run_command({"--no-private-addresses", inside.at("[::ffff:127.0.0.1]", "/")});
  CHECK(result.exit_code == 7);
  result = run_command(
      {"--no-private-addresses", "--resolve", "a.test:" + inside.port() + ":127.0.0.1", inside.at("a.test", "/")});
  CHECK(result.exit_code == 7);
  CHECK(result.err.find("a.test:" + inside.port() + ": connect to 127.0.0.1:") != std::string::npos);
  CHECK(run_command({"--no-private-addresses", "--connect-to", "::127.0.0.1:" + inside.port(), "http://a.test/"})
            .exit_code == 7);
  DohServer doh({{"a.example", {"10.1.2.3", "127.0.0.1"}}});
  result = run_command(
      {"-4", "--no-private-addresses", "--doh-insecure", "--doh-url", doh.url(), inside.at("a.example", "/")});
  CHECK(result.exit_code == 7);
  CHECK(result.err.find("connect to 10.1.2.3:") != std::string::npos);
  CHECK(result.err.find("connect to 127.0.0.1:") != std::string::npos);
  CHECK(inside.server.accepted() == 0);
  // A proxy is the user's own choice; what the URL names is not.
  const std::string proxy = "http://127.0.0.1:" + inside.port();
  CHECK(run_command({"--no-private-addresses", "-x", proxy, "http://a.test/"}).out == "http://a.test/");
  for (const char* scheme : {"http", "socks5h", "socks5"}) {
    CAPTURE(scheme);
    const std::string through = std::string(scheme) + "://127.0.0.1:" + inside.port();
    result = run_command({"--no-private-addresses", "-x", through, "http://10.1.2.3/"});
    CHECK(result.exit_code == 7);
    CHECK(result.err.ends_with("connect to 10.1.2.3:80" + forbidden));
  }
}
