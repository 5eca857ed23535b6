// Keys for Encrypted Client Hello (RFC 9849) that HTTPS records have (RFC 9848): how long they are waited for, and what
// follows if a server has others.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "tests/support/record_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

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

TEST_CASE("ech: the second connection is where the record says, also if that has to be looked up again") {
  const EchKey old_key, new_key;
  RecordWorld world(EncryptedHello::required, {});
  world.context = make_context(server_for({"example.org", "public.example"}));
  const TransferId id = world.ask();
  const HttpsRecord record{.target = "svc.example.net", .port = 8443, .ech = old_key.list()};
  world.answer_name(with_records({"192.0.2.1"}, {record}, 0s));
  world.answer_name(NameAnswer(of_texts({"192.0.2.7"})));
  world.serve(&new_key);
  REQUIRE(world.resolves.size() == 3);
  CHECK(world.resolves[2].host == "example.org");
  world.answer_name(with_records({"192.0.2.1"}, {record}, 0s));
  REQUIRE(world.connects.size() == 2);
  CHECK(world.to(1) == "192.0.2.7:8443");
  const ConnId conn = world.serve(&new_key);
  CHECK(SSL_ech_accepted(world.server(conn).native()));
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("ech: keys that are used if known are waited for, from the first addresses on, for a second") {
  const EchKey key;
  RecordWorld world(EncryptedHello::if_known, {});
  world.ask();
  world.answer_name(waiting_for_records({"2001:db8::1", "192.0.2.1"}));
  world.pass(limits::kKeysDelay - 1ms);
  CHECK(world.connects.empty());
  SUBCASE("they come") {
    world.answer_name(with_records({"192.0.2.1"}, {{.port = 8443, .ech = key.list()}}));
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "192.0.2.1:8443");
    world.connected(newest(world));
    CHECK_FALSE(world.sent(newest(world)).contains("example.org"));
  }
  SUBCASE("they do not") {
    world.pass(1ms);
    REQUIRE(world.connects.size() == 1);
    CHECK(world.to(0) == "[2001:db8::1]:443");
  }
}

TEST_CASE("ech: where the look-up of the records has failed, the next connection that wants keys looks up again") {
  for (const EncryptedHello mode : {EncryptedHello::none, EncryptedHello::if_known, EncryptedHello::required}) {
    CAPTURE(static_cast<int>(mode));
    const EchKey key;
    RecordWorld world(mode);
    const TransferId id = world.ask();
    NameAnswer failed(of_texts({"192.0.2.1"}), 60s);
    failed.https_failed = true;
    world.answer_name(std::move(failed));
    world.pass(0ms);
    CHECK(world.connects.size() == (mode == EncryptedHello::required ? 0 : 1));
    CHECK(world.done(id) == (mode == EncryptedHello::required));
    if (world.done(id)) {
      CHECK(world.results.at(id).error().message().ends_with("the HTTPS records of example.org:443 are not known"));
    }
    world.ask();
    if (mode == EncryptedHello::none) {
      CHECK(world.resolves.size() == 1);
      CHECK(world.connects.size() == 2);
      continue;
    }
    REQUIRE(world.resolves.size() == 2);
    world.answer_name(with_records({"192.0.2.1"}, {{.port = 8443, .ech = key.list()}}, 60s));
    CHECK(world.to(world.connects.size() - 1) == "192.0.2.1:8443");
    world.ask();
    CHECK(world.resolves.size() == 2);
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
  REQUIRE(world.connects.size() == 2);
  CHECK(newest(world) != first);
  CHECK(world.engine.idle_connections() == 1);
}
