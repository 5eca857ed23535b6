// See plan.hpp.
#include "tests/sim/proxies/plan.hpp"

#include <iterator>

#include "core/base/random.hpp"
#include "core/features.hpp"
#include "tests/sim/mode_run.hpp"

namespace sluice::simtest::proxies {
namespace {

using std::chrono::milliseconds;

// In two of three seeds never.
sim::PerMille fault_rate(Random& random) {
  const bool never = !one_in(random, 3);
  const auto drawn = static_cast<sim::PerMille>(20 + random.below(300));
  return never ? sim::PerMille{0} : drawn;
}

ProxyPlan draw_proxy(Random& random, bool calm) {
  constexpr ProxyKind kKinds[] = {ProxyKind::http,    ProxyKind::http,   ProxyKind::https,  ProxyKind::socks4,
                                  ProxyKind::socks4a, ProxyKind::socks5, ProxyKind::socks5h};
  ProxyPlan proxy;
  proxy.kind = kKinds[random.below(std::size(kKinds))];
  proxy.dead = one_in(random, 6);
  const bool can_ask = proxy.kind != ProxyKind::socks4 && proxy.kind != ProxyKind::socks4a;
  proxy.asks = one_in(random, 2) && can_ask;
  proxy.keeps = one_in(random, 2);
  proxy.refuses = fault_rate(random);
  proxy.cut = fault_rate(random);
  if (calm) proxy.refuses = proxy.cut = 0;
  return proxy;
}

WayPlan draw_way(Random& random, std::size_t proxies) {
  WayPlan way;
  if (one_in(random, 5)) return way;
  way.push_back(random.below(proxies));
  if (one_in(random, 4)) way.push_back(random.below(proxies));
  return way;
}

sim::Weather draw_sky(Random& random, bool calm) {
  sim::Weather weather;
  if (one_in(random, 2)) weather.max_piece = 1 + random.below(one_in(random, 2) ? 3 : 2'000);
  if (one_in(random, 2)) weather.window = 1 + random.below(3'000);
  weather.jitter = milliseconds(random.below(20));
  weather.late_reads = fault_rate(random);
  weather.stale_facts = fault_rate(random);
  weather.resets = fault_rate(random);
  weather.closes_early = fault_rate(random);
  weather.half_closes = fault_rate(random);
  weather.stalls = fault_rate(random);
  weather.refused = fault_rate(random);
  weather.hangs = fault_rate(random);
  weather.fault_within = 1 + random.below(6'000);
  if (calm) {
    weather.resets = weather.closes_early = weather.half_closes = weather.stalls = 0;
    weather.refused = weather.hangs = 0;
  }
  return weather;
}

TransferPlan draw_transfer(Random& random, const Plan& plan) {
  TransferPlan transfer;
  transfer.start = milliseconds(random.below(one_in(random, 2) ? 10 : 3'000));
  transfer.origin = random.below(plan.origins.size());
  const std::size_t ways = 1 + random.below(3);
  for (std::size_t i = 0; i < ways; ++i) transfer.ways.push_back(draw_way(random, plan.proxies.size()));
  constexpr Account kAccounts[] = {Account::none,   Account::first,  Account::first,
                                   Account::second, Account::second, Account::wrong};
  transfer.account = kAccounts[random.below(std::size(kAccounts))];
  transfer.waits_for_challenge = one_in(random, 2);
  transfer.tunnel = one_in(random, 3);
  transfer.post = one_in(random, 3);
  transfer.fresh = one_in(random, 8);
  transfer.bytes = random.below(one_in(random, 4) ? 8'000 : 300);
  return transfer;
}

// ---- HTTP/2 ----

void draw_streams(Random& random, ProxyPlan& proxy, bool calm) {
  using Deed = sim::Http2ProxyDeed;
  proxy.streams.max_streams = static_cast<std::uint32_t>(one_in(random, 2) ? 1 + random.below(3) : 100);
  if (one_in(random, 2)) proxy.streams.window = static_cast<std::uint32_t>(20 + random.below(2'000));
  if (one_in(random, 3)) proxy.streams.window_step = 50 + random.below(2'000);
  if (one_in(random, 2)) proxy.streams.frame_bytes = 1 + random.below(500);
  constexpr Deed kDeeds[] = {Deed::refuses, Deed::resets, Deed::ends, Deed::breaks_off, Deed::silent};
  if (one_in(random, 2)) proxy.deeds.push_back(Deed::goes_away);  // with which nothing goes wrong
  if (!calm) {
    for (const Deed deed : kDeeds) {
      if (one_in(random, 3)) proxy.deeds.push_back(deed);
    }
  }
  proxy.misbehaves = static_cast<sim::PerMille>(100 + random.below(400));
}

HttpVersions draw_versions(Random& random, const OriginPlan& origin) {
  if (one_in(random, 5)) return HttpVersions::http1_1;
  if (!origin.http2) return HttpVersions::any;
  const bool certain = one_in(random, 3);
  if (origin.tls) return certain ? HttpVersions::at_least_http2 : HttpVersions::any;
  return certain ? HttpVersions::at_least_http2 : HttpVersions::http2_prior_knowledge;
}

// With numbers of its own, so that the other half of the seeds means what it has meant without HTTP/2.
void add_http2(Plan& plan) {
  std::uint64_t state = plan.seed ^ 0x9a0c'57a7'e000'0002u;
  Random random(Seed{splitmix64(state)});
  plan.http2 = one_in(random, 2) && features().http2 && sim::has_http2_origin();
  if (!plan.http2) return;
  for (ProxyPlan& proxy : plan.proxies) {
    if (proxy.kind == ProxyKind::http && !one_in(random, 4)) proxy.kind = ProxyKind::https;
    proxy.http2 = !one_in(random, 6) && proxy.kind == ProxyKind::https;
    draw_streams(random, proxy, plan.calm);
  }
  for (OriginPlan& origin : plan.origins) {
    origin.http2 = !one_in(random, 3);
    if (one_in(random, 3)) origin.max_streams = static_cast<std::uint32_t>(1 + random.below(4));
  }
  // Then nothing but a fault of the client can make a transfer wait for ever.
  const bool goes_on = one_in(random, 2);
  if (goes_on) {
    plan.weather.stalls = plan.weather.hangs = 0;
    for (ProxyPlan& proxy : plan.proxies) std::erase(proxy.deeds, sim::Http2ProxyDeed::silent);
  }
  const bool has_large = plan.weather.max_piece > 500 && one_in(random, 4);
  for (TransferPlan& transfer : plan.transfers) {
    transfer.versions = draw_versions(random, plan.origins[transfer.origin]);
    transfer.offers_http2 = !one_in(random, 8);
    // More than the first window of a tunnel.
    const std::size_t large = 600'000 + random.below(200'000);
    if (one_in(random, 4) && has_large) transfer.bytes = large;
  }
}

std::string_view name_of_kind(ProxyKind kind) {
  constexpr std::string_view kNames[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  std::uint64_t state = seed ^ 0x9a0c'57a7'e000'0001u;
  Random random(Seed{splitmix64(state)});
  Plan plan;
  plan.seed = seed;
  plan.calm = one_in(random, 3);
  plan.weather = draw_sky(random, plan.calm);
  plan.max_connections_per_origin = random.below(4);
  const std::size_t proxies = 1 + random.below(4), origins = 1 + random.below(3), transfers = 1 + random.below(12);
  for (std::size_t i = 0; i < proxies; ++i) plan.proxies.push_back(draw_proxy(random, plan.calm));
  for (std::size_t i = 0; i < origins; ++i) plan.origins.push_back({one_in(random, 3)});
  for (std::size_t i = 0; i < transfers; ++i) plan.transfers.push_back(draw_transfer(random, plan));
  plan.max_connections_per_proxy = one_in(random, 2) ? 1 + random.below(3) : 0;
  add_http2(plan);
  return plan;
}

std::string describe(const Plan& plan) {
  std::string text = "proxies, seed " + std::to_string(plan.seed) + (plan.calm ? ", calm" : "") + ", at most " +
                     std::to_string(plan.max_connections_per_origin) + " connections to one origin, " +
                     std::to_string(plan.max_connections_per_proxy) + " to one proxy\n";
  for (std::size_t i = 0; i < plan.proxies.size(); ++i) {
    const ProxyPlan& proxy = plan.proxies[i];
    text += "proxy " + std::to_string(i) + ": " + std::string(name_of_kind(proxy.kind)) + (proxy.dead ? ", dead" : "") +
            (proxy.asks ? ", asks who" : "") + (proxy.keeps ? ", keeps" : "");
    if (proxy.http2) {
      text += ", HTTP/2, streams " + std::to_string(proxy.streams.max_streams) + ", window " +
              std::to_string(proxy.streams.window) + ", frames of " + std::to_string(proxy.streams.frame_bytes) +
              ", deeds";
      for (const sim::Http2ProxyDeed deed : proxy.deeds) text += ' ' + std::to_string(static_cast<int>(deed));
      text += " in " + std::to_string(proxy.misbehaves) + " per mille";
    }
    text += "\n";
  }
  for (std::size_t i = 0; i < plan.transfers.size(); ++i) {
    const TransferPlan& transfer = plan.transfers[i];
    text += "transfer " + std::to_string(i) + " to " + origin_host(transfer.origin) +
            (plan.origins[transfer.origin].tls ? " (TLS)" : "") +
            (plan.origins[transfer.origin].http2 ? " (HTTP/2)" : "") + ", versions " +
            std::to_string(static_cast<int>(transfer.versions)) + (transfer.offers_http2 ? ", offers HTTP/2" : "") +
            ", " + std::to_string(transfer.bytes) + " bytes, account " +
            std::to_string(static_cast<int>(transfer.account)) + (transfer.tunnel ? ", tunnel" : "") +
            (transfer.post ? ", POST" : "") + ", by";
    for (const WayPlan& way : transfer.ways) {
      text += " [";
      for (const std::size_t proxy : way) text += ' ' + std::to_string(proxy);
      text += " ]";
    }
    text += "\n";
  }
  return text;
}

std::string proxy_host(std::size_t proxy) { return "proxy" + std::to_string(proxy) + ".test"; }
std::string origin_host(std::size_t origin) { return "origin" + std::to_string(origin) + ".test"; }
std::uint16_t port_of(const OriginPlan& origin) { return origin.tls ? 443 : 80; }
bool is_http(ProxyKind kind) { return kind == ProxyKind::http || kind == ProxyKind::https; }

std::string user_of(Account account) {
  switch (account) {
    case Account::none:
      return "";
    case Account::first:
    case Account::wrong:
      return "first";
    case Account::second:
      return "second";
  }
  return "";
}

std::string password_of(Account account) {
  return account == Account::wrong ? "wrong" : user_of(account).empty() ? "" : user_of(account) + "'s";
}

}  // namespace sluice::simtest::proxies
