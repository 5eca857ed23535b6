// See reader.hpp. The only file that knows llhttp.
//
// The parser sees a section (head or trailers) up to its end and not a byte further, then one chunk line, chunk or line
// end at a time. So it can neither run into a following message nor decide how long a body is: it is told, or does not
// see it.
#include "core/http1/reader.hpp"

#include <llhttp.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"

namespace sluice::http1 {

static_assert(sizeof(llhttp_t) <= 128 && alignof(llhttp_t) <= alignof(std::max_align_t));

namespace {

llhttp_t& parser_in(std::array<std::byte, 128>& storage) {
  return *std::launder(reinterpret_cast<llhttp_t*>(storage.data()));
}

}  // namespace

void Piece::append(const char* at, std::size_t size) {
  if (size == 0) return;
  if (carried_.empty() && view_.empty()) {
    view_ = {at, size};
  } else {
    keep();
    carried_.append(at, size);
  }
}

void Piece::keep() {
  carried_.append(view_);
  view_ = {};
}

void Piece::clear() {
  view_ = {};
  if (!carried_.empty()) std::string().swap(carried_);  // rare and short-lived: an idle connection keeps nothing
}

// Answers of 0 let the parser go on; anything else stops it, and the reader knows why.
struct ParserCallbacks {
  // Nothing may unwind through the parser, which is C.
  template <class Action>
  static int guarded(llhttp_t* parser, Action action) noexcept {
    Reader& reader = *static_cast<Reader*>(parser->data);
    try {
      return action(reader);
    } catch (const std::bad_alloc&) {
      reader.fail_for_memory();
      return HPE_USER;
    }
  }

  static int status(llhttp_t* parser, const char* at, std::size_t size) {
    return guarded(parser, [=](Reader& reader) { return reader.take_reason({at, size}) ? 0 : HPE_USER; });
  }
  static int field_name(llhttp_t* parser, const char* at, std::size_t size) {
    return guarded(parser, [=](Reader& reader) { return reader.name_.append(at, size), 0; });
  }
  static int field_value(llhttp_t* parser, const char* at, std::size_t size) {
    return guarded(parser, [=](Reader& reader) { return reader.value_.append(at, size), 0; });
  }
  static int field_complete(llhttp_t* parser) {
    return guarded(parser, [](Reader& reader) { return reader.take_field() ? 0 : -1; });
  }
  static int headers_complete(llhttp_t* parser) {
    return guarded(parser, [](Reader& reader) {
      reader.headers_done_ = true;
      if (!reader.frame_body()) return -1;
      // 1: the parser is to see no body. Only chunks are its business; the rest is counted by the reader.
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
    settings.on_header_field = field_name;
    settings.on_header_value = field_value;
    settings.on_header_value_complete = field_complete;
    settings.on_headers_complete = headers_complete;
    settings.on_chunk_header = chunk_header;
    settings.on_message_complete = message_complete;
    return settings;
  }
};

namespace {
constexpr llhttp_settings_t kSettings = ParserCallbacks::make_settings();
}

void Reader::start(ResponseHead& head, Fields* trailers, Expectation expectation) {
  head_ = &head;
  trailers_ = trailers;
  if (trailers_ != nullptr) trailers_->clear();
  expectation_ = expectation;
  started_ = false;
  keep_alive_ = false;
  interim_count_ = 0;
  body_bytes_ = 0;
  start_head();
}

void Reader::reset() {
  phase_ = Phase::idle;
  head_ = nullptr;
  trailers_ = nullptr;
  name_.clear();
  value_.clear();
}

void Reader::start_head() {
  llhttp_init(new (parser_.data()) llhttp_t, HTTP_RESPONSE, &kSettings);
  head_->clear();
  phase_ = Phase::head;
  headers_done_ = chunk_header_done_ = message_done_ = false;
  status_ = 0;
  field_count_ = 0;
  content_length_.reset();
  chunked_ = says_close_ = says_keep_alive_ = false;
  section_.start_head();
}

void Reader::fail(Code code, std::string_view what, int detail) {
  phase_ = Phase::failed;
  error_ = make_error(code, std::string("response: ").append(what), detail);
}

void Reader::fail_for_memory() {
  phase_ = Phase::failed;
  error_ = make_error(Code::out_of_memory, "");
}

void Reader::check_scan(const Scan& scan) {
  if (scan.fault != nullptr && phase_ != Phase::failed) fail(scan.code, scan.fault);
}

// Lets the parser see these bytes. False: it stopped, and fail() was called.
bool Reader::execute(Bytes input) {
  if (input.empty()) return true;
  llhttp_t& parser = parser_in(parser_);
  parser.data = this;
  const llhttp_errno_t result = llhttp_execute(&parser, reinterpret_cast<const char*>(input.data()), input.size());
  if (phase_ == Phase::failed) return false;
  if (result == HPE_OK || (result == HPE_PAUSED && message_done_)) return true;
  const char* reason = llhttp_get_error_reason(&parser);
  fail(Code::malformed_response, reason != nullptr && *reason != '\0' ? reason : llhttp_errno_name(result),
       static_cast<int>(result));
  return false;
}

Reader::Step Reader::read(MutableBytes input) {
  SLUICE_CHECK(phase_ != Phase::idle && phase_ != Phase::complete && phase_ != Phase::failed);
  Step step;
  if (input.empty()) return step;
  started_ = true;
  try {
    read_phases(input, step);
    name_.keep();
    value_.keep();
  } catch (const std::bad_alloc&) {
    fail_for_memory();
  }
  step.complete = phase_ == Phase::complete;
  step.failed = phase_ == Phase::failed;
  return step;
}

void Reader::read_phases(MutableBytes input, Step& step) {
  if (phase_ == Phase::head && headers_done_) start_head();  // behind an interim response
  while (step.taken < input.size() && phase_ != Phase::complete && phase_ != Phase::failed && !step.interim) {
    const MutableBytes rest = input.subspan(step.taken);
    switch (phase_) {
      case Phase::head:
      case Phase::trailers:
        step.taken += read_section(rest, step);
        break;
      case Phase::length_body:
      case Phase::eof_body:
      case Phase::chunk_data:
        step.taken += read_body(rest, step);
        break;
      case Phase::chunk_line:
        step.taken += read_chunk_line(rest);
        break;
      case Phase::chunk_end:
        step.taken += read_chunk_end(rest);
        break;
      case Phase::idle:
      case Phase::complete:
      case Phase::failed:
        break;
    }
  }
}

std::size_t Reader::read_section(MutableBytes input, Step& step) {
  const bool trailers = phase_ == Phase::trailers;
  const Scan scan = section_.scan(input);
  if (!execute(input.first(scan.good))) return scan.good;
  check_scan(scan);
  if (phase_ == Phase::failed) return scan.good;
  // Both must see the end at the same byte, or one of them is wrong about where the body begins.
  if (scan.ended != (trailers ? message_done_ : headers_done_)) {
    fail(Code::malformed_response, trailers ? "trailers whose end is unclear" : "a head whose end is unclear");
  } else if (scan.ended && trailers) {
    phase_ = Phase::complete;
  } else if (scan.ended) {
    (status_ < 200 ? step.interim : step.head) = true;
  }
  return scan.good;
}

std::size_t Reader::read_chunk_line(MutableBytes input) {
  const std::size_t digits_before = chunk_.digits();
  const Scan scan = chunk_.scan_line(input);
  const std::size_t digits = std::min(chunk_.digits() - digits_before, scan.good);
  if (!execute(input.first(digits))) return scan.good;
  check_scan(scan);
  if (scan.ended && !execute(as_bytes("\r\n"))) return scan.good;
  if (phase_ == Phase::failed || !scan.ended) return scan.good;
  if (!std::exchange(chunk_header_done_, false)) {
    fail(Code::malformed_response, "a chunk size line that does not end");
  } else if (left_ == 0) {
    phase_ = Phase::trailers;
    field_count_ = 0;
    section_.start_trailers();
  } else {
    phase_ = Phase::chunk_data;
  }
  return scan.good;
}

std::size_t Reader::read_chunk_end(MutableBytes input) {
  const Scan scan = chunk_.scan_end(input);
  if (!execute(input.first(scan.good))) return scan.good;
  check_scan(scan);
  if (phase_ != Phase::failed && scan.ended) {
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
    // Down to the end of what this input has given already: the framing between the pieces is done with.
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

bool Reader::take_reason(std::string_view part) {
  std::string& reason = head_->reason;
  if (!is_field_value(part)) {
    fail(Code::malformed_response, "a control byte in the reason");
  } else if (part.size() > limits::kMaxReasonBytes - reason.size()) {
    fail(Code::response_too_large, "a reason of more bytes than are taken");
  } else {
    reason.append(part);
    return true;
  }
  return false;
}

bool Reader::take_field() {
  const bool in_head = phase_ == Phase::head;
  if (++field_count_ > limits::kMaxFields) {
    fail(Code::response_too_large, "more fields than are taken");
    return false;
  }
  Fields* fields = in_head ? &head_->fields : trailers_;
  Result<void> added;
  if (fields != nullptr) added = fields->add(name_.text(), value_.text());
  if (!added) {
    added.error().code == Code::out_of_memory ? fail_for_memory()
                                              : fail(Code::malformed_response, added.error().context);
    return false;
  }
  if (in_head && !note_field(name_.text(), value_.text())) return false;
  name_.clear();
  value_.clear();
  return true;
}

// Remembers what bears on framing. By the name's length first: most fields are none of these.
bool Reader::note_field(std::string_view name, std::string_view value) {
  const auto is = [name](std::string_view other) { return equals_ignoring_case(name, other); };
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  if (name.size() == 10 && is("Connection")) {
    while (const auto element = next_list_element(value)) {
      says_close_ |= equals_ignoring_case(*element, "close");
      says_keep_alive_ |= equals_ignoring_case(*element, "keep-alive");
    }
  } else if (name.size() == 14 && is("Content-Length")) {
    std::uint64_t length = 0;
    const auto end = std::from_chars(value.data(), value.data() + value.size(), length);
    if (content_length_ || value.empty() || end.ec != std::errc() || end.ptr != value.data() + value.size()) {
      fail(Code::malformed_response,
           content_length_ ? "Content-Length more than once" : "a Content-Length that is not one number");
      return false;
    }
    content_length_ = length;
  } else if (name.size() == 17 && is("Transfer-Encoding")) {
    if (chunked_ || !equals_ignoring_case(value, "chunked")) {
      fail(Code::malformed_response, "a Transfer-Encoding other than chunked, once");
      return false;
    }
    chunked_ = true;
  }
  return true;
}

// The head is whole: RFC 9112 6.3, in its order. False: fail() was called.
bool Reader::frame_body() {
  llhttp_t& parser = parser_in(parser_);
  status_ = parser.status_code;
  head_->status = status_;
  head_->version = {parser.http_major, parser.http_minor};
  if (status_ == 101) {
    fail(Code::unexpected_upgrade,
         expectation_.asked_upgrade
             ? "101 Switching Protocols; no protocol but HTTP can be spoken here, also if asked for"
             : "101 Switching Protocols that was not asked for");
    return false;
  }
  if (content_length_ && chunked_) {
    fail(Code::malformed_response, "Content-Length together with Transfer-Encoding");
    return false;
  }
  if (chunked_ && head_->version.minor == 0) {
    fail(Code::malformed_response, "Transfer-Encoding in HTTP/1.0");  // RFC 9112 6.1
    return false;
  }
  if (status_ < 200) {
    if (++interim_count_ <= limits::kMaxInterimResponses) return true;
    fail(Code::response_too_large, "more interim responses than are taken");
    return false;
  }
  return frame_final_head();
}

bool Reader::frame_final_head() {
  keep_alive_ = head_->version.minor == 0 ? says_keep_alive_ && !says_close_ : !says_close_;
  if (bodiless()) {
    phase_ = Phase::complete;
  } else if (chunked_) {
    phase_ = Phase::chunk_line;
    chunk_.start_message();
  } else if (content_length_) {
    left_ = *content_length_;
    phase_ = left_ == 0 ? Phase::complete : Phase::length_body;
  } else {
    phase_ = Phase::eof_body;
    keep_alive_ = false;
  }
  return true;
}

Error Reader::cut_short() const {
  std::string text = "response: the connection ended ";
  switch (phase_) {
    case Phase::head:
      text += headers_done_ ? "after an interim response" : "in the middle of the head";
      break;
    case Phase::length_body:
      text +=
          "after " + std::to_string(body_bytes_) + " of " + std::to_string(body_bytes_ + left_) + " bytes of the body";
      break;
    case Phase::eof_body:
      text += "without a proper close after " + std::to_string(body_bytes_) +
              " bytes of a body that only a proper close can end";
      break;
    case Phase::chunk_line:
    case Phase::chunk_data:
    case Phase::chunk_end:
      text += "after " + std::to_string(body_bytes_) + " bytes of a chunked body that has no end";
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

Result<void> Reader::end(bool clean) {
  SLUICE_CHECK(phase_ != Phase::idle && phase_ != Phase::complete && phase_ != Phase::failed);
  if (phase_ == Phase::eof_body && clean) {
    phase_ = Phase::complete;
    return {};
  }
  error_ =
      started_ ? cut_short() : make_error(Code::connection_closed, "the connection was closed before a response began");
  phase_ = Phase::failed;
  return std::unexpected(error_);
}

}  // namespace sluice::http1
