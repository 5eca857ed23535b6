// Redirects through the whole engine: which requests are sent where, what the application sees, how a chain ends.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

TransferOptions following(RedirectOptions redirects = {}) {
  TransferOptions options;
  options.redirects = redirects;
  return options;
}

std::string redirect_to(std::string_view url, int status = 302, std::string_view body = "") {
  return "HTTP/1.1 " + std::to_string(status) + " Elsewhere\r\nLocation: " + std::string(url) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// The newest connection, with all that it has to send.
ConnId opened(EngineWorld& world) {
  world.connected(newest(world));
  return newest(world);
}

}  // namespace

TEST_CASE("redirects: they are followed where the options say so, and are responses like any other elsewhere") {
  EngineWorld world;
  const TransferId plain = world.add("http://192.0.2.1/plain");
  const ConnId conn = go(world);
  world.receive(conn, redirect_to("/next", 302, "moved"));
  CHECK(world.succeeded(plain));
  CHECK(world.engine.head(plain).status == 302);
  CHECK(world.bodies[plain] == "moved");
  const TransferId id = world.add("http://192.0.2.1/one", following());
  world.sent(conn);
  world.receive(conn, redirect_to("two", 302, "moved"));
  CHECK(world.sent(conn).starts_with("GET /two HTTP/1.1\r\n"));
  world.receive(conn, redirect_to("http://192.0.2.2/three", 307));
  const ConnId second = go(world);
  world.receive(second, answer("the end"));
  CHECK(world.succeeded(id));
  CHECK(world.bodies[id] == "the end");
  CHECK(world.heads.size() == 2);
  CHECK(world.hops_done.size() == 2);
  CHECK(world.hops_done[0].body.empty());
  CHECK(world.engine.hops(id).size() == 3);
  CHECK(world.engine.request(id).url.text() == "http://192.0.2.2/three");
  TransferOptions reporting = following();
  reporting.report_heads = true;
  world.add("http://192.0.2.1/one", reporting);
  world.sent(conn);
  world.receive(conn, redirect_to("two", 302, "moved"));
  CHECK(world.hops_done[2].body == "moved");
}

TEST_CASE("SB-01 redirects: credentials of the URL and of the request stay with their origin") {
  EngineWorld world;
  Request request = world.get("http://user:pass@192.0.2.1/");
  REQUIRE(request.fields.add("Cookie", "a=b"));
  REQUIRE(request.fields.add("Accept", "*/*"));
  const TransferId id = world.add(std::move(request), following());
  const ConnId first = opened(world);
  CHECK(world.sent(first).find("Authorization: Basic dXNlcjpwYXNz\r\n") != std::string::npos);
  world.receive(first, redirect_to("/here"));
  const std::string here = world.sent(first);
  CHECK(here.find("Authorization: Basic dXNlcjpwYXNz\r\n") != std::string::npos);
  CHECK(here.find("Cookie: a=b\r\n") != std::string::npos);
  world.receive(first, redirect_to("http://192.0.2.2/1"));
  const ConnId second = opened(world);
  CHECK(world.sent(second) == "GET /1 HTTP/1.1\r\nHost: 192.0.2.2\r\nAccept: */*\r\n\r\n");
  world.receive(second, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("SB-02 redirects: credentials left behind do not come back, neither there nor at their own origin") {
  EngineWorld world;
  Request request = world.get("http://user:pass@192.0.2.1/");
  REQUIRE(request.fields.add("Accept", "*/*"));
  const TransferId id = world.add(std::move(request), following());
  const ConnId first = opened(world);
  CHECK(world.sent(first).find("Authorization: ") != std::string::npos);
  world.receive(first, redirect_to("http://192.0.2.2/1"));
  const ConnId second = opened(world);
  world.sent(second);
  world.receive(second, redirect_to("/2"));
  CHECK(world.sent(second) == "GET /2 HTTP/1.1\r\nHost: 192.0.2.2\r\nAccept: */*\r\n\r\n");
  // The other origin chose this URL: it may not use what the application has at its own.
  world.receive(second, redirect_to("http://192.0.2.1/back"));
  CHECK(world.sent(first) == "GET /back HTTP/1.1\r\nHost: 192.0.2.1\r\nAccept: */*\r\n\r\n");
  world.receive(first, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("SB-01 redirects: credentials in a Location are not sent") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", following());
  world.receive(go(world), redirect_to("http://user:pass@192.0.2.2/"));
  const ConnId second = opened(world);
  CHECK(world.sent(second) == "GET / HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n");
  CHECK(world.engine.request(id).url.text() == "http://192.0.2.2/");
}

TEST_CASE("SB-34 redirects: after 303 a request has no body, and after 307 its own once more") {
  for (const int status : {303, 307}) {
    CAPTURE(status);
    EngineWorld world;
    const TransferId id =
        world.add(Request::post(*Url::parse("http://192.0.2.1/"), "the body", "text/plain"), following());
    const ConnId conn = opened(world);
    CHECK(world.sent(conn).ends_with("\r\n\r\nthe body"));
    world.receive(conn, redirect_to("/next", status));
    CHECK(world.sent(conn) ==
          (status == 303 ? "GET /next HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"
                         : "POST /next HTTP/1.1\r\nHost: 192.0.2.1\r\nContent-Type: text/plain\r\nContent-Length: "
                           "8\r\n\r\nthe body"));
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
  }
}

TEST_CASE("redirects: the application is told of the response that cannot be followed, before the error") {
  for (const char* location : {"ftp://192.0.2.1/", "http://[bad/"}) {
    CAPTURE(location);
    EngineWorld world;
    const TransferId id = world.add("http://192.0.2.1/", following());
    world.receive(go(world), redirect_to(location, 302, "moved"));
    CHECK(world.heads == std::vector{id});
    CHECK(world.bodies[id].empty());
    CHECK_FALSE(world.succeeded(id));
    CHECK(world.engine.head(id).status == 302);
  }
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyStream{}), following());
  const ConnId conn = opened(world);
  world.sent(conn);
  supply(world, id, "once");
  world.engine.finish_upload(id, world.now);
  world.drain();
  world.sent(conn);
  world.receive(conn, redirect_to("/again", 307));
  CHECK(world.failure(id) == Code::rewind_failed);
  CHECK(world.heads == std::vector{id});
  CHECK(world.engine.head(id).status == 307);
}

TEST_CASE("redirects: bytes of a body that is not needed any more are ignored") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyStream{}), following());
  const ConnId conn = opened(world);
  world.sent(conn);
  REQUIRE_FALSE(world.engine.upload_space(id).empty());
  world.receive(conn, redirect_to("http://192.0.2.2/", 303));
  world.connected(newest(world));
  world.engine.commit_upload(id, 10, world.now);
  world.drain();
  CHECK(world.sent(newest(world)).starts_with("GET / HTTP/1.1\r\n"));
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("redirects: spaces in a Location are encoded, however many there are") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", following());
  const ConnId conn = go(world);
  world.receive(conn, redirect_to("/a  b c"));
  CHECK(world.sent(conn).starts_with("GET /a%20%20b%20c HTTP/1.1\r\n"));
  world.receive(conn, redirect_to("/" + std::string(200'000, ' ') + "b"));
  CHECK(world.failure(id) == Code::invalid_url);
}

TEST_CASE("redirects: a body that cannot be given again is an error, and one that is not needed again is none") {
  for (const int status : {302, 307}) {
    CAPTURE(status);
    EngineWorld world;
    Request request("POST", *Url::parse("http://192.0.2.1/"), BodyStream{4, false});
    const TransferId id = world.add(std::move(request), following());
    const ConnId conn = opened(world);
    CHECK(supply(world, id, "body") == 4);
    world.sent(conn);
    world.receive(conn, redirect_to("/next", status));
    CHECK(world.done(id) == (status == 307));
    if (status == 307) CHECK(world.failure(id) == Code::rewind_failed);
  }
}

TEST_CASE("SB-27 redirects: a loop ends at the limit, with the chain in hops()") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/loop", following({.max_redirects = 3}));
  const ConnId conn = go(world);
  for (int i = 0; i < 4; ++i) {
    CHECK_FALSE(world.done(id));
    world.receive(conn, redirect_to("/loop", 302, "again"));
    world.sent(conn);
  }
  CHECK(world.failure(id) == Code::too_many_redirects);
  CHECK(world.results.at(id).error().message() ==
        "GET http://192.0.2.1/loop: redirect by status 302: leads to http://192.0.2.1/loop, and 3 were followed "
        "already, the most allowed");
  CHECK(world.engine.hops(id).size() == 4);
  CHECK(world.heads.size() == 1);  // the last one, which is not followed
  CHECK(world.bodies[id].empty());
}

TEST_CASE("redirects: a Location that leads nowhere ends the transfer, and its connection is not lost for others") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", following());
  world.receive(go(world), redirect_to("ftp://192.0.2.1/"));
  CHECK(world.failure(id) == Code::unsupported_scheme);
  CHECK(world.results.at(id).error().blame == Blame::peer);
  CHECK(world.engine.head(id).status == 302);
}

TEST_CASE("redirects: the time of the whole chain is limited, and a cancel ends it in any hop") {
  EngineWorld world;
  TransferOptions options = following();
  options.total_timeout = 1s;
  const TransferId slow = world.add("http://192.0.2.1/", options);
  const ConnId conn = go(world);
  for (int i = 0; i < 3; ++i) {
    world.pass(300ms);
    world.receive(conn, redirect_to("/" + std::to_string(i)));
    world.sent(conn);
  }
  CHECK_FALSE(world.done(slow));
  world.pass(100ms);
  CHECK(world.failure(slow) == Code::total_timeout);
  const TransferId canceled = world.add("http://192.0.2.2/", following());
  const ConnId other = go(world);
  world.receive(other, redirect_to("/next"));
  world.engine.cancel(canceled, world.now);
  world.drain();
  CHECK(world.failure(canceled) == Code::canceled);
}
