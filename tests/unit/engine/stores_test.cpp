// What engines share: names and TLS sessions in stores that are passed to them.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "core/credentials.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

EngineOptions with_names(const std::shared_ptr<NameStore>& names) {
  EngineOptions options;
  options.names = names;
  return options;
}

// The SHA-256 of the keys in what a store exports (core/tls/session_bytes.cpp).
std::set<std::string> keys_in(const std::string& bytes) {
  constexpr std::size_t kLine = 22, kKey = 32, kTimes = 17, kSize = 4, kSum = 32;
  std::set<std::string> keys;
  for (std::size_t at = kLine; at + kSum < bytes.size();) {
    keys.insert(bytes.substr(at, kKey));
    at += kKey + kTimes;
    std::size_t size = 0;
    for (std::size_t i = 0; i < kSize; ++i) size = size << 8 | static_cast<std::uint8_t>(bytes[at + i]);
    at += kSize + size;
  }
  return keys;
}

}  // namespace

TEST_CASE("stores: sessions of a connection with an account are those of its host, and do not tell the account") {
  EngineOptions options;
  options.tls_sessions = TlsSessionStore::create();
  TlsWorld world(trusting_options(), example_server(), options);
  world.one_whole_get();
  world.engine.close_idle_connections(world.now);
  world.drain();
  const auto keys = keys_in(options.tls_sessions->export_sessions(world.now.wall));
  REQUIRE(keys.size() == 1);
  for (const std::string_view user : {"ann", "bob"}) {
    auto credentials = std::make_shared<Credentials>();
    credentials->user = user;
    credentials->password = "secret";
    credentials->schemes = {.basic = false, .ntlm = true};
    world.options.credentials = credentials;
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    world.carry(conn);
    world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(id));
    CHECK(world.engine.info(id).tls_resumed);
    CHECK(keys_in(options.tls_sessions->export_sessions(world.now.wall)) == keys);
  }
}

TEST_CASE("stores: a name that one engine has looked up is not asked for by another, as long as it is good") {
  const auto names = NameStore::create();
  EngineWorld one(with_names(names)), two(with_names(names)), alone;
  (void)one.add("http://example.org/");
  one.resolved("192.0.2.7");
  for (EngineWorld* world : {&two, &alone}) (void)world->add("http://example.org:8080/");
  CHECK(two.resolves.empty());
  REQUIRE(two.connects.size() == 1);
  CHECK(two.connects[0].address.to_string() == "192.0.2.7:8080");
  CHECK(alone.resolves.size() == 1);
  two.now.steady += 61s;
  (void)two.add("http://example.org:8081/");
  CHECK(two.resolves.size() == 1);
  two.resolved("192.0.2.8");
  one.now.steady += 61s;
  (void)one.add("http://example.org:8082/");
  CHECK(one.resolves.empty());
  CHECK(one.connects.back().address.to_string() == "192.0.2.8:8082");
}

TEST_CASE("stores: names are shared by host and family, and failures are not") {
  const auto names = NameStore::create();
  EngineWorld one(with_names(names)), two(with_names(names));
  TransferOptions ipv4;
  ipv4.family = AddressFamily::ipv4;
  (void)one.add("http://example.org/", ipv4);
  one.resolved("192.0.2.7");
  (void)two.add("http://example.org/");
  CHECK(two.resolves.size() == 1);
  (void)one.add("http://nowhere.test/");
  one.engine.handle_resolved(one.resolves.back().id, std::unexpected(make_error(Code::resolve_failed, "none")),
                             one.now);
  one.drain();
  (void)two.add("http://nowhere.test/");
  CHECK(two.resolves.size() == 2);
}

TEST_CASE("stores: an answer that comes while another engine waits for its own does no harm") {
  const auto names = NameStore::create();
  EngineWorld one(with_names(names)), two(with_names(names));
  (void)one.add("http://example.org/");
  (void)two.add("http://example.org/");
  one.resolved("192.0.2.7");
  (void)two.add("http://example.org:81/");
  CHECK(two.connects.size() == 1);  // what the other knows is good for this one at once
  two.resolved("192.0.2.8");
  CHECK(two.connects.size() == 2);
  CHECK(two.connects.back().address.to_string() == "192.0.2.8:80");
}

TEST_CASE("stores: a session that one engine was given is resumed by another, which is as free to take it") {
  EngineOptions shared;
  shared.tls_sessions = TlsSessionStore::create();
  TlsWorld one(trusting_options(), example_server(), shared), two(trusting_options(), example_server(), shared);
  bool first = true;
  for (TlsWorld* world : {&one, &two, &one}) {
    const TransferId id = world->ask();
    if (!world->resolves.empty()) world->resolved("192.0.2.1");
    const ConnId conn = newest(*world);
    world->servers.emplace(conn, sim::TlsServer(one.context));  // the same origin for both
    world->connected(conn);
    world->carry(conn);
    CHECK(world->server(conn).resumed() == !std::exchange(first, false));
    world->answer_with(conn, answer("x"));
    CHECK(world->succeeded(id));
    world->eof(conn);
  }
}

TEST_CASE("stores: they outlive the engine that filled them, and engines the variable that held them") {
  EngineOptions options;
  options.names = NameStore::create();
  options.tls_sessions = TlsSessionStore::create();
  {
    EngineWorld gone(options);
    (void)gone.add("http://example.org/");
    gone.resolved("192.0.2.7");
  }
  EngineWorld next(std::exchange(options, {}));
  (void)next.add("http://example.org/");
  CHECK(next.resolves.empty());
}
