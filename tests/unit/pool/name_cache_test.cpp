// core/pool/name_cache: requests for a name, those that wait for the same query, what is cached and for how long.
// Usable addresses, and answers in parts: name_answers_test.cpp.
#include "core/pool/name_cache.hpp"

#include <doctest/doctest.h>

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/unit/pool/addresses.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::Name;
using pool::NameCache;
using pool::NameWaiter;
using std::chrono::hours;
using std::chrono::seconds;

constexpr Now kNamesStart{Instant(hours(1)), 0};
constexpr Now names_after(Duration time) { return {kNamesStart.steady + time, 0}; }

// A waiter that leaves before it goes away, as every owner of one must.
class Asking {
 public:
  explicit Asking(NameCache& names) : names_(names) {}
  ~Asking() { names_.leave(waiter); }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  std::optional<ResolveId> wait(std::string_view host, AddressFamily family = AddressFamily::any) {
    return names_.wait(names_.name(host, family), waiter);
  }
  NameWaiter waiter;

 private:
  NameCache& names_;
};

// A look-up that runs and that nobody waits for.
ResolveId abandoned(NameCache& names, std::string_view host) {
  Asking asking(names);
  const auto id = asking.wait(host);
  REQUIRE(id);
  return *id;
}

// Makes names that nobody waits for.
void fill(NameCache& names, std::size_t count, const std::string& prefix) {
  for (std::size_t i = 0; i < count; ++i) names.name(prefix + std::to_string(i), AddressFamily::any);
}

TEST_CASE("names: however many ask, and for however many ports, a name is looked up once") {
  NameCache names;
  std::array<Asking, 3> all{Asking(names), Asking(names), Asking(names)};
  const auto id = all[0].wait("a.test");
  REQUIRE(id);
  CHECK_FALSE(all[1].wait("a.test"));  // a dial to another port: names know none
  CHECK_FALSE(all[2].wait("a.test"));
  CHECK(names.size() == 1);
  names.check_invariants();
  const auto told = names.answered(*id, NameAnswer(addresses("192.0.2.1")), kNamesStart);
  REQUIRE(told.name);
  CHECK(told.result.has_value());
  CHECK(told.of_use);
  CHECK_FALSE(told.more);
  CHECK(told.name->host == "a.test");
  CHECK(texts(told.name->addresses) == "192.0.2.1");
  // All are still there, in their order; the caller takes them out.
  CHECK(told.name->waiting.size() == 3);
  CHECK(told.name->waiting.front() == &all[0].waiter);
  CHECK(told.name->waiting.back() == &all[2].waiter);
  for (Asking& one : all) names.leave(one.waiter);
  CHECK(told.name->waiting.empty());
  names.check_invariants();
  CHECK_FALSE(names.has_canceled());
}

TEST_CASE("names: after the answer the next who waits begins another look-up") {
  NameCache names;
  Asking first(names), second(names);
  const auto one = first.wait("a.test");
  REQUIRE(one);
  names.answered(*one, NameAnswer(addresses("192.0.2.1"), Duration::zero()), kNamesStart);
  names.leave(first.waiter);
  const auto two = second.wait("a.test");
  REQUIRE(two);
  CHECK(*two != *one);
}

TEST_CASE("names: other hosts and other families are looked up apart") {
  NameCache names;
  Asking any(names), ipv4(names), ipv6(names), other(names);
  const auto id = any.wait("a.test");
  const auto id4 = ipv4.wait("a.test", AddressFamily::ipv4);
  const auto id6 = ipv6.wait("a.test", AddressFamily::ipv6);
  const auto id_other = other.wait("b.test");
  CHECK(names.size() == 4);
  REQUIRE((id && id4 && id6 && id_other));
  CHECK(*id != *id4);
  CHECK(*id4 != *id6);
  const auto told = names.answered(*id4, NameAnswer(addresses("192.0.2.1")), kNamesStart);
  REQUIRE(told.name == &names.name("a.test", AddressFamily::ipv4));
  CHECK(told.name->family == AddressFamily::ipv4);
  CHECK(told.name->is_known(kNamesStart.steady));
  CHECK_FALSE(names.name("a.test", AddressFamily::any).is_known(kNamesStart.steady));
  CHECK_FALSE(names.name("a.test", AddressFamily::ipv6).is_known(kNamesStart.steady));
  CHECK_FALSE(names.name("b.test", AddressFamily::any).is_known(kNamesStart.steady));
}

TEST_CASE("names: an answer may be used as long as it says, and max_ttl at most") {
  const auto good_for = [](std::optional<Duration> ttl) {
    NameCache names;
    const ResolveId id = abandoned(names, "a.test");
    const auto told = names.answered(id, NameAnswer(addresses("192.0.2.1"), ttl), kNamesStart);
    REQUIRE(told.name);
    CHECK(texts(told.name->addresses) == "192.0.2.1");  // who waits now may always use them
    return told.name->until ? *told.name->until - kNamesStart.steady : Duration::zero();
  };
  CHECK(good_for(seconds(5)) == seconds(5));
  CHECK(good_for({}) == NameCacheOptions{}.max_ttl);
  CHECK(good_for(NameCacheOptions{}.max_ttl - Duration(1)) == NameCacheOptions{}.max_ttl - Duration(1));
  CHECK(good_for(NameCacheOptions{}.max_ttl + Duration(1)) == NameCacheOptions{}.max_ttl);
  CHECK(good_for(Duration::max()) == NameCacheOptions{}.max_ttl);
  CHECK(good_for(Duration::zero()) == Duration::zero());
  CHECK(good_for(-seconds(1)) == Duration::zero());
}

TEST_CASE("names: what is known is known until its time is over, not at that instant") {
  NameCache names;
  CHECK_FALSE(names.name("a.test", AddressFamily::any).is_known(kNamesStart.steady));
  const ResolveId id = abandoned(names, "a.test");
  names.answered(id, NameAnswer(addresses("192.0.2.1"), seconds(5)), kNamesStart);
  const Name& name = names.name("a.test", AddressFamily::any);
  CHECK(name.is_known(kNamesStart.steady));
  CHECK(name.is_known(names_after(seconds(5) - Duration(1)).steady));
  CHECK_FALSE(name.is_known(names_after(seconds(5)).steady));
}

TEST_CASE("names: a later answer takes the place of the one before, with its time") {
  NameCache names;
  const ResolveId one = abandoned(names, "a.test");
  names.answered(one, NameAnswer(addresses("192.0.2.1"), seconds(5)), kNamesStart);
  const ResolveId two = abandoned(names, "a.test");
  const Now later = names_after(seconds(9));
  const auto told = names.answered(two, NameAnswer(addresses("192.0.2.2"), Duration::zero()), later);
  REQUIRE(told.name);
  CHECK(texts(told.name->addresses) == "192.0.2.2");
  CHECK_FALSE(told.name->until);
  const ResolveId three = abandoned(names, "a.test");
  names.answered(three, NameAnswer(addresses("192.0.2.3"), seconds(2)), later);
  CHECK(told.name->until == later.steady + seconds(2));
}

TEST_CASE("names: who leaves is not told; the look-up goes on for others, and for those to come") {
  NameCache names;
  Asking stays(names), leaves(names), late(names);
  const auto id = leaves.wait("a.test");
  REQUIRE(id);
  CHECK_FALSE(stays.wait("a.test"));
  Name& name = names.name("a.test", AddressFamily::any);
  names.leave(leaves.waiter);
  names.leave(leaves.waiter);  // again: nothing
  CHECK(name.waiting.front() == &stays.waiter);
  CHECK(name.waiting.size() == 1);
  names.check_invariants();
  names.leave(stays.waiter);
  names.check_invariants();
  CHECK_FALSE(names.has_canceled());
  CHECK_FALSE(late.wait("a.test"));  // the same look-up
  const auto told = names.answered(*id, NameAnswer(addresses("192.0.2.1")), kNamesStart);
  REQUIRE(told.name == &name);
  CHECK(name.waiting.front() == &late.waiter);
}

TEST_CASE("names: an answer that nobody waits for any more is kept") {
  NameCache names;
  const ResolveId id = abandoned(names, "a.test");
  const auto told = names.answered(id, NameAnswer(addresses("192.0.2.1")), kNamesStart);
  REQUIRE(told.name);
  CHECK(told.name->waiting.empty());
  CHECK(names.name("a.test", AddressFamily::any).is_known(kNamesStart.steady));
  names.check_invariants();
}

TEST_CASE("names: an answer that nobody asked for is nobody's") {
  NameCache names;
  CHECK(names.answered({}, NameAnswer(addresses("192.0.2.1")), kNamesStart).name == nullptr);
  CHECK(names.answered({0, 1}, NameAnswer(addresses("192.0.2.1")), kNamesStart).name == nullptr);
  const ResolveId id = abandoned(names, "a.test");
  CHECK(names.answered({id.index, id.generation + 1}, NameAnswer(addresses("192.0.2.1")), kNamesStart).name == nullptr);
  REQUIRE(names.answered(id, NameAnswer(addresses("192.0.2.1")), kNamesStart).name);
  const auto again = names.answered(id, NameAnswer(addresses("192.0.2.9")), kNamesStart);  // a second whole answer
  CHECK(again.name == nullptr);
  CHECK_FALSE(again.of_use);
  CHECK(texts(names.name("a.test", AddressFamily::any).addresses) == "192.0.2.1");
}

TEST_CASE("names: of more than kMaxNames unused ones the one that was asked for longest ago goes") {
  NameCache names;
  const Id<pool::NameTag> first = names.name("first.test", AddressFamily::any).id;
  const Id<pool::NameTag> second = names.name("second.test", AddressFamily::any).id;
  fill(names, limits::kMaxNames - 2, "x");
  CHECK(names.size() == limits::kMaxNames);
  REQUIRE(names.find(first));
  names.name("first.test", AddressFamily::any);  // asked for again: the second is the oldest now
  const Id<pool::NameTag> newest = names.name("one-more.test", AddressFamily::any).id;
  CHECK(names.size() == limits::kMaxNames);
  CHECK(names.find(second) == nullptr);
  CHECK(names.find(first) != nullptr);
  CHECK(names.find(newest) != nullptr);
  names.check_invariants();
  CHECK(names.name("second.test", AddressFamily::any).id != second);  // made anew
  CHECK(names.size() == limits::kMaxNames);
}

TEST_CASE("names: nothing of a name that went is left for the one in its place") {
  for (const bool in_part : {false, true}) {
    NameCache names;
    const ResolveId id = abandoned(names, "first.test");
    names.answered(id, NameAnswer(addresses("192.0.2.1"), {}, in_part), kNamesStart);
    const Name* const first = &names.name("first.test", AddressFamily::any);
    REQUIRE(first->known_in_part == in_part);
    fill(names, limits::kMaxNames, "x");
    const Name& next = names.name("next.test", AddressFamily::ipv6);
    REQUIRE(&next == first);
    CHECK(next.host == "next.test");
    CHECK(next.family == AddressFamily::ipv6);
    CHECK(next.addresses.empty());
    CHECK_FALSE(next.is_known(kNamesStart.steady));
    CHECK_FALSE(next.known_in_part);
    CHECK(next.look_up == ResolveId{});
    names.take_canceled();
  }
}

TEST_CASE("names: one that is waited for does not go, and does not count") {
  NameCache names;
  Asking asking(names);
  const auto id = asking.wait("a.test");
  REQUIRE(id);
  fill(names, limits::kMaxNames, "x");
  CHECK(names.size() == limits::kMaxNames + 1);
  const Id<pool::NameTag> oldest = names.name("x1", AddressFamily::any).id;
  names.name("x0", AddressFamily::any);
  for (std::size_t i = 2; i < limits::kMaxNames; ++i) names.name("x" + std::to_string(i), AddressFamily::any);
  names.leave(asking.waiter);  // it is the newest of those that are unused, and too many
  CHECK(names.size() == limits::kMaxNames);
  CHECK(names.find(oldest) == nullptr);
  CHECK(names.answered(*id, NameAnswer(addresses("192.0.2.1")), kNamesStart).name != nullptr);
  CHECK_FALSE(names.has_canceled());
}

TEST_CASE("names: with a name that goes its look-up is canceled, and an answer finds nobody") {
  NameCache names;
  const ResolveId first = abandoned(names, "first.test");
  const ResolveId second = abandoned(names, "second.test");
  const ResolveId answered = abandoned(names, "answered.test");
  names.answered(answered, NameAnswer(addresses("192.0.2.1")), kNamesStart);
  fill(names, limits::kMaxNames - 3, "x");
  CHECK_FALSE(names.has_canceled());
  CHECK_FALSE(names.take_canceled());
  names.name("one-more.test", AddressFamily::any);
  CHECK(names.has_canceled());
  CHECK(names.take_canceled() == first);
  CHECK_FALSE(names.has_canceled());
  fill(names, 2, "y");  // the next two go
  CHECK(names.take_canceled() == second);
  CHECK_FALSE(names.take_canceled());  // the last one had its answer
  CHECK(names.answered(first, NameAnswer(addresses("192.0.2.1")), kNamesStart).name == nullptr);
  names.check_invariants();
}

TEST_CASE("names: after reset() nobody waits and nothing runs; what is known stays") {
  NameCache names;
  const ResolveId known = abandoned(names, "known.test");
  names.answered(known, NameAnswer(addresses("192.0.2.1")), kNamesStart);
  NameWaiter waiter, in_part, next;
  const auto id = names.wait(names.name("a.test", AddressFamily::any), waiter);
  REQUIRE(id);
  const auto part = names.wait(names.name("part.test", AddressFamily::any), in_part);
  REQUIRE(part);
  names.answered(*part, NameAnswer(addresses("192.0.2.1"), {}, true), kNamesStart);
  // A look-up that is canceled just now.
  abandoned(names, "oldest.test");
  fill(names, limits::kMaxNames, "x");
  REQUIRE(names.has_canceled());
  waiter = in_part = {};  // their owners go away too
  names.reset();
  CHECK_FALSE(names.has_canceled());
  CHECK(names.answered(*id, NameAnswer(addresses("192.0.2.9")), kNamesStart).name == nullptr);
  CHECK(names.answered(*part, NameAnswer(addresses("192.0.2.9")), kNamesStart).name == nullptr);
  CHECK_FALSE(names.name("part.test", AddressFamily::any).known_in_part);
  const auto again = names.wait(names.name("a.test", AddressFamily::any), next);
  REQUIRE(again);
  CHECK(*again != *id);
  CHECK(names.name("a.test", AddressFamily::any).waiting.size() == 1);
  names.leave(next);
}

TEST_CASE("names: reset() keeps what may be used") {
  NameCache names;
  const ResolveId known = abandoned(names, "known.test");
  names.answered(known, NameAnswer(addresses("192.0.2.1")), kNamesStart);
  names.reset();
  names.check_invariants();
  CHECK(names.size() == 1);
  const Name& name = names.name("known.test", AddressFamily::any);
  CHECK(name.is_known(kNamesStart.steady));
  CHECK(texts(name.addresses) == "192.0.2.1");
}

TEST_CASE("names: reset() makes all of them unused, of which there are no more than kMaxNames") {
  NameCache names;
  std::deque<NameWaiter> waiters(limits::kMaxNames + 10);
  for (std::size_t i = 0; i < waiters.size(); ++i)
    names.wait(names.name("x" + std::to_string(i), AddressFamily::any), waiters[i]);
  names.reset();
  CHECK(names.size() == limits::kMaxNames);
  names.check_invariants();
}

}  // namespace
