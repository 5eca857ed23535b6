// See response_reader.hpp.
#include "core/http2/response_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <string>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"
#include "core/http2/error_names.hpp"

namespace sluice::http2 {
namespace {

std::unexpected<Error> malformed(std::string_view why) {
  return std::unexpected(stream_error(std::to_underlying(ErrorCode::protocol_error), why));
}

bool has_upper_case(std::string_view name) {
  return std::ranges::any_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
}

// RFC 9113 8.2.2.
bool is_of_connection(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kForbidden = {"connection", "keep-alive", "proxy-connection",
                                                                 "transfer-encoding", "upgrade"};
  return std::ranges::find(kForbidden, name) != kForbidden.end();
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// The name is a token.
Result<void> keep(Fields& fields, std::string_view name, std::string_view value) {
  if (fields.add_received(name, value, true)) return {};
  if (is_received_value(value)) throw std::bad_alloc();
  return malformed("a field value with CR, LF or NUL");
}

}  // namespace

void ResponseReader::start(const Places& places) { *this = ResponseReader(), places_ = places; }

Result<void> ResponseReader::begin_section() {
  started_ = true;
  has_fields_ = false;
  fields_ = section_bytes_ = 0;
  if (phase_ == Phase::trailers) return malformed("a field section after the trailers");
  head_bytes_ = 0;
  if (phase_ == Phase::body) {
    phase_ = Phase::trailers;
    if (places_.trailers) places_.trailers->clear();
    return {};
  }
  status_ = 0;
  content_length_.reset();
  places_.head->clear();
  return {};
}

// SB-18, SB-22.
Result<void> ResponseReader::count(std::string_view name, std::string_view value) {
  const std::size_t bytes = name.size() + value.size();
  // RFC 9113 6.5.2 counts 32 bytes more for each field.
  constexpr std::size_t kOverhead = 32;
  if (++fields_ > limits::kMaxFields || bytes + kOverhead > limits::kMaxHeadBytes - section_bytes_) {
    return std::unexpected(make_error(Code::response_too_large, "response: a head that is larger than is taken"));
  }
  section_bytes_ += bytes + kOverhead;
  // As lines of text: "HTTP/2 200 ", or the name, ": " and the value; and the line's end.
  head_bytes_ += (name.starts_with(':') ? std::string_view("HTTP/2  ").size() + value.size() : bytes + 2) + 2;
  return {};
}

Result<void> ResponseReader::pseudo(std::string_view name, std::string_view value) {
  if (name != ":status") return malformed("a pseudo-header field that is none of a response");
  if (phase_ == Phase::trailers) return malformed(":status in trailers");
  if (has_fields_) return malformed(":status after other fields");
  if (status_ != 0) return malformed(":status twice");
  const auto number = value.size() == 3 ? decimal(value) : std::nullopt;
  if (!number || *number < 100) return malformed("a :status that is not three digits");
  if (*number == 101) return malformed("the status 101, which HTTP/2 does not have");  // RFC 9113 8.6
  status_ = static_cast<int>(*number);
  ResponseHead& head = *places_.head;
  head.status = status_;
  head.version = {2, 0};
  if (!places_.keep_raw) return {};
  head.append_raw("HTTP/2 ");
  head.append_raw(value);
  head.append_raw(" \r\n");
  return {};
}

// SB-68.
Result<void> ResponseReader::field(std::string_view name, std::string_view value) {
  if (auto counted = count(name, value); !counted) return counted;
  if (name.starts_with(':')) return pseudo(name, value);
  has_fields_ = true;
  if (has_upper_case(name)) return malformed("a field name in upper case");
  if (!is_token(name)) return malformed("a field name that is no token");
  if (is_of_connection(name)) return malformed("the field " + std::string(name) + ", which belongs to a connection");
  if (phase_ == Phase::trailers) {
    if (places_.trailers) return keep(*places_.trailers, name, value);
    return is_received_value(value) ? Result<void>() : malformed("a field value with CR, LF or NUL");
  }
  if (status_ == 0) return malformed("a field before :status");
  if (name == "content-length" && !opens_tunnel()) {
    if (auto noted = note_length(value); !noted) return noted;
  }
  ResponseHead& head = *places_.head;
  if (auto kept = keep(head.fields, name, value); !kept) return kept;
  if (!places_.keep_raw) return {};
  head.append_raw(name);
  head.append_raw(": ");
  head.append_raw(value);
  head.append_raw("\r\n");
  return {};
}

// One number, or a list that repeats it (RFC 9110 8.6).
Result<void> ResponseReader::note_length(std::string_view list) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const auto length = decimal(trim_blanks(list.substr(begin, end - begin)));
    if (!length) return malformed("a content-length that is not one number");
    if (content_length_.value_or(*length) != *length) return malformed("content-lengths that differ");
    content_length_ = length;
    begin = end + 1;
  }
  return {};
}

Result<ResponseReader::Section> ResponseReader::end_section(bool last) {
  if (phase_ == Phase::trailers) {
    if (!last) return malformed("a field section in the middle of a body");
    if (auto ended = end_body(); !ended) return std::unexpected(std::move(ended.error()));
    return Section::trailers;
  }
  if (status_ == 0) return malformed("a response without :status");
  head_bytes_ += 2;
  if (places_.keep_raw) places_.head->append_raw("\r\n");
  if (status_ < 200) {
    if (last) return malformed("an interim response that ends the stream");
    return Section::interim;
  }
  phase_ = Phase::body;
  if (last) {
    if (auto ended = end_body(); !ended) return std::unexpected(std::move(ended.error()));
  }
  return Section::head;
}

Result<void> ResponseReader::body(std::size_t bytes) {
  if (bytes == 0) return {};
  started_ = true;
  if (phase_ == Phase::head) return malformed("a body before the head");
  if (bodiless()) return malformed("a body where there can be none");
  body_bytes_ += bytes;
  if (content_length_ && body_bytes_ > *content_length_) return malformed("more body bytes than content-length says");
  return {};
}

Result<void> ResponseReader::end_body() const {
  if (phase_ == Phase::head) return malformed("a stream that ends without a response");
  if (!bodiless() && content_length_ && body_bytes_ != *content_length_) {
    return malformed("the server ended the stream" + how_far());
  }
  return {};
}

std::string ResponseReader::how_far() const {
  if (phase_ == Phase::head || bodiless()) return {};
  const std::string of = content_length_ ? " of " + std::to_string(*content_length_) : "";
  return " after " + std::to_string(body_bytes_) + of + " bytes of the body";
}

std::optional<std::uint64_t> ResponseReader::body_length(bool last) const {
  if (bodiless()) return std::nullopt;
  if (last) return 0;
  return content_length_;
}

}  // namespace sluice::http2
