// See name_store.hpp.
#include "core/pool/name_store.hpp"

#include <utility>

#include "core/base/limits.hpp"
#include "core/base/memory.hpp"

namespace sluice {

std::shared_ptr<NameStore> NameStore::create() { return std::make_shared<pool::SharedNames>(); }

}  // namespace sluice

namespace sluice::pool {

void SharedNames::put(std::string_view key, const std::vector<IpAddress>& addresses, Instant until,
                      const Error* failure, std::shared_ptr<const HttpsRecords> https) noexcept {
  has_memory_for([&] {
    std::list<Known> made;
    made.push_back(
        {std::string(key), addresses, until, std::move(https), failure ? std::optional(*failure) : std::nullopt});
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      const auto old = found->second;
      by_key_.erase(found);
      known_.erase(old);
    }
    by_key_.emplace(made.front().key, made.begin());
    known_.splice(known_.end(), made);
    if (known_.size() <= limits::kMaxNames) return;
    by_key_.erase(known_.front().key);
    known_.pop_front();
  });
}

const SharedNames::Known* SharedNames::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found != by_key_.end() ? &*found->second : nullptr;
}

}  // namespace sluice::pool
