// Fuzzes the session of core/http2. Input: four bytes (the size of the pieces, how many exchanges, which of them have a
// body, what the application does), then what a server sends.
// Oracles: at every split the exchanges end in the same way, with the same bytes if they succeed; each ends once at
// most, and nothing of it follows; a response that is complete has the length that its head says; no more body bytes
// wait than a window allows; the output that waits is bounded; an error of the session is permanent; heads hold no byte
// that could not be written as a line. And without an oracle but these: a run in which the application aborts, consumes
// and sends little.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/limits.hpp"
#include "core/http2/session.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

const bool kSights = must_be_seen(
    {"complete", "interim", "failed", "refused", "trailers", "connection error", "an upload", "cut short", "aborted"});

constexpr std::size_t kMostOutput = 1'000'000;

struct Exchange {
  Request request;
  ResponseHead head;
  Fields trailers;
  std::optional<http::UploadBody> upload;
  std::string body, story, fields;
  std::size_t waiting = 0;
  std::optional<std::uint64_t> length;
  std::optional<Code> error;
};

std::string text_of(const Fields& fields) {
  std::string text;
  for (const Field field : fields) {
    FUZZ_CHECK(is_token(field.name) && field.value.find_first_of(std::string_view("\r\n\0", 3)) == field.value.npos);
    text.append(field.name).append(": ").append(field.value).append("\n");
  }
  return text;
}

class Run {
 public:
  Run(std::size_t exchanges, std::uint8_t with_body, std::uint8_t acts) : acts_(acts), session_(http2::make_session()) {
    for (std::size_t i = 0; i < exchanges; ++i) {
      auto made = std::make_unique<Exchange>();
      made->request.url = Url::parse("https://example.org/").value();
      const bool uploads = (with_body >> i & 1) != 0;
      made->request.method = uploads ? "POST" : i == 1 ? "HEAD" : "GET";
      if (uploads) made->request.body = BodyOwned(std::string(std::size_t{100} << (4 * i % 16), 'u'));
      if (uploads) made->upload.emplace(made->request.body);
      const auto stream = session_->open({.request = &made->request,
                                          .upload = made->upload ? &*made->upload : nullptr,
                                          .head = &made->head,
                                          .trailers = &made->trailers,
                                          .rules = {.keep_raw_head = i == 2}});
      FUZZ_CHECK(stream && *stream == 2 * i + 1);
      exchanges_[*stream] = std::move(made);
      if (uploads) saw("an upload");
    }
    send();
  }

  void receive(std::string_view text, std::size_t piece) {
    for (; !text.empty() && !error; text.remove_prefix(std::min(piece, text.size()))) {
      std::vector<std::uint8_t> memory(text.begin(),
                                       text.begin() + static_cast<std::ptrdiff_t>(std::min(piece, text.size())));
      MutableBytes rest(memory);
      do {
        std::vector<http::Event> events;
        const auto taken = session_->receive(rest, events);
        note(events);
        if (!taken) {
          error = taken.error().code;
          FUZZ_CHECK(!taken.error().message().empty() && !session_->reusable() && session_->open_capacity() == 0);
          events.clear();
          FUZZ_CHECK(!session_->receive(rest, events) && events.empty());
          break;
        }
        FUZZ_CHECK(*taken > 0 && *taken <= rest.size());
        rest = rest.subspan(*taken);
      } while (!rest.empty());
      if (!error) send();
    }
  }
  void end() {
    if (!error) {
      std::vector<http::Event> events;
      if (auto ended = session_->receive_eof(StreamEnd::clean, events); !ended) error = ended.error().code;
      note(events);
    }
    for (const auto& [stream, exchange] : exchanges_) {
      if (is_over(*exchange)) continue;
      FUZZ_CHECK(error);
      session_->request_begun(stream);
      session_->response_started(stream);
      session_->abort(stream);
    }
    FUZZ_CHECK(!session_->busy());
  }

  std::string outcome() const {
    std::string text = error ? std::string(to_string(*error)) + "\n" : "";
    for (const auto& [stream, exchange] : exchanges_) {
      text += std::to_string(stream) + " " + exchange->story + " " + exchange->fields;
      // How much of a DATA frame that breaks a rule is given depends on the split.
      if (!exchange->error) text += shown(exchange->body);
      if (exchange->error) text += to_string(*exchange->error);
      text += "\n";
    }
    return text;
  }
  const std::map<http::StreamId, std::unique_ptr<Exchange>>& exchanges() const { return exchanges_; }
  std::optional<Code> error;

 private:
  static bool is_over(const Exchange& exchange) {
    return !exchange.story.empty() && std::string_view("cfra").find(exchange.story.back()) != std::string_view::npos;
  }

  void send() {
    std::vector<http::StreamId> moved;
    for (int turns = 0; turns < 10'000; ++turns) {
      const std::size_t size = session_->output().size_bytes();
      FUZZ_CHECK(size < kMostOutput);
      if (size == 0 || ((acts_ & 1) != 0 && turns > 0)) break;
      session_->advance_output((acts_ & 1) != 0 ? (size + 1) / 2 : size);
      session_->on_wire(0, moved);
    }
    if (session_->deadline()) {
      std::vector<http::Event> events;
      if (auto done = session_->handle_timeout({}, events); !done) error = done.error().code;
      note(events);
    }
  }

  void note(const std::vector<http::Event>& events) {
    for (const http::Event& event : events) {
      Exchange& exchange = *exchanges_.at(event.stream);
      if (exchange.story.ends_with('a')) continue;
      FUZZ_CHECK(!is_over(exchange));
      note(event, exchange);
      if ((acts_ & 2) != 0 && event.stream % 4 == 1 && !is_over(exchange)) {
        session_->abort(event.stream);
        exchange.story += 'a';
        saw("aborted");
      }
    }
  }

  void note(const http::Event& event, Exchange& exchange) {
    switch (event.kind) {
      case http::Event::Kind::interim:
        FUZZ_CHECK(exchange.story.find('h') == std::string::npos && exchange.head.status / 100 == 1);
        exchange.fields += std::to_string(exchange.head.status) + text_of(exchange.head.fields);
        exchange.story += 'i';
        saw("interim");
        break;
      case http::Event::Kind::head:
        FUZZ_CHECK(exchange.story.find('h') == std::string::npos && exchange.head.status >= 200);
        FUZZ_CHECK(exchange.head.fields.text_bytes() <= limits::kMaxHeadBytes);
        exchange.fields += std::to_string(exchange.head.status) + text_of(exchange.head.fields);
        exchange.length = event.body_length;
        exchange.story += 'h';
        break;
      case http::Event::Kind::body:
        FUZZ_CHECK(exchange.story.ends_with('h') && !event.body.empty());
        exchange.body += as_text(event.body);
        exchange.waiting += event.body.size();
        FUZZ_CHECK(exchange.waiting <= limits::kMaxStreamWindowBytes);
        if ((acts_ & 4) != 0) session_->consumed(event.stream, std::exchange(exchange.waiting, 0));
        break;
      case http::Event::Kind::complete:
        FUZZ_CHECK(exchange.story.ends_with('h'));
        FUZZ_CHECK(!exchange.length || *exchange.length == exchange.body.size());
        if (!exchange.trailers.empty()) saw("trailers");
        exchange.fields += text_of(exchange.trailers);
        exchange.story += 'c';
        saw("complete");
        break;
      case http::Event::Kind::failed:
        exchange.error = event.error.code;
        exchange.story += 'f';
        saw(event.error.code == Code::truncated ? "cut short" : "failed");
        break;
      case http::Event::Kind::refused:
        exchange.error = event.error.code;
        exchange.story += 'r';
        saw("refused");
        break;
    }
  }

  std::uint8_t acts_;
  std::unique_ptr<http::Session> session_;
  std::map<http::StreamId, std::unique_ptr<Exchange>> exchanges_;
};

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::size_t piece = std::size_t{input.byte()} + 1, exchanges = 1 + input.byte() % 6;
  const std::uint8_t with_body = input.byte(), acts = input.byte();
  const std::string_view text = input.rest();
  const auto run = [&](std::size_t pieces, std::uint8_t what) {
    fuzz::Run made(exchanges, with_body, what);
    made.receive(text, pieces);
    const bool failed = made.error.has_value();
    made.end();
    return std::pair{made.outcome(), failed ? *made.error : std::optional<Code>()};
  };
  const auto [whole, error] = run(std::max<std::size_t>(text.size(), 1), 0);
  const auto [split, other_error] = run(piece, 0);
  FUZZ_CHECK_SAYING(whole == split, whole + "---\n" + split + fuzz::shown(text));
  if (text.size() <= 2'048) FUZZ_CHECK_SAYING(run(1, 0).first == whole, whole + fuzz::shown(text));
  run(piece, acts);
  if (error) fuzz::saw("connection error");
  fuzz::last_verdict = error ? fuzz::verdict_of("refused", *error) : "taken";
  return 0;
}
