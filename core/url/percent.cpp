// See percent.hpp; percent_decode and percent_encode are declared in core/url.hpp.
#include "core/url/percent.hpp"

#include "core/base/ascii.hpp"
#include "core/url.hpp"

namespace sluice {
namespace url {
namespace {

void append_triplet(std::string& out, char c) {
  out += '%';
  append_hex(out, c, kUpperHexDigits);
}

}  // namespace

std::optional<char> triplet_at(std::string_view text, std::size_t at) {
  if (text.size() - at < 3) return std::nullopt;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(static_cast<unsigned char>(high * 16 + low));
}

void append_encoded(std::string& out, std::string_view text, std::uint8_t allowed, LonePercent lone) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t begin = i;
    while (i < text.size() && is_in(text[i], allowed)) ++i;
    out.append(text, begin, i - begin);
    if (i == text.size()) break;
    if (text[i] == '%' && (lone == LonePercent::keep || triplet_at(text, i))) {
      out += '%';
    } else {
      append_triplet(out, text[i]);
    }
  }
}

bool append_unreserved(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::optional<char> byte = text[i] == '%' ? triplet_at(text, i) : text[i];
    if (!byte || !is_in(*byte, kUnreserved)) return false;
    out += *byte;
    if (text[i] == '%') i += 2;
  }
  return true;
}

}  // namespace url

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::optional<char> decoded = url::triplet_at(text, i);
    if (!decoded) return std::nullopt;
    out += *decoded;
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (url::is_in(c, url::kUnreserved)) {
      out += c;
    } else {
      url::append_triplet(out, c);
    }
  }
  return out;
}

}  // namespace sluice
