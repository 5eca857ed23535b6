// core/engine/carrier: events on an established connection, from a session's events to their effects on transfers, ends
// of connections, and time.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "core/base/limits.hpp"
#include "tests/support/mux_session.hpp"
#include "tests/unit/engine/engine_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using engine::Job;
using engine::PooledConnection;
using flow::TransferPhase;

constexpr std::string_view kHost = "http://192.0.2.1/";

std::string with_length(std::size_t length) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

// One exchange whose request has gone, if it may.
struct Carrying : CarrierBench {
  explicit Carrying(Request request = Request(good(kHost)), TransferOptions options = {},
                    std::unique_ptr<http::Session> session = http1::make_session())
      : job(on_new(queue(std::move(request), std::move(options)), std::move(session))), connection(conn(job)) {
    request_sent = send(connection);
    tells();
  }
  explicit Carrying(TransferOptions options) : Carrying(Request(good(kHost)), std::move(options)) {}

  Job& job;
  PooledConnection& connection;
  std::string request_sent;
};

// ---- events ----

TEST_CASE("carrier events: head and body become outputs, and the transfer is done when its body was taken") {
  Carrying bench;
  bench.pass(2s);
  bench.receive(bench.connection, with_length(5));
  CHECK(bench.tells() == "head t0");
  CHECK(bench.job.head.status == 200);
  CHECK(bench.job.progress.first_byte == bench.now.steady);
  CHECK(bench.job.progress.expected_body_bytes == 5);
  CHECK(bench.job.progress.received_head_bytes == with_length(5).size());
  bench.receive(bench.connection, "he");
  CHECK(bench.tells() == "body t0");
  CHECK(bench.consume(bench.job) == "he");
  bench.receive(bench.connection, "llo");
  CHECK(bench.tells() == "body t0");
  CHECK(bench.job.phase() == TransferPhase::delivering);
  CHECK(bench.job.conn == ConnId{});
  CHECK(bench.connection.is_idle());
  CHECK(bench.consume(bench.job) == "llo");
  CHECK(bench.tells() == "done t0");
  CHECK(bench.job.progress.received_body_bytes == 5);
}

TEST_CASE("carrier events: an interim response is told by itself, and its head is not the final one's") {
  Carrying bench;
  bench.receive(bench.connection, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  const auto told = bench.said<output::InterimReady>();
  CHECK(told.head.status == 103);
  CHECK(told.head.fields.contains("Link"));
  CHECK(bench.job.head.status == 0);
  bench.receive(bench.connection, with_length(0));
  CHECK(bench.tells() == "head t0; done t0");
  CHECK_FALSE(bench.job.head.fields.contains("Link"));
}

TEST_CASE("SB-19 carrier events: interim responses without end are ended") {
  Carrying bench;
  const std::string interim = "HTTP/1.1 102 Processing\r\nX: " + std::string(60'000, 'x') + "\r\n\r\n";
  int taken = 0;
  while (taken < 10 && bench.job.phase() == TransferPhase::active) bench.receive(bench.connection, interim), ++taken;
  CHECK(taken == 6);  // 5 * 60'031 bytes are less than 300 KiB
  CHECK(bench.tells().ends_with("interim t0 102; done t0 response_too_large; close c0"));
}

TEST_CASE("carrier events: a body past the application's limit ends its transfer, said beforehand or not") {
  TransferOptions options;
  options.max_body_bytes = 4;
  Carrying said(options);
  said.receive(said.connection, with_length(5));
  CHECK(said.tells() == "head t0; done t0 body_too_large; close c0");
  Carrying unsaid(options);
  unsaid.receive(unsaid.connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n");
  CHECK(unsaid.tells() == "head t0; body t0");
  unsaid.receive(unsaid.connection, "1\r\nx\r\n");
  CHECK(unsaid.tells() == "done t0 body_too_large; close c0");
  Carrying fits(options);
  fits.receive(fits.connection, with_length(4) + "four");
  CHECK(fits.tells() == "head t0; body t0");
}

TEST_CASE("carrier events: a Keep-Alive field bounds how long its connection is kept, less a margin") {
  Carrying bench;
  bench.receive(bench.connection, "HTTP/1.1 200 OK\r\nKeep-Alive: max=9, timeout=5\r\nContent-Length: 0\r\n\r\n");
  CHECK(bench.connection.kept_for == Duration(4s));
  CHECK(bench.timers.due(bench.connection.expiry_timer) == bench.now.steady + 4s);
  Carrying none;
  none.receive(none.connection, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n");
  CHECK(none.tells() == "head t0; done t0; close c0");
}

TEST_CASE("carrier events: a 408 on a used connection is its idleness, and the request goes elsewhere") {
  CarrierBench bench;
  PooledConnection& connection = bench.used();
  Job& job = bench.on_idle(bench.add(kHost));
  bench.send(connection);
  bench.tells();
  bench.receive(connection, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  CHECK(bench.tells() == "close c0");
  CHECK(job.phase() == TransferPhase::queued);
  CHECK(job.fresh_only);
  CHECK(job.head.status == 0);
  // Its peer has given it up, also where it does not say so: a POST must not find it idle.
  CarrierBench unsaid;
  PooledConnection& kept = unsaid.used();
  unsaid.on_idle(unsaid.add(kHost));
  unsaid.send(kept);
  unsaid.tells();
  unsaid.receive(kept, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  CHECK(unsaid.tells() == "close c0");
  Carrying fresh;
  fresh.receive(fresh.connection, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  CHECK(fresh.tells() == "head t0; done t0");
}

TEST_CASE("carrier events: an exchange that was refused is tried again anywhere, then waits, whatever it asks for") {
  Carrying bench(Request("POST", good(kHost), BodyOwned("payload")), {}, std::make_unique<MuxSession>(2));
  bench.receive(bench.connection, mux_frame('X', 1));
  CHECK(bench.tells() == "");
  CHECK(bench.job.phase() == TransferPhase::active);  // on this very connection, which has room
  CHECK(bench.job.stream == 2);
  CHECK(bench.job.info.retries == 1);
  CHECK(bench.send(bench.connection).ends_with(mux_frame('D', 2, "payload") + mux_frame('E', 2)));
  bench.receive(bench.connection, mux_frame('X', 2));
  CHECK(bench.tells() == "");
  CHECK(bench.job.phase() == TransferPhase::waiting);
  CHECK(bench.job.info.retries == 2);
  CHECK(bench.connection.is_idle());
}

TEST_CASE("carrier events: an exchange that failed alone leaves its connection to the others") {
  Carrying bench(Request(good(kHost)), {}, std::make_unique<MuxSession>(2));
  Job& other = bench.serve(bench.connection, bench.add(kHost));
  bench.send(bench.connection);
  bench.tells();
  bench.receive(bench.connection, mux_frame('R', 1) + mux_answer(2, "hello"));
  CHECK(bench.tells() == "done t0 malformed_response; head t1; body t1");
  CHECK(bench.consume(other) == "hello");
  CHECK(bench.tells() == "done t1");
  CHECK(bench.connection.is_idle());
}

TEST_CASE("SB-12 carrier events: bytes that nobody asked for end their connection, and nobody's transfer") {
  CarrierBench bench;
  PooledConnection& connection = bench.used();
  bench.receive(connection, with_length(0));
  CHECK(bench.tells() == "close c0");
  Carrying surplus;
  surplus.receive(surplus.connection, with_length(0) + "surplus");
  CHECK(surplus.tells() == "head t0; done t0; close c0");
  CHECK(surplus.last_end->has_value());
}

TEST_CASE("carrier events: what is no HTTP ends transfer and connection") {
  Carrying bench;
  bench.receive(bench.connection, "SSH-2.0-server\r\n");
  CHECK(bench.tells() == "done t0 not_http; close c0");
  CHECK_FALSE(bench.last_end->error().retry_safe);
}

// ---- ends of connections ----

TEST_CASE("carrier events: the end of a connection ends what only it can end, and cuts the rest") {
  Carrying whole;
  whole.receive(whole.connection, "HTTP/1.1 200 OK\r\n\r\nall");
  whole.carrier.ended(whole.connection, StreamEnd::clean, {}, whole.now);
  CHECK(whole.tells() == "head t0; body t0; close c0");
  CHECK(whole.job.phase() == TransferPhase::delivering);
  Carrying cut;
  cut.receive(cut.connection, with_length(5) + "he");
  cut.carrier.ended(cut.connection, StreamEnd::clean, "exit status 3", cut.now);
  CHECK(cut.tells() == "head t0; body t0; done t0 truncated; close c0");
  CHECK(cut.last_end->error().message().ends_with(" (192.0.2.1:80: exit status 3)"));
  CarrierBench idle;
  idle.carrier.ended(idle.used(), StreamEnd::clean, {}, idle.now);
  CHECK(idle.tells() == "close c0");
}

TEST_CASE("carrier events: a send that failed is waited for by the answer that may be there") {
  Request upload("POST", good(kHost), BodyOwned(std::string(100'000, 'u')));
  for (const bool answered : {true, false}) {
    CAPTURE(answered);
    CarrierBench bench;
    Job& job = bench.on_new(bench.queue(upload));
    PooledConnection& connection = bench.conn(job);
    bench.send(connection, 1'000);
    bench.tells();
    bench.carrier.broken(connection, make_error(Code::send_failed, "send: Broken pipe", 32), bench.now);
    CHECK(bench.tells() == "");
    CHECK(job.phase() == TransferPhase::active);
    CHECK(bench.connections.interest(connection) == Interest{true, false});
    if (answered) bench.receive(connection, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    if (!answered) bench.carrier.ended(connection, StreamEnd::bare, {}, bench.now);
    CHECK(bench.tells() == (answered ? "head t0; done t0; close c0" : "done t0 send_failed; close c0"));
  }
}

TEST_CASE("carrier events: after a send that failed a connection is not used again, whatever is answered") {
  Carrying bench;
  bench.carrier.broken(bench.connection, make_error(Code::send_failed, "send: Broken pipe"), bench.now);
  bench.receive(bench.connection, with_length(0));
  CHECK(bench.tells() == "head t0; done t0; close c0");
}

TEST_CASE("carrier events: a second failure, or one where exchanges run side by side, is the end at once") {
  Carrying twice;
  twice.carrier.broken(twice.connection, make_error(Code::send_failed, "send: Broken pipe"), twice.now);
  twice.carrier.broken(twice.connection, make_error(Code::receive_failed, "receive: reset"), twice.now);
  CHECK(twice.tells() == "done t0 send_failed; close c0");  // what came first says more
  Carrying many(Request(good(kHost)), {}, std::make_unique<MuxSession>(2));
  many.carrier.broken(many.connection, make_error(Code::send_failed, "send: Broken pipe"), many.now);
  CHECK(many.tells() == "done t0 send_failed; close c0");
}

TEST_CASE("carrier events: a session whose time has come is asked, and its failure is every exchange's") {
  auto made = std::make_unique<MuxSession>(2, Duration(5s));
  MuxSession& session = *made;
  Carrying bench(Request(good(kHost)), {}, std::move(made));
  session.ask(bench.now);
  bench.carrier.after_bytes(bench.connection, bench.now);
  CHECK(bench.timers.due(bench.connection.session_timer) == bench.now.steady + 5s);
  bench.pass(4s);
  bench.carrier.session_timer(bench.connection, bench.now);  // too early: nothing
  CHECK(bench.tells() == "interest c0");
  bench.pass(1s);
  bench.carrier.session_timer(bench.connection, bench.now);
  CHECK(bench.tells() == "done t0 malformed_response; close c0");
}

// ---- uploads and bodies ----

TEST_CASE("carrier events: what was put into a streamed body is sent, and room for more is told") {
  Carrying bench(Request("PUT", good(kHost), BodyStream{.length = 6}));
  CHECK(bench.request_sent.ends_with("Content-Length: 6\r\n\r\n"));
  const auto put = [&](std::string_view part) {
    std::ranges::copy(as_bytes(part), bench.job.upload.space().begin());
    bench.job.upload.commit(part.size());
    bench.job.upload_announced = false;  // as the engine does
    bench.carrier.upload_changed(bench.job, bench.now);
    CHECK(bench.tells() == "interest c0");
    CHECK(bench.send(bench.connection) == part);
  };
  put("four");
  CHECK(bench.tells() == "upload t0");
  CHECK(bench.job.progress.sent_body_bytes == 4);
  CHECK_FALSE(bench.job.progress.sent);
  put("go");
  CHECK(bench.tells() == "");  // it is whole
  CHECK(bench.job.progress.sent_body_bytes == 6);
  CHECK(bench.job.progress.sent == bench.now.steady);
}

TEST_CASE("carrier events: a body that waits for the application is read again once there is room") {
  Carrying bench;
  bench.receive(bench.connection, with_length(100'000));
  bench.receive(bench.connection, std::string(limits::kBodyBufferBytes, 'b'));
  bench.tells();
  CHECK_FALSE(bench.connections.interest(bench.connection).read);
  bench.carrier.consume(bench.job, 10, bench.now);
  CHECK(bench.tells() == "interest c0");
  CHECK(bench.connections.interest(bench.connection).read);
  bench.carrier.consume(bench.job, 10, bench.now);  // nothing has changed by this one
  CHECK(bench.tells() == "");
}

TEST_CASE("carrier events: where exchanges run side by side what was taken opens the window of its own") {
  Carrying bench(Request(good(kHost)), {}, std::make_unique<MuxSession>(2));
  bench.receive(bench.connection, mux_frame('H', 1, "200") + mux_frame('D', 1, "hello"));
  CHECK(bench.tells() == "head t0; body t0");
  CHECK(bench.consume(bench.job) == "hello");
  CHECK(bench.tells() == "interest c0");
  CHECK(bench.send(bench.connection) == mux_frame('W', 1, std::string_view("\5\0\0\0", 4)));
}

// ---- time ----

TEST_CASE("carrier events: a body is held back until 100 has come or its time is over") {
  Request request("PUT", good(kHost), BodyOwned("payload"));
  REQUIRE(request.fields.add("Expect", "100-continue"));
  Carrying waited(request);
  CHECK(waited.request_sent.ends_with("\r\n\r\n"));
  CHECK(waited.timers.due(waited.job.continue_timer) == waited.now.steady + 1s);
  waited.carrier.continue_timer(waited.job, waited.now);
  CHECK(waited.tells() == "interest c0");
  CHECK(waited.send(waited.connection) == "payload");
  Carrying told(request);
  told.receive(told.connection, "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(told.tells() == "interim t0 100");
  CHECK_FALSE(told.timers.is_set(told.job.continue_timer));
  CHECK(told.send(told.connection) == "payload");
}

TEST_CASE("carrier events: who is idle for its time is ended, counted from the last byte either way") {
  TransferOptions options;
  options.idle_timeout = 5s;
  Carrying bench(options);
  bench.pass(3s);
  bench.receive(bench.connection, with_length(10) + "x");
  bench.tells();
  bench.pass(2s);
  REQUIRE(bench.timers.pop_due(bench.now.steady));
  bench.carrier.idle_timer(bench.job, bench.now);
  CHECK(bench.tells() == "");
  CHECK(bench.timers.due(bench.job.idle_timer) == bench.now.steady + 3s);
  bench.pass(3s);
  REQUIRE(bench.timers.pop_due(bench.now.steady));
  bench.carrier.idle_timer(bench.job, bench.now);
  CHECK(bench.tells() == "done t0 idle_timeout; close c0");
  CHECK(bench.last_end->error().message() == "GET http://192.0.2.1/: no byte came or went for 5000 ms");
}

TEST_CASE("carrier events: a transfer that waits for its application is not idle, until that has done its part") {
  TransferOptions options;
  options.idle_timeout = 5s;
  Carrying bench(options);
  bench.receive(bench.connection, with_length(100'000));
  bench.receive(bench.connection, std::string(limits::kBodyBufferBytes, 'b'));
  bench.tells();
  bench.pass(5s);
  REQUIRE(bench.timers.pop_due(bench.now.steady));
  bench.carrier.idle_timer(bench.job, bench.now);
  CHECK(bench.job.phase() == TransferPhase::active);
  CHECK_FALSE(bench.timers.is_set(bench.job.idle_timer));
  bench.pass(60s);
  bench.carrier.consume(bench.job, 100, bench.now);
  CHECK(bench.timers.due(bench.job.idle_timer) == bench.now.steady + 5s);
}

}  // namespace
