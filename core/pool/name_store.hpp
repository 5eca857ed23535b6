// The addresses and HTTPS records of names that several engines share: answers of their NameCaches, by the same keys.
// Leaves to others: look-ups, waiting for them, and whether an answer may still be used (name_cache.hpp).
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/address.hpp"
#include "core/error.hpp"
#include "core/https_record.hpp"
#include "core/stores.hpp"
#include "core/types.hpp"

namespace sluice::pool {

class SharedNames final : public NameStore {
 public:
  struct Known {
    std::string key;
    std::vector<IpAddress> addresses;
    Instant until;
    std::shared_ptr<const HttpsRecords> https;  // null: there are none
    std::optional<Error> failure;               // the look-up has failed, and is not tried again until then
  };

  // Stores an answer, or a failure, in place of an earlier one. At most limits::kMaxNames are kept. Without memory
  // nothing is stored, or an earlier answer is dropped.
  void put(std::string_view key, const std::vector<IpAddress>& addresses, Instant until, const Error* failure = nullptr,
           std::shared_ptr<const HttpsRecords> https = {}) noexcept;
  // Also one that has expired. Null: there is none. Valid until the next put().
  const Known* find(std::string_view key) const;
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
