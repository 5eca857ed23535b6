// See http2_misdeeds.hpp.
#include "adapters/sim/http2_misdeeds.hpp"

#include <algorithm>
#include <string_view>

#include "core/base/limits.hpp"

namespace sluice::sim {
namespace {

// RFC 9113 6, RFC 7838 4, RFC 8336 2.
enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kWindowUpdate = 8,
  kContinuation = 9,
  kAltSvc = 10,
  kOrigin = 12,
  kUnknown = 0xfa
};
enum FrameFlag : std::uint8_t { kNone = 0, kEndStream = 1, kEndHeaders = 4 };
constexpr std::size_t kMaxFrame = 16'384;

// The lower `bytes` bytes, in the order of the network.
std::string number(std::uint64_t value, int bytes) {
  std::string out;
  for (int at = bytes - 1; at >= 0; --at) out += static_cast<char>(value >> (8 * at) & 0xff);
  return out;
}

std::string frame(FrameType type, int flags, std::uint32_t stream, std::string_view payload) {
  return number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + number(stream, 4) +
         std::string(payload);
}

// RFC 7541 6.2.2, for texts of less than 127 bytes.
std::string field(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  for (const std::string_view text : {name, value}) (out += static_cast<char>(text.size())) += text;
  return out;
}
const std::string kOk = field(":status", "200");

std::string head(std::uint32_t stream, std::string_view block, int flags = kNone) {
  return frame(kHeaders, flags | kEndHeaders, stream, block);
}

std::string repeated(const std::string& what, std::size_t times) {
  std::string out;
  out.reserve(what.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += what;
  return out;
}

std::string all_at_once(std::uint32_t stream, const HttpReply& reply) {
  std::string block = field(":status", std::to_string(reply.status));
  for (const auto& [name, value] : reply.fields) block += field(name, value);
  std::string out = head(stream, block, reply.body.empty() ? kEndStream : kNone);
  for (std::string_view rest = reply.body; !rest.empty();) {
    const std::string_view part = rest.substr(0, std::min(rest.size(), kMaxFrame));
    rest.remove_prefix(part.size());
    out += frame(kData, rest.empty() ? kEndStream : kNone, stream, part);
  }
  return out;
}

}  // namespace

std::string wrong_frames(Http2Fault fault, std::uint32_t stream, const HttpReply& reply) {
  switch (fault) {
    case Http2Fault::none:
    case Http2Fault::refused:
    case Http2Fault::calm:
    case Http2Fault::needs_http1:
    case Http2Fault::goaway_http1:
    case Http2Fault::reset_at_head:
    case Http2Fault::reset_in_body:
    case Http2Fault::goaway_calm:
    case Http2Fault::closes_in_body:
    case Http2Fault::resets_in_body:
      return {};
    case Http2Fault::two_statuses:
      return head(stream, kOk + kOk, kEndStream);
    case Http2Fault::upper_case_name:
      return head(stream, kOk + field("X-Name", "1"), kEndStream);
    case Http2Fault::connection_field:
      return head(stream, kOk + field("connection", "keep-alive"), kEndStream);
    case Http2Fault::long_body:
      return head(stream, kOk + field("content-length", "3")) + frame(kData, kEndStream, stream, "too long");
    case Http2Fault::short_body:
      return head(stream, kOk + field("content-length", "9")) + frame(kData, kEndStream, stream, "short");
    case Http2Fault::late_head:
      return head(stream, kOk) + frame(kData, kNone, stream, "body") + head(stream, kOk);
    case Http2Fault::no_status:
      return head(stream, field("x-name", "1"), kEndStream);
    case Http2Fault::zero_update:
      return frame(kWindowUpdate, kNone, stream, number(0, 4));
    case Http2Fault::interim_flood:
      return repeated(head(stream, field(":status", "103") + field("x", std::string(120, 'i'))),
                      limits::kMaxInterimBytes / 100);
    case Http2Fault::settings_flood:
      return repeated(frame(kSettings, kNone, 0, ""), 4 * limits::kMaxUnansweredFrames);
    case Http2Fault::update_flood:
      return repeated(frame(kWindowUpdate, kNone, 0, number(1, 4)), 2 * limits::kMaxIdleFrames);
    case Http2Fault::priority_flood:
      return repeated(frame(kPriority, kNone, stream, number(0, 4) + '\x10'), 2 * limits::kMaxIdleFrames);
    case Http2Fault::hpack_bomb:
      // RFC 7541 6.2.1: a long field that the table keeps; 6.1: its place there, again and again.
      return head(stream, kOk + '\x40' + std::string("\x01x\x7f\x81\x1e", 5) + std::string(4'000, 'b') +
                              std::string(10'000, '\xbe'));
    case Http2Fault::push_promise:
      return frame(kPushPromise, kEndHeaders, stream, number(2, 4) + field(":method", "GET"));
    case Http2Fault::continuations:
      return frame(kHeaders, kNone, stream, kOk) +
             repeated(frame(kContinuation, kNone, stream, field("x", std::string(100, 'x'))), 100);
    case Http2Fault::pings:
      return repeated(frame(kPing, kNone, 0, "no pause"), 4 * limits::kMaxUnansweredFrames);
    case Http2Fault::empty_frames:
      return head(stream, kOk) + repeated(frame(kData, kNone, stream, ""), 2 * limits::kMaxIdleFrames);
    case Http2Fault::huge_frame:
      return head(stream, kOk) + frame(kData, kNone, stream, std::string(kMaxFrame + 1, 'x'));
    case Http2Fault::bad_setting:
      return frame(kSettings, kNone, 0, number(4, 2) + number(0x8000'0000, 4));
    case Http2Fault::idle_stream:
      return frame(kData, kNone, stream + 0x10'0000, "nobody asked");
    case Http2Fault::stray_data:
      return frame(kData, kNone, 0, "for nobody");
    case Http2Fault::data_after_end:
      return all_at_once(stream, reply) + frame(kData, kEndStream, stream, "more");
    case Http2Fault::overrun:
      return all_at_once(stream, reply);
  }
  return {};
}

std::string noise_frames(std::uint32_t stream) {
  return frame(kUnknown, 0xff, stream, "what") + frame(kUnknown, 0xff, 0, "") +
         frame(kPriority, kNone, stream, number(0, 4) + '\x10') + frame(kOrigin, kNone, 0, "") +
         frame(kAltSvc, kNone, stream, number(0, 2) + "clear");
}

}  // namespace sluice::sim
