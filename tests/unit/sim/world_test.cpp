// adapters/sim: a simulated world without any fault. Bytes arrive as sent, in virtual time, the same for the same seed.
#include <ctime>

#include "tests/unit/sim/world_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Keeps what it hears, and answers nothing.
struct Listener : sim::Peer {
  explicit Listener(std::string* out) : heard(out) {}
  void on_bytes(sim::Line&, Bytes bytes) override { *heard += as_text(bytes); }
  std::string* heard;
};

TEST_CASE("a transfer in a simulated world: the origin's bytes, in virtual time only") {
  sim::Script script;
  script.await("\r\n\r\n").send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").wait(30min).send("lo");
  OneOrigin one(script);
  const std::clock_t before = std::clock();
  const sim::Outcome& outcome = one.get();
  CHECK(outcome.dones == 1);
  CHECK(outcome.result.has_value());
  CHECK(outcome.head.status == 200);
  CHECK(outcome.body == "hello");
  const auto& progress = one.world.engine().progress(one.id);
  CHECK(*progress.done - progress.queued == 30min + 5ms + 2ms + 2ms);  // the name, the connect, there and back
  CHECK(one.world.now().wall == 1'800'000'000 + 30 * 60 + 60);         // until the kept connection expired
  CHECK(std::clock() - before < CLOCKS_PER_SEC * 5);
  CHECK(one.world.open_connections() == 0);
  CHECK(one.faults("reset") == 0);
  CHECK(one.world.faults().empty());
}

TEST_CASE("bytes one at a time, both ways, and sends that take one: nothing is lost, nothing is doubled") {
  const std::string upload = bytes_of(3'000), download = bytes_of(2'000);
  sim::Script script;
  script.await("\r\n\r\n").await_bytes(upload.size()).send(response(download));
  sim::Weather weather;
  weather.max_piece = weather.max_send = 1;
  OneOrigin one(script, checked(1, weather));
  one.id = one.world.add(post(BodyOwned{upload})).value();
  CHECK(one.world.run_until_idle() == sim::RunEnd::idle);
  CHECK(one.world.outcome(one.id).result.has_value());
  CHECK(one.world.outcome(one.id).body == download);
  CHECK(one.traced(" sent 1 ") > 3'000);
  CHECK(one.traced(" received 1 ") > 2'000);
  CHECK(one.traced(" peer read 1") > 3'000);
  CHECK(one.traced(" peer read 2") == 0);
}

TEST_CASE("what the engine sends reaches the peer as it is, whatever the pieces") {
  const std::string upload = bytes_of(300'000);
  for (const std::size_t pieces : {std::size_t{7}, std::size_t{5'000}, SIZE_MAX}) {
    std::string heard;
    sim::Weather weather;
    weather.max_piece = weather.max_send = pieces;
    weather.window = 10'000;
    weather.jitter = 3ms;
    OneOrigin one([&](std::uint64_t) { return std::make_unique<Listener>(&heard); }, checked(pieces, weather));
    one.id = one.world.add(post(BodyOwned{upload}), with([](auto& o) { o.total_timeout = 10h; })).value();
    one.world.run_until_idle();
    CHECK(heard.ends_with("\r\n\r\n" + upload));
    CHECK(one.failure() == Code::total_timeout);
  }
}

TEST_CASE("a window bounds what the engine can send and the peer does not read") {
  struct Lazy : sim::Peer {
    void on_open(sim::Line& line) override {
      line.read(false);
      line.wake_after(10s);
    }
    void on_bytes(sim::Line& line, Bytes bytes) override {
      heard += bytes.size();
      line.read(false);
      line.wake_after(1s);
      if (heard > 20'000) line.send(response("thanks"));
    }
    void on_wake(sim::Line& line) override { line.read(true); }
    std::size_t heard = 0;
  };
  sim::Weather weather;
  weather.window = 4'000;
  OneOrigin one([](std::uint64_t) { return std::make_unique<Lazy>(); }, checked(1, weather));
  one.id = one.world.add(post(BodyOwned{bytes_of(20'000)})).value();
  one.world.run_until_idle({.time = 9s});
  CHECK(one.world.engine().progress(one.id).sent_body_bytes < 4'000);
  one.world.run_until_idle();
  CHECK(one.world.outcome(one.id).body == "thanks");
  CHECK(one.world.engine().progress(one.id).sent_body_bytes == 20'000);
}

TEST_CASE("a paused transfer fills up, the network holds the rest, and going on loses nothing") {
  const std::string body = bytes_of(1'000'000);
  sim::Weather weather;
  weather.max_piece = 20'000;
  OneOrigin one(answering(body), checked(1, weather));
  one.id = one.world.get("http://example.org/").value();
  one.world.pause(one.id, true);
  one.world.run_until_idle({.time = 50s});
  CHECK(one.world.outcome(one.id).dones == 0);
  CHECK(one.world.outcome(one.id).body.empty());
  REQUIRE(one.world.connections().size() == 1);
  const ConnId conn = one.world.connections()[0];
  const std::size_t held = one.world.arrived_bytes(conn);
  const std::size_t buffered = one.world.engine().body(one.id).size();
  CHECK(buffered > 0);
  CHECK(held > 900'000 - 256 * 1024);
  CHECK(held + buffered == body.size());
  CHECK_FALSE(one.world.engine().interest(conn).read);
  one.world.pause(one.id, false);
  one.world.run_until_idle();
  CHECK(one.world.outcome(one.id).result.has_value());
  CHECK(one.world.outcome(one.id).body == body);
}

TEST_CASE("a streamed upload is given as there is room, then finished") {
  const std::string upload = bytes_of(500'000);
  sim::Script script;
  script.await("\r\n\r\n").await_bytes(upload.size()).send(response("ok"));
  OneOrigin one(script);
  one.id = one.world.add(post(BodyStream{.length = upload.size()})).value();
  one.world.supply(one.id, upload);
  one.world.run_until_idle();
  CHECK(one.world.outcome(one.id).result.has_value());
  CHECK(one.world.engine().progress(one.id).sent_body_bytes == upload.size());

  OneOrigin chunked(sim::Script().await("\r\n\r\n").await("\r\n0\r\n\r\n").send(response("ok")));
  chunked.id = chunked.world.add(post(BodyStream{})).value();
  chunked.world.supply(chunked.id, upload);
  chunked.world.run_until_idle();
  CHECK(chunked.world.outcome(chunked.id).body == "ok");
}

TEST_CASE("interim responses, trailers, and an outcome that outlives its transfer") {
  sim::Script script;
  script.await("\r\n\r\n")
      .send(
          "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n0\r\nSum: 1\r\n\r\n");
  OneOrigin one(script);
  one.get();
  one.world.remove(one.id);
  const sim::Outcome& outcome = one.world.outcome(one.id);
  CHECK(outcome.interims == std::vector<int>{103});
  CHECK(outcome.trailers.find("sum") == "1");
  CHECK(outcome.body == "abc");
  CHECK(outcome.dones == 1);
  CHECK(one.world.outcome(TransferId{77, 7}).dones == 0);
}

TEST_CASE("calls are made at their time, in order; removing a transfer early cancels it") {
  OneOrigin one(answering("never asked for"));
  std::string order;
  one.world.after(2ms, [&] { order += 'c'; });
  one.world.after(1ms, [&] { order += 'a'; });
  one.world.after(1ms, [&] {
    order += 'b';
    CHECK(one.world.now().steady == Instant(1000s) + 1ms);
    one.world.remove(one.id);
  });
  one.get();
  CHECK(order == "abc");
  CHECK(one.failure() == Code::canceled);
  CHECK(one.traced("connect to") == 0);  // the name took five
}

TEST_CASE("run_until_idle stops at its limits, and goes on from there") {
  OneOrigin one(answering("hello"));
  one.id = one.world.get("http://example.org/").value();
  CHECK(one.world.run_until_idle({.steps = 2}) == sim::RunEnd::step_limit);
  CHECK(one.world.steps() == 2);
  CHECK(one.world.run_until_idle({.time = 1ms}) == sim::RunEnd::time_limit);
  CHECK(one.world.outcome(one.id).dones == 0);
  CHECK(one.world.run_until_idle({.time = 1s}) == sim::RunEnd::time_limit);  // the kept connection
  CHECK(one.world.outcome(one.id).body == "hello");
  CHECK(one.world.open_connections() == 1);
  CHECK(one.world.open_connections(0) == 1);
  CHECK(one.world.open_connections(1) == 0);
  CHECK(one.world.run_until_idle() == sim::RunEnd::idle);
  CHECK_FALSE(one.world.step());
}

TEST_CASE("a transfer that nothing bounds hangs, and the world is idle") {
  sim::Script silent;
  OneOrigin one(silent);
  CHECK(one.get(with([](auto& o) { o.connect_timeout = std::nullopt; })).dones == 0);
  CHECK(one.world.engine().running() == 1);
}

TEST_CASE("an application of the user's own gets the outputs, and may act in them") {
  struct Chain : sim::Application {
    void on_output(sim::World& world, const Output& output) override {
      if (const auto* body = std::get_if<output::BodyReady>(&output)) {
        const Bytes bytes = world.engine().body(body->transfer);
        text += as_text(bytes);
        world.engine().consume_body(body->transfer, bytes.size(), world.now());
      } else if (std::holds_alternative<output::HeadReady>(output)) {
        ++heads;
      } else if (const auto* done = std::get_if<output::Done>(&output)) {
        CHECK(done->result.has_value());
        world.remove(done->transfer);
        world.note("one more done\nand noted");
        if (++dones < 5) REQUIRE(world.get("http://example.org/").has_value());
      }
    }
    std::string text;
    int heads = 0, dones = 0;
  };
  Chain chain;
  auto options = checked();
  options.application = &chain;
  OneOrigin one(answering("abc"), options);
  one.get();
  CHECK(chain.text == "abcabcabcabcabc");
  CHECK(chain.heads == 5);
  CHECK(chain.dones == 5);
  CHECK(one.traced("connect to") == 1);  // kept alive
  CHECK(one.traced("note: one more done and noted") == 5);
}

TEST_CASE("calls made on the engine itself are settled") {
  OneOrigin one(answering("abc"));
  Request request;
  request.url = Url::parse("http://example.org/").value();
  one.id = one.world.engine().add(std::move(request), {}, one.world.now()).value();
  one.world.settle();
  CHECK(one.traced("resolve example.org") == 1);
  one.world.run_until_idle();
  CHECK(one.world.outcome(one.id).body == "abc");
}

TEST_CASE("a slow line carries so many bytes a second, each way, and a piece every 50 ms") {
  sim::Weather weather;
  weather.bandwidth = 2'000;
  const auto took = [&](std::size_t up, std::size_t down) {
    sim::Script script;
    script.await("\r\n\r\n").await_bytes(up).send(response(bytes_of(down)));
    OneOrigin one(script, checked(1, weather));
    const Instant begun = one.world.now().steady;
    const TransferId id = one.world.add(post(BodyOwned{bytes_of(up)}, "http://example.org/")).value();
    one.world.run_until_idle();
    CHECK(one.world.outcome(id).body.size() == down);
    CHECK(one.traced(" received 100 ") >= 1);
    return *one.world.engine().progress(id).done - begun;
  };
  const Duration little = took(10, 200), down = took(10, 10'200), up = took(10'010, 200);
  for (const Duration more : {down - little, up - little}) {
    CHECK(more >= 4900ms);
    CHECK(more <= 5100ms);
  }
}

// ---- the same from the same seed ----

std::uint64_t hash_of(std::uint64_t seed, bool keep = true) {
  sim::Weather weather;
  weather.max_piece = 50;
  weather.max_send = 30;
  weather.jitter = 4ms;
  weather.resets = weather.half_closes = weather.refused = weather.stale_facts = 100;
  weather.leaps = weather.needless_timeouts = 20;
  weather.max_leap = 400ms;
  weather.fault_within = 500;
  auto options = checked(seed, weather);
  options.keep_trace = keep;
  OneOrigin one(answering(bytes_of(300)), options);
  for (int i = 0; i < 20; ++i) {
    one.world.after(std::chrono::milliseconds(one.world.random().below(100)), [&] {
      REQUIRE(one.world.get("http://example.org/", with([](auto& o) { o.total_timeout = 1s; })).has_value());
    });
  }
  one.world.run_until_idle();
  CHECK(one.world.trace().empty() != keep);
  if (keep) CHECK(one.world.trace().size() > 200);
  return one.world.trace_hash();
}

TEST_CASE("the same seed gives the same run, another seed another; the hash needs no lines kept") {
  CHECK(hash_of(1) == hash_of(1));
  CHECK(hash_of(1) == hash_of(1, false));
  CHECK(hash_of(1) != hash_of(2));
}

// What the engine does differently, on purpose, is a reason to set it anew; a compiler is none.
TEST_CASE("a seed's run is the same with each compiler and optimisation") {
  CHECK(hash_of(42) == 0xdffe27953364ee1ULL);
}

TEST_CASE("the hash is FNV-1a over the lines, a line feed behind each") {
  OneOrigin one(answering("abc"));
  one.get();
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const std::string& line : one.world.trace()) {
    CHECK(line.find('\n') == std::string::npos);
    for (const char c : line + '\n') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  }
  CHECK(one.world.trace_hash() == hash);
  CHECK(one.world.trace()[0] == "0 t0.1 add GET http://example.org/");
  CHECK(one.traced("8000000 c0.1 peer sends 41") == 1);
  CHECK(one.traced("9000000 c0.1 received 41 ") == 1);
}

TEST_CASE("the application's draws move nothing in the network") {
  auto run = [](int draws) {
    sim::Weather weather;
    weather.max_piece = 9;
    weather.jitter = 20ms;
    OneOrigin one(answering(bytes_of(100)), checked(5, weather));
    for (int i = 0; i < draws; ++i) one.world.random().next_u64();
    one.get();
    return one.world.trace_hash();
  };
  CHECK(run(0) == run(3));
}

}  // namespace
