// See proxy_setup.hpp.
#include "adapters/cli/proxy_setup.hpp"

#include <utility>

#include "adapters/cli/exit_code.hpp"
#include "adapters/transport.hpp"

namespace sluice::cli {
namespace {

bool speaks_http(ProxyKind kind) { return kind == ProxyKind::http || kind == ProxyKind::https; }

bool says_http(std::string_view text) { return equals_ignoring_case(text.substr(0, 7), "http://"); }

// As in curl: another scheme is like a proxy that cannot be connected to, and wrong text like one without an address.
Failure unusable(const Error& error) {
  const int code = error.code == Code::unsupported_scheme ? kExitConnect
                   : error.code == Code::invalid_url      ? kExitResolveProxy
                                                          : exit_code(error);
  return {code, error.message()};
}

// The credentials of the text count before those of -U.
std::expected<void, Failure> add_login(Proxy& proxy, const ProxySettings& settings) {
  if (!settings.user || !proxy.user.empty() || !proxy.password.empty()) return {};
  auto login = parse_proxy_login(*settings.user);
  if (!login) return std::unexpected(Failure{kExitUsage, "option --proxy-user: " + login.error().message()});
  proxy.user = std::move(login->user);
  proxy.password = std::move(login->password);
  return {};
}

// `passes_requests`: the proxy is for http URLs, and gets their requests themselves.
std::expected<void, Failure> add_fields(Proxy& proxy, const ProxySettings& settings, bool passes_requests) {
  proxy.fields = settings.fields;
  if (settings.user_agent.empty() || (passes_requests && !settings.agent_in_requests)) return {};
  if (const auto added = proxy.fields.add("User-Agent", settings.user_agent); !added)
    return std::unexpected(Failure{exit_code(added.error()), added.error().message()});
  return {};
}

}  // namespace

std::expected<std::shared_ptr<const ProxyChooser>, Failure> ProxyChoosers::for_operation(const Operation& operation) {
  const Settings& settings = *operation.settings;
  auto found = made_.find(&settings);
  if (found == made_.end()) found = made_.emplace(&settings, make(settings)).first;
  const Made& made = found->second;
  if (made.for_http && made.for_https) return made.chooser;
  // A URL may lead to the other scheme, and to other hosts.
  const bool may_leave = settings.redirects || settings.hsts;
  const bool is_excepted = !may_leave && made.exceptions.matches(operation.url);
  for (const bool https : {false, true}) {
    const Chain& chain = https ? made.for_https : made.for_http;
    if (!chain && !is_excepted && (may_leave || https == operation.url.is_tls())) return std::unexpected(chain.error());
  }
  return made.chooser;
}

ProxyChoosers::Made ProxyChoosers::make(const Settings& settings) {
  const ProxySettings& proxies = settings.proxies;
  Made made{.for_http = nullptr,
            .for_https = nullptr,
            .exceptions = NoProxy(proxies.no_proxy ? *proxies.no_proxy : proxies.environment.no_proxy),
            .chooser = nullptr};
  if (made.exceptions.matches_all()) return made;
  made.for_http = make_chain(settings, false);
  made.for_https = make_chain(settings, true);
  ProxyRules rules{.for_http = made.for_http.value_or(nullptr),
                   .for_https = made.for_https.value_or(nullptr),
                   .exceptions = made.exceptions};
  if (rules.for_http || rules.for_https) made.chooser = make_proxy_chooser(std::move(rules));
  return made;
}

ProxyChoosers::Chain ProxyChoosers::make_chain(const Settings& settings, bool https) {
  const ProxySettings& proxies = settings.proxies;
  // As in curl: any of the options takes the place of the environment.
  const bool by_environment = !proxies.proxy && !proxies.preproxy;
  const std::string text = by_environment ? proxies.environment.proxy_for(https) : proxies.proxy.value_or("");
  const std::string preproxy = proxies.preproxy.value_or("");
  ProxyChain chain;
  if (!preproxy.empty()) {
    auto proxy = make_proxy(settings, preproxy, ProxyKind::socks4);
    if (!proxy) return std::unexpected(proxy.error());
    if (says_http(preproxy) || speaks_http(proxy->kind))
      return std::unexpected(Failure{kExitConnect, "option --preproxy: a SOCKS proxy is needed"});
    chain.push_back(*std::move(proxy));
  }
  if (!text.empty()) {
    // --proxy-http2 is not for what is called an http proxy.
    const bool is_plain = proxies.http2 ? says_http(text) : by_environment;
    auto proxy = make_proxy(settings, text, is_plain ? ProxyKind::http : proxies.kind);
    if (!proxy) return std::unexpected(proxy.error());
    chain.push_back(*std::move(proxy));
  }
  if (chain.empty()) return nullptr;
  Proxy& last = chain.back();
  if (auto ok = add_login(last, proxies); !ok) return std::unexpected(ok.error());
  if (speaks_http(last.kind)) {
    last.schemes = proxies.schemes;
    if (const AuthSchemes& schemes = last.schemes; schemes.negotiate && negotiate_) {
      const bool told = told_ || schemes == AuthSchemes{.basic = false, .negotiate = true};
      last.negotiate = negotiate_->get_for_proxy(settings.delegation, told, proxies.service);
    }
    last.tunnel = proxies.tunnel;
    last.http1_0 = proxies.http1_0;
    last.http2 = proxies.http2 && last.kind == ProxyKind::https;
    if (auto ok = add_fields(last, proxies, !https && !last.tunnel); !ok) return std::unexpected(ok.error());
  }
  return std::make_shared<const ProxyChain>(std::move(chain));
}

std::expected<Proxy, Failure> ProxyChoosers::make_proxy(const Settings& settings, std::string_view text,
                                                        ProxyKind kind) {
  auto parsed = parse_proxy(text, kind);
  if (!parsed) return std::unexpected(unusable(parsed.error()));
  Proxy proxy = std::move(parsed->proxy);
  if (!parsed->socket.empty()) {
    auto route = unix_socket(parsed->socket);
    if (!route) return std::unexpected(Failure{exit_code(route.error()), route.error().message()});
    proxy.route = *std::move(route);
  }
  if (proxy.kind == ProxyKind::https) {
    auto tls = tls_.for_proxy(settings);
    if (!tls) return std::unexpected(Failure{tls.error().exit_code, "TLS of the proxy: " + tls.error().message});
    proxy.tls = *std::move(tls);
  }
  return proxy;
}

}  // namespace sluice::cli
