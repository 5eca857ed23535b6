// core/http_date.hpp: the dates of RFC 9110 5.6.7 and the calendar, row by row.
#include "core/http_date.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace sluice;

namespace {

constexpr UnixSeconds kDateNow = 1'767'225'600;  // 2026-01-01 00:00:00
constexpr UnixSeconds kLeast = std::numeric_limits<UnixSeconds>::min();
constexpr UnixSeconds kLastSecond = std::numeric_limits<UnixSeconds>::max();

}  // namespace

TEST_CASE("http date: texts that are dates") {
  const struct {
    const char* text;
    UnixSeconds date;
  } rows[] = {
      // RFC 9110 5.6.7
      {"Sun, 06 Nov 1994 08:49:37 GMT", 784'111'777},
      {"Sunday, 06-Nov-94 08:49:37 GMT", 784'111'777},
      {"Sun Nov  6 08:49:37 1994", 784'111'777},
      // What servers send
      {"Sun, 6 Nov 1994 8:49:37 GMT", 784'111'777},
      {"Sun, 06-Nov-1994 08:49:37 GMT", 784'111'777},
      {"Sun, 06 Nov 94 08:49:37 GMT", 784'111'777},
      {"06 Nov 1994 08:49:37 GMT", 784'111'777},
      {"Mon, 06 Nov 1994 08:49:37 GMT", 784'111'777},
      {"Dimanche, 06 Nov 1994 08:49:37 GMT", 784'111'777},
      {"sun, 06 nOV 1994 08:49:37 gmt", 784'111'777},
      {"Sun,06 Nov 1994 08:49:37 GMT", 784'111'777},
      {"Sun,  06\tNov  1994 \t08:49:37  GMT", 784'111'777},
      {"Sun, 06 Nov 1994 08:49:37", 784'111'777},
      {"Sun, 06 Nov 1994 08:49:37 UTC", 784'111'777},
      {"Sun, 06 Nov 1994 08:49:37 +0000", 784'111'777},
      {"Sun Nov 6 08:49:37 1994", 784'111'777},
      {"Mon Nov 06 8:49:37 1994", 784'111'777},
      // Boundaries
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
      {"Sat, 01 Jan 0000 00:00:00 GMT", -62'167'219'200},
      {"Fri, 31 Dec 9999 23:59:59 GMT", 253'402'300'799},
      {"Sat, 31 Dec 2016 23:59:60 GMT", 1'483'228'800},  // a leap second
      {"Thu, 29 Feb 2024 12:00:00 GMT", 1'709'208'000},
      {"Tue, 29 Feb 2000 00:00:00 GMT", 951'782'400},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_http_date(row.text, kDateNow) == row.date);
  }
}

TEST_CASE("http date: texts that are no dates") {
  for (const char* text : {
           "",
           " ",
           ",",
           "Sun",
           "Sun,",
           "0",
           "784111777",
           "-1",
           "tomorrow",
           "1994-11-06T08:49:37Z",
           "Sun, 00 Nov 1994 08:49:37 GMT",
           "Sun, 31 Nov 1994 08:49:37 GMT",
           "Sun, 32 Dec 1994 08:49:37 GMT",
           "Wed, 29 Feb 2023 00:00:00 GMT",
           "Thu, 29 Feb 1900 00:00:00 GMT",
           "Sun, 006 Nov 1994 08:49:37 GMT",
           "Sun, 06 Nov 1994 24:00:00 GMT",
           "Sun, 06 Nov 1994 08:60:00 GMT",
           "Sun, 06 Nov 1994 08:49:61 GMT",
           "Sun, 06 Nov 1994 08:49:7 GMT",
           "Sun, 06 Nov 1994 08:9:37 GMT",
           "Sun, 06 Nov 1994 008:49:37 GMT",
           "Sun, 06 Nov 1994 08:49:371 GMT",
           "Sun, 06 Nov 1994 08:49 GMT",
           "Sun, 06 Nov 1994 08:49:37.5 GMT",
           "Sun, 06 Nov 1994 -8:49:37 GMT",
           "Sun, 06 Nov 994 08:49:37 GMT",
           "Sun, 06 Nov 4 08:49:37 GMT",
           "Sun, 06 Nov 11994 08:49:37 GMT",
           "Sun, 06 Nov -994 08:49:37 GMT",
           "Sun, 06 Nov  08:49:37 GMT",
           "Sun, 06 Foo 1994 08:49:37 GMT",
           "Sun, 06 November 1994 08:49:37 GMT",
           "Sun, 06 No 1994 08:49:37 GMT",
           "Sun, 06 11 1994 08:49:37 GMT",
           "Sun, 06-Nov 1994 08:49:37 GMT",
           "Sun, 06 Nov-1994 08:49:37 GMT",
           "Sun, 06 - Nov - 1994 08:49:37 GMT",
           "Sun, 06Nov1994 08:49:37 GMT",
           "Sun, 06 Nov 199408:49:37 GMT",
           "Sun, 06 Nov 1994 08:49:37GMT",
           "Sun, 06 Nov 1994 08:49:37 PST",
           "Sun, 06 Nov 1994 08:49:37 +0100",
           "Sun, 06 Nov 1994 08:49:37 -0000",
           "Sun, 06 Nov 1994 08:49:37 GMT GMT",
           "Sun, 06 Nov 1994 08:49:37 GMT, x",
           "Sun Nov  6 08:49:37 94",
           "Sun Nov  6 08:49:37",
           "Sun Nov  6 08:49:37 19945",
           "Sun Nov  6 08:49:37 1994 x",
           "Sun Nov 6 1994 08:49:37",
           "Nov 6 08:49:37 1994",
           "Sun Nov6 08:49:37 1994",
           "Sun Nov 31 08:49:37 1994",
       }) {
    CAPTURE(text);
    CHECK_FALSE(parse_http_date(text, kDateNow));
  }
  const std::string whole = "Sun, 06 Nov 1994 08:49:37";
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(parse_http_date(whole.substr(0, size), kDateNow));
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == ' ' || c == '\t') continue;
    CAPTURE(byte);
    CHECK_FALSE(parse_http_date("Sun, 06 Nov" + std::string(1, c) + "1994 08:49:37 GMT", kDateNow));
  }
  CHECK_FALSE(parse_http_date(std::string(1'000'000, ' '), kDateNow));
  CHECK_FALSE(parse_http_date(std::string(1'000'000, 'a'), kDateNow));
  CHECK_FALSE(parse_http_date(std::string(1'000'000, '1'), kDateNow));
}

TEST_CASE("http date: a year of two digits is at most 50 years ahead") {
  const struct {
    const char* now;
    const char* date;
    const char* meant;
  } rows[] = {
      {"01 Jan 2026 00:00:00", "01-Jan-26 00:00:00", "Thu, 01 Jan 2026 00:00:00 GMT"},
      {"01 Jan 2026 00:00:00", "01-Jan-75 00:00:00", "Tue, 01 Jan 2075 00:00:00 GMT"},
      {"01 Jan 2026 00:00:00", "01-Jan-76 00:00:00", "Wed, 01 Jan 2076 00:00:00 GMT"},
      {"01 Jan 2026 00:00:00", "01-Jan-76 00:00:01", "Thu, 01 Jan 1976 00:00:01 GMT"},
      {"15 Jun 2026 12:30:00", "15-Jun-76 12:30:00", "Mon, 15 Jun 2076 12:30:00 GMT"},
      {"15 Jun 2026 12:30:00", "15-Jun-76 12:31:00", "Tue, 15 Jun 1976 12:31:00 GMT"},
      {"15 Jun 2026 12:30:00", "01-Jul-76 00:00:00", "Thu, 01 Jul 1976 00:00:00 GMT"},
      {"15 Jun 2026 12:30:00", "31-May-76 23:59:59", "Sun, 31 May 2076 23:59:59 GMT"},
      {"01 Jan 2026 00:00:00", "01-Jan-77 00:00:00", "Sat, 01 Jan 1977 00:00:00 GMT"},
      {"01 Jan 2026 00:00:00", "01-Jan-99 00:00:00", "Fri, 01 Jan 1999 00:00:00 GMT"},
      {"01 Jan 2026 00:00:00", "01-Jan-00 00:00:00", "Sat, 01 Jan 2000 00:00:00 GMT"},
      {"01 Jan 2095 00:00:00", "01-Jan-05 00:00:00", "Thu, 01 Jan 2105 00:00:00 GMT"},
      {"01 Jan 1970 00:00:00", "01-Jan-20 00:00:00", "Wed, 01 Jan 2020 00:00:00 GMT"},
      {"01 Jan 1970 00:00:00", "01-Jan-21 00:00:00", "Sat, 01 Jan 1921 00:00:00 GMT"},
      {"01 Jan 2026 00:00:00", "29-Feb-76 00:00:00", "Sun, 29 Feb 1976 00:00:00 GMT"},
      {"01 Mar 2026 00:00:00", "29-Feb-76 00:00:00", "Sat, 29 Feb 2076 00:00:00 GMT"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.now);
    CAPTURE(row.date);
    const auto now = parse_http_date(row.now, 0);
    REQUIRE(now);
    const auto date = parse_http_date(row.date, *now);
    REQUIRE(date);
    CHECK(format_http_date(*date) == row.meant);
  }
  // No clock breaks it.
  CHECK_FALSE(parse_http_date("01-Jan-51 00:00:00", kLeast));
  CHECK(parse_http_date("01-Jan-49 00:00:00", kLeast));
  CHECK_FALSE(parse_http_date("01-Jan-00 00:00:00", kLastSecond));
  CHECK(parse_http_date("31-Dec-99 00:00:00", kLastSecond) == 253'402'214'400);
}

TEST_CASE("http date: every month, and every day of four years, there and back") {
  const char* const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const int days[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  for (std::size_t i = 0; i < 12; ++i) {
    CAPTURE(names[i]);
    CHECK(parse_http_date("1 " + std::string(names[i]) + " 1970 00:00:01", 0) == days[i] * 86'400 + 1);
  }
  for (UnixSeconds time = kDateNow; time < kDateNow + 4 * 366 * 86'400; time += 86'400 + 3'661) {
    CHECK(parse_http_date(format_http_date(time), 0) == time);
  }
}

TEST_CASE("http date: format") {
  const struct {
    UnixSeconds time;
    const char* text;
  } rows[] = {
      {784'111'777, "Sun, 06 Nov 1994 08:49:37 GMT"},
      {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
      {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
      {1'709'208'000, "Thu, 29 Feb 2024 12:00:00 GMT"},
      {-62'167'219'200, "Sat, 01 Jan 0000 00:00:00 GMT"},
      {-62'167'219'201, "Sat, 01 Jan 0000 00:00:00 GMT"},
      {kLeast, "Sat, 01 Jan 0000 00:00:00 GMT"},
      {253'402'300'799, "Fri, 31 Dec 9999 23:59:59 GMT"},
      {253'402'300'800, "Fri, 31 Dec 9999 23:59:59 GMT"},
      {kLastSecond, "Fri, 31 Dec 9999 23:59:59 GMT"},
  };
  for (const auto& row : rows) CHECK(format_http_date(row.time) == row.text);
}

TEST_CASE("http date: the calendar refuses what is out of range") {
  CHECK(unix_seconds({}) == 0);
  CHECK(unix_seconds({2016, 12, 31, 23, 59, 60}) == unix_seconds({2017, 1, 1, 0, 0, 0}));
  const CalendarTime bad[] = {
      {-1, 1, 1, 0, 0, 0},        {10'000, 1, 1, 0, 0, 0},   {1970, 0, 1, 0, 0, 0},  {1970, 13, 1, 0, 0, 0},
      {1970, 257, 1, 0, 0, 0},    {1970, 1, 0, 0, 0, 0},     {1970, 1, 32, 0, 0, 0}, {1970, 1, 257, 0, 0, 0},
      {1970, 1, -1, 0, 0, 0},     {1970, 2, 29, 0, 0, 0},    {1970, 1, 1, 24, 0, 0}, {1970, 1, 1, -1, 0, 0},
      {9999, 12, 31, 23, 59, 60}, {1970, 1, 1, 0, 60, 0},    {1970, 1, 1, 0, -1, 0}, {1970, 1, 1, 0, 0, 61},
      {1970, 1, 1, 0, 0, -1},     {1970, 4, 31, 23, 59, 59},
  };
  for (const CalendarTime& time : bad) CHECK_FALSE(unix_seconds(time));
  CHECK(calendar_time(784'111'777) == CalendarTime{1994, 11, 6, 8, 49, 37});
  CHECK(calendar_time(kLastSecond) == CalendarTime{9999, 12, 31, 23, 59, 59});
  CHECK(calendar_time(kLeast) == CalendarTime{0, 1, 1, 0, 0, 0});
}
