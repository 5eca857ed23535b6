// See session_impl.hpp. Here: the calls of the engine, and output.
//
// All that the library has to send is collected at once, so that nothing waits in it but bodies: their frames are made
// while there is room in the output.
#include "core/http2/session_impl.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/base/timers.hpp"
#include "core/http2/error_names.hpp"

namespace sluice::http2 {
namespace {

// What an idle connection may keep.
constexpr std::size_t kKeptOutputBytes = 768;
constexpr std::uint32_t kCancel = std::to_underlying(ErrorCode::cancel);

}  // namespace

bool Session::start(std::uint32_t first_stream) {
  if (!library_.start(first_stream, frame_buffer_.get())) return false;
  pump();
  return !error_;
}

// ---- exchanges ----

std::size_t Session::open_capacity() const {
  if (!reusable() || is_full()) return 0;
  const std::size_t most = std::min(library_.max_streams(), has_settings_ ? limits::kMaxStreams : assumed_);
  return most - std::min(most, streams_.size());
}

std::optional<std::size_t> Session::told_capacity() const {
  return has_settings_ ? std::optional(std::min(library_.max_streams(), limits::kMaxStreams)) : std::nullopt;
}

Result<StreamId> Session::open(const http::Exchange& exchange) {
  SLUICE_CHECK(exchange.request != nullptr && exchange.head != nullptr);
  // What the peer allows may have changed since the caller asked.
  if (open_capacity() == 0) {
    Error error = connection_error(ErrorCode::no_error, "the server takes no request now");
    error.retry_safe = true;
    return std::unexpected(std::move(error));
  }
  return or_out_of_memory([&]() -> Result<StreamId> {
    const Request& request = *exchange.request;
    if (!exchange.valid) {
      if (auto valid = validate_without_credentials(request); !valid) return std::unexpected(std::move(valid).error());
    }
    const bool has_body = exchange.upload != nullptr && exchange.upload->present() && known_length(request.body) != 0U;
    fields_.write(exchange);
    streams_.make_room();
    const auto id = library_.submit_request(fields_, has_body);
    if (!id) {
      if (library_.short_of_memory()) fail(make_error(Code::out_of_memory, {}));
      return std::unexpected(id.error());
    }
    streams_.add(*id, exchange, fields_.expects_continue(), fields_.is_head());
    has_urgencies_ |= exchange.urgency != Priority{}.urgency;
    latest_ = *id;
    closes_ |= fields_.closes();
    guard_.opened();
    pump();
    return *id;
  });
}

void Session::abort(StreamId id) {
  Stream* const stream = streams_.find(id);
  if (!stream) return;
  give_up(*stream);
  if (!error_) {
    note(library_.reset(id, kCancel));
    pump();
  }
  free_buffers();
}

void Session::upload_changed(StreamId id) {
  Stream* const stream = streams_.find(id);
  if (!stream || error_ || stream->sending() != SendState::body) return;
  end_without_window(*stream);
  if (!stream->blocked) resume(*stream);  // else its turn comes
  pump();
}

void Session::stop_waiting_for_continue(StreamId id) {
  Stream* const stream = streams_.find(id);
  if (!stream || error_ || stream->sending() != SendState::waiting) return;
  stream->enter(SendState::body);
  end_without_window(*stream);
  resume(*stream);
  pump();
}

// RFC 9113 6.9.1: a DATA frame without data needs no window, but the library waits for one. A server may wait for the
// end of the request before it opens its windows again. The end of what has bytes to send is in the frame of the last.
void Session::end_without_window(Stream& stream) {
  const http::UploadBody& upload = *stream.upload();
  if (!upload.pending().empty() || !upload.exhausted() || library_.has_window(stream.id())) return;
  stream.enter(SendState::done);
  if (const Fields* const trailers = trailers_of(upload))
    return note(library_.end_with_trailers(stream.id(), *trailers));
  stream.ended_by_us = true;
  constexpr std::uint8_t kDataType = 0, kEndStream = 1;
  const std::uint32_t id = stream.id();
  const auto byte = [id](int at) { return static_cast<std::uint8_t>(id >> (8 * at) & 0xff); };
  const std::uint8_t frame[] = {0, 0, 0, kDataType, kEndStream, byte(3), byte(2), byte(1), byte(0)};
  request_frame_made(id, true);
  if (!has_memory_for([&] { append(frame); })) fail(make_error(Code::out_of_memory, {}));
}

bool Session::waiting_for_continue(StreamId id) const {
  const Stream* const stream = streams_.find(id);
  return stream && stream->sending() == SendState::waiting;
}

bool Session::wants_upload(StreamId id) const {
  const Stream* const stream = streams_.find(id);
  return stream && (stream->sending() == SendState::waiting || stream->sending() == SendState::body);
}

void Session::set_priority(StreamId id, Priority priority) {
  Stream* const stream = streams_.find(id);
  if (!stream || error_) return;
  stream->urgency = priority.urgency;
  has_urgencies_ = true;
  if (is_full()) return;  // for the server it is only a hint
  note(library_.update_priority(id, priority));
  pump();
}

void Session::consumed(StreamId id, std::size_t bytes) {
  Stream* const stream = streams_.find(id);
  if (bytes == 0 || error_ || !stream) return;
  stream->buffered -= std::min(stream->buffered, bytes);
  const bool grows = growth_.consumed(stream->window, bytes, now_);
  note(library_.consumed(id, bytes));
  if (grows && !error_) note(library_.enlarge_window(id, stream->window.size));
  if (growth_.wants_ping() && !error_) {
    growth_.ping_sent(now_);
    note(library_.ping(true));
  }
  if (!error_ && library_.has_output()) pump();
}

bool Session::request_begun(StreamId id) const {
  const Stream* const stream = streams_.find(id);
  return stream && stream->begun;
}

bool Session::request_sent(StreamId id) const {
  const Stream* const stream = streams_.find(id);
  return stream && stream->sent;
}

bool Session::response_started(StreamId id) const {
  const Stream* const stream = streams_.find(id);
  return stream && stream->reader().started();
}

Bytes Session::request_head(StreamId id) const { return id == latest_ ? as_bytes(fields_.text()) : Bytes{}; }

// ---- failures ----

void Session::fail(Error error) noexcept {
  if (!error_) error_ = std::move(error);
}

void Session::note(Result<void> result) noexcept {
  if (!result) fail(std::move(result.error()));
}

std::unexpected<Error> Session::tell_error() {
  error_told_ = true;
  return std::unexpected(*error_);
}

// ---- input ----

Result<std::size_t> Session::receive(MutableBytes input, std::vector<http::Event>& events) {
  if (error_) return tell_error();
  std::size_t taken = 0;
  heard_ = true;
  events_ = &events;
  if (!has_memory_for([&] { take_input(input, taken); })) fail(make_error(Code::out_of_memory, {}));
  events_ = nullptr;
  if (error_) return tell_error();
  return taken;
}

void Session::take_input(MutableBytes input, std::size_t& taken) {
  interim_read_ = false;
  for (http::Event& event : late_) events_->push_back(std::move(event));
  late_.clear();
  while (taken < input.size() && !error_ && !interim_read_) {
    const auto piece = guard_.next(input.subspan(taken));
    if (!piece) return fail(piece.error());
    if (!piece->header.empty()) note(library_.feed(piece->header));
    if (!piece->rest.empty() && !error_) note(library_.feed(piece->rest));
    taken += piece->taken;
    // The library treats frames on a stream that was reset in another way: from the same frame on, however the input
    // is split.
    if (std::exchange(reset_waits_, false) && !error_) pump();
  }
  if (!error_) pump();
  free_buffers();
}

Result<void> Session::receive_eof(StreamEnd, std::vector<http::Event>& events) {
  if (error_) return tell_error();
  ended_ = true;
  Result<void> told = or_out_of_memory([&]() -> Result<void> {
    for (http::Event& event : late_) events.push_back(std::move(event));
    late_.clear();
    events_ = &events;
    // The end of the stream below never completes a response. Those that have begun are cut short; the others may be
    // sent again.
    std::vector<Stream*> begun;
    for (const auto& stream : streams_) {
      if (stream->reader().started()) begun.push_back(stream.get());
    }
    for (Stream* const stream : begun) {
      const std::string how_far = stream->reader().how_far();
      Error error = end_error(how_far);
      if (error.code == Code::connection_closed) {
        error = make_error(Code::truncated, "HTTP/2: the connection ended" +
                                                (how_far.empty() ? " in the middle of a response" : how_far));
      }
      give({.kind = http::Event::Kind::failed, .stream = stream->id(), .error = std::move(error)});
      remove(*stream);
    }
    events_ = nullptr;
    if (streams_.empty()) return {};
    fail(end_error({}));
    return tell_error();
  });
  events_ = nullptr;
  return told;
}

// ---- output ----

void Session::collect_output() {
  for (;;) {
    frame_of_ = 0;
    const auto piece = library_.next_output();
    if (!piece) return fail(piece.error());
    if (piece->empty()) {
      if (!next_turn()) return;
      continue;
    }
    append(*piece);
  }
}

void Session::append(Bytes frame) {
  // A byte is moved no more often than another one was taken.
  if (out_begin_ == out_.size() || (out_begin_ > limits::kWireOutBytes && out_begin_ >= pending())) {
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_begin_));
    out_begin_ = 0;
  }
  out_.insert(out_.end(), frame.begin(), frame.end());
  const std::uint64_t begin = std::exchange(made_, made_ + frame.size());
  if (frame_of_ != 0) marks_.add({.begin = begin, .end = made_, .stream = frame_of_, .last = frame_is_last_});
}

void Session::pump() noexcept {
  if (library_.short_of_memory()) return fail(make_error(Code::out_of_memory, {}));
  if (!has_memory_for([&] { collect_output(); })) fail(make_error(Code::out_of_memory, {}));
}

void Session::resume(Stream& stream) {
  if (std::exchange(stream.held_back, false)) note(library_.resume(stream.id()));
}

// The first of the most urgent ones.
StreamId Session::take_turn() {
  auto first = turns_.begin();
  if (has_urgencies_) {
    const auto urgency = [&](StreamId id) {
      const Stream* const stream = streams_.find(id);
      return stream ? stream->urgency : std::uint8_t{0};
    };
    first = std::ranges::min_element(turns_, {}, urgency);
  }
  const StreamId id = *first;
  turns_.erase(first);
  return id;
}

// False: there is no body that may be sent now.
bool Session::next_turn() {
  while (!turns_.empty() && pending() < limits::kWireOutBytes && library_.has_window()) {
    const StreamId id = take_turn();
    Stream* const stream = streams_.find(id);
    if (!stream || stream->sending() != SendState::body) continue;
    stream->blocked = false;
    turn_ = id;
    turn_left_ = limits::kTurnBytes;
    resume(*stream);
    return !error_;
  }
  return false;
}

OutputView Session::output() const {
  OutputView out;
  out.push(Bytes(out_).subspan(out_begin_));
  return out;
}

void Session::advance_output(std::size_t bytes) {
  SLUICE_CHECK(bytes <= pending());
  const bool was_full = is_full();
  out_begin_ += bytes;
  has_room_again_ |= was_full && !is_full();
  advanced_ += bytes;
  // An upload fills the output again and again, so it may never be empty: it counts that the answers were taken.
  if (advanced_ >= answers_end_) {
    guard_.answered();
    answers_end_ = made_;
  }
  if (!turns_.empty() && !error_ && pending() < limits::kWireOutBytes / 2) pump();
  free_buffers();
}

// What a connection without exchanges does not need.
void Session::free_buffers() {
  if (!streams_.empty()) return;
  streams_.release();
  marks_.release();
  fields_.release();
  library_.release_spares();
  if (pending() != 0 || out_.capacity() <= kKeptOutputBytes) return;
  std::vector<std::uint8_t>().swap(out_);
  out_begin_ = 0;
}

void Session::on_wire(std::uint64_t held, std::vector<StreamId>& moved) {
  const std::uint64_t taken = advanced_ - held;
  const std::uint64_t before = std::exchange(on_wire_, taken);
  if (awaits_pong_ && !ping_taken_ && taken >= ping_end_) {
    ping_taken_ = true;
    ping_due_ = Timers::later(now_, *ping_interval_);
  }
  ++reports_;
  while (const RequestMarks::Mark* const mark = marks_.next(taken)) {
    const bool whole = mark->end <= taken;
    if (Stream* const stream = streams_.find(mark->stream)) {
      stream->begun = true;
      stream->sent |= whole && mark->last;
      if (std::exchange(stream->reported, reports_) != reports_) {
        moved.push_back(stream->id());
        stream->on_wire = 0;
      }
      stream->on_wire += static_cast<std::size_t>(std::min(mark->end, taken) - std::max(mark->begin, before));
    }
    if (!whole) return;
    marks_.pop();
  }
}

std::size_t Session::bytes_on_wire(StreamId id) const {
  const Stream* const stream = streams_.find(id);
  return stream && stream->reported == reports_ ? stream->on_wire : 0;
}

// ---- time ----

// A failure, what happened outside receive(), and that there is room again, is told as soon as possible.
std::optional<Instant> Session::deadline() const {
  if (!late_.empty() || has_room_again_ || (error_ && !error_told_)) return Instant{};
  if (!ping_interval_ || error_) return std::nullopt;
  return ping_due_ ? *ping_due_ : Instant{};
}

Result<void> Session::handle_timeout(Now now, std::vector<http::Event>& events) {
  return or_out_of_memory([&]() -> Result<void> {
    for (http::Event& event : late_) events.push_back(std::move(event));
    late_.clear();
    has_room_again_ = false;
    if (!error_ && ping_interval_) note(keep_alive(now));
    if (error_) return tell_error();
    return {};
  });
}

// The time for an answer counts from when the PING was sent: before it there may be much of an upload, on a slow link.
// While the wire takes bytes of that, the peer is not dead.
Result<void> Session::keep_alive(Now now) {
  now_ = now.steady;
  const bool due = ping_due_ && now.steady >= *ping_due_;
  if (ping_due_ && !due) return {};
  ping_due_ = Timers::later(now.steady, *ping_interval_);
  const bool moves = std::exchange(reports_at_due_, reports_) != reports_;
  if (!due || std::exchange(heard_, false)) return {};
  if (awaits_pong_) {
    if (!ping_taken_ && moves) return {};
    return std::unexpected(make_error(Code::http2_error, "HTTP/2: the peer does not answer a PING"));
  }
  awaits_pong_ = true;
  ping_taken_ = false;
  if (auto pinged = library_.ping(); !pinged) return pinged;
  pump();
  ping_end_ = made_;
  return {};
}

}  // namespace sluice::http2
