// TransferLimits: timeouts of single phases, an abort by low speed, and rates; and the rates of an engine.
#include <doctest/doctest.h>

#include "core/transfer_limits.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

TransferOptions limited_by(TransferLimits limits) {
  TransferOptions options;
  options.connect_timeout.reset();
  options.limits = std::make_shared<const TransferLimits>(limits);
  return options;
}
TransferOptions limited_tls(TransferLimits limits) {
  TransferOptions options = limited_by(limits);
  TlsOptions tls;
  tls.verify_peer = false;
  options.tls = *TlsConfig::create(tls);
  return options;
}
std::string message_of(const EngineWorld& world, TransferId id) { return world.results.at(id).error().message(); }
std::string head_for(std::size_t body_bytes) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n\r\n";
}

// A peer that sends as fast as it is read: reads all that the engine takes, then waits for the engine's deadline.
// Returns how long it took to hand over `bytes`.
Duration hand_over(EngineWorld& world, ConnId conn, std::string_view bytes) {
  const Instant begun = world.now.steady;
  int steps = 0;
  while (!bytes.empty()) {
    REQUIRE(++steps < 10'000);
    bytes.remove_prefix(world.receive(conn, bytes));
    if (bytes.empty()) break;
    REQUIRE_FALSE(world.engine.interest(conn).read);
    const auto deadline = world.engine.deadline();
    REQUIRE(deadline.has_value());
    REQUIRE(deadline->at > world.now.steady);
    const std::size_t told = world.changed.size();
    world.pass(deadline->at - world.now.steady);
    CHECK(world.changed.size() == told + 1);
  }
  return world.now.steady - begun;
}
}  // namespace

TEST_CASE("limits: waiting for a connection that others use has a timeout of its own") {
  EngineOptions options;
  options.max_connections = 1;
  EngineWorld world(options);
  const TransferId first = world.add("http://192.0.2.1/", limited_by({.queue_timeout = 2s}));
  const ConnId conn = go(world);
  const TransferId late = world.add("http://192.0.2.1/", limited_by({.queue_timeout = 2s}));
  const TransferId patient = world.add("http://192.0.2.1/", limited_by({.queue_timeout = 3s}));
  world.pass(1999ms);
  CHECK_FALSE(world.done(late));
  world.pass(1ms);
  CHECK(world.failure(late) == Code::queue_timeout);
  CHECK(message_of(world, late).find("no connection was free within 2000 ms") != std::string::npos);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(first));
  world.sent(conn);
  world.pass(10s);  // it has the connection now
  world.receive(conn, answer("y"));
  CHECK(world.succeeded(patient));
  check_nothing_left(world);
}

TEST_CASE("limits: a look-up and a TLS handshake have timeouts of their own") {
  EngineWorld world;
  const TransferLimits limits{.resolve_timeout = 2s, .tls_timeout = 3s};
  const TransferId nameless = world.add("https://example.org/", limited_tls(limits));
  world.pass(1999ms);
  CHECK_FALSE(world.done(nameless));
  world.pass(1ms);
  CHECK(world.failure(nameless) == Code::resolve_timeout);
  CHECK(message_of(world, nameless).find("resolve example.org") != std::string::npos);
  CHECK(message_of(world, nameless).find("2000 ms") != std::string::npos);
  CHECK(world.results.at(nameless).error().retry_safe);
  world.resolves.clear();

  const TransferId mute = world.add("https://example.com/", limited_tls(limits));
  world.pass(1999ms);
  world.resolved("192.0.2.7");
  world.pass(10s);  // neither limit is for connecting
  CHECK_FALSE(world.done(mute));
  go(world);
  world.pass(2999ms);
  CHECK_FALSE(world.done(mute));
  world.pass(1ms);
  CHECK(world.failure(mute) == Code::tls_timeout);
  INFO(message_of(world, mute));
  CHECK(message_of(world, mute).find("TLS handshake with example.com:443") != std::string::npos);
  CHECK(message_of(world, mute).find("3000 ms") != std::string::npos);
  check_nothing_left(world);
}

TEST_CASE("limits: a connection that was begun for another transfer has the limits of the one that it is for now") {
  EngineWorld world;
  const TransferId first = world.add("http://example.org/", limited_by({}));
  world.resolved("192.0.2.7");
  const ConnId conn = go(world);
  world.pass(61s);  // the name is not known any more
  const TransferId hasty = world.add("http://example.org/", limited_by({.resolve_timeout = 2s}));
  REQUIRE(world.resolves.size() == 1);
  world.pass(1s);
  world.receive(conn, answer("x"));  // the connection is free for the second one
  CHECK(world.succeeded(first));
  const TransferId patient = world.add("http://example.org/", limited_by({.resolve_timeout = 4s}));
  CHECK(world.resolves.size() == 1);
  world.pass(3999ms);
  CHECK_FALSE(world.done(hasty));
  CHECK_FALSE(world.done(patient));
  world.pass(1ms);
  CHECK(world.failure(patient) == Code::resolve_timeout);
  CHECK(message_of(world, patient).find("4000 ms") != std::string::npos);
  world.sent(conn);
  world.receive(conn, answer("y"));
  CHECK(world.succeeded(hasty));
  check_nothing_left(world);
}

TEST_CASE("limits: from the end of the request to the first byte of the response") {
  EngineWorld world;
  const TransferLimits limits{.response_timeout = 2s};
  const TransferId mute = world.add("http://192.0.2.1/", limited_by(limits));
  world.connected(newest(world));
  world.pass(10s);  // the request is not sent
  CHECK_FALSE(world.done(mute));
  world.sent(newest(world));
  world.pass(1999ms);
  CHECK_FALSE(world.done(mute));
  world.pass(1ms);
  CHECK(world.failure(mute) == Code::response_timeout);
  CHECK(message_of(world, mute).find("no byte of a response came within 2000 ms") != std::string::npos);

  const TransferId begun = world.add("http://192.0.2.2/", limited_by(limits));
  const ConnId conn = go(world);
  world.pass(1s);
  world.receive(conn, "H");
  world.pass(10s);
  world.receive(conn, answer("x").substr(1));
  CHECK(world.succeeded(begun));

  Request post = with_body("POST", BodyStream{.length = 3}, "http://192.0.2.3/");
  const TransferId upload = world.add(std::move(post), limited_by(limits));
  const ConnId up = go(world);
  world.pass(10s);  // the application has not given the body
  CHECK_FALSE(world.done(upload));
  CHECK(supply(world, upload, "abc") == 3);
  CHECK(world.sent(up) == "abc");
  world.pass(2s);
  CHECK(world.failure(upload) == Code::response_timeout);
  check_nothing_left(world);
}

TEST_CASE("limits: a transfer that is slower than its limit over the period ends, one that is not goes on") {
  EngineWorld world;
  const TransferLimits limits{.low_rate = 100, .low_period = 8s};
  const TransferId slow = world.add("http://192.0.2.1/", limited_by(limits));
  const ConnId slow_conn = go(world);
  const TransferId fast = world.add("http://192.0.2.2/", limited_by(limits));
  const ConnId fast_conn = go(world);
  world.receive(slow_conn, head_for(100'000));
  world.receive(fast_conn, head_for(100'000));
  for (int second = 0; second < 7; ++second) {
    world.receive(slow_conn, std::string(90, 'x'));
    world.receive(fast_conn, std::string(100, 'x'));
    world.pass(1s);
  }
  CHECK_FALSE(world.done(slow));
  world.receive(slow_conn, std::string(90, 'x'));
  world.receive(fast_conn, std::string(100, 'x'));
  world.pass(1s);
  CHECK(world.failure(slow) == Code::too_slow);
  CHECK(
      message_of(world, slow).find("slower than 100 bytes a second for 8000 ms, with 720 bytes received and 0 sent") !=
      std::string::npos);
  // One burst counts for as long as the period.
  world.receive(fast_conn, std::string(800, 'x'));
  for (int second = 0; second < 8; ++second) world.pass(1s);
  CHECK_FALSE(world.done(fast));
  world.pass(1s);
  CHECK(world.failure(fast) == Code::too_slow);
  check_nothing_left(world);
}

TEST_CASE("limits: a transfer is not slow while the application holds it up") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/", limited_by({.low_rate = 100, .low_period = 8s}));
  const ConnId conn = go(world);
  const std::size_t size = 1024 * 1024;
  world.receive(conn, head_for(size));
  const std::size_t taken = world.receive(conn, std::string(size, 'x'));
  REQUIRE(taken < size);
  for (int second = 0; second < 100; ++second) world.pass(1s);
  CHECK_FALSE(world.done(id));
  world.take_body(id);
  world.drain();
  for (int second = 0; second < 20; ++second) world.pass(1s);
  CHECK(world.failure(id) == Code::too_slow);
  check_nothing_left(world);
}

TEST_CASE("limits: a body comes as fast as its rate allows, and nothing is asked of the driver meanwhile") {
  for (const std::uint64_t rate : {7ull, 1'000ull, 100'000ull, 10'000'000ull}) {
    CAPTURE(rate);
    EngineWorld world;
    const TransferId id = world.add("http://192.0.2.1/", limited_by({.max_receive_rate = rate}));
    const ConnId conn = go(world);
    const auto size = static_cast<std::size_t>(3 * rate);
    world.receive(conn, head_for(size));
    const Duration took = hand_over(world, conn, std::string(size, 'x'));
    CHECK(world.succeeded(id));
    CHECK(took >= 2800ms);
    CHECK(took <= 3000ms);
    check_nothing_left(world);
  }
}

TEST_CASE("limits: a rate holds from one exchange to the next, also for a body that a redirect skips") {
  EngineWorld world;
  TransferOptions options = limited_by({.max_receive_rate = 1'000});
  options.redirects.emplace();
  const TransferId id = world.add("http://192.0.2.1/", std::move(options));
  const ConnId conn = go(world);
  const std::string skipped =
      "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 's');
  const Duration first = hand_over(world, conn, skipped);
  CHECK(first >= 900ms);
  world.sent(conn);
  const Duration second = hand_over(world, conn, answer(std::string(1000, 'x')));
  CHECK(world.succeeded(id));
  CHECK(first + second >= 1900ms);
  check_nothing_left(world);
}

TEST_CASE("limits: a transfer that its rate holds up is not idle, and not slow") {
  EngineWorld world;
  TransferOptions options = limited_by({.low_rate = 7, .low_period = 1s, .max_receive_rate = 7});
  options.idle_timeout = 100ms;
  const TransferId id = world.add("http://192.0.2.1/", std::move(options));
  const ConnId conn = go(world);
  world.receive(conn, head_for(70));
  std::string_view left = "0123456789012345678901234567890123456789012345678901234567890123456789";
  while (!left.empty()) {
    left.remove_prefix(world.receive(conn, left));
    if (left.empty()) break;
    world.pass(world.engine.deadline()->at - world.now.steady);
    REQUIRE_FALSE(world.done(id));
  }
  CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("limits: a request body goes as fast as its rate allows: fixed, streamed, and in chunks") {
  const std::string body(30'000, 'b');
  for (const int form : {0, 1, 2}) {
    CAPTURE(form);
    EngineWorld world;
    RequestBody given = BodyView{.bytes = as_bytes(body)};
    if (form == 1) given = BodyStream{.length = body.size()};
    if (form == 2) given = BodyStream{};
    const TransferId id = world.add(with_body("PUT", std::move(given)), limited_by({.max_send_rate = 10'000}));
    const ConnId conn = newest(world);
    world.connected(conn);
    if (form != 0) REQUIRE(supply(world, id, body) == body.size());
    if (form == 2) {
      world.engine.finish_upload(id, world.now);
      world.drain();
    }
    std::string taken;
    const Instant begun = world.now.steady;
    int steps = 0;
    while (!world.engine.progress(id).sent) {
      REQUIRE(++steps < 1'000);
      taken += world.sent(conn);
      if (world.engine.progress(id).sent) break;
      REQUIRE_FALSE(world.engine.interest(conn).write);
      world.pass(world.engine.deadline()->at - world.now.steady);
    }
    const Duration took = world.now.steady - begun;
    CHECK(took >= 2800ms);
    CHECK(took <= 3000ms);
    CHECK(static_cast<std::size_t>(std::count(taken.begin(), taken.end(), 'b')) >= body.size());
    if (form == 2) CHECK(taken.ends_with("\r\n0\r\n\r\n"));
    CHECK(world.engine.progress(id).sent_body_bytes == body.size());
    world.receive(conn, answer("x"));
    CHECK(world.succeeded(id));
    check_nothing_left(world);
  }
}

TEST_CASE("limits: an upload over TLS goes on after a stream that took nothing for a while") {
  const std::string body(200'000, 'b');
  TlsWorld world;
  world.options.limits = std::make_shared<const TransferLimits>(TransferLimits{.max_send_rate = 1'000'000});
  const TransferId id =
      world.add(with_body("PUT", BodyView{.bytes = as_bytes(body)}, "https://example.org/"), world.options);
  const ConnId conn = world.connect();
  world.carry(conn);
  for (int step = 0; step < 1'000 && !world.engine.progress(id).sent; ++step) {
    // The stream is full for longer than the rate takes to allow more; then it takes all there is.
    for (int wait = 0; wait < 20; ++wait) world.pass(5ms);
    REQUIRE(world.engine.interest(conn).write);
    world.to_server(conn);
  }
  CHECK(world.engine.progress(id).sent.has_value());
  CHECK(world.server(conn).plain().size() > body.size());
  world.answer_with(conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("limits: all transfers together come as fast as the engine's rate allows, and each gets its share") {
  EngineOptions options;
  options.max_receive_rate = 100'000;
  EngineWorld world(options);
  constexpr std::size_t kSize = 100'000;
  struct Peer {
    TransferId id;
    ConnId conn;
    std::size_t left = kSize;
  };
  std::vector<Peer> peers;
  for (int i = 1; i <= 3; ++i) {
    Peer peer;
    peer.id = world.add("http://192.0.2." + std::to_string(i) + "/");
    peer.conn = go(world);
    world.receive(peer.conn, head_for(kSize));
    peers.push_back(peer);
  }
  const std::string body(kSize, 'x');
  const Instant begun = world.now.steady;
  int steps = 0;
  const auto running = [&] { return std::ranges::any_of(peers, [](const Peer& peer) { return peer.left > 0; }); };
  while (running()) {
    REQUIRE(++steps < 10'000);
    for (Peer& peer : peers) peer.left -= world.receive(peer.conn, std::string_view(body).substr(0, peer.left));
    const auto [least, most] = std::ranges::minmax(peers, {}, &Peer::left);
    REQUIRE(most.left - least.left <= 40'000);
    if (running()) world.pass(world.engine.deadline()->at - world.now.steady);
  }
  const Duration took = world.now.steady - begun;
  CHECK(took >= 2500ms);
  CHECK(took <= 3100ms);
  for (const Peer& peer : peers) CHECK(world.succeeded(peer.id));
  check_nothing_left(world);
}

TEST_CASE("limits: a transfer that waits for its share can be removed, and the engine's rate can be changed") {
  EngineOptions options;
  options.max_receive_rate = 1'000;
  EngineWorld world(options);
  const TransferId first = world.add("http://192.0.2.1/");
  const ConnId one = go(world);
  const TransferId second = world.add("http://192.0.2.2/");
  const ConnId two = go(world);
  world.receive(one, head_for(5'000));
  world.receive(two, head_for(5'000));
  const std::string body(5'000, 'x');
  world.receive(one, body);
  world.receive(two, body);
  CHECK_FALSE(world.engine.interest(one).read);
  CHECK_FALSE(world.engine.interest(two).read);
  world.remove(first);
  EngineLimits limits = world.engine.limits();
  limits.max_receive_rate = std::nullopt;
  world.engine.set_limits(limits, world.now);
  world.drain();
  world.pass(Duration::zero());
  const std::size_t had = world.engine.progress(second).received_body_bytes;
  world.receive(two, std::string_view(body).substr(had));
  CHECK(world.succeeded(second));
  check_nothing_left(world);
}

TEST_CASE("limits: requests without a body wait for no share of the rate at which all send") {
  EngineOptions options;
  options.max_send_rate = 1'000;
  EngineWorld world(options);
  const std::string body(5'000, 'b');
  const TransferId upload = world.add(with_body("PUT", BodyView{.bytes = as_bytes(body)}, "http://192.0.2.9/"));
  const ConnId conn = go(world);
  REQUIRE_FALSE(world.engine.interest(conn).write);
  const Instant begun = world.now.steady;
  while (!world.engine.progress(upload).sent) {
    const TransferId get = world.add("http://192.0.2.1/");
    const ConnId other = newest(world);
    if (world.engine.interest(other) == Interest{}) world.connected(other);
    world.sent(other);
    world.receive(other, answer("x"));
    CHECK(world.succeeded(get));
    world.remove(get);
    REQUIRE(world.now.steady - begun < 6s);
    world.pass(10ms);
    world.sent(conn);
  }
  CHECK(world.now.steady - begun >= 4800ms);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(upload));
  check_nothing_left(world);
}

TEST_CASE("limits: what a short response leaves of its share is for those that wait") {
  EngineOptions options;
  options.max_receive_rate = 100'000;
  EngineWorld world(options);
  const TransferId large = world.add("http://192.0.2.9/");
  const ConnId conn = go(world);
  world.receive(conn, head_for(1'000'000));
  const std::string body(1'000'000, 'x');
  std::size_t given = 0;
  const auto feed = [&] { given += world.receive(conn, std::string_view(body).substr(given)); };
  const Instant begun = world.now.steady;
  for (int i = 0; i < 200; ++i) {  // a hundred a second
    feed();
    const TransferId small = world.add("http://192.0.2.1/");
    const ConnId other = newest(world);
    if (world.engine.interest(other) == Interest{}) world.connected(other);
    world.sent(other);
    const std::string response = answer("0123456789");
    std::size_t taken = 0;
    const Instant since = world.now.steady;
    while (!world.done(small)) {
      taken += world.receive(other, std::string_view(response).substr(taken));
      feed();
      REQUIRE(world.now.steady - since < 1s);
      if (!world.done(small)) world.pass(1ms);
    }
    world.remove(small);
    world.pass(10ms);
  }
  const double seconds = std::chrono::duration<double>(world.now.steady - begun).count();
  CHECK(static_cast<double>(given) > 80'000 * seconds);
  CHECK(static_cast<double>(given) < 115'000 * seconds);
  world.remove(large);
  check_nothing_left(world);
}

TEST_CASE("limits: an interim response begins the wait for the response anew") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", limited_by({.response_timeout = 2s}));
  const ConnId conn = go(world);
  world.pass(1s);
  world.receive(conn, "HTTP/1.1 103 Early Hints\r\n\r\n");
  world.pass(1999ms);
  CHECK_FALSE(world.done(id));
  world.pass(1ms);
  CHECK(world.failure(id) == Code::response_timeout);

  Request put = with_body("PUT", BodyStream{.length = 3});
  REQUIRE(put.fields.add("Expect", "100-continue").has_value());
  const TransferId waits = world.add(std::move(put), limited_by({.response_timeout = 2s}));
  const ConnId up = go(world);
  world.receive(up, "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(supply(world, waits, "abc") == 3);
  world.sent(up);
  world.pass(2s);
  CHECK(world.failure(waits) == Code::response_timeout);
  check_nothing_left(world);
}

TEST_CASE("limits: rates of nothing and negative timeouts are refused") {
  EngineWorld world;
  for (const TransferLimits& limits : {TransferLimits{.low_rate = 0}, TransferLimits{.low_rate = 1, .low_period = 0s},
                                       TransferLimits{.max_receive_rate = 0}, TransferLimits{.max_send_rate = 0},
                                       TransferLimits{.queue_timeout = -1s}, TransferLimits{.resolve_timeout = -1s},
                                       TransferLimits{.tls_timeout = -1s}, TransferLimits{.response_timeout = -1s}}) {
    const auto refused = world.engine.add(EngineWorld::get("http://192.0.2.1/"), limited_by(limits), world.now);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::invalid_option);
  }
}
