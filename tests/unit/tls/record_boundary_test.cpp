// core/tls/record_boundary: ends of records, however the bytes are cut.
#include "core/tls/record_boundary.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace std::string_literals;

TEST_CASE("record boundary: the stream is between records only after the last byte of one") {
  const std::string records = "\x16\3\1\0\3abc"s + "\x17\3\3\1\0"s + std::string(256, 'x') + "\x17\3\3\0\0"s;
  for (const std::size_t step : {1U, 2U, 3U, 5U, 8U, 300U}) {
    sluice::tls::RecordBoundary boundary;
    CHECK(boundary.is_between());
    for (std::size_t at = 0; at < records.size(); at += step) {
      const std::size_t size = std::min(step, records.size() - at);
      boundary.follow({records.data() + at, size});
      const std::size_t end = at + size;
      CAPTURE(end);
      CHECK(boundary.is_between() == (end == 8 || end == 8 + 261 || end == records.size()));
    }
  }
}
