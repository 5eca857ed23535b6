// The exchanges of one connection: pairs of a session's stream id and a transfer, in ascending order of the ids. A
// single exchange is stored in the object itself, so an HTTP/1 connection needs no memory for it. Knows nothing else of
// the session or the transfer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/check.hpp"
#include "core/http/session.hpp"
#include "core/types.hpp"

namespace sluice::pool {

class Exchanges {
 public:
  using Item = std::pair<http::StreamId, TransferId>;

  bool empty() const { return size() == 0; }
  std::size_t size() const { return has_first_ ? 1 : many_.size(); }
  const Item* begin() const { return has_first_ ? &first_ : many_.data(); }
  const Item* end() const { return begin() + size(); }
  const Item& back() const { return *(end() - 1); }

  // After this the next add() needs no memory. Throws std::bad_alloc; nothing has changed then.
  void make_room() {
    if (!empty()) many_.reserve(std::max(size() + 1, many_.capacity() > size() ? std::size_t{0} : 2 * size()));
  }
  // `stream` must be greater than all ids in here.
  void add(http::StreamId stream, TransferId transfer) {
    SLUICE_CHECK(empty() || back().first < stream);
    if (empty()) {
      first_ = {stream, transfer};
      has_first_ = true;
      return;
    }
    if (has_first_) many_.push_back(first_);
    has_first_ = false;
    many_.emplace_back(stream, transfer);
  }
  std::optional<TransferId> find(http::StreamId stream) const {
    const Item* const item = lower_bound(stream);
    return item != end() && item->first == stream ? std::optional(item->second) : std::nullopt;
  }
  void erase(http::StreamId stream) {
    const Item* const item = lower_bound(stream);
    if (item == end() || item->first != stream) return;
    if (has_first_) {
      has_first_ = false;
    } else {
      many_.erase(many_.begin() + (item - many_.data()));
    }
  }
  // None is left: what many of them needed is freed.
  void release() {
    SLUICE_CHECK(empty());
    if (many_.capacity() > kKept) std::vector<Item>().swap(many_);
  }
  void clear() {
    has_first_ = false;
    many_.clear();
  }

 private:
  static constexpr std::size_t kKept = 8;  // room for so many stays with an idle connection

  const Item* lower_bound(http::StreamId stream) const {
    return std::lower_bound(begin(), end(), stream,
                            [](const Item& item, http::StreamId id) { return item.first < id; });
  }

  Item first_;
  bool has_first_ = false;
  std::vector<Item> many_;  // all exchanges, after there was more than one at a time
};

}  // namespace sluice::pool
