// Gives one response to the HTTP/1 reader in every way in which it may arrive: complete, byte by byte, in two parts at
// each position, and with bytes after it; all results must be equal. Each piece is in memory of exactly its size, so
// that a sanitizer sees a read beyond it.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http1/reader.hpp"

namespace sluice::test {

enum class Eof { none, clean, dirty };

struct FeedOptions {
  http1::Reader::Expectation expectation = {};
  Eof eof = Eof::none;
};

struct FeedOutcome {
  enum class End { needs_more, complete, failed };
  End end = End::needs_more;
  int status = 0;
  int major_version = 0, minor_version = 0;
  std::string reason;
  std::vector<std::pair<std::string, std::string>> fields, trailers;
  std::vector<int> interims;
  std::string raw;             // of all heads, interim ones included
  std::size_t head_bytes = 0;  // of the same
  std::string body;
  std::size_t surplus = 0;  // bytes after the response
  bool keep_alive = false;
  Code code = Code::internal;
  std::string message;
  friend bool operator==(const FeedOutcome&, const FeedOutcome&) = default;

  bool complete() const { return end == End::complete; }
  bool failed_with(Code wanted) const { return end == End::failed && code == wanted; }
};

inline std::vector<std::pair<std::string, std::string>> copy_of(const Fields& fields) {
  std::vector<std::pair<std::string, std::string>> copy;
  for (const Field field : fields) copy.emplace_back(field.name, field.value);
  return copy;
}

namespace feed_detail {

class Run {
 public:
  explicit Run(const FeedOptions& options) : options_(options) {
    reader_.start(head_, &trailers_, options.expectation);
  }

  void give(std::string_view piece) {
    std::vector<std::uint8_t> memory(piece.begin(), piece.end());
    memory.shrink_to_fit();
    MutableBytes rest(memory);
    while (!rest.empty() && outcome_.end == FeedOutcome::End::needs_more) {
      const auto step = reader_.read(rest);
      if (step.taken > rest.size()) FAIL("took more than there was");
      outcome_.body.append(as_text(step.body));
      if (step.interim) outcome_.interims.push_back(head_.status);
      if (step.interim || step.head) outcome_.raw += head_.raw(), outcome_.head_bytes += reader_.head_bytes();
      if (step.head) note_head();
      if (step.failed) return note_failure();
      if (step.complete) outcome_.end = FeedOutcome::End::complete;
      if (!step.interim && !step.complete && step.taken != rest.size() && step.body.empty())
        FAIL("stopped for no reason");
      rest = rest.subspan(step.taken);
    }
    if (outcome_.complete()) outcome_.surplus += rest.size();
  }

  FeedOutcome finish() {
    if (options_.eof != Eof::none && outcome_.end == FeedOutcome::End::needs_more) {
      if (reader_.end(options_.eof == Eof::clean ? StreamEnd::clean : StreamEnd::bare)) {
        outcome_.end = FeedOutcome::End::complete;
      } else {
        note_failure();
      }
    }
    outcome_.trailers = copy_of(trailers_);
    if (outcome_.complete()) outcome_.keep_alive = reader_.keep_alive();
    return outcome_;
  }

 private:
  void note_head() {
    outcome_.status = head_.status;
    outcome_.major_version = head_.version.major;
    outcome_.minor_version = head_.version.minor;
    outcome_.reason = head_.reason;
    outcome_.fields = copy_of(head_.fields);
  }
  void note_failure() {
    outcome_.end = FeedOutcome::End::failed;
    outcome_.code = reader_.error().code;
    outcome_.message = reader_.error().message();
  }

  FeedOptions options_;
  ResponseHead head_;
  Fields trailers_;
  http1::Reader reader_;
  FeedOutcome outcome_;
};

inline FeedOutcome in_pieces(std::string_view text, std::size_t piece, const FeedOptions& options) {
  Run run(options);
  for (std::size_t at = 0; at < text.size(); at += piece) run.give(text.substr(at, piece));
  return run.finish();
}

}  // namespace feed_detail

inline FeedOutcome feed(std::string_view text, const FeedOptions& options = {}) {
  CAPTURE(text.substr(0, 200));
  const FeedOutcome whole = feed_detail::in_pieces(text, text.size() + 1, options);
  {
    INFO("byte by byte");
    CHECK(feed_detail::in_pieces(text, 1, options) == whole);
  }
  const std::size_t stride = text.size() <= 600 ? 1 : text.size() / 61;
  for (std::size_t at = 1; at < text.size(); at += stride) {
    INFO("split at ", at);
    feed_detail::Run run(options);
    run.give(text.substr(0, at));
    run.give(text.substr(at));
    CHECK(run.finish() == whole);
  }
  if (whole.end == FeedOutcome::End::needs_more || options.eof != Eof::none) return whole;
  const std::string_view more = "HTTP/1.1 299 Next\r\n\r\n";
  FeedOutcome longer =
      feed_detail::in_pieces(std::string(text) + std::string(more), text.size() + more.size(), options);
  if (whole.complete()) {
    INFO("with bytes behind it");
    CHECK(longer.surplus == whole.surplus + more.size());
    longer.surplus = whole.surplus;
  }
  CHECK(longer == whole);
  return whole;
}

}  // namespace sluice::test
