// core/rules/file_date: the dates in curl's files. The calendar itself: http_date_test.cpp.
#include "core/rules/file_date.hpp"

#include <doctest/doctest.h>

#include "core/http_date.hpp"

namespace {
using namespace sluice;
using namespace sluice::rules;

std::string file_date(UnixSeconds time) {
  std::string text = "at ";
  append_file_date(text, time);
  return text;
}
}  // namespace

TEST_CASE("file dates: written and read") {
  CHECK(file_date(0) == "at 19700101 00:00:00");
  CHECK(file_date(1'798'761'599) == "at 20261231 23:59:59");
  CHECK(file_date(kLastCalendarTime) == "at 99991231 23:59:59");
  CHECK(file_date(kLastCalendarTime + 1) == "at 99991231 23:59:59");
  for (const UnixSeconds time : {UnixSeconds{0}, UnixSeconds{951'827'696}, kLastCalendarTime})
    CHECK(parse_file_date(file_date(time).substr(3)) == time);
}

TEST_CASE("file dates: another form, or a time that does not exist, is none") {
  for (const char* text :
       {"", "20261231", "20261231 23:59", "20261231 23:59:59 ", "2026123 123:59:59", "20261231T23:59:59",
        "20261231 23-59-59", "2026-12-31 23:59:59", "20261301 00:00:00", "20260230 00:00:00", "20261231 24:00:00",
        "20261231 23:60:00", " 20261231 23:59:59", "2026123a 23:59:59"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_file_date(text).has_value());
  }
}
