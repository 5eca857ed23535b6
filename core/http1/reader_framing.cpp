// See reader.hpp: what Content-Length and Transfer-Encoding say about the body's framing, and the checks of RFC 9112
// 6.3. Which fields these are is decided in reader.cpp, for every field.
#include <algorithm>
#include <string>

#include "core/base/ascii.hpp"
#include "core/http1/field_text.hpp"
#include "core/http1/reader.hpp"

namespace sluice::http1 {
namespace {

constexpr std::size_t kShownBytes = 40;  // the longest part of the peer's text in a message

}  // namespace

// RFC 9112 6.3: one number, or a list that repeats the same number.
bool Reader::note_length(std::string_view list) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const auto length = decimal(trim_blanks(list.substr(begin, end - begin)));
    if (!length) return fail(Code::malformed_response, "a Content-Length that is not one number");
    if (content_length_ && strict()) return fail(Code::malformed_response, "Content-Length more than once");
    const bool differs = content_length_ && *content_length_ != *length;
    if (differs) return fail(Code::malformed_response, "Content-Lengths that differ");
    content_length_ = length;
    begin = end + 1;
  }
  return true;
}

bool Reader::note_codings(std::string_view list) {
  // Without a body the codings do not matter.
  const bool matters = strict() || !bodiless();
  std::size_t count = 0;
  while (const auto coding = next_list_element(list)) {
    ++count;
    if (equals_ignoring_case(*coding, "chunked")) {
      if (is_chunked()) return fail(Code::malformed_response, "a Transfer-Encoding that says chunked twice");
      transfer_ = Transfer::chunked;
    } else if (is_chunked() && matters) {
      return fail(Code::malformed_response, "a Transfer-Encoding that has a coding after chunked");
    } else if (equals_ignoring_case(*coding, "identity") && !strict()) {
      has_identity_ = in_doubt_ = true;
    } else if (matters && expectation_.body != http::BodyForm::plain) {
      transfer_ = Transfer::coded;
    } else if (matters) {
      const std::string shown(coding->substr(0, kShownBytes));
      return fail(Code::unsupported_coding, "Transfer-Encoding \"" + shown + "\", which is not decoded here");
    } else {
      in_doubt_ = true;
    }
  }
  in_doubt_ |= count == 0;
  return count > 0 || !strict() || fail(Code::malformed_response, "a Transfer-Encoding that names none");
}

// The head is complete: the checks of RFC 9112 6.3, in its order.
bool Reader::check_head() {
  if (status_ == 101) {
    return fail(Code::unexpected_upgrade,
                expectation_.asked_upgrade
                    ? "101 Switching Protocols; no protocol but HTTP can be spoken here, also if asked for"
                    : "101 Switching Protocols that was not asked for");
  }
  // RFC 9110 8.6, RFC 9112 6.1: neither field is allowed. In tolerant mode both are ignored.
  if (strict() && (status_ < 200 || status_ == 204) && (content_length_ || transfer_ != Transfer::none)) {
    return fail(Code::malformed_response, "Content-Length or Transfer-Encoding with a status that has no body");
  }
  const bool matters = strict() || !bodiless();
  if (transfer_ != Transfer::none && content_length_) {
    if (strict()) return fail(Code::malformed_response, "Content-Length together with Transfer-Encoding");
    in_doubt_ = true;
    content_length_.reset();
  }
  if (transfer_ != Transfer::none && has_identity_ && matters) {
    return fail(Code::malformed_response, "a Transfer-Encoding that says both identity and another coding");
  }
  if (transfer_ != Transfer::none && head_->version.minor == 0) {
    if (matters) return fail(Code::malformed_response, "Transfer-Encoding in HTTP/1.0");  // RFC 9112 6.1
    in_doubt_ = true;
  }
  return true;
}

void Reader::frame_body() {
  keep_alive_ = head_->version.minor == 0 ? says_keep_alive_ && !says_close_ : !says_close_;
  if (bodiless()) {
    phase_ = Phase::complete;
  } else if (is_chunked()) {
    phase_ = Phase::chunk_line;
    chunk_.start_message();
  } else if (content_length_) {
    left_ = *content_length_;
    phase_ = left_ == 0 ? Phase::complete : Phase::length_body;
  } else {
    phase_ = Phase::eof_body;
    keep_alive_ = false;
  }
}

}  // namespace sluice::http1
