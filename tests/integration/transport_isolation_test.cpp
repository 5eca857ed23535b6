// A faulty or very active transport or dialer does not affect others: descriptors that it does not own, exceptions at
// every call, floods of signals, and nested calls that change what the Multi has to do.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <functional>
#include <stdexcept>
#include <thread>

#include "adapters/net/descriptor.hpp"
#include "adapters/net/socket.hpp"
#include "adapters/select.hpp"
#include "adapters/transport.hpp"
#include "tests/support/far_side.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

Transferred blocked() { return {.bytes = 0, .would_block = true, .eof = false, .error = 0, .other_direction = false}; }
Transferred moved(std::size_t bytes) {
  return {.bytes = bytes, .would_block = false, .eof = false, .error = 0, .other_direction = false};
}

using Made = Result<std::unique_ptr<Transport>>;
using Dial = std::function<Made(TransportSignal)>;

std::shared_ptr<Dialer> line(Dial dial) {
  struct Line : Dialer {
    Dial made;
    explicit Line(Dial given) : Dialer("", "the line", 0), made(std::move(given)) {}
    Made dial(const DialTarget&, TransportSignal signal) override { return made(std::move(signal)); }
  };
  return std::make_shared<Line>(std::move(dial));
}

std::string message_of(Multi& multi, TransferId id) {
  auto messages = take_messages(multi);
  const auto found = messages.find(id);
  if (found == messages.end()) return "no message";
  return found->second.result ? "" : found->second.result.error().message();
}

// Swallows what is sent and answers nothing.
struct Silent : Transport {
  int shown = -1;
  explicit Silent(int fd = -1) : shown(fd) {}
  Result<Opening> open() override { return Opening::done; }
  int fd() const override { return shown; }
  Transferred receive(MutableBytes) override { return blocked(); }
  Transferred send(std::span<const Bytes> pieces) override {
    std::size_t total = 0;
    for (const Bytes piece : pieces) total += piece.size();
    return moved(total);
  }
};

struct Sockets {
  net::Descriptor near, far;
  Sockets() {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    near = net::Descriptor(ends[0]), far = net::Descriptor(ends[1]);
  }
};

void drive(Multi& multi, int times) {
  for (int i = 0; i < times; ++i) {
    REQUIRE(multi.perform() != Drive::failed);
    REQUIRE(multi.poll({}, 2ms));
  }
}

}  // namespace

TEST_CASE("a transport that shows a descriptor of nobody's, or of somebody else's, harms its own transfer only") {
  auto multi = make_multi();
  Sockets sockets;
  const int sound_fd = ::fcntl(sockets.near.get(), F_DUPFD_CLOEXEC, 0);
  Recorder sound;
  TransferOptions options;
  options.route = connected_descriptor(sound_fd).value();
  options.idle_timeout = 10s;
  REQUIRE(multi->add(get("http://sound.test/"), options, &sound));
  drive(*multi, 3);
  const std::pair<int, std::string> shown[] = {
      {sound_fd, "its descriptor carries another stream"},
      {multi->wakeup_fd(), "its descriptor carries another stream"},
      {multi->fd(), "Invalid argument"},
      {40'000'000, "Bad file descriptor"},
  };
  for (const auto& [fd, words] : shown) {
    for (const bool opening : {true, false}) {
      struct Opens : Silent {
        Opening answer;
        Opens(int number, bool waits) : Silent(number), answer(waits ? Opening::wait_read : Opening::done) {}
        Result<Opening> open() override { return answer; }
      };
      CAPTURE(fd);
      CAPTURE(opening);
      Recorder faulty;
      options.connect_timeout = 5s;
      options.route =
          line([number = fd, opening](TransportSignal) -> Made { return std::make_unique<Opens>(number, opening); });
      const TransferId id = multi->add(get("http://faulty.test/"), options, &faulty).value();
      REQUIRE(drive_until(*multi, [&] { return faulty.dones == 1; }));
      const std::string message = message_of(*multi, id);
      CHECK_MESSAGE(message.ends_with("connection to the line: cannot be watched: " + words), message);
      multi->remove(id);
    }
  }
  CHECK(sound.dones == 0);
  multi->wakeup();
  CHECK(multi->poll({}, 5000ms)->woken);
  const Bytes answer = as_bytes(kAnswer);
  REQUIRE(net::send(sockets.far.get(), std::span(&answer, 1)).bytes == kAnswer.size());
  CHECK(finish(*multi));
  CHECK(sound.body == "ok");
}

TEST_CASE("of two streams over one descriptor the second is refused, in words that say why") {
  auto multi = make_multi();
  Sockets sockets;
  TransferOptions options;
  options.total_timeout = 1s;
  options.route = line([&](TransportSignal) -> Made { return std::make_unique<Silent>(sockets.near.get()); });
  Recorder first, second;
  REQUIRE(multi->add(get("http://one.test/"), options, &first));
  drive(*multi, 3);
  const TransferId id = multi->add(get("http://two.test/"), options, &second).value();
  REQUIRE(drive_until(*multi, [&] { return second.dones == 1; }));
  CHECK(message_of(*multi, id).ends_with("its descriptor carries another stream"));
  CHECK(first.dones == 0);
  CHECK(finish(*multi));
}

TEST_CASE("an exception out of any call of a dialer or transport is the error of its own transfer") {
  enum class Call : std::uint8_t { dial, open, fd, write_fd, receive, send, describe };
  struct Throws : Silent {
    Call at;
    bool strange;
    Throws(Call call, bool odd) : at(call), strange(odd) {}
    void maybe(Call now) const {
      if (now != at) return;
      if (strange) throw 7;
      throw std::runtime_error("no thread");
    }
    Result<Opening> open() override { return maybe(Call::open), Opening::done; }
    int fd() const override { return maybe(Call::fd), -1; }
    int write_fd() const override { return maybe(Call::write_fd), -1; }
    Transferred receive(MutableBytes) override {
      maybe(Call::receive);
      Transferred failed;
      failed.error = 4711;
      return at == Call::describe ? failed : blocked();
    }
    Transferred send(std::span<const Bytes> pieces) override { return maybe(Call::send), Silent::send(pieces); }
    std::string describe(int) const override { return maybe(Call::describe), "own words"; }
  };
  const std::pair<Call, std::string> calls[] = {
      {Call::dial, "connect to the line: its dialer threw an exception"},
      {Call::open, "connect to the line: its transport threw an exception"},
      {Call::receive, "receive from the line: its transport threw an exception"},
      {Call::send, "send to the line: its transport threw an exception"},
      {Call::describe, "receive from the line: error 4711, for which it has no words"},
      {Call::fd, ""},
      {Call::write_fd, ""},
  };
  FarSide far;
  auto multi = make_multi();
  for (const auto& [call, words] : calls) {
    for (const bool strange : {false, true}) {
      CAPTURE(words);
      CAPTURE(strange);
      TransferOptions options;
      options.total_timeout = words.empty() ? 100ms : 10s;
      options.route = line([at = call, strange](TransportSignal) -> Made {
        auto made = std::make_unique<Throws>(at, strange);
        made->maybe(Call::dial);
        return made;
      });
      Recorder faulty, sound;
      const TransferId id = multi->add(get("http://faulty.test/"), options, &faulty).value();
      TransferOptions beside;
      MemoryPair pair = memory_pair();
      far.adopt(std::move(pair.far_end));
      beside.route = pair.dialer;
      beside.fresh_connection = true;
      REQUIRE(multi->add(get(far.url("/20000/5")), beside, &sound));
      CHECK(finish(*multi));
      CHECK(faulty.dones == 1);
      CHECK(sound.body == pattern(20'000, 5));
      const bool said = !words.empty() && !strange && call != Call::describe;
      const std::string message = message_of(*multi, id);
      if (!words.empty()) CHECK_MESSAGE(message.ends_with(words + (said ? ": no thread" : "")), message);
    }
  }
}

TEST_CASE("the far end of a memory pair may use the Multi when it is told, in the middle of a drive or of remove()") {
  FarSide far;
  auto multi = make_multi();
  std::deque<Recorder> inner;
  const auto add_inner = [&] {
    MemoryPair pair = memory_pair();
    far.adopt(std::move(pair.far_end));
    TransferOptions options;
    options.route = pair.dialer;
    REQUIRE(multi->add(get(far.url("/3000/1")), options, &inner.emplace_back()));
  };
  SUBCASE("it adds transfers whenever it is told, and answers") {
    MemoryPair pair = memory_pair(20);  // so that it is told often
    std::string asked;
    Recorder outer;
    std::string answer(kAnswer);
    pair.far_end->on_ready([&] {
      if (inner.size() < 50) add_inner();
      CHECK(multi->perform() == Drive::recursive_call);
      std::uint8_t space[100];
      for (std::size_t got = 1; got > 0;) {
        got = pair.far_end->receive(space).bytes;
        asked += as_text(Bytes(space).first(got));
      }
      if (!asked.ends_with("\r\n\r\n")) return;
      answer.erase(0, pair.far_end->send(as_bytes(answer)).bytes);
    });
    TransferOptions options;
    options.route = pair.dialer;
    REQUIRE(multi->add(get("http://outer.test/"), options, &outer));
    CHECK(finish(*multi));
    CHECK(outer.body == "ok");
    pair.far_end->on_ready(nullptr);
  }
  SUBCASE("it removes the transfer whose request it is told of") {
    MemoryPair pair = memory_pair();
    Recorder outer;
    TransferId id;
    pair.far_end->on_ready([&] {
      multi->remove(id);
      add_inner();
    });
    TransferOptions options;
    options.route = pair.dialer;
    id = multi->add(get("http://outer.test/"), options, &outer).value();
    options.route.reset();
    CHECK(finish(*multi));
    CHECK(outer.dones == 0);
    pair.far_end->on_ready(nullptr);
  }
  SUBCASE("it is told that nobody will come any more, when its transfer is removed") {
    MultiOptions narrow;
    narrow.engine.max_connections = 1;
    multi = make_multi(narrow);
    MemoryPair holder = memory_pair(), pair = memory_pair();
    pair.far_end->on_ready([&] {
      for (int i = 0; i < 100; ++i) add_inner();
    });
    Recorder holds, never;
    TransferOptions options;
    options.route = holder.dialer;
    const TransferId first = multi->add(get("http://holder.test/"), options, &holds).value();
    REQUIRE(multi->perform() == Drive::ok);
    options.route = std::move(pair.dialer);
    const TransferId id = multi->add(get("http://outer.test/"), std::move(options), &never).value();
    multi->remove(id);
    CHECK(inner.size() == 100);
    multi->remove(first);
    CHECK(finish(*multi));
    CHECK(never.dones == 0);
    pair.far_end->on_ready(nullptr);
  }
  CHECK_FALSE(inner.empty());
  for (const Recorder& one : inner) CHECK(one.body == pattern(3000, 1));
}

namespace {

// Streams that nothing ever comes on.
struct Noise {
  std::vector<TransportSignal> signals;
  long reads = 0;
  Duration each = {};
  std::deque<Recorder> recorders;
  void add(Multi& multi, int count) {
    struct Noisy : Silent {
      Noise& noise;
      explicit Noisy(Noise& all) : noise(all) {}
      Transferred receive(MutableBytes) override {
        ++noise.reads;
        if (noise.each > Duration(0)) std::this_thread::sleep_for(noise.each);
        return blocked();
      }
    };
    TransferOptions options;
    options.route = line([this](TransportSignal signal) -> Made {
      signals.push_back(std::move(signal));
      return std::make_unique<Noisy>(*this);
    });
    const std::size_t wanted = signals.size() + static_cast<std::size_t>(count);
    for (int i = 0; i < count; ++i) REQUIRE(multi.add(get("http://noisy.test/"), options, &recorders.emplace_back()));
    for (int i = 0; i < 1000 && signals.size() < wanted; ++i) multi.perform();
    REQUIRE(signals.size() == wanted);
  }
  void signal() const {
    for (const TransportSignal& one : signals) one();
  }
};

}  // namespace

TEST_CASE("reads that move nothing are held to the time of a drive") {
  MultiOptions options;
  options.max_drive_time = 2ms;
  auto multi = Multi::create(options).value();
  Noise noise;
  noise.add(*multi, 50);
  for (int i = 0; i < 200; ++i) multi->perform();
  noise.each = 1ms;
  for (int i = 0; i < 20; ++i) {
    noise.signal();
    noise.reads = 0;
    CHECK(multi->perform() == Drive::call_again);
    CHECK(noise.reads <= 3);  // each takes a millisecond at least
  }
}

TEST_CASE(
    "a stream that is signaled faster than it is looked at waits in line once, and the others wait no longer for it") {
  auto multi = make_multi();
  Noise noise;
  noise.add(*multi, 600);
  for (int i = 0; i < 300; ++i) {
    noise.signal();
    REQUIRE(multi->perform() != Drive::failed);
  }
  for (int round = 0; round < 3; ++round) {
    MemoryPair pair = memory_pair();
    TransferOptions options;
    options.route = pair.dialer;
    Recorder sound;
    REQUIRE(multi->add(get("http://sound.test/"), options, &sound));
    int drives = 0;
    bool asked = false;
    for (; drives < 200 && sound.dones == 0; ++drives) {
      noise.signal();
      REQUIRE(multi->perform() != Drive::failed);
      std::uint8_t space[1000];
      if (asked || pair.far_end->receive(space).bytes == 0) continue;
      asked = true;
      REQUIRE(pair.far_end->send(as_bytes(kAnswer)).bytes == kAnswer.size());
    }
    CHECK(sound.body == "ok");
    CHECK(drives < 20);  // 600 streams are three drives' reads
  }
}

TEST_CASE("run() waits for a transport that waits for its signal to open, also when it has a descriptor") {
  struct SlowOpen : Silent {
    TransportSignal signal;
    Sockets sockets;
    std::atomic<bool> ready = false;
    std::thread thread;
    bool asked = false;
    explicit SlowOpen(TransportSignal given) : signal(std::move(given)) {
      shown = sockets.near.get();
      thread = std::thread([this] {
        std::this_thread::sleep_for(100ms);
        ready = true;
        signal();
      });
    }
    ~SlowOpen() override { thread.join(); }
    Result<Opening> open() override { return ready ? Opening::done : Opening::wait_signal; }
    Transferred receive(MutableBytes space) override { return net::receive(sockets.near.get(), space); }
    Transferred send(std::span<const Bytes> pieces) override {
      const Bytes answer = as_bytes(kAnswer);
      if (!std::exchange(asked, true))
        REQUIRE(net::send(sockets.far.get(), std::span(&answer, 1)).bytes == kAnswer.size());
      return Silent::send(pieces);
    }
  };
  auto multi = make_multi();
  TransferOptions options;
  options.connect_timeout.reset();
  options.route = line([](TransportSignal signal) -> Made { return std::make_unique<SlowOpen>(std::move(signal)); });
  Recorder recorder;
  REQUIRE(multi->add(get("http://slow.test/"), options, &recorder));
  const auto ran = run(*multi);
  CHECK_MESSAGE(ran.has_value(), (ran ? "" : ran.error().message()));
  CHECK(recorder.body == "ok");
  CHECK_FALSE(multi->waits_for_signals());
}
