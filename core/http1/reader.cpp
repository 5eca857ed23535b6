// See reader.hpp. The only file that uses llhttp; reader_framing.cpp has what fields say about framing.
//
// The parser sees only a minimal form of a response: the status line, one Transfer-Encoding field if the body is
// chunked, and then one chunk line, chunk or line end at a time. So it cannot read into a following message, and it
// does not decide how long a body is.
#include "core/http1/reader.hpp"

#include <llhttp.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/http1/field_text.hpp"

namespace sluice::http1 {

static_assert(sizeof(llhttp_t) <= 128 && alignof(llhttp_t) <= alignof(std::max_align_t));

// A callback that returns 0 lets the parser continue; any other value stops it, and the reader knows the reason.
struct ParserCallbacks {
  // No exception may pass through the parser, which is C.
  template <class Action>
  static int guarded(llhttp_t* parser, Action action) noexcept {
    Reader& reader = *static_cast<Reader*>(parser->data);
    int answer = HPE_USER;
    if (!has_memory_for([&] { answer = action(reader); })) reader.fail_for_memory();
    return answer;
  }

  static int status(llhttp_t* parser, const char* at, std::size_t size) {
    return guarded(parser, [=](Reader& reader) { return reader.take_reason({at, size}) ? 0 : HPE_USER; });
  }
  static int headers_complete(llhttp_t* parser) {
    return guarded(parser, [](Reader& reader) {
      reader.headers_done_ = true;
      // 1: the parser will see no body. It decodes chunks only; bodies of known length are counted by the reader.
      return reader.phase_ == Reader::Phase::chunk_line ? 0 : 1;
    });
  }
  static int chunk_header(llhttp_t* parser) {
    return guarded(parser, [parser](Reader& reader) {
      reader.chunk_header_done_ = true;
      reader.left_ = parser->content_length;
      return 0;
    });
  }
  static int message_complete(llhttp_t* parser) {
    return guarded(parser, [](Reader& reader) {
      reader.message_done_ = true;
      return static_cast<int>(HPE_PAUSED);
    });
  }

  static consteval llhttp_settings_t make_settings() {
    llhttp_settings_t settings{};
    settings.on_status = status;
    settings.on_headers_complete = headers_complete;
    settings.on_chunk_header = chunk_header;
    settings.on_message_complete = message_complete;
    return settings;
  }
};

namespace {

llhttp_t& parser_in(std::array<std::byte, 128>& storage) {
  return *std::launder(reinterpret_cast<llhttp_t*>(storage.data()));
}

constexpr llhttp_settings_t kSettings = ParserCallbacks::make_settings();
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kChunkedEnd = "Transfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kHttpName = "HTTP/";
constexpr const char* kUnclearEnd = "a head or trailers whose end is unclear";

}  // namespace

void Reader::start(ResponseHead& head, Fields* trailers, Expectation expectation) {
  head_ = &head;
  trailers_ = trailers;
  if (trailers_ != nullptr) trailers_->clear();
  expectation_ = expectation;
  started_ = keep_alive_ = in_doubt_ = seen_interim_ = truncated_ = false;
  body_bytes_ = 0;
  ends_.start(expectation.rules.http1);
  start_head();
}

void Reader::reset() {
  phase_ = Phase::idle;
  head_ = nullptr;
  trailers_ = nullptr;
  section_.start_head();
}

void Reader::start_head() {
  llhttp_init(new (parser_.data()) llhttp_t, HTTP_RESPONSE, &kSettings);
  head_->clear();
  phase_ = Phase::head;
  headers_done_ = chunk_header_done_ = message_done_ = false;
  status_ = 0;
  field_count_ = 0;
  content_length_.reset();
  transfer_ = Transfer::none;
  has_identity_ = says_close_ = says_keep_alive_ = false;
  section_.start_head();
}

bool Reader::keep_alive() const { return keep_alive_ && !in_doubt_ && !ends_.mixed(); }

bool Reader::fail(Code code, std::string_view what, int detail) {
  phase_ = Phase::failed;
  error_ = make_error(code, std::string("response: ").append(what), detail);
  return false;
}

void Reader::fail_for_memory() {
  phase_ = Phase::failed;
  error_ = make_error(Code::out_of_memory, "");
}

// Gives these bytes to the parser. False: the parser refused them, and fail() was called.
bool Reader::execute(Bytes input) {
  if (input.empty()) return true;
  llhttp_t& parser = parser_in(parser_);
  parser.data = this;
  const llhttp_errno_t result = llhttp_execute(&parser, reinterpret_cast<const char*>(input.data()), input.size());
  if (phase_ == Phase::failed) return false;
  if (result == HPE_OK || (result == HPE_PAUSED && message_done_)) return true;
  const char* reason = llhttp_get_error_reason(&parser);
  return fail(Code::malformed_response, reason != nullptr && *reason != '\0' ? reason : llhttp_errno_name(result),
              static_cast<int>(result));
}

Reader::Step Reader::read(MutableBytes input) {
  SLUICE_CHECK(phase_ != Phase::idle && phase_ != Phase::complete && phase_ != Phase::failed);
  Step step;
  if (input.empty()) return step;
  started_ = true;
  if (!has_memory_for([&] { read_phases(input, step); })) fail_for_memory();
  step.complete = phase_ == Phase::complete;
  step.failed = phase_ == Phase::failed;
  return step;
}

void Reader::read_phases(MutableBytes input, Step& step) {
  if (phase_ == Phase::head && headers_done_) start_head();  // after an interim response
  const auto is_apart = [&] { return step.body.data() == as_bytes(kHttpName).data(); };
  while (step.taken < input.size() && phase_ != Phase::complete && phase_ != Phase::failed && !step.interim &&
         !is_apart()) {
    const MutableBytes rest = input.subspan(step.taken);
    switch (phase_) {
      case Phase::head:
        step.taken += read_section(rest, step);
        break;
      case Phase::length_body:
      case Phase::eof_body:
      case Phase::chunk_data:
        step.taken += read_body(rest, step);
        break;
      case Phase::chunk_line:
      case Phase::chunk_end:
      case Phase::trailers:
        step.taken += read_framing(rest, step);
        break;
      case Phase::idle:
      case Phase::complete:
      case Phase::failed:
        break;
    }
  }
}

// Raw body bytes follow each other in the input, so nothing is moved.
std::size_t Reader::read_framing(MutableBytes input, Step& step) {
  const std::size_t taken = phase_ == Phase::chunk_line  ? read_chunk_line(input)
                            : phase_ == Phase::chunk_end ? read_chunk_end(input)
                                                         : read_section(input, step);
  if (expectation_.body == http::BodyForm::raw) {
    step.body = {step.body.empty() ? input.data() : step.body.data(), step.body.size() + taken};
  }
  return taken;
}

std::size_t Reader::read_section(MutableBytes input, Step& step) {
  const bool head = phase_ == Phase::head;
  const SectionGuard::Cut cut = section_.next(input, ends_);
  if (head && expectation_.rules.keep_raw_head) head_->append_raw(as_text(input.first(cut.taken)));
  switch (cut.found) {
    case SectionGuard::Found::more:
      break;
    case SectionGuard::Found::line:
      (head && status_ == 0) ? take_status_line(cut.line) : take_field_line(cut.line, cut.folded);
      break;
    case SectionGuard::Found::end:
      head ? end_head(step) : end_trailers();
      break;
    case SectionGuard::Found::fault:
      if (!read_headless(cut, step)) fail(cut.code, cut.fault);
      break;
  }
  return cut.taken;
}

// HTTP/0.9: if the first bytes are not a status line, and the rules allow it, everything is body. First bytes that came
// in earlier inputs and looked like a status line are given out from constant memory.
bool Reader::read_headless(const SectionGuard::Cut& cut, Step& step) {
  const bool may_be = expectation_.rules.allow_http0_9 && !expectation_.to_head && !seen_interim_;
  if (!may_be || cut.code != Code::not_http || section_.status_prefix() >= kHttpName.size()) return false;
  head_->clear();
  head_->version = {0, 9};
  head_bytes_ = 0;
  phase_ = Phase::eof_body;
  step.head = true;
  if (section_.bytes() > 0) step.body = as_bytes(kHttpName.substr(0, section_.bytes()));
  body_bytes_ = step.body.size();
  return true;
}

void Reader::end_trailers() {
  if (!execute(as_bytes(kLineEnd))) return;
  if (message_done_) {
    phase_ = Phase::complete;
  } else {
    fail(Code::malformed_response, kUnclearEnd);
  }
}

void Reader::end_head(Step& step) {
  head_bytes_ = section_.bytes();
  if (!check_head()) return;
  const bool interim = status_ < 200;
  if (interim) {
    seen_interim_ = true;
  } else {
    frame_body();
  }
  if (!execute(as_bytes(phase_ == Phase::chunk_line ? kChunkedEnd : kLineEnd))) return;
  if (!headers_done_) {
    fail(Code::malformed_response, kUnclearEnd);
  } else {
    (interim ? step.interim : step.head) = true;
  }
}

std::size_t Reader::read_chunk_line(MutableBytes input) {
  const std::size_t digits_before = chunk_.digits();
  const ChunkGuard::Scan scan = chunk_.scan_line(input, body_bytes_, ends_);
  const std::size_t digits = std::min(chunk_.digits() - digits_before, scan.good);
  if (!execute(input.first(digits))) return scan.good;
  if (scan.fault != nullptr) {
    fail(scan.code, scan.fault);
  } else if (scan.ended && execute(as_bytes(kLineEnd))) {
    end_chunk_line();
  }
  return scan.good;
}

void Reader::end_chunk_line() {
  if (!std::exchange(chunk_header_done_, false)) {
    fail(Code::malformed_response, "a chunk size line that does not end");
  } else if (left_ == 0) {
    phase_ = Phase::trailers;
    field_count_ = 0;
    section_.start_trailers();
  } else {
    phase_ = Phase::chunk_data;
  }
}

std::size_t Reader::read_chunk_end(MutableBytes input) {
  const ChunkGuard::Scan scan = chunk_.scan_end(input, ends_);
  if (scan.fault != nullptr) {
    fail(scan.code, scan.fault);
  } else if (scan.ended && execute(as_bytes(kLineEnd))) {
    phase_ = Phase::chunk_line;
    chunk_.start_line();
  }
  return scan.good;
}

std::size_t Reader::read_body(MutableBytes input, Step& step) {
  const std::size_t size =
      phase_ == Phase::eof_body ? input.size() : static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  if (phase_ == Phase::chunk_data && !execute(input.first(size))) return 0;
  if (step.body.empty()) {
    step.body = input.first(size);
  } else {
    // Moved to the end of the body bytes of this input, over framing bytes that are not needed any more.
    auto* end = const_cast<std::uint8_t*>(step.body.data() + step.body.size());
    std::memmove(end, input.data(), size);
    step.body = {step.body.data(), step.body.size() + size};
  }
  body_bytes_ += size;
  if (phase_ == Phase::eof_body) return size;
  left_ -= size;
  if (left_ == 0) {
    phase_ = phase_ == Phase::chunk_data ? Phase::chunk_end : Phase::complete;
    chunk_.start_end();
  }
  return size;
}

bool Reader::take_status_line(std::string_view line) {
  if (!execute(as_bytes(line)) || !execute(as_bytes(kLineEnd))) return false;
  const llhttp_t& parser = parser_in(parser_);
  status_ = parser.status_code;
  head_->status = status_;
  head_->version = {parser.http_major, parser.http_minor};
  return true;
}

bool Reader::take_reason(std::string_view part) {
  std::string& reason = head_->reason;
  if (!is_field_value(part)) return fail(Code::malformed_response, "a control byte in the reason");
  if (part.size() > limits::kMaxReasonBytes - reason.size()) {
    return fail(Code::response_too_large, "a reason of more bytes than are taken");
  }
  reason.append(part);
  return true;
}

bool Reader::take_field_line(std::string_view line, bool folded) {
  if (++field_count_ > limits::kMaxFields) {
    return fail(Code::response_too_large, "more than " + std::to_string(limits::kMaxFields) + " fields");
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return fail(Code::malformed_response, "a field line without a colon");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  const bool is_good_name = strict() || is_token(name);
  if (!is_good_name) {
    if (hides_framing(name)) return fail(Code::malformed_response, "a framing field whose name holds other bytes");
    if (name.empty() || name.ends_with(' ') || name.ends_with('\t')) return drop_field(value);
  }
  if (!keep_field(name, value, is_good_name)) return false;
  return phase_ != Phase::head || note_field(name, value, folded);
}

// The name is empty, or there is white space between it and the colon (RFC 9112 5.1): the field is ignored.
bool Reader::drop_field(std::string_view value) {
  in_doubt_ = true;
  return is_received_value(value) || fail(Code::malformed_response, "a NUL in a field");
}

bool Reader::keep_field(std::string_view name, std::string_view value, bool name_is_token) {
  Fields unwanted;
  Fields* fields = phase_ == Phase::head ? &head_->fields : trailers_;
  if (fields == nullptr) fields = &unwanted;
  const Result<void> added = strict() ? fields->add(name, value) : fields->add_received(name, value, name_is_token);
  if (added) return true;
  if (added.error().code != Code::out_of_memory) return fail(Code::malformed_response, added.error().context);
  fail_for_memory();
  return false;
}

// Records what the field says about framing. The length is compared first, because most fields are none of these.
bool Reader::note_field(std::string_view name, std::string_view value, bool folded) {
  if (name.size() == 10 && equals_ignoring_case(name, "Connection")) {
    says_close_ |= lists_token(value, "close");
    says_keep_alive_ |= lists_token(value, "keep-alive");
  } else if (name.size() == 14 && equals_ignoring_case(name, "Content-Length")) {
    in_doubt_ |= folded;
    return note_length(value);
  } else if (name.size() == 17 && equals_ignoring_case(name, "Transfer-Encoding")) {
    in_doubt_ |= folded;
    return note_codings(value);
  }
  return true;
}

Error Reader::cut_short(StreamEnd how) const {
  const std::string got = std::to_string(body_bytes_);
  std::string text = "response: the connection ended ";
  switch (phase_) {
    case Phase::head:
      text += headers_done_ ? "after an interim response" : "in the middle of the head";
      break;
    case Phase::length_body:
      text += "after " + got + " of " + std::to_string(body_bytes_ + left_) + " bytes of the body";
      break;
    case Phase::eof_body:
      text += (how == StreamEnd::cut ? "within a record after " : "without a proper close after ") + got +
              " bytes of a body that only a proper close can end";
      break;
    case Phase::chunk_line:
    case Phase::chunk_data:
    case Phase::chunk_end:
      text += "after " + got + " bytes of a chunked body that has no end";
      break;
    case Phase::trailers:
      text += "in the middle of the trailers";
      break;
    case Phase::idle:
    case Phase::complete:
    case Phase::failed:
      break;
  }
  return make_error(Code::truncated, std::move(text));
}

Result<void> Reader::end(StreamEnd how) {
  SLUICE_CHECK(phase_ != Phase::idle && phase_ != Phase::complete && phase_ != Phase::failed);
  const bool passes = how == StreamEnd::clean || (how == StreamEnd::bare && expectation_.rules.truncation_ok);
  if (phase_ == Phase::eof_body && passes) {
    truncated_ = how != StreamEnd::clean;
    phase_ = Phase::complete;
    return {};
  }
  error_ = started_ ? cut_short(how)
                    : make_error(Code::connection_closed, "the connection was closed before a response began");
  phase_ = Phase::failed;
  return std::unexpected(error_);
}

}  // namespace sluice::http1
