// The oracles about established connections: how many there may be, for which transfers, and how they end. Leaves
// making them to dials.cpp.
#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "core/base/limits.hpp"
#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {
namespace {

// The endpoint key by the engine's rules.
auto key_of(const TransferPlan& plan) {
  return std::make_tuple(plan.origin, plan.literal, plan.connect_to, plan.family, plan.route, plan.other_tls,
                         plan.own_name ? plan.number : 0);
}

}  // namespace

void Oracles::list_kinds() {
  std::map<decltype(key_of(*transfers_.front().plan)), std::size_t> known;
  most_connections_.assign(scenario_.origins.size(), 0);
  const auto number_of = [&](const TransferPlan& plan) {
    const auto [kind, is_new] = known.emplace(key_of(plan), kinds_.size());
    if (!is_new) return kind->second;
    const std::size_t ours = scenario_.max_connections_per_origin;
    const std::size_t by_route = plan.route ? scenario_.routes[*plan.route].max_connections : 0;
    const std::size_t most = ours == 0 || by_route == 0 ? std::max(ours, by_route) : std::min(ours, by_route);
    kinds_.push_back({&plan, most, addresses_in_order(scenario_.origins[plan.origin], plan)});
    std::size_t& all = most_connections_[plan.origin];
    all = most == 0 || all == SIZE_MAX ? SIZE_MAX : all + most;
    if (most != 0) least_limit_ = std::min(least_limit_, most);
    return kind->second;
  };
  for (Seen& seen : transfers_) {
    seen.kind = number_of(*seen.plan);
    if (!seen.chain) continue;
    for (const Stage& stage : seen.chain->stages) seen.chain->kinds.push_back(number_of(stage.plan));
  }
  std::ranges::replace(most_connections_, SIZE_MAX, std::size_t{0});
}

void Oracles::carried_by(const Seen& seen) {
  if (const ConnId conn = engine().info(seen.id).conn) kind_of_.emplace(conn, seen.kind);
}

// Attempts to different addresses may be one race, which counts as one connection; attempts to the same address are
// different races.
std::vector<std::size_t> Oracles::places_taken() const {
  const std::size_t nowhere = scenario_.origins.size();
  std::vector<std::size_t> taken(nowhere + 1);
  std::map<std::pair<std::size_t, std::string>, std::size_t> racing;
  for (const ConnId conn : world_->connections()) {
    const sim::ConnectRecord& record = *world_->record(conn);
    const bool is_race = !record.connected && record.address != Address{};
    ++(is_race ? racing[{record.origin.value_or(nowhere), record.address.to_string()}]
               : taken[record.origin.value_or(nowhere)]);
  }
  std::vector<std::size_t> races(nowhere + 1);
  for (const auto& [where, count] : racing) races[where.first] = std::max(races[where.first], count);
  for (std::size_t i = 0; i <= nowhere; ++i) taken[i] += races[i];
  return taken;
}

// The greatest number of connections for transfers like this one, as far as the network can tell.
std::size_t Oracles::open_for(const TransferPlan& plan) const {
  const std::vector<ConnId> open = world_->connections();
  return static_cast<std::size_t>(
      std::ranges::count_if(open, [&](ConnId conn) { return is_its(*world_->record(conn), plan); }));
}

void Oracles::check_limits() {
  const std::size_t open = world_->open_connections(), limit = scenario_.max_connections;
  if (open <= std::min(least_limit_, limit == 0 ? SIZE_MAX : limit)) return;
  check_limits_by_kind();
  const std::vector<std::size_t> taken = places_taken();
  // With wrong answers to names a race may go to several origins.
  const bool astray = scenario_.on.has(Feature::name_wrong);
  const std::size_t all =
      astray ? *std::ranges::max_element(taken) : std::accumulate(taken.begin(), taken.end(), std::size_t{0});
  if (limit != 0 && all > limit) {
    report("limit", std::to_string(all) + " connections are open, of " + std::to_string(limit) + " allowed");
  }
  for (std::size_t i = 0; i < most_connections_.size(); ++i) {
    if (most_connections_[i] == 0 || taken[i] <= most_connections_[i]) continue;
    report("limit", std::to_string(taken[i]) + " connections are open to origin " + std::to_string(i) + ", of " +
                        std::to_string(most_connections_[i]) + " allowed");
  }
}

// Connections whose kind is known from their transfers must be within the limit of that kind.
void Oracles::check_limits_by_kind() {
  std::vector<std::size_t> open(kinds_.size());
  for (const ConnId conn : world_->connections()) {
    if (const auto kind = kind_of_.find(conn); kind != kind_of_.end()) ++open[kind->second];
  }
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    if (kinds_[i].most == 0 || open[i] <= kinds_[i].most) continue;
    report("limit", std::to_string(open[i]) + " connections are open for transfers like " +
                        std::to_string(kinds_[i].plan->number) + ", of " + std::to_string(kinds_[i].most) + " allowed");
  }
}

// ---- which transfer gets which connection ----

bool Oracles::is_riding(const Seen& seen) const {
  if (multiplexes(seen) && !seen.is_open) return false;  // a refused one waits again, and its connection stays open
  const sim::ConnectRecord* record = world_->record(engine().info(seen.id).conn);
  return record && !record->over;
}

// Whether nothing prevents its use, and no transfer may have used it since.
bool Oracles::may_be_used_again(const Seen& seen, ConnId conn, bool sent) const {
  const TransferPlan& plan = *seen.plan;
  const OriginPlan& origin = origin_of(seen);
  const bool limited = scenario_.max_connections != 0 || kinds_[seen.kind].most != 0;
  const bool is_closed = scenario_.idle_connection_timeout == Duration::zero() || !scenario_.close_idle.empty();
  const bool origin_closes =
      origin.tls || origin.options.max_requests != SIZE_MAX || plan.reply.origin_fault != sim::OriginFault::none;
  // It may have been idle since its response was complete, which may be long before the body was consumed.
  if (now() - seen.tried_at >= scenario_.idle_connection_timeout) return false;
  // Another exchange may have been the last one.
  if (multiplexes(seen) && scenario_.on.has(Feature::no_reuse)) return false;
  const sim::ConnectRecord* record = world_->record(conn);
  if (limited || is_closed || origin_closes || !sent || !record || record->over) return false;
  return world_->faults(conn).empty() && std::ranges::none_of(transfers_, [&](const Seen& other) {
           return other.added && !other.done && engine().info(other.id).conn == conn;
         });
}

// RFC 8446 6.1: a connection with only successful exchanges must end with a close_notify, if one send takes it.
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

// Connections without a transfer: being made, or idle.
std::vector<ConnId> Oracles::unridden() const {
  std::vector<ConnId> conns = world_->connections(), ridden;
  for (const Seen& seen : transfers_) {
    if (seen.added && !seen.done && is_riding(seen)) ridden.push_back(engine().info(seen.id).conn);
  }
  std::erase_if(conns, [&](ConnId conn) { return std::ranges::find(ridden, conn) != ridden.end(); });
  return conns;
}

bool Oracles::is_served_by(const Seen& seen, const std::vector<ConnId>& spare) const {
  return std::ranges::any_of(spare, [&](ConnId conn) { return is_its(*world_->record(conn), *seen.plan); });
}

// The request must not be sent twice, and connections of its kind have ended, so existing ones may be about to end.
bool Oracles::is_wary(const Seen& seen) const {
  if (is_idempotent(seen.plan->method) && !seen.plan->upload.is_stream()) return false;
  return std::ranges::any_of(kind_of_, [&](const auto& one) {
    const sim::ConnectRecord* record = world_->record(one.first);
    return one.second == seen.kind && (record->over || record->end_told || !world_->faults(one.first).empty());
  });
}

// If there is room, each waiting transfer must have a connection that is being made, or one that it will get.
void Oracles::check_queue() {
  const std::vector<ConnId> spare = unridden();
  const bool unanswered = is_any_name_asked_for();
  for (const Seen& seen : transfers_) {
    if (!is_waiting(seen)) continue;
    const TransferPlan& plan = *seen.plan;
    const std::size_t most = kinds_[seen.kind].most, most_in_all = scenario_.max_connections;
    // A name that is being looked up may hold places for any number of transfers.
    if (unanswered && (most != 0 || most_in_all != 0 || is_asked_for(asked_host(plan)))) continue;
    if (most != 0 && open_for(plan) >= most) continue;
    if (most_in_all != 0 && world_->open_connections() >= most_in_all && engine().idle_connections() == 0) continue;
    const bool finds_one = !plan.fresh && !is_wary(seen) && engine().info(seen.id).retries == 0 &&
                           !(multiplexes(seen) && is_held_up(seen)) && std::ranges::any_of(spare, [&](ConnId conn) {
                             const auto kind = kind_of_.find(conn);
                             return kind != kind_of_.end() && kind->second == seen.kind &&
                                    !world_->record(conn)->end_told && world_->faults(conn).empty();
                           });
    if (finds_one) report("queue", name(seen) + " waits, and there is a connection for it that nobody uses");
    if (!is_served_by(seen, spare))
      report("queue", name(seen) + " waits, and there is room for a connection that nobody makes");
  }
}

// A connection that has carried many exchanges must not be used again while other endpoints have none because of the
// total limit.
void Oracles::check_yield() {
  for (Seen& seen : transfers_) {
    if (!seen.added || seen.done || !is_riding(seen) || !engine().progress(seen.id).secured) continue;
    const ConnId conn = engine().info(seen.id).conn;
    if (std::exchange(seen.rides_on, conn) == conn || ++rides_[conn] <= limits::kExchangesBeforeYield) continue;
    if (multiplexes(seen)) continue;  // it may have had room when none waited
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
    if (most == 0 || open_for(*seen.plan) < most) starved_.push_back(seen.kind);
  }
}

// If one connection serves all transfers, they get it in the order in which they came, except those that need a fresh
// one or are sent again.
void Oracles::judge_turn(const Seen& seen) {
  if (kinds_[seen.kind].most != 1 || seen.plan->fresh || seen.removed) return;
  if (seen.chain && seen.chain->retries > 0) return;  // it may be the request of an earlier hop
  for (const Seen& other : transfers_) {
    if (other.kind != seen.kind || !other.added || other.order >= seen.order || other.done || other.plan->fresh)
      continue;
    if (other.removed || other.arrivals > 0 || engine().info(other.id).retries > 0 || is_riding(other)) continue;
    // Several hops may begin in one call of the engine, and their outputs come later.
    if ((other.chain || seen.chain) && (is_resting(other) || other.queued_at >= seen.queued_at)) continue;
    report("turn", name(seen) + " is served before " + std::to_string(other.plan->number) + ", which had come first");
  }
}

}  // namespace sluice::simtest
