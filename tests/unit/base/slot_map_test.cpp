// Ids that outlive their objects, addresses that never change, memory that is used again.
#include "core/base/slot_map.hpp"

#include <doctest/doctest.h>

#include <new>
#include <string>
#include <vector>

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

TEST_CASE("indices come back last in, first out, the lowest first when all are new") {
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
  for (const std::uint32_t expected : {10U, 66U, 3U, 70U}) {
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
