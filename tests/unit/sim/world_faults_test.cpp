// adapters/sim: each fault of the weather reaches the engine, is traced, and is counted.
#include "core/fields.hpp"
#include "tests/unit/sim/world_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

void fresh_for_a_minute(TransferOptions& options) {
  options.total_timeout = 60s;
  options.fresh_connection = true;
}

TEST_CASE("refused connects say what a system would") {
  OneOrigin one(answering("x"), checked(1, {.refused = 1000}));
  one.get();
  CHECK(one.failure() == Code::connect_failed);
  CHECK(one.world.outcome(one.id).result.error().message().find("connect to 192.0.2.1:80: Connection refused") !=
        std::string::npos);
  CHECK(one.faults("refused") == 1);
  CHECK(one.world.faults(ConnId{0, 1}).at("refused") == 1);
  CHECK(one.world.faults(ConnId{0, 2}).empty());
}

TEST_CASE("where nobody listens, connects are refused") {
  sim::World world(checked());
  const TransferId id = world.get("http://198.51.100.9:81/").value();
  world.run_until_idle();
  CHECK(world.outcome(id).result.error().code == Code::connect_failed);
  CHECK(world.faults().at("refused") == 1);
}

TEST_CASE("a connect that hangs ends by its timeout") {
  OneOrigin one(answering("x"), checked(1, {.hangs = 1000}));
  one.get(with([](auto& o) { o.connect_timeout = 7s; }));
  CHECK(one.failure() == Code::connect_timeout);
  CHECK(one.faults("hangs") == 1);
  CHECK(one.world.now().steady == Instant(1007s));
  CHECK(one.world.open_connections() == 0);
}

TEST_CASE("a half open connection takes what is sent, and nothing comes") {
  bool accepted = false;
  auto accept = [&](std::uint64_t) {
    accepted = true;
    return sim::play(answering("x"));
  };
  OneOrigin one(accept, checked(1, {.half_open = 1000}));
  one.id = one.world.add(post(BodyOwned{bytes_of(500'000)}), with([](auto& o) { o.idle_timeout = 5s; })).value();
  one.world.run_until_idle();
  CHECK(one.failure() == Code::idle_timeout);
  CHECK(one.world.engine().progress(one.id).sent_body_bytes == 500'000);
  CHECK(one.faults("half open") == 1);
  CHECK_FALSE(accepted);
}

TEST_CASE("resets: seen by the engine, after the bytes that were to come before") {
  int at_body = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    OneOrigin one(answering(bytes_of(2'000)), checked(seed, {.max_piece = 100, .resets = 1000, .fault_within = 1'000}));
    one.get(with(fresh_for_a_minute));
    CHECK(one.faults("reset") >= 1);
    CHECK(one.traced("Connection reset by peer") + one.traced("Broken pipe") >= 1);
    CHECK_FALSE(one.world.outcome(one.id).result.has_value());
    if (one.world.outcome(one.id).result) continue;
    CHECK(one.failure() != Code::total_timeout);
    if (!one.world.outcome(one.id).body.empty()) ++at_body;
    CHECK(bytes_of(2'000).starts_with(one.world.outcome(one.id).body));
  }
  CHECK(at_body > 10);
}

TEST_CASE("an early close cuts the body; a half close too, but the peer reads on") {
  for (const bool half : {false, true}) {
    CAPTURE(half);
    std::uint64_t cut = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      CAPTURE(seed);
      sim::Weather weather{.max_piece = 64, .fault_within = 900};
      (half ? weather.half_closes : weather.closes_early) = 1000;
      OneOrigin one(answering(bytes_of(2'000)), checked(seed, weather));
      one.get(with(fresh_for_a_minute));
      CHECK(one.faults(half ? "half close" : "closed early") >= 1);
      CHECK(one.traced(" end") >= 1);
      CHECK_FALSE(one.world.outcome(one.id).result.has_value());
      if (one.failure() == Code::truncated) ++cut;
      CHECK(one.failure() != Code::total_timeout);
      if (half) {
        CHECK(one.traced("read the end") >= 1);
        CHECK(one.faults("reset") == 0);
      }
    }
    CHECK(cut > 15);
  }
}

TEST_CASE("a stall moves nothing any more, either way") {
  int uploads = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    sim::Weather weather{.max_piece = 500, .window = 10'000, .stalls = 1000, .fault_within = 30'000};
    sim::Script script;
    script.await("\r\n\r\n").await_bytes(40'000).send(response("late"));
    OneOrigin one(script, checked(seed, weather));
    one.id = one.world.add(post(BodyOwned{bytes_of(40'000)}), with([](auto& o) { o.idle_timeout = 9s; })).value();
    one.world.run_until_idle();
    CHECK(one.failure() == Code::idle_timeout);
    CHECK(one.faults("stall") == 1);
    CHECK(one.world.engine().progress(one.id).sent_body_bytes <= 41'000);
    if (one.world.engine().progress(one.id).sent_body_bytes > 9'000) ++uploads;
  }
  CHECK(uploads > 5);
}

TEST_CASE("a stall of a body: what came, came, and the rest never does") {
  OneOrigin one(answering(bytes_of(50'000)), checked(3, {.max_piece = 500, .stalls = 1000, .fault_within = 30'000}));
  one.get(with([](auto& o) { o.idle_timeout = 9s; }));
  CHECK(one.failure() == Code::idle_timeout);
  const auto& trace = one.world.trace();
  auto line =
      std::find_if(trace.begin(), trace.end(), [](const std::string& text) { return text.ends_with("fault: stall"); });
  REQUIRE(line != trace.end());
  CHECK(std::count_if(trace.begin(), line,
                      [](const std::string& text) { return text.find(" received ") != std::string::npos; }) > 1);
  // The piece at hand is given yet.
  CHECK(std::count_if(line, trace.end(),
                      [](const std::string& text) { return text.find(" received ") != std::string::npos; }) <= 1);
}

TEST_CASE("a fault that would come after the end does not happen") {
  OneOrigin one(answering("x"), checked(1, {.resets = 1000, .fault_within = 1'000'000'000}));
  CHECK(one.get().body == "x");
  CHECK(one.world.faults().empty());
}

TEST_CASE("what the engine sends to a peer that has closed is answered by a reset") {
  // It says nothing, so that the engine does not learn of its end by reading first.
  struct Rude : sim::Peer {
    void on_bytes(sim::Line& line, Bytes) override { line.reset(); }
  };
  sim::Weather weather{.max_send = 1'000, .window = 3'000};
  OneOrigin rude([](std::uint64_t) { return std::make_unique<Rude>(); }, checked(3, weather));
  rude.id = rude.world.add(post(BodyOwned{bytes_of(20'000)})).value();
  rude.world.run_until_idle();
  CHECK_FALSE(rude.world.outcome(rude.id).result.has_value());
  CHECK(rude.faults("reset") >= 1);

  // Nor here: it does not read, for its application does not.
  sim::Script gone;
  gone.await("\r\n\r\n").send("HTTP/1.1 200 OK\r\n\r\n" + bytes_of(200'000)).wait(1s).close();
  OneOrigin paused(gone, checked(1, weather));
  paused.id = paused.world.add(post(BodyStream{})).value();
  paused.world.pause(paused.id, true);
  paused.world.after(5s, [&] { paused.world.supply(paused.id, bytes_of(20'000)); });
  paused.world.run_until_idle();
  CHECK(paused.traced("send_failed send to 192.0.2.1:80: ") == 1);
  CHECK(paused.faults("reset") == 1);

  sim::Script script;
  script.await("\r\n\r\n").send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig").close();
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    OneOrigin one(script, checked(seed, weather));
    one.id = one.world.add(post(BodyOwned{bytes_of(20'000)})).value();
    one.world.run_until_idle();
    const sim::Outcome& outcome = one.world.outcome(one.id);
    if (outcome.result && outcome.head.status == 413) ++refused;
  }
  CHECK(refused == 20);
}

TEST_CASE("a paused transfer's reset may lose what had arrived, and may not") {
  struct Speaker : sim::Peer {
    void on_bytes(sim::Line& line, Bytes) override {
      if (std::exchange(spoke, true)) return;
      line.send("HTTP/1.1 200 OK\r\n\r\n" + bytes_of(600'000));
      line.wake_after(1s);
    }
    void on_wake(sim::Line& line) override { line.reset(); }
    bool spoke = false;
  };
  int lost = 0, kept = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    CAPTURE(seed);
    OneOrigin one([](std::uint64_t) { return std::make_unique<Speaker>(); }, checked(seed, {.max_piece = 10'000}));
    one.id = one.world.get("http://example.org/").value();
    one.world.pause(one.id, true);
    one.world.after(5s, [&] { one.world.pause(one.id, false); });
    one.world.run_until_idle();
    CHECK(one.failure() == Code::receive_failed);
    CHECK(one.faults("reset") == 1);
    const std::size_t got = one.world.outcome(one.id).body.size();
    CHECK(bytes_of(600'000).starts_with(one.world.outcome(one.id).body));
    (got == 600'000 ? kept : lost) += 1;
  }
  CHECK(lost > 5);
  CHECK(kept > 5);
}

TEST_CASE("an end waits, as bytes do, until the engine reads") {
  sim::Script script;
  // What the engine takes while nobody consumes: it has all, and does not read on.
  const std::string body = bytes_of(64 * 1024);
  script.await("\r\n\r\n").send("HTTP/1.1 200 OK\r\n\r\n" + body).close();
  OneOrigin one(script, checked(1, {.max_piece = 10'000}));
  one.id = one.world.get("http://example.org/").value();
  one.world.pause(one.id, true);
  one.world.run_until_idle({.time = 5s});
  CHECK(one.world.arrived_bytes(one.world.connections().at(0)) == 0);
  CHECK(one.traced(" end") == 0);
  CHECK(one.world.outcome(one.id).dones == 0);
  one.world.pause(one.id, false);
  one.world.run_until_idle();
  CHECK(one.traced(" end") == 1);
  CHECK(one.world.outcome(one.id).result.has_value());
  CHECK(one.world.outcome(one.id).body == body);
}

TEST_CASE("each connection draws for itself: what befalls one moves nothing for another") {
  // The second transfer's bytes, cut the same whatever became of the first.
  auto second = [](std::size_t first_body) {
    auto accept = [first_body](std::uint64_t nth) {
      return sim::play(answering(bytes_of(nth == 0 ? first_body : 500)));
    };
    OneOrigin one(accept, checked(9, {.jitter = 5ms, .max_piece = 20}));
    for (int i = 0; i < 2; ++i) {
      one.id = one.world.get("http://example.org/", with([](auto& o) { o.forbid_reuse = true; })).value();
      one.world.run_until_idle();
    }
    std::string cuts;
    for (const std::string& line : one.world.trace()) {
      const std::size_t at = line.find(" c1.1 received ");
      if (at != std::string::npos) cuts += line.substr(at);
    }
    CHECK(cuts.size() > 500);
    return cuts;
  };
  CHECK(second(100) == second(3'000));
}
// ---- time, and careless drivers ----

TEST_CASE("the clock leaps, and what was to come comes late") {
  sim::Weather weather{.max_piece = 10, .leaps = 200, .max_leap = 30s};
  OneOrigin one(answering(bytes_of(500)), checked(1, weather));
  one.get();
  CHECK(one.world.outcome(one.id).body == bytes_of(500));
  CHECK(one.faults("leap") > 3);
  CHECK(one.traced("fault: leap") == static_cast<std::ptrdiff_t>(one.faults("leap")));
  const auto& progress = one.world.engine().progress(one.id);
  CHECK(*progress.done - progress.queued > 10s);
  CHECK(one.world.now().wall - 1'800'000'000 == (one.world.now().steady - Instant(1000s)) / 1s);
}

TEST_CASE("needless timeouts and stale facts do no harm") {
  auto options = checked(1, {.stale_facts = 1000, .needless_timeouts = 500});
  OneOrigin one(answering("abc"), options);
  for (int i = 0; i < 20; ++i) {
    one.world.after(std::chrono::milliseconds(10 * i), [&] {
      REQUIRE(one.world.get("http://example.org/", with([](auto& o) { o.forbid_reuse = true; })).has_value());
    });
  }
  one.world.run_until_idle();
  CHECK(one.traced(" done") == 20);
  CHECK(one.traced(" c0.1 fault: stale fact") == 1);
  CHECK(one.faults("stale fact") == 20);
  CHECK(one.traced("needless timeout") > 20);
}

TEST_CASE("late reads: what has come is read in a while") {
  const auto time_of = [](sim::PerMille chance) {
    OneOrigin one(answering("abc"), checked(7, {.late_reads = chance, .late_by = 1h}));
    CHECK(one.get().body == "abc");
    const auto& progress = one.world.engine().progress(one.id);
    return *progress.done - progress.queued;
  };
  CHECK(time_of(0) < 100ms);
  CHECK(time_of(1000) > 10s);
}

// Answers in the middle of an upload, and closes.
sim::Script refusing(std::string_view answer) {
  sim::Script script;
  return script.await_bytes(1'000).send(std::string(answer)).close();
}

TEST_CASE("late reads: a send may fail while an answer waits to be read") {
  int answered = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    OneOrigin one(refusing("HTTP/1.1 413 \r\nContent-Length: 3\r\n\r\nbig"),
                  checked(seed, {.window = 2'000, .late_reads = 1000, .late_by = 1s}));
    one.id = one.world.add(post(BodyOwned{bytes_of(100'000)})).value();
    one.world.run_until_idle();
    if (one.traced("send to") > 0 && one.world.outcome(one.id).result) ++answered;
  }
  CHECK(answered > 5);
}

TEST_CASE("a reset that makes the system forget what was not read is no clean end") {
  int whole = 0, failed = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    OneOrigin one(refusing("HTTP/1.1 413 \r\n\r\n" + bytes_of(5'000)),
                  checked(seed, {.max_piece = 700, .window = 2'000, .late_reads = 500, .late_by = 100ms}));
    one.id = one.world.add(post(BodyOwned{bytes_of(100'000)})).value();
    one.world.run_until_idle();
    const sim::Outcome& outcome = one.world.outcome(one.id);
    if (outcome.result) CHECK(outcome.body == bytes_of(5'000));
    ++(outcome.result ? whole : failed);
  }
  CHECK(whole > 5);
  CHECK(failed > 5);
}

TEST_CASE("answers to questions that were taken back come all the same, or do not") {
  for (const sim::PerMille chance : {sim::PerMille{0}, sim::PerMille{1000}}) {
    sim::World world(checked(1, {.stale_facts = chance}));
    // The engine forgets the first of so many origins that nobody uses.
    for (int i = 0; i < 300; ++i) world.remove(world.get("http://" + std::to_string(i) + ".test/").value());
    world.run_until_idle();
    const auto late = world.faults().find("stale fact");
    CHECK((late == world.faults().end() ? 0 : late->second) == (chance == 0 ? 0 : 44));
    CHECK(world.faults().at("name fails") == 256);
  }
}

TEST_CASE("set_weather is for what begins from then on") {
  OneOrigin one(answering("x"));
  CHECK(one.get().result.has_value());
  one.world.set_weather({.refused = 1000});
  one.get();
  CHECK(one.failure() == Code::connect_failed);
  one.world.set_weather({});
  CHECK(one.get().result.has_value());
}

TEST_CASE("an origin's own faults are counted as it names them, for its connection") {
  struct Honest : sim::Peer {
    void on_bytes(sim::Line& line, Bytes) override {
      line.admit("grumpy");
      line.send("what?");
      line.close();
      line.send("ignored");
      line.close();
    }
  };
  OneOrigin one([](std::uint64_t) { return std::make_unique<Honest>(); });
  one.get();
  CHECK(one.failure() == Code::not_http);
  CHECK(one.faults("grumpy") == 1);
  CHECK(one.world.faults(ConnId{0, 1}).at("grumpy") == 1);
  CHECK(one.traced("peer sends") == 1);
}

}  // namespace
