// Transfers that pause and continue: who resumes them, and from which callback.
#include <deque>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

// Takes less than it is offered, in turns nothing and a half, and wants to be resumed each time; all at the end.
struct Hesitant : Get {
  bool paused = false;
  bool called_while_paused = false;
  int pauses = 0;

  using Get::Get;
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override {
    called_while_paused |= paused;
    if (pauses >= 6) {
      take(bytes);
      return bytes.size();
    }
    const std::size_t taken = pauses % 2 == 0 ? 0 : bytes.size() / 2;
    paused = true;
    ++pauses;
    take(bytes.first(taken));
    return taken;
  }
};

}  // namespace

TEST_CASE_VERSIONS("a body that is not taken waits, and goes on when a timer of the application resumes it") {
  std::deque<Hesitant> all;
  std::vector<TransferId> ids;
  for (std::size_t i = 0; i < 12; ++i) {
    all.emplace_back(i < 2 ? 10 : 400'000, i * 999, i % 3 == 0 ? "chunked" : "");
    ids.push_back(get(all.back(), i % 2 == 0 ? Scheme::plain : Scheme::tls));
  }
  const int timer = loop().every(5ms, [&] {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (std::exchange(all[i].paused, false)) multi().resume(ids[i]);
    }
  });
  REQUIRE(run());
  loop().cancel(timer);
  for (const Hesitant& one : all) {
    CHECK(one.complete());
    CHECK(one.pauses == 6);
    CHECK_FALSE(one.called_while_paused);
  }
}

TEST_CASE_VERSIONS("a body goes on when its own callback resumes it before it pauses") {
  struct Stubborn : Hesitant {
    using Hesitant::Hesitant;
    std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
      const std::size_t taken = Hesitant::on_body(multi, id, bytes);
      if (std::exchange(paused, false)) multi.resume(id);
      return taken;
    }
  };
  Stubborn one(200'000, 5), other(200'000, 6);
  get(one);
  get(other, Scheme::tls);
  REQUIRE(run());
  CHECK(one.complete());
  CHECK(other.complete());
}

TEST_CASE_VERSIONS("two transfers resume each other from their callbacks") {
  // Each takes one piece, hands over to the other and pauses, until one of them is done.
  struct Partner : Get {
    Partner* other = nullptr;
    TransferId id;
    int turns = 0;
    using Get::Get;
    std::size_t on_body(Multi& multi, TransferId, Bytes bytes) override {
      if (other->dones > 0) return take(bytes), bytes.size();
      const std::size_t taken = std::min<std::size_t>(bytes.size(), 5'000);
      take(bytes.first(taken));
      ++turns;
      multi.resume(other->id);
      if (taken == bytes.size()) multi.resume(id);  // it has not paused: both are in play
      return taken;
    }
    void on_done(Multi& multi, TransferId id_, const Result<void>& end) override {
      Get::on_done(multi, id_, end);
      multi.resume(other->id);
    }
  };
  Partner one(100'000, 1), two(100'000, 2);
  one.other = &two;
  two.other = &one;
  one.id = get(one);
  two.id = get(two, Scheme::tls);
  REQUIRE(run());
  CHECK(one.complete());
  CHECK(two.complete());
  CHECK(one.turns + two.turns >= 20);
}

TEST_CASE_VERSIONS("an upload that has nothing to give waits, and goes on when it is resumed") {
  struct Slow : Echo {
    bool paused = false, ready = false, called_while_paused = false;
    int pauses = 0;
    using Echo::Echo;
    std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
      called_while_paused |= paused;
      if (!std::exchange(ready, false) && pauses < 10) {
        paused = true;
        ++pauses;
        return 0;
      }
      return give(multi, id, space.first(std::min<std::size_t>(space.size(), 3'000)));
    }
  };
  std::deque<Slow> all;
  std::vector<TransferId> ids;
  for (std::size_t i = 0; i < 4; ++i) {
    all.emplace_back(pattern(60'000, i));
    ids.push_back(echo(all.back(), i % 2 == 0 ? Scheme::plain : Scheme::tls, i < 2));
  }
  const int timer = loop().every(2ms, [&] {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!std::exchange(all[i].paused, false)) continue;
      all[i].ready = true;
      multi().resume(ids[i]);
    }
  });
  REQUIRE(run());
  loop().cancel(timer);
  for (const Slow& one : all) {
    CHECK(one.complete());
    CHECK(one.pauses == 10);
    CHECK_FALSE(one.called_while_paused);
  }
}

TEST_CASE_VERSIONS("resume is harmless for what is not paused, has ended, or was removed") {
  Get one(50'000, 3), held(10, 0, "hold");
  const TransferId id = get(one);
  const TransferId gone = get(held);
  const int timer = loop().every(1ms, [&] {
    multi().resume(id);
    multi().resume(gone);
    multi().resume(TransferId{});
  });
  REQUIRE(until([&] { return one.dones == 1 && server().held() == 1; }));
  multi().remove(gone);
  turns_within(20ms);
  loop().cancel(timer);
  CHECK(one.complete());
  CHECK(held.dones == 0);
}
