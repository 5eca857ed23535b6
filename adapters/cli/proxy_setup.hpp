// Makes the ProxyChoosers of transfers from options and the environment, one for each group of options. Leaves to
// others: curl's rules (core/proxy_rules.hpp), and talking to proxies (core/).
#pragma once

#include <expected>
#include <map>
#include <memory>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/negotiate.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "core/proxy_rules.hpp"

namespace sluice::cli {

class ProxyChoosers {
 public:
  // `tls` must outlive this object.
  explicit ProxyChoosers(TlsConfigs& tls) : tls_(tls) {}

  // The tokens of proxies. It must outlive this object, and be given before the first operation. `told`: as
  // NegotiateProviders::get(), also where another scheme may serve.
  void set_negotiate(NegotiateProviders& providers, bool told) {
    negotiate_ = &providers;
    told_ = told;
  }
  // Null: no proxy. The operation's settings must outlive this object. Error: the proxy that the URL, or one that it
  // may lead to, would need cannot be used.
  std::expected<std::shared_ptr<const ProxyChooser>, Failure> for_operation(const Operation& operation);

 private:
  using Chain = std::expected<std::shared_ptr<const ProxyChain>, Failure>;
  struct Made {
    Chain for_http, for_https;  // null: no proxy
    NoProxy exceptions;
    std::shared_ptr<const ProxyChooser> chooser;  // null: no proxy for anything
  };
  Made make(const Settings& settings);
  Chain make_chain(const Settings& settings, bool https);
  std::expected<Proxy, Failure> make_proxy(const Settings& settings, std::string_view text, ProxyKind kind);

  TlsConfigs& tls_;
  NegotiateProviders* negotiate_ = nullptr;  // null: none
  bool told_ = false;
  std::map<const Settings*, Made> made_;
};

}  // namespace sluice::cli
