// The making of connections: for each dial the race between addresses (address_race.hpp), its attempts and their
// failures, its time. Decides and remembers; the engine begins and closes the attempts, runs the layers' handshakes,
// and says what came of them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/base/slot_map.hpp"
#include "core/base/timers.hpp"
#include "core/error.hpp"
#include "core/pool/address_race.hpp"
#include "core/pool/endpoint.hpp"
#include "core/pool/name_cache.hpp"

namespace sluice::pool {

// The making of one connection on behalf of one transfer (its sponsor), or of nobody.
struct Dial : DialSlot {
  void recycle();

  AddressRace race;
  std::vector<ConnId> attempts;  // running ones; once one has connected, that one alone
  bool has_winner = false;
  std::optional<Instant> resolved;
  std::optional<Error> last_error;
  std::string failures;                         // of the attempts, in words
  Timers::Handle stagger_timer, timeout_timer;  // the first also is the Resolution Delay's, before any attempt
  NameWaiter name;
};

class Dialer {
 public:
  // `timers` must outlive it. It gets connect_timeout, address_stagger and resolution_delay.
  explicit Dialer(Timers& timers) : timers_(timers) {}
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  Dial* begin();  // null: no memory
  Dial* find(DialId id) { return dials_.find(id); }
  const Dial* find(DialId id) const { return dials_.find(id); }
  void end(Dial& dial);  // it is in no list, and has no attempt that runs

  // Its time runs from now on, or for ever. std::bad_alloc: it is as it was.
  void limit(Dial& dial, std::optional<Duration> time, Now now);
  // It may last no longer than this, if its time does not end before. std::bad_alloc as above.
  void shorten(Dial& dial, Duration time, Now now);

  // Addresses have come: all there are (`complete`), or a first part, where IPv6's are waited for until `ipv6_until`.
  // True: it is time for next(). std::bad_alloc: the dial is whole, and has not advanced.
  bool learn(Dial& dial, const std::vector<IpAddress>& addresses, bool complete, AddressFamily family,
             Instant ipv6_until, Now now);
  // There is no address, and none will come: next() says so when its time comes, which is at once, but not in this
  // call. std::bad_alloc: the dial is whole, and waits.
  void lose_soon(Dial& dial, Error error, Now now);
  AddressRace::Step next(const Dial& dial) const { return dial.race.next(dial.attempts.size()); }
  // The next put into `attempts` needs no memory. std::bad_alloc: nothing has changed.
  static void make_room(Dial& dial) { dial.attempts.reserve(dial.attempts.size() + 1); }
  // After make_room(); std::bad_alloc: it runs, and the next does not come by itself.
  void attempt_begun(Dial& dial, ConnId attempt, Now now);
  // Before the race is decided: another address may still do. std::bad_alloc: as if it had been told, perhaps without
  // words.
  void attempt_failed(Dial& dial, ConnId attempt, const Destination& destination, Error error);
  void attempt_won(Dial& dial, ConnId attempt);  // the others are closed by now

  // What is said of a race that is lost, and of one that ran out of time; `within` says how much that was.
  static Error lost(const Dial& dial, const Destination& destination);
  // `running`: the attempts, by name. `task`: of the winner's layers.
  static Error timed_out(const Dial& dial, const Destination& destination, const std::string& within,
                         std::string_view task, const std::string& running);

  void check_invariants() const;
  std::size_t size() const { return dials_.size(); }
  void reset() noexcept;
  template <class Visit>
  void for_each(Visit&& visit) {
    dials_.for_each(visit);
  }

 private:
  void note_failure(Dial& dial, const Destination& destination, const Error& error);

  SlotMap<Dial, DialTag> dials_;
  Timers& timers_;
};

}  // namespace sluice::pool
