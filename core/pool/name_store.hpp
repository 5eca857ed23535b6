// The addresses of names that several engines know together: what a NameCache has been answered, under its key, as long
// as it is good for. Leaves to others: asking, and who waits for the answer (name_cache.hpp).
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/address.hpp"
#include "core/stores.hpp"
#include "core/types.hpp"

namespace sluice::pool {

class SharedNames final : public NameStore {
 public:
  struct Known {
    std::string key;
    std::vector<IpAddress> addresses;
    Instant until;
  };

  // The newest answer counts; at most kMaxNames are kept. Without memory it is not kept.
  void put(std::string_view key, const std::vector<IpAddress>& addresses, Instant until) noexcept;
  const Known* find(std::string_view key, Instant now) const;  // null: nothing that is good any more
  std::size_t size() const { return known_.size(); }

 private:
  std::list<Known> known_;                                                   // the oldest answer first
  std::unordered_map<std::string_view, std::list<Known>::iterator> by_key_;  // views of Known::key, which never moves
};

}  // namespace sluice::pool
