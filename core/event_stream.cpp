// See event_stream.hpp.
#include "core/event_stream.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "core/base/ascii.hpp"

namespace sluice {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// nullopt: empty, or not digits only.
std::optional<Duration> milliseconds(std::string_view text) {
  constexpr std::int64_t kMost = Duration::max() / std::chrono::milliseconds(1);
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = std::min(value * 10 + (c - '0'), kMost);
  }
  return std::chrono::milliseconds(value);
}

}  // namespace

std::size_t EventStream::held_bytes() const {
  return line_.size() + data_.size() + type_.size() + (id_ ? id_->size() : 0);
}

Result<std::optional<ServerEvent>> EventStream::next(Bytes& bytes) {
  if (event_given_) drop_event();
  while (!bytes.empty() && !failed_) {
    const std::string_view text = as_text(bytes);
    if (std::exchange(after_cr_, false) && text.front() == '\n') {
      bytes = bytes.subspan(1);
      continue;
    }
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    std::string_view line = text.substr(0, end);
    if (line.size() > max_event_bytes_ - held_bytes()) {
      failed_ = true;
      break;
    }
    const bool is_whole = end < text.size();
    bytes = bytes.subspan(is_whole ? end + 1 : end);
    if (!is_whole || !line_.empty()) line = line_.append(line);
    if (!is_whole) break;
    after_cr_ = text[end] == '\r';
    event_given_ = take_line(line);
    line_.clear();
    if (event_given_) return ServerEvent{type_.empty() ? "message" : std::string_view(type_), data_, last_event_id_};
  }
  if (!failed_) return std::nullopt;
  return std::unexpected(make_error(
      Code::body_too_large, "a server-sent event has more than " + std::to_string(max_event_bytes_) + " bytes"));
}

void EventStream::restart() {
  line_.clear();
  id_.reset();
  drop_event();
  failed_ = false;
  is_first_line_ = true;
  after_cr_ = false;
}

void EventStream::drop_event() {
  data_.clear();
  type_.clear();
  event_given_ = false;
}

// Whether an event has ended that is to be given.
bool EventStream::take_line(std::string_view line) {
  if (std::exchange(is_first_line_, false) && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) return end_event();
  const std::size_t colon = std::min(line.find(':'), line.size());
  std::string_view value = line.substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  take_field(line.substr(0, colon), value);
  return false;
}

// The name of a comment is empty. Case matters.
void EventStream::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    data_.append(value).append(1, '\n');
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) id_ = value;
  } else if (name == "retry") {
    if (const auto wait = milliseconds(value)) retry_ = wait;
  }
}

bool EventStream::end_event() {
  if (id_) last_event_id_ = *std::exchange(id_, std::nullopt);
  if (data_.empty()) {
    type_.clear();
    return false;
  }
  data_.pop_back();
  return true;
}

}  // namespace sluice
