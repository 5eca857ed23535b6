// What callbacks may do during a drive: remove and add transfers, and try to drive, which is refused.
#include <deque>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

// Does one thing, once, in the chosen callback: i interim, h head, b body, u upload, d done. It has them all.
struct Actor : Echo {
  char where = 0;
  std::function<void(Multi&, TransferId)> act;
  std::string order;  // a letter for each kind of callback, in the order in which they first came

  explicit Actor(std::string_view bytes) : Echo(bytes) {}
  void here(char letter, Multi& multi, TransferId id) {
    if (order.find(letter) == std::string::npos) order += letter;
    if (letter == where && act) std::exchange(act, nullptr)(multi, id);
  }
  void on_interim(Multi& multi, TransferId id, const ResponseHead& head) override {
    Echo::on_interim(multi, id, head), here('i', multi, id);
  }
  void on_head(Multi& multi, TransferId id, const ResponseHead& head) override {
    Echo::on_head(multi, id, head), here('h', multi, id);
  }
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
    take(bytes), here('b', multi, id);
    return bytes.size();
  }
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
    const std::size_t size = give(multi, id, space);
    here('u', multi, id);
    return size;
  }
  void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
    Echo::on_done(multi, id, end), here('d', multi, id);
  }
};

constexpr char kCallbacks[] = {'u', 'i', 'h', 'b', 'd'};

TransferId start(World& world, Actor& actor, Scheme scheme) {
  Request upload = world.request("/0/0?echo&early", scheme);
  upload.method = "PUT";
  upload.body = BodyStream{};
  return world.add(std::move(upload), actor);
}

}  // namespace

TEST_CASE_VERSIONS("a transfer is removed from each of its callbacks, and hears nothing more") {
  std::deque<Actor> actors, others;
  for (const Scheme scheme : {Scheme::plain, Scheme::tls}) {
    for (const char where : kCallbacks) {
      Actor& actor = actors.emplace_back(pattern(100'000, 1));
      actor.where = where;
      actor.act = [&actor](Multi& multi, TransferId id) {
        multi.remove(id);
        actor.order += '|';
      };
      start(*this, actor, scheme);
      start(*this, others.emplace_back(pattern(100'000, 2)), scheme);
    }
  }
  REQUIRE(run());
  turns_within(20ms);
  for (const Actor& actor : actors) {
    CAPTURE(actor.where);
    CHECK(actor.order.ends_with('|'));
    CHECK(actor.order[actor.order.size() - 2] == actor.where);
  }
  for (const Actor& other : others) CHECK(other.complete());
  CHECK(messages.size() == others.size());
}

TEST_CASE_VERSIONS("a transfer is removed from each callback of another, whatever it is doing then") {
  std::deque<Actor> actors, victims;
  std::deque<Get> held;
  for (const Scheme scheme : {Scheme::plain, Scheme::tls}) {
    for (const char where : kCallbacks) {
      // One that runs as well, one that waits for its response, and one that has not begun.
      const TransferId running = start(*this, victims.emplace_back(pattern(400'000, 3)), scheme);
      const TransferId waiting = get(held.emplace_back(10, 0, "hold"), scheme);
      Actor& actor = actors.emplace_back(pattern(100'000, 1));
      actor.where = where;
      actor.act = [this, &victims, &held, running, waiting, scheme](Multi& multi, TransferId) {
        const TransferId fresh = get(held.emplace_back(10, 0, "hold"), scheme);
        for (const TransferId victim : {running, waiting, fresh}) multi.remove(victim);
        // A transfer that ended before it was removed is complete.
        for (const Actor& each : victims) CHECK((each.dones == 0 || each.complete()));
      };
      start(*this, actor, scheme);
    }
  }
  REQUIRE(run());
  for (const Actor& actor : actors) {
    CAPTURE(actor.where);
    CHECK(actor.complete());
    CHECK_FALSE(actor.act);
  }
  for (const Get& one : held) CHECK(one.dones == 0);
}

TEST_CASE_VERSIONS("a transfer is added from each callback, and from the application's own") {
  std::deque<Actor> actors;
  std::deque<Get> added;
  const auto add_one = [&] {
    get(added.emplace_back(20'000, added.size(), "early"), added.size() % 2 == 0 ? Scheme::plain : Scheme::tls);
  };
  for (const char where : kCallbacks) {
    Actor& actor = actors.emplace_back(pattern(50'000, 1));
    actor.where = where;
    actor.act = [&](Multi&, TransferId) { add_one(), add_one(); };
    start(*this, actor, where % 2 == 0 ? Scheme::plain : Scheme::tls);
  }
  REQUIRE(run());
  CHECK(added.size() == 10);

  // After a drive, one for each that has ended: a chain.
  const std::size_t before = messages.size();
  std::size_t seen = before;
  after = [&](Multi&) {
    while (seen < messages.size() && added.size() < 40) ++seen, add_one();
  };
  add_one();
  REQUIRE(run());
  CHECK(added.size() == 40);
  after = nullptr;

  // From a timer and from a descriptor of the application's, when nothing of the Multi's moves.
  turns_within(30ms);
  int timer = 0;
  timer = loop().every(1ms, [&] {
    loop().cancel(timer);
    add_one();
  });
  REQUIRE(loop().run_until([&] { return added.size() == 41 && multi().running() == 0; }, kLong));
  const Pipe pipe;
  loop().watch(pipe.read_end, [&] {
    CHECK(pipe.take() == 'a');
    add_one();
  });
  pipe.put('a');
  REQUIRE(loop().run_until([&] { return added.size() == 42 && multi().running() == 0; }, kLong));
  loop().unwatch(pipe.read_end);

  for (const Actor& actor : actors) CHECK(actor.complete());
  for (const Get& one : added) CHECK(one.complete());
}

TEST_CASE_VERSIONS("driving from inside a callback is refused, and harms nothing") {
  std::deque<Actor> actors;
  int refused = 0;
  for (const Scheme scheme : {Scheme::plain, Scheme::tls}) {
    for (const char where : kCallbacks) {
      Actor& actor = actors.emplace_back(pattern(50'000, 1));
      actor.where = where;
      actor.act = [&](Multi& multi, TransferId) {
        int running = -1;
        CHECK(multi.perform(&running) == Drive::recursive_call);
        CHECK(multi.socket_action(Multi::kNoSocket, 0, &running) == Drive::recursive_call);
        for (int fd = 0; fd < 64; ++fd) CHECK(multi.socket_action(fd, kEventRead) == Drive::recursive_call);
        const auto polled = multi.poll({}, 0ms);
        CHECK_FALSE(polled.has_value());
        CHECK(polled.error().code == Code::recursive_call);
        ++refused;
      };
      start(*this, actor, scheme);
    }
  }
  REQUIRE(run());
  CHECK(refused == 10);
  for (const Actor& actor : actors) CHECK(actor.complete());
}

TEST_CASE_VERSIONS("performing at any other moment, twice, or when nothing is ready is harmless") {
  std::deque<Get> all;
  for (std::size_t i = 0; i < 30; ++i) {
    all.emplace_back(300'000, i, i % 5 == 0 ? "close" : "");
    get(all.back(), i % 2 == 0 ? Scheme::plain : Scheme::tls);
  }
  // From the application's timer, so beside the binding's back; and after each drive, which a binding must live
  // through.
  const auto drive_twice = [&] {
    CHECK(multi().perform() != Drive::failed);
    CHECK(multi().perform() != Drive::failed);
    CHECK(multi().socket_action(Multi::kNoSocket, 0) != Drive::failed);
  };
  const int timer = loop().every(1ms, drive_twice);
  after = [&](Multi& multi) { CHECK(multi.perform() != Drive::failed); };
  REQUIRE(run());
  for (const Get& one : all) CHECK(one.complete());
  // With nothing to do.
  turns_within(10ms);
  drive_twice();
  // And late: the loop was busy for a while, and responses are waiting.
  std::deque<Get> late;
  for (std::size_t i = 0; i < 10; ++i) get(late.emplace_back(100'000, i));
  int naps = 0;
  const int nap = loop().every(5ms, [&] {
    if (++naps <= 3) server().busy_for(50ms);
  });
  REQUIRE(run());
  CHECK(loop().run_until([&] { return naps > 3; }, kLong));
  loop().cancel(nap);
  loop().cancel(timer);
  after = nullptr;
  for (const Get& one : late) CHECK(one.complete());
}
