// A single Connection over a stream of the test, without TLS: requests one after another, timeouts, and each way in
// which the stream can end. Bodies are in connection_body_test.cpp.
#include "core/connection.hpp"

#include <doctest/doctest.h>

#include "tests/support/connection_world.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n";

Request upload(RequestBody body, std::string_view url = "http://app.test/") {
  return with_body("POST", std::move(body), url);
}

std::string message(const Alone& world, TransferId id) { return world.error(id).message(); }

}  // namespace

TEST_CASE("connection: a request stands in transmit() at once, and its answer comes back") {
  Alone world;
  CHECK(world.connection.interest() == Interest{});
  CHECK(world.connection.transmit().empty());
  CHECK(world.connection.receive_space().empty());
  CHECK_FALSE(world.connection.deadline().has_value());
  TransferOptions unhurried;
  const auto id = world.connection.add(EngineWorld::get("http://app.test/"), unhurried, world.now);
  REQUIRE(id.has_value());
  CHECK(world.connection.running() == 1);
  CHECK(world.connection.interest() == Interest{true, true});
  CHECK(as_text(world.connection.transmit().spans[0]) == kGet);  // before any poll_output()
  CHECK(world.sent() == kGet);
  CHECK(world.connection.interest() == Interest{true, false});
  world.receive("HTTP/1.1 103 Early Hints\r\n\r\n" + answer("abc", "X: y\r\n"));
  CHECK(world.interims == std::vector{103});
  CHECK(world.heads == std::vector{*id});
  CHECK(world.succeeded(*id));
  CHECK(world.bodies[*id] == "abc");
  CHECK(world.connection.head(*id).status == 200);
  CHECK(world.connection.head(*id).fields.find("X") == "y");
  CHECK(world.connection.request(*id).method == "GET");
  CHECK(world.connection.progress(*id).received_body_bytes == 3);
  CHECK(world.connection.info(*id).route == "the line");
  CHECK_FALSE(world.connection.info(*id).reused);
  CHECK(world.connection.is_done(*id));
  world.remove(*id);
  CHECK_FALSE(world.connection.contains(*id));
  CHECK(world.connection.running() == 0);
  CHECK(world.connection.interest() == Interest{true, false});  // idle: its end is to be seen
  CHECK_FALSE(world.connection.deadline().has_value());         // and it may stay idle
  CHECK(world.closed == 0);
}

TEST_CASE("connection: requests go one after another, in order, byte by byte as well as whole") {
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    CAPTURE(step);
    Alone world;
    std::vector<TransferId> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(world.add("http://app.test/" + std::to_string(i)));
    world.remove(ids[2]);  // while it waits in line: nobody else is concerned
    CHECK(world.failure(ids[2]) == Code::canceled);
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
      CAPTURE(i);
      CHECK(world.sent(step) == "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: app.test\r\n\r\n");
      CHECK(world.connection.transmit().empty());
      const std::string body(1'000, static_cast<char>('a' + i));
      const std::string wire =
          i == 1 ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + body + "\r\n0\r\nT: t\r\n\r\n"
                 : answer(body);
      CHECK(world.receive(wire, step) == wire.size());
      CHECK(world.succeeded(ids[i]));
      CHECK(world.bodies[ids[i]] == body);
      CHECK(world.connection.info(ids[i]).reused == (i != 0));
    }
    CHECK(world.connection.trailers(ids[1]).find("T") == "t");
    CHECK(world.closed == 0);
    CHECK(world.connection.running() == 0);
  }
}

TEST_CASE("connection: what cannot be made says why") {
  const auto code = [](ConnectionOptions options) {
    auto made = Connection::create(std::move(options));
    return made ? Code{} : made.error().code;
  };
  CHECK(code({}) == Code::invalid_option);
  ConnectionOptions options = alone_options("https://example.org/");
  CHECK(code(options) == Code{});
  options.tls.reset();
  CHECK(code(options) == Code::tls_config);
  CHECK(Connection::create(options).error().message().ends_with("(ConnectionOptions::tls)"));
  options = alone_options();
  options.idle_connection_timeout = Duration{-1};
  CHECK(code(options) == Code::invalid_option);
  options.idle_connection_timeout = Duration{};
  CHECK(code(options) == Code{});
}

TEST_CASE("connection: requests for another origin, and choices that there are not, are refused") {
  Alone world("http://app.test:8080/whatever?it=says");
  const auto refused = [&](std::string_view url, TransferOptions options = {}) {
    const auto id = world.connection.add(EngineWorld::get(url), std::move(options), world.now);
    return id ? Code{} : id.error().code;
  };
  CHECK(refused("http://other.test:8080/") == Code::invalid_request);
  CHECK(refused("http://app.test/") == Code::invalid_request);
  CHECK(refused("https://app.test:8080/") == Code::invalid_request);
  CHECK(refused("http://[fe80::1%25eth0]:8080/") == Code::invalid_request);
  const auto wrong = world.connection.add(EngineWorld::get("http://u:secret@other.test/x"), {}, world.now);
  CHECK(wrong.error().message() == "http://other.test/x: the connection is for http://app.test:8080 alone");
  std::vector<TransferOptions> choices(5);
  choices[0].tls = make_config(trusting_options());
  choices[1].connect_to = ConnectTo{"app.test", 8080};
  choices[2].family = AddressFamily::ipv4;
  choices[3].fresh_connection = true;
  struct Other : Route {
    Other() : Route("", "", 0) {}
  };
  choices[4].route = std::make_shared<Other>();
  for (const TransferOptions& options : choices)
    CHECK(refused("http://app.test:8080/", options) == Code::invalid_option);
  Request malformed = EngineWorld::get("http://app.test:8080/");
  malformed.method = "G E T";
  CHECK(world.connection.add(malformed, {}, world.now).error().code == Code::invalid_request);
  CHECK(world.connection.running() == 0);
  CHECK(refused("http://app.test:8080/") == Code{});
  CHECK(world.connection.running() == 1);

  Alone zoned("http://[fe80::1%25eth0]/");
  zoned.add("http://[fe80::1%25eth0]/");
  const auto other_zone = zoned.connection.add(EngineWorld::get("http://[fe80::1%25eth1]/"), {}, zoned.now);
  CHECK(other_zone.error().code == Code::invalid_request);
}

TEST_CASE("connection: a stream without a name is called by the origin") {
  const std::pair<const char*, const char*> origins[] = {{"http://app.test/", "app.test"},
                                                         {"http://[2001:db8::1]:81/", "[2001:db8::1]:81"}};
  for (const auto& [origin, name] : origins) {
    ConnectionOptions options = alone_options(origin);
    options.name.clear();
    Alone world(options);
    const TransferId id = world.add(origin);
    CHECK(world.connection.info(id).route == name);
  }
}

TEST_CASE("connection: Connection: close ends it behind its response, and those in line fail, each once") {
  for (const bool by_us : {false, true}) {
    CAPTURE(by_us);
    Alone world;
    TransferOptions options;
    options.forbid_reuse = by_us;
    const TransferId first = world.add("http://app.test/1", options);
    const TransferId second = world.add("http://app.test/2");
    const TransferId third = world.add(upload(BodyOwned{"x"}, "http://app.test/3"));
    world.sent();
    world.receive(answer("", by_us ? "" : "Connection: close\r\n"));
    CHECK(world.succeeded(first));
    CHECK(world.story == Story{"done", "closed", "failed", "failed"});
    CHECK(world.order == std::vector{first, second, third});
    CHECK(world.failure(second) == Code::connection_closed);
    CHECK(message(world, second) == "GET http://app.test/2: the line: the connection is over");
    CHECK(world.error(third).retry_safe);
    CHECK(world.connection.is_over());
    CHECK(world.connection.interest() == Interest{});
    const auto late = world.connection.add(EngineWorld::get("http://app.test/"), {}, world.now);
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error().code == Code::connection_closed);
    CHECK(late.error().message() == "the line: the connection is over");
    CHECK(world.connection.running() == 0);
    world.drain();
    CHECK(world.closed == 1);
  }
}

TEST_CASE("connection: the stream ends or breaks while no request runs, before the first as well as behind one") {
  for (const bool used : {false, true}) {
    for (const bool broken : {false, true}) {
      CAPTURE(used);
      CAPTURE(broken);
      Alone world;
      if (used) {
        world.add("http://app.test/");
        world.sent();
        world.receive(answer("x"));
      }
      if (broken) {
        world.io_error(Code::receive_failed, "read of the line: Input/output error");
      } else {
        world.eof();
      }
      CHECK(world.closed == 1);
      CHECK(world.connection.is_over());
      const auto late = world.connection.add(EngineWorld::get("http://app.test/"), {}, world.now);
      REQUIRE_FALSE(late.has_value());
      CHECK(late.error().message() ==
            std::string("the line: the connection is over: ") +
                (broken ? "read of the line: Input/output error" : "the other end closed it"));
      CHECK_FALSE(world.connection.deadline().has_value());
    }
  }
}

TEST_CASE("connection: an end before or within a response is that request's failure, and the others' too") {
  for (const std::string_view got : {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}) {
    CAPTURE(got);
    Alone world;
    const TransferId first = world.add("http://app.test/1");
    const TransferId second = world.add("http://app.test/2");
    world.sent();
    world.receive(got);
    world.eof();
    CHECK(world.failure(first) == (got.empty() ? Code::connection_closed : Code::truncated));
    CHECK(message(world, second) == "GET http://app.test/2: the line: the connection is over: the other end closed it");
    CHECK(world.story == Story{"failed", "closed", "failed"});
  }
  Alone world;  // a body that the end delimits
  const TransferId id = world.add("http://app.test/");
  world.sent();
  world.receive("HTTP/1.1 200 OK\r\n\r\nall of it");
  CHECK_FALSE(world.done(id));
  world.eof();
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "all of it");
  CHECK(world.closed == 1);
}

TEST_CASE("connection: a request that an engine would send again elsewhere ends here, once") {
  Alone world;
  world.add("http://app.test/1");
  world.sent();
  world.receive(answer("x"));
  const TransferId second = world.add("http://app.test/2");
  const TransferId third = world.add("http://app.test/3");
  world.sent();
  world.eof();
  CHECK(world.story == Story{"done", "closed", "failed", "failed"});
  for (const TransferId id : {second, third}) {
    CHECK(world.failure(id) == Code::connection_closed);
    CHECK(message(world, id).ends_with("the line: the connection is over: the other end closed it"));
    CHECK(world.error(id).retry_safe);
  }
  CHECK(world.connection.running() == 0);

  Alone other;  // what may not be sent twice says so
  other.add("http://app.test/1");
  other.sent();
  other.receive(answer("x"));
  const TransferId post = other.add(upload(BodyOwned{"order"}));
  other.sent();
  other.io_error(Code::receive_failed);
  CHECK(other.failure(post) == Code::receive_failed);
  CHECK_FALSE(other.error(post).retry_safe);
}

TEST_CASE("SB-12 connection: surplus behind a response, or on an idle connection, ends it and answers nothing") {
  Alone world;
  const TransferId first = world.add("http://app.test/1");
  const TransferId second = world.add("http://app.test/2");
  world.sent();
  world.receive(answer("one") + answer("poison"));
  CHECK(world.succeeded(first));
  CHECK(world.bodies[first] == "one");
  CHECK(world.failure(second) == Code::connection_closed);
  CHECK(world.closed == 1);

  Alone idle;
  idle.add("http://app.test/1");
  idle.sent();
  idle.receive(answer("x"));
  idle.receive("unasked");
  CHECK(idle.closed == 1);

  Alone eager;  // before one byte of the request has left
  const TransferId id = eager.add("http://app.test/");
  eager.receive(answer("poison"));
  CHECK(eager.failure(id) == Code::malformed_response);
  CHECK(eager.closed == 1);
}

TEST_CASE("connection: a malformed response fails its request and ends the connection") {
  Alone world;
  const TransferId id = world.add("http://app.test/");
  world.sent();
  world.receive("SSH-2.0-OpenSSH_9.2\r\n");
  CHECK(world.failure(id) == Code::not_http);
  CHECK(world.story == Story{"failed", "closed"});
}

TEST_CASE("connection: facts may come one after another without a look at the outputs") {
  Alone world;
  const TransferId first = world.add("http://app.test/1");
  const TransferId second = world.add("http://app.test/2");
  const auto give = [&](std::string_view bytes) {
    const MutableBytes space = world.connection.receive_space();
    REQUIRE(space.size() >= bytes.size());
    std::memcpy(space.data(), bytes.data(), bytes.size());
    world.connection.handle_received(bytes.size(), world.now);
  };
  world.connection.handle_sent(world.connection.transmit().spans[0].size(), world.now);
  give("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  give("def");
  CHECK(as_text(world.connection.body(first)) == "abcdef");
  world.connection.consume_body(first, 6, world.now);
  world.connection.handle_sent(world.connection.transmit().spans[0].size(), world.now);
  give(answer(""));
  world.connection.handle_eof(world.now);
  world.connection.handle_eof(world.now);
  world.drain();
  CHECK(world.succeeded(first));
  CHECK(world.succeeded(second));
  CHECK(world.story == Story{"done", "done", "closed"});
}

TEST_CASE("connection: timeouts, in line and under way") {
  Alone world;
  TransferOptions idle, total;
  idle.idle_timeout = std::chrono::seconds(3);
  total.total_timeout = std::chrono::seconds(2);
  const TransferId first = world.add("http://app.test/1", idle);
  const TransferId second = world.add("http://app.test/2", total);
  const TransferId third = world.add("http://app.test/3");
  world.sent();
  REQUIRE(world.connection.deadline().has_value());
  CHECK(world.connection.deadline()->at == world.now.steady + std::chrono::seconds(2));
  CHECK(world.connection.deadline()->why == TimerKind::total_timeout);
  world.pass(std::chrono::seconds(2));
  CHECK(world.failure(second) == Code::total_timeout);  // it was in line: the connection is none the worse
  CHECK(world.closed == 0);
  world.pass(std::chrono::seconds(1));
  CHECK(world.failure(first) == Code::idle_timeout);
  CHECK(world.closed == 1);
  CHECK(world.failure(third) == Code::connection_closed);
  CHECK_FALSE(world.connection.deadline().has_value());
}

TEST_CASE("connection: an idle connection ends after its timeout, if it has one") {
  for (const bool limited : {true, false}) {
    CAPTURE(limited);
    ConnectionOptions options = alone_options();
    if (limited) options.idle_connection_timeout = std::chrono::seconds(5);
    Alone world(options);
    for (int i = 0; i < 2; ++i) {  // between them the time does not add up
      world.add("http://app.test/");
      world.sent();
      world.receive(answer("x"));
      world.pass(std::chrono::seconds(4));
      CHECK(world.closed == 0);
    }
    CHECK(world.connection.deadline().has_value() == limited);
    world.pass(limited ? std::chrono::seconds(1) : std::chrono::hours(1'000));
    CHECK(world.closed == (limited ? 1 : 0));
    CHECK_FALSE(world.connection.deadline().has_value());
  }
}

TEST_CASE("connection: removing the request that is under way ends the connection, once") {
  Alone world;
  const TransferId first = world.add("http://app.test/1");
  const TransferId second = world.add("http://app.test/2");
  world.sent();
  world.remove(first);
  CHECK(world.failure(first) == Code::canceled);
  CHECK(world.failure(second) == Code::connection_closed);
  CHECK(world.story == Story{"failed", "closed", "failed"});
}

TEST_CASE("connection: a stream that is protected already carries https without TLS of ours, and tells of its own") {
  auto security = std::make_shared<StreamSecurity>();
  security->version = "TLSv1.3";
  security->alpn = "http/1.1";
  ConnectionOptions options;
  options.origin = *Url::parse("https://app.test/");
  options.security = security;
  Alone world(std::move(options));
  const TransferId id = world.add("https://app.test/x");
  CHECK(world.sent() == "GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n");
  world.receive(answer("x"));
  CHECK(world.bodies[id] == "x");
  CHECK(world.connection.info(id).tls_version == "TLSv1.3");
  CHECK(world.connection.info(id).alpn == "http/1.1");
}
