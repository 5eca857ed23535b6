// The addresses of names that several engines share: answers of their NameCaches, by the same keys, until they expire.
// Leaves to others: look-ups and waiting for them (name_cache.hpp).
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

  // Stores an answer in place of an earlier one. At most limits::kMaxNames are kept. Without memory nothing is stored,
  // or an earlier answer is dropped.
  void put(std::string_view key, const std::vector<IpAddress>& addresses, Instant until) noexcept;
  // Null: no answer that has not expired; valid until the next put().
  const Known* find(std::string_view key, Instant now) const;
  std::size_t size() const { return known_.size(); }
  void clear() noexcept {
    by_key_.clear();
    known_.clear();
  }

 private:
  std::list<Known> known_;  // the oldest answer first
  // Views of Known::key, whose text never moves.
  std::unordered_map<std::string_view, std::list<Known>::iterator> by_key_;
};

}  // namespace sluice::pool
