// A source of server-sent events that is connected to again and again (WHATWG HTML 9.2.2 and 9.2.3): what each request
// has, which response is a stream of events, and what follows an end: another connection after how long, or a stop.
// Pure. Leaves to others: requests (with TransferOptions::redirects; each begins at the source's own URL), waiting, and
// the format of the events (event_stream.hpp). tests/examples/event_source.cpp is a program with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "error.hpp"
#include "event_stream.hpp"
#include "fields.hpp"
#include "response.hpp"
#include "types.hpp"

namespace sluice {

struct EventSourceOptions {
  // The wait before each further connection, until a field "retry" of the stream says another; zero or more.
  Duration wait = std::chrono::seconds(3);
  // After connections that failed one after another (with no stream of events) the wait doubles, from at least one
  // second on, up to this; or it stays, if it is longer.
  Duration max_backoff = std::chrono::minutes(5);
  Duration max_wait = std::chrono::hours(1);  // no wait is longer, whatever the server says
  std::size_t max_event_bytes = EventStream::kMaxEventBytes;
};

// For each connection: begin(), then accept(), next() and end(). As with EventStream, std::bad_alloc leaves it.
class EventSource {
 public:
  explicit EventSource(EventSourceOptions options = {}) : options_(options), stream_(options.max_event_bytes) {}

  // Sets Accept and Cache-Control of the request that comes next, and Last-Event-ID if there is one; `fields` may hold
  // others. Errors: invalid_request (the event's id holds a control byte), out_of_memory.
  Result<void> begin(Fields& fields);
  // The final response. An error (malformed_response): it is no stream of events, because of its status or type; no
  // more is to be read of it, and end() gives the error again. 204 is no error: the server wants no more connections.
  // Statuses such as 503 stop too, as the standard says; TransferOptions::retries asks again instead.
  Result<void> accept(const ResponseHead& head);
  // EventStream::next(). An error ends the source: end() gives it again.
  [[nodiscard]] Result<std::optional<ServerEvent>> next(Bytes& bytes);
  // The response has ended or has failed, or the application has ended it after an error from above. Returns how long
  // to wait before the next begin(); nullopt: the server wants no more. Errors: that from above; `result`'s, if another
  // request would fail in the same way.
  Result<std::optional<Duration>> end(const Result<void>& result);

  const EventStream& stream() const { return stream_; }

 private:
  Duration next_wait();

  EventSourceOptions options_;
  EventStream stream_;
  Result<void> verdict_ = {};   // of accept() and next()
  bool is_stream_ = false;      // accept() has seen a stream of events
  bool is_over_ = false;        // the server wants no more
  std::uint32_t failures_ = 0;  // connections since the last one that gave a stream
};

}  // namespace sluice
