// When transports want to be tried again (Transport::deadline()), by connection. Only for the few that ask for it.
// Leaves trying them to streams.hpp.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/types.hpp"

namespace sluice::multi {

class Deadlines {
 public:
  // The transport's present wish; nullopt: none. One that is not later than the last one that take_due() gave counts as
  // none, so that a transport which does not change it is not tried again and again. Throws std::bad_alloc; the wish is
  // then none.
  void set(ConnId conn, std::optional<Instant> at);
  void forget(ConnId conn);
  std::optional<Instant> earliest() const;
  // Removes one that is due; nullopt: none is.
  std::optional<ConnId> take_due(Instant now);

 private:
  struct Wish {
    std::optional<Instant> at, taken;
  };

  void drop(ConnId conn, Wish& wish);

  std::map<ConnId, Wish> wishes_;
  std::set<std::pair<Instant, ConnId>> order_;
};

}  // namespace sluice::multi
