// Many connections at once: the memory of an idle one, what is freed, and that time per transfer does not grow with
// their number. Bounds are wide, because the machine may be busy; `sluice_sim --scale` shows the figures at any size.
#include "tests/sim/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace {
using namespace sluice::simtest;

constexpr std::size_t kFew = 200, kMany = 2'000;

ScaleFigures measured(const ScaleSetup& setup) {
  const ScaleFigures figures = measure_scale(setup);
  REQUIRE_MESSAGE(figures.fault.empty(), figures.fault);
  return figures;
}

// What one more connection costs: an engine's own buffers count in neither.
double one_more(double ScaleFigures::* bytes, const ScaleFigures& few, const ScaleFigures& many) {
  const auto all = [bytes](const ScaleFigures& figures) {
    return figures.*bytes * static_cast<double>(figures.setup.transfers);
  };
  return (all(many) - all(few)) / static_cast<double>(many.setup.transfers - few.setup.transfers);
}

TEST_CASE("an idle connection holds less than 2 KiB, its transfers' memory is given back, and in the end its own") {
  for (const ScaleOrder order : {ScaleOrder::caused, ScaleOrder::random}) {
    const ScaleFigures few = measured({.transfers = kFew, .order = order});
    const ScaleFigures many = measured({.transfers = kMany, .order = order});
    CHECK(many.idle_bytes < kScaleIdleGoalBytes);  // all of the engine's memory, its own buffers included
    CHECK(one_more(&ScaleFigures::idle_bytes, few, many) < kScaleIdleGoalBytes);
    CHECK(one_more(&ScaleFigures::left_bytes, few, many) < 200);
    CHECK(many.most_bytes < 5'000);
  }
}

TEST_CASE("the same holds with many origins, and after requests of any length") {
  const auto one_more_idle = [](std::size_t transfers_of_origin, std::size_t field_bytes) {
    const ScaleFigures few =
        measured({.transfers = kFew, .origins = kFew / transfers_of_origin, .field_bytes = field_bytes});
    const ScaleFigures many =
        measured({.transfers = kMany, .origins = kMany / transfers_of_origin, .field_bytes = field_bytes});
    return one_more(&ScaleFigures::idle_bytes, few, many);
  };
  CHECK(one_more_idle(20, 0) < kScaleIdleGoalBytes);
  for (const std::size_t bytes : {300U, 600U, 800U, 1'500U, 10'000U}) {
    CAPTURE(bytes);
    CHECK(one_more_idle(kFew, bytes) < kScaleIdleGoalBytes);
  }
}

TEST_CASE("forty times as many transfers at once take no more time each, within what caches and neighbours do") {
  const auto least = [](std::size_t transfers) {
    double ns = measured({.transfers = transfers}).total_ns;
    for (int i = 0; i < 2; ++i) ns = std::min(ns, measured({.transfers = transfers}).total_ns);
    return ns;
  };
  CHECK(least(40 * kFew) < 4 * least(kFew));
}

TEST_CASE("one transfer over one connection is a scale too") { measured({}); }

}  // namespace
