// core/http2/window_growth: when windows grow, how far; and what that does over a long link, in simulated time.
#include "core/http2/window_growth.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>

#include "core/http2/session.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice {
namespace {

using http2::Window;
using http2::WindowGrowth;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace h2 = test::h2;

constexpr std::size_t kHalf = limits::kStreamWindowBytes / 2;

// Has measured a round trip of 100 ms.
struct Measured : WindowGrowth {
  Measured() {
    Window first;
    consumed(first, kHalf, now);
    ping_sent(now);
    now += milliseconds(100);
    ping_answered(now);
  }
  Instant now{seconds(10)};
};

}  // namespace

TEST_CASE("http2 window growth: it doubles if half of it is consumed within two round trips, and only then") {
  for (const auto& [time, grows] : {std::pair(milliseconds(199), true), std::pair(milliseconds(200), false)}) {
    Measured growth;
    Window window;
    CHECK_FALSE(growth.consumed(window, kHalf, growth.now));  // since when, is not known yet
    growth.now += time;
    CHECK_FALSE(growth.consumed(window, kHalf - 1, growth.now));
    CHECK(growth.consumed(window, 1, growth.now) == grows);
    CHECK(window.size == limits::kStreamWindowBytes * (grows ? 2 : 1));
    growth.ended(window);
  }
}

TEST_CASE("http2 window growth: a round trip is measured when half of a window was consumed, and when one has grown") {
  WindowGrowth growth;
  Instant now{seconds(10)};
  Window window;
  CHECK_FALSE(growth.ping_answered(now));
  growth.consumed(window, kHalf - 1, now);
  CHECK_FALSE(growth.wants_ping());
  growth.consumed(window, 1, now);
  CHECK(growth.wants_ping());
  growth.ping_sent(now);
  CHECK_FALSE(growth.wants_ping());
  // Longer than that the answer takes in any case.
  CHECK(growth.consumed(window, kHalf, now += milliseconds(1)));
  CHECK_FALSE(growth.wants_ping());  // one at a time
  CHECK(growth.ping_answered(now += milliseconds(4)));
  CHECK_FALSE(growth.ping_answered(now));
  CHECK(growth.wants_ping());
  growth.ping_sent(now);
  growth.ping_answered(now + milliseconds(50));  // the shortest of all counts
  CHECK_FALSE(growth.consumed(window, 2 * kHalf, now += milliseconds(8)));
  CHECK(growth.consumed(window, 2 * kHalf, now += milliseconds(7)));
}

TEST_CASE("SB-69 http2 window growth: it ends at the cap of a window and of a connection, and so do the PINGs") {
  Measured growth;
  std::vector<Window> windows(10);
  std::size_t pings = 1;
  for (int turn = 0; turn < 20; ++turn) {
    for (Window& window : windows) growth.consumed(window, window.size / 2, growth.now);
    if (!growth.wants_ping()) continue;
    ++pings;
    growth.ping_sent(growth.now);
    growth.ping_answered(growth.now + seconds(1));
  }
  CHECK(pings <= limits::kMaxWindowPings);
  std::size_t grown = 0;
  for (const Window& window : windows) {
    CHECK(window.size <= limits::kMaxStreamWindowBytes);
    grown += window.size - limits::kStreamWindowBytes;
  }
  CHECK(grown == limits::kMaxGrownBytes);
  // What has ended gives it back.
  for (const Window& window : windows) growth.ended(window);
  Window next;
  for (int turn = 0; turn < 20; ++turn) growth.consumed(next, next.size, growth.now);
  CHECK(next.size == limits::kMaxStreamWindowBytes);
}

TEST_CASE("http2 window growth: a new window grows to where others have been, with the first half that is consumed") {
  Measured growth;
  Window first;
  for (int turn = 0; turn < 4; ++turn) growth.consumed(first, first.size / 2, growth.now);
  REQUIRE(first.size == 8 * limits::kStreamWindowBytes);
  growth.ended(first);  // it is remembered
  SUBCASE("quickly") {
    Window next;
    CHECK_FALSE(growth.consumed(next, 1, growth.now));
    CHECK_FALSE(growth.consumed(next, kHalf - 2, growth.now += milliseconds(199)));
    CHECK(next.size == limits::kStreamWindowBytes);
    CHECK(growth.consumed(next, 1, growth.now));
    CHECK(next.size == 8 * limits::kStreamWindowBytes);
    CHECK(growth.consumed(next, next.size / 2, growth.now));
    CHECK(next.size == 16 * limits::kStreamWindowBytes);
  }
  SUBCASE("slowly") {
    Window next;
    CHECK_FALSE(growth.consumed(next, 1, growth.now));
    CHECK_FALSE(growth.consumed(next, kHalf - 1, growth.now += milliseconds(200)));
    CHECK(growth.consumed(next, kHalf, growth.now));  // now it is quick
    CHECK(next.size == 8 * limits::kStreamWindowBytes);
  }
  SUBCASE("as far as all may grow") {
    std::vector<Window> windows(30);
    std::size_t grown = 0;
    for (Window& next : windows) {
      growth.consumed(next, kHalf, growth.now);
      grown += next.size - limits::kStreamWindowBytes;
    }
    CHECK(grown == limits::kMaxGrownBytes);
  }
}

namespace {

// A server that sends an endless body over a link with a delay, as fast as the link and the windows allow; and a
// session at the other end. Time goes in steps of a millisecond.
class Link {
 public:
  explicit Link(std::size_t bytes_per_ms, milliseconds one_way) : rate_(bytes_per_ms), delay_(one_way) {
    session_ = http2::make_session();
    REQUIRE(session_);
    request_.url = Url::parse("https://example.org/").value();
    REQUIRE(session_->open({.request = &request_, .head = &head_, .valid = true}));
    down_.push_back({now_ + delay_, h2::settings() + h2::frame(h2::kSettings, h2::kAck, 0, "") +
                                        h2::headers(1, {{":status", "200"}})});
    read_output();
  }

  void step() {
    now_ += milliseconds(1);
    while (!up_.empty() && up_.front().at <= now_) {
      take(up_.front().frame);
      up_.pop_front();
    }
    for (std::size_t room = answered_ ? rate_ : 0; room > 0;) {
      const std::size_t part = std::min({room, stream_window_, connection_window_, std::size_t{16'384}});
      if (part == 0) break;
      stream_window_ -= part;
      connection_window_ -= part;
      room -= part;
      down_.push_back({now_ + delay_, h2::data(stream_, std::string(part, 'x'))});
    }
    while (!down_.empty() && down_.front().at <= now_) {
      receive(down_.front().bytes);
      down_.pop_front();
    }
    read_output();
  }
  void run(milliseconds time) {
    for (milliseconds passed{0}; passed < time; ++passed) step();
  }

  // Another exchange, in place of the one before.
  void open_next() {
    session_->abort(stream_);
    head_ = {};
    const auto opened = session_->open({.request = &request_, .head = &head_, .valid = true});
    REQUIRE(opened);
    stream_ = *opened;
    answered_ = false;
    stream_window_ = limits::kStreamWindowBytes;
    received = waiting = 0;
    read_output();
  }

  bool consumes = true;
  std::size_t received = 0, waiting = 0, pings = 0;

 private:
  struct Down {
    Instant at;
    std::string bytes;
  };
  struct Up {
    Instant at;
    h2::Frame frame;
  };

  void take(const h2::Frame& frame) {
    if (frame.type == h2::kWindowUpdate && frame.stream == 0) connection_window_ += frame.number_at(0);
    if (frame.type == h2::kWindowUpdate && frame.stream == stream_) stream_window_ += frame.number_at(0);
    if (frame.type == h2::kHeaders && frame.stream == stream_ && !std::exchange(answered_, true)) {
      down_.push_back({now_ + delay_, h2::headers(stream_, {{":status", "200"}})});
    }
    if (frame.type != h2::kPing) return;
    ++pings;
    down_.push_back({now_ + delay_, h2::ping(frame.payload, h2::kAck)});
  }
  void receive(std::string& bytes) {
    std::vector<http::Event> events;
    session_->set_time(now_);
    const auto taken = session_->receive({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}, events);
    REQUIRE(taken);
    for (const http::Event& event : events) {
      received += event.body.size();
      waiting += event.body.size();
      REQUIRE(event.kind != http::Event::Kind::failed);
    }
    if (consumes) session_->consumed(stream_, std::exchange(waiting, 0));
  }
  void read_output() {
    while (session_->output().count > 0 && session_->output().size_bytes() > 0) {
      const Bytes bytes = session_->output().spans[0];
      client_.read(as_text(bytes));
      session_->advance_output(bytes.size());
    }
    for (h2::Frame& frame : client_.take()) up_.push_back({now_ + delay_, std::move(frame)});
  }

  std::size_t rate_;
  milliseconds delay_;
  Instant now_{seconds(100)};
  http::StreamId stream_ = 1;
  bool answered_ = true;
  std::size_t stream_window_ = limits::kStreamWindowBytes, connection_window_ = 65'535;
  std::deque<Down> down_;
  std::deque<Up> up_;
  Request request_;
  ResponseHead head_;
  std::unique_ptr<http::Session> session_;
  h2::ClientReader client_;
};

}  // namespace

TEST_CASE("http2 window growth: a link of 1 Gbit and 100 ms reaches its rate with one stream") {
  Link link(125'000, milliseconds(50));
  link.run(seconds(2));
  const std::size_t before = link.received;
  CHECK(before > 30'000'000);
  link.run(milliseconds(500));
  CHECK(link.received - before > 125'000 * 500 / 10 * 9);
  CHECK(link.pings <= limits::kMaxWindowPings);
}

TEST_CASE("http2 window growth: a slow or near link leaves the window small; one that is paused is not opened") {
  for (const auto& [rate, delay] : {std::pair(1'000, 50), std::pair(62'500, 1)}) {
    Link link(static_cast<std::size_t>(rate), milliseconds(delay));
    link.run(milliseconds(800));
    CHECK(link.received > static_cast<std::size_t>(rate) * 700);
    link.consumes = false;
    link.waiting = 0;
    link.run(seconds(1));
    CHECK(link.waiting <= limits::kStreamWindowBytes);
    CHECK(link.pings <= 1);
  }
  Link link(125'000, milliseconds(50));
  link.consumes = false;
  link.run(seconds(1));
  CHECK(link.received == limits::kStreamWindowBytes);
}

TEST_CASE("http2 window growth: the next stream reaches the rate of the one before after one round trip") {
  Link link(125'000, milliseconds(50));
  link.run(seconds(2));
  link.open_next();
  link.run(milliseconds(200));  // the request goes, and what may come at first is there
  CHECK(link.received == limits::kStreamWindowBytes);
  link.run(milliseconds(100));
  CHECK(link.received > 125'000 * 90);
}

}  // namespace sluice
