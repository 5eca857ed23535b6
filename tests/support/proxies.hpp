// Choosers of proxies for tests.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/options.hpp"
#include "core/proxy.hpp"
#include "core/url.hpp"

namespace sluice::test {

using Ways = std::vector<std::shared_ptr<const ProxyChain>>;

class Chooser final : public ProxyChooser {
 public:
  explicit Chooser(std::function<Ways(const Url&)> choose) : choose_(std::move(choose)) {}
  Ways ways_to(const Url& url) const override { return choose_(url); }

 private:
  std::function<Ways(const Url&)> choose_;
};

// These proxies for every URL.
inline std::shared_ptr<const ProxyChooser> always(ProxyChain chain) {
  auto shared = std::make_shared<const ProxyChain>(std::move(chain));
  return std::make_shared<Chooser>([shared](const Url&) { return Ways{shared}; });
}

inline Proxy proxy_at(ProxyKind kind, std::string host = "192.0.2.99", std::uint16_t port = 3128) {
  Proxy proxy;
  proxy.kind = kind;
  proxy.host = std::move(host);
  proxy.port = port;
  return proxy;
}

inline TransferOptions through(Proxy proxy) {
  TransferOptions options;
  options.proxies = always({std::move(proxy)});
  return options;
}

}  // namespace sluice::test
