// core/rules/retry: which attempts are made again, and after how long.
#include "core/rules/retry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <system_error>
#include <vector>

using namespace sluice;
using namespace std::chrono_literals;

namespace {

constexpr int kRefused = static_cast<int>(std::errc::connection_refused);

struct RetryCase {
  RetryOptions options = {.max_retries = 3, .jitter = false};
  std::uint32_t retries = 0;
  Duration elapsed = 0s;
  int status = 0;
  std::string retry_after = {};
  std::optional<Error> failure = {};
  std::uint64_t seed = 1;
};

std::optional<Duration> decide_retry(const RetryCase& what) {
  Fields fields;
  if (!what.retry_after.empty()) REQUIRE(fields.add("Retry-After", what.retry_after));
  Random random(Seed{what.seed});
  return rules::retry_delay({.options = what.options,
                             .retries = what.retries,
                             .elapsed = what.elapsed,
                             .status = what.status,
                             .fields = fields,
                             .failure = what.failure ? &*what.failure : nullptr,
                             .random = random,
                             .now = 784'111'777});
}

RetryCase failed(Code code, int detail = 0) {
  RetryCase what;
  what.failure = make_error(code, "x", detail);
  return what;
}

}  // namespace

TEST_CASE("retry: which statuses are repeated") {
  const std::set<int> transient = {408, 429, 500, 502, 503, 504, 522, 524};
  for (int status = 0; status < 1'000; ++status) {
    CAPTURE(status);
    RetryCase what;
    what.status = status;
    CHECK(decide_retry(what).has_value() == transient.contains(status));
    what.options.all_errors = what.options.connection_refused = true;  // which are about failures
    CHECK(decide_retry(what).has_value() == transient.contains(status));
    what.options.all_errors = false;
    what.options.all_error_statuses = true;
    CHECK(decide_retry(what).has_value() == (status >= 400));
  }
}

TEST_CASE("retry: which failures are repeated") {
  const std::vector<Code> transient = {
      Code::resolve_failed,   Code::proxy_resolve_failed, Code::connect_timeout, Code::total_timeout,
      Code::attempts_timeout, Code::idle_timeout,         Code::queue_timeout,   Code::resolve_timeout,
      Code::tls_timeout,      Code::response_timeout,     Code::too_slow};
  const std::vector<Code> final = {Code::invalid_url,          Code::unsupported_scheme,
                                   Code::invalid_request,      Code::invalid_option,
                                   Code::tls_config,           Code::canceled,
                                   Code::rewind_failed,        Code::upload_failed,
                                   Code::recursive_call,       Code::address_forbidden,
                                   Code::bind_failed,          Code::out_of_memory,
                                   Code::descriptor_too_large, Code::internal};
  const auto is_in = [](const std::vector<Code>& codes, Code code) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  };
  for (int value = static_cast<int>(Code::invalid_url); value <= static_cast<int>(Code::internal); ++value) {
    const Code code = static_cast<Code>(value);
    CAPTURE(to_string(code));
    RetryCase what = failed(code);
    CHECK(decide_retry(what).has_value() == is_in(transient, code));
    what.options.connection_refused = what.options.all_error_statuses = true;
    CHECK(decide_retry(what).has_value() == is_in(transient, code));
    what.options.all_errors = true;
    CHECK(decide_retry(what).has_value() != is_in(final, code));
  }
}

TEST_CASE("retry: a refused connection is repeated only where an option asks for it") {
  RetryCase what = failed(Code::connect_failed, kRefused);
  CHECK_FALSE(decide_retry(what));
  what.options.connection_refused = true;
  CHECK(decide_retry(what) == 1s);
  what.options.connection_refused = false;
  what.options.all_errors = true;
  CHECK(decide_retry(what) == 1s);
  // Another failure with the same number is not a refused connection.
  what = failed(Code::receive_failed, kRefused);
  what.options.connection_refused = true;
  CHECK_FALSE(decide_retry(what));
  what = failed(Code::connect_failed, kRefused + 1);
  what.options.connection_refused = true;
  CHECK_FALSE(decide_retry(what));
}

TEST_CASE("retry: where an attempt has failed after the head of its response, the failure decides") {
  RetryCase what = failed(Code::truncated);
  what.status = 503;
  what.options.all_error_statuses = true;
  CHECK_FALSE(decide_retry(what));
  what.options.all_errors = true;
  what.retry_after = "7";
  CHECK(decide_retry(what) == 7s);
  what = failed(Code::idle_timeout);
  what.status = 200;
  CHECK(decide_retry(what) == 1s);
}

TEST_CASE("retry: the number of retries is limited, and without an option there are none") {
  RetryCase what;
  what.status = 503;
  for (std::uint32_t retries : {0U, 1U, 2U}) {
    what.retries = retries;
    CHECK(decide_retry(what));
  }
  for (std::uint32_t retries : {3U, 4U, 0xffff'ffffU}) {
    what.retries = retries;
    CHECK_FALSE(decide_retry(what));
  }
  what.retries = 0;
  what.options = {};
  CHECK_FALSE(decide_retry(what));
  what.options = {.max_retries = 1};
  CHECK(decide_retry(what));
}

TEST_CASE("retry: the wait doubles from one second to ten minutes") {
  RetryCase what;
  what.status = 503;
  what.options.max_retries = 0xffff'ffff;
  const Duration waits[] = {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 512s, 600s, 600s};
  for (std::uint32_t retries = 0; retries < std::size(waits); ++retries) {
    what.retries = retries;
    CHECK(decide_retry(what) == waits[retries]);
  }
  for (std::uint32_t retries : {31U, 32U, 63U, 64U, 0xffff'fffeU}) {
    what.retries = retries;
    CHECK(decide_retry(what) == 600s);
  }
}

TEST_CASE("retry: with jitter the wait is between half and the whole") {
  RetryCase what;
  what.status = 503;
  what.options = {.max_retries = 20};
  for (const auto& [retries, whole] : {std::pair<std::uint32_t, Duration>{0, 1s}, {3, 8s}, {19, 600s}}) {
    what.retries = retries;
    Duration least = Duration::max(), most = Duration::zero();
    for (what.seed = 0; what.seed < 200; ++what.seed) {
      const auto wait = decide_retry(what);
      REQUIRE(wait);
      least = std::min(least, *wait);
      most = std::max(most, *wait);
    }
    CHECK(least >= whole / 2);
    CHECK(least < whole * 11 / 20);
    CHECK(most <= whole);
    CHECK(most > whole * 19 / 20);
  }
  what.seed = 7;
  CHECK(decide_retry(what) == decide_retry(what));
}

TEST_CASE("retry: a fixed wait is neither doubled nor changed by chance") {
  RetryCase what;
  what.status = 503;
  what.options = {.max_retries = 9, .delay = 5s};
  for (what.retries = 0; what.retries < 9; ++what.retries) CHECK(decide_retry(what) == 5s);
  what.retries = 0;
  what.options.delay = 0s;
  CHECK(decide_retry(what) == 0s);
  what.options.delay = Duration::max();
  CHECK(decide_retry(what) == Duration::max());
  what.options.delay = -1s;
  CHECK(decide_retry(what) == 0s);
}

TEST_CASE("retry: Retry-After makes a wait longer, never shorter") {
  const struct {
    const char* retry_after;
    Duration wait;
  } rows[] = {
      {"0", 4s},
      {"3", 4s},
      {"4", 4s},
      {"5", 5s},
      {"999999999999999999999", 6h},
      {"Sun, 06 Nov 1994 08:49:47 GMT", 10s},
      {"Sun, 06 Nov 1994 08:49:27 GMT", 4s},
      {"later", 4s},
      {"-9", 4s},
  };
  RetryCase what;
  what.status = 429;
  what.retries = 2;
  for (const auto& row : rows) {
    CAPTURE(row.retry_after);
    what.retry_after = row.retry_after;
    what.options.delay = {};
    CHECK(decide_retry(what) == row.wait);
    what.options.delay = 4s;
    CHECK(decide_retry(what) == row.wait);
  }
}

TEST_CASE("retry: none begins after the longest time") {
  const struct {
    Duration max_time, elapsed, delay;
    bool retries;
  } rows[] = {
      {10s, 0s, 10s, true},
      {10s, 0s, 10s + 1ns, false},
      {10s, 9s, 1s, true},
      {10s, 9s + 1ns, 1s, false},
      {10s, 10s, 0s, true},
      {10s, 10s + 1ns, 0s, false},
      {0s, 0s, 0s, true},
      {0s, 0s, 1ns, false},
      {-1s, 0s, 0s, false},
      {Duration::max(), 0s, Duration::max(), true},
      {Duration::max(), 1ns, Duration::max(), false},
      {Duration::max(), Duration::min(), Duration::max(), true},
      {Duration::min(), Duration::max(), Duration::max(), false},
  };
  RetryCase what;
  what.status = 503;
  for (const auto& row : rows) {
    CAPTURE(row.elapsed.count());
    what.options.max_time = row.max_time;
    what.options.delay = row.delay;
    what.elapsed = row.elapsed;
    CHECK(decide_retry(what) == (row.retries ? std::optional(row.delay) : std::nullopt));
  }
  what.options = {.max_retries = 3, .max_time = 10s, .jitter = false};
  what.elapsed = 2s;
  what.retry_after = "8";
  CHECK(decide_retry(what) == 8s);
  what.retry_after = "9";
  CHECK_FALSE(decide_retry(what));
}
