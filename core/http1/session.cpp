// See session.hpp. Joins the parts for one connection: the reader decodes, the writer writes heads, state.hpp has the
// legal transitions. Output is a list of views: the head, and for the body the upload's own bytes with chunk framing
// around them.
#include "core/http1/session.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/http1/chunk_frame.hpp"
#include "core/http1/reader.hpp"
#include "core/http1/request_writer.hpp"
#include "core/http1/state.hpp"

namespace sluice::http1 {
namespace {

using http::Event;
using http::Exchange;
using http::StreamId;

// A head buffer of at most this size is kept for the next request; a larger one is freed. An idle connection should use
// less than 2 KiB in all.
constexpr std::size_t kKeptHeadBytes = 768;

// Of a server that speaks HTTP/2 alone the first frame is SETTINGS, whatever it was sent, and often before that (RFC
// 9113 3.4, 4.1 and 6.5): a length that fits, the type 4, no flags, the stream 0.
bool is_first_http2_frame(std::string_view answer) {
  constexpr std::size_t kHeaderBytes = 9;
  constexpr std::size_t kEntryBytes = 6;
  if (answer.size() < kHeaderBytes) return false;
  const auto length = static_cast<unsigned char>(answer[2]);
  return answer.starts_with(std::string_view("\0\0", 2)) && length % kEntryBytes == 0 &&
         answer.substr(3, 6) == std::string_view("\4\0\0\0\0\0", 6);
}

Error speaks_http2(bool is_proxy) {
  const std::string who = is_proxy ? "the proxy" : "the server";
  return make_error(Code::not_http, "response: " + who + " speaks HTTP/2 (the answer begins with SETTINGS)", 2);
}

// Adds the start of the answer to the message, because it often tells which protocol the peer speaks: at most 40 bytes,
// and not more than one line.
Error with_first_bytes(Error error, std::string_view answer, bool is_proxy) {
  constexpr std::size_t kMostShown = 40;
  if (error.code != Code::not_http) return error;
  if (is_first_http2_frame(answer)) return speaks_http2(is_proxy);
  const std::size_t end = answer.find_first_of("\r\n", 1);
  const std::string_view line = answer.substr(0, end);
  error.context += " at \"";
  for (const char c : line.substr(0, kMostShown)) {
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
      error.context += c;
    } else {
      append_hex(error.context += "\\x", c);
    }
  }
  error.context += line.size() > kMostShown ? "...\"" : "\"";
  return error;
}

class Session final : public http::Session {
 public:
  std::size_t open_capacity() const override { return reusable() && !busy() ? 1 : 0; }
  bool multiplexes() const override { return false; }
  bool reusable() const override { return reusable_; }
  bool busy() const override { return !receive_.in(ReceiveState::idle); }

  Result<StreamId> open(const Exchange& exchange) override;
  void abort(StreamId stream) override;
  void upload_changed(StreamId stream) override;
  void stop_waiting_for_continue(StreamId stream) override;
  bool waiting_for_continue(StreamId stream) const override {
    return is_open(stream) && send_.in(SendState::awaiting_continue);
  }
  bool wants_upload(StreamId stream) const override {
    return is_open(stream) && has_body() &&
           (send_.in(SendState::head) || send_.in(SendState::awaiting_continue) || send_.in(SendState::body));
  }
  Result<std::size_t> receive(MutableBytes input, std::vector<Event>& events) override;
  Result<void> receive_eof(StreamEnd how, std::vector<Event>& events) override;
  OutputView output() const override;
  void advance_output(std::size_t bytes) override;
  void consumed(StreamId, std::size_t) override {}
  void on_wire(std::uint64_t held, std::vector<StreamId>& moved) override;
  bool request_begun(StreamId stream) const override { return stream == stream_ && begun_; }
  bool request_sent(StreamId stream) const override { return stream == stream_ && sent_; }
  bool response_started(StreamId stream) const override { return stream == stream_ && reader_.started(); }
  Bytes request_head(StreamId stream) const override {
    return is_open(stream) ? Bytes{head_.get(), head_bytes_} : Bytes{};
  }

 private:
  bool is_open(StreamId stream) const { return busy() && stream == stream_; }
  bool has_body() const { return exchange_.upload != nullptr && exchange_.upload->declared_length() != 0; }
  bool chunked() const { return has_body() && !exchange_.upload->declared_length(); }
  bool prepare_head(const Exchange& exchange, const RequestFacts& facts);
  void head_sent();
  void enter_body();
  void check_body_sent();
  Result<std::size_t> take_input(MutableBytes input, std::vector<Event>& events);
  void step_events(const Reader::Step& step, std::vector<Event>& events);
  void apply_rules();
  void finish();
  std::unexpected<Error> fail(Error error);

  StreamId stream_ = 0;
  bool reusable_ = true;
  bool expects_continue_ = false;      // the request waits for 100 (Continue), and none has come
  bool begun_ = false, sent_ = false;  // the stream may have taken some of the current request; it has taken all of it
  Exchange exchange_;
  SendMachine send_;
  ReceiveMachine receive_;
  bool to_proxy_ = false;  // which forwards the request
  Reader reader_;
  ChunkFrame frame_;
  std::unique_ptr<std::uint8_t[]> head_;
  std::size_t head_capacity_ = 0, head_bytes_ = 0, head_sent_ = 0;
  std::optional<Error> error_;
};

bool Session::prepare_head(const Exchange& exchange, const RequestFacts& facts) {
  const std::size_t bound = head_bound(exchange);
  if (bound > head_capacity_) {
    head_.reset(new (std::nothrow) std::uint8_t[bound]);
    head_capacity_ = head_ ? bound : 0;
    if (!head_) return false;
  }
  head_bytes_ = write_head(exchange, facts, {head_.get(), head_capacity_});
  head_sent_ = 0;
  return true;
}

Result<StreamId> Session::open(const Exchange& exchange) {
  SLUICE_CHECK(open_capacity() > 0);
  SLUICE_CHECK(exchange.request != nullptr && exchange.head != nullptr);
  const Request& request = *exchange.request;
  if (!exchange.valid) {
    if (auto valid = validate_without_credentials(request); !valid) return std::unexpected(std::move(valid).error());
  }
  SLUICE_CHECK(exchange.upload != nullptr || known_length(request.body).value_or(0) == 0);
  const RequestFacts facts = exchange.http1_0 ? examine_1_0(request) : examine(request);
  if (!prepare_head(exchange, facts)) return std::unexpected(make_error(Code::out_of_memory, ""));
  exchange_ = exchange;
  exchange_.cookies = {};  // not used any more, as is the next
  exchange_.forwarded = nullptr;
  to_proxy_ = exchange.forwarded != nullptr;
  if (exchange_.upload != nullptr && !exchange_.upload->present()) exchange_.upload = nullptr;
  ++stream_;
  begun_ = sent_ = false;
  if (facts.closes) reusable_ = false;
  expects_continue_ = facts.expects_continue && has_body();
  send_.on(SendEvent::open);
  receive_.on(ReceiveEvent::open);
  reader_.start(
      *exchange.head, exchange.trailers,
      {.to_head = facts.is_head, .asked_upgrade = facts.asks_upgrade, .rules = exchange.rules, .body = exchange.body});
  frame_.clear();
  if (chunked() && !expects_continue_) frame_.prepare(*exchange_.upload);
  return stream_;
}

// What was sent cannot be taken back, and nothing could read the response any more.
void Session::abort(StreamId stream) {
  if (!is_open(stream)) return;
  reusable_ = false;
  receive_.on(ReceiveEvent::fail);
  finish();
}

void Session::upload_changed(StreamId stream) {
  if (!is_open(stream) || !has_body()) return;
  const bool body_may_go = send_.in(SendState::body) || (send_.in(SendState::head) && !expects_continue_);
  if (chunked() && body_may_go && frame_.empty()) frame_.prepare(*exchange_.upload);
  check_body_sent();
}

void Session::stop_waiting_for_continue(StreamId stream) {
  if (waiting_for_continue(stream)) enter_body();
}

void Session::head_sent() {
  head_bytes_ = head_sent_ = 0;
  if (head_capacity_ > kKeptHeadBytes) {
    head_.reset();
    head_capacity_ = 0;
  }
  if (!has_body()) return send_.on(SendEvent::head_sent_alone);
  if (expects_continue_) return send_.on(SendEvent::head_sent_expecting);
  send_.on(SendEvent::head_sent);
  check_body_sent();
}

void Session::enter_body() {
  expects_continue_ = false;
  send_.on(SendEvent::go_on);
  if (chunked()) frame_.prepare(*exchange_.upload);
  check_body_sent();
}

void Session::check_body_sent() {
  if (!send_.in(SendState::body)) return;
  if (chunked() ? frame_.last_sent() : exchange_.upload->exhausted()) send_.on(SendEvent::body_sent);
}

OutputView Session::output() const {
  OutputView out;
  if (send_.in(SendState::head)) out.push({head_.get() + head_sent_, head_bytes_ - head_sent_});
  const bool body_goes = send_.in(SendState::body) || (send_.in(SendState::head) && has_body() && !expects_continue_);
  if (!body_goes) return out;
  if (chunked()) {
    frame_.push(*exchange_.upload, out);
  } else {
    out.push(exchange_.upload->pending());
  }
  return out;
}

void Session::advance_output(std::size_t bytes) {
  if (send_.in(SendState::head)) {
    const std::size_t of_head = std::min(bytes, head_bytes_ - head_sent_);
    head_sent_ += of_head;
    bytes -= of_head;
    if (head_sent_ < head_bytes_) return;
    head_sent();
  }
  if (bytes == 0) return;
  SLUICE_CHECK(send_.in(SendState::body));  // it may be more than is pending now: the allowance may be smaller
  if (chunked()) {
    frame_.advance(*exchange_.upload, bytes);
    if (frame_.empty()) frame_.prepare(*exchange_.upload);
  } else {
    exchange_.upload->advance(bytes);
  }
  check_body_sent();
}

void Session::on_wire(std::uint64_t held, std::vector<StreamId>& moved) {
  if (!busy() || (send_.in(SendState::head) && head_sent_ == 0)) return;
  begun_ = true;
  if (held == 0 && send_.in(SendState::done)) sent_ = true;
  moved.push_back(stream_);
}

std::unexpected<Error> Session::fail(Error error) {
  reusable_ = false;
  if (receive_.allows(ReceiveEvent::fail)) receive_.on(ReceiveEvent::fail);
  if (busy()) finish();
  error_ = std::move(error);
  return std::unexpected(*error_);
}

void Session::finish() {
  if (!send_.in(SendState::done) && !send_.in(SendState::stopped)) send_.on(SendEvent::cut);
  send_.on(SendEvent::reset);
  receive_.on(ReceiveEvent::reset);
  reader_.reset();
  frame_.clear();
  exchange_ = {};
  head_bytes_ = head_sent_ = 0;
}

// Called after each step of one machine that may affect the other.
void Session::apply_rules() {
  const Verdict verdict = judge(send_.state(), receive_.state(), reader_.status(), reader_.keep_alive());
  if (verdict.stop_sending) send_.on(SendEvent::cut);
  if (!verdict.reusable) reusable_ = false;
  if (verdict.over) finish();
}

void Session::step_events(const Reader::Step& step, std::vector<Event>& events) {
  if (step.interim) {
    receive_.on(ReceiveEvent::interim);
    events.push_back({.kind = Event::Kind::interim, .stream = stream_, .head_bytes = reader_.head_bytes()});
    if (reader_.status() == 100 && expects_continue_) {
      expects_continue_ = false;
      if (send_.in(SendState::awaiting_continue)) {
        enter_body();
      } else if (send_.in(SendState::head) && chunked()) {
        frame_.prepare(*exchange_.upload);
      }
    }
  }
  if (step.head) {
    receive_.on(ReceiveEvent::final_head);
    events.push_back({.kind = Event::Kind::head,
                      .stream = stream_,
                      .body_length = reader_.body_length(),
                      .head_bytes = reader_.head_bytes()});
  }
  if (!step.body.empty()) events.push_back({.kind = Event::Kind::body, .stream = stream_, .body = step.body});
  if (step.head) apply_rules();
  if (step.complete) {
    receive_.on(ReceiveEvent::end);
    events.push_back({.kind = Event::Kind::complete, .stream = stream_});
    apply_rules();
  }
}

Result<std::size_t> Session::receive(MutableBytes input, std::vector<Event>& events) {
  if (error_) return std::unexpected(*error_);
  Result<std::size_t> taken = std::size_t{0};
  if (!has_memory_for([&] { taken = take_input(input, events); })) return fail(make_error(Code::out_of_memory, {}));
  return taken;
}

Result<std::size_t> Session::take_input(MutableBytes input, std::vector<Event>& events) {
  std::size_t taken = 0;
  while (busy() && taken < input.size()) {
    if (!begun_) {
      // These bytes were sent before the request, so they must never be taken for its response (SB-12). The layers may
      // hold the request already.
      const bool is_http2 = !exchange_.rules.allow_http0_9 && is_first_http2_frame(as_text(input.subspan(taken)));
      Error error = is_http2 ? speaks_http2(to_proxy_)
                             : make_error(Code::malformed_response, "response: bytes came before the request was sent");
      error.retry_safe = true;
      return fail(std::move(error));
    }
    if (receive_.in(ReceiveState::waiting)) receive_.on(ReceiveEvent::first_byte);
    const Reader::Step step = reader_.read(input.subspan(taken));
    taken += step.taken;
    step_events(step, events);
    if (step.failed) return fail(with_first_bytes(reader_.error(), as_text(input.subspan(taken)), to_proxy_));
    if (step.interim) return taken;
  }
  if (taken == input.size()) return taken;
  return fail(make_error(Code::malformed_response,
                         "response: " + std::to_string(input.size() - taken) + " bytes that belong to no request"));
}

Result<void> Session::receive_eof(StreamEnd how, std::vector<Event>& events) {
  if (error_) return std::unexpected(*error_);
  reusable_ = false;
  if (!busy()) return {};
  if (auto ended = reader_.end(how); !ended) return fail(std::move(ended).error());
  receive_.on(ReceiveEvent::end);
  events.push_back({.kind = Event::Kind::complete, .stream = stream_, .truncated = reader_.truncated()});
  apply_rules();
  return {};
}

}  // namespace

std::unique_ptr<http::Session> make_session() { return std::make_unique<Session>(); }

std::unique_ptr<http::Session> Factory::make(std::string_view) {
  return std::unique_ptr<http::Session>(new (std::nothrow) Session);
}

}  // namespace sluice::http1
