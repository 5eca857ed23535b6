// CONNECT to an HTTP proxy (RFC 9110 9.3.6).
#include "core/proxy/connect.hpp"

#include <memory>
#include <string>
#include <utility>

#include "core/base/base64.hpp"

#include "tests/unit/proxy/proxy_tools.hpp"

namespace {
using namespace sluice;
using proxy::Connect;
using proxy::ConnectParams;
using test::ProxyTalk;

ConnectParams to(std::string host, std::uint16_t port = 443) {
  return {.proxy = "http://p:1", .target = {std::move(host), port}};
}

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
  CHECK(talk.error.context == "proxy http://p:1 to a.example:443: it answered with status 407 (Who are you)");
  CHECK(layer.response().status == 407);
  CHECK(layer.response().fields.find("Proxy-Authenticate") == "Basic realm=x");
  CHECK(tunnel(to("a"), "HTTP/1.1 302\r\nLocation: /\r\n\r\n").error.context ==
        "proxy http://p:1 to a:443: it answered with status 302");
  CHECK(tunnel(to("a"), "HTTP/1.1 503 X\r\n\r\n").error.detail == 503);
  CHECK(tunnel(to("a"), "SSH-2.0-OpenSSH\r\n").failed);
  CHECK(tunnel(to("a"), "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n").failed);
}

// A CONNECT that may answer challenges, with what it remembers.
struct Asked {
  ProxyTalk with(std::string_view bytes, AuthSchemes schemes, Again known = Again::no) {
    return test::talk_in_pieces(
        [&] {
          random = Random(Seed{7});
          digests = {};
          Proxy proxy;
          proxy.host = "p";
          proxy.port = 1;
          proxy.user = "me";
          proxy.password = "secret";
          proxy.schemes = schemes;
          ConnectParams params = to("a.example");
          params.asked = known;
          auto login = std::make_unique<proxy::Login>(proxy, proxy::LoginMemory{random, digests});
          return std::make_unique<Connect>(std::move(params), std::move(login));
        },
        bytes);
  }
  Random random{Seed{7}};
  rules::DigestSessions digests;
};

constexpr std::string_view kAsksBasic = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=p\r\n";
constexpr std::string_view kFine = "HTTP/1.1 200 OK\r\n\r\n";
const std::string kPlainRequest = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n";
const std::string kBasicRequest =
    "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n";

TEST_CASE("connect: Basic goes at once if it is alone or known to be asked for, else after its challenge") {
  Asked asked;
  CHECK(asked.with(kFine, {}).sent == kBasicRequest);
  const AuthSchemes any = {.basic = true, .digest = true};
  CHECK(asked.with(kFine, any).sent == kPlainRequest);
  CHECK(asked.with(kFine, any, Again::with_basic).sent == kBasicRequest);
  for (const std::string_view content :
       {"Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "Content-Length: 0\r\n\r\n"}) {
    const ProxyTalk talk =
        asked.with(std::string(kAsksBasic) + std::string(content) + std::string(kFine) + "tunnelled", any);
    CHECK(talk.sent == kPlainRequest + kBasicRequest);
    CHECK(talk.open);
    CHECK(talk.plain == "tunnelled");
  }
}

TEST_CASE("connect: an answer that this connection cannot carry asks for another one") {
  Asked asked;
  const AuthSchemes any = {.basic = true, .digest = true};
  const auto again = [&](std::string_view rest) {
    Proxy proxy;
    proxy.user = "me";
    proxy.schemes = any;
    Connect one(to("a.example"),
                std::make_unique<proxy::Login>(proxy, proxy::LoginMemory{asked.random, asked.digests}));
    CHECK(test::talk(one, {std::string(kAsksBasic) + std::string(rest)}).failed);
    return one.again();
  };
  CHECK(again("Connection: close\r\n\r\n") == Again::with_basic);
  CHECK(again("\r\n") == Again::with_basic);  // its end ends the content
  CHECK(again("Content-Length: 99999\r\n\r\n" + std::string(99'999, 'x')) == Again::with_basic);
  // Proxy-Connection, which is in no standard, says the same.
  CHECK(again("Proxy-Connection: close\r\nContent-Length: 2\r\n\r\nno") == Again::with_basic);
  // Nothing can be answered.
  Connect without(to("a.example"));
  CHECK(test::talk(without, {std::string(kAsksBasic) + "Connection: close\r\n\r\n"}).failed);
  CHECK(without.again() == Again::no);
  CHECK(asked.with(std::string(kAsksBasic) + "Content-Length: 0\r\n\r\n", {}).error.detail == 407);
}

TEST_CASE("connect: HTTP/1.0 keeps a connection if Proxy-Connection says so") {
  Asked asked;
  const ProxyTalk talk = asked.with(
      "HTTP/1.0 407 Who\r\nProxy-Authenticate: Basic realm=p\r\nProxy-Connection: keep-alive\r\nContent-Length: 2\r\n\r\nno" +
          std::string(kFine),
      {.basic = true, .digest = true});
  CHECK(talk.sent == kPlainRequest + kBasicRequest);
  CHECK(talk.open);
}

TEST_CASE("connect: NTLM takes three messages on one connection") {
  Asked asked;
  const AuthSchemes ntlm = {.basic = false, .ntlm = true};
  // MS-NLMP 2.2.1.2: a challenge without target information.
  std::string message("NTLMSSP\0\2\0\0\0\0\0\0\0\0\0\0\0\x05\x82\x08\0", 24);
  message += std::string(8, 'c') + std::string(16, '\0');
  const std::string challenge = "HTTP/1.1 407 Go on\r\nProxy-Authenticate: NTLM " + base64(message) + "\r\n";
  const ProxyTalk talk = asked.with(challenge + "Content-Length: 0\r\n\r\n" + std::string(kFine), ntlm);
  CHECK(talk.open);
  CHECK(talk.sent.contains("Proxy-Authorization: NTLM TlRMTVNTUAAB"));
  CHECK(talk.sent.contains("Proxy-Authorization: NTLM TlRMTVNTUAAD"));
  // Without its connection the challenge is worth nothing.
  Proxy proxy;
  proxy.user = "me";
  proxy.schemes = ntlm;
  Connect closed(to("a.example"),
                 std::make_unique<proxy::Login>(proxy, proxy::LoginMemory{asked.random, asked.digests}));
  CHECK(test::talk(closed, {challenge + "Connection: close\r\n\r\n"}).failed);
  CHECK(closed.again() == Again::no);
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
