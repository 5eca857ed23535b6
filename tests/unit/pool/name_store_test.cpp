// core/pool/name_store: what is cached, for how long, and how much.
#include "core/pool/name_store.hpp"

#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"

using namespace sluice;
using pool::SharedNames;
using std::chrono::seconds;

TEST_CASE("name store: an answer is kept with its end, also after it, and a newer one takes its place") {
  SharedNames names;
  const Instant start{seconds(100)};
  CHECK(names.find("a") == nullptr);
  names.put("a", {*IpAddress::parse("192.0.2.1")}, start + seconds(5));
  REQUIRE(names.find("a") != nullptr);
  CHECK(names.find("a")->until == start + seconds(5));
  CHECK_FALSE(names.find("a")->failure);
  names.put("a", {*IpAddress::parse("192.0.2.2")}, start + seconds(9));
  REQUIRE(names.find("a") != nullptr);
  CHECK(names.find("a")->addresses.front().to_string() == "192.0.2.2");
  const Error error = make_error(Code::resolve_failed, "resolve a: no such name");
  names.put("a", {}, start + seconds(10), &error);
  CHECK(names.find("a")->failure == error);
  CHECK(names.size() == 1);
}

TEST_CASE("name store: past the cap the oldest answer goes") {
  SharedNames names;
  const Instant start{seconds(100)};
  const auto name = [](std::size_t i) { return "host" + std::to_string(i); };
  for (std::size_t i = 0; i < limits::kMaxNames; ++i) names.put(name(i), {}, start + seconds(9));
  names.put(name(0), {}, start + seconds(9));  // the newest again
  names.put("one more", {}, start + seconds(9));
  CHECK(names.size() == limits::kMaxNames);
  CHECK(names.find(name(0)) != nullptr);
  CHECK(names.find(name(1)) == nullptr);
  CHECK(names.find(name(2)) != nullptr);
  CHECK(names.find("one more") != nullptr);
}
