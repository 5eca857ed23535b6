// What is known of names: the addresses of each host, by family, and the look-ups that run. However many ask, a name is
// looked up once. Leaves to others: the look-up itself (the driver's), and which address is tried when
// (address_race.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/list.hpp"
#include "core/base/slot_map.hpp"
#include "core/outputs.hpp"
#include "core/pool/name_store.hpp"
#include "core/types.hpp"

namespace sluice::pool {

// Who waits for an answer. Owned by who waits; it must leave (NameCache::leave) before it goes away.
struct NameWaiter {
  Id<struct DialTag> dial;
  Id<struct NameTag> name;
  Link<NameWaiter> link;
};

// A host under one choice of address family.
struct Name {
  void recycle();
  // Whether `addresses` may be used for a new connection.
  bool is_known(Instant now) const { return until && now < *until; }

  Id<NameTag> id;
  std::string key, host;
  AddressFamily family = AddressFamily::any;
  std::vector<IpAddress> addresses;  // of use, in the order in which they are tried
  std::optional<Instant> until;      // they may be used for new connections until then
  bool known_in_part = false;        // `addresses` is the first part of an answer; the rest is to come
  Instant ipv6_until;                // then: IPv6's answer is waited for until here (RFC 8305 3)
  ResolveId look_up;                 // while one runs
  List<NameWaiter, &NameWaiter::link> waiting;
  Link<Name> unused;
};

class NameCache {
 public:
  // With a store: what is answered is told to it, and what it knows needs no look-up. It must outlive the cache.
  explicit NameCache(SharedNames* shared = nullptr) : shared_(shared) {}
  NameCache(const NameCache&) = delete;
  NameCache& operator=(const NameCache&) = delete;

  // The entry of a host, made where there is none. std::bad_alloc: nothing has changed.
  Name& name(std::string_view host, AddressFamily family);
  // Whether the name's addresses may be used for a new connection. std::bad_alloc: they are as they were.
  bool knows(Name& name, Now now);
  Name* find(Id<NameTag> id) { return names_.find(id); }
  // It waits for the answer. A new look-up is to be begun where an id is returned. std::bad_alloc: it waits for
  // nothing.
  std::optional<ResolveId> wait(Name& name, NameWaiter& waiter);
  void leave(NameWaiter& waiter);  // nothing to do where it does not wait

  // An answer, or a part of one, has come. Those who wait are still in `name.waiting`; after the last part the caller
  // takes them out.
  struct Answered {
    Name* name = nullptr;  // null: nobody asked
    Result<void> result;   // the addresses are in the name, or why there are none
    bool more = false;     // the look-up goes on
    bool of_use = false;   // there is something new for those who wait
  };
  Answered answered(ResolveId id, Result<NameAnswer> answer, Now now);
  // Look-ups of names that were dropped, whose answers nobody wants: one each call.
  std::optional<ResolveId> take_canceled();
  bool has_canceled() const { return !canceled_.empty(); }

  void reset() noexcept;  // nobody waits and nothing runs any more; what is known stays
  std::size_t size() const { return names_.size(); }
  void check_invariants() const;

 private:
  struct Resolution {
    void recycle() { name = {}; }
    Id<NameTag> name;
  };
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using UnusedNames = List<Name, &Name::unused>;

  static Result<void> keep_usable(Name& name, std::vector<IpAddress> addresses);
  static Result<void> take_part(Name& name, NameAnswer answer, Now now);
  static Result<void> take_all(Name& name, Result<NameAnswer> answer, Now now);
  void retire(Name& name);
  void drop(Name& name);

  SharedNames* const shared_;
  SlotMap<Name, NameTag> names_;
  SlotMap<Resolution, ResolveTag> resolutions_;
  std::unordered_map<std::string, Id<NameTag>, KeyHash, std::equal_to<>> by_key_;
  std::string key_scratch_;
  UnusedNames unused_;  // nobody waits for them; the one that was asked for longest ago at the front
  std::vector<ResolveId> canceled_;
};

}  // namespace sluice::pool
