// See name_cache.hpp.
#include "core/pool/name_cache.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "core/base/address_family.hpp"
#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/base/timers.hpp"

namespace sluice::pool {

namespace {

bool has_kind(const std::vector<IpAddress>& addresses, IpAddress::Kind kind) {
  return std::ranges::any_of(addresses, [&](const IpAddress& address) { return address.kind == kind; });
}

// RFC 8305 4: the families alternate, beginning with `begin` or else with that of the first address, so that a broken
// family costs only one delay. An address that occurs twice is tried once.
std::vector<IpAddress> interleave(std::vector<IpAddress> addresses, IpAddress::Kind begin) {
  const IpAddress::Kind kind = has_kind(addresses, begin) ? begin : addresses.front().kind;
  std::vector<IpAddress> first, second;
  for (IpAddress& address : addresses) {
    std::vector<IpAddress>& its = address.kind == kind ? first : second;
    if (std::ranges::find(its, address) == its.end()) its.push_back(address);
  }
  std::vector<IpAddress> mixed;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(std::move(first[i]));
    if (i < second.size()) mixed.push_back(std::move(second[i]));
  }
  return mixed;
}

}  // namespace

void Name::recycle() {
  SLUICE_CHECK(waiting.empty() && !unused.linked);
  id = {};
  addresses.clear();
  https.reset();
  until.reset();
  failure.reset();
  wait_until.reset();
  won = IpAddress::Kind::none;
  known_in_part = outdated = https_to_come = https_failed = false;
  ipv6_until = https_until = {};
  look_up = {};
}

// Each part before the host has the same size in every key.
void NameCache::write_key(std::string_view host, AddressFamily family, std::uint16_t https_port) {
  key_scratch_ = static_cast<char>(family);
  key_scratch_ += static_cast<char>(https_port >> 8);
  key_scratch_ += static_cast<char>(https_port & 0xff);
  key_scratch_ += host;
}

Name& NameCache::name(std::string_view host, AddressFamily family, std::uint16_t https_port) {
  write_key(host, family, https_port);
  if (const auto found = by_key_.find(std::string_view{key_scratch_}); found != by_key_.end()) {
    Name& name = *names_.find(found->second);
    if (UnusedNames::contains(name)) {
      unused_.remove(name);
      unused_.push_back(name);
    }
    return name;
  }
  Id<NameTag> id;
  Name* name = names_.emplace(id);
  if (!name) throw std::bad_alloc();
  const bool noted = has_memory_for([&] {
    name->key = key_scratch_;
    name->host = host;
    by_key_.emplace(name->key, id);
  });
  if (!noted) {
    names_.release(id);
    throw std::bad_alloc();
  }
  name->id = id;
  name->family = family;
  name->https_port = https_port;
  retire(*name);
  return *name;
}

// The addresses may have reached their end, but not the time after it in which they are used all the same.
bool NameCache::is_stale(const Name& name, Instant now) const {
  if (name.addresses.empty() || !name.until || name.failure) return false;
  return options_.stale_for > Duration::zero() && now < Timers::later(*name.until, options_.stale_for);
}

NameCache::Known NameCache::knows(Name& name, Now now) {
  if (name.known_in_part) return Known::no;
  if (name.is_known(now.steady)) return Known::yes;
  if (name.failure && now.steady < *name.until) return Known::failed;
  if (const SharedNames::Known* known = shared_ ? shared_->find(name.key) : nullptr;
      known && name.until < known->until && !(known->failure && is_stale(name, now.steady))) {
    auto failure = known->failure ? std::make_unique<Error>(*known->failure) : nullptr;
    auto addresses = known->addresses;
    name.https = known->https;
    name.https_failed = false;
    name.addresses = std::move(addresses);
    name.failure = std::move(failure);
    name.until = known->until;
    name.wait_until.reset();
    if (now.steady < *name.until) return name.failure ? Known::failed : Known::yes;
  }
  return is_stale(name, now.steady) ? Known::stale : Known::no;
}

std::optional<ResolveId> NameCache::refresh(Name& name, Now now) {
  if (name.look_up != ResolveId{} || (name.wait_until && now.steady < *name.wait_until)) return std::nullopt;
  return begin_look_up(name);
}

void NameCache::note_winner(std::string_view host, IpAddress::Kind family, Now now, std::uint16_t https_port) {
  write_key(host, AddressFamily::any, https_port);
  const auto found = by_key_.find(std::string_view{key_scratch_});
  if (found == by_key_.end()) return;
  Name& name = *names_.find(found->second);
  const bool has_both =
      has_kind(name.addresses, IpAddress::Kind::ipv4) && has_kind(name.addresses, IpAddress::Kind::ipv6);
  if (!has_both) return;
  if (name.addresses.front().kind != family) name.addresses = interleave(name.addresses, family);
  name.won = family;
  name.won_until = Timers::later(now.steady, limits::kFamilyMemory);
}

// Without memory the look-up is not canceled; its answer is then ignored.
void NameCache::drop(Name& name) {
  if (resolutions_.release(name.look_up)) has_memory_for([&] { canceled_.push_back(name.look_up); });
  unused_.remove(name);
  by_key_.erase(name.key);
  names_.release(name.id);
}

std::optional<ResolveId> NameCache::take_canceled() {
  if (canceled_.empty()) return std::nullopt;
  const ResolveId id = canceled_.back();
  canceled_.pop_back();
  return id;
}

ResolveId NameCache::begin_look_up(Name& name) {
  ResolveId id;
  Resolution* resolution = resolutions_.emplace(id);
  if (!resolution) throw std::bad_alloc();
  ++look_ups_;
  resolution->name = name.id;
  name.look_up = id;
  return id;
}

std::optional<ResolveId> NameCache::wait(Name& name, NameWaiter& waiter) {
  std::optional<ResolveId> begun;
  if (name.look_up == ResolveId{}) begun = begin_look_up(name);
  unused_.remove(name);
  waiter.name = name.id;
  name.waiting.push_back(waiter);
  return begun;
}

void NameCache::leave(NameWaiter& waiter) {
  if (!waiter.link.linked) return;
  Name& name = *names_.find(waiter.name);
  name.waiting.remove(waiter);
  if (name.waiting.empty()) retire(name);
}

// Nothing waits for the name any more. It is kept for its addresses; the oldest such names are dropped.
void NameCache::retire(Name& name) {
  unused_.push_back(name);
  while (unused_.size() > limits::kMaxNames) drop(*unused_.front());
}

NameCache::Answered NameCache::answered(ResolveId id, Result<NameAnswer> answer, Now now) {
  const Resolution* resolution = resolutions_.find(id);
  if (!resolution) return {};
  Name& name = *names_.find(resolution->name);
  Answered told{.name = &name, .result = {}, .more = answer && answer->more_to_come};
  if (told.more) {
    told.result = take_part(name, std::move(*answer), now);
    told.of_use = name.known_in_part;  // not if nothing usable has come yet
    return told;
  }
  told.result = take_all(name, std::move(answer), now);
  told.of_use = true;
  if (!told.result) ++failed_;
  if (std::exchange(name.outdated, false)) {
    name.until.reset();
    name.failure.reset();
  }
  if (shared_ && name.until && (told.result || name.failure) && !name.https_failed) {
    shared_->put(name.key, name.addresses, *name.until, name.failure.get(), name.https);
  }
  resolutions_.release(id);
  name.look_up = {};
  return told;
}

// Stores the usable addresses of an answer in the order in which they are tried.
Result<void> NameCache::keep_usable(Name& name, std::vector<IpAddress> addresses, Now now) {
  return or_out_of_memory([&]() -> Result<void> {
    std::erase_if(addresses, [&](const IpAddress& address) { return !family_fits(name.family, address); });
    if (addresses.size() > limits::kMaxAddresses) addresses.resize(limits::kMaxAddresses);
    if (addresses.empty()) {
      Error none = make_error(Code::resolve_failed, "resolve " + name.host + ": no address of a usable kind");
      none.name_absent = true;
      return std::unexpected(std::move(none));
    }
    const bool has_winner = name.won != IpAddress::Kind::none && now.steady < name.won_until;
    name.addresses = interleave(std::move(addresses), has_winner ? name.won : IpAddress::Kind::none);
    return {};
  });
}

// A part of an answer. If it has no usable address and no HTTPS record it is ignored: the rest decides. If IPv4 is
// tried first all the same, IPv6 is not waited for.
Result<void> NameCache::take_part(Name& name, NameAnswer answer, Now now) {
  const bool has_records = answer.https && !answer.https->records.empty();
  const bool has_addresses = !answer.addresses.empty() && keep_usable(name, std::move(answer.addresses), now);
  if (!has_addresses && !has_records) return {};
  name.failure.reset();
  if (!std::exchange(name.known_in_part, true)) {
    if (!has_addresses) name.addresses.clear();  // those of an earlier answer
    name.ipv6_until = name.https_until = {};
  }
  name.https = std::move(answer.https);
  name.https_failed = answer.https_failed;
  name.https_to_come = answer.https_to_come;
  if (!has_addresses || name.https_until != Instant{}) return {};
  const bool waits = name.won != IpAddress::Kind::ipv4 || name.won_until <= now.steady;
  name.https_until = Timers::later(now.steady, limits::kResolutionDelay);
  name.ipv6_until = waits ? name.https_until : now.steady;
  return {};
}

Duration NameCache::good_for(std::optional<Duration> ttl) const {
  const Duration time = options_.ttl ? *options_.ttl : std::min(ttl.value_or(options_.max_ttl), options_.max_ttl);
  return std::max(time, Duration::zero());
}

Result<void> NameCache::take_all(Name& name, Result<NameAnswer> answer, Now now) {
  const bool had_some = std::exchange(name.known_in_part, false);
  name.https_to_come = false;
  std::shared_ptr<const HttpsRecords> https = answer ? std::move(answer->https) : nullptr;
  Result<void> taken;
  if (!answer) {
    taken = std::unexpected(std::move(answer.error()));
  } else {
    taken = keep_usable(name, std::move(answer->addresses), now);
  }
  // The addresses may be those of another name, which the records have. Those of an earlier part stay.
  if (!taken && taken.error().code != Code::out_of_memory && https && !https->records.empty()) {
    if (!had_some) name.addresses.clear();
    taken = {};
  }
  if (!taken && had_some) {  // what the first part had stays
    name.until.reset();
    return {};
  }
  if (!taken) return take_failure(name, std::move(taken.error()), now);
  name.https = std::move(https);
  name.https_failed = answer->https_failed;
  name.failure.reset();
  name.wait_until.reset();
  name.until.reset();
  const Duration time = good_for(answer->ttl);
  if (time > Duration::zero() || options_.stale_for > Duration::zero()) name.until = Timers::later(now.steady, time);
  return {};
}

// A failure leaves an answer that is stale as it was. That the name does not exist is remembered; for a stale answer
// any failure is, so that it is not asked for again at once.
Result<void> NameCache::take_failure(Name& name, Error error, Now now) {
  const bool counts = error.code == Code::resolve_failed && options_.negative_ttl > Duration::zero();
  const bool is_kept = counts && error.name_absent;
  if (is_stale(name, now.steady)) {
    if (counts) name.wait_until = Timers::later(now.steady, options_.negative_ttl);
    return std::unexpected(std::move(error));
  }
  name.addresses.clear();
  name.https.reset();
  name.https_failed = false;
  name.until.reset();
  name.failure.reset();
  if (is_kept && has_memory_for([&] { name.failure = std::make_unique<Error>(error); })) {
    name.until = Timers::later(now.steady, options_.negative_ttl);
  }
  return std::unexpected(std::move(error));
}

void NameCache::forget_answers() noexcept {
  if (shared_) shared_->clear();
  names_.for_each([](Id<NameTag>, Name& name) {
    name.until.reset();
    name.failure.reset();
    name.wait_until.reset();
    name.won = IpAddress::Kind::none;
    name.outdated = name.look_up != ResolveId{};
  });
}

void NameCache::reset() noexcept {
  canceled_.clear();
  resolutions_.for_each([this](ResolveId id, Resolution&) { resolutions_.release(id); });
  unused_ = {};
  names_.for_each([this](Id<NameTag>, Name& name) {
    name.waiting = {};
    name.look_up = {};
    name.known_in_part = name.https_to_come = false;
    name.unused = {};
    retire(name);
  });
}

void NameCache::check_invariants() const {
  names_.for_each([&](Id<NameTag> id, const Name& name) {
    SLUICE_CHECK(name.id == id && name.waiting.empty() == UnusedNames::contains(name));
    SLUICE_CHECK(name.waiting.empty() || resolutions_.find(name.look_up) != nullptr);
  });
  SLUICE_CHECK(unused_.size() <= limits::kMaxNames && canceled_.empty());
}

}  // namespace sluice::pool
