// Server-sent events (WHATWG HTML 9.2.6), the format of a body of type text/event-stream: bytes in, events out. Pure.
// Leaves to others: requests; connecting again and the checks of status and type (event_source.hpp); and whether the
// text is UTF-8, which it must be.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "error.hpp"
#include "types.hpp"

namespace sluice {

// One event. Views into the EventStream, which live until its next non-const call.
struct ServerEvent {
  std::string_view type = "message";    // of the field "event"
  std::string_view data = {};           // may be empty; lines are separated by LF
  std::string_view last_event_id = {};  // of this event or of an earlier one; "": none
};

// Reads one stream. An event at its end without an empty line after it is not given, as the standard says. The events
// are the same however the bytes are split. Linear time.
//   for (Bytes bytes = body;;) {
//     auto event = stream.next(bytes);
//     if (!event) return event.error();
//     if (!*event) break;  // all bytes are taken
//     use(**event);
//   }
class EventStream {
 public:
  static constexpr std::size_t kMaxEventBytes = 1024 * 1024;

  // `max_event_bytes`: in the data, type and id of one event and in its present line, together. Comments and unknown
  // fields count only while they are read.
  explicit EventStream(std::size_t max_event_bytes = kMaxEventBytes) : max_event_bytes_(max_event_bytes) {}

  // Takes bytes from the front of `bytes` up to the end of the next event, which it returns. nullopt: all are taken,
  // and no event has ended. Errors: body_too_large (an event has more than `max_event_bytes`), the same at each later
  // call. Throws std::bad_alloc; then only restart() and destruction are of use.
  [[nodiscard]] Result<std::optional<ServerEvent>> next(Bytes& bytes);

  // For the field Last-Event-ID of the next request; "": no such field. It is of the last event that has ended, with or
  // without data, and lives until the next non-const call.
  std::string_view last_event_id() const { return last_event_id_; }
  // How long to wait before the next request, as the last field "retry" says; at most Duration::max(), in whole
  // milliseconds. nullopt: there was none.
  std::optional<Duration> retry() const { return retry_; }

  // The bytes that follow are of another connection to the same source. An event that has not ended is dropped;
  // last_event_id() and retry() stay.
  void restart();

 private:
  std::size_t held_bytes() const;
  void drop_event();
  bool take_line(std::string_view line);
  void take_field(std::string_view name, std::string_view value);
  bool end_event();

  std::size_t max_event_bytes_;
  bool failed_ = false;
  bool is_first_line_ = true;
  bool after_cr_ = false;     // a LF that comes next belongs to the line end
  bool event_given_ = false;  // data_ and type_ are of the event that next() has returned

  std::string line_;  // the bytes so far of a line that has not ended
  std::string data_;  // each line with a LF
  std::string type_;
  std::optional<std::string> id_;  // becomes last_event_id_ when the event ends
  std::string last_event_id_;
  std::optional<Duration> retry_;
};

}  // namespace sluice
