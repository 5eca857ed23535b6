// The file name that a Content-Disposition field suggests (RFC 6266), made safe as the name of a file in a folder.
// Leaves to others: whether the name is used, and files that have it already.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "language.hpp"

namespace sluice {

inline constexpr std::size_t kMaxFileNameBytes = 255;

// The parameter filename*, in UTF-8 or ISO-8859-1 (RFC 8187); if there is none that can be used, the parameter filename
// (a quoted string, or all up to the next ';'). The first of each that is not empty
// counts. Text that is not UTF-8 is taken as
// ISO-8859-1; nothing in the parameter filename is percent-decoded.
//
// The result is UTF-8: what follows the last '/' or '\', without blanks at both ends, with '_' in place of characters
// that control a terminal, end a line or change the direction of text. It is not empty, ".", "..", or longer than
// kMaxFileNameBytes: a longer name loses the end of what is before its extension. A leading dot stays. nullopt: no
// parameter gives such a name. Throws std::bad_alloc.
std::optional<std::string> suggested_file_name(std::string_view content_disposition);

}  // namespace sluice
