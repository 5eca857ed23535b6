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

// RFC 8305 4: the families alternate, beginning with that of the first address, so that a broken family costs only one
// delay. An address that occurs twice is tried once.
std::vector<IpAddress> interleave(std::vector<IpAddress> addresses) {
  std::vector<IpAddress> first, second;
  for (IpAddress& address : addresses) {
    std::vector<IpAddress>& its = address.kind == addresses.front().kind ? first : second;
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
  until.reset();
  known_in_part = false;
  ipv6_until = {};
  look_up = {};
}

Name& NameCache::name(std::string_view host, AddressFamily family) {
  key_scratch_ = static_cast<char>(family);
  key_scratch_ += host;
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
  retire(*name);
  return *name;
}

bool NameCache::knows(Name& name, Now now) {
  if (name.is_known(now.steady)) return true;
  const SharedNames::Known* known = shared_ && !name.known_in_part ? shared_->find(name.key, now.steady) : nullptr;
  if (!known) return false;
  name.addresses = known->addresses;
  name.until = known->until;
  return true;
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

std::optional<ResolveId> NameCache::wait(Name& name, NameWaiter& waiter) {
  std::optional<ResolveId> begun;
  if (name.look_up == ResolveId{}) {
    ResolveId id;
    Resolution* resolution = resolutions_.emplace(id);
    if (!resolution) throw std::bad_alloc();
    resolution->name = name.id;
    name.look_up = id;
    begun = id;
  }
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
    told.of_use = name.known_in_part;
    return told;
  }
  told.result = take_all(name, std::move(answer), now);
  told.of_use = true;
  if (shared_ && name.is_known(now.steady)) shared_->put(name.key, name.addresses, *name.until);
  resolutions_.release(id);
  name.look_up = {};
  return told;
}

// Stores the usable addresses of an answer in the order in which they are tried.
Result<void> NameCache::keep_usable(Name& name, std::vector<IpAddress> addresses) {
  return or_out_of_memory([&]() -> Result<void> {
    std::erase_if(addresses, [&](const IpAddress& address) { return !family_fits(name.family, address); });
    if (addresses.size() > limits::kMaxAddresses) addresses.resize(limits::kMaxAddresses);
    if (addresses.empty()) {
      return std::unexpected(
          make_error(Code::resolve_failed, "resolve " + name.host + ": no address of a usable kind"));
    }
    name.addresses = interleave(std::move(addresses));
    return {};
  });
}

// The first part of an answer. If it has no usable address it is ignored: the rest decides.
Result<void> NameCache::take_part(Name& name, NameAnswer answer, Now now) {
  if (answer.addresses.empty()) return {};
  if (!keep_usable(name, std::move(answer.addresses))) return {};
  if (!std::exchange(name.known_in_part, true)) name.ipv6_until = Timers::later(now.steady, limits::kResolutionDelay);
  return {};
}

Result<void> NameCache::take_all(Name& name, Result<NameAnswer> answer, Now now) {
  const bool had_some = std::exchange(name.known_in_part, false);
  name.until.reset();
  Result<void> taken;
  if (!answer) {
    taken = std::unexpected(std::move(answer.error()));
  } else {
    taken = keep_usable(name, std::move(answer->addresses));
  }
  if (!taken && had_some) return {};  // the addresses of the first part stay
  if (!taken) {
    name.addresses.clear();
    return taken;
  }
  const Duration good_for = std::min(answer->ttl.value_or(limits::kResolveTtl), limits::kResolveTtl);
  if (good_for > Duration::zero()) name.until = Timers::later(now.steady, good_for);
  return {};
}

void NameCache::forget_answers() noexcept {
  if (shared_) shared_->clear();
  names_.for_each([](Id<NameTag>, Name& name) { name.until.reset(); });
}

void NameCache::reset() noexcept {
  canceled_.clear();
  resolutions_.for_each([this](ResolveId id, Resolution&) { resolutions_.release(id); });
  unused_ = {};
  names_.for_each([this](Id<NameTag>, Name& name) {
    name.waiting = {};
    name.look_up = {};
    name.known_in_part = false;
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
