// SlotMap: ids that outlive their objects, stable addresses, reused memory.
#include "core/base/slot_map.hpp"

#include <doctest/doctest.h>

#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.hpp"

namespace {
using namespace sluice;

struct Thing {
  std::string text;
  int recycled = 0;
  void recycle() {
    text.clear();
    ++recycled;
  }
};
struct ThingTag;
using ThingId = Id<ThingTag>;
using Things = SlotMap<Thing, ThingTag>;

struct Pinned {  // neither copied nor moved: the map may not need to
  Pinned() = default;
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  void recycle() {}
};

struct Unlucky {
  static inline bool fails = false;
  Unlucky() {
    if (fails) throw std::bad_alloc();
  }
  void recycle() {}
};

TEST_CASE("an object is found under its id, and only under its id") {
  Things things;
  ThingId a;
  ThingId b;
  Thing* first = things.emplace(a);
  Thing* second = things.emplace(b);
  REQUIRE(first != nullptr);
  REQUIRE(second != nullptr);
  CHECK(first != second);
  CHECK(a != b);
  CHECK(bool(a));
  CHECK(things.find(a) == first);
  CHECK(things.find(b) == second);
  CHECK(std::as_const(things).find(b) == second);
  CHECK(things.size() == 2);
  CHECK(things.find({a.index, a.generation + 1}) == nullptr);
  CHECK(things.find({1'000'000, 1}) == nullptr);
  CHECK(things.find({}) == nullptr);
  CHECK(things.find({0, 0}) == nullptr);
  CHECK(Things().find({0, 1}) == nullptr);
}

TEST_CASE("SB-47 a stale id finds nothing, also when its index is in use again") {
  Things things;
  ThingId old;
  REQUIRE(things.emplace(old) != nullptr);
  CHECK(things.release(old));
  CHECK(things.find(old) == nullptr);
  CHECK(things.size() == 0);

  ThingId young;
  Thing* object = things.emplace(young);
  CHECK(young.index == old.index);
  CHECK(young.generation != old.generation);
  CHECK(things.find(old) == nullptr);
  CHECK(things.find(young) == object);

  CHECK_FALSE(things.release(old));  // a second release must not touch the new owner
  CHECK(things.find(young) == object);
  CHECK(things.size() == 1);
  CHECK(object->recycled == 1);
}

TEST_CASE("a released object is recycled, not destroyed: its memory serves the next") {
  Things things;
  ThingId id;
  Thing* object = things.emplace(id);
  object->text.assign(1000, 'x');
  const std::size_t capacity = object->text.capacity();
  things.release(id);
  Thing* again = things.emplace(id);
  CHECK(again == object);
  CHECK(again->text.empty());
  CHECK(again->text.capacity() == capacity);
  CHECK(again->recycled == 1);
}

TEST_CASE("the index released last comes back first, then others of its chunk; the lowest first when all are new") {
  Things things;
  std::vector<ThingId> ids(70);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    REQUIRE(things.emplace(ids[i]) != nullptr);
    CHECK(ids[i].index == i);
  }
  things.release(ids[3]);
  things.release(ids[66]);
  things.release(ids[10]);
  ThingId id;
  for (const std::uint32_t expected : {10U, 3U, 66U, 70U}) {
    REQUIRE(things.emplace(id) != nullptr);
    CHECK(id.index == expected);
  }
}

TEST_CASE("objects stay where they are while thousands come") {
  SlotMap<Pinned, ThingTag> map;
  std::vector<Pinned*> where;
  std::vector<ThingId> ids(5000);
  for (ThingId& id : ids) where.push_back(map.emplace(id));
  for (std::size_t i = 0; i < ids.size(); ++i) REQUIRE(map.find(ids[i]) == where[i]);
  CHECK(map.size() == 5000);
  CHECK(map.capacity() >= 5000);
  CHECK(map.capacity() < 5000 + 64);
}

TEST_CASE("steady coming and going takes no more slots") {
  Things things;
  for (int i = 0; i < 10'000; ++i) {
    ThingId id;
    REQUIRE(things.emplace(id) != nullptr);
    things.release(id);
  }
  CHECK(things.capacity() == 64);
}

struct Counted {
  static inline int alive = 0;
  Counted() { ++alive; }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  void recycle() {}
};

TEST_CASE("what a flood of objects took is given back when it is over, but for a few spares") {
  SlotMap<Counted, ThingTag> map;
  std::vector<ThingId> ids(5000);
  for (ThingId& id : ids) REQUIRE(map.emplace(id) != nullptr);
  CHECK(Counted::alive == 5000);
  // In an order that empties every chunk late: the 17th of each, then the 34th ...
  for (std::size_t i = 0; i < ids.size(); ++i) CHECK(map.release(ids[i * 17 % ids.size()]));
  CHECK(map.empty());
  CHECK(Counted::alive >= 128);
  CHECK(Counted::alive < 128 + 64);
}

TEST_CASE("a chunk stays while one of its objects lives, and while spares are few") {
  SlotMap<Counted, ThingTag> map;
  std::vector<ThingId> ids(640);
  for (ThingId& id : ids) map.emplace(id);
  Counted* const last = map.find(ids[99]);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i != 99) map.release(ids[i]);
  }
  CHECK(map.find(ids[99]) == last);
  CHECK(map.find(ids[100]) == nullptr);
  CHECK(Counted::alive < 128 + 2 * 64);
  CHECK(map.size() == 1);
}

TEST_CASE("SB-47 an id from before its chunk was given back finds nothing behind it") {
  SlotMap<Counted, ThingTag> map;
  std::vector<ThingId> old(2000);
  for (int round = 0; round < 3; ++round) {
    std::vector<ThingId> ids(old.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      REQUIRE(map.emplace(ids[i]) != nullptr);
      CHECK(ids[i].index < 2048);  // the indices are used again
    }
    for (const ThingId id : old) CHECK(map.find(id) == nullptr);
    for (const ThingId id : ids) map.release(id);
    for (const ThingId id : ids) CHECK(map.find(id) == nullptr);
    CHECK_FALSE(map.release(ids[1999]));
    old = ids;
  }
  CHECK(map.capacity() == 2048);
}

TEST_CASE("coming and going in any order leaves ids, sizes and objects in step") {
  SlotMap<Counted, ThingTag> map;
  std::vector<std::pair<ThingId, Counted*>> living;
  std::vector<ThingId> gone;
  Random random(Seed{7});
  for (int step = 0; step < 60'000; ++step) {
    const bool grows = step / 10'000 % 2 == 0;
    if (living.empty() || random.below(10) < (grows ? 6U : 4U)) {
      ThingId id;
      Counted* const object = map.emplace(id);
      REQUIRE(object != nullptr);
      living.emplace_back(id, object);
    } else {
      std::swap(living[random.below(living.size())], living.back());
      REQUIRE(map.find(living.back().first) == living.back().second);
      REQUIRE(map.release(living.back().first));
      gone.push_back(living.back().first);
      living.pop_back();
    }
    REQUIRE(map.size() == living.size());
    if (!gone.empty()) REQUIRE(map.find(gone[random.below(gone.size())]) == nullptr);
  }
  std::size_t visited = 0;
  map.for_each([&](ThingId id, Counted& object) { visited += map.find(id) == &object ? 1U : 0U; });
  CHECK(visited == living.size());
  for (const auto& [id, object] : living) CHECK(map.find(id) == object);
}

TEST_CASE("for_each visits the living with their ids") {
  Things things;
  std::vector<ThingId> ids(130);
  for (ThingId& id : ids) things.emplace(id);
  for (std::size_t i = 0; i < ids.size(); i += 2) things.release(ids[i]);
  std::size_t visited = 0;
  things.for_each([&](ThingId id, Thing& thing) {
    ++visited;
    CHECK(id.index % 2 == 1);
    CHECK(things.find(id) == &thing);
  });
  CHECK(visited == 65);
  std::vector<std::uint32_t> in_order;
  std::as_const(things).for_each([&](ThingId id, const Thing& thing) {
    in_order.push_back(id.index);
    CHECK(things.find(id) == &thing);
  });
  REQUIRE(in_order.size() == 65);
  for (std::size_t i = 0; i < in_order.size(); ++i) CHECK(in_order[i] == 2 * i + 1);
  for (std::size_t i = 0; i < 128; ++i) things.release(ids[i]);  // whole chunks go
  in_order.clear();
  std::as_const(things).for_each([&](ThingId id, const Thing&) { in_order.push_back(id.index); });
  CHECK(in_order == std::vector<std::uint32_t>{129});
}

TEST_CASE(
    "for_each goes on where what it visits is released, with the chunk it was in, and where others are emplaced") {
  SlotMap<Thing, ThingTag, 0xffff'ffff, 0> things;  // chunks are given back as soon as they are empty
  std::vector<ThingId> ids(3 * 64);
  for (ThingId& id : ids) things.emplace(id);
  std::vector<std::uint32_t> visited;
  things.for_each([&](ThingId id, Thing&) {
    visited.push_back(id.index);
    CHECK(things.release(id));
    if (id.index == 0) {  // and all of the next chunk
      for (std::size_t i = 64; i < 128; ++i) CHECK(things.release(ids[i]));
    }
  });
  CHECK(things.empty());
  REQUIRE(visited.size() == 128);
  for (std::size_t i = 0; i < visited.size(); ++i) CHECK(visited[i] == (i < 64 ? i : i + 64));

  for (ThingId& id : ids) things.emplace(id);
  std::size_t count = 0;
  ThingId other;
  things.for_each([&](ThingId id, Thing& thing) {
    if (count++ == 0) things.emplace(other);  // after all the others, in a chunk of its own: the walk comes to it
    CHECK(things.find(id) == &thing);
  });
  CHECK(count == 193);
}

TEST_CASE("a slot whose generations are used up is given up") {
  SlotMap<Thing, ThingTag, 3> things;
  std::vector<ThingId> seen;
  ThingId id;
  for (int use = 0; use < 3; ++use) {
    REQUIRE(things.emplace(id) != nullptr);
    CHECK(id.index == 0);
    seen.push_back(id);
    things.release(id);
  }
  REQUIRE(things.emplace(id) != nullptr);
  CHECK(id.index == 1);
  for (const ThingId old : seen) CHECK(things.find(old) == nullptr);
}

TEST_CASE("a constructor that finds no memory leaves the map as it was") {
  SlotMap<Unlucky, ThingTag> map;
  ThingId id;
  Unlucky::fails = true;
  CHECK(map.emplace(id) == nullptr);
  CHECK(map.size() == 0);
  Unlucky::fails = false;
  REQUIRE(map.emplace(id) != nullptr);
  CHECK(id.index == 0);
  CHECK(map.size() == 1);
}

}  // namespace
