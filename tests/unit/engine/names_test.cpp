// Names: answers in parts, how long an answer is valid, and where each form of the host is used.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

std::vector<IpAddress> name_addresses(std::initializer_list<const char*> literals) {
  std::vector<IpAddress> all;
  for (const char* literal : literals) all.push_back(*IpAddress::parse(literal));
  return all;
}

ResolveId asked_id(const EngineWorld& world) {
  REQUIRE_FALSE(world.resolves.empty());
  return world.resolves.back().id;
}

void answer_names(EngineWorld& world, ResolveId id, NameAnswer found) {
  world.engine.handle_resolved(id, std::move(found), world.now);
  world.drain();
}

void refuse_one(EngineWorld& world, std::size_t index) {
  world.io_error(world.connects.at(index).conn, Code::connect_failed,
                 "connect to " + world.connects.at(index).address.to_string() + ": connection refused");
}

std::string tried_at(const EngineWorld& world, std::size_t index) {
  return world.connects.at(index).address.ip.to_string();
}

}  // namespace

TEST_CASE("names: IPv6's answer is used at once, without IPv4's") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1"}), {}, true));
  REQUIRE(world.connects.size() == 1);
  CHECK(tried_at(world, 0) == "2001:db8::1");
  go(world);
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  // Which nobody needs any more.
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1", "192.0.2.1"})));
  CHECK(world.connects.size() == 1);
  check_nothing_left(world);
}

TEST_CASE("names: IPv4's answer is used 50 ms later, if IPv6's does not come (RFC 8305 3)") {
  EngineWorld world;
  world.add("http://example.org/");
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"192.0.2.1"}), {}, true));
  CHECK(world.connects.empty());
  REQUIRE(world.engine.deadline().has_value());
  CHECK(world.engine.deadline()->why == TimerKind::resolution_delay);
  world.pass(49ms);
  CHECK(world.connects.empty());
  SUBCASE("it does not") {
    world.pass(1ms);
    REQUIRE(world.connects.size() == 1);
    CHECK(tried_at(world, 0) == "192.0.2.1");
  }
  SUBCASE("it does, and comes first") {
    answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1", "192.0.2.1"})));
    REQUIRE(world.connects.size() == 1);
    CHECK(tried_at(world, 0) == "2001:db8::1");
    world.pass(250ms);
    REQUIRE(world.connects.size() == 2);
    CHECK(tried_at(world, 1) == "192.0.2.1");
  }
  SUBCASE("there is none") {
    answer_names(world, asked_id(world), NameAnswer(name_addresses({"192.0.2.1"})));
    REQUIRE(world.connects.size() == 1);
  }
  SUBCASE("it fails") {
    world.engine.handle_resolved(asked_id(world), std::unexpected(make_error(Code::resolve_failed, "SERVFAIL")),
                                 world.now);
    world.drain();
    REQUIRE(world.connects.size() == 1);
  }
}

TEST_CASE("names: one family alone is not waited for in another's name") {
  EngineWorld world;
  TransferOptions options;
  options.family = AddressFamily::ipv4;
  world.add("http://example.org/", options);
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"192.0.2.1"}), {}, true));
  CHECK(world.connects.size() == 1);
}

TEST_CASE("names: what comes later is tried after what came first, 250 ms apart, or at once where that has failed") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1"}), {}, true));
  SUBCASE("in its time") {
    world.pass(100ms);
    answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1", "192.0.2.1"})));
    CHECK(world.connects.size() == 1);
    world.pass(149ms);
    CHECK(world.connects.size() == 1);
    world.pass(1ms);
    CHECK(world.connects.size() == 2);
  }
  SUBCASE("when that time is over") {
    world.pass(250ms);
    CHECK(world.connects.size() == 1);
    answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1", "192.0.2.1"})));
    CHECK(world.connects.size() == 2);
  }
  SUBCASE("when that has failed: until then the transfer waits") {
    refuse_one(world, 0);
    CHECK_FALSE(world.done(id));
    answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1", "192.0.2.1"})));
    REQUIRE(world.connects.size() == 2);
  }
  REQUIRE(world.connects.size() == 2);
  CHECK(tried_at(world, 1) == "192.0.2.1");
  world.connected(world.connects[1].conn);
  CHECK(world.engine.info(id).address.ip.to_string() == "192.0.2.1");
}

TEST_CASE("names: all that was known has failed, and the rest of the answer brings nothing") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1"}), {}, true));
  refuse_one(world, 0);
  CHECK_FALSE(world.done(id));
  SUBCASE("the same") { answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1"}))); }
  SUBCASE("an error") {
    world.engine.handle_resolved(asked_id(world), std::unexpected(make_error(Code::resolve_failed, "SERVFAIL")),
                                 world.now);
    world.drain();
  }
  CHECK(world.failure(id) == Code::connect_failed);
  CHECK(world.results.at(id).error().message().find("[2001:db8::1]:80: connection refused") != std::string::npos);
  check_nothing_left(world);
}

TEST_CASE("names: a part without an address of use is none") {
  EngineWorld world;
  TransferOptions options;
  options.family = AddressFamily::ipv4;
  const TransferId id = world.add("http://example.org/", options);
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1"}), {}, true));
  answer_names(world, asked_id(world), NameAnswer({}, {}, true));
  CHECK(world.connects.empty());
  CHECK_FALSE(world.done(id));
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"2001:db8::1"})));
  CHECK(world.failure(id) == Code::resolve_failed);
}

TEST_CASE("names: a dial that begins between the parts has the first one, and its own 50 ms are not counted anew") {
  EngineWorld world;
  world.add("http://example.org/a");
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"192.0.2.1"}), {}, true));
  world.pass(30ms);
  world.add("http://example.org/b");
  CHECK(world.resolves.size() == 1);
  world.pass(20ms);
  CHECK(world.connects.size() == 2);
  world.add("http://example.org/c");
  CHECK(world.connects.size() == 3);
}

TEST_CASE("names: an answer is good for its time to live, and for a minute at most") {
  const auto ask_again_after = [](std::optional<Duration> ttl, Duration after) {
    EngineWorld world;
    TransferOptions options;
    options.forbid_reuse = true;
    const TransferId first = world.add("http://example.org/", options);
    answer_names(world, asked_id(world), NameAnswer(name_addresses({"192.0.2.1"}), ttl));
    go(world);
    world.receive(newest(world), answer("x"));
    REQUIRE(world.succeeded(first));
    world.pass(after);
    world.resolves.clear();
    world.add("http://example.org/", options);
    return !world.resolves.empty();
  };
  CHECK(ask_again_after(0s, 0ns));
  CHECK_FALSE(ask_again_after(5s, 4'999ms));
  CHECK(ask_again_after(5s, 5s));
  CHECK_FALSE(ask_again_after(86'400s, 59'999ms));
  CHECK(ask_again_after(86'400s, 60s));
  CHECK_FALSE(ask_again_after(std::nullopt, 59'999ms));
  CHECK(ask_again_after(std::nullopt, 60s));
}

TEST_CASE("names: an answer that may not be kept serves all that waited for it") {
  EngineWorld world;
  world.add("http://example.org/a");
  world.add("http://example.org/b");
  CHECK(world.resolves.size() == 1);
  answer_names(world, asked_id(world), NameAnswer(name_addresses({"192.0.2.1"}), 0s));
  CHECK(world.connects.size() == 2);
}

TEST_CASE("SB-85 names: a final dot is asked for, sent in Host, and makes another pool") {
  EngineWorld world;
  world.add("http://example.org./");
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].host == "example.org.");
  world.resolved("192.0.2.1");
  world.connected(newest(world));
  CHECK(world.sent(newest(world)).find("\r\nHost: example.org.\r\n") != std::string::npos);
  world.add("http://example.org/");
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].host == "example.org");
}

TEST_CASE("names: a connect_to that leads where the URL leads shares its connections") {
  EngineWorld world;
  const ConnId conn = one_get(world, "http://192.0.2.1/");
  TransferOptions options;
  options.connect_to = ConnectTo{"192.0.2.1", 80};
  world.add("http://192.0.2.1/again", options);
  CHECK(world.connects.size() == 1);
  CHECK(world.sent(conn).starts_with("GET /again "));
  options.connect_to = ConnectTo{"192.0.2.1", 81};
  world.add("http://192.0.2.1/elsewhere", options);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("names: where all fail each address that was tried is named") {
  EngineWorld world;
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  for (std::size_t i = 0; i < 3; ++i) refuse_one(world, i);
  REQUIRE(world.failure(id) == Code::connect_failed);
  CHECK(world.results.at(id).error().message() ==
        "GET http://example.org/: example.org:80: connect to 192.0.2.1:80: connection refused; "
        "connect to 192.0.2.2:80: connection refused; connect to 192.0.2.3:80: connection refused");
}

TEST_CASE("names: at the end of its time a dial names those that did not answer, and those that had failed") {
  EngineWorld world;
  TransferOptions options;
  options.connect_timeout = 400ms;
  const TransferId id = world.add("http://example.org/", options);
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  refuse_one(world, 0);
  world.pass(250ms);
  world.pass(150ms);
  REQUIRE(world.failure(id) == Code::connect_timeout);
  CHECK(world.results.at(id).error().message() ==
        "GET http://example.org/: connect to example.org:80: no answer within 400 ms from 192.0.2.2:80, 192.0.2.3:80 "
        "(before: example.org:80: connect to 192.0.2.1:80: connection refused)");
}

TEST_CASE("names: 200 transfers to 200 ports of one name ask once") {
  EngineWorld world;
  for (int port = 1; port <= 200; ++port) world.add("http://example.org:" + std::to_string(port) + "/");
  REQUIRE(world.resolves.size() == 1);
  CHECK(world.resolves[0].host == "example.org");
  answer_names(world, asked_id(world), name_addresses({"192.0.2.1"}));
  REQUIRE(world.connects.size() == 200);
  for (std::uint16_t port = 1; port <= 200; ++port) CHECK(world.connects[port - 1U].address.port == port);
}

TEST_CASE("names: what is known for a host and port is not asked for, and another port of it is") {
  EngineOptions options;
  options.known_addresses = {{"Example.ORG", 80, name_addresses({"192.0.2.7"})},
                             {"example.org.", 80, name_addresses({"192.0.2.8", "2001:db8::8"})},
                             {"example.org", 81, name_addresses({"192.0.2.9"})}};
  EngineWorld world(options);
  TransferOptions ipv6;
  ipv6.family = AddressFamily::ipv6;
  world.add("http://example.org/");
  world.add("http://example.org/", ipv6);
  CHECK(world.resolves.empty());
  REQUIRE(world.connects.size() == 2);
  CHECK(world.connects[0].address.to_string() == "192.0.2.8:80");  // the later entry counts, and a final dot does not
  CHECK(world.connects[1].address.to_string() == "[2001:db8::8]:80");
  world.add("http://example.org:82/");
  CHECK(world.resolves.size() == 1);
}

TEST_CASE(
    "names: a name that is known to have no usable address fails as a look-up does: after the call, and each time") {
  EngineOptions options;
  options.known_addresses = {{"example.org", 80, name_addresses({"192.0.2.7"})}};
  EngineWorld world(options);
  TransferOptions ipv6;
  ipv6.family = AddressFamily::ipv6;
  for (int round = 0; round < 2; ++round) {
    const TransferId id = world.add("http://example.org/", ipv6);
    CHECK_FALSE(world.done(id));
    REQUIRE(world.engine.deadline());
    CHECK(world.engine.deadline()->at <= world.now.steady);
    world.pass(Duration::zero());
    CHECK(world.failure(id) == Code::resolve_failed);
    CHECK(world.results.at(id).error().message() ==
          "GET http://example.org/: resolve example.org: no address of the family that was asked for");
  }
  CHECK(world.resolves.empty());
}
