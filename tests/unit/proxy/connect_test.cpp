// CONNECT to an HTTP proxy (RFC 9110 9.3.6).
#include "core/proxy/connect.hpp"

#include <string>

#include "tests/unit/proxy/proxy_tools.hpp"

namespace {
using namespace sluice;
using proxy::Connect;
using proxy::ConnectParams;
using test::ProxyTalk;

ConnectParams to(std::string host, std::uint16_t port = 443) { return {.target = {std::move(host), port}}; }

ProxyTalk tunnel(const ConnectParams& params, std::string_view bytes) {
  return test::talk_in_pieces([&] { return std::make_unique<Connect>(params); }, bytes);
}

TEST_CASE("connect: the request, and what follows the response belongs to the tunnel") {
  ConnectParams params = to("example.org");
  CHECK(params.fields.add("User-Agent", "sluice").has_value());
  CHECK(params.fields.add("X-Empty", "").has_value());
  const ProxyTalk talk = tunnel(params, "HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\nSSH-2.0");
  CHECK(talk.sent ==
        "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: sluice\r\nX-Empty:\r\n\r\n");
  CHECK(talk.open);
  CHECK(talk.plain == "SSH-2.0");
  CHECK(tunnel(to("2001:db8::1", 80), "HTTP/1.0 200 OK\r\n\r\n")
            .sent.starts_with("CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n"));
  ConnectParams old = to("a.example");
  old.http1_0 = true;
  CHECK(tunnel(old, "HTTP/1.0 200 OK\r\n\r\n").sent.starts_with("CONNECT a.example:443 HTTP/1.0\r\n"));
}

TEST_CASE("connect: a 2xx has no content, whatever its fields say, and interim responses are passed over") {
  CHECK(tunnel(to("a"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").plain == "hello");
  CHECK(tunnel(to("a"), "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0").plain == "0");
  CHECK(tunnel(to("a"), "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 299 Fine\r\n\r\nab").plain == "ab");
  CHECK_FALSE(tunnel(to("a"), "HTTP/1.1 200 OK\r\nVia: p\r\n").open);
}

TEST_CASE("connect: any other status refuses, and the response can be read") {
  Connect layer(to("a.example"));
  const ProxyTalk talk = test::talk(layer, {"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=x\r\n\r\n"});
  CHECK(talk.failed);
  CHECK(talk.error.code == Code::tunnel_failed);
  CHECK(talk.error.detail == 407);
  CHECK(talk.error.context == "HTTP proxy to a.example:443: it answered with status 407 (Who are you)");
  CHECK(layer.response().status == 407);
  CHECK(layer.response().fields.find("Proxy-Authenticate") == "Basic realm=x");
  CHECK(tunnel(to("a"), "HTTP/1.1 302\r\nLocation: /\r\n\r\n").error.context ==
        "HTTP proxy to a:443: it answered with status 302");
  CHECK(tunnel(to("a"), "HTTP/1.1 503 X\r\n\r\n").error.detail == 503);
  CHECK(tunnel(to("a"), "SSH-2.0-OpenSSH\r\n").failed);
  CHECK(tunnel(to("a"), "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n").failed);
}

TEST_CASE("SB-18 connect: heads without end are refused") {
  Connect layer(to("a.example"));
  std::string interims;
  while (interims.size() < 310 * 1024) interims += "HTTP/1.1 102 Wait\r\nX: " + std::string(1000, 'x') + "\r\n\r\n";
  const ProxyTalk talk = test::talk(layer, {interims});
  CHECK(talk.failed);
  CHECK(talk.error.context.contains("too large"));
  Connect other(to("a.example"));
  const std::string endless = "HTTP/1.1 200 OK\r\nX: " + std::string(400 * 1024, 'x');
  CHECK(test::talk(other, {endless}).failed);
}

}  // namespace
