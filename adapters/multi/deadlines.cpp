// See deadlines.hpp.
#include "adapters/multi/deadlines.hpp"

namespace sluice::multi {

void Deadlines::drop(ConnId conn, Wish& wish) {
  if (wish.at) order_.erase({*wish.at, conn});
  wish.at.reset();
}

void Deadlines::set(ConnId conn, std::optional<Instant> at) {
  const auto found = wishes_.find(conn);
  if (found == wishes_.end() && !at) return;
  Wish& wish = found != wishes_.end() ? found->second : wishes_[conn];
  if (at && wish.taken && *at <= *wish.taken) at.reset();
  if (at == wish.at) return;
  drop(conn, wish);
  if (!at) return;
  order_.emplace(*at, conn);
  wish.at = at;
}

void Deadlines::forget(ConnId conn) {
  const auto found = wishes_.find(conn);
  if (found == wishes_.end()) return;
  drop(conn, found->second);
  wishes_.erase(found);
}

std::optional<Instant> Deadlines::earliest() const {
  return order_.empty() ? std::nullopt : std::optional(order_.begin()->first);
}

std::optional<ConnId> Deadlines::take_due(Instant now) {
  if (order_.empty() || order_.begin()->first > now) return std::nullopt;
  const ConnId conn = order_.begin()->second;
  Wish& wish = wishes_.at(conn);
  wish.taken = wish.at;
  drop(conn, wish);
  return conn;
}

}  // namespace sluice::multi
