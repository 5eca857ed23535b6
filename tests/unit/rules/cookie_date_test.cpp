// core/rules/cookie_date: the date algorithm of RFC 6265bis 5.1.1, row by row.
#include "core/rules/cookie_date.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using rules::parse_cookie_date;

TEST_CASE("cookie date: forms that are dates") {
  const struct {
    const char* text;
    UnixSeconds date;
  } rows[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", 784'111'777},
      {"Sunday, 06-Nov-94 08:49:37 GMT", 784'111'777},
      {"Sun Nov  6 08:49:37 1994", 784'111'777},
      {"06-Nov-1994 08:49:37", 784'111'777},
      {"08:49:37 6 November 94", 784'111'777},
      {"\t06/NOV;1994@8:49:37\t", 784'111'777},
      {"nov 6 8:49:37 1994 +0200", 784'111'777},  // zones have no meaning
      {"6 nov 1994 08:49:37 PST", 784'111'777},
      {"6nov NOVEMBERISH 1994th 08:49:37.123", 784'111'777},  // what follows the digits is ignored
      {"06x nov 94y 08:49:37z", 784'111'777},
      {"6 1994 nov 8:49:37", 784'111'777},
      {"6 nov 94 12 jan 2001 8:49:37 9:00:00", 784'111'777},  // the first of each counts
      {"noise 6 dust nov 0 94 8:49:37", 784'111'777},         // one digit is no year
      {"6 nov 12345 1994 8:49:37", 784'111'777},              // nor are five
      {"6 nov 1994 8:49:37:\x01", 784'111'777},               // a control byte is no digit either
      {"31 12 dec 1999 23:59:59", 1'356'998'399},             // 12 is the year then
      {"Mon, 10-Dec-2007 17:02:24 GMT", 1'197'306'144},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
      {"1 jan 1601 0:0:0", -11'644'473'600},
      {"31 dec 9999 23:59:59", 253'402'300'799},
      {"29 feb 2000 0:0:0", 951'782'400},
      {"29 feb 2024 12:00:00", 1'709'208'000},
      {"1 jan 69 00:00:00", 3'124'224'000},  // 2069
      {"1 jan 70 00:00:00", 0},
      {"1 jan 00 00:00:00", 946'684'800},
      {"31 dec 99 23:59:59", 946'684'799},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_cookie_date(row.text) == row.date);
  }
}

TEST_CASE("cookie date: every month") {
  const char* const names[] = {"Jan", "fEB", "MAr", "apR", "MAY", "jun", "jul", "AUG", "sep", "oct", "nov", "dec"};
  const int days[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  for (std::size_t i = 0; i < 12; ++i) {
    CAPTURE(names[i]);
    CHECK(parse_cookie_date("1 " + std::string(names[i]) + " 1970 00:00:01") == days[i] * 86'400 + 1);
  }
}

TEST_CASE("cookie date: forms that are no dates") {
  for (const char* text : {
           "",
           " ",
           "yesterday",
           "06 Nov 1994",
           "Nov 1994 08:49:37",
           "06 1994 08:49:37",
           "06 Nov 08:49:37",
           "06 Nov 1994 08:49",
           "06 Nov 1994 08-49-37",
           "06 Nov 1994 08:49:371",
           "06 Nov 1994 008:49:37",
           "06 Nov 1994 08::37",
           "06 Nov 1994 :49:37",
           "06 Nov 1994 24:00:00",
           "06 Nov 1994 00:60:00",
           "06 Nov 1994 00:00:60",
           "00 Nov 1994 00:00:00",
           "32 Nov 1994 00:00:00",
           "31 Nov 1994 00:00:00",
           "29 Feb 1999 00:00:00",
           "29 Feb 1900 00:00:00",
           "30 feb 2000 00:00:00",
           "06 No 1994 08:49:37",
           "06 nvo 1994 08:49:37",
           "6 xnov 1994 8:49:37",
           "6 nov 19945 8:49:37",
           "6 nov 4 8:49:37",
           "6 nov 1 994 8:49:37",
           "1994-11-06T08:49:37Z",
           "784111777",
           "31 dec 1600 23:59:59",
           "100 6 nov 1994 8:49:37",  // 100 is the year
       }) {
    CAPTURE(text);
    CHECK_FALSE(parse_cookie_date(text));
  }
}

TEST_CASE("cookie date: which bytes separate tokens") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool separates = byte == 0x09 || (byte >= 0x20 && byte <= 0x2f) || (byte >= 0x3b && byte <= 0x40) ||
                           (byte >= 0x5b && byte <= 0x60) || (byte >= 0x7b && byte <= 0x7e);
    CAPTURE(byte);
    const char c = static_cast<char>(byte);
    // As part of the month's token the byte makes it another word.
    const std::string text = std::string("6 ") + c + "nov 1994 8:49:37";
    CHECK(parse_cookie_date(text).has_value() == separates);
  }
}
