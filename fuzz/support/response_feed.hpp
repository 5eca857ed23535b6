// Gives one response to the HTTP/1 reader in pieces and records the result, so that two ways of splitting can be
// compared. Each piece is in memory of exactly its size: a sanitizer sees a read beyond it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/http1/reader.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {

enum class Eof : std::uint8_t { none, clean, dirty };

struct FeedOptions {
  http1::Reader::Expectation expectation = {};
  Eof eof = Eof::none;
  bool wants_trailers = true;
};

using FieldList = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
  enum class End : std::uint8_t { needs_more, complete, failed };
  End end = End::needs_more;
  int status = 0;
  int major_version = 0, minor_version = 0;
  std::string reason;
  FieldList fields, trailers;
  std::vector<int> interims;
  std::string body;
  std::size_t surplus = 0;  // bytes after the response
  bool keep_alive = false;
  Code code = Code::internal;
  std::string message;
  friend bool operator==(const Outcome&, const Outcome&) = default;

  bool complete() const { return end == End::complete; }
  bool failed() const { return end == End::failed; }
};

inline FieldList copy_of(const Fields& fields) {
  FieldList copy;
  for (const Field field : fields) copy.emplace_back(field.name, field.value);
  return copy;
}

// Checks what a reader must never give out.
inline void check_fields(const Fields& fields, Http1 mode) {
  FUZZ_CHECK(fields.size() <= limits::kMaxFields && fields.text_bytes() <= limits::kMaxHeadBytes);
  bool sendable = true;
  for (const Field field : fields) {
    const bool is_good = is_token(field.name) && is_field_value(field.value);
    FUZZ_CHECK(is_good || mode == Http1::tolerant);
    FUZZ_CHECK(is_received_name(field.name) && is_received_value(field.value));
    sendable = sendable && is_good;
  }
  FUZZ_CHECK(fields.are_sendable() == sendable);
}

class Feed {
 public:
  explicit Feed(const FeedOptions& options) : options_(options) {
    reader_.start(head_, options.wants_trailers ? &trailers_ : nullptr, options.expectation);
  }

  void give(std::string_view piece) {
    std::vector<std::uint8_t> memory(piece.begin(), piece.end());
    memory.shrink_to_fit();
    MutableBytes rest(memory);
    while (!rest.empty() && outcome_.end == Outcome::End::needs_more) rest = step(rest);
    if (outcome_.complete()) outcome_.surplus += rest.size();
  }

  Outcome finish() {
    if (options_.eof != Eof::none && outcome_.end == Outcome::End::needs_more) {
      if (reader_.end(options_.eof == Eof::clean ? StreamEnd::clean : StreamEnd::bare)) {
        outcome_.end = Outcome::End::complete;
      } else {
        note_failure();
      }
    }
    check_fields(trailers_, options_.expectation.rules.http1);
    outcome_.trailers = copy_of(trailers_);
    if (outcome_.complete()) outcome_.keep_alive = reader_.keep_alive();
    return std::move(outcome_);
  }

 private:
  MutableBytes step(MutableBytes rest) {
    const auto step = reader_.read(rest);
    FUZZ_CHECK(step.taken <= rest.size());
    // The start of HTTP/0.9.
    const bool apart = step.head && head_.version.major == 0 && step.taken == 0 && !step.body.empty();
    FUZZ_CHECK(apart || step.interim || step.complete || step.failed || step.taken == rest.size());
    FUZZ_CHECK(apart || step.body.empty() ||
               (step.body.data() >= rest.data() && step.body.size() <= step.taken &&
                step.body.data() + step.body.size() <= rest.data() + step.taken));
    outcome_.body.append(as_text(step.body));
    if (step.interim) outcome_.interims.push_back(head_.status);
    if (step.head) note_head();
    if (step.complete) outcome_.end = Outcome::End::complete;
    if (step.failed) note_failure();
    return rest.subspan(step.taken);
  }
  void note_head() {
    const http::ResponseRules& rules = options_.expectation.rules;
    const bool is_headless = head_.version == HttpVersion{0, 9};
    FUZZ_CHECK(outcome_.status == 0 && outcome_.major_version == 0);
    FUZZ_CHECK(is_headless ? rules.allow_http0_9 && head_.status == 0 && head_.fields.empty()
                           : head_.version.major == 1 && head_.version.minor <= 1 && head_.status >= 200 &&
                                 head_.status <= (rules.http1 == Http1::strict ? 599 : 999));
    FUZZ_CHECK(head_.raw().size() == (rules.keep_raw_head ? reader_.head_bytes() : 0));
    FUZZ_CHECK(head_.reason.size() <= limits::kMaxReasonBytes && is_field_value(head_.reason));
    check_fields(head_.fields, rules.http1);
    outcome_.major_version = head_.version.major;
    outcome_.status = head_.status;
    outcome_.minor_version = head_.version.minor;
    outcome_.reason = head_.reason;
    outcome_.fields = copy_of(head_.fields);
  }
  void note_failure() {
    outcome_.end = Outcome::End::failed;
    const Error& error = reader_.error();
    outcome_.code = error.code;
    outcome_.message = error.message();
    FUZZ_CHECK_SAYING(error.code == Code::malformed_response || error.code == Code::not_http ||
                          error.code == Code::unsupported_coding || error.code == Code::response_too_large ||
                          error.code == Code::truncated || error.code == Code::unexpected_upgrade ||
                          error.code == Code::connection_closed,
                      outcome_.message);
    FUZZ_CHECK(!outcome_.message.empty() && outcome_.message.find('\n') == std::string::npos);
  }

  FeedOptions options_;
  ResponseHead head_;
  Fields trailers_;
  http1::Reader reader_;
  Outcome outcome_;
};

// In pieces of these sizes, repeated; 0 is all that is left. No sizes: byte by byte.
inline Outcome in_pieces(std::string_view text, std::span<const std::size_t> sizes, const FeedOptions& options) {
  Feed feed(options);
  for (std::size_t at = 0, turn = 0; at < text.size(); ++turn) {
    std::size_t size = sizes.empty() ? 1 : sizes[turn % sizes.size()];
    if (size == 0) size = text.size();
    const std::string_view piece = text.substr(at, size);
    feed.give(piece);
    at += piece.size();
  }
  return feed.finish();
}

inline std::string described(const Outcome& outcome) {
  return "end " + std::to_string(static_cast<int>(outcome.end)) + " status " + std::to_string(outcome.status) +
         " fields " + std::to_string(outcome.fields.size()) + " body " + shown(outcome.body) + " surplus " +
         std::to_string(outcome.surplus) + " message " + outcome.message;
}

// The first line of an input: how the rest is split, and options. The first byte has eight switches, the others are
// sizes of pieces. Letters work for both; a line feed ends them.
struct Cut {
  FeedOptions options;
  bool repeats = false;  // the text between "{{" and "}}" is repeated beyond the limit of heads
  std::vector<std::size_t> sizes;
};

inline Cut read_cut(Input& input) {
  const std::string_view line = input.up_to('\n');
  Cut cut;
  const unsigned switches = line.empty() ? 0 : static_cast<unsigned char>(line.front());
  cut.options.expectation.to_head = (switches & 1U) != 0;
  cut.options.eof = static_cast<Eof>((switches >> 1 & 3U) % 3);
  cut.options.wants_trailers = (switches & 8U) == 0;
  cut.options.expectation.asked_upgrade = (switches & 16U) != 0;
  cut.repeats = (switches & 32U) != 0;
  cut.options.expectation.rules = {.http1 = (switches & 64U) != 0 ? Http1::strict : Http1::tolerant,
                                   .allow_http0_9 = (switches & 128U) != 0,
                                   .truncation_ok = (switches & 128U) != 0,
                                   .keep_raw_head = (switches & 8U) != 0};
  for (std::size_t i = 1; i < line.size() && cut.sizes.size() < 64; ++i)
    cut.sizes.push_back(static_cast<unsigned char>(line[i]) % 32);
  if (cut.sizes.empty()) cut.sizes.push_back(7);
  if (cut.repeats) {
    for (std::size_t& size : cut.sizes) size *= 997;
  }
  return cut;
}

// The response, with the repeated text.
inline std::string read_response(const Cut& cut, std::string_view text) {
  const std::size_t begin = text.find("{{");
  const std::size_t end = text.find("}}", begin == std::string_view::npos ? begin : begin + 2);
  if (!cut.repeats || end == std::string_view::npos || end == begin + 2) return std::string(text);
  const std::string_view unit = text.substr(begin + 2, end - begin - 2);
  std::string response(text.substr(0, begin));
  while (response.size() < limits::kMaxHeadBytes + 8192) response += unit;
  return response.append(text.substr(end + 2));
}

}  // namespace sluice::fuzz
