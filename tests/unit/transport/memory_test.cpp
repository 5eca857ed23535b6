// memory_pair(): with one thread, then with two.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/base/random.hpp"
#include "tests/unit/transport/stream_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Open {
  MemoryPair pair;
  int signals = 0, calls = 0;
  std::unique_ptr<Transport> near;
  explicit Open(std::size_t capacity = 64 * 1024) : pair(memory_pair(capacity)) {
    pair.far_end->on_ready([this] { ++calls; });
    auto made = pair.dialer->dial({"example.org", 80}, [this] { ++signals; });
    REQUIRE(made);
    near = std::move(*made);
    REQUIRE(near->open().value() == Opening::done);
    CHECK(near->fd() == -1);
  }
  MemoryStream& far() { return *pair.far_end; }
};

template <class Stream>
std::string read(Stream& stream, std::size_t most = 1000) {
  std::string space(most, '\0');
  const Transferred moved = stream.receive({reinterpret_cast<std::uint8_t*>(space.data()), space.size()});
  CHECK(moved.error == 0);
  CHECK(moved.would_block == (moved.bytes == 0 && !moved.eof));
  return moved.eof ? "<eof>" : space.substr(0, moved.bytes);
}

}  // namespace

TEST_CASE("what one end of a memory pair sends, the other receives in order") {
  Open open;
  CHECK(open.pair.dialer->name() == "memory");
  CHECK(open.pair.dialer->identity().empty());
  CHECK(open.pair.dialer->max_connections() == 1);
  CHECK(read(*open.near) == "");
  CHECK(read(open.far()) == "");
  const std::array<Bytes, 3> pieces = {as_bytes("one "), as_bytes("two "), as_bytes("three")};
  CHECK(open.near->send(pieces).bytes == 13);
  CHECK(read(open.far(), 5) == "one t");
  CHECK(read(open.far()) == "wo three");
  CHECK(open.far().send(as_bytes("back")).bytes == 4);
  CHECK(read(*open.near) == "back");
  CHECK(open.far().send({}).bytes == 0);
  CHECK_FALSE(open.far().send({}).would_block);
}

TEST_CASE("a direction holds its capacity and no byte more, at every size and place") {
  for (const auto capacity : std::vector<std::size_t>{1, 2, 3, 7, 1000, 5000}) {
    Open open(capacity);
    const std::string text(capacity + 1, 'x');
    for (const std::size_t taken : {capacity, (capacity + 1) / 2, std::size_t{1}}) {
      CHECK(open.far().send(as_bytes(text)).bytes == capacity);
      CHECK(open.far().send(as_bytes("y")).would_block);
      CHECK(read(*open.near, taken).size() == taken);
      CHECK(open.far().send(as_bytes(text)).bytes == taken);
      CHECK(read(*open.near, 2 * capacity).size() == capacity);
      CHECK(read(*open.near) == "");
    }
  }
  Open none(0);
  CHECK(none.far().send(as_bytes("xy")).bytes == 1);
  Open endless(SIZE_MAX);
  CHECK(endless.far().send(as_bytes(std::string(1'000'000, 'x'))).bytes == 1'000'000);
}

TEST_CASE("bytes stay in order through a ring that grows and turns") {
  Random random(Seed{7});
  for (const auto capacity : std::vector<std::size_t>{1, 5, 1023, 3000}) {
    Open open(capacity);
    std::string sent, got;
    while (got.size() < 20'000) {
      std::string piece;
      for (std::uint64_t i = random.below(2 * capacity); i > 0; --i) piece += static_cast<char>(random.below(256));
      sent += piece.substr(0, send(*open.near, piece).bytes);
      got += read(open.far(), 1 + random.below(2 * capacity));
    }
    got += read(open.far(), 2 * capacity);
    CHECK(got == sent);
  }
}

TEST_CASE("each side is told when it may go on: first byte, first room, an end") {
  Open open(4);
  open.far().send(as_bytes("ab"));
  CHECK(open.signals == 1);
  open.far().send(as_bytes("cd"));
  CHECK(open.signals == 1);  // there was something to read already
  CHECK(open.far().send(as_bytes("e")).would_block);
  read(*open.near, 1);
  CHECK(open.calls == 1);
  read(*open.near);
  CHECK(open.calls == 1);
  open.far().send(as_bytes("f"));
  CHECK(open.signals == 2);
  open.far().finish();
  CHECK(open.signals == 3);
  open.far().finish();
  CHECK(open.signals == 3);

  send(*open.near, "abcd");
  CHECK(open.calls == 2);
  read(open.far(), 2);
  CHECK(open.signals == 4);
  open.near.reset();
  CHECK(open.calls == 3);
  open.far().on_ready(nullptr);
  CHECK(read(open.far()) == "cd");
}

TEST_CASE("finish() ends one direction") {
  Open open;
  open.far().send(as_bytes("last"));
  open.far().finish();
  CHECK(open.far().send(as_bytes("x")).error == EPIPE);
  CHECK(read(*open.near, 3) == "las");
  CHECK(read(*open.near) == "t");
  CHECK(read(*open.near) == "<eof>");
  CHECK(read(*open.near) == "<eof>");
  CHECK(send(*open.near, "still").bytes == 5);
  CHECK(read(open.far()) == "still");
  CHECK(read(open.far()) == "");
  open.near.reset();
  CHECK(read(open.far()) == "<eof>");
}

TEST_CASE("close() ends both") {
  Open open;
  send(*open.near, "unread");
  open.far().send(as_bytes("last"));
  SUBCASE("by a call") { open.far().close(); }
  SUBCASE("by a call after finish()") {
    open.far().finish();
    open.far().close();
  }
  SUBCASE("by destruction") { open.pair.far_end.reset(); }
  CHECK(open.signals >= 2);
  CHECK(send(*open.near, "x").error == EPIPE);
  CHECK(read(*open.near) == "last");
  CHECK(read(*open.near) == "<eof>");
  if (open.pair.far_end) {
    CHECK(read(open.far()) == "<eof>");
    CHECK(open.far().send(as_bytes("x")).error == EPIPE);
  }
}

TEST_CASE("when the transport is gone the far end reads what was sent, then the end, and sends no more") {
  Open open;
  send(*open.near, "last");
  open.far().send(as_bytes("unread"));
  open.near.reset();
  CHECK(open.far().send(as_bytes("x")).error == EPIPE);
  CHECK(read(open.far()) == "last");
  CHECK(read(open.far()) == "<eof>");
}

TEST_CASE("what is sent before the dial waits for it, and a far end that left before it is an end") {
  MemoryPair pair = memory_pair(8);
  CHECK(pair.far_end->send(as_bytes("early bird")).bytes == 8);
  CHECK(pair.far_end->send(as_bytes("x")).would_block);
  pair.far_end.reset();
  const auto near = dial(*pair.dialer);
  CHECK(read(*near) == "early bi");
  CHECK(read(*near) == "<eof>");
  CHECK(send(*near, "x").error == EPIPE);
}

TEST_CASE("a dialer that is gone undialled is an end for the far end; one that was dialled is not needed any more") {
  MemoryPair pair = memory_pair();
  int calls = 0;
  pair.far_end->on_ready([&] { ++calls; });
  pair.dialer.reset();
  CHECK(calls == 1);
  CHECK(read(*pair.far_end) == "<eof>");
  CHECK(pair.far_end->send(as_bytes("x")).error == EPIPE);

  Open open;
  open.pair.dialer.reset();
  CHECK(send(*open.near, "on").bytes == 2);
  CHECK(read(open.far()) == "on");
}

TEST_CASE("a memory pair serves one connection in all") {
  Open open;
  auto second = open.pair.dialer->dial({"example.org", 80}, [] {});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Code::connect_failed);
  CHECK(second.error().message() == "connect by memory: the stream carries another connection");
  open.near.reset();
  second = open.pair.dialer->dial({"example.org", 80}, [] {});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message() == "connect by memory: the stream was used and has ended");
}

// No lock is held while a side is told, so one that goes straight on does not hang.
TEST_CASE("a callback may use the stream, replace itself, and outlive what it was set on") {
  MemoryPair pair = memory_pair(1);
  std::string got;
  MemoryStream* const far = pair.far_end.get();
  far->on_ready([&, far] {
    got += read(*far);
    far->on_ready(nullptr);
  });
  const auto near = dial(*pair.dialer);
  CHECK(send(*near, "a").bytes == 1);
  CHECK(got == "a");
  CHECK(send(*near, "b").bytes == 1);
  CHECK(got == "a");
}

TEST_CASE("a callback may use the stream when there is room again, and when the other end has gone") {
  MemoryPair pair = memory_pair(1);
  std::string got;
  MemoryStream* const far = pair.far_end.get();
  far->on_ready([&, far] {
    far->send(as_bytes("b"));
    got += read(*far);
  });
  auto near = dial(*pair.dialer);
  REQUIRE(far->send(as_bytes("a")).bytes == 1);
  CHECK(read(*near) == "a");
  CHECK(read(*near) == "b");
  CHECK(got.empty());
  near.reset();
  CHECK(got == "<eof>");
}

namespace {

// A side in its thread: sleeps until it is told, as a loop does.
struct Sleeper {
  std::mutex mutex;
  std::condition_variable changed;
  bool told = false;
  std::function<void()> bell() {
    return [this] {
      const std::lock_guard lock(mutex);
      told = true;
      changed.notify_one();
    };
  }
  bool sleep() {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, std::chrono::seconds(10), [this] { return told; })) return false;
    told = false;
    return true;
  }
};

// Sends `bytes` bytes and takes as many, sleeping whenever neither gets further; then `answer` is true.
template <class Send, class Receive>
void exchange(std::size_t bytes, Sleeper& sleeper, Send send, Receive receive, std::atomic<bool>& answer) {
  std::size_t sent = 0, got = 0;
  bool right = true;
  std::array<std::uint8_t, 777> space;
  while (sent < bytes || got < bytes) {
    bool moved = false;
    if (sent < bytes) {
      const std::size_t count = std::min<std::size_t>(bytes - sent, 500);
      for (std::size_t i = 0; i < count; ++i) space[i] = static_cast<std::uint8_t>((sent + i) % 251);
      const Transferred out = send(Bytes(space).first(count));
      sent += out.bytes;
      moved = out.bytes > 0;
    }
    const Transferred in = receive(MutableBytes(space));
    for (std::size_t i = 0; i < in.bytes; ++i) right = right && space[i] == (got + i) % 251;
    got += in.bytes;
    if (!moved && in.bytes == 0 && !sleeper.sleep()) return;
  }
  answer = right;
}

}  // namespace

TEST_CASE("two threads exchange a lot through little, and nobody's call is lost") {
  for (const auto capacity : std::vector<std::size_t>{1, 64, 4096}) {
    const std::size_t bytes = capacity * 3000 < 4'000'000 ? capacity * 3000 : 4'000'000;
    MemoryPair pair = memory_pair(capacity);
    Sleeper near_sleeper, far_sleeper;
    pair.far_end->on_ready(far_sleeper.bell());
    auto near = pair.dialer->dial({"example.org", 80}, near_sleeper.bell());
    REQUIRE(near);
    std::atomic<bool> near_right = false, far_right = false;
    std::thread other([&] {
      exchange(
          bytes, far_sleeper, [&](Bytes out) { return pair.far_end->send(out); },
          [&](MutableBytes in) { return pair.far_end->receive(in); }, far_right);
    });
    exchange(
        bytes, near_sleeper, [&](Bytes out) { return (*near)->send(std::span(&out, 1)); },
        [&](MutableBytes in) { return (*near)->receive(in); }, near_right);
    other.join();
    CHECK(near_right.load());
    CHECK(far_right.load());
  }
}

TEST_CASE("ends that go at the same moment in two threads, thousands of times") {
  for (int i = 0; i < 2000; ++i) {
    MemoryPair pair = memory_pair(4);
    std::atomic<int> calls = 0;
    auto near = pair.dialer->dial({"example.org", 80}, [&] { ++calls; });
    REQUIRE(near);
    std::thread other([far = std::move(pair.far_end), &calls] {
      far->on_ready([&] { ++calls; });
      far->send(as_bytes("abc"));
    });
    send(**near, "xyz");
    near->reset();
    other.join();
  }
}
