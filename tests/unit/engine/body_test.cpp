// Response bodies on their way to the application: backpressure, framing, limits, and that no byte reaches another
// transfer.
#include <doctest/doctest.h>

#include "core/base/limits.hpp"
#include "core/base/random.hpp"
#include "tests/support/engine_steps.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

TransferOptions at_most(std::uint64_t bytes) {
  TransferOptions options;
  options.max_body_bytes = bytes;
  return options;
}

// A response as a server might frame it, body and all; true in `to_the_end` if the connection's end is the body's.
std::string framed(const std::string& body, std::uint64_t how, bool& to_the_end) {
  to_the_end = how == 2;
  if (how == 0) return answer(body);
  if (how == 2) return "HTTP/1.1 200 OK\r\n\r\n" + body;
  std::string wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0, size = 1; at < body.size(); at += size, size = size * 7 % 9'001 + 1) {
    const std::string piece = body.substr(at, size);
    char head[32];
    std::snprintf(head, sizeof head, "%zx\r\n", piece.size());
    wire += head + piece + "\r\n";
  }
  return wire + "0\r\n\r\n";
}

std::string pattern(std::uint64_t seed, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(splitmix64(seed));
  return bytes;
}

}  // namespace

TEST_CASE("body: partial consumption keeps the rest, in order, over reads of others") {
  EngineWorld world;
  world.consume = false;
  const TransferId a = world.add("http://192.0.2.1/"), b = world.add("http://192.0.2.2/");
  for (const auto& connect : std::vector(world.connects)) {
    world.connected(connect.conn);
    world.sent(connect.conn);
  }
  const ConnId conn_a = world.connects[0].conn, conn_b = world.connects[1].conn;
  world.receive(conn_a, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
  world.take_body(a, 2);
  CHECK(as_text(world.engine.body(a)) == "234");
  world.receive(conn_b, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nXY");
  CHECK(as_text(world.engine.body(a)) == "234");
  CHECK(as_text(world.engine.body(b)) == "XY");
  world.receive(conn_a, "567");
  CHECK(as_text(world.engine.body(a)) == "234567");
  world.take_body(a, 4);
  world.receive(conn_b, "ZZ");
  world.receive(conn_a, "89");
  CHECK(as_text(world.engine.body(a)) == "6789");
  CHECK_FALSE(world.done(a));
  CHECK(world.engine.idle_connections() == 2);  // the wire is done with both
  world.take_body(a);
  world.drain();
  CHECK(world.succeeded(a));
  CHECK(world.bodies[a] == "0123456789");
  CHECK_FALSE(world.done(b));
  world.take_body(b, 3);
  world.drain();
  CHECK_FALSE(world.done(b));
  world.take_body(b);
  world.drain();
  CHECK(world.succeeded(b));
  CHECK(world.bodies[b] == "XYZZ");
}

TEST_CASE("body: what is kept while nothing is consumed is bounded, whatever the framing") {
  for (const std::uint64_t how : {0U, 1U, 2U}) {
    CAPTURE(how);
    EngineWorld world;
    world.consume = false;
    const TransferId id = world.add("http://192.0.2.1/");
    const ConnId conn = go(world);
    const std::string body = pattern(how, 1'000'000);
    bool to_the_end = false;
    const std::string wire = framed(body, how, to_the_end);
    std::size_t at = 0;
    while (!world.done(id)) {
      const std::size_t taken = world.receive(conn, std::string_view{wire}.substr(at));
      at += taken;
      CHECK(world.engine.body(id).size() <= limits::kLandingBytes);
      if (at == wire.size() && to_the_end && world.engine.interest(conn).read) world.eof(conn);
      if (world.done(id)) break;
      REQUIRE_FALSE(world.engine.body(id).empty());
      world.take_body(id, 40'000);
      world.drain();
    }
    CHECK(world.succeeded(id));
    CHECK(world.bodies[id] == body);
    CHECK(world.engine.progress(id).received_body_bytes == body.size());
  }
}

TEST_CASE("body: the length limit, told by Content-Length before a byte of it, and by counting") {
  EngineWorld world;
  const TransferId announced = world.add("http://192.0.2.1/", at_most(4));
  ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  CHECK(world.failure(announced) == Code::body_too_large);
  CHECK(closes_of(world, conn) == 1);

  const TransferId whole = world.add("http://192.0.2.1/", at_most(4));  // head and body in one read
  conn = go(world);
  world.receive(conn, answer("12345"));
  CHECK(world.failure(whole) == Code::body_too_large);
  CHECK(world.bodies[whole].empty());

  const TransferId chunked = world.add("http://192.0.2.3/", at_most(4));
  conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  CHECK_FALSE(world.done(chunked));
  world.receive(conn, "2\r\nde\r\n0\r\n\r\n");
  CHECK(world.failure(chunked) == Code::body_too_large);
  CHECK(world.bodies[chunked] == "abc");

  const TransferId exact = world.add("http://192.0.2.4/", at_most(4));
  conn = go(world);
  world.receive(conn, answer("1234"));
  CHECK(world.succeeded(exact));
  const TransferId none = world.add("http://192.0.2.4/", at_most(0));
  world.sent(conn);
  world.receive(conn, answer(""));
  CHECK(world.succeeded(none));
  const TransferId head = world.add(EngineWorld::get("http://192.0.2.4/", "HEAD"), at_most(0));
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  CHECK(world.succeeded(head));
  // It says how long the body is that it leaves out.
  const TransferId unchanged = world.add("http://192.0.2.4/", at_most(0));
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n");
  CHECK(world.succeeded(unchanged));
  CHECK_FALSE(world.engine.progress(unchanged).expected_body_bytes.has_value());
  CHECK(world.engine.idle_connections() >= 1);
}

TEST_CASE("SB-16 a response cut short is an error, never a success, wherever the cut falls") {
  for (const std::string& wire :
       {answer("0123456789"), std::string("HTTP/1.1 103 Hints\r\nA: b\r\n\r\n") + answer("abc"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: v\r\n\r\n")}) {
    for (std::size_t cut = 0; cut < wire.size(); ++cut) {
      CAPTURE(cut);
      for (const bool reset : {false, true}) {
        EngineWorld world;
        const TransferId id = world.add("http://192.0.2.1/");
        const ConnId conn = go(world);
        world.receive(conn, std::string_view{wire}.substr(0, cut));
        REQUIRE_FALSE(world.done(id));
        if (reset) {
          world.io_error(conn, Code::receive_failed);
          CHECK(world.failure(id) == Code::receive_failed);
        } else {
          world.eof(conn);
          CHECK(world.failure(id) == (cut == 0 ? Code::connection_closed : Code::truncated));
        }
        check_nothing_left(world);
      }
    }
  }
}

TEST_CASE("SB-16 an end while reading is paused: what came is delivered, then the truncation") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(64 * 1024, 'x'));
  CHECK_FALSE(world.engine.interest(conn).read);
  world.eof(conn);
  CHECK(world.failure(id) == Code::truncated);
  check_nothing_left(world);
}

TEST_CASE("body: framed by the end of the connection, a clean end is the only good one") {
  for (const bool clean : {true, false}) {
    EngineWorld world;
    world.consume = false;
    const TransferId id = world.add("http://192.0.2.1/");
    const ConnId conn = go(world);
    world.receive(conn, "HTTP/1.1 200 OK\r\n\r\nall of it");
    if (clean) {
      world.eof(conn);
      CHECK_FALSE(world.done(id));  // the application has not had it yet
      world.take_body(id);
      world.drain();
      CHECK(world.succeeded(id));
      CHECK(world.bodies[id] == "all of it");
    } else {
      world.io_error(conn, Code::receive_failed);
      CHECK(world.failure(id) == Code::receive_failed);
    }
    CHECK(closes_of(world, conn) == 1);
  }
}

TEST_CASE("SB-58 HEAD with a Content-Length, 304 and 204, then GET on the same connection: in step") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  const TransferId head = world.add(EngineWorld::get("http://192.0.2.1/", "HEAD"));
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  CHECK(world.succeeded(head));
  CHECK(world.engine.body(head).empty());
  for (const std::string_view status : {"304 Not Modified\r\nContent-Length: 7", "204 No Content"}) {
    const TransferId id = world.add("http://192.0.2.1/");
    world.sent(conn);
    world.receive(conn, "HTTP/1.1 " + std::string(status) + "\r\n\r\n");
    CHECK(world.succeeded(id));
  }
  const TransferId get = world.add("http://192.0.2.1/");
  world.sent(conn);
  world.receive(conn, answer("ten bytes!"));
  CHECK(world.bodies[get] == "ten bytes!");
  CHECK(world.connects.size() == 1);
}

TEST_CASE("body: trailers are kept apart, interim heads leave no trace in the final one") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn,
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "1\r\na\r\n0\r\nSet-Cookie: t=1\r\n\r\n");
  CHECK(world.succeeded(id));
  CHECK(world.interims == std::vector<int>{103});
  CHECK(world.engine.head(id).status == 200);
  CHECK_FALSE(world.engine.head(id).fields.contains("Link"));
  CHECK_FALSE(world.engine.head(id).fields.contains("Set-Cookie"));
  CHECK(world.engine.trailers(id).find("set-cookie") == "t=1");
  CHECK(world.heads == std::vector<TransferId>{id});
}

TEST_CASE("body: a removed transfer's bytes go with it, its view does not outlive it in another") {
  EngineWorld world;
  world.consume = false;
  const TransferId gone = world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn, answer("secret"));
  CHECK(world.engine.idle_connections() == 1);
  world.remove(gone);
  CHECK(world.failure(gone) == Code::canceled);
  const TransferId next = world.add("http://192.0.2.1/");  // most likely the same slot
  CHECK(world.engine.body(next).empty());
  CHECK(world.engine.head(next).status == 0);
  world.sent(conn);
  world.receive(conn, answer("new"));
  CHECK(as_text(world.engine.body(next)) == "new");
}

TEST_CASE("body: many at once over the shared landing buffer: no byte of one reaches another") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Random random(Seed{seed});
    EngineWorld world;
    world.consume = false;
    struct Story {
      TransferId id;
      ConnId conn;
      std::string body, wire;
      std::size_t at = 0;
      bool to_the_end = false, ended = false;
    };
    std::vector<Story> stories(8);
    for (std::size_t i = 0; i < stories.size(); ++i) {
      Story& story = stories[i];
      story.id = world.add("http://192.0.2." + std::to_string(i + 1) + "/");
      story.conn = go(world);
      story.body = pattern(seed * 100 + i, random.below(150'000));
      story.wire = framed(story.body, random.below(3), story.to_the_end);
    }
    for (int step = 0; step < 20'000 && world.engine.running() > 0; ++step) {
      Story& story = stories[random.below(stories.size())];
      if (world.done(story.id)) continue;
      if (random.below(2) == 0 && story.at < story.wire.size()) {
        const std::size_t most = random.below(4) == 0 ? 200'000 : 1 + random.below(3'000);
        story.at += world.receive(story.conn, std::string_view{story.wire}.substr(story.at, most));
      } else if (story.at == story.wire.size() && story.to_the_end && !story.ended) {
        story.ended = true;
        world.eof(story.conn);
      } else {
        const std::size_t ready = world.engine.body(story.id).size();
        world.take_body(story.id, random.below(3) == 0 ? ready : random.below(ready + 1));
        world.drain();
      }
    }
    for (const Story& story : stories) {
      CHECK(world.succeeded(story.id));
      CHECK((world.bodies[story.id] == story.body));
    }
  }
}

TEST_CASE("body: memory follows what is unconsumed, also of a reader that never comes to the end of it") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
  std::string block(16 * 1024, 'x');
  for (int i = 0; i < 256; ++i) {  // 4 MiB; the invariants bound what is kept of it
    block[0] = static_cast<char>('a' + i % 26);
    REQUIRE(world.receive(conn, block) == block.size());
    const Bytes body = world.engine.body(id);
    REQUIRE(body.size() == block.size() + (i == 0 ? 0 : 1));
    CHECK(body[body.size() - block.size()] == static_cast<std::uint8_t>(block[0]));
    world.engine.consume_body(id, body.size() - 1, world.now);
    world.drain();
  }
}

TEST_CASE("body: consuming what an ended transfer no longer has is harmless") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/1");
  const ConnId conn = go(world);
  const TransferId other = world.add("http://192.0.2.2/");
  const ConnId other_conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  const std::size_t seen = world.engine.body(id).size();
  CHECK(seen == 5);
  world.eof(conn);
  CHECK(world.failure(id) == Code::truncated);
  world.receive(other_conn, answer("x"));  // the landing buffer is used again
  world.engine.consume_body(id, seen, world.now);
  world.drain();
  CHECK(world.engine.body(id).empty());
  world.take_body(other);
  world.drain();
  CHECK(world.succeeded(other));
}

TEST_CASE("body: 204 with a Content-Length has none, also where a limit is set") {
  EngineWorld world;
  TransferOptions options;
  options.max_body_bytes = 3;
  const TransferId id = world.add("http://192.0.2.1/", options);
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n");
  CHECK(world.succeeded(id));
  CHECK_FALSE(world.engine.progress(id).expected_body_bytes.has_value());
}

TEST_CASE("SB-16 body: an end behind a failed send proves nothing, so a body framed by it is truncated") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyOwned{std::string(100, 'b')}));
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn, 90);
  world.receive(conn, "HTTP/1.1 200 OK\r\n\r\npart of ");
  world.io_error(conn, Code::send_failed);
  world.eof(conn);
  CHECK(world.failure(id) == Code::truncated);
  check_nothing_left(world);
}

TEST_CASE("body: a BodyReady is not said for what was consumed meanwhile, and is for what is left") {
  enum class Meanwhile { nothing, a_part, all, all_and_more_comes, removed };
  for (const Meanwhile meanwhile :
       {Meanwhile::nothing, Meanwhile::a_part, Meanwhile::all, Meanwhile::all_and_more_comes, Meanwhile::removed}) {
    CAPTURE(static_cast<int>(meanwhile));
    EngineWorld world;
    world.consume = false;
    Engine& engine = world.engine;
    const TransferId id = world.add("http://192.0.2.1/");
    const ConnId conn = go(world);
    const auto arrive = [&](std::string_view bytes) {  // and its outputs wait
      const MutableBytes space = engine.receive_space(conn);
      REQUIRE(space.size() >= bytes.size());
      std::memcpy(space.data(), bytes.data(), bytes.size());
      engine.handle_received(conn, bytes.size(), world.now);
    };
    const auto outputs = [&](int& heads, int& bodies, int& dones) {
      heads = bodies = dones = 0;
      while (const auto out = engine.poll_output()) {
        heads += std::holds_alternative<output::HeadReady>(*out);
        bodies += std::holds_alternative<output::BodyReady>(*out);
        dones += std::holds_alternative<output::Done>(*out);
        if (std::holds_alternative<output::BodyReady>(*out)) CHECK(!engine.body(id).empty());
      }
    };
    int heads = 0, bodies = 0, dones = 0;
    arrive("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    CHECK(as_text(engine.body(id)) == "abc");  // the level needs no output
    if (meanwhile == Meanwhile::a_part) engine.consume_body(id, 1, world.now);
    if (meanwhile == Meanwhile::all || meanwhile == Meanwhile::all_and_more_comes)
      engine.consume_body(id, 3, world.now);
    if (meanwhile == Meanwhile::removed) engine.remove(id, world.now);
    outputs(heads, bodies, dones);
    if (meanwhile == Meanwhile::removed) {
      CHECK(bodies == 0);
      CHECK(dones <= 1);
      continue;
    }
    CHECK(heads == 1);
    CHECK(bodies == (meanwhile == Meanwhile::nothing || meanwhile == Meanwhile::a_part ? 1 : 0));
    CHECK(dones == 0);
    if (meanwhile != Meanwhile::all_and_more_comes) continue;
    arrive("def");
    engine.consume_body(id, 3, world.now);
    outputs(heads, bodies, dones);
    CHECK(bodies == 0);
    CHECK(dones == 1);
  }
}
