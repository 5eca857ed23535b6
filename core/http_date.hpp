// Dates in fields (RFC 9110 5.6.7), and the calendar that they are made of. Leaves to others: dates of cookies, which
// have a looser syntax (cookie_date.hpp), and what follows from a date.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "types.hpp"

namespace sluice {

// A time of the Gregorian calendar, in UTC. Compares by time.
struct CalendarTime {
  int year = 1970;
  int month = 1;  // 1 to 12
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;

  friend auto operator<=>(const CalendarTime&, const CalendarTime&) = default;
};

// The last time that has a year of four digits: 9999-12-31 23:59:59.
inline constexpr UnixSeconds kLastCalendarTime = 253'402'300'799;

// nullopt: there is no such time, or the year is not 0 to 9999. A second of 60 (a leap second) is the first second of
// the next minute.
std::optional<UnixSeconds> unix_seconds(const CalendarTime& time);
// Times outside the years 0 to 9999 become the first or last second of these.
CalendarTime calendar_time(UnixSeconds time);

// The three forms of RFC 9110: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37
// 1994". Also accepted, as servers send it: days and hours of one digit, years of two or four digits in the first two
// forms, several blanks, any case, no day name or a wrong one, and "UTC", "+0000" or nothing instead of "GMT".
//
// A year of two digits is the latest one that is not more than 50 years after `now`. nullopt: the text is anything
// else, or there is no such time; see unix_seconds().
std::optional<UnixSeconds> parse_http_date(std::string_view text, UnixSeconds now);

// "Sun, 06 Nov 1994 08:49:37 GMT". For times outside the years 0 to 9999, see calendar_time(). Throws std::bad_alloc.
std::string format_http_date(UnixSeconds time);
// Appends "08:49:37". Throws std::bad_alloc.
void append_clock(std::string& out, const CalendarTime& time);
// Appends a part of a time, with zeros before it up to that number of digits. Throws std::bad_alloc.
void append_padded(std::string& out, int value, std::size_t digits);

}  // namespace sluice
