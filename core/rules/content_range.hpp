// The syntax of a Content-Range field (RFC 9110 14.4). Leaves to others: whether it is the range that was asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::rules {

struct ContentRange {
  // Positions of the first and the last byte, counted from 0; first <= last < 2^63.
  struct Part {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t size() const { return last - first + 1; }
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::optional<Part> part = {};           // what the message holds; nullopt: the range asked for was not satisfiable
  std::optional<std::uint64_t> size = {};  // of the whole, below 2^63; nullopt: not known

  friend bool operator==(const ContentRange&, const ContentRange&) = default;
};

// "bytes 0-99/1000", "bytes 0-99/*", "bytes */1000". nullopt: another unit, another syntax, a last position before the
// first or not within the whole, or a number that is too large.
std::optional<ContentRange> parse_content_range(std::string_view value);

}  // namespace sluice::rules
