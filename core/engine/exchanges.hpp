// The exchanges of one connection: pairs of a session's stream and a transfer. The first one stands in place, as it is the only one
// that HTTP/1 has: a connection, busy or idle, needs no memory for it.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "core/http/session.hpp"
#include "core/types.hpp"

namespace sluice::engine {

class Exchanges {
 public:
  using Item = std::pair<http::StreamId, TransferId>;

  bool empty() const { return size() == 0; }
  std::size_t size() const { return has_first_ ? 1 : many_.size(); }
  const Item* begin() const { return has_first_ ? &first_ : many_.data(); }
  const Item* end() const { return begin() + size(); }
  const Item& back() const { return *(end() - 1); }

  void add(http::StreamId stream, TransferId transfer) {
    if (empty()) {
      first_ = {stream, transfer};
      has_first_ = true;
      return;
    }
    if (has_first_) many_.push_back(first_);
    has_first_ = false;
    many_.emplace_back(stream, transfer);
  }
  void erase(TransferId transfer) {
    if (has_first_ && first_.second == transfer) has_first_ = false;
    std::erase_if(many_, [transfer](const Item& item) { return item.second == transfer; });
  }
  void clear() {
    has_first_ = false;
    many_.clear();
  }

 private:
  Item first_;
  bool has_first_ = false;
  std::vector<Item> many_;  // all of them, once there was more than one at a time
};

}  // namespace sluice::engine
