// The order in which the addresses of one host are tried (RFC 8305): one after another with a short delay, while the
// earlier attempts go on. Knows no connections and no timers: it is told what happened and answers what comes next.
// Leaves to others: when the delay is over.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/address.hpp"
#include "core/types.hpp"

namespace sluice::pool {

class AddressRace {
 public:
  void reset();
  // Sets the addresses to try; those that were tried already are not tried again (RFC 8305 3). `complete`: no more
  // addresses will come. Throws std::bad_alloc; nothing has changed then.
  void learn(const std::vector<IpAddress>& addresses, bool complete);
  void wait_for_more() { complete_ = false; }  // a look-up has begun
  void stop() { complete_ = true; }            // an attempt has connected: no more addresses are needed

  enum class Step : std::uint8_t {
    attempt,  // begin an attempt to address(), then call begun()
    wait,     // an attempt that runs, or an address to come, may still succeed
    lost,     // all have failed
  };
  // What to do next, while `running` attempts run.
  Step next(std::size_t running) const;
  const IpAddress& address() const { return addresses_[next_]; }
  const std::vector<IpAddress>& addresses() const { return addresses_; }  // those that are known, tried ones included
  void begun() { ++next_, ++tried_; }
  void skip() { ++next_; }  // address() must not be tried
  // There is another address to try, or there may be one: it is tried after a delay, also while the last attempt runs.
  bool goes_on() const { return next_ < addresses_.size() || !complete_; }
  // RFC 8305 3, the Resolution Delay: if the IPv4 answer comes first, connecting waits a short time for the IPv6
  // answer.
  bool may_wait_for_ipv6() const;
  std::size_t tried() const { return tried_; }  // attempts since reset()
  bool is_resolving() const { return !complete_; }
  bool knows_none() const { return addresses_.empty(); }

 private:
  std::vector<IpAddress> addresses_;
  std::size_t next_ = 0;  // those before it were tried or skipped
  std::size_t tried_ = 0;
  bool complete_ = true;
};

}  // namespace sluice::pool
