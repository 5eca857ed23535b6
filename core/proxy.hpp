// Proxies: what one is, chains of them, and the hook that chooses one for a URL. Plain values; nothing is read from the
// environment. Leaves to others: curl's texts and environment variables (proxy_rules.hpp), and the handshakes
// (core/proxy/).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "address.hpp"
#include "credentials.hpp"
#include "fields.hpp"
#include "language.hpp"

namespace sluice {

class Route;      // options.hpp
class TlsConfig;  // options.hpp
class Url;        // url.hpp

enum class ProxyKind : std::uint8_t {
  http,     // requests for http URLs are given to it (RFC 9112 3.2.2), others go through a tunnel (RFC 9110 9.3.6)
  https,    // the same over TLS
  socks4,   // names are looked up here, and only IPv4 addresses are used
  socks4a,  // the proxy looks names up
  socks5,   // RFC 1928; names are looked up here
  socks5h,  // the same, and the proxy looks names up
};

// One proxy. Owns its text. Connections are shared only by transfers whose proxies are equal in every member.
struct Proxy {
  ProxyKind kind = ProxyKind::http;
  std::string host = {};  // a name or an address, without brackets
  std::string zone = {};  // of an IPv6 address (RFC 4007 11); only the first proxy of a chain can have one
  std::uint16_t port = 0;
  // Null: TCP to that host and port. Else that is only its name. With Multi it must be a Dialer (transport.hpp), else
  // the transfer fails (invalid_option). Only the first proxy of a chain can have one.
  std::shared_ptr<Route> route = {};
  // For the proxy alone, as they are. SOCKS4 sends the user only. Both empty: none are sent; Negotiate needs none.
  std::string user = {};
  std::string password = {};
  // How an HTTP proxy gets them, as AuthSchemes says for origins: Basic alone goes with the first request; else a
  // challenge (407) is answered. With Negotiate each request that is forwarded has a token of its own. Bearer is not
  // used.
  AuthSchemes schemes = {};
  // Makes the tokens of Negotiate for `host`. Null: it is not used.
  std::shared_ptr<NegotiateProvider> negotiate = {};
  // What an HTTP proxy gets with CONNECT, and with a request that is given to it if that has no field of the same name.
  // No origin gets them from here, but a proxy may pass on those of a request that is given to it. A
  // Proxy-Authorization among them is sent instead of user and password.
  Fields fields = {};
  bool tunnel = false;   // an HTTP proxy: a tunnel for http URLs as well
  bool http1_0 = false;  // an HTTP proxy: CONNECT says HTTP/1.0
  // HTTP/2 is offered to an https proxy (ALPN). If it takes it, requests that it forwards share a connection, and
  // CONNECT is one stream of a connection of its own (RFC 9113 8.5). NTLM and Negotiate are not used then, and
  // do not take precedence over the other schemes. Without effect in a build without libnghttp2.
  bool http2 = false;
  std::shared_ptr<const TlsConfig> tls = {};  // an https proxy; null: EngineOptions::default_tls
};

// The proxies on the way to an origin: the first is connected to, and leads to the second. Empty: there is none. At
// most 4 (limits::kMaxProxies).
using ProxyChain = std::vector<Proxy>;

// The line of the PROXY protocol, version 1, as load balancers send it (haproxy.org, proxy-protocol.txt).
struct ProxyProtocol {
  // Whom the line names as the client; Kind::none: the connection's own local address.
  IpAddress client = {};
  friend bool operator==(const ProxyProtocol&, const ProxyProtocol&) = default;
};

// Chooses the way to a URL: what PAC files are for.
class ProxyChooser {
 public:
  virtual ~ProxyChooser() = default;
  // The ways to try, one after the other: the next one if the name of its first proxy (without one, of the origin) has
  // no address, if no connection could be made to it, or if connect_timeout ends before the way is open; each way has
  // that time anew. A proxy that refuses, or fails in TLS, ends the transfer. No element: no proxy. A null element, or
  // an empty chain: without a proxy, as one of the ways.
  //
  // Called for each hop but those that answer a challenge, with its final URL, which may hold a user and password
  // (text_without_secrets() for logs). The call is made inside calls on the engine, and must not call it. May throw
  // std::bad_alloc; any other exception ends the program.
  //
  // A way that cannot be used is an error of add() or of a later hop: invalid_option (too many proxies, no host, no
  // port), tls_config (https without a TlsConfig), invalid_request (a user or password that cannot be sent).
  virtual std::vector<std::shared_ptr<const ProxyChain>> ways_to(const Url& url) const = 0;
};

}  // namespace sluice
