// See part_encoder.hpp.
#include "adapters/cli/part_encoder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/base64.hpp"
#include "core/fields.hpp"

namespace sluice::cli {
namespace {

constexpr std::size_t kEncodedLine = 76;  // characters (RFC 2045 6.7, 6.8)
constexpr std::size_t kBase64Line = kEncodedLine / 4 * 3;
constexpr std::string_view kSoftBreak = "=\r\n";

bool is_plain(char c) { return c >= '!' && c <= '~' && c != '='; }

// What follows position `at`: the end of a line or of the body. nullopt: more bytes are needed.
std::optional<bool> ends_line(std::string_view text, std::size_t at, bool last) {
  if (at >= text.size()) return last ? std::optional(true) : std::nullopt;
  if (at + 1 >= text.size() && text[at] == '\r' && !last) return std::nullopt;
  return text.substr(at, 2) == "\r\n";
}

std::string escaped_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return {'=', kUpperHexDigits[byte >> 4U], kUpperHexDigits[byte & 0xfU]};
}

}  // namespace

std::optional<PartCoding> part_coding(std::string_view name) {
  constexpr std::pair<std::string_view, PartCoding> kNames[] = {
      {"", PartCoding::none},         {"binary", PartCoding::none},
      {"8bit", PartCoding::none},     {"7bit", PartCoding::seven_bit},
      {"base64", PartCoding::base64}, {"quoted-printable", PartCoding::quoted_printable}};
  for (const auto& [known, coding] : kNames) {
    if (equals_ignoring_case(name, known)) return coding;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> encoded_length(PartCoding coding, std::uint64_t bytes) {
  if (coding == PartCoding::none || coding == PartCoding::seven_bit || bytes == 0) return bytes;
  if (coding == PartCoding::quoted_printable || bytes >> 62U != 0) return std::nullopt;
  const std::uint64_t characters = (bytes / 3 + (bytes % 3 != 0 ? 1 : 0)) * 4;
  return characters + (characters - 1) / kEncodedLine * 2;
}

std::expected<void, std::uint64_t> PartEncoder::encode(Bytes bytes, bool last, std::string& out) {
  const std::string_view text = as_text(bytes);
  switch (coding_) {
    case PartCoding::seven_bit: {
      const auto high = std::ranges::find_if(text, [](char c) { return static_cast<unsigned char>(c) > 0x7f; });
      if (high != text.end()) return std::unexpected(taken_ + static_cast<std::uint64_t>(high - text.begin()));
      out += text;
      break;
    }
    case PartCoding::none:
      out += text;
      break;
    case PartCoding::base64:
      held_ += text;
      encode_base64(last, out);
      break;
    case PartCoding::quoted_printable:
      held_ += text;
      encode_quoted(last, out);
      break;
  }
  taken_ += text.size();
  return {};
}

// Whole lines; of the last one what there is.
void PartEncoder::encode_base64(bool last, std::string& out) {
  std::string_view rest = held_;
  while (rest.size() >= kBase64Line || (last && !rest.empty())) {
    const std::string_view line = rest.substr(0, kBase64Line);
    if (column_ > 0) out += "\r\n";
    out += base64(line);
    column_ = 1;
    rest.remove_prefix(line.size());
  }
  held_.erase(0, held_.size() - rest.size());
}

void PartEncoder::encode_quoted(bool last, std::string& out) {
  const std::string_view text = held_;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\r') {
      const auto line_end = ends_line(text, at, last);
      if (!line_end) break;
      if (*line_end) {
        out += "\r\n";
        column_ = 0;
        at += 2;
        continue;
      }
    }
    // A blank at the end of a line would be lost on the way.
    const auto ends_after = ends_line(text, at + 1, last);
    if (!ends_after) break;
    const bool is_blank = c == ' ' || c == '\t';
    const std::string coded = is_plain(c) || (is_blank && !*ends_after) ? std::string(1, c) : escaped_byte(c);
    // The last column of a line is for the '=' of a soft line break, unless the line ends there anyway.
    if (column_ + coded.size() > kEncodedLine - (*ends_after ? 0 : 1)) {
      out += kSoftBreak;
      column_ = 0;
    }
    out += coded;
    column_ += coded.size();
    ++at;
  }
  held_.erase(0, at);
}

std::expected<std::string, std::uint64_t> encode_part(PartCoding coding, std::string_view text) {
  std::string out;
  if (auto encoded = PartEncoder(coding).encode(as_bytes(text), true, out); !encoded) {
    return std::unexpected(encoded.error());
  }
  return out;
}

EncodedSource::EncodedSource(std::unique_ptr<BodySource> source, PartCoding coding, std::string name)
    : source_(std::move(source)), coding_(coding), name_(std::move(name)), encoder_(coding) {}

std::optional<std::uint64_t> EncodedSource::length() const {
  const auto bytes = source_->length();
  return bytes ? encoded_length(coding_, *bytes) : std::nullopt;
}

bool EncodedSource::rewind() {
  encoder_ = PartEncoder(coding_);
  out_.clear();
  given_ = 0;
  ended_ = false;
  return source_->rewind();
}

std::expected<BodySource::Piece, std::string> EncodedSource::read(MutableBytes space) {
  while (given_ == out_.size() && !ended_ && !space.empty()) {
    std::array<std::uint8_t, 16 * 1024> buffer = {};
    const auto piece = source_->read(buffer);
    if (!piece || piece->later) return piece;
    out_.clear();
    given_ = 0;
    ended_ = piece->end;
    const auto encoded = encoder_.encode(Bytes(buffer).first(piece->bytes), ended_, out_);
    if (!encoded) {
      return std::unexpected("read " + name_ + ": byte " + std::to_string(encoded.error()) +
                             " is not a character of 7bit (;encoder=7bit)");
    }
  }
  const std::size_t count = std::min(space.size(), out_.size() - given_);
  if (count > 0) std::memcpy(space.data(), out_.data() + given_, count);
  given_ += count;
  return Piece{.bytes = count, .end = ended_ && given_ == out_.size()};
}

}  // namespace sluice::cli
