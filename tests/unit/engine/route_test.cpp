// Transfers over a route: no names and no race, connection sharing, its own limit, its messages, TLS on it.
#include <doctest/doctest.h>

#include <memory>
#include <new>

#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Line : Route {
  explicit Line(std::string identity, std::string name = "the line", std::size_t most = 0)
      : Route(std::move(identity), std::move(name), most) {}
};

std::shared_ptr<Line> line(std::string identity, std::string name = "the line", std::size_t most = 0) {
  return std::make_shared<Line>(std::move(identity), std::move(name), most);
}

TransferOptions over(std::shared_ptr<Route> route) {
  TransferOptions options;
  options.route = std::move(route);
  return options;
}

// How many connections two requests make, the first of which is over and its connection idle.
std::size_t connects_over(const TransferOptions& first, const TransferOptions& second,
                          std::string_view second_url = "http://app.test/") {
  EngineWorld world;
  one_get(world, "http://app.test/", first);
  world.add(second_url, second);
  return world.connects.size() + world.resolves.size();
}

// A place where one route can be made after another, so that both have the same address.
class SameAddress {
 public:
  std::shared_ptr<Line> make(std::string name) {
    REQUIRE_FALSE(taken_);
    taken_ = true;
    Line* made = new (memory_) Line("", std::move(name));
    return {made, [this](Line* line) {
              std::destroy_at(line);
              taken_ = false;
            }};
  }
  bool taken() const { return taken_; }

 private:
  alignas(Line) unsigned char memory_[sizeof(Line)] = {};
  bool taken_ = false;
};

// What the world recorded must not be what keeps a route alive.
void let_go(EngineWorld& world) {
  for (output::Connect& connect : world.connects) connect.route.reset();
}

}  // namespace

TEST_CASE("route: no name is resolved and there is no race; Connect says route, host and port") {
  EngineWorld world;
  const auto route = line("a");
  const TransferId id = world.add("http://app.test:8080/x", over(route));
  CHECK(world.resolves.empty());
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].route == route);
  CHECK(world.connects[0].host == "app.test");
  CHECK(world.connects[0].port == 8080);
  CHECK(world.connects[0].address == Address{});
  world.pass(std::chrono::seconds(2));  // eight staggers
  CHECK(world.connects.size() == 1);
  CHECK(world.engine.connections() == 1);

  const ConnId conn = newest(world);
  world.connected(conn);
  CHECK(world.sent(conn) == "GET /x HTTP/1.1\r\nHost: app.test:8080\r\n\r\n");
  world.receive(conn, answer("abc"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "abc");
  const TransferInfo info = world.engine.info(id);
  CHECK(info.route == "the line");
  CHECK(info.address == Address{});
  CHECK_FALSE(info.reused);
  const Progress& progress = world.engine.progress(id);
  CHECK(progress.resolved == progress.queued);
  CHECK(progress.connected == progress.queued + std::chrono::seconds(2));
  check_nothing_left(world);
}

TEST_CASE("route: connect_to says what the route is asked for, the Host field still says what is wanted") {
  EngineWorld world;
  TransferOptions options = over(line("a"));
  options.connect_to = ConnectTo{"backend.test", 99};
  world.add("http://app.test/", options);
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].host == "backend.test");
  CHECK(world.connects[0].port == 99);
  world.connected(newest(world));
  CHECK(world.sent(newest(world)) == "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n");
}

TEST_CASE("route: addresses are handed over as they are, whatever family was asked for") {
  EngineWorld world;
  TransferOptions options = over(line("a"));
  options.family = AddressFamily::ipv6;
  world.add("http://192.0.2.1/", options);
  world.add("http://[2001:db8::1]:81/", options);
  world.add("http://[fe80::1%25eth0]/", options);
  REQUIRE(world.connects.size() == 3);
  CHECK(world.connects[0].host == "192.0.2.1");
  CHECK(world.connects[1].host == "2001:db8::1");
  CHECK(world.connects[1].port == 81);
  CHECK(world.connects[2].host == "fe80::1%eth0");
  options.connect_to = ConnectTo{"backend.test", 99};  // the zone is the URL's address's, not this one's
  world.add("http://[fe80::1%25eth0]/", options);
  CHECK(world.connects.at(3).host == "backend.test");
}

TEST_CASE("route: without one, Connect has an address and nothing else") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  REQUIRE(world.connects.at(0).conn == conn);
  CHECK(world.connects[0].route == nullptr);
  CHECK(world.connects[0].host.empty());
  CHECK(world.connects[0].port == 0);
  const TransferId next = world.add("http://192.0.2.1/");
  CHECK(world.engine.info(next).route.empty());

  EngineWorld after;  // where a connection over a route has been before
  after.eof(one_get(after, "http://app.test/", over(line("a"))));
  const TransferId id = after.add("http://192.0.2.1/");
  after.eof(newest(after));
  CHECK(after.results.at(id).error().message() == "GET http://192.0.2.1/: connect to 192.0.2.1:80: closed at once");
  const TransferId other = after.add("http://192.0.2.2/");
  go(after);
  CHECK(after.engine.info(other).route.empty());
  CHECK(after.engine.info(other).address.to_string() == "192.0.2.2:80");
}

TEST_CASE("SB-05 routes share connections if they are equal, and with nothing else") {
  const TransferOptions a = over(line("a")), same = over(line("a", "another name")), b = over(line("b"));
  const TransferOptions object = over(line("")), other_object = over(line(""));
  CHECK(connects_over(a, a) == 1);
  CHECK(connects_over(a, same) == 1);
  CHECK(connects_over(a, b) == 2);
  CHECK(connects_over(a, {}) == 2);
  CHECK(connects_over(a, object) == 2);
  CHECK(connects_over(object, object) == 1);
  CHECK(connects_over(object, other_object) == 2);
  CHECK(connects_over(object, a) == 2);
  CHECK(connects_over(object, {}) == 2);
  CHECK(connects_over(a, a, "http://other.test/") == 2);  // one route, two origins
  CHECK(connects_over(a, a, "http://app.test:81/") == 2);
  TransferOptions to = a;
  to.connect_to = ConnectTo{"app.test", 81};
  CHECK(connects_over(a, to) == 2);
  to.connect_to = ConnectTo{"App.test", 80};  // where it leads anyway
  CHECK(connects_over(a, to) == 1);
  // An identity that looks like the key of an object.
  const auto secret = line("");
  const Route* address = secret.get();
  std::string forged(reinterpret_cast<const char*>(&address), sizeof address);
  CHECK(connects_over(over(secret), over(line(forged))) == 2);
  CHECK(connects_over(over(secret), over(line("o" + forged))) == 2);
}

TEST_CASE("route: the engine keeps it while a connection stands, and no longer") {
  for (const char* identity : {"", "a"}) {
    CAPTURE(identity);
    EngineWorld world;
    auto route = line(identity);
    const std::weak_ptr<Route> watched = route;
    const TransferId id = world.add("http://app.test/", over(std::move(route)));
    const ConnId conn = go(world);
    world.receive(conn, answer("x"));
    REQUIRE(world.succeeded(id));
    world.remove(id);
    let_go(world);
    CHECK(world.engine.idle_connections() == 1);
    CHECK_FALSE(watched.expired());
    world.eof(conn);
    CHECK(world.engine.connections() == 0);
    CHECK(watched.expired());
  }
}

TEST_CASE("route: it is let go after a failed dial and after a removal, too") {
  EngineWorld world;
  for (const bool removed : {true, false}) {
    CAPTURE(removed);
    auto route = line("");
    const std::weak_ptr<Route> watched = route;
    const TransferId id = world.add("http://app.test/", over(std::move(route)));
    if (!removed) world.io_error(newest(world), Code::connect_failed);
    world.remove(id);
    let_go(world);
    CHECK(watched.expired());
  }
  check_nothing_left(world);
}

TEST_CASE("SB-05 a route that has died and another at its address share no connection") {
  SameAddress place;
  EngineWorld world;
  auto first = place.make("first");
  const TransferId id = world.add("http://app.test/", over(std::move(first)));
  const ConnId conn = go(world);
  world.receive(conn, answer("x"));
  world.remove(id);
  let_go(world);
  CHECK(place.taken());  // by the idle connection's origin: nothing else can stand there
  world.eof(conn);
  REQUIRE_FALSE(place.taken());
  const TransferId second = world.add("http://app.test/", over(place.make("second")));
  CHECK(world.connects.size() == 2);
  go(world);
  world.receive(newest(world), answer("y"));
  CHECK(world.engine.info(second).route == "second");
  world.remove(second);
  let_go(world);
  world.engine.close_idle_connections(world.now);
  world.drain();
  CHECK_FALSE(place.taken());
}

TEST_CASE("route: its max_connections and the engine's limits, the lowest counts") {
  struct Case {
    std::size_t route, per_origin, total, most;
  };
  for (const Case& limits : {Case{0, 0, 0, 5}, Case{2, 0, 0, 2}, Case{0, 3, 0, 3}, Case{1, 3, 0, 1}, Case{4, 3, 0, 3},
                             Case{3, 4, 0, 3}, Case{3, 4, 2, 2}, Case{1, 0, 4, 1}}) {
    CAPTURE(limits.route);
    CAPTURE(limits.per_origin);
    CAPTURE(limits.total);
    EngineOptions options;
    options.max_connections_per_origin = limits.per_origin;
    options.max_connections = limits.total;
    EngineWorld world(options);
    const auto route = line("", "r", limits.route);
    std::vector<TransferId> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(world.add("http://app.test/", over(route)));
    CHECK(world.connects.size() == limits.most);
    for (std::size_t i = 0; i < limits.most; ++i) world.connected(world.connects[i].conn);
    for (int round = 0; round < 5; ++round) {
      for (std::size_t i = 0; i < limits.most; ++i) {
        if (!world.sent(world.connects[i].conn).empty()) world.receive(world.connects[i].conn, answer("x"));
      }
    }
    for (const TransferId id : ids) CHECK(world.succeeded(id));
    CHECK(world.connects.size() == limits.most);
    check_nothing_left(world);
  }
}

TEST_CASE("route: the limit is for each origin, and for those transfers alone that use the route") {
  EngineWorld world;
  const auto route = line("", "r", 1);
  world.add("http://app.test/", over(route));
  world.add("http://app.test/", over(route));
  CHECK(world.connects.size() == 1);
  world.add("http://other.test/", over(route));
  CHECK(world.connects.size() == 2);
  world.add("http://192.0.2.1/");
  world.add("http://192.0.2.1/");
  CHECK(world.connects.size() == 4);
}

TEST_CASE("route: with one connection transfers wait in line and go on over it") {
  EngineWorld world;
  const auto route = line("", "the only one", 1);
  std::vector<TransferId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(world.add("http://app.test/" + std::to_string(i), over(route)));
  const ConnId conn = newest(world);
  world.connected(conn);
  world.remove(ids[2]);
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    CAPTURE(i);
    CHECK(world.sent(conn) == "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: app.test\r\n\r\n");
    world.receive(conn, answer(std::to_string(i)));
    CHECK(world.succeeded(ids[i]));
    CHECK(world.bodies[ids[i]] == std::to_string(i));
    CHECK(world.engine.info(ids[i]).reused == (i != 0));
    CHECK(world.engine.info(ids[i]).route == "the only one");
  }
  CHECK(world.connects.size() == 1);
  CHECK(world.failure(ids[2]) == Code::canceled);
  check_nothing_left(world);
}

TEST_CASE("route: where its one connection dies each of those that wait dials, and fails by itself") {
  EngineWorld world;
  const auto route = line("", "the only one", 1);
  const TransferId first = world.add("http://app.test/1", over(route));
  const TransferId second = world.add("http://app.test/2", over(route));
  const TransferId third = world.add("http://app.test/3", over(route));
  const TransferId fourth = world.add("http://app.test/4", over(route));
  const ConnId conn = go(world);
  world.eof(conn);
  CHECK(world.failure(first) == Code::connection_closed);
  CHECK(world.connects.size() == 2);
  CHECK_FALSE(world.done(second));
  world.io_error(newest(world), Code::connect_failed, "connect to the only one: it is gone");
  REQUIRE(world.failure(second) == Code::connect_failed);
  CHECK(world.results.at(second).error().message() == "GET http://app.test/2: connect to the only one: it is gone");
  CHECK(world.results.at(second).error().retry_safe);
  CHECK(world.connects.size() == 3);
  CHECK_FALSE(world.done(third));
  const ConnId again = go(world);
  world.receive(again, answer("x", "Connection: close\r\n"));
  CHECK(world.succeeded(third));
  CHECK(world.connects.size() == 4);
  CHECK_FALSE(world.done(fourth));
  world.remove(fourth);
  check_nothing_left(world);
}

TEST_CASE("route: a kept-alive connection that turns out dead is made anew over the same route") {
  EngineWorld world;
  const auto route = line("", "the only one", 1);
  const ConnId conn = one_get(world, "http://app.test/", over(route));
  const TransferId id = world.add("http://app.test/2", over(route));
  world.sent(conn);
  world.eof(conn);
  REQUIRE(world.connects.size() == 2);
  CHECK(world.connects[1].route == route);
  CHECK_FALSE(world.done(id));
  world.connected(newest(world));
  CHECK(world.sent(newest(world)) == "GET /2 HTTP/1.1\r\nHost: app.test\r\n\r\n");
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).retries == 1);
}

TEST_CASE("route: fresh_connection over a route of one closes the idle one, never one in use") {
  EngineWorld world;
  const auto route = line("", "the only one", 1);
  const ConnId conn = one_get(world, "http://app.test/", over(route));
  const TransferId user = world.add("http://app.test/2", over(route));
  TransferOptions fresh = over(route);
  fresh.fresh_connection = true;
  const TransferId id = world.add("http://app.test/3", fresh);
  CHECK(world.connects.size() == 1);
  world.sent(conn);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(user));
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.connects.size() == 2);
  go(world);
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK_FALSE(world.engine.info(id).reused);
}

TEST_CASE("route: removing the transfer that dials hands the dial on, or gives it up") {
  EngineWorld world;
  const auto route = line("", "the only one", 1);
  const TransferId first = world.add("http://app.test/1", over(route));
  const TransferId second = world.add("http://app.test/2", over(route));
  world.remove(first);
  CHECK(world.closes.empty());
  CHECK(world.connects.size() == 1);
  world.remove(second);
  CHECK(world.closes.size() == 1);
  check_nothing_left(world);
}

TEST_CASE("route: a connection that several origins wait for in total, routes and addresses mixed") {
  EngineOptions options;
  options.max_connections = 1;
  EngineWorld world(options);
  const auto route = line("", "r", 1);
  const TransferId a = world.add("http://app.test/", over(route));
  const TransferId b = world.add("http://192.0.2.1/");
  const TransferId c = world.add("http://app.test/", over(route));
  for (const TransferId id : {a, c, b}) {  // an idle one that is of use is used first
    if (world.engine.info(id).conn != newest(world)) world.connected(newest(world));
    world.sent(newest(world));
    CHECK(world.engine.connections() == 1);
    world.receive(newest(world), answer("x"));
    CHECK(world.succeeded(id));
  }
  CHECK(world.connects.size() == 2);
  check_nothing_left(world);
}

TEST_CASE("route: messages name it") {
  const auto message_of = [](const auto& world, TransferId id) { return world.results.at(id).error().message(); };
  TransferOptions options = over(line("", "/run/app.sock"));
  options.connect_timeout = std::chrono::milliseconds(50);
  EngineWorld world;
  const TransferId late = world.add("http://app.test/", options);
  world.pass(std::chrono::milliseconds(50));
  CHECK(world.failure(late) == Code::connect_timeout);
  CHECK(message_of(world, late) == "GET http://app.test/: connect to /run/app.sock: no answer within 50 ms");

  const TransferId closed = world.add("http://app.test/", options);
  world.eof(newest(world));
  CHECK(world.failure(closed) == Code::connect_failed);
  CHECK(message_of(world, closed) == "GET http://app.test/: connect to /run/app.sock: closed at once");
  CHECK(world.engine.info(closed).route.empty());  // never connected

  const TransferId failed = world.add("http://app.test/", options);
  world.io_error(newest(world), Code::connect_failed, "connect to /run/app.sock: No such file or directory");
  CHECK(message_of(world, failed) == "GET http://app.test/: connect to /run/app.sock: No such file or directory");

  options.route = line("", "");
  const TransferId unnamed = world.add("http://app.test/", options);
  world.eof(newest(world));
  CHECK(message_of(world, unnamed) == "GET http://app.test/: connect to an unnamed route: closed at once");
  check_nothing_left(world);
}

TEST_CASE("route: TLS rides on it, with the URL's name, and its messages name the route") {
  TlsWorld world;
  world.options.route = line("", "/run/tls.sock", 1);
  world.options.connect_timeout = std::chrono::seconds(5);
  world.options.connect_to = ConnectTo{"elsewhere.test", 1};
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn, 1);  // byte by byte
  CHECK(world.server(conn).server_name() == "example.org");
  world.answer_with(conn, answer("secret"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "secret");
  CHECK(world.engine.info(id).route == "/run/tls.sock");
  CHECK(world.engine.info(id).tls_version == "TLSv1.3");
  const TransferId next = world.ask();
  world.carry(conn);
  world.answer_with(conn, answer("y"));
  CHECK(world.succeeded(next));
  CHECK(world.engine.info(next).reused);
  world.eof(conn);

  const auto message_of = [&](TransferId which) { return world.results.at(which).error().message(); };
  const TransferId late = world.ask();
  world.connect();
  world.pass(std::chrono::seconds(5));
  CHECK(world.failure(late) == Code::connect_timeout);
  CHECK(message_of(late) == "GET https://example.org/: TLS handshake with /run/tls.sock: not finished within 5000 ms");
  CHECK(world.engine.info(late).route == "/run/tls.sock");
  const TransferId cut = world.ask();
  world.eof(world.connect());
  CHECK(world.failure(cut) == Code::tls_handshake);
  CHECK(message_of(cut).ends_with("/: TLS handshake with /run/tls.sock: the peer closed the connection"));
  const TransferId wrong = world.ask("https://wrong.example/");
  const ConnId wrong_conn = world.connect();
  world.carry(wrong_conn);
  CHECK(world.failure(wrong) == Code::tls_certificate);  // a route is no reason to trust anybody
  CHECK(world.server(wrong_conn).plain().empty());
  check_nothing_left(world);
}

TEST_CASE("SB-45 http and https over one route, on the same host and port, share nothing") {
  TlsWorld world;
  const auto route = line("one route");
  const ConnId plain = one_get(world, "http://example.org:8443/", over(route));
  world.options.route = route;
  const TransferId id = world.ask("https://example.org:8443/");
  REQUIRE(world.connects.size() == 2);
  CHECK(world.engine.transmit(plain).empty());
  const ConnId conn = world.connect();
  world.carry(conn);
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(id));
  world.add("http://example.org:8443/", over(route));
  CHECK(world.connects.size() == 2);
  CHECK(world.sent(plain) == "GET / HTTP/1.1\r\nHost: example.org:8443\r\n\r\n");
}

TEST_CASE("SB-05 SB-06 TLS sessions are resumed over equal routes only") {
  TlsWorld world;
  const auto resumed_over = [&](std::shared_ptr<Route> route) {
    world.options.route = std::move(route);
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    world.carry(conn);
    world.answer_with(conn, answer("x"));
    REQUIRE(world.succeeded(id));
    const bool resumed = world.server(conn).resumed();
    world.eof(conn);
    world.remove(id);
    world.options.route.reset();
    let_go(world);
    CHECK(world.engine.connections() == 0);
    return resumed;
  };
  CHECK_FALSE(resumed_over(line("a")));
  CHECK(resumed_over(line("a")));
  CHECK_FALSE(resumed_over(line("b")));
  CHECK_FALSE(resumed_over(nullptr));
  CHECK(resumed_over(nullptr));
  SameAddress place;
  CHECK_FALSE(resumed_over(place.make("first")));
  REQUIRE_FALSE(place.taken());
  CHECK_FALSE(resumed_over(place.make("second")));  // the same address, another route
}
