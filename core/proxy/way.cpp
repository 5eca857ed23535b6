// See way.hpp.
#include "core/proxy/way.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

#include "core/base/key_parts.hpp"
#include "core/base/limits.hpp"

namespace sluice::proxy {
namespace {

std::string_view scheme_of(ProxyKind kind) {
  switch (kind) {
    case ProxyKind::http:
      return "http";
    case ProxyKind::https:
      return "https";
    case ProxyKind::socks4:
      return "socks4";
    case ProxyKind::socks4a:
      return "socks4a";
    case ProxyKind::socks5:
      return "socks5";
    case ProxyKind::socks5h:
      return "socks5h";
  }
  return "";
}

std::unexpected<Error> unusable(const Proxy& proxy, std::string_view why) {
  return std::unexpected(make_error(Code::invalid_option, "proxy " + name_of(proxy) + ": " + std::string(why)));
}

void append_proxy(const Proxy& proxy, std::string& key) {
  const AuthSchemes& schemes = proxy.schemes;
  std::uint32_t bits = static_cast<std::uint32_t>(proxy.kind);
  for (const bool set : {schemes.basic, schemes.digest, schemes.ntlm, schemes.bearer, schemes.negotiate,
                         proxy.negotiate != nullptr, proxy.tunnel, proxy.http1_0, proxy.http2}) {
    bits = bits << 1 | (set ? 1U : 0U);
  }
  append_number(bits, key);
  append_number(proxy.port, key);
  append_part(proxy.host, key);
  append_part(proxy.zone, key);
  append_part(proxy.user, key);
  append_part(proxy.password, key);
  append_part(proxy.negotiate ? proxy.negotiate->identity() : std::string(), key);
  append_part(proxy.tls ? as_text(Bytes{proxy.tls->identity()}) : std::string_view(), key);
  append_route(proxy.route.get(), key);
  append_part(std::to_string(proxy.fields.size()), key);
  for (const Field field : proxy.fields) {
    append_part(field.name, key);
    append_part(field.value, key);
  }
}

}  // namespace

std::string name_of(const Proxy& proxy) {
  const std::string scheme = std::string(scheme_of(proxy.kind)) + "://";
  if (proxy.route) return scheme + proxy.route->name();
  const bool brackets = proxy.host.find(':') != std::string::npos;
  const std::string host = proxy.zone.empty() ? proxy.host : proxy.host + '%' + proxy.zone;
  return scheme + (brackets ? '[' + host + ']' : host) + ':' + std::to_string(proxy.port);
}

Result<void> check(const ProxyChain& chain, const TlsConfig* default_tls) {
  if (chain.size() > limits::kMaxProxies) {
    return std::unexpected(make_error(Code::invalid_option, std::to_string(chain.size()) + " proxies, one after the " +
                                                                "other: at most " +
                                                                std::to_string(limits::kMaxProxies) + " are allowed"));
  }
  for (const Proxy& proxy : chain) {
    if (!proxy.route && proxy.host.empty()) return unusable(proxy, "it needs a host");
    if (!proxy.route && proxy.port == 0) return unusable(proxy, "it needs a port");
    if (proxy.route && &proxy != &chain.front()) return unusable(proxy, "only the first proxy can have a route");
    if (!proxy.zone.empty() && &proxy != &chain.front()) {
      return unusable(proxy, "only the first proxy's address can have a zone");
    }
    if (!proxy.fields.are_sendable()) return unusable(proxy, "a field for it cannot be sent");
    if (proxy.kind == ProxyKind::https && !proxy.tls && !default_tls) {
      return std::unexpected(make_error(Code::tls_config, "proxy " + name_of(proxy) +
                                                              ": no TLS configuration was given (Proxy::tls or "
                                                              "EngineOptions::default_tls)"));
    }
  }
  return {};
}

Way way_through(std::shared_ptr<const ProxyChain> chain, const Url& url, bool elsewhere) {
  if (!chain || chain->empty()) return {};
  const Proxy& last = chain->back();
  const bool forwards = is_http(last) && !last.tunnel && !url.is_tls() && !elsewhere;
  return {std::move(chain), forwards};
}

void append_key(const Way& way, std::string& key) {
  append_part(way.forwards ? "f" : "t", key);
  append_part(std::to_string(way.proxies->size()), key);
  for (const Proxy& proxy : *way.proxies) append_proxy(proxy, key);
}

std::string session_key(const Proxy& proxy, const TlsConfig& tls) {
  if (proxy.route && proxy.route->identity().empty()) return "";
  std::string key = "proxy ";
  append_proxy(proxy, key);
  append_part(as_text(Bytes{tls.identity()}), key);
  return key;
}

}  // namespace sluice::proxy
