// HTTPS records (RFC 9460) of a host: where connections to it go, how long they are waited for, and the keys for
// Encrypted Client Hello that they have (RFC 9848, RFC 9849).
#include <doctest/doctest.h>

#include "core/address_rule.hpp"
#include "core/base/limits.hpp"
#include "tests/support/ech_key.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

EngineOptions wanting_records() {
  EngineOptions options;
  options.https_records = true;
  return options;
}

std::vector<IpAddress> of_texts(std::initializer_list<const char*> literals) {
  std::vector<IpAddress> all;
  for (const char* literal : literals) all.push_back(*IpAddress::parse(literal));
  return all;
}

NameAnswer with_records(std::initializer_list<const char*> addresses, std::vector<HttpsRecord> records,
                        std::optional<Duration> ttl = {}) {
  NameAnswer answer(of_texts(addresses), ttl);
  answer.https = std::make_shared<const HttpsRecords>(HttpsRecords{.records = std::move(records), .ttl = ttl});
  return answer;
}

NameAnswer waiting_for_records(std::initializer_list<const char*> addresses) {
  NameAnswer answer(of_texts(addresses), {}, true);
  answer.https_to_come = true;
  return answer;
}

struct RecordWorld : TlsWorld {
  explicit RecordWorld(EncryptedHello ech = EncryptedHello::none, EngineOptions engine_options = wanting_records())
      : TlsWorld(with_mode(ech), example_server(), std::move(engine_options)) {}
  static TlsOptions with_mode(EncryptedHello ech) {
    TlsOptions tls = trusting_options();
    tls.ech = ech;
    return tls;
  }
  void answer_name(NameAnswer found, std::size_t question = SIZE_MAX) {
    const ResolveId id = resolves.at(std::min(question, resolves.size() - 1)).id;
    engine.handle_resolved(id, std::move(found), now);
    drain();
  }
  void fail_name() {
    Error error = make_error(Code::resolve_failed, "resolve: no such name");
    error.name_absent = true;
    engine.handle_resolved(resolves.back().id, std::unexpected(std::move(error)), now);
    drain();
  }
  void refuse(std::size_t index) {
    io_error(connects.at(index).conn, Code::connect_failed,
             "connect to " + connects.at(index).address.to_string() + ": connection refused");
  }
  std::string to(std::size_t index) const { return connects.at(index).address.to_string(); }
  // Opens the newest connection with a server that has these keys.
  ConnId serve(const EchKey* keys = nullptr) {
    const ConnId conn = newest(*this);
    servers.emplace(conn, sim::TlsServer(context));
    SSL_CTX* const its = SSL_get_SSL_CTX(server(conn).native());
    if (keys) REQUIRE(SSL_CTX_set1_ech_keys(its, keys->keys.get()));
    connected(conn);
    carry(conn);
    return conn;
  }
};

}  // namespace

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

TEST_CASE("ech: the keys of the record hide the host's name") {
  for (const EncryptedHello mode : {EncryptedHello::if_known, EncryptedHello::required}) {
    const EchKey key;
    RecordWorld world(mode, {});
    const TransferId id = world.ask();
    world.answer_name(with_records({"192.0.2.1"}, {{.priority = 1, .port = 8443, .ech = key.list()}}));
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "192.0.2.1:8443");
    const ConnId conn = newest(world);
    world.servers.emplace(conn, sim::TlsServer(world.context));
    REQUIRE(SSL_CTX_set1_ech_keys(SSL_get_SSL_CTX(world.server(conn).native()), key.keys.get()));
    world.connected(conn);
    const std::string hello = world.sent(conn);
    CHECK(hello.contains("public.example"));
    CHECK_FALSE(hello.contains("example.org"));
    world.server(conn).feed(as_bytes(hello));
    world.to_client(conn);
    world.carry(conn);
    CHECK(SSL_ech_accepted(world.server(conn).native()));
    CHECK(world.server(conn).server_name() == "example.org");
    world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(id));
  }
}

TEST_CASE("ech: if it is required, nothing is sent without keys, and the record is waited for") {
  RecordWorld world(EncryptedHello::required, {});
  const TransferId id = world.ask();
  SUBCASE("for as long as it takes") {
    world.answer_name(waiting_for_records({"192.0.2.1"}));
    world.pass(10s);
    CHECK(world.connects.empty());
    CHECK_FALSE(world.done(id));
    const EchKey key;
    world.answer_name(with_records({"192.0.2.1"}, {{.port = 1}, {.port = 2, .ech = key.list()}}));
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "192.0.2.1:2");
    world.refuse(0);
    CHECK(world.connects.size() == 1);  // no other place, and no other way
    CHECK(world.failure(id) == Code::connect_failed);
  }
  SUBCASE("there is none") {
    world.answer_name(NameAnswer(of_texts({"192.0.2.1"})));
    world.pass(0ms);
    CHECK(world.connects.empty());
    CHECK(world.failure(id) == Code::tls_handshake);
    CHECK(
        world.results.at(id).error().message() ==
        "GET https://example.org/: Encrypted Client Hello: it is required, and example.org:443 has no keys in an HTTPS "
        "record");
  }
  SUBCASE("its keys cannot be used") {
    world.answer_name(with_records({"192.0.2.1"}, {{.ech = std::string("\0\4\1\2\0\0", 6)}}));
    world.connected(newest(world));
    CHECK(world.sent(newest(world)).empty());
    CHECK(world.failure(id) == Code::tls_handshake);
  }
  SUBCASE("a place that is given has no record") {
    world.options.connect_to = ConnectTo{"192.0.2.5", 443};
    const TransferId other = world.ask();
    world.connected(newest(world));
    CHECK(world.sent(newest(world)).empty());
    CHECK(world.failure(other) == Code::tls_handshake);
  }
}

TEST_CASE("ech: if all records have keys, no connection is made without (RFC 9848 5.1)") {
  const EchKey key;
  for (const bool all : {true, false}) {
    CAPTURE(all);
    RecordWorld world(EncryptedHello::if_known, {});
    const TransferId id = world.ask();
    HttpsRecord other{.priority = 2};
    if (all) other.ech = key.list();
    world.answer_name(with_records({"192.0.2.1"}, {{.port = 8443, .ech = key.list()}, other}));
    world.refuse(0);
    CHECK(world.done(id) == all);
    CHECK(world.connects.size() == (all ? 1 : 2));
  }
}

TEST_CASE("ech: a server that has other keys is connected to once more, with those (RFC 9849 6.1.6)") {
  for (const bool are_of_options : {false, true}) {
    for (const bool takes_them : {true, false}) {
      CAPTURE(are_of_options);
      CAPTURE(takes_them);
      const EchKey old_key, new_key, newest_key;
      RecordWorld world(EncryptedHello::if_known, {});
      world.context = make_context(server_for({"example.org", "public.example"}));
      if (are_of_options) {
        TlsOptions tls = trusting_options();
        tls.ech_config_list = old_key.list();
        world.options.tls = make_config(tls);
      }
      const TransferId id = world.ask();
      world.answer_name(with_records({"192.0.2.1"}, {{.ech = old_key.list()}}, 60s));
      world.serve(&new_key);
      REQUIRE(world.connects.size() == 2);
      CHECK_FALSE(world.done(id));
      const ConnId conn = world.serve(takes_them ? &new_key : &newest_key);
      CHECK(world.connects.size() == 2);  // and never a third time
      if (takes_them) {
        CHECK(SSL_ech_accepted(world.server(conn).native()));
        world.answer_with(conn, answer("x"));
        CHECK(world.succeeded(id));
      } else {
        CHECK(world.failure(id) == Code::tls_handshake);
        CHECK(world.results.at(id).error().message().contains("has refused Encrypted Client Hello"));
      }
    }
  }
}

TEST_CASE("ech: a server that proves to have no keys is connected to without, where that may be") {
  const EchKey key;
  for (const EncryptedHello mode : {EncryptedHello::if_known, EncryptedHello::required}) {
    for (const bool proves : {true, false}) {
      CAPTURE(static_cast<int>(mode));
      CAPTURE(proves);
      RecordWorld world(mode, {});
      if (proves) world.context = make_context(server_for({"example.org", "public.example"}));
      const TransferId id = world.ask();
      world.answer_name(with_records({"192.0.2.1"}, {{.ech = key.list()}}));
      world.serve();
      const bool goes_on = proves && mode == EncryptedHello::if_known;
      CHECK(world.connects.size() == (goes_on ? 2 : 1));
      CHECK(world.done(id) != goes_on);
      if (!goes_on) continue;
      const ConnId conn = world.serve();
      CHECK(world.server(conn).server_name() == "example.org");
      world.answer_with(conn, answer("x"));
      CHECK(world.succeeded(id));
    }
  }
}

TEST_CASE("ech: configurations with different modes share no connection") {
  RecordWorld world(EncryptedHello::none, {});
  const ConnId first = world.one_whole_get();
  world.options.tls = make_config(RecordWorld::with_mode(EncryptedHello::grease));
  world.ask();
  CHECK(world.connects.size() + world.resolves.size() >= 2);
  CHECK(world.engine.idle_connections() == 1);
  (void)first;
}
