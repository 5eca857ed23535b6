// Dates in curl's files of HSTS and of alternative services: "20261231 23:59:59", in UTC. Leaves the lines around them
// to core/hsts.cpp and core/alt_svc.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace sluice::rules {

// nullopt: the text has another form, or there is no such time; see unix_seconds().
std::optional<UnixSeconds> parse_file_date(std::string_view text);

// For times outside the years 0 to 9999, see calendar_time(). Throws std::bad_alloc.
void append_file_date(std::string& out, UnixSeconds time);

}  // namespace sluice::rules
