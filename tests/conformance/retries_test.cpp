// An application that immediately retries what failed immediately cannot starve others: other transfers, deadlines and
// the application's own timers continue.
#include <algorithm>
#include <deque>

#include "adapters/transport.hpp"
#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

// Adds itself again from its own end.
struct Stubborn : TransferHandler {
  Request wanted;
  TransferOptions options;
  int failures = 0;
  bool give_up = false;
  Code code = Code::internal;

  void start(Multi& multi) { REQUIRE(multi.add(wanted, options, this)); }
  void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
    REQUIRE_FALSE(end.has_value());
    code = end.error().code;
    ++failures;
    multi.remove(id);
    if (!give_up) start(multi);
  }
};

struct Deadline : Get {
  Instant ended;
  using Get::Get;
  void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
    Get::on_done(multi, id, end);
    ended = multi.now();
  }
};

// While `all` go on failing: two downloads, a deadline and a timer. Then each of `all` has failed twice, or does so
// while the Multi is driven so often: a drive ends after a time by the clock, so how many of them a drive serves, and
// how long they all take, is the machine's affair.
void check_others_go_on(World& world, std::deque<Stubborn>& all, Code expected) {
  for (Stubborn& one : all) one.start(world.multi());
  Get plain(3'000'000, 1), tls(3'000'000, 2);
  Deadline held(10, 0, "hold");
  TransferOptions hurried;
  hurried.total_timeout = 200ms;
  const Instant begin = world.multi().now();
  world.get(plain);
  world.get(tls, Scheme::tls);
  world.get(held, Scheme::plain, hurried);
  int ticks = 0;
  const int timer = world.loop().every(10ms, [&] { ++ticks; });
  const auto again = [](const Stubborn& one) { return one.failures > 1; };
  const std::size_t most_drives = world.drives + 5000 + 50 * all.size();
  CHECK(world.until(
      [&] {
        const bool others = plain.dones == 1 && tls.dones == 1 && held.dones == 1 && ticks >= 10;
        return others && (std::ranges::all_of(all, again) || world.drives >= most_drives);
      },
      4 * kLong));
  world.loop().cancel(timer);
  CHECK(plain.complete());
  CHECK(tls.complete());
  CHECK(ticks >= 10);
  REQUIRE(held.dones == 1);
  CHECK(held.result.error().code == Code::total_timeout);
  CHECK(held.ended >= begin + 200ms);
  for (Stubborn& one : all) {
    CHECK(one.failures > 1);
    CHECK(one.code == expected);
    one.give_up = true;
  }
  REQUIRE(world.run());
}

}  // namespace

TEST_CASE_FIXTURE(World, "what fails at once and is tried again at once leaves the others their turns") {
  std::size_t count = 1;
  SUBCASE("one at a time") {}
  SUBCASE("many at a time") { count = 300; }
  std::deque<Stubborn> all(count);
  for (Stubborn& one : all) {
    one.wanted = request("/");
    one.options.route = unix_socket("/nonexistent/sluice.sock").value();
  }
  check_others_go_on(*this, all, Code::connect_failed);
}

TEST_CASE_FIXTURE(World, "a name without addresses, asked for again at once, leaves the others their turns") {
  MultiOptions options;
  options.resolve_overrides.push_back({"nothing.example", 80, {}});
  use(std::move(options));
  std::deque<Stubborn> all(1);
  all[0].wanted.url = Url::parse("http://nothing.example/").value();
  check_others_go_on(*this, all, Code::resolve_failed);
}
