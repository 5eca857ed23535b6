// The oracles about connections: how many may stand and for whom, and what became of those that were to be made.
#include <algorithm>
#include <tuple>

#include "core/base/limits.hpp"
#include "tests/sim/oracles.hpp"

namespace sluice::simtest {
namespace {

// A pool key as the engine's rules have it.
auto key_of(const TransferPlan& plan) {
  return std::make_tuple(plan.origin, plan.literal, plan.connect_to, plan.family, plan.route);
}

// Of the addresses that a transfer may use, the one whose turn comes last: families take turns (RFC 8305 4).
std::optional<IpAddress> tried_last(const OriginPlan& origin, const TransferPlan& plan) {
  if (plan.route) return std::nullopt;
  if (plan.literal) return origin.addresses.front();
  std::vector<IpAddress> first, second;
  for (const IpAddress& address : origin.addresses) {
    if (!is_of(plan.family, address)) continue;
    (first.empty() || first.front().kind == address.kind ? first : second).push_back(address);
  }
  if (first.empty()) return std::nullopt;
  return second.size() >= first.size() ? second.back() : first.back();
}

}  // namespace

void Oracles::list_kinds() {
  std::map<decltype(key_of(*transfers_.front().plan)), std::size_t> known;
  most_connections_.assign(scenario_.origins.size(), 0);
  for (Seen& seen : transfers_) {
    const TransferPlan& plan = *seen.plan;
    const auto [kind, is_new] = known.emplace(key_of(plan), kinds_.size());
    seen.kind = kind->second;
    if (!is_new) continue;
    const std::size_t ours = scenario_.max_connections_per_origin;
    const std::size_t by_route = plan.route ? scenario_.routes[*plan.route].max_connections : 0;
    const std::size_t most = ours == 0 || by_route == 0 ? std::max(ours, by_route) : std::min(ours, by_route);
    kinds_.push_back({&plan, most, tried_last(scenario_.origins[plan.origin], plan)});
    std::size_t& all = most_connections_[plan.origin];
    all = most == 0 || all == SIZE_MAX ? SIZE_MAX : all + most;
    if (most != 0) least_limit_ = std::min(least_limit_, most);
  }
  std::ranges::replace(most_connections_, SIZE_MAX, std::size_t{0});
}

void Oracles::rides(const Seen& seen) {
  if (const ConnId conn = engine().info(seen.id).conn) kind_of_.emplace(conn, seen.kind);
}

void Oracles::check_limits() {
  const std::size_t open = world_->open_connections();
  if (open > least_limit_) check_limits_by_kind();
  if (scenario_.max_connections != 0 && open > scenario_.max_connections) {
    report("limit", std::to_string(open) + " connections are open, of " + std::to_string(scenario_.max_connections) + " allowed");
  }
  for (std::size_t i = 0; i < most_connections_.size(); ++i) {
    const std::size_t most = most_connections_[i], its = world_->open_connections(i);
    if (most == 0 || its <= most) continue;
    report("limit", std::to_string(its) + " connections are open to origin " + std::to_string(i) + ", of " + std::to_string(most) +
                        " allowed");
  }
}

// What is known to be of one kind, by what it has carried, is within that kind's own limit.
void Oracles::check_limits_by_kind() {
  std::vector<std::size_t> open(kinds_.size());
  for (const ConnId conn : world_->connections()) {
    if (const auto kind = kind_of_.find(conn); kind != kind_of_.end()) ++open[kind->second];
  }
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    if (kinds_[i].most == 0 || open[i] <= kinds_[i].most) continue;
    report("limit", std::to_string(open[i]) + " connections are open for transfers like " + std::to_string(kinds_[i].plan->number) +
                        ", of " + std::to_string(kinds_[i].most) + " allowed");
  }
}

// ---- who gets which ----

bool Oracles::is_riding(const Seen& seen) const {
  const sim::ConnectRecord* record = world_->record(engine().info(seen.id).conn);
  return record && !record->over;
}

// Nothing speaks against it, and nobody may have had it since.
bool Oracles::may_be_used_again(const Seen& seen) const {
  const TransferPlan& plan = *seen.plan;
  const OriginPlan& origin = origin_of(seen);
  const bool limited = scenario_.max_connections != 0 || kinds_[seen.kind].most != 0;
  const bool is_closed = scenario_.idle_connection_timeout == Duration::zero() || !scenario_.close_idle.empty();
  const bool origin_closes = origin.tls || origin.options.max_requests != SIZE_MAX || plan.reply.misdeed != sim::Misdeed::none;
  if (limited || is_closed || origin_closes || !engine().progress(seen.id).sent || !is_riding(seen)) return false;
  const ConnId conn = engine().info(seen.id).conn;
  return world_->faults(conn).empty() && std::ranges::none_of(transfers_, [&](const Seen& other) {
    return other.added && !other.done && engine().info(other.id).conn == conn;
  });
}

// RFC 8446 6.1: a connection that has only carried what went well is not simply cut off, as far as a send takes it all.
void Oracles::check_goodbyes() {
  if (scenario_.on.has(Feature::partial_sends) || scenario_.on.has(Feature::small_window)) return;
  for (const sim::ConnectRecord& record : world_->connects()) {
    if (!record.cut_off || !carried_.contains(record.conn) || cut_short_.contains(record.conn)) continue;
    if (!world_->faults(record.conn).empty()) continue;
    report("goodbye", "connection " + std::to_string(record.conn.index) + "." + std::to_string(record.conn.generation) +
                          " was closed without a close_notify");
  }
}

void Oracles::check_kept() {
  for (const ConnId conn : must_stand_) {
    const sim::ConnectRecord& record = *world_->record(conn);
    if (!record.over || record.end_told || cut_short_.contains(conn) || !world_->faults(conn).empty()) continue;
    report("reuse", "connection " + std::to_string(conn.index) + "." + std::to_string(conn.generation) +
                        " was closed behind a response, and could have been used again");
  }
  must_stand_.clear();
}

// Those that nobody has: in the making, or kept.
std::vector<ConnId> Oracles::unridden() const {
  std::vector<ConnId> conns = world_->connections(), ridden;
  for (const Seen& seen : transfers_) {
    if (seen.added && !seen.done) ridden.push_back(engine().info(seen.id).conn);
  }
  std::erase_if(conns, [&](ConnId conn) { return std::ranges::find(ridden, conn) != ridden.end(); });
  return conns;
}

bool Oracles::is_served_by(const Seen& seen, const std::vector<ConnId>& spare) const {
  return std::ranges::any_of(spare, [&](ConnId conn) { return is_its(*world_->record(conn), *seen.plan); });
}

// Who waits while there is room has a connection in the making, or one that will be his.
void Oracles::check_queue() {
  const std::vector<ConnId> spare = unridden();
  const bool unanswered = is_any_name_asked_for();
  for (const Seen& seen : transfers_) {
    if (!is_waiting(seen)) continue;
    const TransferPlan& plan = *seen.plan;
    const std::size_t most = kinds_[seen.kind].most, most_in_all = scenario_.max_connections;
    // A name that is asked for may hold a place for each of any number of transfers.
    if (unanswered && (most != 0 || most_in_all != 0 || is_asked_for(asked_host(plan)))) continue;
    if (most != 0 && world_->open_connections(plan.origin) >= most) continue;
    if (most_in_all != 0 && world_->open_connections() >= most_in_all && engine().idle_connections() == 0) continue;
    if (!is_served_by(seen, spare)) report("queue", name(seen) + " waits, and there is room for a connection that nobody makes");
  }
}

// A connection that has carried many is not given to one more while others have none, because of the limit for all.
void Oracles::check_yield() {
  for (Seen& seen : transfers_) {
    if (!seen.added || seen.done || !is_riding(seen) || !engine().progress(seen.id).secured) continue;
    const ConnId conn = engine().info(seen.id).conn;
    if (std::exchange(seen.rides_on, conn) == conn || ++rides_[conn] <= limits::kExchangesBeforeYield) continue;
    const bool yields = std::ranges::any_of(starved_, [&](std::size_t kind) { return kind != seen.kind; });
    if (yields) report("yield", name(seen) + " has a connection that others wait for, and that has carried many");
  }
  starved_.clear();
  const bool full = world_->open_connections() >= scenario_.max_connections && engine().idle_connections() == 0;
  if (!full || is_any_name_asked_for()) return;
  const std::vector<ConnId> spare = unridden();
  for (const Seen& seen : transfers_) {
    if (!is_waiting(seen) || is_served_by(seen, spare)) continue;
    const std::size_t most = kinds_[seen.kind].most;
    if (most == 0 || world_->open_connections(seen.plan->origin) < most) starved_.push_back(seen.kind);
  }
}

bool Oracles::is_any_name_asked_for() const {
  return std::ranges::any_of(world_->resolves(), [](const sim::ResolveRecord& resolve) { return !resolve.over; });
}

bool Oracles::is_asked_for(const std::string& host) const {
  return std::ranges::any_of(world_->resolves(), [&](const sim::ResolveRecord& resolve) { return !resolve.over && resolve.host == host; });
}

// Where one connection serves all, they have it in the order in which they came. Not so one that wants a fresh one, or tries again.
void Oracles::judge_turn(const Seen& seen) {
  if (kinds_[seen.kind].most != 1 || seen.plan->fresh || seen.removed) return;
  for (const Seen& other : transfers_) {
    if (other.kind != seen.kind || !other.added || other.order >= seen.order || other.done || other.plan->fresh) continue;
    if (other.removed || other.arrivals > 0 || engine().info(other.id).retries > 0 || is_riding(other)) continue;
    report("turn", name(seen) + " is served before " + std::to_string(other.plan->number) + ", which had come first");
  }
}

// An address that does not answer is given a quarter of a second for itself (RFC 8305 5).
void Oracles::check_races() {
  const bool limited = scenario_.max_connections != 0 || least_limit_ != SIZE_MAX;
  if (limited || scenario_.on.has(Feature::leaps) || scenario_.on.has(Feature::name_wrong)) return;
  for (const ConnId conn : world_->connections()) {
    const sim::ConnectRecord& record = *world_->record(conn);
    if (record.connected || record.address == Address{} || now() <= record.began + limits::kAddressStagger) continue;
    const bool may_be_last = std::ranges::any_of(kinds_, [&](const Kind& kind) {
      return kind.plan->origin == record.origin && kind.tried_last == record.address.ip;
    });
    const bool another = std::ranges::any_of(world_->connects(), [&](const sim::ConnectRecord& other) {
      return &other > &record && other.origin == record.origin && other.address != Address{};
    });
    if (may_be_last || another) continue;
    report("race", "only " + record.address.to_string() + " is tried, which does not answer, and there are other addresses");
  }
}

// ---- connections in the making ----

std::string Oracles::asked_host(const TransferPlan& plan) const {
  const OriginPlan& origin = scenario_.origins[plan.origin];
  return plan.connect_to ? origin.alias() : origin.host;
}

// Whether it may have been opened for that transfer, as far as the network can tell. Where nobody listens a wrong answer has led.
bool Oracles::is_its(const sim::ConnectRecord& record, const TransferPlan& plan) const {
  const bool by_route = record.address == Address{};
  return by_route == plan.route.has_value() && (!record.origin || *record.origin == plan.origin);
}

// From then until now, without a gap: its name was being looked up, or connects to its origin were open. Of TLS it cannot be seen from
// here when a handshake is through.
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

// The last of its addresses was refused right now, and all the others before.
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
