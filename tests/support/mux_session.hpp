// A session that multiplexes, for tests: many exchanges at once over one stream, in frames of an invented protocol; and
// the other end of such a stream. It tests what the engine must be able to do for HTTP/2.
//
// A frame: type, stream and size of the payload (four bytes each, the lowest first), payload. To the server: 'H' method
// and path, then a line for each field, 'D' body, 'E' end, 'R' reset, 'W' window (bytes that were taken). To the
// client: 'H' status, then a line for each field, 'I' the same of an interim response, 'D', 'E' end, with a line for
// each trailer, 'R' reset, 'X' refused, 'C' capacity (a number), 'G' no more exchanges, 'P' nothing, '!' nonsense, 'B'
// the session fails when bytes are next sent.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/session.hpp"
#include "core/http/upload.hpp"

namespace sluice::test {

inline std::string mux_frame(char type, http::StreamId stream, std::string_view payload = {}) {
  std::string frame(1, type);
  for (const std::uint32_t number : {stream, static_cast<std::uint32_t>(payload.size())}) {
    for (int shift = 0; shift < 32; shift += 8) frame += static_cast<char>(number >> shift & 0xff);
  }
  return frame.append(payload);
}

inline constexpr std::size_t kMuxFrameHead = 9;
inline constexpr std::size_t kMuxWindow = 32 * 1024;  // bytes that one exchange may have without consuming

inline std::uint32_t mux_number(const std::uint8_t* at) {
  return at[0] | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16 | std::uint32_t{at[3]} << 24;
}

class MuxSession;

// Told what a session does, inside its calls: it may only use getters of the engine.
class MuxObserver {
 public:
  virtual ~MuxObserver() = default;
  virtual void opened(const MuxSession& session, const Request& request, bool had_room) = 0;
  // A frame of the request's exchange has come; is_end: the last one.
  virtual void heard(const Request& request, bool is_end) = 0;
  virtual void aborted(const Request& request) = 0;
  virtual void gone(const MuxSession& session) = 0;
};

// "Name: value" for each field, each after a line feed.
inline std::string mux_lines(const Fields& fields) {
  std::string lines;
  for (const Field& field : fields) lines.append(1, '\n').append(field.name).append(": ").append(field.value);
  return lines;
}

// Calls take(name, value) for each line "Name: value". The text before the first line feed is skipped.
template <class Take>
void each_mux_line(std::string_view text, Take take) {
  for (std::size_t at = text.find('\n'); at != std::string_view::npos;) {
    const std::size_t end = text.find('\n', at + 1);
    const std::string_view line = text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    const std::size_t colon = std::min(line.find(": "), line.size());
    take(line.substr(0, colon), line.substr(std::min(colon + 2, line.size())));
    at = end;
  }
}

class MuxSession final : public http::Session {
 public:
  explicit MuxSession(std::size_t capacity, std::optional<Duration> patience = {}, MuxObserver* observer = nullptr)
      : capacity_(capacity), patience_(patience), observer_(observer) {}
  ~MuxSession() override {
    if (observer_) observer_->gone(*this);
  }

  bool multiplexes() const override { return true; }
  std::size_t open_capacity() const override {
    return reusable_ && capacity_ > open_.size() ? capacity_ - open_.size() : 0;
  }
  bool reusable() const override { return reusable_; }
  bool busy() const override { return !open_.empty(); }

  Result<http::StreamId> open(const http::Exchange& exchange) override {
    const Request& request = *exchange.request;
    if (request.url.path() == "/unsendable")
      return std::unexpected(make_error(Code::invalid_request, "it cannot be sent so"));
    if (observer_) observer_->opened(*this, request, open_capacity() > 0);
    const http::StreamId id = next_++;
    Open& one = open_[id];
    one.exchange = exchange;
    one.begin = handed_ + out_.size() - out_begin_;
    head_ = request.method + ' ' + std::string(request.url.path());
    if (!request.fields.empty()) head_ += "\nhost: " + request.url.authority() + mux_lines(request.fields);
    out_ += mux_frame('H', id, head_);
    move_upload(id, one);
    return id;
  }
  void abort(http::StreamId stream) override {
    const auto found = open_.find(stream);
    if (found == open_.end()) return;
    if (observer_) observer_->aborted(*found->second.exchange.request);
    open_.erase(found);
    if (!failed_) out_ += mux_frame('R', stream);
  }
  void upload_changed(http::StreamId stream) override {
    if (const auto found = open_.find(stream); found != open_.end()) move_upload(stream, found->second);
  }
  void stop_waiting_for_continue(http::StreamId) override {}
  bool waiting_for_continue(http::StreamId) const override { return false; }
  bool wants_upload(http::StreamId stream) const override {
    const auto found = open_.find(stream);
    return found != open_.end() && found->second.end == 0;
  }
  void consumed(http::StreamId stream, std::size_t bytes) override {
    if (!open_.contains(stream)) return;
    const auto count = static_cast<std::uint32_t>(bytes);
    out_ += mux_frame('W', stream, std::string_view(reinterpret_cast<const char*>(&count), 4));
  }

  Result<std::size_t> receive(MutableBytes input, std::vector<http::Event>& events) override {
    asked_since_.reset();
    const std::size_t size = input.size();
    while (!input.empty()) {
      if (payload_ == 0 && head_in_.size() < kMuxFrameHead) {
        const std::size_t count = std::min(kMuxFrameHead - head_in_.size(), input.size());
        head_in_.insert(head_in_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(count));
        input = input.subspan(count);
        if (head_in_.size() < kMuxFrameHead) break;
        payload_ = mux_number(head_in_.data() + 5);
        text_.clear();
      }
      const std::size_t count = std::min<std::size_t>(payload_, input.size());
      const Bytes piece = input.first(count);
      payload_ -= count;
      input = input.subspan(count);
      const char type = static_cast<char>(head_in_[0]);
      const http::StreamId stream = mux_number(head_in_.data() + 1);
      if (type == '!') return fail("the peer sent nonsense");
      if (type == 'D') {
        take_data(stream, piece, events);
      } else {
        text_ += as_text(piece);
      }
      if (payload_ != 0) break;
      if (type != 'D') take_frame(type, stream, events);
      head_in_.clear();
      if (type == 'I') break;  // the caller looks at its head first
    }
    return size - input.size();
  }
  Result<void> receive_eof(StreamEnd, std::vector<http::Event>&) override {
    reusable_ = false;
    if (open_.empty()) return {};
    failed_ = true;
    return std::unexpected(make_error(Code::connection_closed, "the peer closed the connection"));
  }

  OutputView output() const override {
    OutputView view;
    view.push(as_bytes(std::string_view(out_).substr(out_begin_)));
    return view;
  }
  void advance_output(std::size_t bytes) override {
    out_begin_ += bytes;
    handed_ += bytes;
    broke_ = breaks_when_sent_;
    if (out_begin_ < out_.size()) return;
    out_.clear();
    out_begin_ = 0;
  }
  void on_wire(std::uint64_t held, std::vector<http::StreamId>& moved) override {
    for (auto& [id, one] : open_) {
      if (handed_ <= one.begin || one.sent) continue;
      one.begun = true;  // some of a record may have gone
      one.sent = one.end != 0 && one.end <= handed_ - held;
      moved.push_back(id);
    }
  }
  bool request_begun(http::StreamId stream) const override { return is(stream, &Open::begun); }
  bool request_sent(http::StreamId stream) const override { return is(stream, &Open::sent); }
  bool response_started(http::StreamId stream) const override { return is(stream, &Open::answered); }
  Bytes request_head(http::StreamId) const override { return as_bytes(head_); }

  // If the peer sends nothing for this time while exchanges run, it is asked, and then it has the same time to answer.
  std::optional<Instant> deadline() const override {
    if (broke_) return Instant{};
    return asked_since_ && patience_ ? std::optional(*asked_since_ + *patience_) : std::nullopt;
  }
  Result<void> handle_timeout(Now now, std::vector<http::Event>&) override {
    if (broke_) return fail("it failed while it was sending");
    if (const auto due = deadline(); due && now.steady >= *due) return fail("the peer does not answer a ping");
    return {};
  }
  void ask(Now now) { asked_since_ = now.steady; }

 private:
  struct Open {
    http::Exchange exchange;
    std::uint64_t begin = 0, end = 0;  // of the request, in the bytes that this session has sent; end 0: not known yet
    bool begun = false, sent = false, answered = false;
  };
  using Flag = bool(Open::*);
  bool is(http::StreamId stream, Flag what) const {
    const auto found = open_.find(stream);
    return found != open_.end() && found->second.*what;
  }
  std::unexpected<Error> fail(const char* why) {
    failed_ = true;
    reusable_ = false;
    return std::unexpected(make_error(Code::malformed_response, why));
  }
  void move_upload(http::StreamId id, Open& one) {
    if (one.end != 0) return;
    http::UploadBody* upload = one.exchange.upload;
    while (upload && !upload->pending().empty()) {
      const Bytes piece = upload->pending();
      out_ += mux_frame('D', id, as_text(piece));
      upload->advance(piece.size());
    }
    if (upload && !upload->exhausted()) return;
    out_ += mux_frame('E', id);
    one.end = handed_ + out_.size() - out_begin_;
  }
  void take_data(http::StreamId stream, Bytes piece, std::vector<http::Event>& events) {
    const auto found = open_.find(stream);
    if (found == open_.end()) return;
    if (observer_) observer_->heard(*found->second.exchange.request, false);
    if (!piece.empty()) events.push_back({.kind = http::Event::Kind::body, .stream = stream, .body = piece});
  }
  void take_frame(char type, http::StreamId stream, std::vector<http::Event>& events) {
    if (type == 'C') capacity_ = static_cast<std::size_t>(std::stoul(text_));
    if (type == 'G') reusable_ = false;
    if (type == 'B') breaks_when_sent_ = true;
    const auto found = open_.find(stream);
    if (found == open_.end()) return;
    using Kind = http::Event::Kind;
    if (observer_) observer_->heard(*found->second.exchange.request, type == 'E' || type == 'R' || type == 'X');
    if (type == 'H' || type == 'I') {
      found->second.answered = true;
      take_head(type == 'H' ? Kind::head : Kind::interim, stream, *found->second.exchange.head, events);
    } else if (type == 'E') {
      Fields& trailers = *found->second.exchange.trailers;
      each_mux_line(text_, [&](std::string_view name, std::string_view value) { add(name, value, trailers); });
      open_.erase(found);
      events.push_back({.kind = Kind::complete, .stream = stream});
    } else if (type == 'R' || type == 'X') {
      open_.erase(found);
      events.push_back(
          {.kind = type == 'R' ? Kind::failed : Kind::refused,
           .stream = stream,
           .error = make_error(Code::malformed_response, type == 'R' ? "the peer reset it" : "the peer refused it")});
    }
  }
  static void add(std::string_view name, std::string_view value, Fields& fields) {
    SLUICE_CHECK(fields.add(name, value).has_value());
  }
  void take_head(http::Event::Kind kind, http::StreamId stream, ResponseHead& head, std::vector<http::Event>& events) {
    head.clear();
    head.status = std::stoi(text_);
    http::Event event{.kind = kind, .stream = stream, .head_bytes = text_.size()};
    each_mux_line(text_, [&](std::string_view name, std::string_view value) {
      add(name, value, head.fields);
      if (name == "Content-Length") event.body_length = std::stoull(std::string(value));
    });
    events.push_back(event);
  }

  std::size_t capacity_;
  std::optional<Duration> patience_;
  MuxObserver* observer_;
  std::optional<Instant> asked_since_;
  bool reusable_ = true, failed_ = false;
  bool breaks_when_sent_ = false, broke_ = false;
  http::StreamId next_ = 1;
  std::map<http::StreamId, Open> open_;
  std::string out_, head_, text_;
  std::size_t out_begin_ = 0;
  std::uint64_t handed_ = 0;  // bytes of output() that were taken
  std::vector<std::uint8_t> head_in_;
  std::size_t payload_ = 0;  // bytes of the current frame that will follow
};

// Makes sessions with room for `capacity` exchanges; a connection that is being made is expected to carry `expected`.
class MuxFactory final : public http::SessionFactory {
 public:
  MuxFactory(std::size_t capacity, std::size_t expected, std::vector<MuxSession*>* made = nullptr,
             std::optional<Duration> patience = {})
      : capacity_(capacity), expected_(expected), made_(made), patience_(patience) {}
  std::unique_ptr<http::Session> make(std::string_view) override {
    auto session = std::make_unique<MuxSession>(capacity_, patience_);
    if (made_) made_->push_back(session.get());
    return session;
  }
  std::size_t expected_exchanges(bool, http::Protocol) const override { return expected_; }

 private:
  std::size_t capacity_, expected_;
  std::vector<MuxSession*>* made_;
  std::optional<Duration> patience_;
};

// The other end: what the server has received so far.
class MuxFarEnd {
 public:
  struct Asked {
    std::string line, body;
    bool whole = false, reset = false;
    std::size_t taken = 0;  // bytes of the response that the application has consumed
  };
  void take(std::string_view bytes) {
    in_ += bytes;
    while (in_.size() >= kMuxFrameHead) {
      const auto* head = reinterpret_cast<const std::uint8_t*>(in_.data());
      const std::size_t size = mux_number(head + 5);
      if (in_.size() < kMuxFrameHead + size) return;
      const std::string payload = in_.substr(kMuxFrameHead, size);
      Asked& one = asked[mux_number(head + 1)];
      if (in_[0] == 'H') one.line = payload.substr(0, payload.find('\n'));
      if (in_[0] == 'D') one.body += payload;
      if (in_[0] == 'E') one.whole = true;
      if (in_[0] == 'R') one.reset = true;
      if (in_[0] == 'W') one.taken += mux_number(reinterpret_cast<const std::uint8_t*>(payload.data()));
      in_.erase(0, kMuxFrameHead + size);
    }
  }
  http::StreamId stream_of(std::string_view line) const {
    for (const auto& [id, one] : asked) {
      if (one.line == line) return id;
    }
    return 0;
  }
  std::map<http::StreamId, Asked> asked;

 private:
  std::string in_;
};

inline std::string mux_answer(http::StreamId stream, std::string_view body, std::string_view status = "200") {
  return mux_frame('H', stream, status) + mux_frame('D', stream, body) + mux_frame('E', stream);
}

}  // namespace sluice::test
