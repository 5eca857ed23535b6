// See upload.hpp. The buffer is linear, so that the pending bytes are one contiguous view. They are moved to the front
// only when at least a quarter of the buffer before them is free, so each byte is moved a bounded number of times.
#include "core/http/upload.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "core/base/memory.hpp"

namespace sluice::http {
namespace {

// What frames or routes a message, describes its content, or must be known before the body (RFC 9110 6.5.1).
bool may_be_trailer(std::string_view name) {
  static constexpr std::array<std::string_view, 26> kNever = {"Authorization",
                                                              "Cache-Control",
                                                              "Connection",
                                                              "Content-Encoding",
                                                              "Content-Length",
                                                              "Content-Range",
                                                              "Content-Type",
                                                              "Cookie",
                                                              "Expect",
                                                              "Host",
                                                              "HTTP2-Settings",
                                                              "If-Match",
                                                              "If-Modified-Since",
                                                              "If-None-Match",
                                                              "If-Range",
                                                              "If-Unmodified-Since",
                                                              "Keep-Alive",
                                                              "Max-Forwards",
                                                              "Pragma",
                                                              "Proxy-Authorization",
                                                              "Proxy-Connection",
                                                              "Range",
                                                              "TE",
                                                              "Trailer",
                                                              "Transfer-Encoding",
                                                              "Upgrade"};
  return std::ranges::none_of(kNever, [&](std::string_view never) { return equals_ignoring_case(name, never); });
}

std::unexpected<Error> refuse(std::string why) {
  return std::unexpected(make_error(Code::invalid_request, "request trailers: " + why));
}

Result<void> check(const Fields& trailers) {
  if (!trailers.are_sendable()) return refuse("a field that cannot be sent (RFC 9110 5.5)");
  if (trailers.text_bytes() + 4 * trailers.size() > limits::kMaxRequestHeadBytes) return refuse("too large");
  for (const Field field : trailers) {
    if (!may_be_trailer(field.name)) return refuse(std::string(field.name) + " cannot be one (RFC 9110 6.5.1)");
  }
  return {};
}

}  // namespace

UploadBody::UploadBody(const RequestBody& body) : length_(known_length(body)) {
  if (const auto* view = std::get_if<BodyView>(&body)) {
    kind_ = Kind::fixed;
    fixed_ = view->bytes;
  } else if (const auto* owned = std::get_if<BodyOwned>(&body)) {
    kind_ = Kind::fixed;
    fixed_ = as_bytes(owned->bytes);
  } else if (const auto* stream = std::get_if<BodyStream>(&body)) {
    kind_ = Kind::stream;
    rewindable_ = stream->rewindable;
    finished_ = length_ == std::uint64_t{0};
  }
}

Bytes UploadBody::pending() const {
  const Bytes all = rest();
  return allowance_ == kUnlimited ? all : all.first(std::min<std::size_t>(all.size(), allowance_));
}

void UploadBody::allow(std::size_t bytes) {
  allowance_ = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, kUnlimited));
}

Bytes UploadBody::rest() const {
  if (kind_ == Kind::fixed) return fixed_.subspan(static_cast<std::size_t>(sent_));
  return {buffer_.get() + begin_, end_ - begin_};
}

void UploadBody::advance(std::size_t bytes) {
  SLUICE_CHECK(bytes <= rest().size());
  sent_ += bytes;
  if (allowance_ != kUnlimited) allowance_ -= static_cast<std::uint32_t>(std::min<std::size_t>(bytes, allowance_));
  if (kind_ != Kind::stream) return;
  begin_ += bytes;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (finished_) buffer_.reset();
}

bool UploadBody::has_room() const {
  return kind_ == Kind::stream && !finished_ && !awaits_rewind_ &&
         (end_ < limits::kUploadBufferBytes || begin_ >= limits::kUploadBufferBytes / 4);
}

MutableBytes UploadBody::space() {
  if (!has_room()) return {};
  if (!buffer_) {
    buffer_.reset(new (std::nothrow) std::uint8_t[limits::kUploadBufferBytes]);
    if (!buffer_) return {};
  }
  if (begin_ >= limits::kUploadBufferBytes / 4) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  std::uint64_t room = limits::kUploadBufferBytes - end_;
  if (length_) room = std::min(room, *length_ - committed_);
  return {buffer_.get() + end_, static_cast<std::size_t>(room)};
}

void UploadBody::commit(std::size_t bytes) {
  SLUICE_CHECK(kind_ == Kind::stream);
  if (bytes == 0) return;
  SLUICE_CHECK(!finished_ && buffer_ && bytes <= limits::kUploadBufferBytes - end_);
  SLUICE_CHECK(!length_ || bytes <= *length_ - committed_);
  end_ += bytes;
  committed_ += bytes;
  // At the declared length the body is finished: finish() could not change anything.
  if (length_ == committed_) finished_ = true;
}

Result<void> UploadBody::finish() {
  if (length_ && kind_ == Kind::stream && committed_ < *length_) {
    return std::unexpected(make_error(Code::upload_failed, "upload ended after " + std::to_string(committed_) + " of " +
                                                               std::to_string(*length_) + " declared bytes"));
  }
  finished_ = true;
  if (begin_ == end_) buffer_.reset();
  return {};
}

Result<void> UploadBody::finish(Fields trailers) {
  return or_out_of_memory([&]() -> Result<void> {
    if (length_) return refuse("the body's length was declared, so it ends without them");
    if (finished_) return {};
    if (auto checked = check(trailers); !checked) return checked;
    auto made = std::make_unique<Trailers>();
    made->text = "\r\n0\r\n";
    for (const Field field : trailers) made->text.append(field.name).append(": ").append(field.value).append("\r\n");
    made->text += "\r\n";
    made->fields = std::move(trailers);
    trailers_ = std::move(made);
    return finish();
  });
}

void UploadBody::rewind() {
  SLUICE_CHECK(replayable());
  sent_ = 0;
  if (kind_ != Kind::stream || committed_ == 0) return;
  trailers_.reset();
  begin_ = end_ = 0;
  committed_ = 0;
  finished_ = false;
  awaits_rewind_ = true;
}

}  // namespace sluice::http
