// Dates for -w: the text of %time{FORMAT}. Pure. Leaves finding the format, and the clock, to others.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace sluice::cli {

// Appends the format, with the conversions of strftime(3) that are the same in every locale, and %f (microseconds),
// which is curl's, replaced. Others, such as names of days, are written as they are. `now`: since 1970-01-01 00:00
// UTC; see calendar_time() for times outside the years 0 to 9999. May throw std::bad_alloc.
void append_time(std::string& out, std::string_view format, std::chrono::microseconds now);

}  // namespace sluice::cli
