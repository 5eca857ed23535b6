// HTTPS records (RFC 9460) of a host: where connections to it go, and how long they are waited for. Their keys for
// Encrypted Client Hello are in ech_records_test.cpp.
#include <doctest/doctest.h>

#include "core/address_rule.hpp"
#include "core/base/limits.hpp"
#include "tests/support/record_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

TEST_CASE("https records: are asked for where an option wants them, and where they can count") {
  const auto asked = [](RecordWorld& world, std::string_view url) {
    world.ask(url);
    return world.resolves.empty() ? -1 : static_cast<int>(world.resolves.back().https_port);
  };
  RecordWorld wanting, quiet(EncryptedHello::none, {}), keys(EncryptedHello::if_known, {}),
      grease(EncryptedHello::grease, {});
  CHECK(asked(wanting, "https://example.org/") == 443);
  CHECK(asked(wanting, "https://example.org:8443/") == 8443);
  CHECK(asked(wanting, "https://example.org./") == 443);
  CHECK(asked(wanting, "http://example.org/") == 0);
  CHECK(asked(quiet, "https://example.org/") == 0);
  CHECK(asked(keys, "https://example.org/") == 443);
  CHECK(asked(grease, "https://example.org/") == 0);
  RecordWorld elsewhere;
  elsewhere.options.connect_to = ConnectTo{"example.org", 444};
  CHECK(asked(elsewhere, "https://example.org/") == 0);
  RecordWorld literal;
  CHECK(asked(literal, "https://192.0.2.1/") == -1);
}

TEST_CASE("https records: the port of the first record that HTTP/1 can use, and TLS with the host's own name") {
  RecordWorld world;
  const TransferId id = world.ask();
  world.answer_name(with_records({"192.0.2.1"}, {{.priority = 1, .alpn = {"h3"}, .no_default_alpn = true, .port = 1},
                                                 {.priority = 2, .port = 8443},
                                                 {.priority = 3, .port = 2}}));
  REQUIRE(world.connects.size() == 1);
  CHECK(world.to(0) == "192.0.2.1:8443");
  const ConnId conn = world.serve();
  CHECK(world.server(conn).server_name() == "example.org");
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).address.to_string() == "192.0.2.1:8443");
  // The next connection uses what is known, and one that is open is shared.
  world.ask();
  CHECK(world.connects.size() == 1);
}

TEST_CASE(
    "https records: a record with h2 alone is for those who may speak it, one without it not for those who must") {
  const auto port = [](HttpVersions versions, std::vector<std::string> alpn, bool no_default) {
    RecordWorld world;
    world.options.http_versions = versions;
    world.ask();
    world.answer_name(with_records(
        {"192.0.2.1"}, {{.priority = 1, .alpn = std::move(alpn), .no_default_alpn = no_default, .port = 8443}}));
    return world.connects.at(0).address.port;
  };
  CHECK(port(HttpVersions::http1_1, {"h2"}, true) == 443);
  CHECK(port(HttpVersions::http1_1, {"h2"}, false) == 8443);
  CHECK(port(HttpVersions::any, {"h2"}, true) == 8443);
  CHECK(port(HttpVersions::any, {"h3"}, true) == 443);
  CHECK(port(HttpVersions::at_least_http2, {"h2"}, true) == 8443);
  CHECK(port(HttpVersions::at_least_http2, {}, false) == 443);
}

TEST_CASE("https records: the answer is kept with the name, for its time") {
  RecordWorld world;
  world.options.fresh_connection = true;
  world.ask();
  world.answer_name(with_records({"192.0.2.1"}, {{.port = 8443}}, 10s));
  world.ask();
  REQUIRE(world.connects.size() == 2);
  CHECK(world.to(1) == "192.0.2.1:8443");
  CHECK(world.resolves.size() == 1);
  world.pass(10s);
  world.ask();
  CHECK(world.resolves.size() == 2);
}

TEST_CASE("https records: another name's addresses; its hints are used while they are not known") {
  RecordWorld world;
  const TransferId id = world.ask();
  const HttpsRecord record{.target = "svc.example.net", .port = 8443, .hints = of_texts({"2001:db8::9", "192.0.2.9"})};
  SUBCASE("with hints") {
    world.answer_name(with_records({"192.0.2.1"}, {record}));
    REQUIRE(world.resolves.size() == 2);
    CHECK(world.resolves[1].host == "svc.example.net");
    CHECK(world.resolves[1].https_port == 0);
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "[2001:db8::9]:8443");
    world.answer_name(NameAnswer(of_texts({"192.0.2.7"})));
    CHECK(world.connects.size() == 1);
    world.pass(limits::kAddressStagger);
    REQUIRE(world.connects.size() == 2);
    CHECK(world.to(1) == "192.0.2.7:8443");
  }
  SUBCASE("without hints, and it is known already at the next time") {
    HttpsRecord bare = record;
    bare.hints.clear();
    world.answer_name(with_records({"192.0.2.1"}, {bare}));
    CHECK(world.connects.empty());
    world.answer_name(NameAnswer(of_texts({"192.0.2.7"})));
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "192.0.2.7:8443");
    const ConnId conn = world.serve();
    world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(id));
    world.options.fresh_connection = true;
    world.ask();
    CHECK(world.resolves.size() == 2);
    REQUIRE(world.connects.size() == 2);
    CHECK(world.to(1) == "192.0.2.7:8443");
  }
  SUBCASE("it is the host itself") {
    HttpsRecord own = record;
    own.target = "example.org";
    world.answer_name(with_records({"192.0.2.1"}, {own}));
    CHECK(world.resolves.size() == 1);
    CHECK(world.to(0) == "192.0.2.1:8443");
  }
  SUBCASE("it does not exist: the host's own addresses, and its own port") {
    HttpsRecord bare = record;
    bare.hints.clear();
    world.answer_name(with_records({"192.0.2.1"}, {bare}));
    world.fail_name();
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "192.0.2.1:443");
  }
}

TEST_CASE("https records: hints are used before the host's addresses are known, and for the family that is wanted") {
  RecordWorld world;
  world.options.family = AddressFamily::ipv4;
  world.ask();
  NameAnswer first = with_records({}, {{.port = 8443, .hints = of_texts({"2001:db8::9", "192.0.2.9"})}});
  first.more_to_come = true;
  world.answer_name(std::move(first));
  REQUIRE(world.connects.size() == 1);
  CHECK(world.to(0) == "192.0.2.9:8443");
  world.answer_name(with_records({"192.0.2.1"}, {{.port = 8443}}));
  world.refuse(0);
  REQUIRE(world.connects.size() == 2);
  CHECK(world.to(1) == "192.0.2.1:8443");
}

TEST_CASE("https records: if no connection can be made there, one is made as without (RFC 9460 3)") {
  RecordWorld world;
  const TransferId id = world.ask();
  world.answer_name(with_records({"192.0.2.1", "192.0.2.2"}, {{.port = 8443}}));
  world.refuse(0);
  world.refuse(1);
  REQUIRE(world.connects.size() == 3);
  CHECK(world.to(1) == "192.0.2.2:8443");
  CHECK(world.to(2) == "192.0.2.1:443");
  SUBCASE("and succeeds") {
    const ConnId conn = world.serve();
    world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(id));
  }
  SUBCASE("and fails: the error names all") {
    world.refuse(2);
    world.refuse(3);
    CHECK(world.failure(id) == Code::connect_failed);
    const std::string text = world.results.at(id).error().message();
    for (const char* place : {"192.0.2.1:8443", "192.0.2.2:8443", "192.0.2.1:443", "192.0.2.2:443"}) {
      CHECK(text.contains(place));
    }
  }
}

TEST_CASE("https records: if TLS fails there, a connection is made as without; not if the certificate is wrong") {
  enum class How { alert, end, reset };
  for (const How how : {How::alert, How::end, How::reset}) {
    for (const bool succeeds : {true, false}) {
      RecordWorld world;
      const TransferId id = world.ask();
      world.answer_name(with_records({"192.0.2.1"}, {{.port = 8443}}));
      REQUIRE(world.to(0) == "192.0.2.1:8443");
      const ConnId first = newest(world);
      world.connected(first);
      world.sent(first);
      if (how == How::alert) world.receive(first, std::string("\x15\x03\x03\x00\x02\x02\x28", 7));
      if (how == How::end) world.eof(first);
      if (how == How::reset) world.io_error(first, Code::receive_failed);
      REQUIRE(world.connects.size() == 2);
      CHECK(world.to(1) == "192.0.2.1:443");
      if (succeeds) {
        const ConnId conn = world.serve();
        world.answer_with(conn, answer("x"));
        CHECK(world.succeeded(id));
      } else {
        world.connected(newest(world));
        world.sent(newest(world));
        world.eof(newest(world));
        CHECK(world.failure(id) == Code::tls_handshake);
        CHECK(world.connects.size() == 2);
      }
      check_nothing_left(world);
    }
  }
  RecordWorld world;
  const TransferId id = world.ask();
  world.answer_name(with_records({"192.0.2.1"}, {{.port = 8443}}));
  const auto other = make_context(server_for({"other.example"}));
  world.servers.emplace(newest(world), sim::TlsServer(other));
  world.connected(newest(world));
  world.carry(newest(world));
  CHECK(world.failure(id) == Code::tls_certificate);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("https records: they are waited for 50 ms after the first addresses, and no longer") {
  RecordWorld world;
  world.ask();
  world.answer_name(waiting_for_records({"2001:db8::1", "192.0.2.1"}));
  CHECK(world.connects.empty());
  world.pass(limits::kResolutionDelay - 1ms);
  CHECK(world.connects.empty());
  SUBCASE("they come") {
    world.answer_name(with_records({"2001:db8::1", "192.0.2.1"}, {{.port = 8443}}));
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "[2001:db8::1]:8443");
  }
  SUBCASE("there are none") {
    world.answer_name(NameAnswer(of_texts({"2001:db8::1", "192.0.2.1"})));
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "[2001:db8::1]:443");
  }
  SUBCASE("they come too late for this connection") {
    world.pass(1ms);
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "[2001:db8::1]:443");
    world.answer_name(with_records({"2001:db8::1", "192.0.2.1"}, {{.port = 8443}}));
    world.refuse(0);
    REQUIRE(world.connects.size() == 2);
    CHECK(world.to(1) == "192.0.2.1:443");
    world.ask();
    REQUIRE(world.connects.size() == 3);
    CHECK(world.to(2) == "[2001:db8::1]:8443");
  }
  SUBCASE("another transfer that comes later does not wait again") {
    world.pass(1ms);
    world.ask();
    CHECK(world.connects.size() == 2);
  }
}

TEST_CASE("https records: a record without any address is of use only if it leads to one") {
  RecordWorld world;
  const TransferId id = world.ask();
  SUBCASE("it does") {
    world.answer_name(with_records({}, {{.target = "svc.example.net"}}));
    world.answer_name(NameAnswer(of_texts({"192.0.2.7"})));
    CHECK(world.to(0) == "192.0.2.7:443");
  }
  SUBCASE("it does not") {
    world.answer_name(with_records({}, {{.port = 8443}}));
    world.pass(0ms);
    CHECK(world.failure(id) == Code::resolve_failed);
  }
}

TEST_CASE("https records: the rule for addresses is asked with the record's port") {
  struct Rule final : AddressRule {
    Answer ask(const Question& question) override {
      asked = std::string(question.host) + ':' + std::to_string(question.port) + '=' + question.address.to_string();
      return {.kind = Answer::Kind::forbid};
    }
    std::string asked;
  };
  const auto rule = std::make_shared<Rule>();
  EngineOptions options = wanting_records();
  options.address_rule = rule;
  RecordWorld world(EncryptedHello::none, std::move(options));
  world.ask();
  world.answer_name(with_records({"192.0.2.1"}, {{.port = 8443}}));
  CHECK(world.connects.empty());
  CHECK(rule->asked == "example.org:8443=192.0.2.1");
}
