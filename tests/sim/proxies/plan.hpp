// What a seed decides about transfers through proxies: the proxies and what they demand, the origins, and who asks for
// what by which ways. Plain values. Leaves running it to run.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/sim.hpp"
#include "adapters/sim/http2_proxy.hpp"
#include "core/options.hpp"
#include "core/proxy.hpp"

namespace sluice::simtest::proxies {

struct ProxyPlan {
  ProxyKind kind = ProxyKind::http;
  bool dead = false;   // nobody listens there
  bool asks = false;   // for user and password; a SOCKS4 proxy cannot
  bool keeps = false;  // the connection, after a 407
  // Of its answers:
  sim::PerMille refuses = 0;
  sim::PerMille cut = 0;  // the connection ends in the middle of it
  // An https proxy: it agrees to HTTP/2.
  bool http2 = false;
  sim::Http2ProxyOptions streams = {};
  // Of its answers over HTTP/2:
  std::vector<sim::Http2ProxyDeed> deeds = {};  // one of these is done with one of them
  sim::PerMille misbehaves = 0;
};

struct OriginPlan {
  bool tls = false;
  bool http2 = false;
  std::uint32_t max_streams = 100;  // over HTTP/2
};

// The proxies by number; none: directly.
using WayPlan = std::vector<std::size_t>;

// Whose user and password a transfer has for its proxies.
enum class Account : std::uint8_t { none, first, second, wrong };

struct TransferPlan {
  Duration start = {};
  std::size_t origin = 0;
  std::vector<WayPlan> ways;  // to be tried one after the other
  Account account = Account::none;
  bool waits_for_challenge = false;  // Basic does not go with the first request
  bool tunnel = false;
  bool post = false;
  bool fresh = false;
  std::size_t bytes = 0;  // of the response
  HttpVersions versions = HttpVersions::http1_1;
  bool offers_http2 = false;  // to its https proxies
};

struct Plan {
  std::uint64_t seed = 0;
  sim::Weather weather;
  bool calm = false;   // nothing goes wrong in the network, and no proxy makes a fault
  bool http2 = false;  // some proxies and origins speak it
  std::size_t max_connections_per_origin = 0, max_connections_per_proxy = 0;
  std::vector<ProxyPlan> proxies;
  std::vector<OriginPlan> origins;
  std::vector<TransferPlan> transfers;
};

Plan draw_plan(std::uint64_t seed);
std::string describe(const Plan& plan);

std::string proxy_host(std::size_t proxy);
std::string origin_host(std::size_t origin);
std::uint16_t port_of(const OriginPlan& origin);
inline constexpr std::uint16_t kProxyPort = 3128;
// "" without one.
std::string user_of(Account account);
std::string password_of(Account account);
bool is_http(ProxyKind kind);

}  // namespace sluice::simtest::proxies
