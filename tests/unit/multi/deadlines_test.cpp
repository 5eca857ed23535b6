// adapters/multi/deadlines alone.
#include "adapters/multi/deadlines.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace sluice;
using namespace std::chrono_literals;

TEST_CASE("Deadlines: the earliest first, each once, and none that was given already") {
  multi::Deadlines deadlines;
  const ConnId one{1, 1}, two{2, 1};
  const Instant start(100s);
  CHECK_FALSE(deadlines.earliest());
  deadlines.set(one, std::nullopt);
  deadlines.set(one, start + 2s);
  deadlines.set(two, start + 1s);
  CHECK(deadlines.earliest() == start + 1s);
  CHECK_FALSE(deadlines.take_due(start));
  CHECK(deadlines.take_due(start + 3s) == two);
  CHECK(deadlines.take_due(start + 3s) == one);
  CHECK_FALSE(deadlines.take_due(start + 3s));
  CHECK_FALSE(deadlines.earliest());
  // A wish that stays, or is older, is not heard again; a later one is.
  deadlines.set(one, start + 2s);
  deadlines.set(two, start);
  CHECK_FALSE(deadlines.earliest());
  deadlines.set(one, start + 4s);
  CHECK(deadlines.earliest() == start + 4s);
  deadlines.set(one, start + 5s);
  CHECK(deadlines.earliest() == start + 5s);
  deadlines.set(one, std::nullopt);
  CHECK_FALSE(deadlines.earliest());
  deadlines.set(one, start + 6s);
  deadlines.forget(one);
  deadlines.forget(one);
  CHECK_FALSE(deadlines.earliest());
  deadlines.set(one, start + 1s);  // another connection by now
  CHECK(deadlines.take_due(start + 1s) == one);
}
