// The name cache: the addresses of each host, by family, with its HTTPS records where they are wanted, and the look-ups
// that run. A name is looked up once, however many dials wait for it. How long answers and failures are kept:
// NameCacheOptions. Leaves to others: the look-up itself (the driver), and when each address is tried
// (address_race.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/list.hpp"
#include "core/base/slot_map.hpp"
#include "core/counters.hpp"
#include "core/options.hpp"
#include "core/outputs.hpp"
#include "core/pool/name_store.hpp"
#include "core/types.hpp"

namespace sluice::pool {

// A dial that waits for an answer. Part of the dial; it must leave (NameCache::leave) before it is destroyed.
struct NameWaiter {
  Id<struct DialTag> dial;
  Id<struct NameTag> name;
  Link<NameWaiter> link;
};

// What is known of one host for one choice of address family, and for one port where HTTPS records are wanted.
struct Name {
  void recycle();
  // Whether `addresses` may be used for a new connection, without another look-up.
  bool is_known(Instant now) const { return !failure && until && now < *until; }

  Id<NameTag> id;
  std::string key, host;
  AddressFamily family = AddressFamily::any;
  std::uint16_t https_port = 0;               // as output::Resolve::https_port
  std::vector<IpAddress> addresses;           // the usable addresses, in the order in which they are tried
  std::shared_ptr<const HttpsRecords> https;  // of the last answer; null: none. There may be records without addresses.
  std::optional<Instant> until;               // the addresses may be used for new connections until then
  std::unique_ptr<Error> failure;     // the last look-up has failed, and this is told until then; null: it has not
  std::optional<Instant> wait_until;  // a stale answer is not looked up again before
  IpAddress::Kind won = IpAddress::Kind::none;  // the family that is tried first,
  Instant won_until;                            // until then
  bool outdated = false;       // the network has changed since the look-up began: its answer is not kept
  bool known_in_part = false;  // `addresses` is the first part of an answer; the rest will follow
  Instant ipv6_until;          // if known_in_part: connecting waits for the IPv6 answer until then (RFC 8305 3)
  bool https_failed = false;   // the look-up of the HTTPS records has failed; `https` is null then
  bool https_to_come = false;  // if known_in_part: the HTTPS records are still looked up
  Instant https_until;         // if https_to_come: connecting waits for them until then
  ResolveId look_up;           // the look-up that runs; default: none
  List<NameWaiter, &NameWaiter::link> waiting;
  Link<Name> unused;
};

class NameCache {
 public:
  // With a store, answers are put into it, and names that it knows need no look-up. `shared` must outlive the cache.
  explicit NameCache(SharedNames* shared = nullptr, const NameCacheOptions& options = {})
      : shared_(shared), options_(options) {}
  NameCache(const NameCache&) = delete;
  NameCache& operator=(const NameCache&) = delete;

  // The entry of a host, made if there is none. Valid until the next call of name(), leave() or reset() drops it.
  // Throws std::bad_alloc; nothing has changed then.
  Name& name(std::string_view host, AddressFamily family, std::uint16_t https_port = 0);
  // What is known of a name, which the store may know too.
  enum class Known : std::uint8_t {
    no,      // it must be looked up: wait()
    yes,     // its addresses may be used
    stale,   // they may be used, and refresh() is due
    failed,  // Name::failure is the answer
  };
  // Throws std::bad_alloc; the name is then unchanged.
  Known knows(Name& name, Now now);
  // After Known::stale. If an id is returned, the caller must begin a look-up, for which nothing waits. Throws
  // std::bad_alloc; nothing has changed then.
  std::optional<ResolveId> refresh(Name& name, Now now);
  // A connection to an address of this family has won a race: for some time it is tried first. Only for a host with
  // addresses of both families. Throws std::bad_alloc; nothing has changed then.
  void note_winner(std::string_view host, IpAddress::Kind family, Now now, std::uint16_t https_port = 0);
  Name* find(Id<NameTag> id) { return names_.find(id); }
  // The waiter waits for the answer. If an id is returned, the caller must begin a look-up. Throws std::bad_alloc; the
  // waiter then does not wait.
  std::optional<ResolveId> wait(Name& name, NameWaiter& waiter);
  void leave(NameWaiter& waiter);  // does nothing if it does not wait

  // The result of an answer, or of a part of one. The waiters are still in `name->waiting`; after the last part the
  // caller removes them.
  struct Answered {
    Name* name = nullptr;  // null: the id is stale
    Result<void> result;   // success: the addresses are in the name; else why there are none
    bool more = false;     // the look-up goes on
    bool of_use = false;   // there is something new for the waiters
  };
  Answered answered(ResolveId id, Result<NameAnswer> answer, Now now);
  // A look-up that is not needed any more, because its name was dropped: one for each call; nullopt: no more.
  std::optional<ResolveId> take_canceled();
  bool has_canceled() const { return !canceled_.empty(); }

  void add_to(Counters& counters) const {  // what it counts
    counters.look_ups = look_ups_;
    counters.look_ups_failed = failed_;
  }

  void forget_answers() noexcept;  // those of the store too; look-ups that run go on
  void reset() noexcept;           // forgets all waiters and look-ups; known addresses stay
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

  void write_key(std::string_view host, AddressFamily family, std::uint16_t https_port);
  static Result<void> keep_usable(Name& name, std::vector<IpAddress> addresses, Now now);
  static Result<void> take_part(Name& name, NameAnswer answer, Now now);
  Result<void> take_all(Name& name, Result<NameAnswer> answer, Now now);
  Result<void> take_failure(Name& name, Error error, Now now);
  Duration good_for(std::optional<Duration> ttl) const;
  bool is_stale(const Name& name, Instant now) const;
  ResolveId begin_look_up(Name& name);
  void retire(Name& name);
  void drop(Name& name);

  SharedNames* const shared_;
  const NameCacheOptions options_;
  SlotMap<Name, NameTag> names_;
  SlotMap<Resolution, ResolveTag> resolutions_;
  std::unordered_map<std::string, Id<NameTag>, KeyHash, std::equal_to<>> by_key_;
  std::string key_scratch_;
  std::uint64_t look_ups_ = 0;
  std::uint64_t failed_ = 0;
  UnusedNames unused_;  // names that nothing waits for; the least recently asked for is at the front
  std::vector<ResolveId> canceled_;
};

}  // namespace sluice::pool
