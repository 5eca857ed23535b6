// core/engine/jobs: bodies that wait for the application, space for uploads, and the timers of a transfer.
#include <doctest/doctest.h>

#include <array>
#include <string>

#include "core/base/limits.hpp"
#include "tests/unit/engine/jobs_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using engine::Job;
using flow::TransferPhase;
using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- bodies ----

TEST_CASE("jobs bodies: what comes is told each time, and seen where it landed") {
  JobsBench bench;
  Job& job = bench.add_active("http://a.test/");
  const std::string landing = "firstsecond";
  const Bytes bytes = as_bytes(landing);
  bench.jobs.add_body(job, bytes.first(5));
  CHECK(bench.said<output::BodyReady>().transfer == job.id);
  bench.jobs.add_body(job, bytes.subspan(5));
  CHECK(bench.said<output::BodyReady>().transfer == job.id);
  CHECK(bench.outbox.empty());
  CHECK(as_text(job.body.front()) == "firstsecond");
  CHECK(job.body.front().data() == bytes.data());  // no copy
  CHECK(job.body.kept_bytes() == 0);
}

TEST_CASE("jobs bodies: what has landed is kept when the landing buffer is used again") {
  JobsBench bench;
  Job& first = bench.add_active("http://a.test/");
  Job& second = bench.add_active("http://b.test/");
  Job& none = bench.add_active("http://c.test/");
  std::string landing = "onetwo";
  bench.jobs.add_body(first, as_bytes(landing).first(3));
  bench.jobs.add_body(second, as_bytes(landing).subspan(3));
  bench.jobs.keep_landed();
  landing = "xxxxxx";
  CHECK(as_text(first.body.front()) == "one");
  CHECK(as_text(second.body.front()) == "two");
  CHECK(none.body.empty());
  CHECK_FALSE(bench.jobs.has_lost_bodies());
  CHECK_FALSE(bench.jobs.take_lost_body());
  // What comes later is kept later, behind the rest.
  landing = "three!";
  bench.jobs.add_body(first, as_bytes(landing));
  bench.jobs.keep_landed();
  landing = "yyyyyy";
  bench.jobs.keep_landed();
  CHECK(as_text(first.body.front()) == "onethree!");
  bench.jobs.check_invariants();
}

TEST_CASE("jobs bodies: a body that landed again after it was consumed is kept again") {
  JobsBench bench;
  Job& job = bench.add_active("http://a.test/");
  std::string landing = "one";
  bench.jobs.add_body(job, as_bytes(landing));
  job.body.consume(3);
  bench.jobs.keep_landed();
  CHECK(job.body.empty());
  landing = "two";
  bench.jobs.add_body(job, as_bytes(landing));
  bench.jobs.keep_landed();
  landing = "xxx";
  CHECK(as_text(job.body.front()) == "two");
}

TEST_CASE("jobs bodies: nobody's is kept that is over, and one that is gone is no trouble") {
  JobsBench bench;
  Job& over = bench.add_active("http://a.test/");
  Job& gone = bench.add_active("http://a.test/");
  std::string landing = "onetwo";
  bench.jobs.add_body(over, as_bytes(landing).first(3));
  bench.jobs.add_body(gone, as_bytes(landing).subspan(3));
  bench.jobs.end(over, std::unexpected(make_error(Code::canceled, "canceled")), bench.now);
  bench.jobs.end(gone, std::unexpected(make_error(Code::canceled, "canceled")), bench.now);
  CHECK(as_text(over.body.front()) == "one");  // until then it may be read
  bench.jobs.release(gone.id);
  bench.jobs.keep_landed();
  CHECK(over.body.empty());
  CHECK(over.body.kept_bytes() == 0);
}

// ---- uploads ----

Request streamed() { return Request("PUT", good("http://a.test/"), BodyStream{}); }

struct Uploading : JobsBench {
  Uploading() : job(*jobs.find(*try_add(streamed(), {}))) {
    take_out(job);
    job.enter(TransferPhase::active);
  }
  // Whether room for more is told.
  bool announced() {
    jobs.announce_upload(job);
    if (outbox.empty()) return false;
    CHECK(said<output::UploadReady>().transfer == job.id);
    CHECK(outbox.empty());
    return true;
  }
  Job& job;
};

TEST_CASE("jobs uploads: room is told once, until it was used") {
  Uploading bench;
  CHECK(bench.announced());
  CHECK(bench.job.upload_announced);
  CHECK_FALSE(bench.announced());
  bench.job.upload_announced = false;  // as after a commit
  CHECK(bench.announced());
}

TEST_CASE("jobs uploads: a full buffer has no room") {
  Uploading bench;
  bench.job.upload.commit(bench.job.upload.space().size());
  CHECK_FALSE(bench.announced());
  CHECK_FALSE(bench.job.upload_announced);
  bench.job.upload.advance(bench.job.upload.pending().size());
  CHECK(bench.announced());
}

TEST_CASE("jobs uploads: nothing is asked for that is finished, has no exchange, or is no stream") {
  Uploading finished;
  REQUIRE(finished.job.upload.finish());
  CHECK_FALSE(finished.announced());
  Uploading received;
  received.job.enter(TransferPhase::delivering);
  CHECK_FALSE(received.announced());
  JobsBench bench;
  const auto queued = bench.try_add(streamed(), {});
  REQUIRE(queued);
  bench.jobs.announce_upload(*bench.jobs.find(*queued));
  bench.jobs.announce_upload(bench.add_active("http://a.test/"));
  CHECK(bench.outbox.empty());
}

// ---- timers ----

TEST_CASE("jobs timers: the time of all attempts runs from the first one on") {
  JobsBench bench;
  TransferOptions options;
  options.attempts_timeout = seconds(5);
  Job& job = bench.add("http://a.test/", options);
  const Instant first = bench.now.steady;
  bench.jobs.note_attempt(job, bench.now);
  bench.now.steady += seconds(2);
  bench.jobs.note_attempt(job, bench.now);
  CHECK(bench.timers.due(job.attempts_timer) == first + seconds(5));
  bench.jobs.stop_exchange_timers(job);  // it is not one of an exchange
  REQUIRE(bench.timers.earliest());
  CHECK(bench.timers.earliest()->why == TimerKind::attempts_timeout);
  Job& without = bench.add("http://a.test/");
  bench.jobs.note_attempt(without, bench.now);
  CHECK_FALSE(bench.timers.is_set(without.attempts_timer));
}

TEST_CASE("jobs timers: the idle time runs from the last activity on, whenever its timer is set") {
  JobsBench bench;
  TransferOptions options;
  options.idle_timeout = seconds(5);
  Job& job = bench.add_active("http://a.test/", options);
  const Instant active = bench.now.steady;
  bench.now.steady += seconds(2);
  bench.jobs.start_idle_timer(job, bench.now);
  CHECK(bench.timers.due(job.idle_timer) == active + seconds(5));
  CHECK(bench.timers.earliest()->why == TimerKind::idle_timeout);
  bench.jobs.stop_exchange_timers(job);
  CHECK_FALSE(bench.timers.is_set(job.idle_timer));
  // Before there is an exchange it is the whole time, whatever was before.
  Job& queued = bench.add("http://a.test/", options);
  bench.jobs.start_idle_timer(queued, bench.now);
  CHECK(bench.timers.due(queued.idle_timer) == bench.now.steady + seconds(5));
  Job& without = bench.add_active("http://a.test/");
  bench.jobs.start_idle_timer(without, bench.now);
  CHECK_FALSE(bench.timers.is_set(without.idle_timer));
}

TEST_CASE("jobs timers: activity is noted, and sets the idle timer only where it does not run") {
  JobsBench bench;
  TransferOptions options;
  options.idle_timeout = seconds(5);
  Job& job = bench.add_active("http://a.test/", options);
  const Instant start = bench.now.steady;
  bench.jobs.start_idle_timer(job, bench.now);
  bench.now.steady += seconds(2);
  bench.jobs.note_activity(job, bench.now);
  CHECK(job.last_activity == bench.now.steady);
  CHECK(bench.timers.due(job.idle_timer) == start + seconds(5));  // it is not moved: that would be done for every read
  bench.now.steady = start + seconds(5);
  REQUIRE(bench.timers.pop_due(bench.now.steady));
  bench.jobs.note_activity(job, bench.now);
  CHECK(bench.timers.due(job.idle_timer) == bench.now.steady + seconds(5));
  // Not without such a time, and not without an exchange.
  Job& without = bench.add_active("http://a.test/");
  bench.jobs.note_activity(without, bench.now);
  CHECK_FALSE(bench.timers.is_set(without.idle_timer));
  Job& queued = bench.add("http://a.test/", options);
  bench.jobs.note_activity(queued, bench.now);
  CHECK(queued.last_activity == bench.now.steady);
  CHECK_FALSE(bench.timers.is_set(queued.idle_timer));
}

TEST_CASE("jobs timers: the wait for 100 (Continue) has an end, counted from its beginning") {
  JobsBench bench;
  Job& job = bench.add_active("http://a.test/");
  const Instant first = bench.now.steady;
  bench.jobs.start_continue_timer(job, bench.now);
  bench.now.steady += milliseconds(100);
  bench.jobs.start_continue_timer(job, bench.now);
  CHECK(bench.timers.due(job.continue_timer) == first + job.options.continue_timeout);
  CHECK(bench.timers.earliest()->why == TimerKind::continue_timeout);
  bench.jobs.stop_continue_timer(job);
  CHECK_FALSE(bench.timers.is_set(job.continue_timer));
  bench.jobs.start_continue_timer(job, bench.now);
  bench.jobs.stop_exchange_timers(job);
  CHECK_FALSE(bench.timers.is_set(job.continue_timer));
}

TEST_CASE("jobs timers: what ran out, in words") {
  JobsBench bench;
  TransferOptions options;
  options.total_timeout = milliseconds(200);
  options.attempts_timeout = seconds(3);
  Job& job = bench.add("http://a.test/", options);
  job.progress.received_body_bytes = 17;
  const Error total = engine::out_of_time(job, TimerKind::total_timeout);
  CHECK(total.code == Code::total_timeout);
  CHECK(total.message() == "not finished within 200 ms, with 17 bytes received");
  const Error attempts = engine::out_of_time(job, TimerKind::attempts_timeout);
  CHECK(attempts.code == Code::attempts_timeout);
  CHECK(attempts.message() == "not finished within 3000 ms of its first attempt, with 17 bytes received");
  CHECK(engine::in_ms(Duration::zero()) == "0 ms");
  CHECK(engine::in_ms(milliseconds(2) - Duration(1)) == "1 ms");
}

}  // namespace
