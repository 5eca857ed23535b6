// Fuzzes the reader and the session of core/http1. Input: a line that says how the response is split
// (response_feed.hpp), then the response.
// Oracles, in both modes: the response as a whole, byte by byte and in pieces gives the same result; a success has
// exactly the bytes that its framing says, by a second, simpler reading of the wire; the result can be printed as a
// response that reads as the same; the session agrees with the reader and accepts no bytes that belong to no request;
// tolerant mode accepts what strict mode accepts, with the same result; a raw body is the wire's bytes.
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
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return equals_ignoring_case(field.first, name); });
  return found == fields.end() ? nullptr : &found->second;
}

// ---- a second, simpler reading of the wire, which is known to be a valid response ----

// After the first empty line.
std::string_view behind_head(std::string_view wire) {
  for (std::size_t at = wire.find('\n'); at != std::string_view::npos; at = wire.find('\n', at + 1)) {
    const std::string_view rest = wire.substr(at + 1);
    if (rest.starts_with('\n')) return rest.substr(1);
    if (rest.starts_with("\r\n")) return rest.substr(2);
  }
  FUZZ_CHECK(false);
  return {};
}

std::string_view behind_heads(std::string_view wire, std::size_t interims) {
  for (std::size_t i = 0; i <= interims; ++i) wire = behind_head(wire);
  return wire;
}

std::string unchunked(std::string_view wire) {
  std::string body;
  for (;;) {
    const std::size_t size = std::stoull(std::string(wire.substr(0, 17)), nullptr, 16);
    wire.remove_prefix(wire.find('\n') + 1);
    if (size == 0) return body;
    FUZZ_CHECK(size <= wire.size());
    body += wire.substr(0, size);
    wire.remove_prefix(size);
    FUZZ_CHECK(wire.starts_with("\r\n") || wire.starts_with('\n'));
    wire.remove_prefix(wire.find('\n') + 1);
  }
}

bool has_no_body(const Outcome& got, const FeedOptions& options) {
  return options.expectation.to_head || got.status == 204 || got.status == 304;
}

// Other values of Transfer-Encoding are refused or have no effect.
bool is_chunked(const Outcome& got) {
  return std::any_of(got.fields.begin(), got.fields.end(), [](const auto& field) {
    if (!equals_ignoring_case(field.first, "Transfer-Encoding")) return false;
    std::string value = field.second;
    std::transform(value.begin(), value.end(), value.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return value.find("chunked") != std::string::npos;
  });
}

void check_body(const Outcome& got, std::string_view wire, const FeedOptions& options) {
  if (got.major_version == 0) {
    FUZZ_CHECK(got.body == wire && got.surplus == 0 && !got.keep_alive);
    return;
  }
  const std::string_view behind = behind_heads(wire, got.interims.size());
  const std::string* const length = find(got.fields, "Content-Length");
  if (has_no_body(got, options)) {
    FUZZ_CHECK(got.body.empty() && got.surplus == behind.size());
  } else if (is_chunked(got)) {
    FUZZ_CHECK_SAYING(got.body == unchunked(behind), described(got));
  } else if (length != nullptr) {
    FUZZ_CHECK(got.body.size() == std::stoull(*length) && got.body == behind.substr(0, got.body.size()));
    FUZZ_CHECK(got.surplus == behind.size() - got.body.size());
  } else {
    FUZZ_CHECK(options.eof == Eof::clean || (options.eof == Eof::dirty && options.expectation.rules.truncation_ok));
    FUZZ_CHECK(got.body == behind && got.surplus == 0 && !got.keep_alive);
  }
}

// ---- print and read again ----

std::string printed(const Outcome& got) {
  std::string text =
      "HTTP/1." + std::to_string(got.minor_version) + " " + std::to_string(got.status) + " " + got.reason + "\r\n";
  for (const auto& [name, value] : got.fields) text += name + ": " + value + "\r\n";
  text += "\r\n";
  if (!is_chunked(got)) return text + got.body;
  char size[24];
  std::snprintf(size, sizeof size, "%zX\r\n", got.body.size());
  if (!got.body.empty()) text += size + got.body + "\r\n";
  text += "0\r\n";
  for (const auto& [name, value] : got.trailers) text += name + ": " + value + "\r\n";
  return text + "\r\n";
}

void check_print(Outcome got, const FeedOptions& options) {
  if (got.reason.starts_with(' ') || got.reason.starts_with('\t')) return;  // the number of blanks is not kept
  if (got.major_version == 0) return;
  std::string text = printed(got);
  // A head has no body to print, and what says chunked would need its last chunk.
  if (has_no_body(got, options)) text.resize(text.find("\r\n\r\n") + 4);
  // One more space after each colon would exceed the limit.
  if (text.find("\r\n\r\n") > limits::kMaxHeadBytes - 4) return;
  Outcome again = in_pieces(text, std::array<std::size_t, 1>{0}, options);
  got.interims.clear();
  got.surplus = 0;
  // The printed form may not have what made the end uncertain: line ends, folds, dropped fields.
  FUZZ_CHECK(again.keep_alive || !got.keep_alive);
  if (options.expectation.rules.http1 == Http1::tolerant) again.keep_alive = got.keep_alive;
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
    stream_ = *session_->open({.request = &request_,
                               .upload = nullptr,
                               .head = &head_,
                               .trailers = &trailers_,
                               .rules = options.expectation.rules});
    session_->advance_output(session_->output().size_bytes());
    session_->on_wire(0, moved_);
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
      const auto ended = session_->receive_eof(options_.eof == Eof::clean ? StreamEnd::clean : StreamEnd::bare, events);
      note(events);
      if (!ended) got_.error = ended.error().code;
      FUZZ_CHECK(!session_->reusable() && session_->open_capacity() == 0);
    }
    FUZZ_CHECK(got_.completes + (got_.error ? 1U : 0U) > 0 || session_->busy());
    if (got_.error) {
      // The error is permanent, and ends all exchanges.
      std::vector<http::Event> events;
      std::uint8_t more[] = {'H'};
      const auto again = session_->receive(more, events);
      FUZZ_CHECK(!again && again.error().code == *got_.error && events.empty());
      FUZZ_CHECK(!session_->reusable() && !session_->busy() && session_->open_capacity() == 0);
    }
    return got_;
  }

 private:
  std::vector<http::StreamId> moved_;

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
  FUZZ_CHECK((got.heads == 1) == (wanted.major_version != 0 || wanted.minor_version != 0) &&
             (got.completes == 1) == wanted.complete());
  if (wanted.failed() && !wire.empty()) FUZZ_CHECK(got.error == wanted.code);
  if (wanted.end == Outcome::End::needs_more) FUZZ_CHECK(!got.error);
  if (wanted.complete()) {
    FUZZ_CHECK(got.error.has_value() == (wanted.surplus > 0));
    if (wanted.surplus > 0 || !wanted.keep_alive) FUZZ_CHECK(!got.reusable);
  }
}

// A raw body is that part of the wire which the head and what follows the response leave; all else is as without it.
void check_raw(const Outcome& plain, std::string_view wire, Cut cut) {
  cut.options.expectation.body = http::BodyForm::raw;
  Outcome raw = in_pieces(wire, std::array<std::size_t, 1>{0}, cut.options);
  const Outcome pieces = in_pieces(wire, cut.sizes, cut.options);
  FUZZ_CHECK_SAYING(pieces == raw, described(pieces) + " where the whole gave " + described(raw));
  FUZZ_CHECK(raw.body.size() + raw.surplus <= wire.size());
  if (!plain.complete()) return;
  if (is_chunked(plain) && !has_no_body(plain, cut.options)) {
    const std::string_view behind = behind_heads(wire, plain.interims.size());
    FUZZ_CHECK_SAYING(raw.body == behind.substr(0, behind.size() - plain.surplus), described(raw));
    raw.body = plain.body;
  }
  FUZZ_CHECK_SAYING(raw == plain, described(raw) + " where the plain form gave " + described(plain));
}

Outcome check(const Cut& cut, std::string_view wire) {
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
  check_raw(whole, wire, cut);
  return whole;
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  fuzz::Cut cut = fuzz::read_cut(input);
  const std::string wire = fuzz::read_response(cut, input.rest());

  const fuzz::Outcome chosen = fuzz::check(cut, wire);
  Http1& mode = cut.options.expectation.rules.http1;
  mode = mode == Http1::strict ? Http1::tolerant : Http1::strict;
  const fuzz::Outcome other = fuzz::check(cut, wire);
  const fuzz::Outcome& strict = mode == Http1::strict ? other : chosen;
  if (strict.complete())
    FUZZ_CHECK_SAYING(other == chosen, described(other) + " where the other mode gave " + described(chosen));

  fuzz::last_verdict = chosen.failed()      ? fuzz::verdict_of("refused", chosen.code)
                       : !chosen.complete() ? "unfinished"
                       : chosen.surplus > 0 ? "surplus"
                                            : "complete";
  return 0;
}
