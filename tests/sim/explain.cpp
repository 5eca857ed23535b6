// The oracles about failures and about waiting: each needs a cause that the scenario contains, and that has truly struck the
// connection it is about, or a deadline that has truly passed.
#include <algorithm>

#include "tests/sim/oracles.hpp"

namespace sluice::simtest {

std::uint64_t Oracles::times(std::string_view fault) const {
  const auto& faults = world_->faults();
  const auto found = faults.find(fault);
  return found == faults.end() ? 0 : found->second;
}

bool Oracles::struck(ConnId conn, std::initializer_list<std::string_view> faults) const {
  const auto& its = world_->faults(conn);
  return std::ranges::any_of(faults, [&](std::string_view fault) { return its.contains(fault); });
}

// An address in the URL is the origin's first; a route knows no families.
bool Oracles::has_usable_address(const Seen& seen) const {
  const TransferPlan& plan = *seen.plan;
  if (plan.route) return true;
  if (!plan.literal) return has_family(origin_of(seen), plan.family);
  OriginPlan only = origin_of(seen);
  only.addresses.resize(1);
  return has_family(only, plan.family);
}

// All of them must have been refused before a connect has failed.
std::size_t Oracles::addresses_to_try(const Seen& seen) const {
  const TransferPlan& plan = *seen.plan;
  if (plan.route || plan.literal) return 1;
  OriginPlan one = origin_of(seen);
  std::size_t count = 0;
  for (const IpAddress& address : origin_of(seen).addresses) {
    one.addresses = {address};
    if (has_family(one, plan.family)) ++count;
  }
  return count;
}

// Whether it can have taken all of its connect timeout to connect: by a fault, or by the distances alone.
bool Oracles::connects_slowly(const Seen& seen) const {
  for (const auto fault : {"hangs", "half open", "name never", "name wrong", "refused", "stall", "leap"}) {
    if (happened(fault)) return true;
  }
  const sim::NameSpec& name = origin_of(seen).name;
  const Duration round = scenario_.weather.delay + scenario_.weather.jitter;
  // A handshake sends some two thousand bytes, maybe one by one.
  const std::size_t step = std::min(scenario_.weather.max_send, scenario_.weather.window);
  const auto rounds = origin_of(seen).tls ? static_cast<Duration::rep>(20 + 2'000 / step) : 4;
  return *seen.plan->connect_timeout <= name.delay + name.jitter + rounds * round + std::chrono::milliseconds(250) * 8;
}

void Oracles::judge_failure(const Seen& seen, const Error& error) {
  if (is_explained(seen, error)) return;
  report("cause of " + std::string(to_string(error.code)), name(seen) + ": nothing that happened explains " + std::string(to_string(error.code)) + " (" + error.message() + ')');
}

bool Oracles::is_explained(const Seen& seen, const Error& error) const {
  const TransferPlan& plan = *seen.plan;
  const Duration age = now() - seen.added_at;
  // A removed one has no connection to ask any more, and nobody to be told.
  const ConnId conn = seen.removed ? seen.last_conn : engine().info(seen.id).conn;
  switch (error.code) {
    case Code::canceled:
      return seen.removed;
    case Code::upload_failed:
      return seen.source_failed;
    case Code::resolve_failed:
      return happened("name fails") || !has_usable_address(seen) || (plan.family != AddressFamily::any && happened("name wrong"));
    case Code::connect_failed:
      return happened("name wrong") || times("refused") >= addresses_to_try(seen);
    case Code::connection_closed:
      return struck(conn, {"closed early", "half close", "idle close", "silent close", "short body", "reset"});
    case Code::truncated:
      return struck(conn, {"closed early", "half close", "short body", "silent close", "reset"});  // behind a 100; a reset may look like an end
    case Code::send_failed:
    case Code::receive_failed:
      return struck(conn, {"reset", "reset in body", "closed early", "idle close", "silent close", "short body"});
    case Code::malformed_response:
      return struck(conn, {"garbage", "two lengths", "bad chunk", "surplus"});
    case Code::unexpected_upgrade:
      return struck(conn, {"unasked upgrade"});
    case Code::response_too_large:
      return struck(conn, {"huge head", "too many interims"});
    case Code::tls_handshake:
    case Code::tls_failed:
      return origin_of(seen).tls && struck(conn, {"reset", "closed early", "half close", "idle close"});
    case Code::body_too_large:
      return plan.max_body_bytes && seen.reply.size() > *plan.max_body_bytes;
    case Code::connect_timeout:
      return plan.connect_timeout && age >= *plan.connect_timeout && connects_slowly(seen);
    case Code::total_timeout:
      return plan.total_timeout && age >= *plan.total_timeout;
    case Code::idle_timeout:
      return plan.idle_timeout && now() - std::max(seen.added_at, world_->last_moved(conn)) >= *plan.idle_timeout;
    case Code::invalid_url:
    case Code::unsupported_scheme:
    case Code::invalid_request:
    case Code::invalid_option:
    case Code::tls_config:
    case Code::tls_certificate:
    case Code::too_many_descriptors:
    case Code::descriptor_too_large:
    case Code::recursive_call:
    case Code::out_of_memory:
    case Code::internal:
      return false;
  }
  return false;
}

// ---- who may be left waiting when nothing will happen any more ----

bool Oracles::may_wait_for_ever(const Seen& seen) const {
  if (seen.paused && !seen.plan->read.pause) return true;
  const ConnId conn = engine().info(seen.id).conn;
  const std::vector<ConnId> open = world_->connections();
  if (std::ranges::find(open, conn) != open.end()) {
    return struck(conn, {"stall", "half open", "stall in body", "never"});
  }
  const bool unanswered = happened("hangs") || happened("half open") || happened("stall") || happened("name never");
  return (unanswered && !seen.plan->connect_timeout) || is_blocked_by_others(seen);
}

// It waits for room under a limit, and who has the room waits for ever.
bool Oracles::is_blocked_by_others(const Seen& seen) const {
  const bool limited = scenario_.max_connections != 0 || scenario_.max_connections_per_origin != 0 || seen.plan->route;
  if (!limited) return false;
  const bool some_hang = happened("hangs") || happened("half open") || happened("name never") || happened("stall");
  return some_hang || std::ranges::any_of(transfers_, [&](const Seen& other) {
           if (&other == &seen || !other.added || other.done) return false;
           if (other.paused && !other.plan->read.pause) return true;
           return struck(engine().info(other.id).conn, {"stall in body", "never"});
         });
}

void Oracles::at_idle() {
  if (const std::size_t idle = engine().idle_connections()) {
    report("expiry", std::to_string(idle) + " idle connections are kept, and nothing will ever end them");
  }
  for (const Seen& seen : transfers_) {
    if (!seen.added || seen.done || may_wait_for_ever(seen)) continue;
    report("progress", name(seen) + ": nothing will happen any more, it is not done, and nothing holds it up");
  }
}

void Oracles::at_end() {
  const auto left = [&](std::size_t count, const char* what) {
    if (count != 0) report("leftovers", std::to_string(count) + " " + what + " are left when all transfers are removed");
  };
  for (const Seen& seen : transfers_) {
    if (seen.added && !seen.done) report("no end", name(seen) + ": removed, and there was no Done");
    if (seen.added && engine().contains(seen.id)) report("leftovers", name(seen) + ": removed, and still there");
  }
  left(engine().running(), "running transfers");
  left(engine().idle_connections(), "idle connections");
  left(engine().connections(), "connections of the engine's");
  left(world_->open_connections(), "connections of the network's");
  if (engine().deadline()) report("leftovers", "a deadline is left when all transfers are removed");
  if (happened("bad request")) report("requests", "an origin has got a request that is none");
}

}  // namespace sluice::simtest
