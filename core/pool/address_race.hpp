// The order in which the addresses of one host are tried (RFC 8305): one after another, a little apart, without giving
// up those before. Knows neither connections nor timers: it is told what happened, and answers what comes next. Leaves
// to others: when a little is over.
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
  // All that are known, or some more: what was tried already stays so (RFC 8305 3). `complete`: no more will come.
  // std::bad_alloc: nothing has changed.
  void learn(const std::vector<IpAddress>& addresses, bool complete);
  void wait_for_more() { complete_ = false; }  // a look-up has begun
  void stop() { complete_ = true; }            // one has won: nothing more is awaited

  enum class Step : std::uint8_t {
    attempt,  // begin one to address(), then begun()
    wait,     // something that runs, or an address to come, may still do
    lost,     // all have failed
  };
  // With so many attempts that run now.
  Step next(std::size_t running) const;
  const IpAddress& address() const { return addresses_[next_]; }
  void begun() { ++next_; }
  // There is a next one to try, or may be: the attempt that was just begun has only its time for itself.
  bool goes_on() const { return next_ < addresses_.size() || !complete_; }
  // RFC 8305 3, the Resolution Delay: where IPv4's answer comes first, IPv6's has a moment more.
  bool may_wait_for_ipv6() const;
  bool is_resolving() const { return !complete_; }
  bool knows_none() const { return addresses_.empty(); }

 private:
  std::vector<IpAddress> addresses_;
  std::size_t next_ = 0;
  bool complete_ = true;
};

}  // namespace sluice::pool
