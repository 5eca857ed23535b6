// List: order, removal at any position, and that an item knows whether it is in a list.
#include "core/base/list.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using sluice::Link;
using sluice::List;

struct Item {
  char name = '?';
  Link<Item> link;
};
using Items = List<Item, &Item::link>;

std::string forwards(const Items& items) {
  std::string names;
  for (const Item* item = items.front(); item; item = Items::next(*item)) names += item->name;
  return names;
}

std::string backwards(const Items& items) {
  std::string names;
  for (const Item* item = items.back(); item; item = item->link.previous) names += item->name;
  return names;
}

}  // namespace

TEST_CASE("list: items keep their order from both ends and leave from any place") {
  Item a{'a', {}}, b{'b', {}}, c{'c', {}};
  Items items;
  CHECK(items.empty());
  items.push_back(b);
  items.push_back(c);
  items.push_front(a);
  CHECK(forwards(items) == "abc");
  CHECK(backwards(items) == "cba");
  CHECK(items.size() == 3);
  items.remove(b);
  CHECK(forwards(items) == "ac");
  CHECK(backwards(items) == "ca");
  CHECK_FALSE(Items::contains(b));
  items.remove(b);  // not in it: nothing happens
  CHECK(items.size() == 2);
  items.push_back(b);
  CHECK(items.pop_front() == &a);
  CHECK(items.pop_front() == &c);
  CHECK(items.pop_front() == &b);
  CHECK(items.pop_front() == nullptr);
  CHECK(items.empty());
  CHECK(items.front() == nullptr);
  CHECK(items.back() == nullptr);
}
