// core/proxy_rules.hpp: the texts of proxies, hosts without one, variables and the choice for a URL, row by row.
#include "core/proxy_rules.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "core/features.hpp"
#include "core/url.hpp"

using namespace sluice;

namespace {

struct ProxyTextRow {
  std::string_view text;
  ProxyKind kind;
  std::string_view host;
  std::uint16_t port;
  std::string_view user, password, socket;
};

void check_proxy_text(const ProxyTextRow& row, ProxyKind without_scheme = ProxyKind::http) {
  CAPTURE(row.text);
  const auto parsed = parse_proxy(row.text, without_scheme);
  REQUIRE(parsed);
  CHECK(parsed->proxy.kind == row.kind);
  CHECK(parsed->proxy.host == row.host);
  CHECK(parsed->proxy.port == row.port);
  CHECK(parsed->proxy.user == row.user);
  CHECK(parsed->proxy.password == row.password);
  CHECK(parsed->socket == row.socket);
}

std::string proxy_text_error(std::string_view text, Code code) {
  const auto parsed = parse_proxy(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == code);
  return parsed.error().message();
}

// Whether the URL's host needs no proxy.
bool is_excepted(std::string_view list, std::string_view url) { return NoProxy(list).matches(Url::parse(url).value()); }

struct ExceptionRow {
  std::string_view list, url;
  bool matches;
};

template <std::size_t N>
void check_exceptions(const ExceptionRow (&rows)[N]) {
  for (const ExceptionRow& row : rows) {
    CAPTURE(row.list);
    CAPTURE(row.url);
    CHECK(is_excepted(row.list, row.url) == row.matches);
  }
}

ProxyEnvironment environment_of(const std::map<std::string, std::string>& variables) {
  return ProxyEnvironment::read([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

std::shared_ptr<const ProxyChain> chain_of(std::string_view host) {
  return std::make_shared<const ProxyChain>(ProxyChain{Proxy{.host = std::string(host), .port = 1}});
}

// The host of the first proxy of the first way; "": no proxy.
std::string way_to(const ProxyChooser& chooser, std::string_view url) {
  const auto ways = chooser.ways_to(Url::parse(url).value());
  return ways.empty() ? "" : ways.at(0)->at(0).host;
}

}  // namespace

TEST_CASE("the text of a proxy: scheme, host, port and their defaults") {
  for (const ProxyTextRow& row : {
           ProxyTextRow{"p.test", ProxyKind::http, "p.test", 1080, "", "", ""},
           ProxyTextRow{"p.test:80", ProxyKind::http, "p.test", 80, "", "", ""},
           ProxyTextRow{"p.test:", ProxyKind::http, "p.test", 1080, "", "", ""},
           ProxyTextRow{"http://P.Test:3128/", ProxyKind::http, "p.test", 3128, "", "", ""},
           ProxyTextRow{"HTTP://p.test/some/path?query", ProxyKind::http, "p.test", 1080, "", "", ""},
           ProxyTextRow{"https://p.test", ProxyKind::https, "p.test", 443, "", "", ""},
           ProxyTextRow{"https://p.test:80", ProxyKind::https, "p.test", 80, "", "", ""},
           ProxyTextRow{"socks://p.test", ProxyKind::socks4, "p.test", 1080, "", "", ""},
           ProxyTextRow{"socks4://p.test", ProxyKind::socks4, "p.test", 1080, "", "", ""},
           ProxyTextRow{"socks4a://p.test:9", ProxyKind::socks4a, "p.test", 9, "", "", ""},
           ProxyTextRow{"socks5://p.test", ProxyKind::socks5, "p.test", 1080, "", "", ""},
           ProxyTextRow{"SOCKS5H://p.test", ProxyKind::socks5h, "p.test", 1080, "", "", ""},
           ProxyTextRow{"[::1]", ProxyKind::http, "::1", 1080, "", "", ""},
           ProxyTextRow{"http://[0:0::1]:8080", ProxyKind::http, "::1", 8080, "", "", ""},
       })
    check_proxy_text(row);
}

TEST_CASE("the text of a proxy: the zone of an IPv6 address") {
  const auto parsed = parse_proxy("http://[fe80::1%25eth0]:3128", ProxyKind::http);
  REQUIRE(parsed.has_value());
  CHECK(parsed->proxy.host == "fe80::1");
  CHECK(parsed->proxy.zone == "eth0");
  CHECK(parsed->proxy.port == 3128);
}

TEST_CASE("the text of a proxy: user and password are decoded as curl does it") {
  for (const ProxyTextRow& row : {
           ProxyTextRow{"u:p@p.test", ProxyKind::http, "p.test", 1080, "u", "p", ""},
           ProxyTextRow{"socks5://u@p.test:5", ProxyKind::socks5, "p.test", 5, "u", "", ""},
           ProxyTextRow{"http://a%40b:c%3ad:e@p.test", ProxyKind::http, "p.test", 1080, "a@b", "c:d:e", ""},
           ProxyTextRow{"http://u:c%25zd@p.test:80", ProxyKind::http, "p.test", 80, "u", "c%zd", ""},
           ProxyTextRow{"http://u:80@p.test", ProxyKind::http, "p.test", 1080, "u", "80", ""},
           ProxyTextRow{"http://:@[::1]", ProxyKind::http, "::1", 1080, "", "", ""},
       })
    check_proxy_text(row);
  const auto login = parse_proxy_login("a%40b:c%zz:%41");
  REQUIRE(login);
  CHECK(login->user == "a@b");
  CHECK(login->password == "c%zz:A");
  CHECK(parse_proxy_login("alone")->user == "alone");
  CHECK(parse_proxy_login("alone")->password.empty());
  CHECK(parse_proxy_login("u:%0a").error().code == Code::invalid_url);
}

TEST_CASE("the text of a proxy: what stands without a scheme, and a Unix-domain socket of a SOCKS proxy") {
  check_proxy_text({"p.test", ProxyKind::socks5h, "p.test", 1080, "", "", ""}, ProxyKind::socks5h);
  check_proxy_text({"http://p.test", ProxyKind::socks5, "p.test", 1080, "", "", ""}, ProxyKind::socks5);
  check_proxy_text({"socks4://p.test", ProxyKind::socks4, "p.test", 1080, "", "", ""}, ProxyKind::socks5);
  check_proxy_text(
      {"socks5h://localhost/run/p%20q.sock", ProxyKind::socks5h, "localhost", 1080, "", "", "/run/p q.sock"});
  check_proxy_text({"localhost/run/p.sock", ProxyKind::socks4, "localhost", 1080, "", "", "/run/p.sock"},
                   ProxyKind::socks4);
  check_proxy_text({"socks5://localhost/", ProxyKind::socks5, "localhost", 1080, "", "", ""});
  check_proxy_text({"socks5://other/run/p.sock", ProxyKind::socks5, "other", 1080, "", "", ""});
  check_proxy_text({"http://localhost/run/p.sock", ProxyKind::http, "localhost", 1080, "", "", ""});
}

TEST_CASE("the text of a proxy: errors are one line without user and password") {
  CHECK(proxy_text_error("foo://u:secret@p.test", Code::unsupported_scheme) ==
        "proxy 'p.test': unsupported scheme, where http, https, socks4, socks4a, socks5 or socks5h is needed");
  CHECK(proxy_text_error("p.test:99999", Code::invalid_url).starts_with("proxy 'p.test:99999': invalid URL: port"));
  for (const std::string_view text :
       {"", "http://", "http://a b", "p.test:0", "p.test:x", "::1", "[::1", "127.1", "a@b@c", "u:secret/x@p.test",
        "u:%00@p.test", "u:secret%0a@p.test", "socks5://localhost/%00"}) {
    CAPTURE(text);
    const std::string message = proxy_text_error(text, Code::invalid_url);
    CHECK(message.find("secret") == std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("hosts without a proxy: names match on the boundary of a label") {
  check_exceptions({
      {"x.test", "http://x.test/", true},
      {"x.test", "https://www.x.test:8443/", true},
      {"x.test", "http://notx.test/", false},
      {"x.test", "http://x.test.evil.test/", false},
      {".x.test", "http://x.test/", true},
      {".x.test", "http://www.x.test/", true},
      {"www.x.test", "http://x.test/", false},
      {"X.TEST.", "http://x.test/", true},
      {"x.test", "http://X.test./", true},
      {"test", "http://x.test/", true},
      {"t", "http://x.test/", false},
      {".", "http://x.test/", false},
      {"..x.test", "http://x.test/", false},
      {"", "http://x.test/", false},
      {"x.test:80", "http://x.test/", false},
  });
}

TEST_CASE("proxies and hosts without one may have names beyond ASCII") {
  if (!features().idn) return;
  check_proxy_text({"b\u00fccher.test:1", ProxyKind::http, "xn--bcher-kva.test", 1, "", "", ""});
  check_exceptions({{"b\u00fccher.test", "http://xn--bcher-kva.test/", true}});
}

TEST_CASE("hosts without a proxy: lists, and the star that stands alone") {
  check_exceptions({
      {"foo,x.test", "http://x.test/", true},
      {"foo x.test", "http://x.test/", true},
      {" foo ,\t x.test ,", "http://x.test/", true},
      {",,x.test", "http://x.test/", true},
      {"*", "http://x.test/", true},
      {"*", "http://[::1]/", true},
      {"*,foo", "http://x.test/", false},
      {"*.x.test", "http://www.x.test/", false},
  });
  CHECK(NoProxy("*").matches_all());
  CHECK_FALSE(NoProxy("x").matches_all());
  CHECK_FALSE(NoProxy().matches(Url::parse("http://x.test").value()));
}

TEST_CASE("hosts without a proxy: addresses and blocks of addresses") {
  check_exceptions({
      {"127.0.0.1", "http://127.0.0.1:8080/", true},
      {"127.0.0.1", "http://127.0.0.2/", false},
      {"127.0.0.0/8", "http://127.200.0.1/", true},
      {"127.0.0.0/8", "http://128.0.0.1/", false},
      {"10.1.128.0/17", "http://10.1.255.1/", true},
      {"10.1.128.0/17", "http://10.1.127.1/", false},
      {"10.1.1.1/32", "http://10.1.1.1/", true},
      {"10.1.1.1/32", "http://10.1.1.0/", false},
      {"0.0.0.0/0", "http://10.1.1.0/", true},
      {"0.0.0.0/0", "http://[::1]/", false},
      {"10.1.1.1/33", "http://10.1.1.1/", false},
      {"10.1.1.1/", "http://10.1.1.1/", false},
      {"10.1.1.1/x", "http://10.1.1.1/", false},
      {"10.1.1.1/-1", "http://10.1.1.1/", false},
      {"10.1.1.1/4294967328", "http://10.1.1.1/", false},
      {"1.1", "http://10.1.1.1/", false},
      {"1", "http://10.1.1.1/", false},
      {"::1", "http://[0:0::1]/", true},
      {"[::1]", "http://[::1]/", true},
      {"::1/128", "http://[::1]/", true},
      {"fe80::/10", "http://[febf::1]/", true},
      {"fe80::/10", "http://[fec0::1]/", false},
      {"fe80::/129", "http://[fe80::]/", false},
      {"::/0", "http://[fec0::1]/", true},
      {"::/0", "http://10.1.1.1/", false},
      {"10.0.0.0/8", "http://x.test/", false},
  });
}

TEST_CASE("SB-38 the zone of an IPv6 host is no name that an entry could match") {
  check_exceptions({
      {"*.x.test", "http://[::1%25.x.test]/", false},
      {".x.test", "http://[::1%25.x.test]/", false},
      {"x.test", "http://[::1%25x.test]/", false},
      {"::1", "http://[::1%25.x.test]/", true},
  });
}

TEST_CASE("SB-39 HTTP_PROXY is not read; of the other variables the lower case counts first") {
  const ProxyEnvironment upper = environment_of({{"HTTP_PROXY", "evil"}, {"HTTPS_PROXY", "b"}, {"NO_PROXY", "d"}});
  CHECK(upper.proxy_for(false).empty());
  CHECK(upper.proxy_for(true) == "b");
  CHECK(upper.no_proxy == "d");
  const ProxyEnvironment both = environment_of({{"http_proxy", "1"},
                                                {"https_proxy", "2"},
                                                {"HTTPS_PROXY", "b"},
                                                {"all_proxy", "3"},
                                                {"ALL_PROXY", "c"},
                                                {"no_proxy", "4"},
                                                {"NO_PROXY", "d"}});
  CHECK(both.proxy_for(false) == "1");
  CHECK(both.proxy_for(true) == "2");
  CHECK(both.all_proxy == "3");
  CHECK(both.no_proxy == "4");
}

TEST_CASE("variables: all_proxy is for schemes without their own; an empty one counts as not set") {
  const ProxyEnvironment all = environment_of({{"http_proxy", ""}, {"ALL_PROXY", "c"}, {"HTTP_PROXY", "evil"}});
  CHECK(all.proxy_for(false) == "c");
  CHECK(all.proxy_for(true) == "c");
  const ProxyEnvironment empty = environment_of({{"https_proxy", ""}, {"HTTPS_PROXY", "b"}, {"no_proxy", ""}});
  CHECK(empty.proxy_for(true) == "b");
  CHECK(empty.no_proxy.empty());
  CHECK(environment_of({}).proxy_for(true).empty());
}

TEST_CASE("SB-37 the chooser takes the chain of each URL's scheme, unless its host is an exception") {
  const auto chain = chain_of("one");
  const auto chooser =
      make_proxy_chooser({.for_http = chain, .for_https = chain_of("two"), .exceptions = NoProxy("x.test")});
  CHECK(way_to(*chooser, "http://a.test/") == "one");
  CHECK(way_to(*chooser, "https://a.test/") == "two");
  CHECK(way_to(*chooser, "http://x.test/") == "");
  CHECK(way_to(*chooser, "https://www.x.test/") == "");
  CHECK(chooser->ways_to(Url::parse("http://b.test").value()) == std::vector{chain});  // the same object, no copy
  const auto half = make_proxy_chooser({.for_http = {}, .for_https = chain, .exceptions = {}});
  CHECK(way_to(*half, "http://a.test/") == "");
  CHECK(way_to(*half, "https://x.test/") == "one");
}
