// -x and what belongs to it, with proxies that a script plays: what each of them is sent, and how failures end. Real
// proxies: cli_proxy_servers_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

constexpr const char* kTunnel = "HTTP/1.1 200 Connection established\r\n\r\n";

std::string place(const LoopbackServer& server) { return "127.0.0.1:" + std::to_string(server.port()); }

bool is_connect(const std::string& request) { return request.starts_with("CONNECT "); }

// A proxy that opens every tunnel and then is the origin itself, which answers with its number of requests so far.
class ScriptedProxy {
 public:
  // `answer`: to CONNECT.
  explicit ScriptedProxy(std::string answer = kTunnel) : answer_(std::move(answer)) {}
  std::string place() const { return ::place(server_); }
  const LoopbackServer& server() const { return server_; }
  // All requests so far.
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  Reply answer(const std::string& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    return is_connect(request) ? Reply{.bytes = answer_} : ok(std::to_string(requests_.size()));
  }

  const std::string answer_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  LoopbackServer server_{[this](const std::string& request) { return answer(request); }};
};

// The request's field with its value, "Name: value"; "": it has none, or several.
std::string field_in(const std::string& request, const std::string& name) {
  const std::string line = "\r\n" + name + ": ";
  const std::size_t at = request.find(line);
  if (at == std::string::npos || request.find(line, at + 1) != std::string::npos) return "";
  return request.substr(at + 2, request.find('\r', at + 2) - at - 2);
}

void check_one_line(const CommandResult& result, int code) {
  CAPTURE(result.err);
  CHECK(result.exit_code == code);
  CHECK(result.err.starts_with("sluice: (" + std::to_string(code) + ") "));
  CHECK(std::ranges::count(result.err, '\n') == 1);
}

std::string repeated(const std::string& text, std::ptrdiff_t count) {
  std::string all;
  for (; count > 0; --count) all += text;
  return all;
}

CommandOptions with_environment(std::vector<std::string> entries) {
  CommandOptions options;
  options.environment = std::move(entries);
  return options;
}

}  // namespace

TEST_CASE("-x: an http URL is asked for in absolute form, with what is meant for the proxy") {
  const ScriptedProxy proxy;
  const auto result = run_command({"-x", proxy.place(), "-U", "me:se%63ret", "--proxy-header", "X-P: 1", "-w",
                                   " %{http_code} %{proxy_used} %{http_connect}", "http://o.test/x?y"});
  CHECK(result.out == "1 200 1 000");
  const auto requests = proxy.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].starts_with("GET http://o.test/x?y HTTP/1.1\r\nHost: o.test\r\n"));
  CHECK(field_in(requests[0], "Proxy-Authorization") == "Proxy-Authorization: Basic bWU6c2VjcmV0");
  CHECK(field_in(requests[0], "X-P") == "X-P: 1");
  CHECK(field_in(requests[0], "User-Agent").starts_with("User-Agent: sluice/"));
}

TEST_CASE("SB-03 SB-04 a tunnel: CONNECT has nothing of the origin's, and the origin nothing of the proxy's") {
  const ScriptedProxy proxy;
  const auto result =
      run_command({"-p", "-x", "http://me:secret@" + proxy.place(), "--proxy-header", "X-P: 1", "-A", "agent", "-H",
                   "X-O: 1", "-b", "a=b", "-u", "you:word", "-w", " %{http_connect}", "http://o.test/x"});
  CHECK(result.out == "2 200");
  const auto requests = proxy.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].starts_with("CONNECT o.test:80 HTTP/1.1\r\nHost: o.test:80\r\n"));
  CHECK(field_in(requests[0], "Proxy-Authorization") == "Proxy-Authorization: Basic bWU6c2VjcmV0");
  CHECK(field_in(requests[0], "User-Agent") == "User-Agent: agent");
  CHECK(field_in(requests[0], "X-P") == "X-P: 1");
  for (const char* name : {"\r\nX-O", "\r\nCookie", "\r\nAuthorization", "\r\nAccept"})
    CHECK_FALSE(requests[0].contains(name));
  CHECK(requests[1].starts_with("GET /x HTTP/1.1\r\nHost: o.test\r\n"));
  CHECK(field_in(requests[1], "Authorization") == "Authorization: Basic eW91OndvcmQ=");
  CHECK_FALSE(requests[1].contains("Proxy-"));
  CHECK_FALSE(requests[1].contains("X-P"));
}

TEST_CASE("-x: --proxy1.0, and options that change what CONNECT has") {
  const ScriptedProxy proxy;
  run_command({"--proxy1.0", proxy.place(), "-p", "http://o.test:8080/"});
  run_command({"-x", proxy.place(), "-p", "-A", "", "-H", "User-Agent: you", "http://o.test/"});
  run_command({"-x", proxy.place(), "-p", "--proxy-header", "User-Agent: p", "http://o.test/"});
  run_command({"-x", proxy.place(), "-H", "User-Agent:", "--proxy-header", "Host: q", "http://o.test/"});
  run_command({"-x", proxy.place(), "-p", "--proxy-header", "Host: q", "http://o.test/"});
  const auto requests = proxy.requests();
  REQUIRE(requests.size() == 9);
  CHECK(requests[0].starts_with("CONNECT o.test:8080 HTTP/1.0\r\n"));
  CHECK_FALSE(requests[2].contains("User-Agent"));
  CHECK(field_in(requests[3], "User-Agent") == "User-Agent: you");
  CHECK(field_in(requests[4], "User-Agent") == "User-Agent: p");
  CHECK_FALSE(requests[6].contains("User-Agent"));
  CHECK(field_in(requests[6], "Host") == "Host: o.test");
  CHECK(field_in(requests[7], "Host") == "Host: q");
  CHECK(field_in(requests[8], "Host") == "Host: o.test");
}

TEST_CASE("SB-36 transfers share a tunnel only if their proxy credentials are the same") {
  const ScriptedProxy proxy;
  const std::string url = "http://o.test/";
  const auto connects = [&](const std::string& first, const std::string& second) {
    const std::size_t before = proxy.requests().size();
    CHECK(run_command(
              {"-p", "-x", proxy.place(), "-U", first, url, "--next", "-p", "-x", proxy.place(), "-U", second, url})
              .exit_code == 0);
    const auto all = proxy.requests();
    return std::count_if(all.begin() + static_cast<std::ptrdiff_t>(before), all.end(), is_connect);
  };
  CHECK(connects("a:b", "a:b") == 1);
  CHECK(connects("a:b", "a:c") == 2);
  CHECK(connects("a:b", "c:b") == 2);
}

TEST_CASE("407: the proxy's response is the result of a request that it was to pass on") {
  LoopbackServer proxy([](const std::string&) {
    return Reply{.bytes =
                     "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"r\"\r\nContent-Length: 5\r\n\r\nwho?\n"};
  });
  const auto result = run_command({"-x", place(proxy), "-w", "%{http_code}", "http://o.test/"});
  CHECK(result.out == "who?\n407");
  CHECK(result.exit_code == 0);
}

TEST_CASE("SB-40 an answer to CONNECT other than 2xx is an error, and nothing of it is the origin's") {
  for (const std::string head : {"407 Who", "302 There", "403 No", "500 Sorry"}) {
    CAPTURE(head);
    LoopbackServer proxy([&](const std::string&) {
      return Reply{.bytes = "HTTP/1.1 " + head +
                            "\r\nSet-Cookie: a=evil\r\nLocation: http://evil.test/\r\nContent-Length: 4\r\n\r\nevil"};
    });
    const TempFolder folder;
    CommandOptions there;
    there.directory = folder.path();
    const auto result = run_command({"-p", "-L", "-i", "-c", "jar", "-x", place(proxy), "-w",
                                     "%{http_connect} %{http_code}", "http://o.test/", "--suppress-connect-headers"},
                                    there);
    check_one_line(result, 56);
    CHECK(result.out == head.substr(0, 3) + " 000");
    CHECK(result.err.contains("status " + head.substr(0, 3)));
    CHECK_FALSE(read_file(folder.path() / "jar").contains("evil"));
    CHECK(proxy.requests() == 1);
  }
}

TEST_CASE("SB-41 refusals of a tunnel, cut or reset at every byte, are errors of their transfers alone") {
  const std::string refusal =
      "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"r\"\r\nContent-Length: 4\r\n\r\nwho?";
  LoopbackServer proxy([&](const std::string&, int connection) {
    const auto size = static_cast<std::size_t>(connection) % (refusal.size() + 1);
    return Reply{.bytes = refusal.substr(0, size), .close = connection % 2 == 0, .reset = connection % 2 == 1};
  });
  const std::string count = std::to_string(2 * (refusal.size() + 1));
  const auto result = run_command({"-Z", "-p", "-x", place(proxy), "-U", "me:wrong", "--no-progress-meter", "-w",
                                   "%{exitcode} %{http_code}\n", "http://o.test/[1-" + count + "]"});
  CHECK(result.exit_code == 56);
  const auto lines = std::ranges::count(result.out, '\n');
  CHECK(std::to_string(lines) == count);
  CHECK(result.out == repeated("56 000\n", lines));
}

TEST_CASE("SB-40 the length that a 200 to CONNECT claims is ignored") {
  LoopbackServer proxy([](const std::string& request) {
    if (!is_connect(request)) return ok("origin");
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nTransfer-Encoding: chunked\r\n\r\n"};
  });
  CHECK(run_command({"-p", "-i", "--suppress-connect-headers", "-x", place(proxy), "http://o.test/"}).out ==
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\norigin");
}

TEST_CASE(
    "-i and -D have the heads of responses to CONNECT, as they came, unless --suppress-connect-headers is given") {
  const ScriptedProxy proxy;
  const TempFolder folder;
  CommandOptions there;
  there.directory = folder.path();
  const auto shown = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"-p", "-x", proxy.place(), "http://o.test/"});
    return run_command(options, there).out;
  };
  CHECK(shown({"-i"}) == std::string(kTunnel) + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
  CHECK(shown({"-D", "heads"}) == "4");
  CHECK(read_file(folder.path() / "heads") == std::string(kTunnel) + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
  CHECK(shown({"-i", "--suppress-connect-headers"}) == "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n6");
  CHECK(shown({"-D", "heads", "--suppress-connect-headers"}) == "8");
  CHECK_FALSE(read_file(folder.path() / "heads").contains("established"));
}

TEST_CASE("SB-37 after a redirect each proxy, and an origin without one, gets what is its own alone") {
  const ScriptedProxy second("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  LoopbackServer direct([&](const std::string& request) {
    return ok(request.contains("Proxy-") || request.contains("X-P") ? "leaked" : "clean");
  });
  std::string target;
  LoopbackServer first([&](const std::string& request) {
    if (field_in(request, "Proxy-Authorization") != "Proxy-Authorization: Basic YTpi") return ok("whom?");
    return Reply{.bytes = "HTTP/1.1 302 There\r\nLocation: " + target + "\r\nContent-Length: 0\r\n\r\n"};
  });
  const auto environment = with_environment(
      {"http_proxy=http://a:b@" + place(first), "https_proxy=http://c:d@" + second.place(), "no_proxy=127.0.0.1"});
  target = direct.url();
  CHECK(run_command({"-L", "--proxy-header", "X-P: 1", "http://o.test/"}, environment).out == "clean");
  // The tunnel to an https URL is made by the other proxy, which has its own credentials.
  target = "https://o.test:444/";
  check_one_line(run_command({"-L", "http://o.test/"}, environment), 56);
  const auto requests = second.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].starts_with("CONNECT o.test:444 HTTP/1.1\r\n"));
  CHECK(field_in(requests[0], "Proxy-Authorization") == "Proxy-Authorization: Basic Yzpk");
}

TEST_CASE("variables of the environment, and the options that count before them") {
  const ScriptedProxy proxy;
  LoopbackServer direct([](const std::string&) { return ok("direct"); });
  const std::string url = direct.url();
  const auto is_direct = [&](std::vector<std::string> entries, std::vector<std::string> options = {}) {
    options.push_back(url);
    return run_command(options, with_environment(std::move(entries))).out == "direct";
  };
  const std::string at = proxy.place();
  CHECK(is_direct({}));
  CHECK_FALSE(is_direct({"http_proxy=" + at}));
  CHECK_FALSE(is_direct({"ALL_PROXY=" + at}));
  CHECK(is_direct({"https_proxy=" + at}));
  CHECK(is_direct({"http_proxy=" + at, "no_proxy=127.0.0.0/8"}));
  CHECK(is_direct({"http_proxy=" + at, "NO_PROXY=*"}));
  CHECK_FALSE(is_direct({"http_proxy=" + at, "no_proxy=*"}, {"--noproxy", ""}));
  CHECK(is_direct({"http_proxy=" + at}, {"-x", ""}));
  CHECK(is_direct({"http_proxy=" + at}, {"--noproxy", "x.test 127.0.0.1"}));
  CHECK(is_direct({"no_proxy=127.0.0.1"}, {"-x", at}));
}

TEST_CASE("SB-39 the command does not use HTTP_PROXY") {
  const ScriptedProxy proxy;
  LoopbackServer direct([](const std::string&) { return ok("direct"); });
  CHECK(run_command({direct.url()}, with_environment({"HTTP_PROXY=" + proxy.place()})).out == "direct");
  CHECK(proxy.requests().empty());
}

TEST_CASE("failures on the way through a proxy are one line, with curl's exit codes") {
  const std::string nobody = "127.0.0.1:" + std::to_string(refused_port());
  const auto refused = run_command({"-x", nobody, "http://o.test/"});
  check_one_line(refused, 7);
  CHECK(refused.err.contains(nobody));
  check_one_line(run_command({"-x", "socks5h://" + nobody, "http://o.test/"}), 7);
  check_one_line(run_command({"-x", "no-such-name.onion:1", "http://o.test/"}), 5);
  check_one_line(run_command({"--socks5", "no-such-name.onion:1", "http://127.0.0.1/"}), 5);
  const auto scheme = run_command({"-x", "foo://u:secret@" + nobody, "http://o.test/"});
  check_one_line(scheme, 7);
  CHECK_FALSE(scheme.err.contains("secret"));
  check_one_line(run_command({"-x", "http://a b", "http://o.test/"}), 5);
  check_one_line(run_command({"-x", "127.0.0.1:99999", "http://o.test/"}), 5);

  LoopbackServer silent([](const std::string&) { return Reply{.bytes = "", .hold = true}; });
  check_one_line(run_command({"-p", "--connect-timeout", "0.3", "-x", place(silent), "http://o.test/"}), 28);
  LoopbackServer closing([](const std::string&) { return Reply{.bytes = "", .close = true}; });
  check_one_line(run_command({"-p", "-x", place(closing), "http://o.test/"}), 56);
  check_one_line(run_command({"-x", place(closing), "http://o.test/"}), 52);
  LoopbackServer talker([](const std::string&) { return ok("no SOCKS"); });
  check_one_line(run_command({"--socks5", place(talker), "-m", "0.5", "http://127.0.0.1/"}), 28);
}

TEST_CASE("SB-31 -v, --trace and --har tell of the proxy, and not of its credentials") {
  const ScriptedProxy proxy;
  const TempFolder folder;
  CommandOptions there;
  there.directory = folder.path();
  const std::vector<std::string> rest = {"-x", "http://me:secret@" + proxy.place(), "http://o.test/"};
  const auto told = [&](std::vector<std::string> options) {
    options.insert(options.end(), rest.begin(), rest.end());
    return run_command(options, there).err;
  };
  const std::string verbose = told({"-v"});
  CHECK(verbose.contains("* Through the proxy http://" + proxy.place() + "\n"));
  CHECK(verbose.contains("> Proxy-Authorization: Basic <redacted>\n"));
  const std::string tunnel = told({"-v", "-p"});
  CHECK(tunnel.contains(", which answered CONNECT with 200\n"));
  CHECK(tunnel.starts_with("* Establish HTTP proxy tunnel to o.test:80\n> CONNECT o.test:80 HTTP/1.1\n"));
  CHECK(tunnel.contains("\n< HTTP/1.1 200 Connection established\n< \n* CONNECT tunnel established, response 200\n"));
  told({"-p", "--trace-ascii", "tunnel"});
  CHECK(read_file(folder.path() / "tunnel").contains("CONNECT o.test:80 HTTP/1.1\n"));
  told({"--trace-ascii", "trace", "--har", "har"});
  for (const std::string& text : {verbose, tunnel, read_file(folder.path() / "tunnel"),
                                  read_file(folder.path() / "trace"), read_file(folder.path() / "har")}) {
    CHECK_FALSE(text.contains("secret"));
    CHECK_FALSE(text.contains("bWU6c2VjcmV0"));
  }
  CHECK(read_file(folder.path() / "trace").contains("Proxy-Authorization: Basic <redacted>"));
}
