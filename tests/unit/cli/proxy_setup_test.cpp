// adapters/cli/proxy_setup.hpp: from the command line and the environment to the chain for a URL.
#include "adapters/cli/proxy_setup.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "adapters/cli/progress_display.hpp"
#include "adapters/gssapi.hpp"
#include "adapters/transport.hpp"
#include "core/features.hpp"
#include "tests/unit/cli/command_line_support.hpp"

using namespace sluice;
using namespace sluice::cli;

namespace {

using ProxyVariables = std::map<std::string, std::string>;

FakeWorld world_with(ProxyVariables variables) {
  FakeWorld world;
  world.environment = std::move(variables);
  return world;
}

// Of a command line: its operation, and the choosers made of it.
struct ProxyPlan {
  explicit ProxyPlan(const std::vector<std::string>& arguments, ProxyVariables variables = {})
      : operation(one(arguments, world_with(std::move(variables)))) {}

  Operation operation;
  TlsConfigs tls{false};
  ProxyChoosers choosers{tls};

  // The chain for the URL; empty: no proxy.
  ProxyChain chain(std::string_view url) {
    const auto chooser = choosers.for_operation(operation);
    INFO((chooser ? "" : chooser.error().message));
    REQUIRE(chooser.has_value());
    if (*chooser == nullptr) return {};
    const auto ways = (*chooser)->ways_to(Url::parse(url).value());
    return ways.empty() ? ProxyChain() : *ways.at(0);
  }
  ProxyChain chain() { return chain(operation.url.text()); }
  // The only proxy of that chain.
  Proxy proxy() {
    const ProxyChain all = chain();
    REQUIRE(all.size() == 1);
    return all[0];
  }
  Failure failure() {
    const auto chooser = choosers.for_operation(operation);
    REQUIRE_FALSE(chooser.has_value());
    CHECK(chooser.error().message.find('\n') == std::string::npos);
    return chooser.error();
  }
};

// "kind host:port"
std::string place_of(const Proxy& proxy) {
  constexpr const char* kKinds[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
  return std::string(kKinds[static_cast<int>(proxy.kind)]) + " " + proxy.host + ":" + std::to_string(proxy.port);
}

std::string only_place(const std::vector<std::string>& arguments, const ProxyVariables& variables = {}) {
  const ProxyChain chain = ProxyPlan(arguments, variables).chain();
  std::string out;
  for (const Proxy& proxy : chain) out += (out.empty() ? "" : ", ") + place_of(proxy);
  return out;
}

}  // namespace

TEST_CASE("proxies: each option names its kind, and the last one counts") {
  struct Row {
    std::vector<std::string> arguments;
    std::string_view place;
  };
  for (const Row& row : {
           Row{{"h"}, ""},
           Row{{"-x", "p:1", "h"}, "http p:1"},
           Row{{"--proxy", "socks5h://p", "h"}, "socks5h p:1080"},
           Row{{"--proxy1.0", "p", "h"}, "http p:1080"},
           Row{{"--socks4", "p", "h"}, "socks4 p:1080"},
           Row{{"--socks4a", "p", "h"}, "socks4a p:1080"},
           Row{{"--socks5", "p", "h"}, "socks5 p:1080"},
           Row{{"--socks5-hostname", "p", "h"}, "socks5h p:1080"},
           Row{{"--socks5", "socks4://p", "h"}, "socks4 p:1080"},
           Row{{"--socks5", "p", "-x", "q", "h"}, "http q:1080"},
           Row{{"-x", "p", "-x", "", "h"}, ""},
           Row{{"--preproxy", "s", "h"}, "socks4 s:1080"},
           Row{{"--preproxy", "socks5://s:2", "-x", "p:3", "h"}, "socks5 s:2, http p:3"},
           Row{{"-x", "p", "--noproxy", "h", "h"}, ""},
           Row{{"-x", "p", "--noproxy", "*", "h"}, ""},
           Row{{"-x", "p", "--noproxy", "other", "h"}, "http p:1080"},
       }) {
    CAPTURE(row.arguments.front());
    CHECK(only_place(row.arguments) == row.place);
  }
}

TEST_CASE("proxies: the environment counts where no option does") {
  const ProxyVariables both = {{"http_proxy", "p:1"}, {"HTTPS_PROXY", "socks5://q:2"}, {"no_proxy", "x.test"}};
  CHECK(only_place({"http://h"}, both) == "http p:1");
  CHECK(only_place({"https://h"}, both) == "socks5 q:2");
  CHECK(only_place({"http://www.x.test"}, both) == "");
  CHECK(only_place({"--noproxy", "", "http://x.test"}, both) == "http p:1");
  CHECK(only_place({"-x", "", "http://h"}, both) == "");
  CHECK(only_place({"-x", "r", "http://h"}, both) == "http r:1080");
  CHECK(only_place({"-x", "r", "http://x.test"}, both) == "");
  CHECK(only_place({"--preproxy", "s", "http://h"}, both) == "socks4 s:1080");
  CHECK(only_place({"--socks5", "h", "--preproxy", "", "http://h"}, both) == "socks5 h:1080");
  CHECK(only_place({"http://h"}, {{"ALL_PROXY", "p:1"}}) == "http p:1");
}

TEST_CASE("SB-39 proxies: the command does not use HTTP_PROXY") {
  CHECK(only_place({"http://h"}, {{"HTTP_PROXY", "evil:1"}}) == "");
}

TEST_CASE("SB-37 proxies: the choice is made for each URL anew") {
  ProxyPlan plan({"-L", "http://h"}, {{"http_proxy", "p:1"}, {"https_proxy", "q:2"}, {"no_proxy", "x.test"}});
  CHECK(place_of(plan.chain("http://h").at(0)) == "http p:1");
  CHECK(place_of(plan.chain("https://h").at(0)) == "http q:2");
  CHECK(plan.chain("http://x.test").empty());
  CHECK(plan.choosers.for_operation(plan.operation).value() == plan.choosers.for_operation(plan.operation).value());
}

TEST_CASE("proxies: -U is decoded, and the credentials of the text count before it") {
  const auto login = [](const std::vector<std::string>& arguments) {
    const ProxyChain chain = ProxyPlan(arguments).chain();
    return chain.back().user + "|" + chain.back().password + (chain[0].user != chain.back().user ? "|!" : "");
  };
  CHECK(login({"-x", "p", "-U", "a%40b:c:d", "h"}) == "a@b|c:d");
  CHECK(login({"-x", "p", "-U", "alone", "h"}) == "alone|");
  CHECK(login({"-x", "u:v@p", "-U", "a:b", "h"}) == "u|v");
  CHECK(login({"-x", "socks5://p", "-U", "a:b", "h"}) == "a|b");
  CHECK(login({"--preproxy", "p", "-U", "a:b", "h"}) == "a|b");
  CHECK(login({"--preproxy", "s", "-x", "p", "-U", "a:b", "h"}) == "a|b|!");
}

TEST_CASE("proxies: --proxy-negotiate needs no user, and has a service") {
  if (!has_gssapi()) {
    CHECK(refused({"-x", "p", "--proxy-negotiate", "h"}).exit_code == 2);
    return;
  }
  const auto identity = [](std::vector<std::string> options) {
    options.insert(options.end(), {"-x", "p", "--proxy-negotiate", "h"});
    ProxyPlan plan(options);
    ProgressDisplay display(STDERR_FILENO, false);
    Console console(display, false, false);
    NegotiateProviders providers(console);
    plan.choosers.set_negotiate(providers, false);
    const Proxy proxy = plan.proxy();
    CHECK(proxy.schemes == AuthSchemes{.basic = false, .negotiate = true});
    REQUIRE(proxy.negotiate != nullptr);
    return proxy.negotiate->identity();
  };
  CHECK(identity({}) == identity({"--proxy-service-name", "HTTP"}));
  CHECK(identity({}) != identity({"--proxy-service-name", "proxy"}));
  CHECK(ProxyPlan({"-x", "p", "--proxy-negotiate", "--no-proxy-negotiate", "h"}).proxy().schemes == AuthSchemes{});
}

TEST_CASE("proxies: the schemes of authentication, -p and --proxy1.0") {
  const auto plain = ProxyPlan({"-x", "p", "h"}).proxy();
  CHECK(plain.schemes == AuthSchemes{});
  CHECK_FALSE(plain.tunnel);
  CHECK_FALSE(plain.http1_0);
  CHECK(ProxyPlan({"-x", "p", "--proxy-digest", "h"}).proxy().schemes == AuthSchemes{.basic = false, .digest = true});
  CHECK(ProxyPlan({"-x", "p", "--proxy-ntlm", "--proxy-basic", "h"}).proxy().schemes == AuthSchemes{.ntlm = true});
  CHECK(ProxyPlan({"-x", "p", "--proxy-anyauth", "h"}).proxy().schemes ==
        AuthSchemes{.digest = true, .ntlm = true, .negotiate = has_gssapi()});
  CHECK(ProxyPlan({"-x", "p", "--digest", "h"}).proxy().schemes == AuthSchemes{});  // the origin's
  CHECK(ProxyPlan({"-x", "p", "-p", "h"}).proxy().tunnel);
  CHECK_FALSE(ProxyPlan({"-x", "p", "-p", "--no-proxytunnel", "h"}).proxy().tunnel);
  CHECK(ProxyPlan({"--proxy1.0", "p", "h"}).proxy().http1_0);
  CHECK_FALSE(ProxyPlan({"--proxy1.0", "p", "-x", "p", "h"}).proxy().http1_0);
  CHECK_FALSE(ProxyPlan({"-x", "socks5://p", "-p", "h"}).proxy().tunnel);
}

TEST_CASE("proxies: --proxy-http2 is for https proxies, and makes one of a proxy without a scheme") {
  if (!features().http2) {
    CHECK(refused({"--proxy-http2", "h"}).exit_code == 2);
    return;
  }
  CHECK_FALSE(ProxyPlan({"-x", "https://p", "h"}).proxy().http2);
  CHECK(ProxyPlan({"-x", "https://p", "--proxy-http2", "h"}).proxy().http2);
  CHECK_FALSE(ProxyPlan({"-x", "http://p", "--proxy-http2", "h"}).proxy().http2);
  CHECK_FALSE(ProxyPlan({"-x", "https://p", "--proxy-http2", "--no-proxy-http2", "h"}).proxy().http2);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"-x", "p", "--proxy-http2", "h"}, {"--proxy-http2", "-x", "p", "h"}}) {
    CHECK(ProxyPlan(arguments).proxy().kind == ProxyKind::https);
    CHECK(ProxyPlan(arguments).proxy().http2);
  }
  CHECK(ProxyPlan({"--proxy-http2", "--socks5", "p", "h"}).proxy().kind == ProxyKind::socks5);
  CHECK(ProxyPlan({"--proxy-http2", "--proxy1.0", "p", "h"}).proxy().kind == ProxyKind::http);
}

TEST_CASE("SB-04 proxies: fields are those of --proxy-header and the User-Agent of -A, none the origin's") {
  const auto fields = [](std::vector<std::string> arguments, FakeWorld world = {}) {
    arguments.insert(arguments.begin(), {"-x", "p", "-A", "me"});
    ProxyPlan plan({"h"});
    plan.operation = one(arguments, std::move(world));
    return text_of(plan.proxy().fields);
  };
  CHECK(fields({"https://h"}) == "User-Agent: me");
  CHECK(fields({"http://h"}) == "User-Agent: me");
  CHECK(fields({"-H", "X: 1", "-b", "a=b", "-u", "u:p", "https://h"}) == "User-Agent: me");
  CHECK(fields({"-H", "User-Agent: you", "https://h"}) == "User-Agent: me");
  CHECK(fields({"-H", "User-Agent:", "https://h"}) == "User-Agent: me");
  CHECK(fields({"-H", "User-Agent:", "http://h"}) == "");
  CHECK(fields({"-H", "User-Agent:", "-p", "http://h"}) == "User-Agent: me");
  CHECK(fields({"-A", "", "https://h"}) == "");
  CHECK(fields({"--proxy-header", "X: 1", "--proxy-header", "Y;", "--proxy-header", "Z:", "https://h"}) ==
        "X: 1|Y: |User-Agent: me");
  CHECK(fields({"--proxy-header", "user-agent: p", "https://h"}) == "user-agent: p");
  CHECK(fields({"--proxy-header", "User-Agent:", "https://h"}) == "");
  FakeWorld world;
  world.files["f"] = "# no\nA: 1\r\nB: 2\n";
  CHECK(fields({"--proxy-header", "@f", "https://h"}, world) == "A: 1|B: 2|User-Agent: me");
  CHECK(text_of(one({"--proxy-header", "X: 1", "h"}).fields).find("X") == std::string::npos);
}

TEST_CASE("proxies: fields that cannot be sent are refused, without their values") {
  CHECK(refused({"--proxy-header", "secret", "h"}).message ==
        "option --proxy-header: not a field: expected 'Name: value', 'Name:' or 'Name;'");
  CHECK(refused({"--proxy-header", "X: \x01secret", "h"}).message ==
        "option --proxy-header: 'X' has a value with control bytes");
  for (const char* line : {"Host:", "host:", "Content-Length: 1", "Transfer-Encoding: chunked", "trailer: a"}) {
    CAPTURE(line);
    const UsageError error = refused({"--proxy-header", line, "h"});
    CHECK(error.exit_code == 2);
    CHECK(error.message.starts_with("option --proxy-header: "));
  }
  CHECK(text_of(ProxyPlan({"-x", "p", "-A", "", "--proxy-header", "Host: x", "h"}).proxy().fields) == "Host: x");
}

TEST_CASE("proxies: a Unix-domain socket of a SOCKS proxy is a route") {
  const Proxy proxy = ProxyPlan({"-x", "socks5h://localhost/run/p.sock", "h"}).proxy();
  REQUIRE(proxy.route != nullptr);
  CHECK(proxy.route->name() == "/run/p.sock");
  CHECK(ProxyPlan({"-x", "socks5h://localhost", "h"}).proxy().route == nullptr);
  CHECK(ProxyPlan({"-x", "socks5h://localhost/" + std::string(200, 'x'), "h"}).failure().exit_code == 43);
}

TEST_CASE("proxies: an https proxy has TLS options of its own") {
  const Proxy loose = ProxyPlan({"-x", "https://p", "--proxy-insecure", "https://h"}).proxy();
  REQUIRE(loose.tls != nullptr);
  CHECK_FALSE(loose.tls->options().verify_peer);
  ProxyPlan strict({"-x", "https://p", "-k", "--tlsv1.3", "https://h"});
  CHECK(strict.proxy().tls->options().verify_peer);
  CHECK(strict.proxy().tls->options().min_version == TlsVersion::tls1_2);
  CHECK_FALSE((*strict.tls.for_origin(*strict.operation.settings))->options().verify_peer);
  CHECK(ProxyPlan({"-x", "p", "--proxy-insecure", "https://h"}).proxy().tls == nullptr);
  CHECK(ProxyPlan({"-x", "https://p", "--proxy-cacert", "/nowhere", "h"}).failure().exit_code == 77);
  CHECK(ProxyPlan({"-x", "https://p", "--proxy-capath", "/nowhere", "h"}).failure().exit_code == 77);
  CHECK(ProxyPlan({"-x", "https://p", "--proxy-insecure", "--proxy-cert", "/nowhere:pw", "h"}).failure().exit_code ==
        58);
  CHECK(ProxyPlan({"-x", "https://p", "--proxy-insecure", "--proxy-key", "/nowhere", "h"}).failure().exit_code == 58);
}

TEST_CASE("proxies: one that cannot be used fails the transfers that would need it, with curl's exit code") {
  const Failure scheme = ProxyPlan({"-x", "foo://u:secret@p", "h"}).failure();
  CHECK(scheme.exit_code == 7);
  CHECK(scheme.message.starts_with("proxy 'p': unsupported scheme"));
  CHECK(ProxyPlan({"-x", "p:99999", "h"}).failure().exit_code == 5);
  CHECK(ProxyPlan({"--preproxy", "https://p", "h"}).failure().exit_code == 7);
  CHECK(ProxyPlan({"-x", "p", "-U", "a%0a:b", "h"}).failure().exit_code == 2);
  const ProxyVariables bad = {{"https_proxy", "foo://p"}, {"no_proxy", "x.test"}};
  CHECK(ProxyPlan({"https://h"}, bad).failure().exit_code == 7);
  CHECK(ProxyPlan({"-L", "http://h"}, bad).failure().exit_code == 7);  // it may lead there
  CHECK(only_place({"http://h"}, bad) == "");
  CHECK(only_place({"https://x.test"}, bad) == "");
  CHECK(only_place({"--noproxy", "*", "-L", "https://h"}, bad) == "");
  CHECK(only_place({"-x", "p", "https://h"}, bad) == "http p:1080");
}
