// Fuzzes core/http1's reader and session. Input: a line that says how the response is cut (see response_feed.hpp), then
// the response.
// Oracles: whole, byte by byte and in pieces come to the same; a success has exactly the bytes that its framing says, by
// a second reading of the wire; what was read prints as a response that reads as the same; the session agrees with the
// reader and takes nothing that belongs to no request.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http1/session.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"
#include "fuzz/support/response_feed.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kMostBytewise = 4096;

const std::string* find(const FieldList& fields, std::string_view name) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return equals_ignoring_case(field.first, name); });
  return found == fields.end() ? nullptr : &found->second;
}

// ---- the wire, read a second time and by simpler means; it is known to be a good response ----

std::string_view behind_heads(std::string_view wire, std::size_t interims) {
  for (std::size_t i = 0; i <= interims; ++i) {
    const std::size_t end = wire.find("\r\n\r\n");
    FUZZ_CHECK(end != std::string_view::npos);
    wire.remove_prefix(end + 4);
  }
  return wire;
}

std::string unchunked(std::string_view wire) {
  std::string body;
  for (;;) {
    std::size_t digits = 0;
    const std::size_t size = std::stoull(std::string(wire.substr(0, 17)), &digits, 16);
    wire.remove_prefix(wire.find("\r\n") + 2);
    if (size == 0) return body;
    FUZZ_CHECK(size <= wire.size());
    body += wire.substr(0, size);
    FUZZ_CHECK(wire.substr(size, 2) == "\r\n");
    wire.remove_prefix(size + 2);
  }
}

void check_body(const Outcome& got, std::string_view wire, const FeedOptions& options) {
  const std::string_view behind = behind_heads(wire, got.interims.size());
  const std::string* const length = find(got.fields, "Content-Length");
  if (options.expectation.to_head || got.status == 204 || got.status == 304) {
    FUZZ_CHECK(got.body.empty() && got.surplus == behind.size());
  } else if (find(got.fields, "Transfer-Encoding") != nullptr) {
    FUZZ_CHECK_SAYING(got.body == unchunked(behind), described(got));
  } else if (length != nullptr) {
    FUZZ_CHECK(got.body.size() == std::stoull(*length) && got.body == behind.substr(0, got.body.size()));
    FUZZ_CHECK(got.surplus == behind.size() - got.body.size());
  } else {
    FUZZ_CHECK(options.eof == Eof::clean && got.body == behind && got.surplus == 0 && !got.keep_alive);
  }
}

// ---- print and read again ----

std::string printed(const Outcome& got) {
  std::string text = "HTTP/1." + std::to_string(got.minor_version) + " " + std::to_string(got.status) + " " + got.reason + "\r\n";
  for (const auto& [name, value] : got.fields) text += name + ": " + value + "\r\n";
  text += "\r\n";
  if (find(got.fields, "Transfer-Encoding") == nullptr) return text + got.body;
  char size[24];
  std::snprintf(size, sizeof size, "%zX\r\n", got.body.size());
  if (!got.body.empty()) text += size + got.body + "\r\n";
  text += "0\r\n";
  for (const auto& [name, value] : got.trailers) text += name + ": " + value + "\r\n";
  return text + "\r\n";
}

void check_print(Outcome got, const FeedOptions& options) {
  if (got.reason.starts_with(' ') || got.reason.starts_with('\t')) return;  // how many blanks there were is not kept
  std::string text = printed(got);
  // A head has no body to print, and what says chunked would need its last chunk.
  const bool has_no_body = options.expectation.to_head || got.status == 204 || got.status == 304;
  if (has_no_body) text.resize(text.find("\r\n\r\n") + 4);
  if (text.find("\r\n\r\n") > limits::kMaxHeadBytes - 4) return;  // a blank more behind each colon is past the cap
  const Outcome again = in_pieces(text, std::array<std::size_t, 1>{0}, options);
  got.interims.clear();
  got.surplus = 0;
  FUZZ_CHECK_SAYING(again == got, described(got) + " and then " + described(again) + " from " + shown(text));
}

// ---- the session ----

struct SessionOutcome {
  std::string body;
  std::size_t interims = 0, heads = 0, completes = 0;
  std::optional<Code> error;
  bool reusable = false;
  std::string upload_sent;
};

class SessionFeed {
 public:
  explicit SessionFeed(const FeedOptions& options) : options_(options) {
    request_.url = Url::parse("http://example.org/").value();
    request_.method = options.expectation.to_head ? "HEAD" : "GET";
    stream_ = *session_->open({.request = &request_, .upload = nullptr, .head = &head_, .trailers = &trailers_});
    session_->advance_output(session_->output().size_bytes());
    FUZZ_CHECK(session_->output().count == 0);
  }

  void give(std::string_view piece) {
    std::vector<std::uint8_t> memory(piece.begin(), piece.end());
    memory.shrink_to_fit();
    MutableBytes rest(memory);
    while (!rest.empty() && !got_.error) {
      std::vector<http::Event> events;
      const auto taken = session_->receive(rest, events);
      note(events);
      if (!taken) {
        got_.error = taken.error().code;
        break;
      }
      FUZZ_CHECK(*taken <= rest.size() && *taken > 0);
      const bool interim = !events.empty() && events.back().kind == http::Event::Kind::interim;
      FUZZ_CHECK(interim || *taken == rest.size());
      rest = rest.subspan(*taken);
    }
  }

  SessionOutcome finish() {
    got_.reusable = session_->reusable();
    if (options_.eof != Eof::none && !got_.error) {
      std::vector<http::Event> events;
      const auto ended = session_->receive_eof(options_.eof == Eof::clean, events);
      note(events);
      if (!ended) got_.error = ended.error().code;
      FUZZ_CHECK(!session_->reusable() && session_->open_capacity() == 0);
    }
    FUZZ_CHECK(got_.completes + (got_.error ? 1U : 0U) > 0 || session_->busy());
    if (got_.error) {
      // It is sticky, and ends all there was.
      std::vector<http::Event> events;
      std::uint8_t more[] = {'H'};
      const auto again = session_->receive(more, events);
      FUZZ_CHECK(!again && again.error().code == *got_.error && events.empty());
      FUZZ_CHECK(!session_->reusable() && !session_->busy() && session_->open_capacity() == 0);
    }
    return got_;
  }

 private:
  void note(const std::vector<http::Event>& events) {
    for (const http::Event& event : events) {
      FUZZ_CHECK(event.stream == stream_ && got_.completes == 0);
      if (event.kind == http::Event::Kind::interim) ++got_.interims;
      if (event.kind == http::Event::Kind::head) FUZZ_CHECK(++got_.heads == 1);
      if (event.kind == http::Event::Kind::complete) FUZZ_CHECK(++got_.completes == 1 && got_.heads == 1);
      if (event.kind == http::Event::Kind::body) {
        FUZZ_CHECK(got_.heads == 1 && !event.body.empty());
        got_.body += as_text(event.body);
      }
    }
  }

  FeedOptions options_;
  Request request_;
  ResponseHead head_;
  Fields trailers_;
  http::StreamId stream_ = 0;
  std::unique_ptr<http::Session> session_ = http1::make_session();
  SessionOutcome got_;
};

void check_session(const Outcome& wanted, std::string_view wire, const Cut& cut) {
  SessionFeed feed(cut.options);
  for (std::size_t at = 0, turn = 0; at < wire.size(); ++turn) {
    const std::size_t size = cut.sizes[turn % cut.sizes.size()];
    const std::string_view piece = wire.substr(at, size == 0 ? wire.size() : size);
    feed.give(piece);
    at += piece.size();
  }
  const SessionOutcome got = feed.finish();
  FUZZ_CHECK(got.body == wanted.body && got.interims == wanted.interims.size());
  FUZZ_CHECK((got.heads == 1) == (wanted.status != 0) && (got.completes == 1) == wanted.complete());
  if (wanted.failed() && !wire.empty()) FUZZ_CHECK(got.error == wanted.code);
  if (wanted.end == Outcome::End::needs_more) FUZZ_CHECK(!got.error);
  if (wanted.complete()) {
    FUZZ_CHECK(got.error.has_value() == (wanted.surplus > 0));
    if (wanted.surplus > 0 || !wanted.keep_alive) FUZZ_CHECK(!got.reusable);
  }
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(sluice::Bytes(data, size));
  const Cut cut = read_cut(input);
  const std::string wire = read_response(cut, input.rest());

  const Outcome whole = in_pieces(wire, std::array<std::size_t, 1>{0}, cut.options);
  const Outcome pieces = in_pieces(wire, cut.sizes, cut.options);
  FUZZ_CHECK_SAYING(pieces == whole, described(pieces) + " where the whole gave " + described(whole));
  if (wire.size() <= kMostBytewise) FUZZ_CHECK(in_pieces(wire, {}, cut.options) == whole);

  FUZZ_CHECK(whole.body.size() + whole.surplus <= wire.size());
  if (whole.complete()) {
    check_body(whole, wire, cut.options);
    check_print(whole, cut.options);
  }
  check_session(whole, wire, cut);
  last_verdict = whole.failed()         ? verdict_of("refused", whole.code)
                 : !whole.complete()    ? "unfinished"
                 : whole.surplus > 0    ? "surplus"
                                        : "complete";
  return 0;
}
