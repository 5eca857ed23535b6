// See write_out_time.hpp.
#include "adapters/cli/write_out_time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>

#include "core/http_date.hpp"

namespace sluice::cli {

namespace {

struct Day {
  int of_year;  // 0: 1 January
  int of_week;  // 0: Monday
};

constexpr UnixSeconds kSecondsPerDay = 86'400;

UnixSeconds midnight(const CalendarTime& time) {
  return unix_seconds({.year = time.year, .month = time.month, .day = time.day}).value_or(0);
}

Day day(const CalendarTime& time) {
  const UnixSeconds begin = midnight(time);
  const UnixSeconds days = begin / kSecondsPerDay;  // 1970-01-01 was a Thursday
  return {.of_year = static_cast<int>((begin - midnight({.year = time.year})) / kSecondsPerDay),
          .of_week = static_cast<int>(((days + 3) % 7 + 7) % 7)};
}

// The conversions of strftime(3) that are the same in every locale, each with its text, and %f, which is curl's.
using Conversions = std::map<char, std::string>;

void add_weeks(Conversions& all, const CalendarTime& time) {
  const auto put = [&all](char letter, int value, std::size_t digits) { append_padded(all[letter], value, digits); };
  const auto [of_year, of_week] = day(time);
  const int from_sunday = (of_week + 1) % 7;
  // A week of ISO 8601 belongs to the year of its Thursday.
  const CalendarTime thursday = calendar_time(midnight(time) + (3 - of_week) * kSecondsPerDay);
  put('G', thursday.year, 4);
  put('g', thursday.year % 100, 2);
  put('j', of_year + 1, 3);
  put('U', (of_year + 7 - from_sunday) / 7, 2);
  put('u', of_week + 1, 1);
  put('V', day(thursday).of_year / 7 + 1, 2);
  put('W', (of_year + 7 - of_week) / 7, 2);
  put('w', from_sunday, 1);
}

Conversions conversions(std::chrono::microseconds now) {
  constexpr std::int64_t kMicroseconds = 1'000'000;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const CalendarTime time = calendar_time(seconds.count());
  Conversions all = {{'%', "%"}, {'n', "\n"}, {'t', "\t"}, {'Z', "UTC"}, {'z', "+0000"}};
  const auto put = [&all](char letter, int value, std::size_t digits) { append_padded(all[letter], value, digits); };
  const auto blank = [&all](char letter, char same) {
    all[letter] = all[same].starts_with('0') ? " " + all[same].substr(1) : all[same];
  };
  put('C', time.year / 100, 2);
  put('d', time.day, 2);
  put('f', static_cast<int>((now.count() % kMicroseconds + kMicroseconds) % kMicroseconds), 6);
  put('H', time.hour, 2);
  put('I', (time.hour + 11) % 12 + 1, 2);
  put('M', time.minute, 2);
  put('m', time.month, 2);
  put('S', time.second, 2);
  put('Y', time.year, 4);
  put('y', time.year % 100, 2);
  add_weeks(all, time);
  blank('e', 'd');
  blank('k', 'H');
  blank('l', 'I');
  all['s'] = std::to_string(seconds.count());
  all['D'] = all['m'] + '/' + all['d'] + '/' + all['y'];
  all['F'] = all['Y'] + '-' + all['m'] + '-' + all['d'];
  all['R'] = all['H'] + ':' + all['M'];
  all['T'] = all['R'] + ':' + all['S'];
  return all;
}

}  // namespace

void append_time(std::string& out, std::string_view format, std::chrono::microseconds now) {
  const Conversions known = conversions(now);
  for (std::size_t i = 0; i < format.size(); ++i) {
    const bool may_begin = format[i] == '%' && i + 1 < format.size();
    const auto found = may_begin ? known.find(format[i + 1]) : known.end();
    if (found == known.end()) {
      out += format[i];
    } else {
      out += found->second;
      ++i;
    }
  }
}

}  // namespace sluice::cli
