// HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): the JSON of one hop of a transfer, and the document around
// all of them. Pure. Credentials in fields and URLs are left out unless they are asked for; queries and other fields
// are as they were sent. Bodies are not in it. Leaves to others: what is collected, and when (har_log).
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/address.hpp"
#include "core/progress.hpp"
#include "core/response.hpp"
#include "core/types.hpp"

namespace sluice::cli {

// One moment on both clocks.
struct HarClock {
  Instant steady = {};
  std::chrono::microseconds wall = {};  // since 1970-01-01 00:00 UTC
};

// What is known of a hop that has ended, or that the end of the run has cut off.
struct HarHop {
  Hop hop = {};
  std::string request_head = {};               // as it was sent; "": nothing was sent
  std::optional<ResponseHead> response = {};   // nullopt: none has come
  IpAddress peer = {};                         // Kind::none: unknown, or it is no address
  std::optional<std::size_t> connection = {};  // its number; nullopt: nothing was sent
  std::string error = {};                      // why the hop failed, on one line; "": it did not
};

// "2026-11-30T07:25:00.123Z". For times before the year 0 or after 9999, see calendar_time().
std::string iso_time(std::chrono::milliseconds since_1970);

// The object of the array `entries`. `secrets`: credentials are not replaced.
std::string har_entry(const HarHop& hop, const HarClock& clock, bool secrets);
// The file: `entries` are texts of har_entry(), the earliest first.
std::string har_document(const std::vector<std::string>& entries);

}  // namespace sluice::cli
