// remove() at any time (SB-25): exactly one Done, nothing remains, no other transfer is affected.
#include <doctest/doctest.h>

#include <functional>

#include "tests/support/engine_steps.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

// A story of one transfer, told up to a step; what comes after that step still happens to whatever connections there
// are.
struct Story {
  EngineWorld& world;
  int stop_after;
  TransferId id;
  int step = 0;
  bool stopped = false;
  // True while the story goes on.
  bool next() {
    if (step++ == stop_after) {
      stopped = true;
      world.remove(id);
      CHECK(world.done(id));
      CHECK_FALSE(world.engine.contains(id));
      world.remove(id);
    }
    return !stopped;
  }
};

using Teller = std::function<void(Story&)>;

// Removes at every step there is; answers how many there were.
int remove_at_every_step(const Teller& tell) {
  for (int stop = 0;; ++stop) {
    CAPTURE(stop);
    EngineWorld world;
    world.consume = false;
    world.now.wall = kNoon;
    const TransferId bystander = world.add("http://192.0.2.99/");
    const ConnId its_conn = go(world);
    Story story{world, stop, {}};
    tell(story);
    CHECK(world.results.size() == (story.id ? 1 : 0));
    for (const auto& connect : std::vector(world.connects)) {  // facts that were on their way
      if (connect.conn == its_conn) continue;
      world.connected(connect.conn);
      world.receive(connect.conn, answer("late"));
      world.sent(connect.conn);
      world.eof(connect.conn);
    }
    world.engine.remove(story.id, world.now);
    world.drain();
    world.consume = true;
    world.receive(its_conn, answer("fine"));
    CHECK(world.succeeded(bystander));
    check_nothing_left(world);
    if (!story.stopped) return story.step;
  }
}

void plain_story(Story& story) {
  EngineWorld& world = story.world;
  story.id = world.add(with_body("POST", BodyStream{}, "http://example.org/"));
  if (!story.next()) return;
  world.resolved("192.0.2.1", {"192.0.2.2"});
  if (!story.next()) return;
  world.pass(250ms);
  if (!story.next()) return;
  const ConnId conn = newest(world);
  world.connected(conn);
  if (!story.next()) return;
  supply(world, story.id, "some bytes");
  if (!story.next()) return;
  world.sent(conn, 5);
  if (!story.next()) return;
  world.sent(conn);
  if (!story.next()) return;
  world.engine.finish_upload(story.id, world.now);
  world.drain();
  if (!story.next()) return;
  world.sent(conn);
  if (!story.next()) return;
  for (const std::string_view piece :
       {"HTTP/1.1 103 Hints\r\n\r\n", "HTTP/1.1 200 O", "K\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nab",
        "cde\r\n0\r\n", "X: y\r\n\r\n"}) {
    world.receive(conn, piece);
    if (!story.next()) return;
  }
  world.take_body(story.id, 2);
  world.drain();
  if (!story.next()) return;
  world.take_body(story.id);
  world.drain();
  CHECK(world.succeeded(story.id));
  story.next();
}

void retried_story(Story& story) {
  EngineWorld& world = story.world;
  world.consume = true;
  const ConnId used = one_get(world);
  world.results.clear();
  world.consume = false;
  story.id = world.add("http://192.0.2.1/");
  if (!story.next()) return;
  world.sent(used);
  if (!story.next()) return;
  world.eof(used);
  if (!story.next()) return;
  go(world);
  if (!story.next()) return;
  world.receive(newest(world), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(world.succeeded(story.id));
  story.next();
}

void tls_story(Story& story) {
  static const sim::TlsServerContext context = make_context(example_server());
  static const std::shared_ptr<const TlsConfig> config = make_config(trusting_options());
  EngineWorld& world = story.world;
  sim::TlsServer server(context);
  TransferOptions options;
  options.tls = config;
  story.id = world.add("https://example.org/", options);
  if (!story.next()) return;
  world.resolved("192.0.2.1");
  if (!story.next()) return;
  const ConnId conn = newest(world);
  world.connected(conn);
  if (!story.next()) return;
  bool asked = false;
  for (int round = 0; round < 200 && !world.done(story.id); ++round) {
    server.feed(as_bytes(world.sent(conn, 150)));
    if (!story.next()) return;
    if (!asked && server.plain().ends_with("\r\n\r\n")) {
      asked = true;
      server.write(as_bytes(answer("hello")));
    }
    std::vector<std::uint8_t>& out = server.output();
    const std::size_t count = std::min<std::size_t>(out.size(), 400);
    world.receive(conn, as_text(Bytes(out).first(count)));
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
    if (!story.next()) return;
    if (!world.engine.body(story.id).empty()) world.take_body(story.id, 3);
    world.drain();
    if (!story.next()) return;
  }
  CHECK(world.succeeded(story.id));
  story.next();
}

}  // namespace

TEST_CASE("SB-25 remove() at every step of a plain transfer's life") { CHECK(remove_at_every_step(plain_story) == 17); }
TEST_CASE("SB-25 remove() at every step of a transfer that is tried again") {
  CHECK(remove_at_every_step(retried_story) == 5);
}
TEST_CASE("SB-25 remove() at every step of a TLS transfer's life, late tickets included") {
  CHECK(remove_at_every_step(tls_story) > 15);
}

TEST_CASE("SB-25 remove() between any two outputs, of the transfer at hand and of others") {
  // Several transfers whose ends and beginnings come out of one read: Done, Done, UploadReady, Connect, ...
  for (int at = 0; at < 12; ++at) {
    for (std::size_t victim = 0; victim < 4; ++victim) {
      CAPTURE(at);
      CAPTURE(victim);
      EngineOptions options;
      options.max_connections_per_origin = 1;
      EngineWorld world(options);
      Engine& engine = world.engine;
      std::vector<TransferId> ids = {world.add("http://192.0.2.1/0"), world.add(with_body("PUT", BodyStream{})),
                                     world.add("http://192.0.2.1/2")};
      const ConnId conn = go(world);
      TransferOptions soon;
      soon.total_timeout = 1s;
      ids.push_back(world.add("http://192.0.2.2/", soon));
      std::map<TransferId, int> dones;
      int outputs = 0;
      const auto drain = [&] {
        while (auto out = engine.poll_output()) {
          if (outputs++ == at) engine.remove(ids[victim], world.now);
          if (const auto* done = std::get_if<output::Done>(&*out)) ++dones[done->transfer];
          if (const auto* body = std::get_if<output::BodyReady>(&*out)) {
            engine.consume_body(body->transfer, engine.body(body->transfer).size(), world.now);
          }
          if (const auto* connect = std::get_if<output::Connect>(&*out)) world.connects.push_back(*connect);
          if (const auto* close = std::get_if<output::Close>(&*out)) world.closes.push_back(close->conn);
          engine.check_invariants();
        }
      };
      const std::string wire = "HTTP/1.1 103 Hints\r\n\r\n" + answer("first");
      const MutableBytes space = engine.receive_space(conn);
      std::memcpy(space.data(), wire.data(), wire.size());
      engine.handle_received(conn, wire.size(), world.now);
      drain();
      world.now.steady += 2s;
      engine.handle_timeout(world.now);
      drain();
      engine.handle_eof(conn, world.now);
      drain();
      for (const TransferId id : ids) engine.remove(id, world.now);
      drain();
      CHECK(dones.size() == 4);
      for (const auto& [id, count] : dones) CHECK(count == 1);
      check_nothing_left(world);
    }
  }
}

TEST_CASE("SB-25 add and remove of others from between outputs") {
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/1");
  const ConnId conn = go(world);
  const std::string wire = answer("x", "Connection: close\r\n");
  const MutableBytes space = world.engine.receive_space(conn);
  std::memcpy(space.data(), wire.data(), wire.size());
  world.engine.handle_received(conn, wire.size(), world.now);
  std::vector<TransferId> added;
  int dones = 0;
  for (int turns = 0; auto out = world.engine.poll_output(); ++turns) {
    REQUIRE(turns < 100);
    if (turns < 5) {
      added.push_back(*world.engine.add(EngineWorld::get("http://192.0.2.1/"), {}, world.now));
      if (added.size() % 2 == 0) world.engine.remove(added.front(), world.now);
    }
    if (const auto* body = std::get_if<output::BodyReady>(&*out)) {
      world.engine.consume_body(first, world.engine.body(body->transfer).size(), world.now);
    }
    dones += std::holds_alternative<output::Done>(*out) ? 1 : 0;
    if (const auto* connect = std::get_if<output::Connect>(&*out)) world.connects.push_back(*connect);
    if (const auto* close = std::get_if<output::Close>(&*out)) world.closes.push_back(close->conn);
    world.engine.check_invariants();
  }
  CHECK(dones == 2);
  for (const TransferId id : added) world.remove(id);
  world.engine.remove(first, world.now);
  check_nothing_left(world);
}

TEST_CASE("SB-25 an engine that goes away in the middle of everything takes all with it") {
  EngineWorld world;
  world.consume = false;
  world.add("http://example.org/");
  world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  world.add(with_body("PUT", BodyStream{}, "http://192.0.2.2/"));
  Engine moved = std::move(world.engine);
  world.engine = std::move(moved);
  world.receive(conn, "def");
  CHECK(world.engine.running() == 3);
}
