// Where TLS records begin and end in a stream of bytes, however it is cut.
#include "core/tls/record_watch.hpp"

#include <doctest/doctest.h>

#include <string>

using sluice::tls::RecordWatch;

TEST_CASE("record watch: between records, and in one") {
  const std::string records("\x16\x03\x03\x00\x02xy\x17\x03\x03\x01\x00", 12);
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, records.size()}) {
    RecordWatch watch;
    CHECK(watch.between_records());
    for (std::size_t at = 0; at < records.size(); at += step) {
      watch.add(std::string_view(records).substr(at, step));
      const std::size_t seen = std::min(at + step, records.size());
      CHECK(watch.between_records() == (seen == 7));
    }
    CHECK(watch.beginning() == records.substr(0, 5));
    watch.add(std::string(255, 'z'));
    CHECK_FALSE(watch.between_records());
    watch.add(std::string("z"));
    CHECK(watch.between_records());
    watch.add(std::string("\x15\x03\x03\x00\x00", 5));  // an empty one
    CHECK(watch.between_records());
  }
}
