// Errors: blame, which of two faults is reported, whether the request may be repeated, and what no message contains.
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <string>

#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

const Error& failure_of(const EngineWorld& world, TransferId id) {
  REQUIRE(world.done(id));
  REQUIRE_FALSE(world.succeeded(id));
  return world.results.at(id).error();
}

}  // namespace

TEST_CASE("faults: an error in a TLS handshake is the handshake's, and blamed as such") {
  TlsWorld world;
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.to_server(conn);
  world.io_error(conn, Code::receive_failed, "recv: Connection reset by peer");
  CHECK(failure_of(world, id).code == Code::tls_handshake);
  CHECK(failure_of(world, id).blame == Blame::peer);
  CHECK(failure_of(world, id).retry_safe);
  CHECK(failure_of(world, id).message().find("Connection reset by peer") != std::string::npos);
}

TEST_CASE("faults: an alert after the handshake is named, with its number") {
  TlsWorld world;
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  REQUIRE(world.server(conn).handshake_done());
  SSL_send_fatal_alert(world.server(conn).native(), 80);
  world.to_client(conn);
  CHECK(failure_of(world, id).code == Code::tls_failed);
  CHECK(failure_of(world, id).blame == Blame::peer);
  CHECK(failure_of(world, id).detail == 80);
  CHECK(failure_of(world, id).message().find("internal_error") != std::string::npos);
}

TEST_CASE("faults: of a failed send and what comes after it, the response's own fault is told, and else the send's") {
  struct Case {
    std::string_view response;
    Code code;
  };
  for (const auto& [response, code] :
       {Case{"", Code::send_failed}, Case{"HTTP/1.1 2x0 OK\r\n\r\n", Code::malformed_response},
        Case{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", Code::truncated}}) {
    CAPTURE(response);
    EngineWorld world;
    const TransferId id = world.add(with_body("POST", BodyOwned{std::string(1'000, 'u')}));
    const ConnId conn = newest(world);
    world.connected(conn);
    world.sent(conn, 300);
    world.io_error(conn, Code::send_failed, "send: Broken pipe");
    CHECK_FALSE(world.done(id));
    CHECK_FALSE(world.engine.interest(conn).write);
    world.receive(conn, response);
    if (!world.done(id)) world.eof(conn);
    CHECK(failure_of(world, id).code == code);
    CHECK(failure_of(world, id).blame == blame_of(code));
    CHECK_FALSE(failure_of(world, id).retry_safe);
    check_nothing_left(world);
  }
}

TEST_CASE("faults: what the driver knows of a stream's end is told, in the handshake and in a response") {
  for (const bool reads : {false, true}) {
    EngineWorld world;
    const TransferId id = world.add("http://192.0.2.1/");
    const ConnId conn = go(world);
    if (reads) world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
    world.engine.handle_eof(conn, world.now, "exited with status 3");
    world.drain();
    CHECK(failure_of(world, id).code == (reads ? Code::truncated : Code::connection_closed));
    CHECK(failure_of(world, id).message().ends_with(" (192.0.2.1:80: exited with status 3)"));
  }
  TlsWorld world;
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.to_server(conn);
  world.engine.handle_eof(conn, world.now, "exited with status 3");
  world.drain();
  CHECK(failure_of(world, id).code == Code::tls_handshake);
  CHECK(failure_of(world, id).message().ends_with(": the peer closed the connection (exited with status 3)"));
}

TEST_CASE("faults: an idle connection whose send failed goes at once, and harms nobody") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  world.io_error(conn, Code::send_failed, "send: Broken pipe");
  CHECK(closes_of(world, conn) == 1);
  CHECK(world.engine.connections() == 0);
  const TransferId id = world.add("http://192.0.2.1/");
  CHECK(newest(world) != conn);
  const ConnId fresh = go(world);
  world.receive(fresh, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("faults: whether a failed request may be repeated: by its method, and by what has come back") {
  struct Case {
    std::string_view method;
    bool sends;
    std::string_view response;
    bool safe;
  };
  for (const Case& one : {Case{"GET", false, "", true}, Case{"GET", true, "", true}, Case{"DELETE", true, "", true},
                          Case{"GET", true, "HTTP/1.1 200 OK\r\nContent-Le", false}, Case{"POST", true, "", false},
                          Case{"POST", false, "", true}}) {
    CAPTURE(one.method);
    CAPTURE(one.response);
    EngineWorld world;
    const TransferId id = world.add(EngineWorld::get("http://192.0.2.1/", one.method));
    const ConnId conn = newest(world);
    world.connected(conn);
    if (one.sends) world.sent(conn, 10);
    world.receive(conn, one.response);
    world.io_error(conn, Code::receive_failed);
    CHECK(failure_of(world, id).retry_safe == one.safe);
    CHECK(failure_of(world, id).blame ==
          (one.response.empty() ? Blame::network : blame_of(failure_of(world, id).code)));
  }
  EngineWorld world;
  const TransferId refused = world.add("http://192.0.2.1/");
  world.io_error(newest(world), Code::connect_failed, "Connection refused");
  CHECK(failure_of(world, refused).retry_safe);
}

TEST_CASE("faults: no message of a failure shows the user or the password of its URL") {
  EngineWorld world;
  const TransferId id = world.add("http://somebody:secret@192.0.2.1/path");
  world.io_error(newest(world), Code::connect_failed, "connect: Connection refused");
  const std::string message = failure_of(world, id).message();
  CHECK(message.find("/path") != std::string::npos);
  CHECK(message.find("somebody") == std::string::npos);
  CHECK(message.find("secret") == std::string::npos);
}
