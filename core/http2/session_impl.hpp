// The session of session.hpp as a class. In session_impl.cpp: calls of the engine, and output. In
// session_impl_frames.cpp: what the library tells.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/http2/frame_guard.hpp"
#include "core/http2/library.hpp"
#include "core/http2/request_fields.hpp"
#include "core/http2/streams.hpp"
#include "core/http2/window_growth.hpp"

namespace sluice::http2 {

class Session final : public http::Session, private Listener {
 public:
  // As SessionOptions say.
  Session(std::optional<Duration> ping_interval, std::shared_ptr<FrameBuffer> frame_buffer)
      : ping_interval_(ping_interval), frame_buffer_(std::move(frame_buffer)), library_(*this) {}
  // False: not enough memory. Called once, before all others.
  bool start(std::uint32_t first_stream);

  bool multiplexes() const override { return true; }
  std::size_t open_capacity() const override;
  bool reusable() const override { return !error_ && !ended_ && !closes_ && library_.takes_requests(); }
  bool busy() const override { return !streams_.empty(); }
  std::optional<std::size_t> told_capacity() const override;
  void assume_capacity(std::size_t exchanges) override { assumed_ = std::max<std::size_t>(exchanges, 1); }
  bool takes_extended_connect() const override { return library_.takes_extended_connect(); }

  Result<StreamId> open(const http::Exchange& exchange) override;
  void abort(StreamId stream) override;
  void upload_changed(StreamId stream) override;
  void stop_waiting_for_continue(StreamId stream) override;
  bool waiting_for_continue(StreamId stream) const override;
  bool wants_upload(StreamId stream) const override;
  void set_priority(StreamId stream, Priority priority) override;
  void consumed(StreamId stream, std::size_t bytes) override;
  void set_time(Instant now) override { now_ = now; }

  Result<std::size_t> receive(MutableBytes input, std::vector<http::Event>& events) override;
  Result<void> receive_eof(StreamEnd how, std::vector<http::Event>& events) override;

  OutputView output() const override;
  void advance_output(std::size_t bytes) override;
  void on_wire(std::uint64_t held, std::vector<StreamId>& moved) override;

  bool request_begun(StreamId stream) const override;
  bool request_sent(StreamId stream) const override;
  bool response_started(StreamId stream) const override;
  Bytes request_head(StreamId stream) const override;

  std::optional<Instant> deadline() const override;
  Result<void> handle_timeout(Now now, std::vector<http::Event>& events) override;

 private:
  // Listener
  void section_begins(StreamId stream) override;
  void field_read(StreamId stream, std::string_view name, std::string_view value) override;
  void section_ended(StreamId stream, bool last) override;
  void data_read(StreamId stream, Bytes data) override;
  void data_ended(StreamId stream) override;
  void stream_closed(StreamId stream, std::uint32_t code) override;
  void frame_refused(StreamId stream, std::uint32_t code) override;
  void request_not_sent(StreamId stream) override;
  void settings_read() override { has_settings_ = true; }
  void goaway_read(std::uint32_t code, Bytes debug_data) override;
  void ping_answered(bool measured) override;
  void connection_ended(std::uint32_t code, std::string_view why) override;
  void request_frame_made(StreamId stream, bool last) override;
  Filled fill(StreamId stream, MutableBytes space) override;

  // Events
  void give(http::Event event);
  void head_read(Stream& stream, bool last);
  void complete(Stream& stream);
  void refuse(Stream& stream, Error error, bool needs_http1 = false);
  void break_off(Stream& stream, Error error);
  void remove(Stream& stream);
  void note_broken_rule();
  Error end_error() const;

  // Output
  std::size_t pending() const { return out_.size() - out_begin_; }
  void collect_output();  // throws std::bad_alloc
  void pump() noexcept;   // collects all output; a failure ends the session
  void resume(Stream& stream);
  bool next_turn();
  StreamId take_turn();
  bool must_wait(const Stream& stream) const;
  void free_buffers();

  void take_input(MutableBytes input, std::size_t& taken);
  void note(Result<void> result) noexcept;  // an error ends the session
  void fail(Error error) noexcept;
  Result<void> keep_alive(Now now);
  bool ping_waited();
  std::unexpected<Error> tell_error();

  const std::optional<Duration> ping_interval_;
  const std::shared_ptr<FrameBuffer> frame_buffer_;
  Library library_;
  FrameGuard guard_;
  WindowGrowth growth_;
  Instant now_ = {};
  Streams streams_;
  RequestFields fields_;                       // of the latest request
  bool has_settings_ = false;                  // the peer's first ones have come
  std::size_t assumed_ = limits::kMaxStreams;  // until then: so many exchanges at once
  StreamId latest_ = 0;
  std::vector<http::Event>* events_ = nullptr;  // during receive()
  std::vector<http::Event> late_;               // those that came at other times
  bool reset_waits_ = false;                    // the library has one to send
  bool interim_read_ = false;                   // an interim response has ended during this receive()
  bool closes_ = false;                         // a request said that it is the last one
  bool ended_ = false;                          // the stream below
  std::size_t broken_rules_ = 0;                // exchanges that we had to reset

  std::uint32_t goaway_code_ = 0;
  std::string goaway_text_;
  std::optional<Error> error_;
  bool error_told_ = false;

  std::vector<std::uint8_t> out_;
  std::size_t out_begin_ = 0;
  std::uint64_t made_ = 0, advanced_ = 0;  // bytes of output since the start
  std::uint64_t answers_end_ = 0;          // when so many were taken, so were the answers to earlier frames
  RequestMarks marks_;
  StreamId frame_of_ = 0;  // the request that the output's latest bytes belong to
  bool frame_is_last_ = false;
  std::uint64_t reports_ = 0;
  // Bodies that wait for their turn, and whose it is; and the one that was sent from last.
  std::vector<StreamId> turns_;
  StreamId turn_ = 0, filled_ = 0;
  std::size_t turn_left_ = 0;   // bytes
  bool has_urgencies_ = false;  // some exchange was not as urgent as others

  std::optional<Instant> ping_due_;
  bool heard_ = false, awaits_pong_ = false;
  bool ping_waits_ = false;         // bytes before it, or its own, were not on the wire at the last look at it ...
  std::uint64_t ping_reports_ = 0;  // ... after so many calls of on_wire()
  std::uint64_t ping_end_ = 0;      // of the last one, in bytes of output
  std::uint64_t on_wire_ = 0;       // bytes that were taken
};

}  // namespace sluice::http2
