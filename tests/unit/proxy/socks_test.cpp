// The handshakes of SOCKS proxies, byte by byte: SOCKS4 and 4A, RFC 1928, RFC 1929.
#include "core/proxy/socks.hpp"

#include <string>

#include "tests/unit/proxy/proxy_tools.hpp"

namespace {
using namespace sluice;
using namespace std::string_literals;
using proxy::SocksParams;
using proxy::SocksVersion;
using test::ProxyTalk;

ProxyTalk socks(const SocksParams& params, std::string_view bytes) {
  return test::talk_in_pieces([&] { return proxy::make_socks(params).value(); }, bytes);
}

SocksParams v4(std::string host, std::string user = "") {
  return {.version = SocksVersion::v4,
          .proxy = "socks4://p:1",
          .target = {std::move(host), 0x1234},
          .user = std::move(user)};
}
SocksParams v5(std::string host, std::string user = "", std::string password = "") {
  return {.proxy = "socks5://p:1",
          .target = {std::move(host), 443},
          .user = std::move(user),
          .password = std::move(password)};
}

const std::string kGranted4 = "\0\x5a\0\0\0\0\0\0"s;
const std::string kOpen5 = "\5\0\0\1\0\0\0\0\0\0"s;

TEST_CASE("socks: SOCKS4 with an address, and 4A with a name") {
  const ProxyTalk by_address = socks(v4("192.0.2.7", "me"), kGranted4 + "HTTP");
  CHECK(by_address.sent == "\4\1\x12\x34\xc0\0\2\7me\0"s);
  CHECK(by_address.open);
  CHECK(by_address.plain == "HTTP");
  CHECK(socks(v4("example.org"), kGranted4).sent == "\4\1\x12\x34\0\0\0\1\0example.org\0"s);
  CHECK_FALSE(socks(v4("example.org"), kGranted4.substr(0, 7)).open);
}

TEST_CASE("socks: what a SOCKS4 proxy refuses has its meaning and its number") {
  const auto refused = [](char code) { return socks(v4("example.org"), "\0"s + code + "\0\0\0\0\0\0"s).error; };
  CHECK(refused(91).code == Code::socks_failed);
  CHECK(refused(91).context ==
        "proxy socks4://p:1 to example.org:4660: it refused the connection, or the connection failed (reply 91)");
  CHECK(refused(91).detail == 91);
  CHECK(refused(92).context.contains("cannot reach an identd here (reply 92)"));
  CHECK(refused(93).context.contains("names another user (reply 93)"));
  CHECK(refused(7).context.ends_with("it refused the connection (reply 7)"));
  const Error no_socks = socks(v4("example.org"), "HTTP/1.1 400").error;
  CHECK(no_socks.context ==
        "proxy socks4://p:1 to example.org:4660: it does not speak SOCKS4 (its reply begins with byte 72)");
}

TEST_CASE("socks: SOCKS5 with a name, an IPv4 and an IPv6 address") {
  const ProxyTalk name = socks(v5("example.org"), "\5\0"s + kOpen5 + "rest");
  CHECK(name.sent == "\5\1\0"s + "\5\1\0\3\x0b"s + "example.org" + "\1\xbb"s);
  CHECK(name.open);
  CHECK(name.plain == "rest");
  CHECK(socks(v5("192.0.2.7"), "\5\0"s + kOpen5).sent == "\5\1\0"s + "\5\1\0\1\xc0\0\2\7\1\xbb"s);
  CHECK(socks(v5("2001:db8::1"), "\5\0"s + kOpen5).sent ==
        "\5\1\0"s + "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\1\xbb"s);
}

TEST_CASE("socks: the address that SOCKS5 is bound to may be of any kind, and is taken whole") {
  CHECK(socks(v5("a.example"), "\5\0"s + "\5\0\0\3\5bound\1\2"s + "X").plain == "X");
  CHECK(socks(v5("a.example"), "\5\0"s + "\5\0\0\4"s + std::string(16, 'a') + "\1\2"s + "Y").plain == "Y");
  CHECK(socks(v5("a.example"), "\5\0"s + "\5\0\0\3\xff"s + std::string(255, 'a') + "\1\2"s + "Z").plain == "Z");
  CHECK(socks(v5("a.example"), "\5\0"s + "\5\0\0\3\0\1\2"s + "0").plain == "0");
  CHECK(socks(v5("a.example"), "\5\0"s + "\5\0\0\2"s + "0").error.context.contains("unknown kind of address (2)"));
}

TEST_CASE("socks: user and password (RFC 1929), only if the proxy asks for them") {
  const ProxyTalk asked = socks(v5("a.example", "user", "secret"), "\5\2"s + "\1\0"s + kOpen5);
  CHECK(asked.sent == "\5\2\0\2"s + "\1\4user\6secret"s + "\5\1\0\3\x09"s + "a.example" + "\1\xbb"s);
  CHECK(asked.open);
  const ProxyTalk not_asked = socks(v5("a.example", "user", "secret"), "\5\0"s + kOpen5);
  CHECK(not_asked.sent == "\5\2\0\2"s + "\5\1\0\3\x09"s + "a.example" + "\1\xbb"s);
  CHECK(not_asked.open);
}

TEST_CASE("socks: what a SOCKS5 proxy refuses is told, without the password") {
  const auto error = [](const SocksParams& params, const std::string& bytes) { return socks(params, bytes).error; };
  CHECK(error(v5("a.example"), "\5\xff"s).context ==
        "proxy socks5://p:1 to a.example:443: it accepts no client without a user and password");
  CHECK(error(v5("a.example", "u", "secret"), "\5\xff"s).context.contains("neither a user and password nor"));
  const Error login = error(v5("a.example", "u", "secret"), "\5\2"s + "\1\1"s);
  CHECK(login.context == "proxy socks5://p:1 to a.example:443: it refused the user and password");
  CHECK_FALSE(login.context.contains("secret"));
  CHECK(error(v5("a.example"), "\5\2"s).context.contains("it chose method 2, which was not offered"));
  CHECK(error(v5("a.example"), "HT").context.contains("does not speak SOCKS5 (its answer begins with byte 72)"));
  CHECK(error(v5("a.example"), "\5\0\4\0"s).context.contains("not of SOCKS5"));
  const char* const meanings[] = {"has failed",   "do not allow", "network is unreachable", "host is unreachable",
                                  "host refused", "time to live", "know the command",       "kind of address"};
  for (char reply = 1; reply <= 9; ++reply) {
    CAPTURE(static_cast<int>(reply));
    const Error refused = error(v5("a.example"), "\5\0"s + "\5"s + reply);
    CHECK(refused.code == Code::socks_failed);
    CHECK(refused.detail == reply);
    CHECK(refused.context.contains(reply <= 8 ? meanings[reply - 1] : "refused the connection (reply 9)"));
  }
}

TEST_CASE("SB-23 socks: a host, user or password that does not fit is an error, and nothing is sent") {
  const auto unusable = [](const SocksParams& params) {
    const auto made = proxy::make_socks(params);
    return made ? std::string() : made.error().context;
  };
  const std::string longest(255, 'a'), longer(256, 'a');
  CHECK(unusable(v5(longest, longest, longest)).empty());
  CHECK(unusable(v5(longer)).ends_with(": the host is longer than 255 bytes"));
  CHECK(unusable(v5("a.example", longer)).ends_with(": the user is longer than 255 bytes"));
  CHECK(unusable(v5("a.example", "u", longer)).ends_with(": the password is longer than 255 bytes"));
  CHECK(unusable(v4(longest, longest)).empty());
  CHECK(unusable(v4(longer)).ends_with(": the host is longer than 255 bytes"));
  CHECK(unusable(v4("a.example", longer)).ends_with(": the user is longer than 255 bytes"));
  CHECK(unusable(v4("::1")).ends_with(": SOCKS4 has no IPv6 addresses"));
  CHECK(unusable(v4("a.example", "u\0v"s)).contains("zero byte"));
  CHECK(unusable(v4("a\0b"s)).contains("zero byte"));
}

TEST_CASE("socks: after the handshake bytes pass both ways, as many as there is room for") {
  const auto layer = proxy::make_socks(v4("192.0.2.7")).value();
  std::vector<std::uint8_t> wire;
  CHECK(layer->start(wire, {}) == Pump::progressed);
  CHECK(layer->stream_end() == StreamEnd::cut);
  Bytes in = as_bytes(kGranted4);
  std::array<std::uint8_t, 3> small;
  MutableBytes space(small);
  CHECK(layer->decode(in, space, wire, {}) == Pump::need_input);
  CHECK(layer->stream_end() == StreamEnd::clean);
  in = as_bytes("abcde");
  CHECK(layer->decode(in, space, wire, {}) == Pump::need_space);
  CHECK(as_text(in) == "de");
  CHECK(as_text(Bytes(small)) == "abc");
  wire.clear();
  Bytes plain = as_bytes("request");
  CHECK(layer->encode(plain, wire, 4, {}) == Pump::need_space);
  CHECK(as_text(wire) == "requ");
  CHECK(layer->encode(plain, wire, 100, {}) == Pump::progressed);
  CHECK(as_text(wire) == "request");
  CHECK(layer->encode(plain, wire, 100, {}) == Pump::need_input);
}

}  // namespace
