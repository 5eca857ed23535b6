// curl's rules for proxies: the text that names one (-x), hosts that need none (--noproxy), the variables of the
// environment, and a ProxyChooser made of them. Pure: the variables are given as text. Leaves to others: reading the
// environment, and the proxies themselves (proxy.hpp).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address.hpp"
#include "error.hpp"
#include "proxy.hpp"

namespace sluice {

// A proxy as its text says it.
struct ProxyText {
  Proxy proxy = {};
  // Of a SOCKS proxy "socks5h://localhost/run/proxy.sock": the path of its Unix-domain socket, which the caller makes
  // into Proxy::route. "": TCP.
  std::string socket = {};
};

// Parses "[scheme://][user[:password]@]host[:port][/]". The schemes are http, https, socks4 (also socks), socks4a,
// socks5 and socks5h; `without_scheme`: what a text without a scheme names. As in curl, "http://" before the host of a
// SOCKS option changes nothing, so it stays what `without_scheme` says. The port is 1080 without one, and 443 of an
// https proxy. User and password are percent-decoded. Hosts are those of URLs, without a zone. A path has a meaning
// only after the host "localhost" of a SOCKS proxy.
//
// Errors: unsupported_scheme, invalid_url (anything else that is wrong), out_of_memory. Messages hold no user and no
// password.
Result<ProxyText> parse_proxy(std::string_view text, ProxyKind without_scheme = ProxyKind::http);

struct ProxyLogin {
  std::string user = {};
  std::string password = {};
};
// "user[:password]", each percent-decoded as in curl; a '%' without two hexadecimal digits stays. Errors: invalid_url
// (a control character), out_of_memory.
Result<ProxyLogin> parse_proxy_login(std::string_view text);

// Which hosts need no proxy. Entries are separated by commas or blanks.
//  - "example.org" and ".example.org": this host and all below it, in any case, with or without a final dot.
//  - "192.0.2.7", "2001:db8::7", "10.0.0.0/8", "fe80::/10" (CIDR, RFC 4632): hosts that are such an address, whatever
//    their zone.
//  - "*" as the only entry: all hosts.
// An entry that is none of these, such as one with a port, matches nothing.
class NoProxy {
 public:
  NoProxy() = default;  // no host
  // Throws std::bad_alloc.
  explicit NoProxy(std::string_view list);
  bool matches(const Url& url) const;
  bool matches_all() const { return all_; }

 private:
  struct Block {
    IpAddress address = {};
    unsigned bits = 0;
  };
  void add(std::string_view entry);

  bool all_ = false;
  std::vector<std::string> names_;  // in lower case, without a dot at either end
  std::vector<Block> blocks_;
};

// The texts of the variables of the environment; "": not set, or empty, which is the same.
struct ProxyEnvironment {
  std::string http_proxy = {};
  std::string https_proxy = {};
  std::string all_proxy = {};
  std::string no_proxy = {};

  // `variable` gives the text of a variable; nullopt: it is not set. http_proxy is read in lower case only, because a
  // client of a CGI program can set HTTP_PROXY (SB-39); of all others the name in lower case counts before that in
  // upper case. Throws what `variable` throws, and std::bad_alloc.
  static ProxyEnvironment read(const std::function<std::optional<std::string>(const std::string&)>& variable);
  // The text of the proxy for http URLs, or for https URLs; "": none.
  const std::string& proxy_for(bool https) const;
};

struct ProxyRules {
  std::shared_ptr<const ProxyChain> for_http = {};  // null: no proxy
  std::shared_ptr<const ProxyChain> for_https = {};
  NoProxy exceptions = {};
};
// Chooses anew for each URL (SB-37): no proxy for the exceptions, else the chain for its scheme. Throws std::bad_alloc.
std::shared_ptr<const ProxyChooser> make_proxy_chooser(ProxyRules rules);

}  // namespace sluice
