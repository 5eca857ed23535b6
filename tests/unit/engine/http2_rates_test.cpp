// TransferLimits, idle_timeout and the rates of an engine over HTTP/2, where a rate opens the windows of bodies, and
// bytes that move are those of one exchange among others. Over HTTP/1: transfer_limits_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "core/transfer_limits.hpp"
#include "tests/support/http2_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kFrameBytes = 16'384;

// A server that sends bodies as fast as the windows of their streams allow, and answers PINGs at once.
struct RateWorld : Http2World {
  struct Body {
    TransferId id;
    std::uint32_t stream = 0;
    std::size_t left = 0, window = limits::kStreamWindowBytes;
  };
  explicit RateWorld(EngineOptions options = {}) : Http2World(std::move(options)) { known.connect_timeout.reset(); }

  // `count` responses begin on one connection, each with a body of `size` bytes.
  void begin(std::size_t count, std::size_t size, const TransferLimits& of_each) {
    known.limits = std::make_shared<const TransferLimits>(of_each);
    for (std::size_t i = 0; i < count; ++i) all.push_back({.id = add("http://192.0.2.1/", known), .left = size});
    conn = connect();
    receive(conn, h2::frame(h2::kSettings, h2::kAck, 0, ""));  // its windows are as large as this side has said
    for (std::size_t i = 0; i < count; ++i) {
      all[i].stream = requests.at(i).stream;
      receive(conn, h2::headers(all[i].stream, {{":status", "200"}}));
    }
  }
  void send() {
    for (bool more = true; std::exchange(more, false);) {
      for (Body& body : all) more |= send_frame(body);
      note_windows();
    }
  }
  // False: its window is closed.
  bool send_frame(Body& body) {
    const std::size_t count = std::min({body.left, body.window, kFrameBytes});
    if (count == 0) return false;
    body.left -= count;
    body.window -= count;
    receive(conn, h2::data(body.stream, std::string(count, 'x'), body.left == 0 ? h2::kEndStream : std::uint8_t{0}));
    return true;
  }
  // True: a window has opened.
  bool note_windows() {
    bool opened = false;
    for (const h2::Frame& frame : read(conn)) {
      if (frame.type == h2::kPing) receive(conn, h2::ping(frame.payload, h2::kAck));
      if (frame.type != h2::kWindowUpdate || frame.stream == 0) continue;
      std::ranges::find(all, frame.stream, &Body::stream)->window += frame.number_at(0);
      opened = true;
    }
    return opened;
  }
  bool running() const {
    return std::ranges::any_of(all, [](const Body& body) { return body.left > 0; });
  }
  // How long it takes until all is sent, if each timer is `late`.
  Duration hand_over(Duration late) {
    const Instant begun = now.steady;
    send();
    for (int steps = 0; running(); send()) {
      REQUIRE(++steps < 100'000);
      const auto deadline = engine.deadline();
      REQUIRE(deadline.has_value());
      pass(std::max(deadline->at - now.steady, Duration::zero()) + late);
    }
    return now.steady - begun;
  }

  std::vector<Body> all;
  ConnId conn;
};

// The time in which so many bytes come at 1,000,000 a second.
Duration at_a_million(std::size_t bytes) { return std::chrono::microseconds(bytes); }

// Uploads on one connection whose windows the server opens as a test says: at first none is.
struct UploadWorld : Http2World {
  UploadWorld() {
    add("http://192.0.2.1/", known);
    conn = connect();
    receive(conn, h2::settings({{h2::kInitialWindow, 0}}) + h2::window_update(0, 100'000'000) + ok(1, "x"));
    requests.clear();
  }
  TransferId upload(RequestBody body, TransferOptions options) {
    options.http_versions = HttpVersions::http2_prior_knowledge;
    return add(with_body("POST", std::move(body)), std::move(options));
  }
  static TransferOptions not_slower_than(std::uint64_t low_rate) {
    TransferOptions options;
    options.limits =
        std::make_shared<const TransferLimits>(TransferLimits{.low_rate = low_rate, .low_period = seconds(8)});
    return options;
  }
  void open(std::size_t which, std::uint32_t bytes) {
    receive(conn, h2::window_update(requests.at(which).stream, bytes));
  }

  ConnId conn;
};

const std::string kLarge(1'000'000, 'b');

}  // namespace

TEST_CASE("http2 rates: a body comes as fast as its rate allows, however late timers are, once its window is used up") {
  constexpr std::size_t kSize = 3'000'000;
  for (const int late : {0, 1, 20, 90}) {
    CAPTURE(late);
    RateWorld world;
    world.begin(1, kSize, {.max_receive_rate = 1'000'000});
    const Duration took = world.hand_over(milliseconds(late));
    CHECK(world.succeeded(world.all[0].id));
    CHECK(took >= at_a_million(kSize - 3 * limits::kStreamWindowBytes / 2));
    CHECK(took <= at_a_million(kSize) + seconds(1));
    check_nothing_left(world);
  }
}

TEST_CASE("http2 rates: what an application consumes after a pause, at once, opens the window in the end") {
  RateWorld world;
  world.consume = false;
  world.begin(1, 2 * limits::kStreamWindowBytes, {.max_receive_rate = 1'000'000});
  world.send();
  const TransferId id = world.all[0].id;
  world.pass(seconds(1));
  REQUIRE(world.engine.body(id).size() == limits::kStreamWindowBytes);
  world.take_body(id);
  world.drain();
  world.consume = true;
  const Duration took = world.hand_over(Duration::zero());
  CHECK(took <= at_a_million(limits::kStreamWindowBytes));
  CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("http2 rates: all transfers share the rate of all, however late timers are") {
  constexpr std::size_t kSize = 2'000'000;
  for (const std::size_t count : {1UZ, 3UZ}) {
    for (const int late : {0, 1, 20, 100}) {
      CAPTURE(count);
      CAPTURE(late);
      EngineOptions options;
      options.max_receive_rate = 1'000'000;
      RateWorld world(options);
      world.begin(count, kSize, {});
      const Duration took = world.hand_over(milliseconds(late));
      for (const RateWorld::Body& body : world.all) CHECK(world.succeeded(body.id));
      CHECK(took >= at_a_million(count * (kSize - 3 * limits::kStreamWindowBytes / 2)));
      CHECK(took <= 2 * at_a_million(count * kSize));
      check_nothing_left(world);
    }
  }
}

TEST_CASE("http2 rates: however late the timer of the rate of all is, no more is opened at once than it allows") {
  for (const std::size_t count : {1UZ, 2UZ}) {
    CAPTURE(count);
    EngineOptions options;
    options.max_receive_rate = 1'000'000;
    RateWorld world(options);
    world.consume = false;
    world.begin(count, 4 * limits::kStreamWindowBytes, {});
    world.send();
    world.consume = true;
    const Instant begun = world.now.steady;
    for (const RateWorld::Body& body : world.all) world.take_body(body.id);
    world.drain();
    // The library opens at least half of a window.
    while (std::ranges::any_of(world.all, [](const RateWorld::Body& body) { return body.window == 0; })) {
      world.pass(seconds(1));
      REQUIRE(world.engine.deadline().has_value());
      world.note_windows();
    }
    // After a pause what passes in a tenth of a second may pass at once.
    CHECK(world.now.steady - begun >= seconds(count == 1 ? 2 : 5));
  }
}

TEST_CASE(
    "http2 rates: an upload that its application holds up is neither idle nor slow beside one that is being sent") {
  UploadWorld world;
  TransferOptions options = UploadWorld::not_slower_than(1'000);
  SUBCASE("idle") {
    options = {};
    options.idle_timeout = seconds(10);
  }
  SUBCASE("slow") {}
  const TransferId held = world.upload(BodyStream{}, options);
  world.upload(BodyView{as_bytes(kLarge)}, {});
  world.read(world.conn);
  world.open(0, 1'000);
  world.open(1, 1'000'000);
  const auto send_slowly = [&] {
    for (int i = 0; i < 10; ++i) {
      world.pass(seconds(3));
      world.sent(world.conn, 1'000);
    }
  };
  send_slowly();
  CHECK_FALSE(world.done(held));
  // What it has given now waits to be sent: it is this end or the network that is slow.
  REQUIRE(supply(world, held, "abc") == 3);
  send_slowly();
  CHECK(world.failure(held) == (options.idle_timeout ? Code::idle_timeout : Code::too_slow));
}

TEST_CASE("http2 rates: bytes of other uploads do not make one fast enough that is slow") {
  UploadWorld world;
  const TransferId slow = world.upload(BodyView{as_bytes(kLarge)}, UploadWorld::not_slower_than(1'000));
  const TransferId fast = world.upload(BodyView{as_bytes(kLarge)}, UploadWorld::not_slower_than(1'000));
  world.read(world.conn);
  for (int second = 0; second < 10; ++second) {
    world.open(0, 1);
    world.open(1, 50'000);
    world.sent(world.conn);
    world.pass(seconds(1));
  }
  CHECK(world.failure(slow) == Code::too_slow);
  CHECK_FALSE(world.done(fast));
}

TEST_CASE("http2 rates: bytes count when the wire has taken them, a frame's in parts too") {
  UploadWorld world;
  const TransferId id = world.upload(BodyView{as_bytes(kLarge)}, UploadWorld::not_slower_than(1'000));
  world.read(world.conn);
  world.open(0, 1'000'000);
  for (int second = 0; second < 30; ++second) {
    CHECK(world.sent(world.conn, 1'010).size() == 1'010);
    world.pass(seconds(1));
  }
  CHECK_FALSE(world.done(id));
  for (int second = 0; second < 10; ++second) {
    world.sent(world.conn, 900);
    world.pass(seconds(1));
  }
  CHECK(world.failure(id) == Code::too_slow);
}

}  // namespace sluice
