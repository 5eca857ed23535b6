// What is reported of a transfer besides its bytes: Progress, TransferInfo, when its timers run, and that nothing comes
// from an earlier transfer in the same slot. Blame: faults_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

// A transfer that nothing has happened to yet.
void check_untouched(const EngineWorld& world, TransferId id) {
  const Progress& progress = world.engine.progress(id);
  CHECK(progress.queued == world.now.steady);
  CHECK(progress.received_head_bytes + progress.received_body_bytes + progress.sent_head_bytes +
            progress.sent_body_bytes ==
        0);
  CHECK_FALSE(progress.expected_body_bytes.has_value());
  for (const auto& at :
       {progress.resolved, progress.connected, progress.secured, progress.sent, progress.first_byte, progress.done}) {
    CHECK_FALSE(at.has_value());
  }
  const TransferInfo info = world.engine.info(id);
  CHECK(info.conn == ConnId{});
  CHECK(info.address == Address{});
  CHECK(info.local == Address{});
  CHECK(info.certificates.empty());
  CHECK(info.route.empty());
  CHECK_FALSE(info.reused);
  CHECK(info.retries == 0);
  CHECK((info.tls_version + info.tls_cipher + info.alpn + info.tls_subject + info.tls_issuer).empty());
  CHECK_FALSE(info.tls_resumed);
  CHECK(world.engine.head(id).status == 0);
  CHECK(world.engine.head(id).fields.empty());
  CHECK(world.engine.trailers(id).empty());
  CHECK(world.engine.body(id).empty());
  CHECK_FALSE(world.engine.is_done(id));
}

const Error& error_of(const EngineWorld& world, TransferId id) {
  REQUIRE(world.done(id));
  REQUIRE_FALSE(world.succeeded(id));
  return world.results.at(id).error();
}

TransferOptions idle_after(Duration most) {
  TransferOptions options;
  options.idle_timeout = most;
  return options;
}

bool has_timer(const EngineWorld& world, TimerKind kind) {
  const auto deadline = world.engine.deadline();
  return deadline && deadline->why == kind;
}

}  // namespace

// ---- times and counts ----

TEST_CASE("figures: sent is the moment at which the wire has taken the last byte, and stays") {
  EngineWorld world;
  const std::string bytes(1'000, 'u');
  const TransferId id = world.add(with_body("PUT", BodyView{as_bytes(bytes)}));
  const ConnId conn = newest(world);
  world.connected(conn);
  const std::size_t head = world.engine.progress(id).sent_head_bytes;
  world.sent(conn, head - 1);
  CHECK(world.engine.progress(id).sent_body_bytes == 0);
  world.pass(1s);
  world.sent(conn, 1 + 999);
  CHECK_FALSE(world.engine.progress(id).sent.has_value());
  CHECK(world.engine.progress(id).sent_body_bytes == 999);
  world.pass(1s);
  world.sent(conn);
  const Instant sent = world.now.steady;
  CHECK(world.engine.progress(id).sent == sent);
  CHECK(world.engine.progress(id).sent_body_bytes == 1'000);
  world.pass(1s);
  world.receive(conn, answer("x"));
  CHECK(world.engine.progress(id).sent == sent);
  CHECK(world.engine.progress(id).first_byte == world.now.steady);
  CHECK(world.engine.progress(id).done == world.now.steady);
}

TEST_CASE("figures: a streamed body counts as sent when its end is, not when there is nothing to send") {
  EngineWorld world;
  const TransferId id = world.add(with_body("POST", BodyStream{}));
  const ConnId conn = go(world);
  CHECK_FALSE(world.engine.progress(id).sent.has_value());
  supply(world, id, "some");
  world.sent(conn);
  CHECK(world.engine.progress(id).sent_body_bytes == 4);
  CHECK_FALSE(world.engine.progress(id).sent.has_value());
  world.pass(2s);
  world.engine.finish_upload(id, world.now);
  world.drain();
  CHECK_FALSE(world.engine.progress(id).sent.has_value());
  world.sent(conn);
  CHECK(world.engine.progress(id).sent == world.now.steady);
}

TEST_CASE("figures: over TLS, what the layer holds is not sent") {
  TlsWorld world;
  const TransferId id = world.ask();
  const ConnId conn = world.connect();
  world.to_server(conn);
  world.to_client(conn);
  REQUIRE(world.engine.progress(id).secured.has_value());
  world.sent(conn, 20);
  CHECK_FALSE(world.engine.progress(id).sent.has_value());
  world.pass(1s);
  world.sent(conn);
  CHECK(world.engine.progress(id).sent == world.now.steady);
}

TEST_CASE("figures: a connection that was there took no time; a wait of the transfer's own counts") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  world.pass(3s);
  const TransferId id = world.add("http://192.0.2.1/");
  REQUIRE(world.engine.info(id).conn == conn);
  CHECK(world.engine.info(id).reused);
  const Progress& progress = world.engine.progress(id);
  for (const auto& at : {progress.resolved, progress.connected, progress.secured}) CHECK(at == world.now.steady);
  CHECK(progress.queued == world.now.steady);
}

TEST_CASE("figures: a transfer that waited in line for a connection has its times when it got that") {
  EngineOptions one;
  one.max_connections_per_origin = 1;
  EngineWorld world(one);
  world.add("http://192.0.2.1/1");
  const ConnId conn = go(world);
  const TransferId id = world.add("http://192.0.2.1/2");
  const Instant queued = world.now.steady;
  world.pass(3s);
  CHECK_FALSE(world.engine.progress(id).connected.has_value());
  world.receive(conn, answer("x"));
  const Progress& progress = world.engine.progress(id);
  CHECK(progress.queued == queued);
  for (const auto& at : {progress.resolved, progress.connected, progress.secured}) CHECK(at == queued + 3s);
}

TEST_CASE("figures: done has its time for a success, a failure and a timeout") {
  EngineWorld world;
  const TransferId good = world.add("http://192.0.2.1/good");
  const ConnId conn = go(world);
  world.pass(1s);
  world.receive(conn, answer("x"));
  CHECK(world.engine.progress(good).done == world.now.steady);
  const TransferId cut = world.add("http://192.0.2.1/cut");
  world.sent(conn);
  world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx");
  world.pass(1s);
  world.eof(conn);
  CHECK(error_of(world, cut).code == Code::truncated);
  CHECK(world.engine.progress(cut).done == world.now.steady);
  CHECK(world.engine.progress(cut).received_body_bytes == 1);
  CHECK(world.engine.progress(cut).expected_body_bytes == 2);
  TransferOptions hurry;
  hurry.total_timeout = 4s;
  const TransferId late = world.add("http://192.0.2.1/late", hurry);
  world.pass(4s);
  CHECK(error_of(world, late).code == Code::total_timeout);
  CHECK(world.engine.progress(late).done == world.now.steady);
}

TEST_CASE("figures: in a handshake the transfer knows when it was connected, and not yet that it is secure") {
  TlsWorld world;
  world.options.forbid_reuse = true;
  for (int round = 0; round < 2; ++round) {  // the second has the slots of the first
    CAPTURE(round);
    const TransferId id = world.ask();
    world.pass(1s);
    const ConnId conn = world.connect();
    CHECK(world.engine.progress(id).connected == world.now.steady);
    CHECK_FALSE(world.engine.progress(id).secured.has_value());
    world.pass(1s);
    world.carry(conn);
    CHECK(world.engine.progress(id).secured == world.now.steady);
    world.answer_with(conn, answer("x"));
    CHECK(world.succeeded(id));
    CHECK(world.engine.info(id).reused == false);
    CHECK(closes_of(world, conn) == 1);
    world.remove(id);
  }
  check_nothing_left(world);
}

// ---- slots that are used again ----

TEST_CASE("figures: a transfer in a slot that was used before begins with nothing") {
  TlsWorld world;
  // One with all there is: TLS, an interim head, trailers, an upload, and a body that is not whole.
  Request request = with_body("POST", BodyStream{}, "https://example.org/");
  const TransferId first = world.add(std::move(request), world.options);
  const ConnId conn = world.connect();
  world.carry(conn);
  supply(world, first, "question");
  world.engine.finish_upload(first, world.now);
  world.drain();
  world.carry(conn);
  world.answer_with(conn,
                    "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 Good\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n0\r\nDigest: d\r\n\r\n");
  REQUIRE(world.succeeded(first));
  CHECK(world.engine.trailers(first).contains("Digest"));
  CHECK_FALSE(world.engine.info(first).tls_version.empty());
  world.remove(first);
  CHECK_FALSE(world.engine.contains(first));
  world.pass(1s);
  const TransferId second = world.add("http://192.0.2.9/");
  REQUIRE(second.index == first.index);
  check_untouched(world, second);
  const ConnId plain = go(world);
  world.receive(plain, answer("x"));
  CHECK(world.succeeded(second));
  CHECK(world.engine.trailers(second).empty());
  CHECK(world.engine.info(second).tls_version.empty());
  world.remove(second);
  // A streamed body is asked for in this slot as if it were the first.
  const std::size_t told = world.uploads_ready.size();
  const TransferId third = world.add(with_body("POST", BodyStream{}, "http://192.0.2.9/"));
  REQUIRE(third.index == first.index);
  CHECK(world.uploads_ready.size() == told + 1);
  world.remove(third);
  check_nothing_left(world);
}

TEST_CASE("figures: a transfer that is removed with room announced leaves nothing of it to the next in its slot") {
  EngineWorld world;
  const TransferId first = world.add(with_body("POST", BodyStream{}));
  go(world);
  CHECK(world.uploads_ready.size() == 1);
  world.remove(first);
  const TransferId second = world.add(with_body("POST", BodyStream{}));
  REQUIRE(second.index == first.index);
  go(world);
  CHECK(world.uploads_ready.size() == 2);
  world.remove(second);
  check_nothing_left(world);
}

TEST_CASE("figures: a plain connection in the slot of one with TLS tells nothing of TLS") {
  TlsWorld world;
  world.options.forbid_reuse = true;
  const ConnId secure = world.one_whole_get();
  REQUIRE(closes_of(world, secure) == 1);
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId plain = go(world);
  REQUIRE(plain.index == secure.index);
  CHECK_FALSE(world.engine.info(id).reused);
  CHECK(world.engine.info(id).tls_version.empty());
  world.receive(plain, answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).tls_version.empty());
}

TEST_CASE("figures: a TLS connection in the slot of one that its peer has closed is not closed by that") {
  TlsWorld world;
  ConnId conn = world.one_whole_get();
  world.server(conn).close_notify();
  world.to_client(conn);
  REQUIRE(closes_of(world, conn) == 1);
  world.pass(1s);
  const ConnId gone = conn;
  conn = world.one_whole_get();
  REQUIRE(conn.index == gone.index);
  CHECK(closes_of(world, conn) == 0);
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("figures: a connection in the slot of one whose send failed, or whose interest was told, begins anew") {
  EngineWorld world;
  const TransferId first = world.add(with_body("PUT", BodyOwned{std::string(1'000, 'u')}));
  const ConnId broken = newest(world);
  world.connected(broken);
  world.sent(broken, 100);
  world.io_error(broken, Code::send_failed, "send: Broken pipe");
  world.receive(broken, answer("x"));
  CHECK(world.done(first));
  CHECK(closes_of(world, broken) == 1);
  world.pass(1s);  // the next fact makes its slot free
  const TransferId second = world.add("http://192.0.2.1/");
  const ConnId conn = newest(world);
  REQUIRE(conn.index == broken.index);
  world.connected(conn);
  CHECK(world.engine.interest(conn) == Interest{true, true});
  world.sent(conn);
  world.eof(conn);
  CHECK(error_of(world, second).code == Code::connection_closed);  // not the other's broken pipe
  CHECK(error_of(world, second).message().find("Broken pipe") == std::string::npos);

  // An InterestChanged that is never read, since its connection goes first, is not the next one's.
  one_get(world);
  const auto third = world.engine.add(EngineWorld::get("http://192.0.2.1/"), {}, world.now);
  REQUIRE(third.has_value());
  world.engine.remove(*third, world.now);
  world.drain();
  CHECK(world.engine.connections() == 0);
  world.pass(1s);
  const TransferId fourth = world.add("http://192.0.2.1/");
  const ConnId again = go(world);
  world.receive(again, answer("x"));
  CHECK(world.succeeded(fourth));
  const std::size_t told = world.changed.size();
  world.add("http://192.0.2.1/");
  CHECK(world.changed.size() == told + 1);
  CHECK(world.changed.back() == again);
}

// ---- outputs, once ----

TEST_CASE("figures: an interest that changes several times before it is read is told once") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  world.changed.clear();
  auto id = world.engine.add(with_body("POST", BodyStream{}), {}, world.now);
  REQUIRE(id.has_value());
  for (int i = 0; i < 3; ++i) {
    const MutableBytes space = world.engine.upload_space(*id);
    REQUIRE_FALSE(space.empty());
    space.front() = 'x';
    world.engine.commit_upload(*id, 1, world.now);
  }
  world.engine.finish_upload(*id, world.now);
  world.drain();
  CHECK(world.changed == std::vector<ConnId>{conn});
  CHECK(world.engine.interest(conn).write);
}

TEST_CASE("figures: BodyReady is not told for what was consumed before it was read") {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/");
  const ConnId conn = go(world);
  const std::string_view bytes = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab";
  const MutableBytes space = world.engine.receive_space(conn);
  std::copy(bytes.begin(), bytes.end(), space.begin());
  world.engine.handle_received(conn, bytes.size(), world.now);
  world.engine.consume_body(id, world.engine.body(id).size(), world.now);
  std::size_t told = 0;
  while (const auto out = world.engine.poll_output()) told += std::holds_alternative<output::BodyReady>(*out) ? 1U : 0U;
  CHECK(told == 0);
  world.receive(conn, "cd");
  CHECK(world.bodies[id] == "cd");
  CHECK(world.succeeded(id));
}

// ---- timers ----

TEST_CASE("figures: after a response's last byte its transfer has no idle time, however late it is consumed") {
  EngineWorld world;
  world.consume = false;
  const TransferId id = world.add("http://192.0.2.1/", idle_after(5s));
  const ConnId conn = go(world);
  CHECK(has_timer(world, TimerKind::idle_timeout));
  world.receive(conn, answer("body"));
  CHECK(has_timer(world, TimerKind::connection_expiry));
  world.pass(20s);
  CHECK_FALSE(world.done(id));
  world.take_body(id);
  world.drain();
  CHECK(world.succeeded(id));
  check_nothing_left(world);
}

TEST_CASE("figures: a transfer that is tried again has no idle time until it has a connection") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  TransferOptions options = idle_after(5s);
  options.connect_timeout.reset();
  const TransferId id = world.add("http://192.0.2.1/", options);
  world.sent(conn);
  world.eof(conn);
  REQUIRE(world.engine.info(id).retries == 1);
  CHECK_FALSE(world.engine.deadline().has_value());
  world.pass(60s);
  const ConnId fresh = go(world);
  CHECK(world.engine.deadline()->at == world.now.steady + 5s);
  world.receive(fresh, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("figures: an exchange's idle time begins with the exchange, on a connection that was idle for long") {
  EngineWorld world;
  const ConnId conn = one_get(world);
  world.pass(50s);
  const TransferId id = world.add("http://192.0.2.1/", idle_after(5s));
  world.pass(4s);
  CHECK_FALSE(world.done(id));
  world.sent(conn);  // counts as activity
  world.pass(4s);
  CHECK_FALSE(world.done(id));
  world.receive(conn, "HTTP/1.1 ");  // and so does this
  world.pass(4s);
  CHECK_FALSE(world.done(id));
  world.pass(1s);
  CHECK(error_of(world, id).code == Code::idle_timeout);
}

TEST_CASE("figures: a dial that is made has no connect timeout any more") {
  EngineWorld world;
  TransferOptions options;
  options.connect_timeout = 5s;
  const TransferId id = world.add("http://192.0.2.1/", options);
  CHECK(has_timer(world, TimerKind::connect_timeout));
  go(world);
  CHECK_FALSE(world.engine.deadline().has_value());
  world.pass(60s);
  CHECK_FALSE(world.done(id));
}

TEST_CASE("figures: a dial's timeout is that of who waits for it, and none where that one has none") {
  EngineOptions one;
  one.max_connections_per_origin = 1;
  EngineWorld world(one);
  TransferOptions hurry, patient;
  hurry.connect_timeout = 5s;
  patient.connect_timeout.reset();
  const TransferId first = world.add("http://192.0.2.1/1", hurry);
  const TransferId second = world.add("http://192.0.2.1/2", patient);
  world.remove(first);
  CHECK_FALSE(world.engine.deadline().has_value());
  world.pass(60s);
  CHECK_FALSE(world.done(second));
  const ConnId conn = go(world);
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(second));
}

TEST_CASE("figures: a dial that nobody waits for any more ends by the timeout it had, if that comes first") {
  EngineOptions options;
  options.idle_connection_timeout = 20s;
  EngineWorld world(options);
  world.add("http://192.0.2.1/1");
  const ConnId busy = go(world);
  TransferOptions hurry;
  hurry.connect_timeout = 5s;
  world.add("http://192.0.2.1/2", hurry);
  const ConnId hangs = newest(world);
  REQUIRE(hangs != busy);
  world.pass(1s);
  world.receive(busy, answer("x"));  // the second one rides on it
  world.pass(3s);
  CHECK(closes_of(world, hangs) == 0);
  world.pass(1s);
  CHECK(closes_of(world, hangs) == 1);
}

TEST_CASE("figures: a wall clock that is set back is believed at once") {
  TlsWorld world;
  world.now.wall = kNoon + 300 * kDay;
  world.engine.handle_timeout(world.now);
  world.drain();
  world.now.wall = kNoon;
  world.one_whole_get();  // its certificate is good now, and was not then
}
