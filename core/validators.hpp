// Validators of a representation: entity tags and modification dates (RFC 9110 8.8), and which of them may prove that
// a part still belongs to the same whole. Leaves to others: making requests with them.
#pragma once

#include <optional>
#include <string_view>

#include "fields.hpp"
#include "types.hpp"

namespace sluice {

// RFC 9110 8.8.3. A view into the field's value.
struct EntityTag {
  std::string_view opaque = {};  // without the quotes; may be empty
  bool weak = false;
};

// nullopt: the value is no entity tag.
std::optional<EntityTag> parse_entity_tag(std::string_view value);
// The strong comparison (8.8.3.2): equal, and neither of them weak.
bool are_strongly_equal(const EntityTag& a, const EntityTag& b);

// What a request for the rest of this response's representation may have as If-Range (13.1.5): the ETag if it is
// strong; without one that is an entity tag, a Last-Modified that is at least one second before the response's Date
// (8.8.2.2). A view into the fields, as received. nullopt: there is neither, or there are several ETag or Last-Modified
// fields.
std::optional<std::string_view> if_range_value(const Fields& response_fields, UnixSeconds now);

}  // namespace sluice
