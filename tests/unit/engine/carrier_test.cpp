// core/engine/carrier: how exchanges begin and end, which failures are retried, what follows a hop. Events in between:
// carrier_events_test.cpp.
#include "core/engine/carrier.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "tests/support/mux_session.hpp"
#include "tests/support/next_rule.hpp"
#include "tests/unit/engine/engine_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using engine::Job;
using engine::PooledConnection;
using flow::TransferPhase;

constexpr std::string_view kOrigin = "http://192.0.2.1/";
constexpr std::string_view kGetSent = "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n";
constexpr std::string_view kEmpty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

Error reset_by_peer() { return make_error(Code::receive_failed, "receive: Connection reset by peer", 104); }

// Waits at the front of its endpoint's queue, for a connection that was not used.
bool is_tried_elsewhere(CarrierBench& bench, const Job& job) {
  return job.phase() == TransferPhase::queued && bench.endpoint(job).queue.front() == &job && job.fresh_only &&
         job.info.retries == 1 && job.conn == ConnId{};
}

// ---- the beginning ----

TEST_CASE("carrier: who is served gets an exchange, and its request is sent") {
  CarrierBench bench;
  TransferOptions options;
  options.idle_timeout = 7s;
  options.attempts_timeout = 20s;
  Job& job = bench.on_new(kOrigin, options);
  PooledConnection& connection = bench.conn(job);
  CHECK(bench.tells() == "interest c0");
  CHECK(job.phase() == TransferPhase::active);
  CHECK(connection.exchanges.find(job.stream) == job.id);
  CHECK(connection.exchanges_carried == 1);
  CHECK(job.info.conn == connection.id);
  CHECK(job.info.address.to_string() == "192.0.2.1:80");
  CHECK_FALSE(job.info.reused);
  CHECK(job.progress.sent_head_bytes == kGetSent.size());
  CHECK(bench.timers.due(job.idle_timer) == bench.now.steady + 7s);
  CHECK(bench.timers.due(job.attempts_timer) == bench.now.steady + 20s);
  bench.pass(1s);
  CHECK(bench.send(connection, 5) == "GET /");
  CHECK_FALSE(job.progress.sent);
  CHECK(bench.send(connection) == kGetSent.substr(5));
  CHECK(job.progress.sent == bench.now.steady);
  bench.connections.check_invariants();
  bench.jobs.check_invariants();
}

TEST_CASE("carrier: a request head is told where that was asked for") {
  CarrierBench bench;
  TransferOptions options;
  options.report_heads = true;
  Job& job = bench.on_new(kOrigin, options);
  const auto told = bench.said<output::HeadSent>();
  CHECK(told.transfer == job.id);
  CHECK(told.head == kGetSent);
}

TEST_CASE("carrier: a connection that was used is named so, and its times are no part of this transfer") {
  CarrierBench bench;
  PooledConnection& connection = bench.used();
  bench.pass(3s);
  Job& job = bench.on_idle(bench.add(kOrigin));
  CHECK(job.conn == connection.id);
  CHECK(job.info.reused);
  CHECK(job.progress.connected == bench.now.steady);
  CHECK_FALSE(connection.is_idle());
}

TEST_CASE("carrier: a request that its session refuses ends its transfer, and the connection takes the next one") {
  CarrierBench bench;
  Job& refused = bench.add("http://192.0.2.1/unsendable");
  Job& next = bench.add(kOrigin);
  bench.on_new(refused, std::make_unique<MuxSession>(1));
  CHECK(bench.tells() == "done t0 invalid_request; interest c0");
  REQUIRE(next.phase() == TransferPhase::active);
  CHECK(bench.conn(next).exchanges_carried == 1);
}

TEST_CASE("carrier: one whose own connection is still being made leaves that to others when it gets another") {
  CarrierBench bench;
  Job& job = bench.add(kOrigin);
  const pool::DialId own = bench.dial(job).id;
  CHECK(bench.tells() == "connect c0 to 192.0.2.1:80");
  bench.serve(bench.stand(bench.endpoint(job)), job);
  CHECK(job.phase() == TransferPhase::active);
  CHECK(job.dial == pool::DialId{});
  REQUIRE(bench.dialer.find(own));
  CHECK(bench.dialer.find(own)->sponsor == TransferId{});
  CHECK_FALSE(bench.dialer.find(own)->unwanted);
}

// ---- the end ----

TEST_CASE("carrier: at its end a connection is parked, or goes to the next in the queue, or is closed") {
  CarrierBench bench;
  Job& first = bench.on_new();
  PooledConnection& connection = bench.conn(first);
  Job& second = bench.add(kOrigin);
  bench.send(connection);
  bench.tells();
  bench.receive(connection, kEmpty);
  CHECK(bench.tells() == "head t0; done t0");
  CHECK(second.conn == connection.id);
  CHECK(second.info.reused);
  bench.send(connection);
  bench.receive(connection, kEmpty);
  CHECK(bench.tells() == "head t1; done t1");
  CHECK(connection.is_idle());
  CHECK(bench.timers.is_set(connection.expiry_timer));
  TransferOptions last;
  last.forbid_reuse = true;
  bench.on_idle(bench.add(kOrigin, last));
  bench.send(connection);
  bench.receive(connection, kEmpty);
  CHECK(bench.tells() == "interest c0; head t2; done t2; close c0");
  bench.connections.check_invariants();
}

TEST_CASE("carrier: an answer to a request that was not sent whole ends its connection") {
  CarrierBench bench;
  Job& job = bench.on_new(bench.queue(Request("PUT", good(kOrigin), BodyOwned(std::string(1'000, 'u')))));
  PooledConnection& connection = bench.conn(job);
  bench.send(connection, 100);
  bench.receive(connection, kEmpty);
  CHECK(bench.tells() == "interest c0; head t0; done t0; close c0");
  CHECK(bench.last_end->has_value());
  CHECK(job.progress.sent_body_bytes < 1'000);
}

// ---- a connection that failed ----

TEST_CASE("carrier: a used connection that fails costs an idempotent request nothing but another try") {
  CarrierBench bench;
  PooledConnection& connection = bench.used();
  Job& job = bench.on_idle(bench.add(kOrigin));
  bench.send(connection);
  bench.tells();
  bench.carrier.failed(connection, reset_by_peer(), bench.now);
  CHECK(bench.tells() == "close c0");
  CHECK(is_tried_elsewhere(bench, job));
  CHECK(job.retried == bench.now.steady);
  // Once: the next one that fails is its end.
  PooledConnection& second = bench.stand(bench.endpoint(job));
  second.was_idle = true;
  bench.serve(second, job);
  bench.send(second);
  bench.carrier.failed(second, reset_by_peer(), bench.now);
  CHECK(bench.tells() == "interest c1; done t1 receive_failed; close c1");
}

TEST_CASE("SB-48 carrier: a request that must not be repeated is tried again only where none of it was sent") {
  for (const std::size_t sent : {std::size_t{0}, std::size_t{1}}) {
    CAPTURE(sent);
    CarrierBench bench;
    PooledConnection& connection = bench.used();
    Job& job = bench.on_idle(bench.queue(Request("POST", good(kOrigin), BodyOwned("payload"))));
    if (sent > 0) bench.send(connection, sent);
    bench.tells();
    bench.carrier.failed(connection, reset_by_peer(), bench.now);
    if (sent == 0) {
      CHECK(bench.tells() == "close c0");
      CHECK(is_tried_elsewhere(bench, job));
    } else {
      CHECK(bench.tells() == "done t1 receive_failed; close c0");
      CHECK_FALSE(bench.last_end->error().retry_safe);
    }
  }
}

TEST_CASE("carrier: on a connection that is new, or after the first byte of a response, a failure is the end") {
  CarrierBench bench;
  Job& job = bench.on_new();
  bench.send(bench.conn(job));
  bench.carrier.failed(bench.conn(job), reset_by_peer(), bench.now);
  CHECK(bench.tells() == "interest c0; done t0 receive_failed; close c0");
  CHECK(bench.last_end->error().retry_safe);  // by the application: a GET
  PooledConnection& connection = bench.used();
  Job& answered = bench.on_idle(bench.add(kOrigin));
  bench.send(connection);
  bench.receive(connection, "HTTP/1.1 2");
  bench.tells();
  bench.carrier.failed(connection, reset_by_peer(), bench.now);
  CHECK(bench.tells() == "done t2 receive_failed; close c1");
  CHECK(answered.phase() == TransferPhase::done);
  CHECK_FALSE(bench.last_end->error().retry_safe);
}

TEST_CASE("carrier: a connection that fails takes every exchange on it with it, each by its own rules") {
  CarrierBench bench;
  Job& get = bench.on_new(bench.add(kOrigin), std::make_unique<MuxSession>(3));
  PooledConnection& connection = bench.conn(get);
  connection.was_idle = true;
  Job& post = bench.serve(connection, bench.queue(Request("POST", good(kOrigin), BodyOwned("payload"))));
  CHECK(post.conn == connection.id);
  bench.send(connection);
  bench.tells();
  bench.carrier.failed(connection, reset_by_peer(), bench.now);
  CHECK(bench.tells() == "done t1 receive_failed; close c0");
  CHECK(is_tried_elsewhere(bench, get));
  CHECK(connection.exchanges.empty());
  bench.jobs.check_invariants();
}

TEST_CASE("carrier: a body that has to be given again is asked for when its request is tried again") {
  CarrierBench bench;
  PooledConnection& connection = bench.used();
  Job& job = bench.on_idle(bench.queue(Request("PUT", good(kOrigin), BodyStream{.rewindable = true})));
  CHECK(bench.tells() == "interest c0; upload t1");
  job.upload.space()[0] = 'u';
  job.upload.commit(1);
  bench.carrier.failed(connection, reset_by_peer(), bench.now);
  CHECK(bench.tells() == "rewind t1; close c0");
  CHECK(is_tried_elsewhere(bench, job));
  CHECK(job.upload.awaits_rewind());
}

// ---- a transfer that failed ----

TEST_CASE("carrier: one that fails while it waits leaves its queue") {
  CarrierBench bench;
  Job& job = bench.add(kOrigin);
  bench.carrier.fail(job, engine::canceled(), bench.now);
  CHECK(bench.tells() == "done t0 canceled");
  CHECK(bench.endpoint(job).queue.empty());
}

TEST_CASE("carrier: one that fails while a connection is made for it leaves a dial that nobody wants") {
  CarrierBench bench;
  Job& job = bench.add(kOrigin);
  const pool::Dial& dial = bench.dial(job);
  bench.tells();
  bench.carrier.fail(job, engine::canceled(), bench.now);
  CHECK(bench.tells() == "done t0 canceled");
  CHECK(dial.sponsor == TransferId{});
  CHECK(dial.unwanted);
  CHECK(bench.endpoint(job).dialing.empty());
}

TEST_CASE(
    "carrier: one that fails on its connection ends that over HTTP/1, and its exchange alone where there are more") {
  CarrierBench bench;
  Job& job = bench.on_new();
  bench.tells();
  bench.carrier.fail(job, engine::canceled(), bench.now);
  CHECK(bench.tells() == "done t0 canceled; close c0");
  CarrierBench many;
  Job& first = many.on_new(many.add(kOrigin), std::make_unique<MuxSession>(2));
  PooledConnection& connection = many.conn(first);
  Job& second = many.serve(connection, many.add(kOrigin));
  many.send(connection);
  many.tells();
  many.carrier.fail(first, engine::canceled(), many.now);
  CHECK(many.tells() == "done t0 canceled; interest c0");
  CHECK(many.send(connection) == mux_frame('R', 1));
  CHECK(second.phase() == TransferPhase::active);
  many.carrier.fail(second, engine::canceled(), many.now);
  CHECK(many.tells() == "done t1 canceled; interest c0");
  CHECK(connection.is_idle());
}

TEST_CASE("carrier: one that fails after all was received leaves its connection alone") {
  CarrierBench bench;
  Job& job = bench.on_new();
  PooledConnection& connection = bench.conn(job);
  bench.send(connection);
  bench.receive(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(job.phase() == TransferPhase::delivering);
  bench.tells();
  bench.carrier.fail(job, engine::canceled(), bench.now);
  CHECK(bench.tells() == "done t0 canceled");
  CHECK(connection.is_idle());
}

// ---- hops ----

TEST_CASE("carrier: a response that another hop follows is not told, and its connection is kept for what comes") {
  const NextRule rule;
  CarrierBench bench(&rule);
  Job& job = bench.on_new();
  PooledConnection& connection = bench.conn(job);
  bench.send(connection);
  bench.tells();
  bench.receive(connection, "HTTP/1.1 302 Found\r\nNext: http://192.0.2.1/next\r\nContent-Length: 4\r\n\r\nskip");
  CHECK(bench.tells() == "hop done t0");
  CHECK(job.phase() == TransferPhase::active);
  CHECK(job.request.url.path() == "/next");
  CHECK(bench.send(connection).starts_with("GET /next HTTP/1.1\r\n"));
}

TEST_CASE("carrier: a response that is too long to be skipped costs its connection") {
  const NextRule rule;
  CarrierBench bench(&rule);
  Job& job = bench.on_new();
  PooledConnection& connection = bench.conn(job);
  bench.send(connection);
  bench.tells();
  bench.receive(connection, "HTTP/1.1 302 Found\r\nNext: http://192.0.2.1/next\r\nContent-Length: 65537\r\n\r\n");
  CHECK(bench.tells() == "hop done t0; close c0");
  CHECK(job.phase() == TransferPhase::queued);
}

TEST_CASE("carrier: a hop that begins later waits for its time, and its failure is asked about as well") {
  const NextRule rule;
  CarrierBench bench(&rule);
  Job& job = bench.add(kOrigin);
  bench.carrier.fail(job, make_error(Code::connect_failed, "refused"), bench.now);
  CHECK(bench.tells() == "hop done t0");
  CHECK(job.phase() == TransferPhase::waiting);
  CHECK(bench.timers.due(job.wait_timer) == bench.now.steady + 1s);
  bench.pass(1s);
  bench.timers.pop_due(bench.now.steady);
  bench.carrier.backoff_over(job, bench.now);
  CHECK(job.phase() == TransferPhase::queued);
  CHECK(bench.endpoint(job).queue.front() == &job);
  bench.carrier.fail(job, make_error(Code::connect_failed, "refused"), bench.now);
  REQUIRE(job.phase() == TransferPhase::waiting);
  bench.carrier.fail(job, engine::canceled(), bench.now);
  CHECK(bench.tells() == "hop done t0; done t0 canceled");
  CHECK_FALSE(bench.timers.earliest());
}

// Never gives up.
struct AgainRule final : flow::HopRule {
  Result<std::optional<flow::NextHop>> next(const flow::HopEnd& end) const override {
    return flow::NextHop{.request = {"GET", end.request.url}};
  }
};

TEST_CASE("carrier: what the application or a limit of its own has ended is over, whatever a rule says") {
  const AgainRule rule;
  for (const Code code : {Code::canceled, Code::total_timeout, Code::attempts_timeout, Code::out_of_memory}) {
    CAPTURE(to_string(code));
    CarrierBench bench(&rule);
    Job& queued = bench.add(kOrigin);
    bench.carrier.fail(queued, make_error(Code::idle_timeout, "silence"), bench.now);
    CHECK(queued.phase() == TransferPhase::queued);
    bench.carrier.fail(queued, make_error(code, "over"), bench.now);
    CHECK(bench.tells() == "hop done t0; done t0 " + std::string(to_string(code)));
    // Also where a response that is still being read has said what follows.
    Job& redirected = bench.on_new();
    bench.send(bench.conn(redirected));
    bench.receive(bench.conn(redirected), "HTTP/1.1 302 Found\r\nContent-Length: 4\r\n\r\nsk");
    REQUIRE(redirected.next_hop);
    bench.carrier.fail(redirected, make_error(code, "over"), bench.now);
    CHECK(bench.tells() == "interest c0; done t1 " + std::string(to_string(code)) + "; close c0");
  }
}

TEST_CASE("carrier: a hop that a response has led to is taken also where the rest of that response never comes") {
  const NextRule rule;
  CarrierBench bench(&rule);
  Job& job = bench.on_new();
  PooledConnection& connection = bench.conn(job);
  bench.send(connection);
  bench.receive(connection, "HTTP/1.1 302 Found\r\nNext: http://192.0.2.1/next\r\nContent-Length: 4\r\n\r\nsk");
  bench.carrier.failed(connection, reset_by_peer(), bench.now);
  CHECK(bench.tells() == "interest c0; hop done t0; close c0");
  CHECK(job.request.url.path() == "/next");
}

}  // namespace
