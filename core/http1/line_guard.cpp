// See line_guard.hpp.
#include "core/http1/line_guard.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/limits.hpp"

namespace sluice::http1 {
namespace {

constexpr std::uint8_t kCr = '\r', kLf = '\n';
constexpr const char* kBareCr = "a CR without a LF behind it";
constexpr const char* kBareLf = "a LF without a CR before it";

bool is_digit(std::uint8_t byte) { return byte >= '0' && byte <= '9'; }
bool is_hex(std::uint8_t byte) {
  const auto lower = static_cast<std::uint8_t>(byte | 0x20U);
  return is_digit(byte) || (lower >= 'a' && lower <= 'f');
}

// The index of the first such byte in [from, to), or `to`.
std::size_t find(Bytes input, std::size_t from, std::size_t to, std::uint8_t byte) {
  if (from == to) return to;
  const void* hit = std::memchr(input.data() + from, byte, to - from);
  return hit == nullptr ? to : static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) - input.data());
}

constexpr std::size_t kStatusPrefixBytes = 13;  // "HTTP/1.1 200 "

}  // namespace

void SectionGuard::start_head() {
  *this = {};
  status_line_ = true;
}

void SectionGuard::start_trailers() { *this = {}; }

// RFC 9112 4, but for the space behind the status code, which many servers leave out with the reason. Everything that
// the parser knows beside HTTP/1.0 and HTTP/1.1 ends here (SB-55).
const char* SectionGuard::status_line_fault(std::uint8_t byte) const {
  static constexpr char kProtocol[] = "HTTP/1.";
  switch (line_bytes_) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      return byte == static_cast<std::uint8_t>(kProtocol[line_bytes_]) ? nullptr : "no HTTP/1 status line";
    case 7:
      return byte == '0' || byte == '1' ? nullptr : "an HTTP version that is neither 1.0 nor 1.1";
    case 8:
      return byte == ' ' ? nullptr : "no space behind the version";
    case 9:
      return byte >= '1' && byte <= '5' ? nullptr : "a status code outside 100 to 599";
    case 10:
    case 11:
      return is_digit(byte) ? nullptr : "a status code that is not three digits";
    default:
      return byte == ' ' || byte == kCr ? nullptr : "a status code of more than three digits";
  }
}

Scan SectionGuard::scan(Bytes input) {
  const std::size_t room = limits::kMaxHeadBytes - bytes_;
  Scan result = scan_lines(input.first(std::min(input.size(), room)));
  bytes_ += result.good;
  if (!result.ended && result.fault == nullptr && input.size() > room) {
    result.fault = "more header bytes than are taken";
    result.code = Code::response_too_large;
  }
  return result;
}

Scan SectionGuard::scan_lines(Bytes input) {
  std::size_t at = 0;
  while (at < input.size()) {
    if (after_cr_) {
      if (input[at] != kLf) return {at, false, kBareCr};
      ++at;
      after_cr_ = false;
      status_line_ = false;
      if (line_bytes_ == 0) return {at, true};
      line_bytes_ = 0;
      continue;
    }
    if (status_line_ && line_bytes_ < kStatusPrefixBytes) {
      if (const char* fault = status_line_fault(input[at])) return {at, false, fault};
      if (input[at] != kCr) {
        ++line_bytes_;
        ++at;
        continue;
      }
    } else if (line_bytes_ == 0 && (input[at] == ' ' || input[at] == '\t')) {
      return {at, false, "a line that begins with white space"};  // RFC 9112 5.2, obs-fold
    }
    const std::size_t cr = find(input, at, input.size(), kCr);
    const std::size_t lf = find(input, at, cr, kLf);
    if (lf != cr) return {lf, false, kBareLf};
    line_bytes_ += cr - at;
    after_cr_ = cr != input.size();
    at = after_cr_ ? cr + 1 : cr;
  }
  return {at, false};
}

const char* ChunkGuard::size_line_fault(std::uint8_t byte) {
  if (behind_size_ == Behind::nothing && is_hex(byte)) {
    // 16 digits hold every size there is; a limit here is one on leading zeros too (SB-17).
    return ++digits_ > 16 ? "a chunk size of more than 16 digits" : nullptr;
  }
  if (digits_ == 0) return "a chunk without a size";
  if (byte == kLf) return kBareLf;
  if (byte != '\t' && (byte < 0x20 || byte == 0x7f)) return "a control byte in a chunk extension";
  if (behind_size_ != Behind::extension) {
    if (byte != ';' && byte != ' ' && byte != '\t') return "a chunk size that is not hexadecimal";
    behind_size_ = byte == ';' ? Behind::extension : Behind::blanks;
  }
  ++extension_bytes_;
  return nullptr;
}

Scan ChunkGuard::scan_line(Bytes input) {
  for (std::size_t at = 0; at < input.size(); ++at) {
    const std::uint8_t byte = input[at];
    if (after_cr_) return byte == kLf ? Scan{at + 1, true} : Scan{at, false, kBareCr};
    if (byte == kCr && digits_ > 0 && behind_size_ != Behind::blanks) {
      after_cr_ = true;
      continue;
    }
    if (const char* fault = size_line_fault(byte)) return {at, false, fault};
    if (extension_bytes_ > limits::kMaxChunkExtensionBytes) {
      return {at, false, "more bytes of chunk extensions than are taken", Code::response_too_large};
    }
  }
  return {input.size(), false};
}

Scan ChunkGuard::scan_end(Bytes input) {
  static constexpr const char* kFault = "a chunk whose data is not followed by CRLF";
  for (std::size_t at = 0; at < input.size(); ++at) {
    if (after_cr_) return input[at] == kLf ? Scan{at + 1, true} : Scan{at, false, kFault};
    if (input[at] != kCr) return {at, false, kFault};
    after_cr_ = true;
  }
  return {input.size(), false};
}

}  // namespace sluice::http1
