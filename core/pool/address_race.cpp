// See address_race.hpp.
#include "core/pool/address_race.hpp"

#include <algorithm>

#include "core/base/limits.hpp"

namespace sluice::pool {

void AddressRace::reset() {
  addresses_.clear();
  next_ = tried_ = 0;
  complete_ = true;
}

void AddressRace::learn(const std::vector<IpAddress>& addresses, bool complete) {
  std::vector<IpAddress> all;
  all.reserve(next_ + addresses.size());
  const auto tried = addresses_.begin() + static_cast<std::ptrdiff_t>(next_);
  all.insert(all.end(), addresses_.begin(), tried);
  for (const IpAddress& address : addresses) {
    if (std::find(addresses_.begin(), tried, address) == tried) all.push_back(address);
  }
  addresses_ = std::move(all);
  complete_ = complete;
}

AddressRace::Step AddressRace::next(std::size_t running) const {
  if (next_ >= addresses_.size()) return running != 0 || !complete_ ? Step::wait : Step::lost;
  return running < limits::kMaxAttempts ? Step::attempt : Step::wait;  // after one of them fails the next can begin
}

bool AddressRace::may_wait_for_ipv6() const {
  return !complete_ && next_ == 0 && std::ranges::none_of(addresses_, [](const IpAddress& address) {
    return address.kind == IpAddress::Kind::ipv6;
  });
}

}  // namespace sluice::pool
