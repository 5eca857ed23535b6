// Many transfers of all sizes in both directions, compared byte by byte.
#include <deque>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

TEST_CASE_VERSIONS("200 transfers mixed in size, plain and TLS, arrive byte for byte") {
  bool limited = false;
  SUBCASE("as many connections as it takes") {}
  SUBCASE("six connections for each origin") { limited = true; }
  if (limited) {
    MultiOptions options;
    options.engine.max_connections_per_origin = 6;
    use(std::move(options));
  }
  constexpr std::size_t kSizes[] = {0,         1, 2,      1023,   1024, 1025,   16'384,  100'000, 262'144, 1'048'576,
                                    4'194'304, 3, 65'536, 65'537, 0,    20'000, 300'000, 5'000,   1,       40'000};
  constexpr const char* kWords[] = {"", "chunked", "early", "close", "", "chunked&close", ""};
  std::deque<Get> all;
  for (std::size_t i = 0; i < static_cast<std::size_t>(scaled(200)); ++i) {
    all.emplace_back(kSizes[i % std::size(kSizes)], i * 997, kWords[i % std::size(kWords)]);
    get(all.back(), i % 2 == 0 ? Scheme::plain : Scheme::tls);
  }
  CHECK(multi().running() == all.size());
  std::size_t most_connections = 0;
  after = [&](Multi& multi) { most_connections = std::max(most_connections, multi.connections()); };
  REQUIRE(run());
  for (const Get& one : all) {
    CAPTURE(one.path);
    CHECK_MESSAGE(one.complete(), (one.result ? "" : one.result.error().message()));
    CHECK(one.heads == 1);
    CHECK(one.interims == (one.path.ends_with("early") ? 1 : 0));
  }
  CHECK(messages.size() == all.size());
  if (limited) CHECK(most_connections <= 12);  // two origins
}

namespace {

// Sends no more than a window ahead of what came back, so that both directions have to go on at once.
struct Windowed : Echo {
  static constexpr std::size_t kWindow = 96 * 1024;
  bool waits = false;
  int waited = 0;

  using Echo::Echo;
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
    const std::size_t room = kWindow - (given - received);
    if (room == 0) {
      waits = true;
      ++waited;
      return 0;
    }
    return give(multi, id, space.first(std::min(space.size(), room)));
  }
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
    take(bytes);
    if (std::exchange(waits, false)) multi.resume(id);
    return bytes.size();
  }
};

}  // namespace

TEST_CASE_VERSIONS("an upload and its echo go on at the same time, with and without a length, plain and TLS") {
  std::deque<Windowed> all;
  for (std::size_t i = 0; i < 8; ++i) {
    all.emplace_back(pattern(1'500'000 + i, i * 1000));
    echo(all.back(), i % 2 == 0 ? Scheme::plain : Scheme::tls, i % 4 < 2);
  }
  // Those that do not hold back send as they can.
  std::deque<Echo> greedy;
  for (std::size_t i = 0; i < 8; ++i) {
    greedy.emplace_back(pattern(i == 0 ? 1 : 900'000 + i, i * 500));
    echo(greedy.back(), i % 2 == 0 ? Scheme::plain : Scheme::tls, i % 4 < 2);
  }
  REQUIRE(run());
  for (const Windowed& one : all) {
    CHECK(one.complete());
    CHECK(one.waited > 0);
  }
  for (const Echo& one : greedy) CHECK(one.complete());
}

namespace {

// MultiOptions::max_drive_time.
constexpr Milliseconds kDrive = 2ms;

}  // namespace

TEST_CASE_VERSIONS("the application's own descriptors and timers go on beside transfers") {
  std::deque<Get> all;
  for (std::size_t i = 0; i < 20; ++i) {
    all.emplace_back(500'000, i);
    get(all.back(), i % 2 == 0 ? Scheme::plain : Scheme::tls);
  }
  // Two pipes: each byte taken out of one puts one into the other.
  const Pipe first, second;
  int passed = 0, ticks = 0;
  const auto pass = [&](const Pipe& from, const Pipe& to) {
    return [&] {
      const int byte = from.take();
      CHECK(byte == 'x');  // a watch says so only when there is something
      ++passed;
      to.put('x');
    };
  };
  loop().watch(first.read_end, pass(first, second));
  loop().watch(second.read_end, pass(second, first));
  first.put('x');
  const int timer = loop().every(1ms, [&] { ++ticks; });
  const Instant begin = multi().now();
  REQUIRE(run());
  // Each has its turn beside each drive, or two; a quarter of that will do on a busy machine.
  const auto turns = static_cast<int>((multi().now() - begin) / (2 * kDrive));
  CAPTURE(turns);
  CHECK(passed >= std::max(turns / 4, 1));
  CHECK(ticks >= std::max(turns / 4, 1));
  // They go on when no transfer is there.
  passed = ticks = 0;
  CHECK(loop().run_until([&] { return passed >= 100 && ticks >= 10; }, kLong));
  loop().cancel(timer);
  loop().unwatch(first.read_end);
  loop().unwatch(second.read_end);
  const int ended = passed;
  ticks = 0;
  turns_within(20ms);
  CHECK(passed == ended);
  CHECK(ticks == 0);
  for (const Get& one : all) CHECK(one.complete());
}
