// core/rules/retry_after: Retry-After, RFC 9110 10.2.3, row by row.
#include "core/rules/retry_after.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace sluice;
using rules::kMaxRetryAfter;
using rules::parse_retry_after;
using std::chrono::seconds;

namespace {

constexpr UnixSeconds kNow = 784'111'777;  // 06 Nov 1994 08:49:37

}  // namespace

TEST_CASE("retry-after: a number of seconds") {
  const struct {
    const char* value;
    std::optional<Duration> wait;
  } rows[] = {
      {"0", seconds(0)},
      {"1", seconds(1)},
      {"120", seconds(120)},
      {"0060", seconds(60)},
      {"21599", seconds(21'599)},
      {"21600", kMaxRetryAfter},
      {"21601", kMaxRetryAfter},
      {"9223372036", kMaxRetryAfter},
      {"9223372036854775807", kMaxRetryAfter},
      {"9223372036854775808", kMaxRetryAfter},
      {"18446744073709551617", kMaxRetryAfter},
      {"99999999999999999999999999999999999999", kMaxRetryAfter},
      {"", {}},
      {"-1", {}},
      {"+1", {}},
      {"1.5", {}},
      {"1s", {}},
      {"1 2", {}},
      {"1,2", {}},
      {"0x10", {}},
      {"soon", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.value);
    CHECK(parse_retry_after(row.value, kNow) == row.wait);
  }
  CHECK(parse_retry_after(std::string(100'000, '9'), kNow) == kMaxRetryAfter);
}

TEST_CASE("retry-after: a date") {
  const struct {
    const char* value;
    std::optional<Duration> wait;
  } rows[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", seconds(0)},
      {"Sun, 06 Nov 1994 08:49:36 GMT", seconds(0)},
      {"Sat, 01 Jan 0000 00:00:00 GMT", seconds(0)},
      {"Sun, 06 Nov 1994 08:49:38 GMT", seconds(1)},
      {"Sunday, 06-Nov-94 08:51:37 GMT", seconds(120)},
      {"Sun Nov  6 09:49:37 1994", seconds(3'600)},
      {"Sun, 06 Nov 1994 14:49:36 GMT", seconds(21'599)},
      {"Sun, 06 Nov 1994 14:49:37 GMT", kMaxRetryAfter},
      {"Sun, 06 Nov 1994 14:49:38 GMT", kMaxRetryAfter},
      {"Fri, 31 Dec 9999 23:59:59 GMT", kMaxRetryAfter},
      {"Sun, 31 Nov 1994 08:49:37 GMT", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.value);
    CHECK(parse_retry_after(row.value, kNow) == row.wait);
  }
  constexpr UnixSeconds kLeast = std::numeric_limits<UnixSeconds>::min();
  constexpr UnixSeconds kMost = std::numeric_limits<UnixSeconds>::max();
  CHECK(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", kLeast) == kMaxRetryAfter);
  CHECK(parse_retry_after("Sat, 01 Jan 0000 00:00:00 GMT", kMost) == seconds(0));
}
