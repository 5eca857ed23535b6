// See endpoint.hpp.
#include "core/pool/endpoint.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/key_parts.hpp"
#include "core/http2/session.hpp"
#include "core/socket_options.hpp"

namespace sluice::pool {

namespace {

std::uint32_t size_of(std::string_view part) { return static_cast<std::uint32_t>(part.size()); }

// All of it (SB-05). A member that is missing here does not compile.
void append_socket(const SocketOptions& options, std::string& key) {
  const auto& [interface, local_addresses, local_port, last_local_port, keep_alive, tcp_nodelay, tcp_fastopen, ip_tos,
               priority, multipath] = options;
  append_part(interface, key);
  append_number(local_addresses.size(), key);
  for (const auto& [kind, bytes, zone] : local_addresses) {
    append_number(kind, key);
    append_part(as_text(Bytes{bytes}), key);
    append_part(zone, key);
  }
  append_number(local_port, key);
  append_number(last_local_port, key);
  append_number(keep_alive.has_value(), key);
  const auto& [idle, interval, count] = keep_alive.value_or(KeepAlive{});
  append_number(idle.count(), key);
  append_number(interval.count(), key);
  append_number(count, key);
  append_number(tcp_nodelay, key);
  append_number(tcp_fastopen, key);
  append_number(ip_tos ? std::int32_t{*ip_tos} : -1, key);
  append_number(priority ? std::int32_t{*priority} : -1, key);
  append_number(multipath, key);
}

void append_proxy_protocol(const ProxyProtocol& line, std::string& key) {
  const auto& [client] = line;
  append_number(client.kind, key);
  append_part(as_text(Bytes{client.bytes}), key);
}

http::Protocol protocol_of(const Request& request, const TransferOptions& options, const Waiter& waiter) {
  const bool forwarded = waiter.way && waiter.way->forwards;
  // Then it is the proxy's version that counts, whatever the origin may speak.
  if (forwarded && !waiter.account && proxy::offers_http2(waiter.way->proxies->back())) {
    return http::Protocol::negotiated;
  }
  const bool alone = waiter.account != nullptr || forwarded;
  return protocol_for(options.http_versions, request.url.is_tls(), alone);
}

// One through proxies. The first number, the size of an identity in a key without them, tells the two apart. The zone
// of the URL's address means nothing to a proxy.
void proxied_key(const Request& request, const TransferOptions& options, const TlsConfig* tls, const Waiter& waiter,
                 std::string& key) {
  constexpr std::uint32_t kProxied = UINT32_MAX;
  const auto mark = std::bit_cast<std::array<char, sizeof kProxied>>(kProxied);
  key.clear();
  key.append(mark.data(), mark.size());
  key += static_cast<char>(options.family);
  key += static_cast<char>(protocol_of(request, options, waiter));
  append_part(tls ? as_text(Bytes{tls->identity()}) : std::string_view{}, key);
  append_part(waiter.account ? std::string_view(*waiter.account) : std::string_view{}, key);
  if (!waiter.way->forwards) {
    append_part(request.url.host(), key);
    append_part(std::to_string(request.url.port()), key);
    append_part(options.connect_to ? std::string_view(options.connect_to->host) : std::string_view{}, key);
    append_part(options.connect_to ? std::to_string(options.connect_to->port) : "", key);
  }
  key += options.socket ? 's' : '-';
  if (options.socket) append_socket(*options.socket, key);
  key += options.proxy_protocol ? 'p' : '-';
  if (options.proxy_protocol) append_proxy_protocol(*options.proxy_protocol, key);
  proxy::append_key(*waiter.way, key);
}

}  // namespace

http::Protocol protocol_for(HttpVersions versions, bool tls, bool alone) {
  if (alone) return http::Protocol::http1;
  switch (versions) {
    case HttpVersions::any:
      return tls && http2::has_http2() ? http::Protocol::negotiated : http::Protocol::http1;
    case HttpVersions::http1_0:
    case HttpVersions::http1_1:
      return http::Protocol::http1;
    case HttpVersions::http2_prior_knowledge:
      return http::Protocol::http2_assumed;
    case HttpVersions::at_least_http2:
      return tls ? http::Protocol::http2 : http::Protocol::http2_assumed;
  }
  return http::Protocol::http1;
}

// First what has the same size in each key, so that the parts after it cannot be taken for each other.
void endpoint_key(const Request& request, const TransferOptions& options, const TlsConfig* tls, const Waiter& waiter,
                  std::string& key) {
  if (waiter.way) return proxied_key(request, options, tls, waiter, key);
  const std::string_view identity = tls ? as_text(Bytes{tls->identity()}) : std::string_view{};
  const std::string_view host = request.url.host();
  const std::string_view zone = request.url.zone();
  const std::string_view other = options.connect_to ? std::string_view{options.connect_to->host} : std::string_view{};
  const std::uint32_t other_port = options.connect_to ? options.connect_to->port : 0;
  const std::uint32_t ports = std::uint32_t{request.url.port()} << 16 | other_port;
  const bool has_socket = options.socket && !options.route;
  const auto protocol = static_cast<std::uint32_t>(protocol_of(request, options, waiter));
  const bool is_secure = request.url.is_tls() && !tls;  // over a secure route; http URLs do not share its connections
  const std::uint32_t kinds = protocol << 4 | static_cast<std::uint32_t>(options.family) << 2 | (has_socket ? 2U : 0U) |
                              (waiter.account ? 1U : 0U) | (options.proxy_protocol ? 1U << 8 : 0U) |
                              (is_secure ? 1U << 9 : 0U);
  const std::array<std::uint32_t, 6> numbers = {size_of(identity), size_of(host), size_of(zone),
                                                size_of(other),    ports,         kinds};
  const auto fixed = std::bit_cast<std::array<char, sizeof numbers>>(numbers);
  key.clear();
  key.append(fixed.data(), fixed.size()).append(host);
  if (tls) key.append(identity);
  if (!zone.empty()) key.append(zone);
  if (!other.empty()) key.append(other);
  if (waiter.account) append_part(*waiter.account, key);
  if (has_socket) append_socket(*options.socket, key);
  if (options.proxy_protocol) append_proxy_protocol(*options.proxy_protocol, key);
  append_route(options.route.get(), key);
}

bool may_share(const Endpoint& endpoint) {
  const Destination& place = endpoint.destination;
  if (endpoint.through || place.route || !endpoint.peer.tls || endpoint.key_of_sessions) return false;
  if (endpoint.protocol == http::Protocol::http1 || !place.zone.empty()) return false;
  const std::string host = place.host.ends_with('.') ? place.host.substr(0, place.host.size() - 1) : place.host;
  return host == endpoint.peer.host && place.port == endpoint.peer.port;  // no connect_to
}

// The endpoint's key as it would be for another host, and the address.
std::string shared_key(const Endpoint& endpoint, const Address& address) {
  constexpr std::size_t kNumbers = 6, kHost = 1;  // as endpoint_key() writes them
  std::array<std::uint32_t, kNumbers> numbers = {};
  std::string key = endpoint.key;
  SLUICE_CHECK(!endpoint.through && key.size() >= sizeof numbers);
  std::memcpy(numbers.data(), key.data(), sizeof numbers);
  key.erase(sizeof numbers, std::exchange(numbers[kHost], 0));
  std::memcpy(key.data(), numbers.data(), sizeof numbers);
  append_number(address.port, key);
  append_number(address.ip.kind, key);
  append_part(as_text(Bytes{address.ip.bytes}), key);
  append_part(address.ip.zone, key);
  return key;
}

proxy::Target Through::target_of(std::size_t proxy) const {
  if (is_last(proxy)) return target;
  const Proxy& next = (*way.proxies)[proxy + 1];
  return {next.host, next.port};
}

std::optional<std::size_t> Through::lacks_address(const std::vector<std::optional<IpAddress>>& known) const {
  for (std::size_t i = 0; i < way.proxies->size(); ++i) {
    if (way.forwards && is_last(i)) break;
    if (proxy::needs_address((*way.proxies)[i]) && (i >= known.size() || !known[i])) return i;
  }
  return std::nullopt;
}

std::string Destination::where() const {
  const std::string before = is_proxy ? "proxy " : "";
  if (route) return before + route->name();
  const bool literal = host.find(':') != std::string::npos;
  return before + (literal ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

bool Destination::is_literal() const { return !is_proxy && (route || IpAddress::parse(host)); }

PeerName peer_of(const Url& url) {
  PeerName peer{.host = std::string(url.host()), .kind = url.host_kind(), .port = url.port(), .tls = {}};
  if (peer.host.ends_with('.')) peer.host.pop_back();  // RFC 6066 3; names in certificates have no final dot
  return peer;
}

void Endpoint::describe(const Request& request, const TransferOptions& options, const Waiter& waiter) {
  const proxy::Way* const way = waiter.way;
  peer = peer_of(request.url);
  protocol = protocol_of(request, options, waiter);
  destination.family = options.family;
  destination.is_proxy = way != nullptr;
  destination.socket = options.socket;
  destination.proxy_protocol = options.proxy_protocol;
  if (way) {
    const Proxy& first = way->proxies->front();
    destination.zone = first.zone;
    destination.host = first.host;
    destination.port = first.port;
    destination.route = first.route;
    through = std::make_unique<Through>();
    through->way = *way;
    through->target = {options.connect_to ? options.connect_to->host : std::string(request.url.host()),
                       options.connect_to ? options.connect_to->port : request.url.port()};
    return;
  }
  destination.zone = options.connect_to ? std::string_view{} : request.url.zone();
  destination.host = options.connect_to ? std::string_view{options.connect_to->host} : request.url.host();
  destination.port = options.connect_to ? options.connect_to->port : request.url.port();
  destination.route = options.route;
}

void Endpoint::recycle() {
  SLUICE_CHECK(unused() && !pending.linked && !starved.linked && !yielding.linked && !unused_link.linked);
  SLUICE_CHECK(!through || (!through->starved.linked && !through->spare.linked));
  id = {};
  destination.route.reset();
  destination.socket.reset();
  destination.proxy_protocol.reset();
  peer.tls.reset();
  key_of_sessions.reset();
  protocol = http::Protocol::http1;
  through.reset();
  carries.reset();
  dialing_since.reset();
  told_capacity = 0;
  closes_unannounced = keeps = wants_http1 = stays_apart = false;
  joined = {};
}

}  // namespace sluice::pool
