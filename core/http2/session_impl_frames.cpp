// See session_impl.hpp. Here: what the library tells about frames, and the events that follow.
#include <algorithm>
#include <string>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"
#include "core/http2/error_names.hpp"
#include "core/http2/session_impl.hpp"

namespace sluice::http2 {

using http::Event;

namespace {

constexpr std::size_t kShownBytes = 80;  // the longest part of the peer's text in a message

bool is(std::uint32_t code, ErrorCode name) { return code == std::to_underlying(name); }

// RFC 9113 7. The other codes say that we have broken a rule, which the same request may do again.
http::Farewell farewell_of(std::uint32_t code) {
  if (is(code, ErrorCode::no_error) || is(code, ErrorCode::internal_error)) return http::Farewell::announced;
  if (is(code, ErrorCode::enhance_your_calm)) return http::Farewell::wants_less;
  if (is(code, ErrorCode::http_1_1_required)) return http::Farewell::needs_http1;
  return http::Farewell::none;
}

}  // namespace

void Session::give(Event event) { (events_ ? *events_ : late_).push_back(std::move(event)); }

// ---- ends of exchanges ----

void Session::remove(Stream& stream) {
  growth_.ended(stream.window);
  streams_.remove(stream);
}

void Session::complete(Stream& stream) {
  const StreamId id = stream.id();
  // RFC 9113 8.1: the rest of the request is not wanted any more. Where the library does not know of the end, it would
  // keep the stream; the server passes over a reset of a stream that is closed (RFC 9113 5.1).
  if (stream.sending() != SendState::done || stream.ended_by_us) {
    note(library_.reset(id, std::to_underlying(stream.ended_by_us ? ErrorCode::no_error : ErrorCode::cancel)));
    reset_waits_ = true;
  }
  give({.kind = Event::Kind::complete, .stream = id});
  remove(stream);
}

void Session::refuse(Stream& stream, Error error, bool needs_http1) {
  give({.kind = Event::Kind::refused, .stream = stream.id(), .needs_http1 = needs_http1, .error = std::move(error)});
  remove(stream);
}

// The exchange has broken a rule: it ends, and the connection goes on.
void Session::break_off(Stream& stream, Error error) {
  const bool has_code = error.code == Code::http2_stream;
  const std::uint32_t code =
      has_code ? static_cast<std::uint32_t>(error.detail) : std::to_underlying(ErrorCode::cancel);
  note(library_.reset(stream.id(), code));
  give({.kind = Event::Kind::failed, .stream = stream.id(), .error = std::move(error)});
  give_up(stream);
  note_broken_rule();
}

// What its window allowed may be on its way.
void Session::give_up(Stream& stream) {
  guard_.gave_up(stream.window.size - stream.buffered);
  remove(stream);
}

// A peer could make us open and reset streams without end (SB-66).
void Session::note_broken_rule() {
  reset_waits_ = true;
  if (++broken_rules_ <= limits::kMaxProvokedResets) return;
  fail(connection_error(ErrorCode::enhance_your_calm, "too many exchanges that broke the rules"));
}

void Session::stream_closed(StreamId id, std::uint32_t code) {
  Stream* const stream = streams_.find(id);
  if (!stream) return;
  const bool refused = is(code, ErrorCode::refused_stream);
  const bool needs_http1 =
      is(code, ErrorCode::http_1_1_required) || (refused && is(goaway_code_, ErrorCode::http_1_1_required));
  if (needs_http1 && !stream->reader().started()) {
    const auto name = std::to_underlying(ErrorCode::http_1_1_required);
    return refuse(*stream, stream_error(name, "the server takes this request over HTTP/1.1 only"), true);
  }
  const bool unprocessed = refused && !stream->reader().started();
  // A server that asks for less must not get the same again at once.
  if (unprocessed && farewell_ != http::Farewell::wants_less) {
    return refuse(*stream, stream_error(code, "the server has not processed the request"));
  }
  Error error =
      unprocessed ? end_error({}) : stream_error(code, "the server reset the stream" + stream->reader().how_far());
  error.retry_safe = unprocessed;
  give({.kind = Event::Kind::failed, .stream = id, .error = std::move(error)});
  remove(*stream);
}

void Session::request_not_sent(StreamId id) {
  if (Stream* const stream = streams_.find(id)) {
    refuse(*stream, stream_error(std::to_underlying(ErrorCode::refused_stream), "the request was not sent"));
  }
}

void Session::frame_refused(StreamId id, std::uint32_t code) {
  Stream* const stream = streams_.find(id);
  if (!stream) return;
  give({.kind = Event::Kind::failed,
        .stream = id,
        .error = stream_error(code, "the server sent a frame that is not allowed")});
  give_up(*stream);
  note_broken_rule();
}

// ---- the connection ----

void Session::goaway_read(std::uint32_t code, Bytes debug_data) {
  if (farewell_ == http::Farewell::wants_less) return;  // no later one takes that back
  goaway_code_ = code;
  farewell_ = farewell_of(code);
  goaway_text_ = as_text(debug_data.first(std::min(debug_data.size(), kShownBytes)));
}

void Session::connection_ended(std::uint32_t code, std::string_view why) {
  if (library_.short_of_memory()) return fail(make_error(Code::out_of_memory, {}));
  fail(connection_error(static_cast<ErrorCode>(code), why.empty() ? "the server broke a rule" : why));
}

// Why exchanges end with the connection. `how_far`: see ResponseReader.
Error Session::end_error(std::string_view how_far) const {
  if (goaway_code_ == 0) return make_error(Code::connection_closed, "HTTP/2: the connection ended before a response");
  std::string why = "the server ended the connection";
  why += how_far;
  if (!goaway_text_.empty()) why += ": " + one_line(goaway_text_);
  return connection_error(static_cast<ErrorCode>(goaway_code_), why);
}

void Session::ping_answered(bool measured) {
  if (measured ? growth_.ping_answered(now_) : std::exchange(awaits_pong_, false)) guard_.moved(1);
}

// ---- heads and trailers ----

void Session::section_begins(StreamId id) {
  Stream* const stream = streams_.find(id);
  if (!stream) return;
  if (auto begun = stream->reader().begin_section(); !begun) break_off(*stream, std::move(begun.error()));
}

void Session::field_read(StreamId id, std::string_view name, std::string_view value) {
  Stream* const stream = streams_.find(id);
  if (!stream) return;
  if (auto read = stream->reader().field(name, value); !read) break_off(*stream, std::move(read.error()));
}

void Session::section_ended(StreamId id, bool last) {
  Stream* const stream = streams_.find(id);
  if (!stream) return;
  const auto section = stream->reader().end_section(last);
  if (!section) return break_off(*stream, section.error());
  switch (*section) {
    case ResponseReader::Section::interim:
      interim_read_ = true;
      guard_.moved(1);  // how many there may be is the engine's to say (SB-19)
      give({.kind = Event::Kind::interim, .stream = id, .head_bytes = stream->reader().head_bytes()});
      if (stream->reader().status() == 100 && stream->sending() == SendState::waiting) {
        stream->enter(SendState::body);
        end_without_window(*stream);
        resume(*stream);
      }
      return;
    case ResponseReader::Section::head:
      return head_read(*stream, last);
    case ResponseReader::Section::trailers:
      return complete(*stream);
  }
}

void Session::head_read(Stream& stream, bool last) {
  give({.kind = Event::Kind::head,
        .stream = stream.id(),
        .body_length = stream.reader().body_length(last),
        .head_bytes = stream.reader().head_bytes()});
  // As over HTTP/1: an answer without the body that it was asked about, or an error, makes the rest useless.
  const bool useless = stream.sending() == SendState::waiting ||
                       (stream.sending() == SendState::body && stream.reader().status() >= 400);
  if (useless) stream.enter(SendState::stopped);
  if (last) complete(stream);
}

// ---- bodies ----

// The connection's window is opened for all that comes, so that no exchange takes it from the others (SB-69: each has
// its own).
void Session::data_read(StreamId id, Bytes data) {
  note(library_.consumed_of_connection(data.size()));
  Stream* const stream = streams_.find(id);
  if (!stream) return;
  if (auto read = stream->reader().body(data.size()); !read) return break_off(*stream, std::move(read.error()));
  // The library would give these bytes, and reset the stream later.
  if (data.size() > stream->window.size - stream->buffered) {
    const auto code = std::to_underlying(ErrorCode::flow_control_error);
    return break_off(*stream, stream_error(code, "more body bytes than its window allows"));
  }
  stream->buffered += data.size();
  guard_.read(data.size());
  if (!data.empty()) give({.kind = Event::Kind::body, .stream = id, .body = data});
}

void Session::data_ended(StreamId id) {
  Stream* const stream = streams_.find(id);
  if (!stream) return;
  if (auto ended = stream->reader().end_body(); !ended) return break_off(*stream, std::move(ended.error()));
  complete(*stream);
}

// The library would send a whole body before it begins with the next one, so it gets one frame of each at a time.
bool Session::must_wait(const Stream& stream) const {
  if (pending() >= limits::kWireOutBytes) return true;
  if (turn_ == stream.id()) return false;
  return !turns_.empty() || (filled_ == stream.id() && streams_.size() > 1);
}

// Servers refuse HEADERS without a field.
const Fields* Session::trailers_of(const http::UploadBody& upload) {
  const Fields* const trailers = upload.trailers();
  return trailers != nullptr && !trailers->empty() ? trailers : nullptr;
}

Session::Filled Session::fill(StreamId id, MutableBytes space) {
  Stream* const stream = streams_.find(id);
  if (!stream) return {};
  stream->held_back = true;
  if (stream->sending() != SendState::body) return {};
  http::UploadBody& upload = *stream->upload();
  if (upload.pending().empty()) {
    if (!upload.exhausted()) return {};
    // The end alone waits for no turn: no window might be open when that comes (end_without_window()).
    stream->enter(SendState::done);
    stream->held_back = false;
    return {.last = true, .trailers = trailers_of(upload)};
  }
  if (must_wait(*stream)) {
    if (!std::exchange(stream->blocked, true)) turns_.push_back(id);
    return {};
  }
  filled_ = id;
  if (turn_ != id) turn_left_ = limits::kTurnBytes;
  const Bytes bytes = upload.pending().first(std::min({upload.pending().size(), space.size(), turn_left_}));
  std::ranges::copy(bytes, space.begin());
  upload.advance(bytes.size());
  // What a window has cut short is still its turn.
  turn_left_ -= bytes.size();
  turn_ = turn_left_ > 0 && bytes.size() == space.size() ? id : 0;
  guard_.sent(bytes.size());
  const bool last = upload.exhausted();
  if (last) stream->enter(SendState::done);
  stream->held_back = bytes.empty() && !last;
  return {.bytes = bytes.size(), .last = last, .trailers = trailers_of(upload)};
}

void Session::request_frame_made(StreamId id, bool last) {
  frame_of_ = id;
  frame_is_last_ = last;
}

}  // namespace sluice::http2
