// See http_date.hpp.
#include "core/http_date.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "core/base/ascii.hpp"
#include "core/fields.hpp"

namespace sluice {
namespace {

constexpr UnixSeconds kFirstCalendarTime = -62'167'219'200;  // 0000-01-01 00:00:00
constexpr UnixSeconds kSecondsPerDay = 86'400;
constexpr int kMaxYear = 9'999;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

// The take_ functions remove what they find from the front of the text. After a false or nullopt the text is of no use.

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool take_blanks(std::string_view& text) {
  const std::size_t size = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(size);
  return size > 0;
}

std::string_view take_letters(std::string_view& text) {
  const auto is_letter = [](char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; };
  std::size_t size = 0;
  while (size < text.size() && is_letter(text[size])) ++size;
  const std::string_view letters = text.substr(0, size);
  text.remove_prefix(size);
  return letters;
}

// nullopt: there are fewer digits than `least`, or more than `most`, which is at most 4.
std::optional<int> take_number(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t size = 0;
  int value = 0;
  for (; size < text.size() && is_digit(text[size]); ++size) {
    if (size == most) return std::nullopt;
    value = value * 10 + (text[size] - '0');
  }
  if (size < least) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

bool take_month(std::string_view& text, CalendarTime& time) {
  const std::string_view name = take_letters(text);
  const auto same = [name](std::string_view month) { return equals_ignoring_case(name, month); };
  const auto found = std::find_if(kMonths.begin(), kMonths.end(), same);
  time.month = static_cast<int>(found - kMonths.begin()) + 1;
  return found != kMonths.end();
}

bool take_day(std::string_view& text, CalendarTime& time) {
  const std::optional<int> day = take_number(text, 1, 2);
  time.day = day.value_or(0);
  return day.has_value();
}

bool take_clock(std::string_view& text, CalendarTime& time) {
  const std::optional<int> hour = take_number(text, 1, 2);
  if (!hour || !take(text, ':')) return false;
  const std::optional<int> minute = take_number(text, 2, 2);
  if (!minute || !take(text, ':')) return false;
  const std::optional<int> second = take_number(text, 2, 2);
  time.hour = *hour;
  time.minute = *minute;
  time.second = second.value_or(0);
  return second.has_value();
}

// Of a year that has two digits. All other members of the time are set.
void set_century(CalendarTime& time, UnixSeconds now) {
  CalendarTime latest = calendar_time(now);
  latest.year += 50;
  time.year = latest.year - (latest.year - time.year + 100) % 100;
  if (time > latest) time.year -= 100;
}

// HTTP has no other zone, so a date without one is not in doubt.
bool is_zone(std::string_view text) {
  if (text.empty()) return true;
  if (!take_blanks(text)) return false;
  return equals_ignoring_case(text, "GMT") || equals_ignoring_case(text, "UTC") || text == "+0000";
}

// IMF-fixdate and rfc850-date, without the day name.
std::optional<CalendarTime> parse_day_first(std::string_view text, UnixSeconds now) {
  CalendarTime time;
  if (!take_day(text, time)) return std::nullopt;
  const bool dashes = text.starts_with('-');
  const auto take_separator = [&] { return dashes ? take(text, '-') : take_blanks(text); };
  if (!take_separator() || !take_month(text, time) || !take_separator()) return std::nullopt;
  const std::size_t before = text.size();
  const std::optional<int> year = take_number(text, 2, 4);
  const std::size_t digits = before - text.size();
  if (!year || digits == 3) return std::nullopt;
  time.year = *year;
  if (!take_blanks(text) || !take_clock(text, time) || !is_zone(text)) return std::nullopt;
  if (digits == 2) set_century(time, now);
  return time;
}

// asctime-date, without the day name.
std::optional<CalendarTime> parse_month_first(std::string_view text) {
  CalendarTime time;
  if (!take_month(text, time) || !take_blanks(text) || !take_day(text, time) || !take_blanks(text)) return std::nullopt;
  if (!take_clock(text, time) || !take_blanks(text)) return std::nullopt;
  const std::optional<int> year = take_number(text, 4, 4);
  if (!year || !text.empty()) return std::nullopt;
  time.year = *year;
  return time;
}

}  // namespace

std::optional<UnixSeconds> unix_seconds(const CalendarTime& time) {
  const auto is_within = [](int value, int least, int most) { return value >= least && value <= most; };
  if (!is_within(time.year, 0, kMaxYear) || !is_within(time.month, 1, 12) || !is_within(time.day, 1, 31)) return {};
  if (!is_within(time.hour, 0, 23) || !is_within(time.minute, 0, 59) || !is_within(time.second, 0, 60)) return {};
  const std::chrono::year_month_day date{std::chrono::year(time.year),
                                         std::chrono::month(static_cast<unsigned>(time.month)),
                                         std::chrono::day(static_cast<unsigned>(time.day))};
  if (!date.ok()) return std::nullopt;
  const UnixSeconds days = std::chrono::sys_days(date).time_since_epoch().count();
  const UnixSeconds result = days * kSecondsPerDay + time.hour * 3'600 + time.minute * 60 + time.second;
  return result <= kLastCalendarTime ? std::optional(result) : std::nullopt;  // a leap second may be in the year 10000
}

CalendarTime calendar_time(UnixSeconds time) {
  const std::chrono::sys_seconds seconds{std::chrono::seconds(std::clamp(time, kFirstCalendarTime, kLastCalendarTime))};
  const auto days = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(days);
  const auto in_day = static_cast<int>((seconds - days).count());
  CalendarTime result;
  result.year = static_cast<int>(date.year());
  result.month = static_cast<int>(static_cast<unsigned>(date.month()));
  result.day = static_cast<int>(static_cast<unsigned>(date.day()));
  result.hour = in_day / 3'600;
  result.minute = in_day / 60 % 60;
  result.second = in_day % 60;
  return result;
}

std::optional<UnixSeconds> parse_http_date(std::string_view text, UnixSeconds now) {
  take_letters(text);  // the day name
  take(text, ',');
  take_blanks(text);
  const bool day_first = !text.empty() && is_digit(text.front());
  const std::optional<CalendarTime> time = day_first ? parse_day_first(text, now) : parse_month_first(text);
  return time ? unix_seconds(*time) : std::nullopt;
}

std::string format_http_date(UnixSeconds time) {
  time = std::clamp(time, kFirstCalendarTime, kLastCalendarTime);
  const CalendarTime parts = calendar_time(time);
  // 0000-01-01 was a Saturday.
  const auto days = static_cast<std::size_t>((time - kFirstCalendarTime) / kSecondsPerDay);
  std::string text(kWeekdays[(days + 6) % 7]);
  text += ", ";
  append_padded(text, parts.day, 2);
  text.append(" ").append(kMonths[static_cast<std::size_t>(parts.month - 1)]).append(" ");
  append_padded(text, parts.year, 4);
  text += ' ';
  append_clock(text, parts);
  return text += " GMT";
}

void append_clock(std::string& out, const CalendarTime& time) {
  append_padded(out, time.hour, 2);
  out += ':';
  append_padded(out, time.minute, 2);
  out += ':';
  append_padded(out, time.second, 2);
}

void append_padded(std::string& out, int value, std::size_t digits) {
  const std::string text = std::to_string(value);
  out.append(digits - std::min(digits, text.size()), '0').append(text);
}

}  // namespace sluice
