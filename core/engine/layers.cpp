// See layers.hpp.
#include "core/engine/layers.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/memory.hpp"
#include "core/engine/handshake.hpp"
#include "core/proxy/chosen_connect.hpp"
#include "core/proxy/connect.hpp"
#include "core/proxy/proxy_line.hpp"
#include "core/proxy/socks.hpp"
#include "core/proxy/stream_connect.hpp"
#include "core/tls_hooks.hpp"

namespace sluice::engine {

using pool::Endpoint;
using pool::PooledConnection;

namespace {

const std::shared_ptr<const TlsConfig>& config_of(const Proxy& proxy, const EngineOptions& options) {
  return proxy.tls ? proxy.tls : options.default_tls;
}

HostKind kind_of(const std::string& host) {
  const auto address = IpAddress::parse(host);
  if (!address) return HostKind::name;
  return address->kind == IpAddress::Kind::ipv6 ? HostKind::ipv6 : HostKind::ipv4;
}

// The layer, which the connection owns.
Result<const tls::ClientLayer*> push_proxy_tls(PooledConnection& connection, const Proxy& proxy, bool forwards,
                                               bool http2, const LayerParts& parts) {
  using Place = tls::ClientParams::Place;
  tls::ClientParams params;
  params.config = config_of(proxy, parts.options);
  params.host = proxy.host;
  if (params.host.ends_with('.')) params.host.pop_back();
  params.host_kind = kind_of(proxy.host);
  params.port = proxy.port;
  params.place = forwards ? Place::to_forwarder : Place::to_proxy;
  params.http2 = http2 ? tls::Http2Offer::first : tls::Http2Offer::never;
  params.session_key = proxy::session_key(proxy, *params.config);
  if (!params.session_key.empty()) params.sessions = &parts.tls_sessions;
  params.key_log = &parts.key_log;
  auto layer = tls::make_client(std::move(params));
  if (!layer) return std::unexpected(std::move(layer.error()));
  const tls::ClientLayer* const made = layer->get();
  connection.channel.push_layer(std::move(*layer));
  return made;
}

proxy::SocksParams socks_params(const Proxy& proxy, proxy::Target target) {
  const bool is_v4 = proxy.kind == ProxyKind::socks4 || proxy.kind == ProxyKind::socks4a;
  return {.version = is_v4 ? proxy::SocksVersion::v4 : proxy::SocksVersion::v5,
          .proxy = proxy::name_of(proxy),
          .target = std::move(target),
          .user = proxy.user,
          .password = proxy.password};
}

std::unique_ptr<Layer> make_connect(const Proxy& proxy, proxy::Target target, Again asked, bool http2,
                                    const LayerParts& parts) {
  const proxy::LoginMemory memory{parts.memory.random, parts.memory.digests};
  auto login = std::make_unique<proxy::Login>(http2 ? proxy::without_logins(proxy) : proxy, memory);
  proxy::ConnectParams params{.proxy = proxy::name_of(proxy),
                              .target = std::move(target),
                              .fields = proxy.fields,
                              .http1_0 = proxy.http1_0,
                              .asked = asked,
                              .http1 = parts.options.http1,
                              .seen = parts.seen_heads};
  const auto interval = parts.options.http2_ping_interval;
  if (interval > Duration::zero()) params.ping_interval = interval;
  if (http2) return std::make_unique<proxy::StreamConnect>(std::move(params), std::move(login));
  return std::make_unique<proxy::Connect>(std::move(params), std::move(login));
}

Result<void> push_passage(PooledConnection& connection, const Proxy& proxy, proxy::Target target, Again asked,
                          const LayerParts& parts) {
  if (!proxy::is_http(proxy)) {
    auto layer = proxy::make_socks(socks_params(proxy, std::move(target)));
    if (!layer) return std::unexpected(std::move(layer.error()));
    connection.channel.push_layer(*std::move(layer));
    return {};
  }
  connection.channel.push_layer(make_connect(proxy, std::move(target), asked, false, parts));
  return {};
}

// `http2`: it may be offered to a proxy that forwards.
Result<void> push_proxies(PooledConnection& connection, const pool::Through& through, bool http2,
                          const std::vector<std::optional<IpAddress>>& addresses, const LayerParts& parts) {
  const ProxyChain& chain = *through.way.proxies;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Proxy& proxy = chain[i];
    const bool forwards = through.way.forwards && through.is_last(i);
    const bool offers = proxy::offers_http2(proxy) && (!forwards || http2);
    const tls::ClientLayer* below = nullptr;
    if (proxy.kind == ProxyKind::https) {
      const auto pushed = push_proxy_tls(connection, proxy, forwards, offers, parts);
      if (!pushed) return std::unexpected(pushed.error());
      below = *pushed;
    }
    if (forwards) break;
    proxy::Target target = through.target_of(i);
    if (i < addresses.size() && addresses[i]) target.host = addresses[i]->to_string();
    if (offers) {
      // The chain outlives the layer, and so do the parts; the list of heads is there while the handshake goes on.
      auto make = [chain = through.way.proxies, i, target = std::move(target), asked = through.asked,
                   parts](bool chosen) { return make_connect((*chain)[i], target, asked, chosen, parts); };
      connection.channel.push_layer(std::make_unique<proxy::ChosenConnect>(*below, std::move(make)));
      continue;
    }
    if (auto pushed = push_passage(connection, proxy, std::move(target), through.asked, parts); !pushed) {
      return pushed;
    }
  }
  return {};
}

// Whether sessions of what is reached through these proxies may be given to another process: their keys have the
// proxies' credentials in them, which could be guessed, and the identities of their TLS configurations.
bool is_portable(const pool::Through& through, const LayerParts& parts) {
  return std::ranges::all_of(*through.way.proxies, [&](const Proxy& proxy) {
    if (!proxy.password.empty() || !proxy.fields.empty() || proxy.negotiate) return false;
    if (proxy.kind != ProxyKind::https) return true;
    const TlsOptions& options = config_of(proxy, parts.options)->options();
    return (!options.signer || options.signer->has_name()) && (!options.verifier || options.verifier->has_name());
  });
}

}  // namespace

Result<void> push_layers(PooledConnection& connection, const Endpoint& endpoint, const pool::Dial& dial,
                         const LayerParts& parts) {
  if (endpoint.through) {
    if (auto pushed = push_proxies(connection, *endpoint.through, endpoint.protocol != http::Protocol::http1,
                                   dial.targets, parts);
        !pushed) {
      return pushed;
    }
  }
  if (const auto& line = endpoint.destination.proxy_protocol) {
    const Address local = connection.facts ? connection.facts->local : Address{};
    connection.channel.push_layer(
        std::make_unique<proxy::ProxyLine>(proxy::proxy_line(local, connection.address, line->client)));
  }
  const pool::PeerName& peer = endpoint.peer;
  if (!peer.tls) return {};
  tls::ClientParams params;
  params.config = peer.tls;
  params.host = peer.host;
  params.host_kind = peer.kind;
  params.sessions = &parts.tls_sessions;
  params.session_key = endpoint.session_key();
  params.key_is_portable = !endpoint.is_by_object() && (!endpoint.through || is_portable(*endpoint.through, parts));
  params.key_log = &parts.key_log;
  params.port = peer.port;
  if (dial.early) params.early = std::shared_ptr<tls::EarlyData>(dial.early, &dial.early->data);
  if (dial.service) params.ech_list = dial.service->ech;
  params.http2 = offer_for(endpoint.protocol);
  if (endpoint.through) params.place = tls::ClientParams::Place::in_tunnel;
  return push_tls(connection, std::move(params));
}

void forget_sessions(const Endpoint& endpoint, const LayerParts& parts) noexcept {
  if (endpoint.peer.tls) parts.tls_sessions.forget(endpoint.session_key());
  if (!endpoint.through) return;
  has_memory_for([&] {
    for (const Proxy& proxy : *endpoint.through->way.proxies) {
      if (proxy.kind != ProxyKind::https) continue;
      parts.tls_sessions.forget(proxy::session_key(proxy, *config_of(proxy, parts.options)));
    }
  });
}

}  // namespace sluice::engine
