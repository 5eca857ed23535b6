// See trace.hpp.
#include "adapters/sim/trace.hpp"

#include <array>
#include <charconv>
#include <cstddef>

#include "core/base/ascii.hpp"

namespace sluice::sim {
namespace {

template <class Number>
void append_number(std::string& text, Number number) {
  std::array<char, 24> digits = {};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

}  // namespace

TraceLine::~TraceLine() { trace_.end_line(); }

// The text may come from others and hold any bytes, so line ends are escaped.
TraceLine& TraceLine::word(std::string_view word) {
  text_ += ' ';
  for (const char c : word) text_ += c == '\n' || c == '\r' ? ' ' : c;
  return *this;
}

TraceLine& TraceLine::number(std::uint64_t number) {
  text_ += ' ';
  append_number(text_, number);
  return *this;
}

TraceLine& TraceLine::signed_number(std::int64_t number) {
  text_ += ' ';
  append_number(text_, number);
  return *this;
}

TraceLine& TraceLine::hash(const Fnv& hash) {
  text_ += ' ';
  for (int shift = 60; shift >= 0; shift -= 4) text_ += kHexDigits[(hash.value() >> shift) & 15];
  return *this;
}

TraceLine Trace::line(Duration since_start) {
  begin_line(since_start);
  return TraceLine(*this, text_);
}

void Trace::begin_line(Duration since_start) {
  text_.clear();
  append_number(text_, since_start.count());
}

void Trace::append_id(char letter, std::uint32_t index, std::uint32_t generation) {
  text_ += ' ';
  text_ += letter;
  append_number(text_, index);
  text_ += '.';
  append_number(text_, generation);
}

void Trace::end_line() {
  hash_.add(as_bytes(text_)).add(as_bytes("\n"));
  if (keep_) lines_.push_back(text_);
}

}  // namespace sluice::sim
