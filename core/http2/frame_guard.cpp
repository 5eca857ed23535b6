// See frame_guard.hpp.
#include "core/http2/frame_guard.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/limits.hpp"
#include "core/http2/error_names.hpp"

namespace sluice::http2 {
namespace {

// RFC 9113 6.
enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kWindowUpdate = 8,
  kContinuation = 9
};
constexpr std::uint8_t kAck = 1;
constexpr std::size_t kMaxPayloadBytes = 16 * 1024;  // our SETTINGS_MAX_FRAME_SIZE is the initial one

std::unexpected<Error> refuse(ErrorCode code, std::string_view why) {
  return std::unexpected(connection_error(code, why));
}

}  // namespace

std::size_t FrameGuard::payload_bytes() const {
  return std::size_t{header_[0]} << 16 | std::size_t{header_[1]} << 8 | header_[2];
}

Result<FrameGuard::Piece> FrameGuard::next(Bytes input) {
  Piece piece;
  std::size_t begin = 0;  // of what the library gets of the input
  if (header_bytes_ < kHeaderBytes) {
    const bool is_whole = header_bytes_ == 0 && input.size() >= kHeaderBytes;
    piece.taken = std::min(kHeaderBytes - header_bytes_, input.size());
    std::memcpy(header_.data() + header_bytes_, input.data(), piece.taken);
    header_bytes_ += piece.taken;
    if (header_bytes_ < kHeaderBytes) return piece;
    if (auto checked = check(); !checked) return std::unexpected(std::move(checked.error()));
    payload_left_ = payload_bytes();
    if (!is_whole) {
      piece.header = header_;
      begin = piece.taken;
    }
  }
  const std::size_t of_payload = std::min(payload_left_, input.size() - piece.taken);
  payload_left_ -= of_payload;
  piece.taken += of_payload;
  piece.rest = input.subspan(begin, piece.taken - begin);
  if (payload_left_ == 0) header_bytes_ = 0;
  return piece;
}

// RFC 9113 3.4: a server's connection begins with SETTINGS.
Result<void> FrameGuard::check_first() const {
  if (header_[3] == kSettings && (header_[4] & kAck) == 0) return {};
  if (as_text(Bytes{header_}).starts_with("HTTP/1.")) {
    return refuse(ErrorCode::protocol_error, "the server answers in HTTP/1");
  }
  return refuse(ErrorCode::protocol_error, "the server's answer does not begin with SETTINGS");
}

Result<void> FrameGuard::check() {
  if (!begun_) {
    if (auto first = check_first(); !first) return first;
    begun_ = true;
  }
  const std::uint8_t type = header_[3];
  const bool is_ack = (header_[4] & kAck) != 0;
  if (payload_bytes() > kMaxPayloadBytes) return refuse(ErrorCode::frame_size_error, "a frame of more than 16 KiB");
  // RFC 9113 8.4: our SETTINGS do not allow it (SB-67).
  if (type == kPushPromise) return refuse(ErrorCode::protocol_error, "a PUSH_PROMISE, which is not allowed");
  if (type == kHeaders) continuations_ = 0;
  if (type == kContinuation && ++continuations_ > limits::kMaxContinuations) {
    return refuse(ErrorCode::enhance_your_calm, "too many CONTINUATION frames");
  }
  if ((type == kPing || type == kSettings) && !is_ack) {
    if (++unanswered_ > limits::kMaxUnansweredFrames) {
      return refuse(ErrorCode::enhance_your_calm, "a flood of PING or SETTINGS frames");
    }
  } else if (!was_on_its_way(type) && !is_answer(type) && ++idle_ > limits::kMaxIdleFrames) {
    return refuse(ErrorCode::enhance_your_calm, "a flood of frames without data");
  }
  return {};
}

void FrameGuard::moved(std::size_t body_bytes) { idle_ -= std::min(idle_, body_bytes); }
void FrameGuard::opened() { moved(limits::kIdleFramesPerRequest); }

void FrameGuard::sent(std::size_t body_bytes) {
  moved(body_bytes);
  if (body_bytes != 0) updates_ = std::min(updates_ + 2, limits::kMaxIdleFrames - 1);
}

bool FrameGuard::is_answer(std::uint8_t type) {
  if (type != kWindowUpdate || updates_ == 0) return false;
  --updates_;
  return true;
}

// No more than the connection's window can be on the way at once.
void FrameGuard::gave_up(std::size_t window_bytes) {
  moved(limits::kIdleFramesPerAbort);
  on_its_way_ += std::min(window_bytes, limits::kConnectionWindowBytes - on_its_way_);
}

// Whose data it is shows later: read() gives back what that of other exchanges has used, to the same limit: another
// exchange may have been given up in the meantime.
bool FrameGuard::was_on_its_way(std::uint8_t type) {
  used_ = 0;
  const std::size_t bytes = std::max(payload_bytes(), limits::kLeastAbandonedFrameBytes);
  if (type != kData || bytes > on_its_way_) return false;
  on_its_way_ -= bytes;
  used_ = bytes;
  return true;
}

void FrameGuard::read(std::size_t body_bytes) {
  moved(body_bytes);
  on_its_way_ = std::min(on_its_way_ + std::exchange(used_, 0), limits::kConnectionWindowBytes);
}

}  // namespace sluice::http2
