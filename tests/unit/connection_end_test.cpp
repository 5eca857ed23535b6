// How a Connection is closed, moved and misused, TLS on it, and random runs.
#include <doctest/doctest.h>

#include "core/base/random.hpp"
#include "tests/support/connection_world.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {
Request upload_of(std::size_t bytes) {
  return with_body("PUT", BodyOwned{std::string(bytes, 'u') + "end"}, "http://app.test/");
}
}  // namespace

TEST_CASE("connection: close() before the first request, while idle, and with requests to come") {
  Alone unused;
  unused.close();
  CHECK(unused.closed == 1);
  unused.close();
  CHECK(unused.closed == 1);
  CHECK(unused.connection.add(EngineWorld::get("http://app.test/"), {}, unused.now).error().message() ==
        "the line: the connection is over: closed by the application");

  Alone idle;
  idle.add("http://app.test/");
  idle.sent();
  idle.receive(answer("x"));
  idle.close();
  CHECK(idle.story == Story{"done", "closed"});
  CHECK(idle.connection.transmit().empty());

  Alone busy;
  busy.consume = false;
  const TransferId first = busy.add("http://app.test/1");
  const TransferId second = busy.add("http://app.test/2");
  busy.sent();
  busy.close();
  CHECK(busy.closed == 0);
  CHECK(busy.connection.add(EngineWorld::get("http://app.test/"), {}, busy.now).error().code ==
        Code::connection_closed);
  busy.receive(answer("one"));
  busy.take_body(first);
  CHECK(busy.sent().starts_with("GET /2"));
  busy.receive(answer("two"));
  CHECK(busy.closed == 0);  // there is a body to be taken
  busy.take_body(second);
  busy.drain();
  CHECK(busy.story == Story{"done", "done", "closed"});
}

TEST_CASE("connection: everything is harmless once it is over") {
  Alone world;
  const TransferId id = world.add("http://app.test/");
  world.sent();
  world.eof();
  CHECK(world.closed == 1);
  Connection& connection = world.connection;
  connection.handle_received(5, world.now);
  connection.handle_sent(5, world.now);
  connection.handle_eof(world.now);
  connection.handle_io_error(make_error(Code::receive_failed, "x"), world.now);
  connection.handle_timeout(world.now);
  connection.close(world.now);
  CHECK(connection.receive_space().empty());
  CHECK(connection.transmit().empty());
  world.drain();
  CHECK(world.story == Story{"failed", "closed"});
  const TransferId strange{77, 3};
  for (const TransferId stale : {TransferId{}, strange}) {
    CHECK(connection.body(stale).empty());
    CHECK(connection.head(stale).status == 0);
    CHECK(connection.trailers(stale).empty());
    CHECK(connection.upload_space(stale).empty());
    connection.consume_body(stale, 1, world.now);
    connection.commit_upload(stale, 1, world.now);
    connection.finish_upload(stale, world.now);
    connection.fail_upload(stale, "x", world.now);
    connection.remove(stale, world.now);
  }
  world.remove(id);
  CHECK_FALSE(connection.contains(id));
}

TEST_CASE("connection: it may be moved in the middle of a response") {
  Alone world;
  const TransferId id = world.add("http://app.test/");
  world.sent();
  world.receive("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  Connection other = std::move(world.connection);
  world.connection = std::move(other);
  world.receive("def");
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "abcdef");
}

TEST_CASE("connection: TLS begins with the first request, and requests share it, byte by byte as well as whole") {
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}}) {
    CAPTURE(step);
    ConnectionOptions options = alone_options("https://example.org/");
    TlsOptions tls = trusting_options();
    tls.key_log = true;
    options.tls = make_config(tls);
    Alone world(options);
    CHECK(world.connection.transmit().empty());
    const TransferId first = world.add("https://example.org/1");
    const TransferId second = world.add("https://example.org/2");
    CHECK(as_text(world.connection.transmit().spans[0]).starts_with("\x16\x03"));
    world.carry(step);
    CHECK(world.server().server_name() == "example.org");
    CHECK(world.server().plain() == "GET /1 HTTP/1.1\r\nHost: example.org\r\n\r\n");
    world.say(answer("one"), step);
    CHECK(world.bodies[first] == "one");
    CHECK(world.server().plain() == "GET /2 HTTP/1.1\r\nHost: example.org\r\n\r\n");
    world.say(answer(std::string(50'000, '2')), step == 1 ? 100 : step);
    CHECK(world.bodies[second] == std::string(50'000, '2'));
    CHECK(world.connection.info(second).tls_version == "TLSv1.3");
    CHECK(world.connection.info(second).reused);
    CHECK_FALSE(world.key_log.empty());
    CHECK(world.story == Story{"done", "done"});
  }
}

TEST_CASE("connection: over TLS, close() says goodbye") {
  Alone world("https://example.org/");
  const TransferId id = world.add("https://example.org/");
  world.carry();
  world.say(answer("x"));
  CHECK(world.succeeded(id));
  world.close();
  CHECK(world.closed == 1);
  CHECK(world.connection.interest() == Interest{false, true});
  CHECK(world.connection.receive_space().empty());
  const std::string goodbye = world.sent(1);  // byte by byte
  CHECK_FALSE(goodbye.empty());
  CHECK(world.connection.interest() == Interest{});
  CHECK_FALSE(world.server().peer_closed());
  world.server().feed(as_bytes(goodbye));
  CHECK(world.server().peer_closed());
  world.connection.handle_sent(1'000, world.now);  // more than there was
  CHECK(world.connection.transmit().empty());
}

TEST_CASE("connection: over TLS, what waits in line does not cost the goodbye") {
  Alone world("https://example.org/");
  world.add("https://example.org/1");
  const TransferId second = world.add("https://example.org/2");
  world.carry();
  REQUIRE(world.server().write(as_bytes(answer("", "Connection: close\r\n"))));
  world.receive(as_text(Bytes(world.server().output())));
  CHECK(world.story == Story{"done", "closed", "failed"});
  CHECK(world.failure(second) == Code::connection_closed);
  world.server().feed(as_bytes(world.sent()));
  CHECK(world.server().peer_closed());
}

TEST_CASE("connection: a close_notify ends an idle connection, and a bare end is no end of a body") {
  Alone idle("https://example.org/");
  idle.add("https://example.org/");
  idle.carry();
  idle.say(answer("x"));
  idle.server().close_notify();
  idle.carry();
  CHECK(idle.story == Story{"done", "closed"});

  for (const bool notified : {true, false}) {
    CAPTURE(notified);
    Alone world("https://example.org/");
    const TransferId id = world.add("https://example.org/");
    const TransferId next = world.add("https://example.org/next");
    world.carry();
    world.say("HTTP/1.1 200 OK\r\n\r\nall of it");
    if (notified) world.server().close_notify();
    world.carry();
    world.eof();
    CHECK(world.succeeded(id) == notified);
    if (!notified) CHECK(world.failure(id) == Code::truncated);
    CHECK(world.failure(next) == Code::connection_closed);
    CHECK(world.closed == 1);
  }
}

TEST_CASE("connection: a certificate for another host, with the alert that says so") {
  Alone world("https://wrong.example/");
  const TransferId id = world.add("https://wrong.example/");
  const TransferId next = world.add("https://wrong.example/next");
  for (int i = 0; i < 4 && world.closed == 0; ++i) {
    world.server().feed(as_bytes(world.sent()));
    std::vector<std::uint8_t> back = std::exchange(world.server().output(), {});
    world.receive(as_text(Bytes(back)));
  }
  CHECK(world.failure(id) == Code::tls_certificate);
  CHECK(world.failure(next) == Code::connection_closed);
  CHECK(world.closed == 1);
  CHECK_FALSE(world.server().feed(as_bytes(world.sent())));
  CHECK_FALSE(world.server().failure().empty());
  CHECK(world.server().plain().empty());
}

TEST_CASE("connection: a handshake that takes too long, breaks off, or loses who asked for it") {
  TransferOptions hurried;
  hurried.connect_timeout = std::chrono::seconds(2);
  Alone late("https://example.org/");
  const TransferId first = late.add("https://example.org/", hurried);
  late.sent();
  late.pass(std::chrono::seconds(2));
  CHECK(late.error(first).message() ==
        "GET https://example.org/: TLS handshake with the line: not finished within 2000 ms");
  CHECK(late.closed == 1);

  Alone cut("https://example.org/");
  const TransferId second = cut.add("https://example.org/");
  cut.sent();
  cut.eof();
  CHECK(cut.failure(second) == Code::tls_handshake);
  CHECK(cut.closed == 1);

  Alone broken("https://example.org/");
  const TransferId third = broken.add("https://example.org/");
  broken.sent();
  broken.io_error(Code::receive_failed);
  CHECK(broken.failure(third) == Code::tls_handshake);
  CHECK(broken.error(third).retry_safe);
  CHECK(broken.closed == 1);

  Alone handed("https://example.org/");
  const TransferId gone = handed.add("https://example.org/gone");
  const TransferId heir = handed.add("https://example.org/heir");
  handed.remove(gone);
  handed.carry();
  handed.say(answer("x"));
  CHECK(handed.succeeded(heir));

  Alone lost("https://example.org/");
  lost.remove(lost.add("https://example.org/"));
  CHECK(lost.story == Story{"failed", "closed"});
  CHECK_FALSE(lost.connection.deadline().has_value());
  lost.pass(std::chrono::hours(1));
  CHECK(lost.story == Story{"failed", "closed"});
}

TEST_CASE("connection: timeouts of a handshake and of who asked for it that come due in one late call") {
  TransferOptions hurried, patient;
  hurried.connect_timeout = std::chrono::seconds(2);
  hurried.total_timeout = std::chrono::seconds(1);
  patient.connect_timeout = std::chrono::seconds(9);
  Alone alone("https://example.org/");
  const TransferId only = alone.add("https://example.org/", hurried);
  alone.sent();
  alone.pass(std::chrono::seconds(5));
  CHECK(alone.failure(only) == Code::total_timeout);
  CHECK(alone.story == Story{"failed", "closed"});

  Alone handed("https://example.org/");
  const TransferId gone = handed.add("https://example.org/gone", hurried);
  const TransferId heir = handed.add("https://example.org/heir", patient);
  handed.pass(std::chrono::seconds(5));
  CHECK(handed.failure(gone) == Code::total_timeout);
  CHECK(handed.closed == 0);  // its time begins with it
  handed.carry();
  handed.say(answer("x"));
  CHECK(handed.succeeded(heir));
}

TEST_CASE("connection: each request ends once, whatever happens, from 400 seeds") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    Random random{Seed{seed}};
    const auto one_in = [&](std::uint64_t n) { return random.below(n) == 0; };
    Alone world;
    std::vector<TransferId> ids;
    std::string asked, to_say;
    for (int i = 0; i < 300; ++i) {
      switch (random.below(12)) {
        case 0:
        case 1: {
          TransferOptions options;
          if (one_in(8)) options.total_timeout = std::chrono::seconds(random.below(9));
          options.forbid_reuse = one_in(15);
          Request request = EngineWorld::get("http://app.test/" + std::to_string(ids.size()));
          if (one_in(4)) request = upload_of(random.below(100'000));
          auto id = world.connection.add(std::move(request), options, world.now);
          CHECK(id.has_value() == !(world.connection.is_over() || i > 280));
          if (id) ids.push_back(*id);
          break;
        }
        case 2:
          if (!ids.empty() && one_in(6)) world.connection.remove(ids[random.below(ids.size())], world.now);
          break;
        case 3:
          if (one_in(30)) world.connection.handle_eof(world.now);
          break;
        case 4:
          if (one_in(30)) world.io_error(one_in(2) ? Code::send_failed : Code::receive_failed);
          break;
        case 5:
          world.now.steady += std::chrono::milliseconds(random.below(2'000));
          world.connection.handle_timeout(world.now);
          break;
        case 6:
        case 7:
        case 8:
          asked += world.sent(1 + random.below(20'000), 1 + random.below(100'000));
          if (asked.ends_with("\r\n\r\n") || asked.ends_with("end")) {
            to_say += answer(std::string(random.below(3'000), 'b'), one_in(20) ? "Connection: close\r\n" : "");
            if (one_in(40)) to_say += "surplus";
            asked.clear();
          }
          break;
        default:
          to_say.erase(0,
                       world.receive(std::string_view{to_say}.substr(0, random.below(2'000)), 1 + random.below(900)));
          break;
      }
      if (i == 280) world.connection.close(world.now);
      if (one_in(2)) world.drain();
    }
    for (const TransferId id : ids) world.remove(id);
    world.drain();
    CHECK(world.order.size() == ids.size());
    CHECK(world.closed == 1);
    CHECK(world.connection.running() == 0);
    CHECK_FALSE(world.connection.deadline().has_value());
  }
}
