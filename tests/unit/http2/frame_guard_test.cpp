// core/http2/frame_guard: where frames end, and headers in one piece. Its limits are tested in hostile_test.cpp.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "core/http2/frame_guard.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice {

namespace h2 = test::h2;

TEST_CASE("http2 frame guard: all bytes are passed on, a frame at a time, each header whole, however they are cut") {
  const std::string all = h2::settings() + h2::ping() + h2::data(1, "some bytes") + h2::data(1, "") + h2::ping();
  for (std::size_t size = 1; size <= all.size(); ++size) {
    http2::FrameGuard guard;
    std::string passed;
    std::size_t frames = 0;
    for (std::size_t at = 0; at < all.size(); at += size) {
      std::string_view rest = std::string_view(all).substr(at, size);
      while (!rest.empty()) {
        const auto piece = guard.next(as_bytes(rest));
        REQUIRE(piece);
        REQUIRE(piece->taken > 0);
        const bool has_header = !piece->header.empty();
        if (has_header) CHECK(piece->header.size() == 9);
        frames += has_header || piece->rest.size() >= 9;
        passed += as_text(piece->header);
        passed += as_text(piece->rest);
        rest.remove_prefix(piece->taken);
      }
    }
    CHECK(passed == all);
    if (size < 9) CHECK(frames == 5);
  }
}

TEST_CASE(
    "http2 frame guard: one byte of a body makes up for one frame, a request for sixteen; what was given up may come") {
  const std::string frame = h2::window_update(0, 1);
  const auto flood = [&](http2::FrameGuard& guard) {
    std::size_t taken = 0;
    while (guard.next(as_bytes(frame))) ++taken;
    return taken;
  };
  http2::FrameGuard guard;
  REQUIRE(guard.next(as_bytes(h2::settings())));
  const std::size_t most = flood(guard);
  CHECK(most == limits::kMaxIdleFrames);
  http2::FrameGuard moving;
  REQUIRE(moving.next(as_bytes(h2::settings())));
  for (int i = 0; i < 100; ++i) REQUIRE(moving.next(as_bytes(frame)));
  moving.moved(60);
  CHECK(flood(moving) == most - 40);
  http2::FrameGuard opening;
  REQUIRE(opening.next(as_bytes(h2::settings())));
  for (int i = 0; i < 100; ++i) REQUIRE(opening.next(as_bytes(frame)));
  opening.opened();
  CHECK(flood(opening) == most - 100 + limits::kIdleFramesPerRequest);
  http2::FrameGuard giving_up;
  REQUIRE(giving_up.next(as_bytes(h2::settings())));
  constexpr std::size_t kFrames = 3;
  giving_up.gave_up(kFrames * limits::kLeastAbandonedFrameBytes);
  const std::string data = h2::data(1, "x");
  for (int i = 0; i < 10; ++i) {  // another one's
    REQUIRE(giving_up.next(as_bytes(data)));
    giving_up.read(1);
  }
  for (std::size_t i = 0; i < kFrames; ++i) REQUIRE(giving_up.next(as_bytes(data)));
  CHECK(flood(giving_up) == most);
  http2::FrameGuard gave_up;
  REQUIRE(gave_up.next(as_bytes(h2::settings())));
  gave_up.gave_up(SIZE_MAX);
  gave_up.gave_up(SIZE_MAX);
  std::size_t taken = 0;
  while (gave_up.next(as_bytes(data))) ++taken;
  CHECK(taken == most + limits::kConnectionWindowBytes / limits::kLeastAbandonedFrameBytes);
  http2::FrameGuard both;  // one is given up in the middle of another one's frame
  REQUIRE(both.next(as_bytes(h2::settings())));
  both.gave_up(SIZE_MAX);
  REQUIRE(both.next(as_bytes(data)));
  both.gave_up(SIZE_MAX);
  both.read(1);
  both.gave_up(SIZE_MAX / 2);
  taken = 0;
  while (taken <= 2 * most + limits::kConnectionWindowBytes && both.next(as_bytes(data))) ++taken;
  CHECK(taken == most + limits::kConnectionWindowBytes / limits::kLeastAbandonedFrameBytes);
  http2::FrameGuard resting;  // what has moved before is not saved up
  REQUIRE(resting.next(as_bytes(h2::settings())));
  resting.moved(1'000);
  CHECK(flood(resting) == most);
}

TEST_CASE("http2 frame guard: for each DATA frame of ours two WINDOW_UPDATE may come, however late; no other frames") {
  const std::string update = h2::window_update(1, 1);
  const std::string empty = h2::data(1, "");
  const auto taken = [](http2::FrameGuard& guard, const std::string& frame) {
    std::size_t count = 0;
    while (guard.next(as_bytes(frame))) ++count;
    return count;
  };
  const auto after = [](std::size_t frames) {
    http2::FrameGuard guard;
    REQUIRE(guard.next(as_bytes(h2::settings())));
    for (std::size_t i = 0; i < frames; ++i) guard.sent(100);
    return guard;
  };
  http2::FrameGuard few = after(1'000);
  CHECK(taken(few, update) == limits::kMaxIdleFrames + 2'000);
  http2::FrameGuard many = after(limits::kMaxIdleFrames);
  CHECK(taken(many, update) == 2 * limits::kMaxIdleFrames - 1);
  http2::FrameGuard other = after(1'000);
  CHECK(taken(other, empty) == limits::kMaxIdleFrames);
}

}  // namespace sluice
