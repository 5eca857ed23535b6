// adapters/sim: TLS on both ends. Peers see plain bytes; sizes are the same from run to run.
#include "tests/unit/sim/world_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Secure {
  explicit Secure(sim::Accept accept, sim::WorldOptions options = checked()) : world(std::move(options)) {
    world.add_origin({.host = "example.org", .port = 443, .accept = std::move(accept), .tls = true});
    world.add_origin(
        {.host = "192.0.2.200", .port = 443, .accept = sim::script_origin(answering("by address")), .tls = true});
  }
  TransferId add(std::string_view url = "https://example.org/") {
    TransferOptions options;
    options.tls = world.tls();
    options.total_timeout = 100s;
    return world.get(url, options).value();
  }
  const sim::Outcome& get(std::string_view url = "https://example.org/") {
    const TransferId id = add(url);
    world.run_until_idle();
    return world.outcome(id);
  }
  sim::World world;
};

std::uint64_t tls_run(std::uint64_t seed) {
  sim::Weather weather{.jitter = 2ms,
                       .max_piece = 700,
                       .max_send = 400,
                       .half_open = 200,
                       .resets = 200,
                       .closes_early = 200,
                       .fault_within = 5'000};
  Secure secure(sim::script_origin(answering(bytes_of(3'000))), checked(seed, weather));
  int good = 0;
  for (int i = 0; i < 6; ++i) good += secure.get().result.has_value() ? 1 : 0;
  CHECK(good > 0);
  return secure.world.trace_hash();
}

TEST_CASE("TLS: the origin is who it says, sessions are resumed, and the trace holds counts alone") {
  Secure secure(sim::script_origin(answering("secret")));
  CHECK(secure.get().body == "secret");
  const TransferId second = secure.add();
  secure.world.run_until_idle();
  CHECK(secure.world.outcome(second).body == "secret");
  CHECK(secure.world.engine().info(second).tls_resumed);
  CHECK(secure.get("https://192.0.2.200/").body == "by address");
  for (const std::string& line : secure.world.trace()) {
    const std::size_t at = line.find(" received ");
    if (at != std::string::npos) CHECK(line.find(' ', at + 10) == std::string::npos);
  }
  secure.world.set_name("elsewhere.test", {.addresses = {*IpAddress::parse("192.0.2.1")}});
  const auto& wrong = secure.get("https://elsewhere.test/");
  CHECK(wrong.result.error().code == Code::tls_certificate);
}

TEST_CASE(
    "TLS: an origin may have a certificate for another name, an expired one, and one by an authority that nobody trusts") {
  const std::pair<sim::Certificate, std::string_view> kinds[] = {{sim::Certificate::wrong_name, "not-example.org"},
                                                                 {sim::Certificate::expired, "expired"},
                                                                 {sim::Certificate::untrusted, "signature"}};
  for (const auto& [certificate, word] : kinds) {
    sim::World world(checked());
    world.add_origin({.host = "example.org",
                      .port = 443,
                      .accept = sim::script_origin(answering("secret")),
                      .tls = true,
                      .certificate = certificate});
    TransferOptions options;
    options.tls = world.tls();
    const TransferId id = world.get("https://example.org/", options).value();
    world.run_until_idle();
    REQUIRE_FALSE(world.outcome(id).result.has_value());
    CHECK(world.outcome(id).result.error().code == Code::tls_certificate);
    CHECK(world.outcome(id).result.error().message().find(word) != std::string::npos);
  }
}

TEST_CASE("TLS: an origin may speak 1.2 and nothing newer, and resumes sessions") {
  sim::World world(checked());
  world.add_origin({.host = "example.org",
                    .port = 443,
                    .accept = sim::script_origin(answering("secret")),
                    .tls = true,
                    .newest_tls = TlsVersion::tls1_2});
  TransferOptions options;
  options.tls = world.tls();
  for (const bool resumed : {false, true}) {
    const TransferId id = world.get("https://example.org/", options).value();
    world.run_until_idle();
    CHECK(world.outcome(id).body == "secret");
    CHECK(world.engine().info(id).tls_version == "TLSv1.2");
    CHECK(world.engine().info(id).tls_resumed == resumed);
  }
}

TEST_CASE("TLS: the same seed gives the same hash, though handshakes draw for themselves") {
  CHECK(tls_run(1) == tls_run(1));
  CHECK(tls_run(2) == tls_run(2));
  CHECK(tls_run(1) != tls_run(2));
}

TEST_CASE("TLS: large bodies in small pieces, both ways") {
  const std::string upload = bytes_of(100'000), download = bytes_of(200'000);
  sim::Script script;
  script.await("\r\n\r\n").await_bytes(upload.size()).send(response(download));
  Secure secure(sim::script_origin(script), checked(1, {.max_piece = 1'000, .max_send = 3'000, .window = 9'000}));
  TransferOptions options;
  options.tls = secure.world.tls();
  const TransferId id = secure.world.add(post(BodyOwned{upload}, "https://example.org/"), options).value();
  secure.world.run_until_idle();
  CHECK(secure.world.outcome(id).result.has_value());
  CHECK(secure.world.outcome(id).body == download);
}

TEST_CASE("TLS: a peer's ends, waits and pauses are its own") {
  // Answers a little later than it could, reads in between nothing, and says its end properly or not at all.
  struct Slow : sim::Peer {
    explicit Slow(int how, std::string* log) : end(how), story(log) {}
    void on_open(sim::Line& line) override {
      *story += "open ";
      line.read(false);
      line.wake_after(3s);
    }
    void on_bytes(sim::Line& line, Bytes bytes) override {
      CHECK(line.now().steady >= Instant(1003s));
      if (as_text(bytes).find("\r\n\r\n") == std::string_view::npos) return;
      *story += "asked ";
      line.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
      if (end == 0) line.close();
      if (end == 1) line.reset();
      if (end == 2) line.finish();
    }
    void on_end(sim::Line& line) override {
      *story += "end ";
      line.close();
    }
    void on_wake(sim::Line& line) override {
      *story += "woke ";
      line.read(true);
    }
    int end;
    std::string* story;
  };
  for (int how = 0; how < 3; ++how) {
    CAPTURE(how);
    std::string story;
    Secure secure([&](std::uint64_t) { return std::make_unique<Slow>(how, &story); });
    const sim::Outcome& outcome = secure.get();
    CHECK(outcome.dones == 1);
    CHECK(outcome.result.has_value() == (how != 1));
    CHECK(story == (how == 2 ? "open woke asked end " : "open woke asked "));
    if (how != 1) CHECK(outcome.body == "until the end");
  }
}

TEST_CASE("TLS: what was decrypted while a peer did not read is given when it does, whoever says so") {
  struct Held : sim::Peer {
    explicit Held(sim::Line** out) : line_of(out) {}
    void on_open(sim::Line& line) override {
      *line_of = &line;
      line.read(false);
      line.wake_after(1h);
    }
    void on_bytes(sim::Line& line, Bytes) override { line.send(response("at last")); }
    sim::Line** line_of;
  };
  sim::Line* line = nullptr;
  Secure secure([&](std::uint64_t) { return std::make_unique<Held>(&line); });
  secure.world.after(5s, [&] { line->read(true); });
  CHECK(secure.get().body == "at last");
}

TEST_CASE("TLS: a plain peer is no TLS server") {
  Secure secure(sim::script_origin(answering("x")));
  secure.world.add_origin({.host = "plain.test",
                           .port = 443,
                           .accept = sim::script_origin(sim::Script().await_bytes(1).send("HTTP/1.1 400 No\r\n\r\n"))});
  CHECK(secure.get("https://plain.test/").result.error().code == Code::tls_handshake);
  const auto& trace = secure.world.trace();
  CHECK(std::find(trace.begin(), trace.end(), "7000000 c0.1 sent 517") != trace.end());  // no hash of what differs
}

}  // namespace
