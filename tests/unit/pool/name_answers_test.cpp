// core/pool/name_cache: which addresses of an answer are usable and in which order, answers in parts, and failures.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/base/address_family.hpp"
#include "core/base/limits.hpp"
#include "core/pool/name_cache.hpp"
#include "tests/unit/pool/addresses.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::NameCache;
using pool::NameWaiter;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Now kAnswersStart{Instant(hours(1)), 0};

// One name, and the look-up of it.
struct LookUp {
  explicit LookUp(AddressFamily family = AddressFamily::any) : name(names.name("a.test", family)) { again(); }
  ~LookUp() { names.leave(waiter); }
  LookUp(const LookUp&) = delete;
  LookUp& operator=(const LookUp&) = delete;
  void again() {
    names.leave(waiter);
    const auto begun = names.wait(name, waiter);
    REQUIRE(begun);
    id = *begun;
  }
  NameCache::Answered answer(const std::string& text, std::optional<Duration> ttl = {}) {
    return names.answered(id, NameAnswer(addresses(text), ttl), now);
  }
  NameCache::Answered part(const std::string& text) {
    return names.answered(id, NameAnswer(addresses(text), {}, true), now);
  }
  NameCache::Answered fail() {
    return names.answered(id, std::unexpected(make_error(Code::resolve_failed, "no such name")), now);
  }
  std::string known() const { return texts(name.addresses); }

  NameCache names;
  pool::Name& name;
  NameWaiter waiter;
  ResolveId id;
  Now now = kAnswersStart;
};

// What is kept of an answer.
std::string kept(AddressFamily family, const std::string& answer) {
  LookUp look_up(family);
  REQUIRE(look_up.answer(answer).result);
  return look_up.known();
}

TEST_CASE("name answers: addresses of the wrong family are of no use") {
  const std::string both = "192.0.2.1 2001:db8::1 192.0.2.2";
  CHECK(kept(AddressFamily::ipv4, both) == "192.0.2.1 192.0.2.2");
  CHECK(kept(AddressFamily::ipv6, both) == "2001:db8::1");
  CHECK(kept(AddressFamily::any, both) == both);
  const IpAddress none, ipv4 = addresses("192.0.2.1")[0], ipv6 = addresses("::1")[0];
  CHECK(family_fits(AddressFamily::any, none));
  CHECK_FALSE(family_fits(AddressFamily::ipv4, none));
  CHECK_FALSE(family_fits(AddressFamily::ipv6, none));
  CHECK(family_fits(AddressFamily::ipv4, ipv4));
  CHECK_FALSE(family_fits(AddressFamily::ipv4, ipv6));
  CHECK(family_fits(AddressFamily::ipv6, ipv6));
  CHECK_FALSE(family_fits(AddressFamily::ipv6, ipv4));
}

TEST_CASE("name answers: families take turns, that of the first address begins") {
  CHECK(kept(AddressFamily::any, "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1") ==
        "192.0.2.1 2001:db8::1 192.0.2.2 192.0.2.3");
  CHECK(kept(AddressFamily::any, "2001:db8::1 2001:db8::2 192.0.2.1 192.0.2.2 192.0.2.3") ==
        "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 192.0.2.3");
  // Else as they came.
  CHECK(kept(AddressFamily::any, "192.0.2.3 192.0.2.1 192.0.2.2") == "192.0.2.3 192.0.2.1 192.0.2.2");
}

TEST_CASE("name answers: what is named twice is tried once, at its first place") {
  CHECK(kept(AddressFamily::any, "192.0.2.1 192.0.2.2 192.0.2.1 2001:db8::1 2001:db8::1 192.0.2.2") ==
        "192.0.2.1 2001:db8::1 192.0.2.2");
}

TEST_CASE("name answers: kMaxAddresses are taken, of those that are of use") {
  std::string many, all_of_use;
  for (std::size_t i = 0; i < limits::kMaxAddresses + 6; ++i) {
    many += "2001:db8::1 192.0.2." + std::to_string(i) + ' ';
    if (i < limits::kMaxAddresses) all_of_use += (i == 0 ? "192.0.2." : " 192.0.2.") + std::to_string(i);
  }
  CHECK(kept(AddressFamily::ipv4, many) == all_of_use);
}

TEST_CASE("name answers: one without an address of use is a failure") {
  for (const char* text : {"", "2001:db8::1"}) {
    CAPTURE(text);
    LookUp look_up(AddressFamily::ipv4);
    const auto told = look_up.answer(text);
    REQUIRE(told.name == &look_up.name);
    CHECK(told.of_use);
    CHECK_FALSE(told.more);
    REQUIRE_FALSE(told.result);
    CHECK(told.result.error().code == Code::resolve_failed);
    CHECK(told.result.error().message() == "resolve a.test: no address of a usable kind");
    CHECK(look_up.known().empty());
    CHECK_FALSE(look_up.name.is_known(look_up.now.steady));
  }
}

TEST_CASE("name answers: a failure is told as it came, is not kept, and takes what was known before") {
  LookUp look_up;
  look_up.answer("192.0.2.1", seconds(5));
  look_up.now.steady += seconds(5);
  look_up.again();
  CHECK(look_up.known() == "192.0.2.1");
  const auto told = look_up.fail();
  REQUIRE(told.name == &look_up.name);
  CHECK(told.of_use);
  CHECK_FALSE(told.more);
  REQUIRE_FALSE(told.result);
  CHECK(told.result.error().message() == "no such name");
  CHECK(look_up.known().empty());
  CHECK_FALSE(look_up.name.until);
  look_up.again();  // the next one asks anew
  CHECK(look_up.answer("192.0.2.2").result);
  CHECK(look_up.known() == "192.0.2.2");
  CHECK(look_up.name.is_known(look_up.now.steady));
}

TEST_CASE("name answers: of an answer in parts the first is of use at once, to those who wait and to those to come") {
  LookUp look_up;
  const auto first = look_up.part("192.0.2.1");
  REQUIRE(first.name == &look_up.name);
  CHECK(first.result.has_value());
  CHECK(first.more);
  CHECK(first.of_use);
  CHECK(look_up.name.known_in_part);
  CHECK(look_up.known() == "192.0.2.1");
  CHECK(look_up.name.ipv6_until == kAnswersStart.steady + limits::kResolutionDelay);
  CHECK_FALSE(look_up.name.is_known(look_up.now.steady));  // the rest may say something else
  NameWaiter late;
  CHECK_FALSE(look_up.names.wait(look_up.name, late));  // the look-up goes on
  look_up.now.steady += milliseconds(20);
  const auto rest = look_up.answer("2001:db8::1 192.0.2.1");
  REQUIRE(rest.name == &look_up.name);
  CHECK(rest.result.has_value());
  CHECK_FALSE(rest.more);
  CHECK(rest.of_use);
  CHECK_FALSE(look_up.name.known_in_part);
  CHECK(look_up.known() == "2001:db8::1 192.0.2.1");
  CHECK(look_up.name.until == look_up.now.steady + NameCacheOptions{}.max_ttl);
  look_up.names.leave(late);
}

TEST_CASE("name answers: IPv6 has its moment from the first part on, whatever comes after") {
  LookUp look_up;
  look_up.part("192.0.2.1");
  look_up.now.steady += milliseconds(30);
  CHECK(look_up.part("192.0.2.1 192.0.2.2").of_use);
  CHECK(look_up.known() == "192.0.2.1 192.0.2.2");
  CHECK(look_up.name.ipv6_until == kAnswersStart.steady + limits::kResolutionDelay);
  // The next look-up has another moment.
  look_up.answer("192.0.2.1", Duration::zero());
  look_up.again();
  look_up.part("192.0.2.1");
  CHECK(look_up.name.ipv6_until == look_up.now.steady + limits::kResolutionDelay);
}

TEST_CASE("name answers: a first part without an address of use is none") {
  for (const char* text : {"", "2001:db8::1"}) {
    CAPTURE(text);
    LookUp look_up(AddressFamily::ipv4);
    const auto told = look_up.part(text);
    REQUIRE(told.name == &look_up.name);
    CHECK(told.result.has_value());
    CHECK(told.more);
    CHECK_FALSE(told.of_use);
    CHECK_FALSE(look_up.name.known_in_part);
    CHECK_FALSE(look_up.fail().result);  // nothing was known
  }
}

TEST_CASE("name answers: a part that is of no use takes nothing from the one before") {
  LookUp look_up(AddressFamily::ipv4);
  look_up.part("192.0.2.1");
  look_up.part("2001:db8::1");
  CHECK(look_up.known() == "192.0.2.1");
  look_up.part("");
  CHECK(look_up.known() == "192.0.2.1");
}

TEST_CASE("name answers: a failure after a part leaves the part, for those who wait now and for nobody else") {
  const auto ends = {
      +[](LookUp& look_up) { return look_up.fail(); },
      +[](LookUp& look_up) { return look_up.answer("2001:db8::1"); },  // of no use
      +[](LookUp& look_up) { return look_up.answer(""); },
  };
  for (const auto& end : ends) {
    LookUp look_up(AddressFamily::ipv4);
    look_up.part("192.0.2.1");
    const auto told = end(look_up);
    REQUIRE(told.name == &look_up.name);
    CHECK(told.result.has_value());
    CHECK_FALSE(told.more);
    CHECK(told.of_use);
    CHECK_FALSE(look_up.name.known_in_part);
    CHECK(look_up.known() == "192.0.2.1");
    CHECK_FALSE(look_up.name.is_known(look_up.now.steady));
    look_up.again();
    CHECK_FALSE(look_up.fail().result);  // of the look-up after it nothing was known
  }
}

}  // namespace
