// core/pool/name_cache: how long answers and failures are kept (NameCacheOptions), alone and with a store that several
// caches share, and which family is tried first.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "core/pool/name_cache.hpp"
#include "tests/unit/pool/addresses.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::Name;
using pool::NameCache;
using std::chrono::minutes;
using std::chrono::seconds;
using Known = NameCache::Known;

constexpr Now kBegin{Instant(seconds(1000)), 0};
constexpr Now at(Duration time) { return {kBegin.steady + time, 0}; }

Error no_such_name() {
  Error error = make_error(Code::resolve_failed, "resolve a.test: no such name", 4);
  error.name_absent = true;
  return error;
}

struct Names {
  explicit Names(const NameCacheOptions& options, pool::SharedNames* shared = nullptr) : cache(shared, options) {}
  Name& name() { return cache.name("a.test", AddressFamily::any); }
  Known knows(Duration when) { return cache.knows(name(), at(when)); }
  // A look-up that one dial waits for, and its answer.
  void look_up(Result<NameAnswer> answer, Duration when) {
    pool::NameWaiter waiter;
    const auto id = cache.wait(name(), waiter);
    REQUIRE(id);
    cache.answered(*id, std::move(answer), at(when));
    cache.leave(waiter);
    cache.check_invariants();
  }
  NameCache cache;
};

NameAnswer found(const std::string& text, std::optional<Duration> ttl = {}) { return {addresses(text), ttl}; }

TEST_CASE("name rules: an answer is good for its TTL, the greatest one, or the one that is set") {
  struct Row {
    NameCacheOptions options;
    std::optional<Duration> ttl;
    Duration good_for;
  };
  const Row rows[] = {
      {{.max_ttl = seconds(10)}, seconds(5), seconds(5)},
      {{.max_ttl = seconds(10)}, seconds(11), seconds(10)},
      {{.max_ttl = seconds(10)}, {}, seconds(10)},
      {{.max_ttl = minutes(10)}, minutes(9), minutes(9)},
      {{.max_ttl = -seconds(1)}, seconds(5), seconds(0)},
      {{.ttl = seconds(7), .max_ttl = seconds(3)}, seconds(1), seconds(7)},
      {{.ttl = seconds(7)}, {}, seconds(7)},
      {{.ttl = seconds(0)}, seconds(5), seconds(0)},
      {{.ttl = -seconds(1)}, seconds(5), seconds(0)},
      {{.ttl = Duration::max()}, seconds(0), Duration::max()},
  };
  for (const Row& row : rows) {
    CAPTURE(row.good_for.count());
    Names names(row.options);
    names.look_up(found("192.0.2.1", row.ttl), {});
    if (row.good_for > Duration::zero()) {
      const Duration most = std::min(row.good_for, Duration(minutes(60 * 24 * 365)));
      CHECK(names.knows(most - Duration(1)) == Known::yes);
    }
    if (row.good_for < minutes(60)) CHECK(names.knows(row.good_for) == Known::no);
  }
}

TEST_CASE("name rules: a failure is forgotten at once, unless it is to be remembered") {
  Names forgets({});
  forgets.look_up(std::unexpected(no_such_name()), {});
  CHECK(forgets.knows({}) == Known::no);

  Names names({.negative_ttl = seconds(5)});
  names.look_up(std::unexpected(no_such_name()), {});
  REQUIRE(names.knows(seconds(5) - Duration(1)) == Known::failed);
  CHECK(*names.name().failure == no_such_name());
  CHECK_FALSE(names.name().is_known(kBegin.steady));
  CHECK(names.knows(seconds(5)) == Known::no);
  // An answer ends it, and so does its first part.
  names.look_up(found("192.0.2.1", seconds(2)), seconds(6));
  CHECK(names.knows(seconds(7)) == Known::yes);
  names.look_up(std::unexpected(no_such_name()), seconds(9));
  CHECK(names.knows(seconds(10)) == Known::failed);
  CHECK(names.name().addresses.empty());
  pool::NameWaiter waiter;
  const auto id = names.cache.wait(names.name(), waiter);
  names.cache.answered(*id, NameAnswer(addresses("192.0.2.1"), {}, true), at(seconds(11)));
  CHECK_FALSE(names.name().failure);
  CHECK(names.knows(seconds(11)) == Known::no);
  names.cache.leave(waiter);
}

TEST_CASE("name rules: only what says something about the name is remembered") {
  for (const Code code : {Code::out_of_memory, Code::too_many_descriptors, Code::internal}) {
    Names names({.negative_ttl = seconds(5)});
    names.look_up(std::unexpected(make_error(code, "")), {});
    CHECK(names.knows({}) == Known::no);
  }
  // An answer without a usable address is a failure of the name.
  Names names({.negative_ttl = seconds(5)});
  names.look_up(found(""), {});
  CHECK(names.knows({}) == Known::failed);
}

TEST_CASE("name rules: an answer that is too old is used while one look-up runs, and the new one after that") {
  Names names({.stale_for = seconds(10)});
  names.look_up(found("192.0.2.1", seconds(5)), {});
  CHECK(names.knows(seconds(5) - Duration(1)) == Known::yes);
  REQUIRE(names.knows(seconds(5)) == Known::stale);
  CHECK(texts(names.name().addresses) == "192.0.2.1");
  const auto id = names.cache.refresh(names.name(), at(seconds(5)));
  REQUIRE(id);
  names.cache.check_invariants();
  CHECK(names.knows(seconds(14)) == Known::stale);
  CHECK_FALSE(names.cache.refresh(names.name(), at(seconds(14))));  // one is enough
  CHECK(names.knows(seconds(15)) == Known::no);
  const auto told = names.cache.answered(*id, found("192.0.2.2", seconds(5)), at(seconds(14)));
  CHECK(told.result.has_value());
  CHECK(names.knows(seconds(14)) == Known::yes);
  CHECK(texts(names.name().addresses) == "192.0.2.2");
}

TEST_CASE("name rules: only that a name does not exist is remembered, not trouble that may pass (RFC 2308)") {
  Names names({.negative_ttl = seconds(5)});
  names.look_up(std::unexpected(make_error(Code::resolve_failed, "resolve a.test: SERVFAIL", 11)), {});
  CHECK(names.knows({}) == Known::no);
  names.look_up(NameAnswer(), {});  // no address at all: there is none
  CHECK(names.knows({}) == Known::failed);
  CHECK(names.name().failure->name_absent);
}

TEST_CASE("name rules: a refresh that fails keeps the old answer until its time is over") {
  Names names({.negative_ttl = seconds(3), .stale_for = seconds(10)});
  names.look_up(found("192.0.2.1", seconds(5)), {});
  const auto id = names.cache.refresh(names.name(), at(seconds(6)));
  REQUIRE(id);
  names.cache.answered(*id, std::unexpected(no_such_name()), at(seconds(7)));
  CHECK(names.knows(seconds(7)) == Known::stale);
  CHECK(texts(names.name().addresses) == "192.0.2.1");
  CHECK_FALSE(names.cache.refresh(names.name(), at(seconds(10) - Duration(1))));  // not again within negative_ttl
  const auto again = names.cache.refresh(names.name(), at(seconds(10)));
  REQUIRE(again);
  CHECK(names.knows(seconds(15)) == Known::no);
  // One that fails after that is a failure like any other.
  names.cache.answered(*again, std::unexpected(no_such_name()), at(seconds(15)));
  CHECK(names.knows(seconds(15)) == Known::failed);
  CHECK(names.name().addresses.empty());

  Names eager({.stale_for = seconds(10)});
  eager.look_up(found("192.0.2.1", seconds(0)), {});  // also an answer that may not be kept
  REQUIRE(eager.knows({}) == Known::stale);
  const auto first = eager.cache.refresh(eager.name(), kBegin);
  eager.cache.answered(*first, std::unexpected(no_such_name()), kBegin);
  CHECK(eager.cache.refresh(eager.name(), kBegin));
  // Shortage of memory is no reason to wait before the next one.
  Names poor({.negative_ttl = seconds(3), .stale_for = seconds(10)});
  poor.look_up(found("192.0.2.1", seconds(0)), {});
  poor.cache.answered(*poor.cache.refresh(poor.name(), kBegin), std::unexpected(make_error(Code::out_of_memory, "")),
                      kBegin);
  CHECK(poor.cache.refresh(poor.name(), kBegin));
}

TEST_CASE("name rules: the first part of a new answer takes the place of the old one") {
  Names names({.stale_for = seconds(10)});
  names.look_up(found("192.0.2.1", seconds(5)), {});
  const auto id = names.cache.refresh(names.name(), at(seconds(6)));
  names.cache.answered(*id, NameAnswer(addresses("2001:db8::1"), {}, true), at(seconds(6)));
  CHECK(names.knows(seconds(6)) == Known::no);  // who comes now waits for the rest, with this part
  CHECK(names.name().known_in_part);
  CHECK(texts(names.name().addresses) == "2001:db8::1");
}

TEST_CASE("name rules: caches that share a store use its answers and failures, each by its own rules") {
  pool::SharedNames store;
  Names one({.negative_ttl = seconds(5)}, &store), plain({}, &store), patient({.stale_for = seconds(10)}, &store);
  one.look_up(found("192.0.2.1", seconds(5)), {});
  CHECK(plain.knows(seconds(4)) == Known::yes);
  CHECK(texts(plain.name().addresses) == "192.0.2.1");
  CHECK(plain.knows(seconds(5)) == Known::no);
  CHECK(patient.knows(seconds(5)) == Known::stale);
  CHECK(texts(patient.name().addresses) == "192.0.2.1");
  CHECK(patient.knows(seconds(15)) == Known::no);
  one.look_up(std::unexpected(no_such_name()), seconds(20));
  CHECK(plain.knows(seconds(24)) == Known::failed);
  CHECK(*plain.name().failure == no_such_name());
  CHECK(plain.knows(seconds(25)) == Known::no);
  plain.look_up(std::unexpected(no_such_name()), seconds(30));  // is told to nobody
  CHECK(one.knows(seconds(30)) == Known::no);
  plain.look_up(found("192.0.2.2", seconds(5)), seconds(31));
  CHECK(one.knows(seconds(32)) == Known::yes);
  CHECK(patient.knows(seconds(32)) == Known::yes);
  CHECK(texts(patient.name().addresses) == "192.0.2.2");
}

// ---- the family that won ----

TEST_CASE("name rules: the family that won is tried first, at once and after the next answer, for some time") {
  Names names({});
  const std::string both = "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2";
  names.look_up(found(both), {});
  CHECK(texts(names.name().addresses) == both);
  names.cache.note_winner("a.test", IpAddress::Kind::ipv4, kBegin);
  const std::string turned = "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::2";
  CHECK(texts(names.name().addresses) == turned);
  names.look_up(found(both), limits::kFamilyMemory - Duration(1));
  CHECK(texts(names.name().addresses) == turned);
  names.look_up(found("2001:db8::1"), seconds(1));  // of which there is none
  CHECK(texts(names.name().addresses) == "2001:db8::1");
  names.look_up(found(both), limits::kFamilyMemory);
  CHECK(texts(names.name().addresses) == both);
  names.cache.note_winner("a.test", IpAddress::Kind::ipv6, at(limits::kFamilyMemory));
  CHECK(texts(names.name().addresses) == both);
}

TEST_CASE("name rules: a family without another, or of another host or choice, has won nothing") {
  Names names({});
  names.look_up(found("2001:db8::1"), {});
  names.cache.note_winner("a.test", IpAddress::Kind::ipv6, kBegin);
  names.cache.note_winner("b.test", IpAddress::Kind::ipv4, kBegin);
  CHECK(names.cache.size() == 1);  // no name is made for it
  names.look_up(found("192.0.2.1 2001:db8::1"), {});
  CHECK(texts(names.name().addresses) == "192.0.2.1 2001:db8::1");
}

TEST_CASE("name rules: where IPv4 has won, its answer does not wait for that of IPv6 (RFC 8305 3)") {
  Names names({});
  names.look_up(found("2001:db8::1 192.0.2.1", seconds(0)), {});
  const auto part = [&](Duration when) {
    pool::NameWaiter waiter;
    const auto id = names.cache.wait(names.name(), waiter);
    names.cache.answered(*id, NameAnswer(addresses("192.0.2.1"), {}, true), at(when));
    const Duration waits = names.name().ipv6_until - at(when).steady;
    names.cache.answered(*id, found("2001:db8::1 192.0.2.1", seconds(0)), at(when));
    names.cache.leave(waiter);
    return waits;
  };
  CHECK(part({}) == limits::kResolutionDelay);
  names.cache.note_winner("a.test", IpAddress::Kind::ipv4, kBegin);
  CHECK(part(seconds(1)) == Duration::zero());
  CHECK(part(limits::kFamilyMemory) == limits::kResolutionDelay);
  names.cache.note_winner("a.test", IpAddress::Kind::ipv6, at(minutes(11)));
  CHECK(part(minutes(11)) == limits::kResolutionDelay);
}

}  // namespace
