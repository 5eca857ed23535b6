// Fuzzes the handshakes of core/proxy, and curl's texts for proxies (core/proxy_rules). Input: a letter for the proxy
// (c: CONNECT, 4: SOCKS4 or 4A, 5: SOCKS5) and more for its login (b, d, n, k: schemes, the last one Negotiate; u: a
// user without a scheme), to the end of the line; the host; then what the proxy sends. Oracles: every split gives the
// same messages, the same end and the same bytes after it; no message holds more lines than it should, or is without
// end; a failure names no password. The host is also read as a text of -x: what is accepted has a host and a port, and
// reads the same again.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/proxy/connect.hpp"
#include "core/proxy/socks.hpp"
#include "core/proxy/way.hpp"
#include "core/proxy_rules.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

const bool kSights = must_be_seen({"a tunnel", "a tunnel after a challenge", "another connection", "refused by HTTP",
                                   "an interim response", "SOCKS4", "SOCKS5", "SOCKS5 with a login", "refused by SOCKS",
                                   "a text of a proxy"});

constexpr std::string_view kPassword = "the-secret";

// Tokens without end, until the proxy says "done".
class Tokens final : public NegotiateProvider {
 public:
  std::unique_ptr<NegotiateLogin> begin(std::string_view) override { return std::make_unique<Steps>(); }
  std::string identity() const override { return ""; }

 private:
  struct Steps final : NegotiateLogin {
    Result<std::string> next(std::string_view received) override {
      if (received == "bad") return std::unexpected(make_error(Code::authentication_failed, "bad"));
      return received == "done" ? "" : "token";
    }
  };
};

struct Talk {
  std::string sent, after, error;
  bool open = false;
  Again again = Again::no;
  friend bool operator==(const Talk&, const Talk&) = default;
};

struct Setting {
  std::string letters, host;
  bool has(char c) const { return letters.find(c) != std::string::npos; }
  std::unique_ptr<Layer> make(Random& random, rules::DigestSessions& digests) const {
    Proxy proxy;
    proxy.host = "p";
    proxy.port = 1;
    proxy.schemes = {.basic = has('b'), .digest = has('d'), .ntlm = has('n'), .negotiate = has('k')};
    if (has('k')) proxy.negotiate = std::make_shared<Tokens>();
    const bool login = has('b') || has('d') || has('n') || has('u');
    if (login) proxy.user = "me";
    if (login) proxy.password = kPassword;
    if (has('c')) {
      return std::make_unique<proxy::Connect>(
          proxy::ConnectParams{.proxy = "p", .target = {host, 443}},
          std::make_unique<proxy::Login>(proxy, proxy::LoginMemory{random, digests}));
    }
    auto made = proxy::make_socks({.version = has('4') ? proxy::SocksVersion::v4 : proxy::SocksVersion::v5,
                                   .proxy = "p",
                                   .target = {host, 443},
                                   .user = proxy.user,
                                   .password = proxy.password});
    return made ? *std::move(made) : nullptr;
  }
};

// The proxy's bytes in pieces of this size.
Talk talk(const Setting& setting, std::string_view bytes, std::size_t piece) {
  Random random(Seed{1});
  rules::DigestSessions digests;
  const auto layer = setting.make(random, digests);
  Talk out;
  if (!layer) return out;
  std::vector<std::uint8_t> wire;
  bool failed = layer->start(wire, {}) == Pump::failed;
  for (std::size_t at = 0; at < bytes.size() && !failed; at += piece) {
    Bytes in = as_bytes(bytes.substr(at, piece));
    std::vector<std::uint8_t> space(4'096);
    MutableBytes left(space);
    failed = layer->decode(in, left, wire, {}) == Pump::failed;
    FUZZ_CHECK(failed || in.empty());
    out.after += as_text(Bytes(space).first(space.size() - left.size()));
  }
  out.sent = as_text(wire);
  out.open = layer->established();
  out.again = layer->again();
  FUZZ_CHECK(!(failed && out.open) && (out.open || out.after.empty()));
  if (failed) out.error = layer->error().message();
  const bool is_known = setting.host.find(kPassword) != std::string::npos || bytes.find(kPassword) != bytes.npos;
  FUZZ_CHECK_SAYING(is_known || out.error.find(kPassword) == std::string::npos, out.error);
  FUZZ_CHECK(out.again == Again::no || failed);
  return out;
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// The verdict.
std::string check_handshake(const Setting& setting, std::string_view bytes) {
  const Talk whole = talk(setting, bytes, 4'096);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}}) {
    FUZZ_CHECK_SAYING(talk(setting, bytes, piece) == whole, shown(bytes));
  }
  if (whole.sent.empty()) return "unusable";
  const std::size_t requests = setting.has('c') ? count_of(whole.sent, "CONNECT ") : 0;
  if (setting.has('c')) {
    FUZZ_CHECK(requests >= 1 && requests <= 1 + rules::kMaxAuthAnswers);
    FUZZ_CHECK(count_of(whole.sent, "\r\nProxy-Authorization: ") <= requests && whole.sent.ends_with("\r\n\r\n"));
    if (bytes.find("HTTP/1.1 1") != std::string_view::npos && whole.open) saw("an interim response");
    if (whole.again != Again::no) saw("another connection");
    if (!whole.open && !whole.error.empty()) saw("refused by HTTP");
    if (whole.open) saw(requests == 1 ? "a tunnel" : "a tunnel after a challenge");
  } else {
    if (whole.open) saw(setting.has('4') ? "SOCKS4" : "SOCKS5");
    if (whole.open && whole.sent.find(kPassword) != std::string::npos) saw("SOCKS5 with a login");
    if (!whole.open && !whole.error.empty()) saw("refused by SOCKS");
  }
  if (!whole.open) return whole.error.empty() ? "unfinished" : "refused";
  return "open";
}

void check_text(std::string_view text) {
  const auto read = parse_proxy(text);
  if (!read) return;
  saw("a text of a proxy");
  const Proxy& proxy = read->proxy;
  FUZZ_CHECK_SAYING(!proxy.host.empty() && (proxy.port != 0 || !read->socket.empty()), shown(text));
  if (!read->socket.empty()) return;
  const auto again = parse_proxy(proxy::name_of(proxy));
  FUZZ_CHECK_SAYING(again && again->proxy.kind == proxy.kind && again->proxy.host == proxy.host &&
                        again->proxy.port == proxy.port && again->proxy.user.empty(),
                    shown(text));
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  fuzz::Setting setting;
  setting.letters = input.up_to('\n');
  setting.host = input.up_to('\n');
  fuzz::check_text(setting.host);
  // A host comes out of a URL, which has no such bytes.
  if (setting.host.empty() || !is_field_value(setting.host)) return 0;
  fuzz::last_verdict = fuzz::check_handshake(setting, input.rest());
  return 0;
}
