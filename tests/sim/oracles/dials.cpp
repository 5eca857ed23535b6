// The oracles about connections that are being made: names, addresses and attempts, and whether these explain a
// failure. Leaves established ones to connections.cpp.
#include <algorithm>

#include "core/base/limits.hpp"
#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

// The addresses in the order in which a transfer uses them: the families alternate (RFC 8305 4). Empty with a route.
std::vector<IpAddress> Oracles::addresses_in_order(const OriginPlan& origin, const TransferPlan& plan) {
  if (plan.route) return {};
  if (plan.literal) return {origin.addresses.front()};
  std::vector<IpAddress> first, second, order;
  for (const IpAddress& address : origin.addresses) {
    if (!is_of(plan.family, address)) continue;
    (first.empty() || first.front().kind == address.kind ? first : second).push_back(address);
  }
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) order.push_back(first[i]);
    if (i < second.size()) order.push_back(second[i]);
  }
  return order;
}

// ---- names ----

std::string Oracles::asked_host(const TransferPlan& plan) const {
  const OriginPlan& origin = scenario_.origins[plan.origin];
  return plan.connect_to ? alias_of(origin, plan) : origin.host;
}

bool Oracles::is_asked_for(const std::string& host) const {
  return std::ranges::any_of(world_->resolves(),
                             [&](const sim::ResolveRecord& resolve) { return !resolve.over && resolve.host == host; });
}

bool Oracles::is_any_name_asked_for() const {
  return std::ranges::any_of(world_->resolves(), [](const sim::ResolveRecord& resolve) { return !resolve.over; });
}

// A name with a valid answer must not be looked up again, and without a valid answer no connection may begin. With too
// many origins the engine forgets some answers.
void Oracles::check_names() {
  if (scenario_.on.has(Feature::name_wrong) || kinds_.size() > limits::kMaxUnusedOrigins) return;
  std::set<std::string> hosts;
  for (const Kind& kind : kinds_) {
    if (!kind.plan->route && !kind.plan->literal) hosts.insert(asked_host(*kind.plan));
  }
  for (const std::string& host : hosts) check_name(host);
  for (std::size_t i = 0; i < scenario_.origins.size(); ++i) check_answers_used(i);
}

namespace {

// How long an answer is valid.
Duration lifetime(const sim::ResolveRecord& resolve) {
  return std::min(resolve.ttl.value_or(NameCacheOptions{}.max_ttl), NameCacheOptions{}.max_ttl);
}

// When an answer first allowed to connect: the complete answer, a part with IPv6, or IPv4 alone and a short delay (RFC
// 8305 3).
std::optional<Instant> usable_from(const sim::ResolveRecord& resolve) {
  std::optional<Instant> from = resolve.failed ? std::nullopt : resolve.over;
  if (resolve.first) {
    const Instant part = *resolve.first + (resolve.first_is_ipv4 ? limits::kResolutionDelay : Duration::zero());
    from = from ? std::min(*from, part) : part;
  }
  return from;
}

}  // namespace

// Each kind of transfer has its own answer for a name.
void Oracles::check_name(const std::string& host) {
  std::size_t may_ask = 0;
  for (const Kind& kind : kinds_) {
    if (kind.plan->route || kind.plan->literal || asked_host(*kind.plan) != host) continue;
    if (kind.addresses.empty()) return;  // no answer is usable, and none is kept
    ++may_ask;
  }
  const std::vector<sim::ResolveRecord>& all = world_->resolves();
  for (const sim::ResolveRecord& asks : all) {
    if (asks.host != host) continue;
    const auto is_good = [&](const sim::ResolveRecord& before) {
      return &before < &asks && before.host == host && !before.failed &&
             (!before.over || *before.over + lifetime(before) > asks.asked);
    };
    if (static_cast<std::size_t>(std::ranges::count_if(all, is_good)) < may_ask) continue;
    report("names", host + " is asked for again, and there is an answer that is still good");
  }
}

// Only if all begin with the same address after a look-up.
void Oracles::check_answers_used(std::size_t origin) {
  const std::vector<IpAddress>* order = one_order(origin);
  if (!order) return;
  for (const sim::ConnectRecord& connect : world_->connects()) {
    if (connect.origin != origin || connect.address.ip != order->front()) continue;
    const bool known = std::ranges::any_of(world_->resolves(), [&](const sim::ResolveRecord& resolve) {
      const bool its = std::ranges::any_of(kinds_, [&](const Kind& kind) {
        return kind.plan->origin == origin && asked_host(*kind.plan) == resolve.host;
      });
      const std::optional<Instant> from = usable_from(resolve);
      if (!its || !from || *from > connect.began) return false;
      // An answer that may not be kept serves those that waited for it. With an answer in parts the later addresses are
      // tried later.
      return resolve.first || !resolve.over || *resolve.over >= connect.began ||
             *resolve.over + lifetime(resolve) > connect.began;
    });
    if (!known)
      report("names", "a connection to " + connect.address.to_string() + " is begun by an answer that is too old");
  }
}

// The order in which all transfers to that origin try its addresses. Null: they differ, or some use an address without
// a look-up.
const std::vector<IpAddress>* Oracles::one_order(std::size_t origin) const {
  const std::vector<IpAddress>* order = nullptr;
  for (const Kind& kind : kinds_) {
    if (kind.plan->origin != origin || kind.plan->route) continue;
    if (kind.plan->literal || kind.addresses.empty() || (order && *order != kind.addresses)) return nullptr;
    order = &kind.addresses;
  }
  return order && has_turned(*order) ? nullptr : order;
}

// An address of the other family has won, which is tried first from then on. The mode for names (tests/sim/names) knows
// that order.
bool Oracles::has_turned(const std::vector<IpAddress>& order) const {
  return std::ranges::any_of(world_->connects(), [&](const sim::ConnectRecord& connect) {
    return connect.connected && connect.address.ip.kind != order.front().kind &&
           std::ranges::find(order, connect.address.ip) != order.end();
  });
}

// After the first part of an answer connecting begins at once with IPv6, and after a short delay with IPv4 (RFC 8305
// 3).
void Oracles::check_parts() {
  const bool limited = scenario_.max_connections != 0 || scenario_.max_connections_per_origin != 0;
  if (!scenario_.on.has(Feature::split_names) || scenario_.on.has(Feature::leaps) || limited) return;
  for (const Seen& seen : transfers_) {
    if (!is_waiting(seen) || seen.plan->route || seen.plan->literal || seen.plan->family != AddressFamily::any)
      continue;
    // Other transfers may have asked for it, and have been removed.
    const auto asks_too = [&](const Kind& kind) {
      return !kind.plan->route && !kind.plan->literal && asked_host(*kind.plan) == asked_host(*seen.plan);
    };
    if (std::ranges::count_if(kinds_, asks_too) != 1) continue;
    for (const sim::ResolveRecord& resolve : world_->resolves()) {
      if (!resolve.first || resolve.over || resolve.host != asked_host(*seen.plan)) continue;
      const Instant from = *usable_from(resolve);
      // One that is tried again may wait only since it lost its connection.
      if (now() <= from || seen.queued_at > *resolve.first || engine().info(seen.id).retries > 0) continue;
      const bool begun = std::ranges::any_of(world_->connects(), [&](const sim::ConnectRecord& connect) {
        // No origin listens at the addresses of a wrong answer.
        return connect.origin.value_or(seen.plan->origin) == seen.plan->origin && connect.began >= *resolve.first &&
               connect.began <= from;
      });
      if (!begun) report("names", name(seen) + " waits for the rest of an answer, and the first part is enough");
    }
  }
}

// ---- the race between addresses ----

// Each address is tried in turn, with a delay unless one fails (RFC 8305 5).
void Oracles::check_turns() {
  // An address that becomes known late is tried late.
  if (scenario_.on.has(Feature::name_wrong) || scenario_.on.has(Feature::split_names)) return;
  for (std::size_t i = 0; i < scenario_.origins.size(); ++i) {
    if (const std::vector<IpAddress>* order = one_order(i)) check_turns(i, *order);
  }
}

void Oracles::check_turns(std::size_t origin, const std::vector<IpAddress>& order) {
  std::vector<std::vector<const sim::ConnectRecord*>> begun(order.size());
  for (const sim::ConnectRecord& connect : world_->connects()) {
    if (connect.origin != origin || connect.address == Address{}) continue;
    const auto place = static_cast<std::size_t>(std::ranges::find(order, connect.address.ip) - order.begin());
    if (place == order.size())
      return report("race", connect.address.to_string() + " is tried, which was not asked for");
    begun[place].push_back(&connect);
    if (place == 0) continue;
    const std::vector<const sim::ConnectRecord*>& before = begun[place - 1];
    if (before.size() < begun[place].size())
      report("race", connect.address.to_string() + " is tried before those that come first");
    const bool has_turn = std::ranges::any_of(before, [&](const sim::ConnectRecord* other) {
      return other->began + limits::kAddressStagger <= connect.began;
    });
    const bool one_failed = std::ranges::any_of(world_->connects(), [&](const sim::ConnectRecord& other) {
      return other.origin == origin && &other < &connect && other.over && *other.over <= connect.began;
    });
    if (!has_turn && !one_failed)
      report("race", connect.address.to_string() + " is tried, and the one before it had no time to answer");
  }
}

// An address that does not answer has 250 ms before the next one is tried (RFC 8305 5).
void Oracles::check_races() {
  if (scenario_.on.has(Feature::leaps) || scenario_.on.has(Feature::name_wrong) ||
      scenario_.on.has(Feature::split_names))
    return;
  for (const ConnId conn : world_->connections()) {
    const sim::ConnectRecord& record = *world_->record(conn);
    if (record.connected || record.address == Address{} || now() <= record.began + limits::kAddressStagger) continue;
    const bool may_be_last = std::ranges::any_of(kinds_, [&](const Kind& kind) {
      return kind.plan->origin == record.origin && !kind.addresses.empty() &&
             (kind.addresses.back() == record.address.ip || has_turned(kind.addresses));
    });
    const bool another = std::ranges::any_of(world_->connects(), [&](const sim::ConnectRecord& other) {
      return &other > &record && other.origin == record.origin && other.address != Address{};
    });
    if (may_be_last || another) continue;
    report("race",
           "only " + record.address.to_string() + " is tried, which does not answer, and there are other addresses");
  }
}

// ---- what explains a failure ----

// Whether the connection may have been opened for that transfer, as far as the network can tell. If no origin listens
// there, the cause was a wrong answer.
bool Oracles::is_its(const sim::ConnectRecord& record, const TransferPlan& plan) const {
  const bool by_route = record.address == Address{};
  return by_route == plan.route.has_value() && (!record.origin || *record.origin == plan.origin);
}

// Whether from `since` until now, without a gap, its name was being looked up or connects to its origin were open. The
// end of a TLS handshake cannot be seen here.
bool Oracles::was_in_the_making(const Seen& seen, Instant since) const {
  const TransferPlan& plan = *seen.plan;
  const bool tls = origin_of(seen).tls;
  Instant covered = since;
  const auto cover = [&](Instant begin, std::optional<Instant> end) {
    if (begin <= covered) covered = std::max(covered, end.value_or(now()));
  };
  for (Instant before = covered - Duration(1); before < covered && covered < now();) {
    before = covered;
    for (const sim::ResolveRecord& resolve : world_->resolves()) {
      if (resolve.host == asked_host(plan)) cover(resolve.asked, resolve.over);
    }
    for (const sim::ConnectRecord& connect : world_->connects()) {
      if (is_its(connect, plan)) cover(connect.began, connect.connected && !tls ? connect.connected : connect.over);
    }
  }
  return covered >= now();
}

bool Oracles::look_up_failed_now(const Seen& seen) const {
  return std::ranges::any_of(world_->resolves(), [&](const sim::ResolveRecord& resolve) {
    return resolve.failed && resolve.over == now() && resolve.host == asked_host(*seen.plan);
  });
}

// Whether the last of its addresses was refused now, and all others before.
bool Oracles::connect_failed_now(const Seen& seen) const {
  std::vector<Address> refused;
  bool one_now = false, led_astray = false;
  for (const sim::ConnectRecord& connect : world_->connects()) {
    if (!connect.refused || !is_its(connect, *seen.plan)) continue;
    one_now |= connect.over == now();
    led_astray |= !connect.origin;
    if (std::ranges::find(refused, connect.address) == refused.end()) refused.push_back(connect.address);
  }
  return one_now && (led_astray || refused.size() >= addresses_to_try(seen));
}

}  // namespace sluice::simtest
