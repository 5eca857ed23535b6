// core/pool/address_race: which address of a host is tried next, and when a race is lost.
#include "core/pool/address_race.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/unit/pool/addresses.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::AddressRace;
using Step = AddressRace::Step;

// Begins attempts until no address is left, and says which.
std::string tried(AddressRace& race) {
  std::vector<IpAddress> all;
  while (race.next(0) == Step::attempt) {
    all.push_back(race.address());
    race.begun();
  }
  return texts(all);
}

TEST_CASE("address race: a new one awaits nothing and has nothing") {
  const AddressRace race;
  CHECK_FALSE(race.is_resolving());
  CHECK(race.knows_none());
  CHECK_FALSE(race.goes_on());
  CHECK_FALSE(race.may_wait_for_ipv6());
  CHECK(race.next(0) == Step::lost);
}

TEST_CASE("address race: one after another, then it waits for those that run, then it is lost") {
  AddressRace race;
  race.learn(addresses("192.0.2.1 192.0.2.2"), true);
  CHECK_FALSE(race.is_resolving());
  CHECK_FALSE(race.knows_none());
  REQUIRE(race.next(0) == Step::attempt);
  CHECK(race.address().to_string() == "192.0.2.1");
  race.begun();
  CHECK(race.goes_on());
  REQUIRE(race.next(1) == Step::attempt);
  CHECK(race.address().to_string() == "192.0.2.2");
  race.begun();
  CHECK_FALSE(race.goes_on());  // the last one need not be cut short
  CHECK(race.next(2) == Step::wait);
  CHECK(race.next(1) == Step::wait);
  CHECK(race.next(0) == Step::lost);
}

TEST_CASE("address race: while a look-up runs it is not lost") {
  AddressRace race;
  race.wait_for_more();
  CHECK(race.is_resolving());
  CHECK(race.knows_none());
  CHECK(race.goes_on());
  CHECK(race.next(0) == Step::wait);
  race.learn(addresses("192.0.2.1"), false);
  CHECK(race.is_resolving());
  CHECK_FALSE(race.knows_none());
  REQUIRE(race.next(0) == Step::attempt);
  race.begun();
  CHECK(race.goes_on());  // another may come
  CHECK(race.next(0) == Step::wait);
  race.learn(addresses("192.0.2.1"), true);
  CHECK_FALSE(race.goes_on());
  CHECK(race.next(1) == Step::wait);
  CHECK(race.next(0) == Step::lost);
}

TEST_CASE("address race: no more than kMaxAttempts at once") {
  AddressRace race;
  race.learn(addresses("192.0.2.1"), true);
  CHECK(race.next(limits::kMaxAttempts - 1) == Step::attempt);
  CHECK(race.next(limits::kMaxAttempts) == Step::wait);
  CHECK(race.next(limits::kMaxAttempts + 1) == Step::wait);
  CHECK(race.next(0) == Step::attempt);
}

TEST_CASE("address race: what was tried stays so, what was not gives way to the newer answer") {
  AddressRace race;
  race.learn(addresses("192.0.2.1 192.0.2.2 192.0.2.3"), false);
  race.begun();
  race.begun();
  // The first two are not tried again wherever they stand now. The third one is of no use any more.
  race.learn(addresses("2001:db8::1 192.0.2.2 192.0.2.4 192.0.2.1 192.0.2.5"), true);
  CHECK(tried(race) == "2001:db8::1 192.0.2.4 192.0.2.5");
  race.learn(addresses("192.0.2.3 192.0.2.4"), true);
  CHECK(tried(race) == "192.0.2.3");
}

TEST_CASE("address race: an answer of nothing new, or of nothing at all, keeps what was tried") {
  AddressRace race;
  race.learn(addresses("192.0.2.1"), false);
  race.begun();
  race.learn(addresses("192.0.2.1"), false);
  CHECK(race.next(0) == Step::wait);
  race.learn({}, true);
  CHECK_FALSE(race.knows_none());
  CHECK(race.next(0) == Step::lost);
  race.learn(addresses("192.0.2.1 192.0.2.2"), true);
  CHECK(tried(race) == "192.0.2.2");
}

TEST_CASE("address race: addresses of another zone are others") {
  AddressRace race;
  std::vector<IpAddress> both = addresses("fe80::1 fe80::1");
  both[0].zone = "eth0";
  both[1].zone = "eth1";
  race.learn({both[0]}, false);
  race.begun();
  race.learn(both, true);
  REQUIRE(race.next(0) == Step::attempt);
  CHECK(race.address().zone == "eth1");
  race.begun();
  CHECK(race.next(0) == Step::lost);
}

TEST_CASE("address race: IPv6 is waited for before the first attempt, while it may come and is not there") {
  AddressRace race;
  race.learn(addresses("192.0.2.1 192.0.2.2"), false);
  CHECK(race.may_wait_for_ipv6());
  race.learn(addresses("192.0.2.1 2001:db8::1"), false);
  CHECK_FALSE(race.may_wait_for_ipv6());  // it is there, if not the first
  race.learn(addresses("192.0.2.1 192.0.2.2"), true);
  CHECK_FALSE(race.may_wait_for_ipv6());  // it does not come
  race.learn(addresses("192.0.2.1 192.0.2.2"), false);
  race.begun();
  CHECK_FALSE(race.may_wait_for_ipv6());  // too late
}

TEST_CASE("address race: one that is stopped awaits no address") {
  AddressRace race;
  race.wait_for_more();
  race.learn(addresses("192.0.2.1"), false);
  race.begun();
  race.stop();
  CHECK_FALSE(race.is_resolving());
  CHECK_FALSE(race.goes_on());
  CHECK(race.next(1) == Step::wait);
  CHECK(race.next(0) == Step::lost);
}

TEST_CASE("address race: after reset() it is as good as new") {
  AddressRace race;
  race.learn(addresses("192.0.2.1 192.0.2.2"), false);
  race.begun();
  race.reset();
  CHECK_FALSE(race.is_resolving());
  CHECK(race.knows_none());
  CHECK(race.next(0) == Step::lost);
  race.learn(addresses("192.0.2.1 192.0.2.3"), true);
  CHECK(tried(race) == "192.0.2.1 192.0.2.3");
}

}  // namespace
