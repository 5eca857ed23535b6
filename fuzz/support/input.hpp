// Reads the fuzzer's bytes as choices, from first to last. When they are used up every choice is 0 and nothing special
// happens, so each input is a program that ends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"

namespace sluice::fuzz {

class Input {
 public:
  explicit Input(Bytes bytes) : left_(bytes) {}

  bool spent() const { return left_.empty(); }
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const std::uint8_t first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }
  // 0 <= result < n; n of 1 to 2^24. One byte of input for a small n, up to three for a large one.
  std::size_t below(std::size_t n) {
    std::size_t value = 0;
    for (std::size_t reach = 1; reach < n; reach *= 256) value = value * 256 + byte();
    return value % n;
  }
  // Never true after the bytes are used up, unless n is 1.
  bool one_in(std::size_t n) { return below(n) + 1 == n; }
  // The bytes before `mark`, which is removed too; if there is none, all that is left.
  std::string_view up_to(char mark) {
    const std::string_view all = as_text(left_);
    const std::size_t end = std::min(all.find(mark), all.size());
    left_ = left_.subspan(std::min(end + 1, all.size()));
    return all.substr(0, end);
  }
  std::string_view take(std::size_t most) {
    const std::string_view taken = as_text(left_).substr(0, most);
    left_ = left_.subspan(taken.size());
    return taken;
  }
  std::string_view rest() { return take(left_.size()); }
  // Of `of` choices `known` lead to one of the newest of `ids`, and the others to an id that most likely is unknown.
  template <class Id>
  Id id_of(const std::vector<Id>& ids, std::size_t known, std::size_t of) {
    const std::size_t which = below(of);
    if (which < known && !ids.empty()) return ids[ids.size() - 1 - which % ids.size()];
    return {static_cast<std::uint32_t>(which), static_cast<std::uint32_t>(below(4))};
  }

 private:
  Bytes left_;
};

}  // namespace sluice::fuzz
