// See oracles.hpp.
#include "tests/sim/names/oracles.hpp"

#include <algorithm>

#include "core/base/address_family.hpp"
#include "core/base/limits.hpp"

namespace sluice::simtest::names {

namespace {

bool has_family(const std::vector<IpAddress>& addresses, IpAddress::Kind kind) {
  return std::ranges::find(addresses, kind, &IpAddress::kind) != addresses.end();
}

std::string number(std::uint16_t port) { return "the transfer to port " + std::to_string(port); }

}  // namespace

void NameOracles::report(std::string oracle, std::string message) {
  if (!finding_) finding_ = Finding{std::move(oracle), std::move(message)};
}

NameOracles::State NameOracles::state_of(const Name& name, Instant now) const {
  if (name.in_part) return State::unknown;
  if (name.fails_until && now < *name.fails_until) return State::failed;
  if (!name.end) return State::unknown;
  if (now < *name.end) return State::fresh;
  return now < *name.end + plan_.cache.stale_for ? State::stale : State::unknown;
}

std::optional<IpAddress> NameOracles::judged(const IpAddress& address) const {
  return plan_.has_rule ? PlannedRule::judge(address) : address;
}

// RFC 8305 4, beginning with that family or else with that of the first address.
std::vector<IpAddress> NameOracles::in_order(const std::vector<IpAddress>& addresses, IpAddress::Kind first) {
  if (addresses.empty()) return {};
  if (!has_family(addresses, first)) first = addresses.front().kind;
  std::vector<IpAddress> order;
  for (std::size_t place = 0; place < addresses.size(); ++place) {
    for (const bool its : {true, false}) {
      std::size_t left = place;
      for (const IpAddress& address : addresses) {
        if ((address.kind == first) != its || left-- != 0) continue;
        order.push_back(address);
      }
    }
  }
  return order;
}

Duration NameOracles::good_for(std::optional<Duration> ttl) const {
  if (plan_.cache.ttl) return *plan_.cache.ttl;
  return std::min(ttl.value_or(plan_.cache.max_ttl), plan_.cache.max_ttl);
}

// ---- transfers begin ----

void NameOracles::adding(int host, AddressFamily family, std::uint16_t port, Instant now) {
  adding_ = port;
  Transfer& transfer = transfers_[port];
  transfer.key = {host, family};
  transfer.added = now;
  const Name& name = names_[transfer.key];
  transfer.state = state_of(name, now);
  const bool has_answer = transfer.state == State::fresh || transfer.state == State::stale;
  transfer.waits = transfer.state == State::unknown;
  if (has_answer || name.in_part) transfer.may_use = transfer.last_answer = name.addresses;
  if (!has_answer) return;
  for (const IpAddress& address : name.addresses) {
    if (!transfer.first) transfer.first = judged(address);
  }
}

void NameOracles::added(std::uint16_t port) {
  adding_ = 0;
  const auto found = transfers_.find(port);
  if (found == transfers_.end()) return;
  const Transfer& transfer = found->second;
  const Name& name = names_[transfer.key];
  switch (transfer.state) {
    case State::fresh:
    case State::stale: {
      const std::optional<IpAddress> begun =
          transfer.tried.empty() ? std::nullopt : std::optional(transfer.tried.front());
      if (begun != transfer.first) {
        report("names-used", number(port) + " begins with " + (begun ? begun->to_string() : "nothing") + ", not with " +
                                 (transfer.first ? transfer.first->to_string() : "nothing"));
      }
      const bool waits = name.waits_until && transfer.added < *name.waits_until;
      if (transfer.state == State::stale && !name.is_looked_up && !waits)
        report("names-refresh", number(port) + " uses an answer that is too old, and it is not looked up again");
      break;
    }
    case State::failed:
      if (!transfer.tried.empty()) report("names-failed", number(port) + " connects, and its name had failed");
      break;
    case State::unknown:
      if (!name.is_looked_up) report("names-asked", number(port) + " has no answer, and nobody asks for one");
      break;
  }
}

// ---- look-ups ----

void NameOracles::asked(int host, AddressFamily family, Instant now) {
  Name& name = names_[{host, family}];
  const std::string who = "host" + std::to_string(host);
  const auto transfer = transfers_.find(adding_);
  if (transfer == transfers_.end() || transfer->second.key != Key{host, family})
    report("names-asked", who + " is looked up for nobody");
  if (name.is_looked_up) report("names-asked", who + " is looked up twice at once");
  const State state = state_of(name, now);
  if (state == State::fresh) report("names-asked", who + " is looked up, and there is an answer that is good");
  if (state == State::failed) report("names-asked", who + " is looked up, and its failure is to be remembered");
  if (state == State::stale && name.waits_until && now < *name.waits_until)
    report("names-asked", who + " is looked up again so soon after a failure");
  name.is_looked_up = true;
}

void NameOracles::answered(int host, AddressFamily family, const Result<NameAnswer>& answer, Instant now) {
  const Key key{host, family};
  Name& name = names_[key];
  std::vector<IpAddress> usable;
  for (const IpAddress& address : answer ? answer->addresses : std::vector<IpAddress>()) {
    if (family_fits(family, address) && std::ranges::find(usable, address) == usable.end()) usable.push_back(address);
  }
  const bool is_part = answer && answer->more_to_come;
  if (is_part && usable.empty()) return;
  const bool had_part = std::exchange(name.in_part, is_part);
  if (!is_part) name.is_looked_up = false;
  const bool failed = usable.empty();
  for (auto& [port, transfer] : transfers_) {
    if (transfer.key != key || !transfer.waits) continue;
    transfer.waits = is_part;
    transfer.may_use.insert(transfer.may_use.end(), usable.begin(), usable.end());
    if (!failed) transfer.last_answer = usable;
    transfer.look_up_failed |= failed && !had_part;
  }
  const State before = state_of(name, now);
  if (failed && had_part) {
    name.end.reset();
  } else if (failed) {
    const std::optional<Instant> until =
        plan_.cache.negative_ttl > Duration::zero() ? std::optional(now + plan_.cache.negative_ttl) : std::nullopt;
    if (before == State::stale) {
      name.waits_until = until;
      return;
    }
    name.addresses.clear();
    name.end.reset();
    // What is answered and cannot be used is as good as absent; other trouble may pass.
    name.fails_until = answer || answer.error().name_absent ? until : std::nullopt;
  } else {
    name.fails_until.reset();
    name.waits_until.reset();
    name.addresses = in_order(usable, now < name.won_until ? name.won : IpAddress::Kind::none);
    const Duration time = is_part ? Duration::zero() : good_for(answer->ttl);
    name.end.reset();
    if (!is_part && (time > Duration::zero() || plan_.cache.stale_for > Duration::zero())) name.end = now + time;
  }
}

// ---- connections ----

void NameOracles::connecting(const Address& address, Instant) {
  const auto found = transfers_.find(address.port);
  if (found == transfers_.end()) return report("names-used", address.to_string() + " is connected to for nobody");
  Transfer& transfer = found->second;
  if (plan_.has_rule) {
    const auto its = std::ranges::find(rule_.asked, address.ip);
    if (its == rule_.asked.end()) return report("names-rule", "the rule was not asked about " + address.to_string());
    rule_.asked.erase(its);
  }
  const bool may =
      std::ranges::any_of(transfer.may_use, [&](const IpAddress& one) { return judged(one) == address.ip; });
  if (!may) report("names-used", address.to_string() + " is connected to, and is in no answer that may be used");
  if (std::ranges::find(transfer.tried, address.ip) != transfer.tried.end())
    report("names-used", address.to_string() + " is tried twice");
  transfer.tried.push_back(address.ip);
}

void NameOracles::refused(std::uint16_t port) {
  if (const auto found = transfers_.find(port); found != transfers_.end()) ++found->second.refusals;
}

void NameOracles::connected(std::uint16_t port, const IpAddress& address, Instant now) {
  const auto found = transfers_.find(port);
  if (found == transfers_.end() || found->second.key.second != AddressFamily::any) return;
  Name& name = names_[found->second.key];
  if (!has_family(name.addresses, IpAddress::Kind::ipv4) || !has_family(name.addresses, IpAddress::Kind::ipv6)) return;
  name.won = address.kind;
  name.won_until = now + limits::kFamilyMemory;
  name.addresses = in_order(name.addresses, address.kind);
}

// ---- ends ----

void NameOracles::ended(std::uint16_t port, const Result<void>& result, const TransferInfo& info, Instant) {
  const auto found = transfers_.find(port);
  if (found == transfers_.end()) return report("names-end", number(port) + " has two ends");
  const Transfer transfer = found->second;
  transfers_.erase(found);
  if (static_cast<std::size_t>(info.addresses_tried) != transfer.tried.size())
    report("names-tried", number(port) + " tells of another number of addresses than it has tried");
  if (!result) return check_end(transfer, result.error(), number(port));
  if (std::ranges::find(transfer.tried, info.address.ip) == transfer.tried.end())
    report("names-end", number(port) + " succeeds at " + info.address.to_string() + ", which was not tried");
  if (transfer.state == State::failed) report("names-failed", number(port) + " succeeds, and its name had failed");
}

void NameOracles::check_end(const Transfer& transfer, const Error& error, const std::string& who) {
  const auto is_allowed = [&](const IpAddress& address) { return judged(address).has_value(); };
  const bool tried_all = std::ranges::all_of(transfer.last_answer, [&](const IpAddress& address) {
    return !is_allowed(address) || std::ranges::find(transfer.tried, *judged(address)) != transfer.tried.end();
  });
  switch (error.code) {
    case Code::resolve_failed:
      if (transfer.state != State::failed && !transfer.look_up_failed)
        report("names-end", who + " fails with its name, and no look-up of it has failed");
      break;
    case Code::address_forbidden:
      if (!transfer.tried.empty() || transfer.last_answer.empty() ||
          std::ranges::any_of(transfer.last_answer, is_allowed))
        report("names-end", who + " has only forbidden addresses, it says, and that is not so");
      break;
    case Code::connect_failed:
      if (transfer.tried.empty() || transfer.refusals < transfer.tried.size() || !tried_all)
        report("names-end", who + " fails, and not all of its addresses have refused");
      break;
    default:
      report("names-end", who + " ends with " + std::string(to_string(error.code)));
  }
}

void NameOracles::passed(Instant now) {
  for (const auto& [port, transfer] : transfers_) {
    if (transfer.state == State::failed && transfer.added < now)
      report("names-failed", number(port) + " waits, and its name has failed already");
  }
}

}  // namespace sluice::simtest::names
