// The dials (a dial is the making of one connection): for each the race between addresses (address_race.hpp), its
// attempts, their failures and its timers. Decides and remembers. Leaves to the engine: beginning and closing attempts,
// and the layers' handshakes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/slot_map.hpp"
#include "core/base/timers.hpp"
#include "core/error.hpp"
#include "core/pool/address_race.hpp"
#include "core/pool/endpoint.hpp"
#include "core/pool/name_cache.hpp"
#include "core/tls/early_data.hpp"

namespace sluice::pool {

// A request that may go with the handshake of its connection, with the Cookie field that it was made with.
struct EarlyRequest {
  tls::EarlyData data;
  std::string cookies;
};
inline bool is_accepted(const EarlyRequest* early) {
  return early && early->data.fate == tls::EarlyData::Fate::accepted;
}
// Where a dial connects in place of its endpoint's host and port: what an HTTPS record says (RFC 9460), or what a
// server has said of its keys for Encrypted Client Hello.
struct DialService {
  std::uint16_t port = 0;               // 0: the endpoint's
  std::string target = {};              // the name whose addresses count; empty: the endpoint's host
  std::vector<IpAddress> hints = {};    // to use until those addresses are known
  std::optional<std::string> ech = {};  // tls::ClientParams::ech_list
  bool is_chosen = false;               // a record was chosen
  bool may_fall_back = true;            // if no connection can be made there, one is made without records
  bool is_over = false;                 // the records do not count any more
  bool has_retried = false;             // with the keys that a server has named
};

// The making of one connection, for one transfer (its sponsor) or for none.
struct Dial : DialSlot {
  void recycle();

  AddressRace race;
  std::vector<ConnId> attempts;  // the attempts that run; after one has connected, only that one
  bool has_winner = false;
  std::optional<Instant> resolved;
  std::optional<Error> last_error;
  std::string failures;                         // the failures of the attempts as text
  Timers::Handle stagger_timer, timeout_timer;  // the first is used for the Resolution Delay too
  Timers::Handle phase_timer;                   // of TransferLimits::resolve_timeout, then of tls_timeout
  NameWaiter name;
  Guest guest;
  // By proxy: of the place where it is asked to lead, if it must be given an address. They are looked up before the
  // first proxy is.
  std::vector<std::optional<IpAddress>> targets;
  // That were given up because a challenge, refused early data, or other keys, need another one.
  int proxy_connections = 0;
  std::size_t certificates_checked = 0;  // of connections of other hosts that it could have used
  std::shared_ptr<EarlyRequest> early;   // of the sponsor; null: none
  std::unique_ptr<DialService> service;  // null: there is nothing of the kind
};

class Dialer {
 public:
  // `timers` must outlive this object. It gets timers of the kinds connect_timeout, address_stagger and
  // resolution_delay.
  explicit Dialer(Timers& timers) : timers_(timers) {}
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  Dial* begin();  // null: not enough memory
  Dial* find(DialId id) { return dials_.find(id); }
  void end(Dial& dial);  // the dial must be in no list and have no attempt that runs

  // Limits the dial to `time` from now; nullopt: no limit. Throws std::bad_alloc; the limit is then unchanged.
  void limit(Dial& dial, std::optional<Duration> time, Now now);
  // Limits its present phase, in place of the phase before: look-up or TLS. nullopt: no limit. Throws as limit().
  void limit_phase(Dial& dial, std::optional<Duration> time, Now now);
  // Limits the dial to `time` from now, unless its limit is earlier. Throws std::bad_alloc as limit().
  void shorten(Dial& dial, Duration time, Now now);

  // Addresses have come: all of them (`complete`), or a first part; then the dial waits for IPv6 addresses until
  // `ipv6_until`, and without regard to the family if it `waits_for_records`. True: call next() now. Throws
  // std::bad_alloc; the dial is then valid and has not advanced.
  bool learn(Dial& dial, const std::vector<IpAddress>& addresses, bool complete, AddressFamily family,
             Instant ipv6_until, Now now, bool waits_for_records = false);
  // There is no address, and none will come. A timer that is due at once makes next() say so, not this call. Throws
  // std::bad_alloc; the dial is then valid and waits.
  void lose_soon(Dial& dial, Error error, Now now);
  // The next address of the race must not be tried. If no other one is left, a timer that is due at once makes next()
  // say so, not this call: an application that tries again at once must not loop inside one call. Throws std::bad_alloc
  // as lose_soon().
  void forbidden(Dial& dial, const Destination& destination, Now now);
  // The next step is decided after this time, unless something else is due earlier. Throws std::bad_alloc.
  void look_again(Dial& dial, Duration time, Now now);
  AddressRace::Step next(const Dial& dial) const { return dial.race.next(dial.attempts.size()); }
  // After this the next attempt_begun() needs no memory for `attempts`. Throws std::bad_alloc; nothing has changed
  // then.
  static void make_room(Dial& dial) { dial.attempts.reserve(dial.attempts.size() + 1); }
  // Only after make_room(). Throws std::bad_alloc; the attempt is then recorded, but no timer begins the next one.
  void attempt_begun(Dial& dial, ConnId attempt, Now now);
  // An attempt failed before another has connected. Throws std::bad_alloc; the failure is then recorded, perhaps
  // without its text.
  void attempt_failed(Dial& dial, ConnId attempt, const Destination& destination, Error error);
  // The attempt that had won is closed, and another connection is made from the start.
  void begin_again(Dial& dial);
  void attempt_won(Dial& dial, ConnId attempt);  // the others must be closed already

  // The errors of a dial that failed and of one that reached its limit, which is `within` ("200 ms"). May throw
  // std::bad_alloc.
  static Error lost(const Dial& dial, const Destination& destination);
  // `running`: the attempts that run, as text. `task`: the task of the connected attempt's layers (Channel::task).
  static Error timed_out(const Dial& dial, const Destination& destination, const std::string& within,
                         std::string_view task, const std::string& running);

  void check_invariants() const;
  std::size_t size() const { return dials_.size(); }
  // Forgets all dials: for when memory has run out.
  void reset() noexcept;
  template <class Visit>
  void for_each(Visit&& visit) {
    dials_.for_each(visit);
  }

 private:
  static void note_failure(Dial& dial, const Destination& destination, const Error& error);

  SlotMap<Dial, DialTag> dials_;
  Timers& timers_;
};

}  // namespace sluice::pool
