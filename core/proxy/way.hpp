// The way of a connection through proxies: whether requests are forwarded or go through a tunnel, and what makes two
// ways different. Leaves the choice of a way to the application (ProxyChooser).
#pragma once

#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/http2/session.hpp"
#include "core/options.hpp"
#include "core/proxy.hpp"
#include "core/url.hpp"

namespace sluice::proxy {

struct Way {
  std::shared_ptr<const ProxyChain> proxies = {};  // null: directly. Never empty
  // The last proxy, which is one for HTTP, gets the requests themselves (RFC 9112 3.2.2). False: it is asked to lead to
  // the origin.
  bool forwards = false;

  explicit operator bool() const { return proxies != nullptr; }
};

inline bool is_http(const Proxy& proxy) { return proxy.kind == ProxyKind::http || proxy.kind == ProxyKind::https; }
// The address that it is asked to lead to is looked up here.
inline bool needs_address(const Proxy& proxy) {
  return proxy.kind == ProxyKind::socks4 || proxy.kind == ProxyKind::socks5;
}

// HTTP/2 is offered to it.
inline bool offers_http2(const Proxy& proxy) {
  return proxy.kind == ProxyKind::https && proxy.http2 && http2::has_http2();
}

// Errors: invalid_option (too many proxies, a proxy without a host or port, a field that cannot be sent), tls_config
// (an https proxy without a configuration; `default_tls` may be null).
Result<void> check(const ProxyChain& chain, const TlsConfig* default_tls);
// `elsewhere`: the transfer has a connect_to.
Way way_through(std::shared_ptr<const ProxyChain> chain, const Url& url, bool elsewhere);

// "http://proxy.example:3128", without user and password. Throws std::bad_alloc.
std::string name_of(const Proxy& proxy);
// Appends all that makes connections differ (SB-36, SB-43): equal texts only for equal ways. Throws std::bad_alloc.
void append_key(const Way& way, std::string& key);
// The key of TLS sessions with an https proxy (SB-07: no origin has it). "": its route is known by its object only, so
// none are kept.
std::string session_key(const Proxy& proxy, const TlsConfig& tls);

}  // namespace sluice::proxy
