// See write_out_json.hpp.
#include "adapters/cli/write_out_json.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>

#include "core/base/ascii.hpp"

namespace sluice::cli {

namespace {

// The letter of the short escape; 0: there is none.
char short_escape(char c) {
  constexpr std::string_view kBytes = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
  const std::size_t at = kBytes.find(c);
  return at == std::string_view::npos ? '\0' : kLetters[at];
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (const char letter = short_escape(c); letter != '\0') {
      out += '\\';
      out += letter;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      append_hex(out, c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string seconds_text(Duration time) {
  constexpr std::size_t kDigits = 6;
  constexpr std::int64_t kMicroseconds = 1'000'000;
  const auto all = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(time).count());
  const std::string digits = std::to_string(all % kMicroseconds);
  return std::to_string(all / kMicroseconds) + '.' + std::string(kDigits - digits.size(), '0') + digits;
}

void JsonObject::add(std::string_view name, std::string_view value) {
  if (!members_.empty()) members_ += ',';
  members_ += json_string(name) + ':';
  members_ += value;
}

std::string json_array(const std::vector<std::string>& elements) {
  std::string out = "[";
  for (const std::string& element : elements) {
    if (out.size() > 1) out += ',';
    out += element;
  }
  return out + ']';
}

std::string fields_as_json(const Fields* fields) {
  std::map<std::string, std::size_t> places;
  std::vector<std::string> members;  // without the final ']'
  for (std::size_t i = 0; fields != nullptr && i < fields->size(); ++i) {
    const Field field = fields->at(i);
    const std::string name = to_lower(field.name);
    const auto [place, is_new] = places.try_emplace(name, members.size());
    if (is_new)
      members.push_back(json_string(name) + ":[" + json_string(field.value));
    else
      members[place->second] += ',' + json_string(field.value);
  }
  std::string out = "{";
  for (std::size_t i = 0; i < members.size(); ++i) out += (i == 0 ? "" : ",\n") + members[i] + ']';
  return out + "\n}";
}

}  // namespace sluice::cli
