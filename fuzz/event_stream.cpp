// Fuzzes core/event_stream.hpp. Input: two bytes, the size of the pieces and the most bytes of an event, then a stream.
// Oracles: the events of a reader that follows the standard with the whole text at hand; the same events, and the same
// error, at any split; no event is larger than allowed; after restart() only the last id and the time to wait stay.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/event_stream.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

const bool kSights = must_be_seen({"an event", "a type", "an id", "a time", "too large", "a byte order mark"});

constexpr long double kLongestWait = 9'223'372'036'854;  // milliseconds that a Duration can hold

struct Outcome {
  std::vector<std::tuple<std::string, std::string, std::string>> events;  // type, data, last id
  std::string last_id;
  std::optional<std::int64_t> wait;  // milliseconds
  bool failed = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// `last_id`, `wait`: of an earlier connection.
Outcome read_whole(std::string_view text, std::string last_id = {}, std::optional<std::int64_t> wait = {}) {
  Outcome out{{}, std::move(last_id), wait};
  std::string type, data, id = out.last_id;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (auto end = text.find_first_of("\r\n"); end != text.npos; end = text.find_first_of("\r\n")) {
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
    const std::string name(line.substr(0, line.find(':')));
    std::string value(line.substr(std::min(name.size() + 1, line.size())));
    if (value.starts_with(' ')) value.erase(0, 1);
    if (name == "data") data += value + "\n";
    if (name == "event") type = value;
    if (name == "id" && value.find('\0') == value.npos) id = value;
    const bool is_number = !value.empty() && value.find_first_not_of("0123456789") == value.npos;
    if (name == "retry" && is_number) out.wait = static_cast<std::int64_t>(std::min(std::stold(value), kLongestWait));
    if (!line.empty()) continue;
    out.last_id = id;
    if (!data.empty()) out.events.emplace_back(type.empty() ? "message" : type, data.substr(0, data.size() - 1), id);
    data.clear();
    type.clear();
  }
  return out;
}

Outcome read_in_pieces(EventStream& stream, std::string_view text, std::size_t piece, std::size_t most) {
  Outcome out;
  while (!text.empty() && !out.failed) {
    const std::vector<std::uint8_t> memory(text.begin(),
                                           text.begin() + static_cast<std::ptrdiff_t>(std::min(piece, text.size())));
    text.remove_prefix(memory.size());
    for (Bytes rest = memory;;) {
      const std::size_t before = rest.size();
      const auto event = stream.next(rest);
      FUZZ_CHECK(rest.size() <= before);
      out.failed = !event;
      if (!event) FUZZ_CHECK(event.error().code == Code::body_too_large && !stream.next(rest));
      if (!event || !*event) break;
      const auto& [type, data, id] = **event;
      FUZZ_CHECK(data.size() <= most && type.size() <= std::max<std::size_t>(most, 7) && id.size() <= most);
      FUZZ_CHECK(rest.size() < before && id == stream.last_event_id());
      out.events.emplace_back(type, data, id);
    }
  }
  out.last_id = stream.last_event_id();
  if (stream.retry()) out.wait = *stream.retry() / std::chrono::milliseconds(1);
  return out;
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::size_t piece = std::size_t{input.byte()} + 1, most = std::size_t{input.byte()} * 4;
  const std::string_view text = input.rest();
  EventStream stream(most), whole_stream(most);
  const fuzz::Outcome got = fuzz::read_in_pieces(stream, text, piece, most);
  FUZZ_CHECK_SAYING(got == fuzz::read_in_pieces(whole_stream, text, size, most), fuzz::shown(text));
  const fuzz::Outcome wanted = fuzz::read_whole(text);
  FUZZ_CHECK_SAYING(got.failed ? got.events.size() <= wanted.events.size() : got == wanted, fuzz::shown(text));
  FUZZ_CHECK(std::ranges::equal(got.events, std::span(wanted.events).first(got.events.size())));
  stream.restart();
  const fuzz::Outcome again = fuzz::read_in_pieces(stream, text, piece, most);
  FUZZ_CHECK(again.failed == got.failed && again.events.size() == got.events.size());
  if (!got.failed) FUZZ_CHECK(again == fuzz::read_whole(text, got.last_id, got.wait));

  for (const auto& [type, content, id] : got.events) {
    fuzz::saw(type == "message" ? "an event" : "a type");
    if (!id.empty()) fuzz::saw("an id");
  }
  if (got.wait) fuzz::saw("a time");
  if (text.starts_with("\xef\xbb\xbf")) fuzz::saw("a byte order mark");
  if (got.failed) FUZZ_CHECK(text.size() > most);
  if (got.failed) fuzz::saw("too large");
  fuzz::last_verdict = got.failed ? "too-large" : got.events.empty() ? "none" : "events";
  return 0;
}
