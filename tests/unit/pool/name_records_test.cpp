// core/pool/name_cache: HTTPS records of a name: kept with its addresses, in parts, and apart for each port.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "core/base/limits.hpp"
#include "core/pool/name_cache.hpp"
#include "tests/unit/pool/addresses.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::NameCache;
using pool::NameWaiter;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Known = NameCache::Known;

constexpr Now kRecordsStart{Instant(seconds(5'000)), 0};
constexpr Now records_at(Duration time) { return {kRecordsStart.steady + time, 0}; }

NameAnswer recorded(const std::string& text, std::optional<std::uint16_t> port, bool more = false) {
  NameAnswer answer(addresses(text), seconds(10), more);
  HttpsRecords records;
  if (port) records.records.push_back({.port = *port});
  answer.https = std::make_shared<const HttpsRecords>(std::move(records));
  return answer;
}

// A name for port 443, and its look-up.
struct RecordLookUp {
  explicit RecordLookUp(pool::SharedNames* shared = nullptr, const NameCacheOptions& options = {})
      : names(shared, options) {
    ask();
  }
  ~RecordLookUp() { names.leave(waiter); }
  RecordLookUp(const RecordLookUp&) = delete;
  RecordLookUp& operator=(const RecordLookUp&) = delete;
  pool::Name& name() { return names.name("a.test", AddressFamily::any, 443); }
  void ask() {
    names.leave(waiter);
    id = names.wait(name(), waiter).value();
  }
  NameCache::Answered tell(Result<NameAnswer> answer, Duration when = {}) {
    auto told = names.answered(id, std::move(answer), records_at(when));
    if (!told.more) names.leave(waiter);
    names.check_invariants();
    return told;
  }
  int port() { return name().https && !name().https->records.empty() ? name().https->records[0].port.value_or(0) : -1; }

  NameCache names;
  NameWaiter waiter;
  ResolveId id;
};

TEST_CASE("name records: names for other ports, and for none, are others") {
  NameCache names;
  const pool::Name* const plain = &names.name("a.test", AddressFamily::any);
  const pool::Name* const one = &names.name("a.test", AddressFamily::any, 443);
  CHECK(plain != one);
  CHECK(one != &names.name("a.test", AddressFamily::any, 444));
  CHECK(one == &names.name("a.test", AddressFamily::any, 443));
  CHECK(one->https_port == 443);
  CHECK(plain->https_port == 0);
}

TEST_CASE("name records: they are kept as long as the addresses, also without any, and shared") {
  pool::SharedNames store;
  RecordLookUp one(&store), other(&store);
  one.tell(recorded("192.0.2.1", 8443));
  CHECK(one.port() == 8443);
  CHECK(other.names.knows(other.name(), records_at(seconds(9))) == Known::yes);
  CHECK(other.port() == 8443);
  CHECK(one.names.knows(one.name(), records_at(seconds(10))) == Known::no);
  one.ask();
  CHECK(one.tell(recorded("", 1)).result.has_value());
  CHECK(one.names.knows(one.name(), records_at(seconds(9))) == Known::yes);
  CHECK(one.name().addresses.empty());
  one.ask();
  CHECK_FALSE(one.tell(recorded("", std::nullopt)).result.has_value());  // neither addresses nor records
  CHECK(one.port() == -1);
  one.ask();
  one.tell(recorded("192.0.2.1", 2));
  one.ask();
  one.tell(NameAnswer(addresses("192.0.2.1")));
  CHECK(one.port() == -1);
}

TEST_CASE("name records: in parts, and waited for from the first addresses on") {
  RecordLookUp look_up;
  NameAnswer part(addresses("192.0.2.1"), {}, true);
  part.https_to_come = true;
  CHECK(look_up.tell(part, milliseconds(5)).of_use);
  CHECK(look_up.name().https_to_come);
  CHECK(look_up.name().https_until == records_at(milliseconds(5) + limits::kResolutionDelay).steady);
  look_up.tell(part, milliseconds(40));
  CHECK(look_up.name().https_until == records_at(milliseconds(5) + limits::kResolutionDelay).steady);
  for (const bool fails : {true, false}) {
    CAPTURE(fails);
    SUBCASE("what a part had stays if the rest fails, or has a record alone") {
      look_up.tell(recorded("192.0.2.1", 8443, true), milliseconds(41));
      CHECK_FALSE(look_up.name().https_to_come);
      Result<NameAnswer> rest = recorded("", 8443);
      if (fails) rest = std::unexpected(make_error(Code::resolve_failed, "SERVFAIL"));
      CHECK(look_up.tell(std::move(rest)).result.has_value());
      CHECK(texts(look_up.name().addresses) == "192.0.2.1");
      CHECK(look_up.port() == 8443);
      look_up.ask();
    }
  }
  SUBCASE("all") {
    look_up.tell(recorded("192.0.2.1 192.0.2.2", 1));
    CHECK_FALSE(look_up.name().https_to_come);
    CHECK(texts(look_up.name().addresses) == "192.0.2.1 192.0.2.2");
  }
}

TEST_CASE("name records: a part with a record alone is of use, one with nothing is not") {
  RecordLookUp look_up;
  CHECK_FALSE(look_up.tell(recorded("", std::nullopt, true)).of_use);
  CHECK(look_up.tell(recorded("", 8443, true)).of_use);
  CHECK(look_up.name().known_in_part);
  CHECK(look_up.port() == 8443);
  CHECK(look_up.tell(recorded("192.0.2.1", 8443, true), seconds(1)).of_use);
  CHECK(look_up.name().https_until == records_at(seconds(1) + limits::kResolutionDelay).steady);
}
}  // namespace
