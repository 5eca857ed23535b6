// No busy loop: an idle Multi causes no wakeups.
#include <deque>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

constexpr Milliseconds kWhile = 300ms;
// In that time: the end of the wait itself; one turn in which a binding sees that a deadline or a watch has gone since;
// two for waits that ended a little early, by rounding; one for a packet of the peer's, such as a TLS ticket. A loop
// that spins turns thousands of times.
constexpr std::size_t kFew = 5;

struct Unwilling : Get {
  using Get::Get;
  std::size_t on_body(Multi&, TransferId, Bytes) override { return 0; }
};

}  // namespace

TEST_CASE_VERSIONS("an idle Multi wakes nobody, before and after it had something to do") {
  CHECK(turns_within(kWhile) <= kFew);
  std::deque<Get> all;
  for (std::size_t i = 0; i < 10; ++i) get(all.emplace_back(10'000, i), i % 2 == 0 ? Scheme::plain : Scheme::tls);
  REQUIRE(run());
  // Its connections are kept alive.
  turns_within(50ms);
  CHECK(multi().connections() > 0);
  CHECK(turns_within(kWhile) <= kFew);
  // A wakeup is consumed once.
  multi().wakeup();
  const std::size_t before = drives;
  CHECK(turns_within(kWhile) <= kFew + 1);
  CHECK(drives > before);
  for (const Get& one : all) CHECK(one.complete());
}

TEST_CASE_FIXTURE(World, "an idle Multi whose connections were closed by the peer wakes nobody") {
  std::deque<Get> all;
  // Each on a connection of its own: one that rides on another's leaves a spare behind, which this server has no reason
  // to close.
  TransferOptions own;
  own.fresh_connection = true;
  for (std::size_t i = 0; i < 10; ++i)
    get(all.emplace_back(100, i, "close"), i % 2 == 0 ? Scheme::plain : Scheme::tls, own);
  REQUIRE(run());
  REQUIRE(until([&] { return multi().connections() == 0; }));
  turns_within(20ms);
  CHECK(turns_within(kWhile) <= kFew);
}

TEST_CASE_VERSIONS("transfers that are all paused wake nobody, however much there is to read") {
  std::deque<Unwilling> all;
  std::vector<TransferId> ids;
  for (std::size_t i = 0; i < 20; ++i) {
    all.emplace_back(4'000'000, i);
    TransferOptions far;
    if (i % 2 == 0) far.total_timeout = 60s;
    ids.push_back(get(all.back(), i % 4 < 2 ? Scheme::plain : Scheme::tls, far));
  }
  REQUIRE(until([&] { return server().requests() == 20; }));
  turns_within(200ms);
  CHECK(turns_within(kWhile) <= kFew);
  // Resumed, and paused again at once.
  for (const TransferId id : ids) multi().resume(id);
  turns_within(100ms);
  CHECK(turns_within(kWhile) <= kFew);
  for (const TransferId id : ids) multi().remove(id);
}

TEST_CASE_VERSIONS("an upload that has nothing to give wakes nobody, though its socket could be written to") {
  struct Empty : Echo {
    using Echo::Echo;
    std::size_t on_upload(Multi&, TransferId, MutableBytes) override { return 0; }
  };
  Empty one(pattern(1000, 0)), other(pattern(1000, 0));
  const TransferId ids[] = {echo(one, Scheme::plain, false), echo(other, Scheme::tls, true)};
  turns_within(100ms);
  CHECK(turns_within(kWhile) <= kFew);
  for (const TransferId id : ids) multi().remove(id);
}

TEST_CASE_VERSIONS("transfers that wait for a peer, with a deadline far away or none, wake nobody") {
  std::deque<Get> all;
  std::vector<TransferId> ids;
  for (std::size_t i = 0; i < 6; ++i) {
    TransferOptions options;
    if (i == 0) options.total_timeout = 60s;
    if (i == 1) options.idle_timeout = 30s;
    ids.push_back(get(all.emplace_back(10, 0, "hold"), i % 2 == 0 ? Scheme::plain : Scheme::tls, options));
  }
  REQUIRE(until([&] { return server().held() == 6; }));
  turns_within(50ms);
  CHECK(turns_within(kWhile) <= kFew);
  // The far deadline goes with its transfer; one that ran out is over.
  multi().remove(ids[0]);
  TransferOptions hurried;
  hurried.total_timeout = 30ms;
  Get late(10, 0, "hold");
  get(late, Scheme::plain, hurried);
  REQUIRE(loop().run_until([&] { return late.dones == 1; }, kLong));
  turns_within(20ms);
  CHECK(turns_within(kWhile) <= kFew);
  for (const TransferId id : ids) multi().remove(id);
}
