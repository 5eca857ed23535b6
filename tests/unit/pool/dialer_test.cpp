// core/pool/dialer: when the next attempt of a dial starts, how long a dial lasts, and its error messages.
#include "core/pool/dialer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/unit/pool/addresses.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::Destination;
using pool::Dial;
using pool::Dialer;
using pool::DialId;
using Step = pool::AddressRace::Step;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

ConnId attempt(std::uint32_t index) { return {index, 1}; }

// A dial, its timers and a clock.
struct Dialing {
  Dialing() : dial(*dialer.begin()) { dial.sponsor = {1, 1}; }
  // As if the attempt had been made.
  void begin(std::uint32_t index) {
    REQUIRE(dialer.next(dial) == Step::attempt);
    Dialer::make_room(dial);
    dialer.attempt_begun(dial, attempt(index), now);
    dialer.check_invariants();
  }
  void fail(std::uint32_t index, std::string words) {
    dialer.attempt_failed(dial, attempt(index), place, make_error(Code::connect_failed, std::move(words)));
  }
  bool learn(const std::string& text, bool complete = true, AddressFamily family = AddressFamily::any,
             Instant ipv6_until = {}) {
    return dialer.learn(dial, addresses(text), complete, family, ipv6_until, now);
  }
  // What comes at this instant, and nothing else.
  bool comes(TimerKind kind, Duration after) {
    const auto earliest = timers.earliest();
    if (!earliest || earliest->at != now.steady + after || earliest->why != kind) return false;
    now.steady = earliest->at;
    const auto due = timers.pop_due(now.steady);
    return due && due->kind == kind && due->owner<pool::DialTag>() == dial.id;
  }

  Timers timers;
  Dialer dialer{timers};
  Dial& dial;
  Destination place{.host = "a.test", .zone = {}, .port = 443, .family = AddressFamily::any, .route = nullptr};
  Now now{Instant(hours(1)), 0};
};

TEST_CASE("dialer: a dial is found until it ends, and has no timers after that") {
  Dialing one;
  const DialId id = one.dial.id;
  CHECK(one.dialer.find(id) == &one.dial);
  CHECK(one.dialer.size() == 1);
  one.dialer.limit(one.dial, seconds(5), one.now);
  one.learn("192.0.2.1 192.0.2.2");
  one.begin(1);
  REQUIRE(one.timers.is_set(one.dial.stagger_timer));
  one.dialer.end(one.dial);
  CHECK(one.dialer.find(id) == nullptr);
  CHECK(one.dialer.size() == 0);
  CHECK_FALSE(one.timers.earliest());
}

TEST_CASE("dialer: a dial in the place of another is as good as new") {
  Dialing one;
  one.dial.unwanted = true;
  one.dial.expected = 7;
  one.learn("192.0.2.1");
  one.begin(1);
  one.fail(1, "refused");
  one.learn("192.0.2.2");
  one.begin(2);
  one.dialer.attempt_won(one.dial, attempt(2));
  one.dialer.end(one.dial);
  const Dial* next = one.dialer.begin();
  REQUIRE(next == &one.dial);
  CHECK(next->sponsor == TransferId{});
  CHECK_FALSE(next->unwanted);
  CHECK(next->expected == 1);
  CHECK(next->race.knows_none());
  CHECK(next->attempts.empty());
  CHECK_FALSE(next->has_winner);
  CHECK_FALSE(next->resolved);
  CHECK_FALSE(next->last_error);
  CHECK(next->failures.empty());
}

// ---- its time ----

TEST_CASE("dialer: the time of a dial runs from its sponsor on, or for ever") {
  Dialing one;
  one.dialer.limit(one.dial, seconds(5), one.now);
  CHECK(one.timers.due(one.dial.timeout_timer) == one.now.steady + seconds(5));
  one.dialer.limit(one.dial, seconds(9), one.now);  // another sponsor: later
  CHECK(one.timers.due(one.dial.timeout_timer) == one.now.steady + seconds(9));
  one.dialer.limit(one.dial, {}, one.now);
  CHECK_FALSE(one.timers.is_set(one.dial.timeout_timer));
  one.dialer.limit(one.dial, seconds(2), one.now);
  CHECK(one.comes(TimerKind::connect_timeout, seconds(2)));
}

TEST_CASE("dialer: shorten() sets an end where there is none, or a later one, and never delays it") {
  Dialing one;
  one.dialer.shorten(one.dial, seconds(9), one.now);
  CHECK(one.timers.due(one.dial.timeout_timer) == one.now.steady + seconds(9));
  one.dialer.shorten(one.dial, seconds(10), one.now);
  CHECK(one.timers.due(one.dial.timeout_timer) == one.now.steady + seconds(9));
  one.dialer.shorten(one.dial, seconds(8), one.now);
  CHECK(one.timers.due(one.dial.timeout_timer) == one.now.steady + seconds(8));
  one.dialer.shorten(one.dial, Duration::max(), one.now);  // to the end of time
  CHECK(one.comes(TimerKind::connect_timeout, seconds(8)));
  one.dialer.shorten(one.dial, Duration::max(), one.now);
  CHECK(one.timers.due(one.dial.timeout_timer) == Instant::max());
}

// ---- addresses ----

TEST_CASE("dialer: all addresses at once are tried at once, and the time of the first ones is kept") {
  Dialing one;
  CHECK_FALSE(one.dial.resolved);
  const Instant first = one.now.steady;
  CHECK(one.learn("192.0.2.1"));
  CHECK(one.dial.resolved == first);
  CHECK_FALSE(one.timers.is_set(one.dial.stagger_timer));
  CHECK(one.dialer.next(one.dial) == Step::attempt);
  one.now.steady += seconds(1);
  one.learn("192.0.2.1 192.0.2.2");
  CHECK(one.dial.resolved == first);
}

TEST_CASE("dialer: IPv4 alone waits for IPv6's answer until its moment is over") {
  Dialing one;
  const Instant until = one.now.steady + milliseconds(50);
  one.now.steady += milliseconds(10);
  CHECK_FALSE(one.learn("192.0.2.1", false, AddressFamily::any, until));
  CHECK(one.comes(TimerKind::resolution_delay, milliseconds(40)));
  CHECK(one.dialer.next(one.dial) == Step::attempt);
  // A dial that comes to know it then does not wait.
  Dialing late;
  CHECK(late.learn("192.0.2.1", false, AddressFamily::any, late.now.steady));
  CHECK_FALSE(late.timers.is_set(late.dial.stagger_timer));
  Dialing just_in_time;
  CHECK_FALSE(just_in_time.learn("192.0.2.1", false, AddressFamily::any, just_in_time.now.steady + Duration(1)));
}

TEST_CASE("dialer: nothing is waited for where IPv6 is there, does not come, or was not asked for") {
  Dialing there, complete, ipv4;
  const Instant until = there.now.steady + milliseconds(50);
  CHECK(there.learn("192.0.2.1 2001:db8::1", false, AddressFamily::any, until));
  CHECK_FALSE(there.timers.is_set(there.dial.stagger_timer));
  CHECK(complete.learn("192.0.2.1", true, AddressFamily::any, until));
  CHECK(ipv4.learn("192.0.2.1", false, AddressFamily::ipv4, until));
  CHECK_FALSE(ipv4.timers.is_set(ipv4.dial.stagger_timer));
}

TEST_CASE("dialer: the rest of an answer ends the waiting for IPv6") {
  Dialing one;
  const Instant until = one.now.steady + milliseconds(50);
  REQUIRE_FALSE(one.learn("192.0.2.1", false, AddressFamily::any, until));
  CHECK(one.learn("192.0.2.1", true, AddressFamily::any, until));
  CHECK_FALSE(one.timers.is_set(one.dial.stagger_timer));
  REQUIRE(one.dialer.next(one.dial) == Step::attempt);
  Dialing other;
  REQUIRE_FALSE(other.learn("192.0.2.1", false, AddressFamily::any, until));
  CHECK(other.learn("2001:db8::1 192.0.2.1", false, AddressFamily::any, until));
  CHECK_FALSE(other.timers.is_set(other.dial.stagger_timer));
  CHECK(other.dial.race.address().to_string() == "2001:db8::1");
}

TEST_CASE("dialer: addresses that come while an attempt has its time for itself wait for the end of that") {
  Dialing one;
  one.learn("2001:db8::1", false);
  one.begin(1);
  CHECK_FALSE(one.learn("2001:db8::1 192.0.2.1", true));
  CHECK(one.comes(TimerKind::address_stagger, limits::kAddressStagger));
  CHECK(one.dialer.next(one.dial) == Step::attempt);
  // Where its time is over they are tried at once.
  Dialing late;
  late.learn("2001:db8::1", false);
  late.begin(1);
  REQUIRE(late.comes(TimerKind::address_stagger, limits::kAddressStagger));
  CHECK(late.dialer.next(late.dial) == Step::wait);
  CHECK(late.learn("2001:db8::1 192.0.2.1", true));
  CHECK(late.dialer.next(late.dial) == Step::attempt);
}

TEST_CASE("dialer: addresses that come when one has won change nothing") {
  Dialing one;
  one.learn("2001:db8::1", false);
  one.begin(1);
  one.dialer.attempt_won(one.dial, attempt(1));
  CHECK_FALSE(one.learn("2001:db8::1 192.0.2.1", false));
  CHECK_FALSE(one.dial.race.is_resolving());
  CHECK_FALSE(one.dial.race.goes_on());
}

// ---- attempts ----

TEST_CASE("dialer: attempts are kAddressStagger apart, the last one has no next") {
  Dialing one;
  one.learn("192.0.2.1 192.0.2.2");
  one.begin(1);
  CHECK(one.dial.attempts == std::vector{attempt(1)});
  CHECK(one.comes(TimerKind::address_stagger, limits::kAddressStagger));
  one.begin(2);
  CHECK(one.dial.attempts == std::vector{attempt(1), attempt(2)});
  CHECK_FALSE(one.timers.is_set(one.dial.stagger_timer));
  CHECK(one.dialer.next(one.dial) == Step::wait);
}

TEST_CASE("dialer: no more than kMaxAttempts run at once, and the first that fails makes way") {
  Dialing one;
  std::string many;
  for (std::size_t i = 0; i < limits::kMaxAttempts + 1; ++i) many += "192.0.2." + std::to_string(i) + ' ';
  one.learn(many);
  for (std::uint32_t i = 0; i < limits::kMaxAttempts; ++i) one.begin(i);
  CHECK(one.dialer.next(one.dial) == Step::wait);
  one.fail(3, "refused");
  one.begin(99);
  CHECK(one.dial.attempts.size() == limits::kMaxAttempts);
}

TEST_CASE("dialer: one that failed makes room for the next at once") {
  Dialing one;
  one.learn("192.0.2.1 192.0.2.2 192.0.2.3");
  one.begin(1);
  REQUIRE(one.comes(TimerKind::address_stagger, limits::kAddressStagger));
  one.begin(2);
  REQUIRE(one.timers.is_set(one.dial.stagger_timer));
  one.fail(1, "refused");
  CHECK(one.dial.attempts == std::vector{attempt(2)});
  CHECK_FALSE(one.timers.is_set(one.dial.stagger_timer));
  CHECK(one.dialer.next(one.dial) == Step::attempt);
  one.begin(3);
  one.fail(3, "refused");
  CHECK(one.dialer.next(one.dial) == Step::wait);  // the second may still do
  one.fail(2, "refused");
  CHECK(one.dialer.next(one.dial) == Step::lost);
}

TEST_CASE("dialer: one that won ends the race") {
  Dialing one;
  one.learn("2001:db8::1 192.0.2.1 192.0.2.2", false);
  one.begin(1);
  one.begin(2);
  REQUIRE(one.timers.is_set(one.dial.stagger_timer));
  one.dialer.attempt_won(one.dial, attempt(2));
  CHECK(one.dial.attempts == std::vector{attempt(2)});
  CHECK(one.dial.has_winner);
  CHECK_FALSE(one.dial.race.is_resolving());
  CHECK_FALSE(one.timers.is_set(one.dial.stagger_timer));
  one.dialer.limit(one.dial, seconds(5), one.now);  // its handshakes still have an end
  CHECK(one.timers.is_set(one.dial.timeout_timer));
}

// ---- words ----

TEST_CASE("dialer: a lost race says all failures, with the place where a name was asked for, and the last one's code") {
  Dialing one;
  one.learn("192.0.2.1 192.0.2.2");
  one.begin(1);
  one.fail(1, "connect to 192.0.2.1:443: refused");
  one.begin(2);
  one.dialer.attempt_failed(one.dial, attempt(2), one.place,
                            make_error(Code::too_many_descriptors, "no descriptor", 24));
  const Error error = Dialer::lost(one.dial, one.place);
  CHECK(error.code == Code::too_many_descriptors);
  CHECK(error.detail == 24);
  CHECK(error.message() == "a.test:443: connect to 192.0.2.1:443: refused; no descriptor");
}

TEST_CASE("dialer: that nothing could be bound counts more than what came after it") {
  Dialing one;
  one.learn("192.0.2.1 2001:db8::1");
  one.begin(1);
  one.dialer.attempt_failed(one.dial, attempt(1), one.place, make_error(Code::bind_failed, "cannot bind", 99));
  one.begin(2);
  one.fail(2, "connect to [2001:db8::1]:443: no IPv6 address");
  const Error error = Dialer::lost(one.dial, one.place);
  CHECK(error.code == Code::bind_failed);
  CHECK(error.detail == 99);
  CHECK(error.message() == "a.test:443: cannot bind; connect to [2001:db8::1]:443: no IPv6 address");
}

TEST_CASE("dialer: where the place is an address or a route it is not said twice") {
  Dialing one;
  one.place.host = "192.0.2.1";
  one.learn("192.0.2.1");
  one.begin(1);
  one.fail(1, "connect to 192.0.2.1:443: refused");
  CHECK(Dialer::lost(one.dial, one.place).message() == "connect to 192.0.2.1:443: refused");
}

TEST_CASE("dialer: without any address there is no failure but that") {
  Dialing one;
  const Error error = Dialer::lost(one.dial, one.place);
  CHECK(error.code == Code::connect_failed);
  CHECK(error.message() == "a.test:443: no address");
}

TEST_CASE("dialer: of very many failures the first ones are said, and once that there were more") {
  Dialing one;
  const std::string words(150, 'x');
  std::string all = "a.test:443: " + words;
  std::string many;
  for (int i = 1; i <= 21; ++i) many += "192.0.2." + std::to_string(i) + ' ';
  one.learn(many);
  for (std::uint32_t i = 1; i <= 20; ++i) {
    one.begin(i);
    one.fail(i, words);
    if (i > 1 && all.size() + words.size() < 2'000) all += "; " + words;
  }
  const std::string said = Dialer::lost(one.dial, one.place).message();
  CHECK(said == all + "; ...");
  CHECK(said.size() > 1'800);
  CHECK(said.size() < 2'010);
  one.begin(21);
  one.fail(21, "short");  // there would be room for it, but it is none of the first
  CHECK(Dialer::lost(one.dial, one.place).message() == all + "; ...");
}

TEST_CASE("dialer: out of time while the name is looked up") {
  Dialing one;
  one.dial.race.wait_for_more();
  const Error error = Dialer::timed_out(one.dial, one.place, "5 s", "", "");
  CHECK(error.code == Code::connect_timeout);
  CHECK(error.message() == "resolve a.test: no answer within 5 s");
  // With a first part of the answer it is the address that is waited for.
  one.learn("192.0.2.1", false);
  CHECK(Dialer::timed_out(one.dial, one.place, "5 s", "", "").message() ==
        "connect to a.test:443: no answer within 5 s");
  const Dialing by_route;  // no name is looked up
  CHECK(Dialer::timed_out(by_route.dial, one.place, "5 s", "", "").message() ==
        "connect to a.test:443: no answer within 5 s");
}

TEST_CASE("dialer: out of time while attempts run: which ones, and what became of those before") {
  Dialing one;
  one.learn("192.0.2.1 192.0.2.2 192.0.2.3");
  one.begin(1);
  one.begin(2);
  const auto message = [&](const std::string& running) {
    const Error error = Dialer::timed_out(one.dial, one.place, "5 s", "connect", running);
    CHECK(error.code == Code::connect_timeout);
    return error.message();
  };
  CHECK(message("192.0.2.1:443, 192.0.2.2:443") ==
        "connect to a.test:443: no answer within 5 s from 192.0.2.1:443, 192.0.2.2:443");
  one.fail(1, "refused");
  CHECK(message("192.0.2.2:443") ==
        "connect to a.test:443: no answer within 5 s from 192.0.2.2:443 (before: a.test:443: refused)");
  CHECK(message("") == "connect to a.test:443: no answer within 5 s (before: a.test:443: refused)");
  Dialing literal;
  literal.place.host = "2001:db8::1";
  literal.learn("2001:db8::1");
  literal.begin(1);
  CHECK(Dialer::timed_out(literal.dial, literal.place, "1 s", "connect", "[2001:db8::1]:443").message() ==
        "connect to [2001:db8::1]:443: no answer within 1 s");
}

TEST_CASE("dialer: out of time after one has connected: what its layers were at") {
  Dialing one;
  one.learn("192.0.2.1 192.0.2.2", false);
  one.begin(1);
  one.begin(2);
  one.fail(1, "refused");
  one.dialer.attempt_won(one.dial, attempt(2));
  const Error error = Dialer::timed_out(one.dial, one.place, "5 s", "TLS handshake", "192.0.2.2:443");
  CHECK(error.code == Code::connect_timeout);
  CHECK(error.message() == "TLS handshake with a.test:443: not finished within 5 s");
}

TEST_CASE("dialer: after reset() there are no dials and no timers") {
  Dialing one;
  one.dialer.limit(one.dial, seconds(5), one.now);
  one.learn("192.0.2.1 192.0.2.2");
  one.begin(1);
  Dial& other = *one.dialer.begin();
  one.dialer.limit(other, seconds(5), one.now);
  List<pool::NameWaiter, &pool::NameWaiter::link> waiting;
  waiting.push_back(one.dial.name);  // whoever kept this list forgets it too
  one.dialer.reset();
  CHECK(one.dialer.size() == 0);
  CHECK_FALSE(one.timers.earliest());
  REQUIRE(one.dialer.begin());
}

}  // namespace
