// core/engine/calls: the application's calls on one transfer, and its timers, without an engine around them. Bodies and
// uploads in an engine: body_test.cpp, upload_test.cpp.
#include "core/engine/calls.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "tests/unit/engine/engine_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using engine::Job;
using flow::TransferPhase;

struct CallsBench : CarrierBench {
  std::size_t supply(const Job& job, std::string_view bytes) {
    const MutableBytes space = calls.upload_space(job.id);
    const std::size_t count = std::min(space.size(), bytes.size());
    std::ranges::copy(as_bytes(bytes.substr(0, count)), space.begin());
    calls.commit_upload(job.id, count, now);
    return count;
  }
  Job& streaming(BodyStream body) {
    return on_new(queue(Request("PUT", good("http://192.0.2.1/put"), std::move(body))));
  }
  Code last_failure() const {
    REQUIRE(last_end);
    REQUIRE_FALSE(last_end->has_value());
    return last_end->error().code;
  }

  engine::Calls calls{jobs, carrier};
};

constexpr TransferId kStale{7, 3};

}  // namespace

TEST_CASE("calls: a stale id does nothing, and getters answer with an empty value") {
  CallsBench bench;
  CHECK_FALSE(bench.calls.contains(kStale));
  CHECK_FALSE(bench.calls.is_done(kStale));
  CHECK(bench.calls.request(kStale).method.empty());
  CHECK(bench.calls.head(kStale).status == 0);
  CHECK(bench.calls.trailers(kStale).empty());
  CHECK_FALSE(bench.calls.progress(kStale).done);
  CHECK(bench.calls.info(kStale).conn == ConnId{});
  CHECK(bench.calls.hops(kStale).empty());
  CHECK(bench.calls.body(kStale).empty());
  CHECK(bench.calls.upload_space(kStale).empty());
  bench.calls.cancel(kStale, bench.now);
  bench.calls.consume_body(kStale, 1, bench.now);
  bench.calls.commit_upload(kStale, 1, bench.now);
  bench.calls.finish_upload(kStale, bench.now);
  bench.calls.rewind_upload(kStale, bench.now);
  bench.calls.fail_upload(kStale, "x", bench.now);
  bench.calls.timer(kStale, TimerKind::total_timeout, bench.now);
  bench.calls.lose(kStale, bench.now);
  bench.calls.release(kStale);
  CHECK(bench.tells().empty());
}

TEST_CASE("calls: one that is canceled ends once, stays for the getters, and goes when it is released") {
  CallsBench bench;
  Job& job = bench.add("http://192.0.2.1/a");
  const TransferId id = job.id;
  bench.calls.cancel(id, bench.now);
  bench.calls.cancel(id, bench.now);
  CHECK(bench.tells() == "done t0 canceled");
  CHECK(bench.calls.is_done(id));
  CHECK(bench.calls.request(id).url.path() == "/a");
  CHECK(bench.calls.hops(id).size() == 1);
  CHECK(bench.calls.hops(id)[0].failure == Code::canceled);
  bench.calls.release(id);
  CHECK_FALSE(bench.calls.contains(id));
}

TEST_CASE("calls: the last byte that is consumed ends a transfer that is received") {
  CallsBench bench;
  Job& job = bench.on_new();
  bench.send(bench.conn(job));
  bench.receive(bench.conn(job), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
  CHECK(as_text(bench.calls.body(job.id)) == "body");
  CHECK(bench.calls.is_still_true(output::BodyReady{job.id}));
  bench.tells();
  bench.calls.consume_body(job.id, 3, bench.now);
  CHECK(bench.tells().empty());
  bench.calls.consume_body(job.id, 1, bench.now);
  CHECK(bench.tells() == "done t0");
  CHECK_FALSE(bench.calls.is_still_true(output::BodyReady{job.id}));
}

TEST_CASE("calls: an upload has room once it has a connection, and is sent as it is supplied") {
  CallsBench bench;
  Job& job = bench.queue(Request("PUT", good("http://192.0.2.1/put"), BodyStream{.length = 6}));
  CHECK(bench.calls.upload_space(job.id).empty());
  CHECK_FALSE(bench.calls.is_still_true(output::UploadReady{job.id}));
  bench.on_new(job);
  CHECK(bench.calls.is_still_true(output::UploadReady{job.id}));
  CHECK(bench.supply(job, "abcdef") == 6);
  bench.calls.finish_upload(job.id, bench.now);
  CHECK(bench.send(bench.conn(job)).ends_with("\r\n\r\nabcdef"));
}

TEST_CASE("calls: an upload that ends before its length, or whose source breaks, fails its transfer") {
  CallsBench bench;
  Job& shorter = bench.streaming({.length = 6});
  bench.supply(shorter, "abc");
  bench.calls.finish_upload(shorter.id, bench.now);
  bench.tells();
  CHECK(bench.last_failure() == Code::upload_failed);

  Job& broken = bench.streaming({});
  bench.calls.fail_upload(broken.id, "disk on fire", bench.now);
  bench.tells();
  CHECK(bench.last_failure() == Code::upload_failed);
  CHECK(bench.last_end->error().message() == "PUT http://192.0.2.1/put: disk on fire");
}

TEST_CASE("calls: what is said of old bytes has no effect until a rewind is answered") {
  CallsBench bench;
  Job& job = bench.streaming({.rewindable = true});
  bench.supply(job, "old");
  bench.tells();
  bench.carrier.failed(bench.conn(job), make_error(Code::receive_failed, "reset"), bench.now);
  bench.tells();
  CHECK(bench.last_failure() == Code::receive_failed);  // on a new connection it is not sent again

  bench.used();
  Job& again = bench.on_idle(bench.queue(Request("PUT", good("http://192.0.2.1/"), BodyStream{.rewindable = true})));
  bench.supply(again, "old");
  bench.tells();
  bench.carrier.failed(bench.conn(again), make_error(Code::receive_failed, "reset"), bench.now);
  CHECK(bench.tells().starts_with("rewind "));
  CHECK(bench.calls.is_still_true(output::UploadRewind{again.id}));
  bench.on_new(again);
  CHECK(bench.supply(again, "old") == 0);
  bench.calls.finish_upload(again.id, bench.now);
  bench.calls.rewind_upload(again.id, bench.now);
  CHECK_FALSE(bench.calls.is_still_true(output::UploadRewind{again.id}));
  CHECK(bench.supply(again, "new") == 3);
  bench.calls.finish_upload(again.id, bench.now);
  std::string sent;
  for (int i = 0; i < 3; ++i) sent += bench.send(bench.conn(again));
  CHECK(sent.ends_with("\r\n\r\n3\r\nnew\r\n0\r\n\r\n"));
}

TEST_CASE("calls: a timer of the transfer's own ends it with what it waited for") {
  CallsBench bench;
  TransferOptions options;
  options.total_timeout = 3s;
  options.idle_timeout = 2s;
  Job& queued = bench.add("http://192.0.2.1/", options);
  bench.calls.timer(queued.id, TimerKind::total_timeout, bench.now);
  bench.tells();
  CHECK(bench.last_end->error().message() ==
        "GET http://192.0.2.1/: not finished within 3000 ms, with 0 bytes received");

  Job& idle = bench.on_new("http://192.0.2.1/", options);
  bench.tells();
  bench.pass(1s);
  bench.calls.timer(idle.id, TimerKind::idle_timeout, bench.now);  // too early
  CHECK(bench.tells().empty());
  bench.pass(1s);
  bench.calls.timer(idle.id, TimerKind::idle_timeout, bench.now);
  bench.tells();
  CHECK(bench.last_failure() == Code::idle_timeout);
}

TEST_CASE("calls: a transfer for which there was no memory is lost, once") {
  CallsBench bench;
  Job& job = bench.add("http://192.0.2.1/");
  bench.calls.lose(job.id, bench.now);
  bench.calls.lose(job.id, bench.now);
  CHECK(bench.tells() == "done t0 out_of_memory");
}
