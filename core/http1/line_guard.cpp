// See line_guard.hpp.
#include "core/http1/line_guard.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"

namespace sluice::http1 {
namespace {

constexpr std::uint8_t kCr = '\r', kLf = '\n';
constexpr const char* kBareCr = "a CR without a LF after it";
constexpr const char* kBareLf = "a LF without a CR before it";
constexpr const char* kLeadingBlank = "a line that begins with white space";
constexpr const char* kTooManyHeadBytes = "more than 307200 header bytes";
static_assert(limits::kMaxHeadBytes == 307'200);

bool is_digit(std::uint8_t byte) { return sluice::is_digit(static_cast<char>(byte)); }
bool is_blank(std::uint8_t byte) { return byte == ' ' || byte == '\t'; }

// The index of the first `byte` in [from, to), or `to`.
std::size_t find(Bytes input, std::size_t from, std::size_t to, std::uint8_t byte) {
  if (from == to) return to;
  const void* hit = std::memchr(input.data() + from, byte, to - from);
  return hit == nullptr ? to : static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) - input.data());
}

constexpr std::size_t kStatusPrefixBytes = 13;  // "HTTP/1.1 200 "

// RFC 9112 4, except that the space after the status code may be missing if the reason is empty: many servers do so.
// Refuses all other protocols that llhttp knows (SB-55). Null: no fault.
const char* status_prefix_fault(std::size_t at, std::uint8_t byte, bool tolerant) {
  static constexpr char kProtocol[] = "HTTP/1.";
  switch (at) {
    case 7:
      return byte == '0' || byte == '1' ? nullptr : "an HTTP version that is neither 1.0 nor 1.1";
    case 8:
      return byte == ' ' ? nullptr : "no space after the version";
    case 9:
      if (byte == ' ') return "more than one space before the status code";
      if (!is_digit(byte)) return "a status code that is not three digits";
      if (byte == '0') return "a status code below 100";
      return byte <= '5' || tolerant ? nullptr : "a status code outside 100 to 599";
    case 10:
    case 11:
      return is_digit(byte) ? nullptr : "a status code that is not three digits";
    case 12:
      if (is_digit(byte)) return "a status code of more than three digits";
      return byte == ' ' || byte == kCr || byte == kLf ? nullptr : "no space after the status code";
    default:
      return byte == static_cast<std::uint8_t>(kProtocol[at]) ? nullptr : "no HTTP/1 status line";
  }
}

SectionGuard::Cut fault(std::size_t taken, const char* what, Code code = Code::malformed_response) {
  return {.found = SectionGuard::Found::fault, .taken = taken, .fault = what, .code = code};
}

void drop_trailing_blanks(std::string& text) {
  while (!text.empty() && is_blank(static_cast<std::uint8_t>(text.back()))) text.pop_back();
}

}  // namespace

void SectionGuard::start_head() {
  start_trailers();
  status_line_ = true;
}

void SectionGuard::start_trailers() {
  *this = {};
  first_ = true;
}

// Checks each byte as it comes: a peer that does not speak HTTP may never end a line.
const char* SectionGuard::check_status_prefix(Bytes input, bool tolerant, Code& code) {
  // The most frequent form is checked at once.
  const std::string_view usual = as_text(input.first(std::min(input.size(), kStatusPrefixBytes)));
  if (prefix_ == 0 && usual.size() == kStatusPrefixBytes && usual.starts_with("HTTP/1.1 ") && usual[9] >= '1' &&
      usual[9] <= '5' && sluice::is_digit(usual[10]) && sluice::is_digit(usual[11]) && usual[12] == ' ') {
    prefix_ = kStatusPrefixBytes;
    return nullptr;
  }
  for (std::size_t i = 0; i < input.size() && prefix_ < kStatusPrefixBytes; ++i, ++prefix_) {
    const char* what = status_prefix_fault(prefix_, input[i], tolerant);
    if (what == nullptr) continue;
    code = prefix_ < 8 ? Code::not_http : Code::malformed_response;
    return what;
  }
  return nullptr;
}

SectionGuard::Cut SectionGuard::next(Bytes input, LineEnds& ends) {
  const std::size_t room = limits::kMaxHeadBytes - bytes_;
  Cut result = cut(input.first(std::min(input.size(), room)), ends);
  bytes_ += result.taken;
  if (result.found == Found::more && result.taken == room && input.size() > room) {
    return fault(result.taken, kTooManyHeadBytes, Code::response_too_large);
  }
  return result;
}

SectionGuard::Cut SectionGuard::cut(Bytes input, LineEnds& ends) {
  if (handed_out_) {
    handed_out_ = folded_ = false;
    std::string().swap(held_);  // folds are rare, and an idle connection should keep no memory
  }
  if (input.empty()) return {};
  std::size_t at = 0;
  if (whole_) {
    if (!is_blank(input[0])) return hand_out_held(0);
    if (!ends.tolerant()) return fault(0, kLeadingBlank);  // RFC 9112 5.2, obs-fold
    whole_ = false;
    folded_ = after_fold_ = true;
    drop_trailing_blanks(held_);
    held_ += ' ';
  } else if (first_ && !status_line_ && !after_cr_ && held_.empty() && is_blank(input[0])) {
    return fault(0, kLeadingBlank);  // RFC 9112 2.2
  }
  if (after_fold_) {
    while (at < input.size() && is_blank(input[at])) ++at;
    if (at == input.size()) return {.taken = at};
    after_fold_ = false;
  }
  if (status_line_ && prefix_ < kStatusPrefixBytes) {
    Code code{};
    if (const char* what = check_status_prefix(input, ends.tolerant(), code)) return fault(0, what, code);
  }
  if (after_cr_ && input[at] != kLf) return fault(at, kBareCr);
  const std::size_t lf = find(input, at, input.size(), kLf);
  const std::size_t cr = find(input, at, lf, kCr);
  if (cr + 1 < lf) return fault(cr + 1, kBareCr);
  if (lf < input.size()) return take_line(input, at, lf, ends);
  held_.append(as_text(input.subspan(at, cr - at)));
  after_cr_ = cr < input.size();
  return {.taken = input.size()};
}

// input[lf] ends the line; the part of the line in this input begins at `begin`.
SectionGuard::Cut SectionGuard::take_line(Bytes input, std::size_t begin, std::size_t lf, LineEnds& ends) {
  const bool cr_here = lf > begin && input[lf - 1] == kCr;
  const bool with_cr = cr_here || after_cr_;
  after_cr_ = false;
  if (!ends.take(with_cr)) return fault(lf, kBareLf);
  const std::string_view part = as_text(input.subspan(begin, lf - begin - (cr_here ? 1 : 0)));
  const std::size_t taken = lf + 1;
  const bool in_place = held_.empty();
  if (in_place && part.empty()) return {.found = Found::end, .taken = taken};
  if (status_line_) {
    status_line_ = false;
    if (in_place) return {.found = Found::line, .taken = taken, .line = part};
    held_ += part;
    return hand_out_held(taken);
  }
  first_ = false;
  const bool goes_on_unknown = taken == input.size();
  if (in_place && !goes_on_unknown && !is_blank(input[taken])) {
    return {.found = Found::line, .taken = taken, .line = part};
  }
  held_ += part;
  whole_ = true;
  return {.found = Found::more, .taken = taken};
}

SectionGuard::Cut SectionGuard::hand_out_held(std::size_t taken) {
  whole_ = false;
  handed_out_ = true;
  return {.found = Found::line, .taken = taken, .line = held_, .folded = folded_};
}

const char* ChunkGuard::size_line_fault(std::uint8_t byte) {
  if (after_size_ == After::nothing && is_hex_digit(static_cast<char>(byte))) {
    // 16 digits hold every 64-bit size. The limit also holds for leading zeros (SB-17).
    return ++digits_ > 16 ? "a chunk size of more than 16 digits" : nullptr;
  }
  if (digits_ == 0) return "a chunk without a size";
  if (after_size_ != After::extension) {
    if (byte != ';' && !is_blank(byte)) return "a chunk size that is not hexadecimal";
    after_size_ = byte == ';' ? After::extension : After::blanks;
  } else if (byte != '\t' && (byte < 0x20 || byte == 0x7f)) {
    return "a control byte in a chunk extension";
  }
  ++skipped_bytes_;
  ++line_bytes_;
  return nullptr;
}

ChunkGuard::Scan ChunkGuard::scan_line(Bytes input, std::uint64_t body_bytes, LineEnds& ends) {
  for (std::size_t at = 0; at < input.size(); ++at) {
    const std::uint8_t byte = input[at];
    if (after_cr_ && byte != kLf) return {at, false, kBareCr};
    if ((byte == kCr || byte == kLf) && digits_ > 0) {
      if (after_size_ == After::blanks && !ends.tolerant()) return {at, false, "blanks after a chunk size"};
      if (byte == kLf) return ends.take(after_cr_) ? Scan{at + 1, true} : Scan{at, false, kBareLf};
      after_cr_ = true;
      continue;
    }
    if (const char* fault = size_line_fault(byte)) return {at, false, fault};
    if (line_bytes_ > limits::kMaxChunkExtensionBytes ||
        (skipped_bytes_ > limits::kMaxChunkExtensionBytes &&
         skipped_bytes_ - limits::kMaxChunkExtensionBytes > body_bytes)) {
      return {at, false, "more bytes of chunk extensions than are taken", Code::response_too_large};
    }
  }
  return {input.size(), false};
}

ChunkGuard::Scan ChunkGuard::scan_end(Bytes input, LineEnds& ends) {
  for (std::size_t at = 0; at < input.size(); ++at) {
    if (input[at] == kLf && ends.take(after_cr_)) return {at + 1, true};
    if (after_cr_ || input[at] != kCr) return {at, false, "a chunk whose data is not followed by CRLF"};
    after_cr_ = true;
  }
  return {input.size(), false};
}

}  // namespace sluice::http1
