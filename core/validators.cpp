// See validators.hpp.
#include "core/validators.hpp"

#include <algorithm>

#include "core/http_date.hpp"

namespace sluice {
namespace {

bool is_etag_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != '"' && byte != 0x7f;
}

}  // namespace

std::optional<EntityTag> parse_entity_tag(std::string_view value) {
  EntityTag tag;
  tag.weak = value.starts_with("W/");  // the case matters
  if (tag.weak) value.remove_prefix(2);
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::nullopt;
  tag.opaque = value.substr(1, value.size() - 2);
  if (!std::all_of(tag.opaque.begin(), tag.opaque.end(), is_etag_char)) return std::nullopt;
  return tag;
}

bool are_strongly_equal(const EntityTag& a, const EntityTag& b) { return !a.weak && !b.weak && a.opaque == b.opaque; }

std::optional<std::string_view> if_range_value(const Fields& response_fields, UnixSeconds now) {
  if (response_fields.count("ETag") > 1 || response_fields.count("Last-Modified") > 1) return std::nullopt;
  if (const auto value = response_fields.find("ETag")) {
    const std::optional<EntityTag> tag = parse_entity_tag(*value);
    // 13.1.5: where there is an entity tag, even a weak one, a date may not be used.
    if (tag) return tag->weak ? std::nullopt : value;
  }
  const auto modified = response_fields.find("Last-Modified"), sent = response_fields.find("Date");
  if (!modified || !sent) return std::nullopt;
  const auto modified_at = parse_http_date(*modified, now), sent_at = parse_http_date(*sent, now);
  if (!modified_at || !sent_at || *modified_at >= *sent_at) return std::nullopt;
  return modified;
}

}  // namespace sluice
