// Framing fields written by the caller, with each kind of body: correct ones are sent once, everything else is refused
// before a byte is sent (RFC 9112 6.2, 6.3), and a connection is not reused if the caller asks for that.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Body {
  std::string_view name;
  RequestBody body;
};

std::vector<Body> bodies() {
  static const std::string twelve(12, 'b');
  return {{"none", {}},
          {"owned, empty", BodyOwned{""}},
          {"owned, 12", BodyOwned{twelve}},
          {"view, 12", BodyView{as_bytes(twelve)}},
          {"stream, 12", BodyStream{12}},
          {"stream, 0", BodyStream{0}},
          {"stream of unknown length", BodyStream{}}};
}

using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

// The bodies over which these fields are taken, by name.
std::vector<std::string_view> taken_over(const Lines& lines) {
  std::vector<std::string_view> names;
  for (Body& body : bodies()) {
    EngineWorld world;
    Request request = with_body("POST", std::move(body.body));
    for (const auto& [name, value] : lines) REQUIRE(request.fields.add(name, value));
    const auto added = world.engine.add(std::move(request), {}, world.now);
    if (!added) {
      CHECK(added.error().code == Code::invalid_request);
      CHECK(added.error().blame == Blame::caller);
      CHECK(world.engine.running() == 0);
      continue;
    }
    names.push_back(body.name);
    world.drain();
    const std::string head = [&] {
      world.connected(newest(world));
      const OutputView view = world.engine.transmit(newest(world));
      return std::string(as_text(view.spans[0]));
    }();
    for (const auto& [name, value] : lines) {
      const std::string line = std::string(name) + ": " + std::string(value) + "\r\n";
      CHECK(head.find(line) != std::string::npos);
      CHECK(head.find(line) == head.rfind(line));
    }
    const bool length = head.find("Content-Length:") != std::string::npos;
    CHECK(length != (head.find("Transfer-Encoding:") != std::string::npos));  // one of the two, never both
  }
  return names;
}

using Names = std::vector<std::string_view>;

}  // namespace

TEST_CASE("request: a caller's framing fields are taken over the bodies that they are true of, and over no other") {
  CHECK(taken_over({{"Content-Length", "12"}}) == Names{"owned, 12", "view, 12", "stream, 12"});
  CHECK(taken_over({{"Content-Length", "0"}}) == Names{"none", "owned, empty", "stream, 0"});
  CHECK(taken_over({{"Transfer-Encoding", "chunked"}}) == Names{"stream of unknown length"});
  for (const std::string_view wrong :
       {"1", "13", "11", "120", "012", "+12", "12.0", "-12", "12,12", "", "18446744073709551628"}) {
    CAPTURE(wrong);
    CHECK(taken_over({{"Content-Length", wrong}}).empty());
  }
  for (const std::string_view wrong : {"identity", "gzip", "gzip, chunked", "chunked, chunked", "chunked,", ""}) {
    CAPTURE(wrong);
    CHECK(taken_over({{"Transfer-Encoding", wrong}}).empty());
  }
}

TEST_CASE("request: a framing field twice, or both of them, is refused over every body") {
  CHECK(taken_over({{"Content-Length", "12"}, {"Content-Length", "12"}}).empty());
  CHECK(taken_over({{"Content-Length", "0"}, {"content-length", "0"}}).empty());
  CHECK(taken_over({{"Transfer-Encoding", "chunked"}, {"transfer-encoding", "chunked"}}).empty());
  CHECK(taken_over({{"Content-Length", "12"}, {"Transfer-Encoding", "chunked"}}).empty());
  CHECK(taken_over({{"Content-Length", "0"}, {"Transfer-Encoding", "chunked"}}).empty());
}

TEST_CASE("request: `close` at any place of the caller's Connection field ends the connection behind the response") {
  struct Case {
    std::string_view value;
    bool closes;
  };
  for (const Case& one :
       {Case{"close", true}, Case{"TE, close", true}, Case{"close, TE", true}, Case{"TE,,\tClose ,x", true},
        Case{"keep-alive", false}, Case{"closed", false}, Case{"TE, x-close", false}, Case{"\"TE, close\"", false}}) {
    CAPTURE(one.value);
    EngineWorld world;
    Request request = EngineWorld::get("http://192.0.2.1/");
    REQUIRE(request.fields.add("Connection", one.value));
    const TransferId id = world.add(std::move(request));
    const ConnId conn = go(world);
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
    CHECK(closes_of(world, conn) == (one.closes ? 1 : 0));
  }
}

TEST_CASE("request: methods that usually have a body say that there is none, the others say nothing") {
  for (const std::string_view method : {"POST", "PUT", "PATCH", "GET", "HEAD", "DELETE", "OPTIONS"}) {
    CAPTURE(method);
    EngineWorld world;
    world.add(EngineWorld::get("http://192.0.2.1/", method));
    world.connected(newest(world));
    const std::string head = world.sent(newest(world));
    const bool says = method.starts_with('P');
    CHECK((head.find("Content-Length: 0\r\n") != std::string::npos) == says);
    CHECK(head.find("Transfer-Encoding") == std::string::npos);
  }
}
