// The trace of a run: one line for each event, and a hash over all lines. Writes values in the same way on every
// machine. Leaves to others what is recorded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"

namespace sluice::sim {

// FNV-1a, 64 bits.
class Fnv {
 public:
  Fnv& add(Bytes bytes) {
    for (const std::uint8_t byte : bytes) value_ = (value_ ^ byte) * 0x100'0000'01b3;
    return *this;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf2'9ce4'8422'2325;
};

class Trace;

// One line while it is written; it ends when the object goes out of scope. One at a time.
class TraceLine {
 public:
  TraceLine(Trace& trace, std::string& text) : trace_(trace), text_(text) {}
  ~TraceLine();
  TraceLine(const TraceLine&) = delete;
  TraceLine& operator=(const TraceLine&) = delete;

  // Each adds a space and the value.
  TraceLine& word(std::string_view word);
  TraceLine& number(std::uint64_t number);
  TraceLine& signed_number(std::int64_t number);
  TraceLine& hash(const Fnv& hash);  // 16 hexadecimal digits

 private:
  Trace& trace_;
  std::string& text_;
};

class Trace {
 public:
  explicit Trace(bool keep) : keep_(keep) {}

  TraceLine line(Duration since_start);
  template <class Tag>
  TraceLine line(Duration since_start, char letter, Id<Tag> id) {
    begin_line(since_start);
    append_id(letter, id.index, id.generation);
    return TraceLine(*this, text_);
  }
  const std::vector<std::string>& lines() const { return lines_; }
  std::uint64_t hash() const { return hash_.value(); }  // over the lines, each with a line feed

 private:
  friend class TraceLine;
  void begin_line(Duration since_start);
  void append_id(char letter, std::uint32_t index, std::uint32_t generation);
  void end_line();

  bool keep_;
  std::string text_;  // the current line; its memory is reused
  std::vector<std::string> lines_;
  Fnv hash_;
};

}  // namespace sluice::sim
