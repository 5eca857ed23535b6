// core/engine/jobs: what is refused and what is added, the single path to Done, and the state after memory has run out.
// Bodies, uploads and timers: jobs_bodies_test.cpp.
#include "core/engine/jobs.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tests/unit/engine/jobs_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using engine::Job;
using flow::TransferPhase;
using std::chrono::seconds;

struct JobsTls : TlsConfig {
  explicit JobsTls(std::uint8_t number) : TlsConfig({}, {number}) {}
};

// Why the transfer is not added. Nothing is left of it.
Error refused(Request request, TransferOptions options = {}) {
  JobsBench bench;
  const auto added = bench.jobs.enlist(request, options, bench.defaults, bench.now);
  REQUIRE_FALSE(added);
  CHECK(bench.jobs.running() == 0);
  CHECK_FALSE(bench.pool.may_go_on());
  CHECK_FALSE(bench.timers.earliest());
  CHECK(bench.outbox.empty());
  bench.jobs.check_invariants();
  return added.error();
}

bool is_taken(const TransferOptions& options) {
  JobsBench bench;
  return bench.try_add(Request(good("http://a.test/")), options).has_value();
}

// ---- what is refused ----

TEST_CASE("jobs: a request that cannot be sent is not added") {
  CHECK(refused(Request("A B", good("http://a.test/"))).code == Code::invalid_request);
  CHECK(refused(Request()).code == Code::invalid_request);
  TransferOptions timed;
  timed.total_timeout = seconds(1);
  CHECK(refused(Request("A B", good("http://a.test/")), timed).code == Code::invalid_request);
}

TEST_CASE("jobs: a timeout that cannot be is not taken") {
  for (const auto which : {&TransferOptions::connect_timeout, &TransferOptions::total_timeout,
                           &TransferOptions::attempts_timeout, &TransferOptions::idle_timeout}) {
    TransferOptions options;
    options.*which = Duration(-1);
    const Error error = refused(Request(good("http://a.test/")), options);
    CHECK(error.code == Code::invalid_option);
    const bool idle = which == &TransferOptions::idle_timeout;
    CHECK(error.message() == (idle ? "an idle timeout must be more than zero" : "a timeout cannot be negative"));
    options.*which = Duration::zero();
    CHECK(is_taken(options) == (which != &TransferOptions::idle_timeout));
    options.*which = Duration(1);
    CHECK(is_taken(options));
    options.*which = std::nullopt;
    CHECK(is_taken(options));
  }
  TransferOptions options;
  options.idle_timeout = Duration::zero();
  const Error error = refused(Request(good("http://a.test/")), options);
  CHECK(error.code == Code::invalid_option);
  CHECK(error.message() == "an idle timeout must be more than zero");
}

TEST_CASE("jobs: another place needs a host and a port") {
  for (const ConnectTo& to : {ConnectTo{"", 80}, ConnectTo{"b.test", 0}}) {
    TransferOptions options;
    options.connect_to = to;
    const Error error = refused(Request(good("http://a.test/")), options);
    CHECK(error.code == Code::invalid_option);
    CHECK(error.message() == "connect_to needs a host and a port");
  }
}

TEST_CASE("jobs: credentials of a URL that cannot be sent are refused, unless they are not to be sent") {
  CHECK(refused(Request(good("http://a%3Ab:secret@a.test/"))).code == Code::invalid_request);
  TransferOptions options;
  options.send_url_credentials = false;
  JobsBench bench;
  Job& job = bench.add("http://a%3Ab:secret@a.test/", options);
  CHECK_FALSE(job.request.fields.contains("Authorization"));
}

TEST_CASE("jobs: https needs a TLS configuration, the transfer's or else the engine's") {
  const Error error = refused(Request(good("https://user:secret@a.test/x")));
  CHECK(error.code == Code::tls_config);
  CHECK(error.message().starts_with("https://a.test/x: no TLS configuration was given"));
  JobsBench bench;
  bench.defaults.default_tls = std::make_shared<JobsTls>(std::uint8_t{1});
  TransferOptions options;
  options.tls = std::make_shared<JobsTls>(std::uint8_t{2});
  CHECK(bench.endpoint(bench.add("https://a.test/")).peer.tls == bench.defaults.default_tls);
  CHECK(bench.endpoint(bench.add("https://a.test/", options)).peer.tls == options.tls);
  CHECK(bench.endpoint(bench.add("http://a.test/", options)).peer.tls == nullptr);
}

// ---- what is added ----

TEST_CASE("jobs: what is added waits in the queue of its endpoint") {
  JobsBench bench;
  TransferOptions options;
  options.user_data = &bench;
  Job& job = bench.add("http://a.test/x", options);
  CHECK(bench.jobs.find(job.id) == &job);
  CHECK(job.transfer == job.id);
  CHECK(job.phase() == TransferPhase::queued);
  CHECK(job.request.url.path() == "/x");
  CHECK(job.options.user_data == &bench);
  CHECK(job.progress.queued == bench.now.steady);
  CHECK(bench.jobs.running() == 1);
  CHECK(bench.endpoint(job).queue.front() == &job);
  CHECK(bench.endpoint(job).transfers == 1);
  CHECK(bench.pool.may_go_on());
  CHECK(bench.outbox.empty());
  Job& second = bench.add("http://a.test/y");
  CHECK(second.endpoint == job.endpoint);
  CHECK(bench.endpoint(job).queue.back() == &second);
  CHECK(bench.jobs.running() == 2);
  bench.jobs.check_invariants();
  CHECK(bench.jobs.find(TransferId{}) == nullptr);
}

TEST_CASE("jobs: an empty method is filled in, and says whether the request may be repeated") {
  JobsBench bench;
  const auto added = [&](std::string method, RequestBody body) -> Job& {
    const auto id = bench.try_add(Request(std::move(method), good("http://a.test/"), std::move(body)), {});
    REQUIRE(id);
    return *bench.jobs.find(*id);
  };
  const Job& get = added("", {});
  CHECK(get.request.method == "GET");
  CHECK(get.repeatable);
  CHECK_FALSE(get.upload.present());
  const Job& post = added("", BodyOwned("text"));
  CHECK(post.request.method == "POST");
  CHECK_FALSE(post.repeatable);
  CHECK(as_text(post.upload.pending()) == "text");
  const Job& put = added("PUT", BodyOwned("text"));
  CHECK(put.request.method == "PUT");
  CHECK(put.repeatable);
  CHECK_FALSE(added("PUT", BodyStream{}).repeatable);  // its bytes are gone then
}

TEST_CASE("jobs: a user in the URL becomes a field, unless there is one") {
  JobsBench bench;
  CHECK(bench.add("http://user:pass@a.test/").request.fields.find("Authorization") == "Basic dXNlcjpwYXNz");
  Request request(good("http://user:pass@a.test/"));
  REQUIRE(request.fields.add("authorization", "mine"));
  const auto own = bench.try_add(std::move(request), {});
  REQUIRE(own);
  CHECK(bench.jobs.find(*own)->request.fields.find("Authorization") == "mine");
  CHECK(bench.jobs.find(*own)->request.fields.size() == 1);
  CHECK_FALSE(bench.add("http://a.test/").request.fields.contains("Authorization"));
}

TEST_CASE("jobs: the total time runs from the beginning on") {
  JobsBench bench;
  TransferOptions options;
  options.total_timeout = seconds(5);
  options.attempts_timeout = options.idle_timeout = seconds(1);  // these begin later
  Job& job = bench.add("http://a.test/", options);
  CHECK(bench.timers.due(job.total_timer) == bench.now.steady + seconds(5));
  CHECK_FALSE(bench.timers.is_set(job.attempts_timer));
  CHECK_FALSE(bench.timers.is_set(job.idle_timer));
  bench.now.steady += seconds(5);
  const auto due = bench.timers.pop_due(bench.now.steady);
  REQUIRE(due);
  CHECK(due->kind == TimerKind::total_timeout);
  CHECK(due->owner<TransferTag>() == job.id);
}

TEST_CASE("jobs: who asked for a fresh connection wants one") {
  JobsBench bench;
  TransferOptions options;
  options.fresh_connection = true;
  CHECK(bench.add("http://a.test/", options).fresh_only);
  CHECK_FALSE(bench.add("http://a.test/").fresh_only);
}

TEST_CASE("jobs: another place that is the URL's own is no other place") {
  JobsBench bench;
  const auto shares = [&](std::string_view url, ConnectTo to) {
    TransferOptions options;
    options.connect_to = std::move(to);
    return bench.add(url, options).endpoint == bench.add(url).endpoint;
  };
  CHECK(shares("http://a.test/", {"a.test", 80}));
  CHECK(shares("http://a.test/", {"A.Test", 80}));
  CHECK(shares("http://a.test:81/", {"a.test", 81}));
  CHECK_FALSE(shares("http://a.test/", {"a.test", 81}));
  CHECK_FALSE(shares("http://a.test/", {"b.test", 80}));
  CHECK_FALSE(shares("http://[fe80::1%25eth0]/", {"fe80::1", 80}));  // it has no zone
}

// ---- the end ----

TEST_CASE("jobs: a transfer that succeeded") {
  JobsBench bench;
  Job& job = bench.add("http://a.test/x");
  bench.take_out(job);
  bench.now.steady += seconds(3);
  job.enter(TransferPhase::active);
  job.enter(TransferPhase::delivering);
  bench.jobs.end(job, {}, bench.now);
  CHECK(job.phase() == TransferPhase::done);
  CHECK(job.progress.done == bench.now.steady);
  CHECK(bench.jobs.running() == 0);
  CHECK(bench.endpoint(job).transfers == 0);
  const auto done = bench.said<output::Done>();
  CHECK(done.transfer == job.id);
  CHECK(done.result.has_value());
  CHECK(bench.outbox.empty());
  CHECK_FALSE(bench.jobs.has_deferred());
  CHECK(bench.jobs.find(job.id) == &job);  // until it is released
  bench.jobs.check_invariants();
}

TEST_CASE("jobs: a transfer that failed says which it was, without secrets") {
  JobsBench bench;
  Job& job = bench.add("http://user:secret@a.test/x");
  bench.take_out(job);
  Error error = make_error(Code::connect_failed, "refused", 111);
  error.retry_safe = true;
  bench.jobs.end(job, std::unexpected(error), bench.now);
  const auto done = bench.said<output::Done>();
  REQUIRE_FALSE(done.result);
  CHECK(done.result.error().code == Code::connect_failed);
  CHECK(done.result.error().detail == 111);
  CHECK(done.result.error().retry_safe);
  CHECK(done.result.error().message() == "GET http://a.test/x: refused");
}

TEST_CASE("jobs: with a transfer all its timers end") {
  JobsBench bench;
  TransferOptions options;
  options.total_timeout = options.attempts_timeout = options.idle_timeout = seconds(5);
  Job& job = bench.add("http://a.test/", options);
  bench.jobs.note_attempt(job, bench.now);
  bench.jobs.start_idle_timer(job, bench.now);
  bench.jobs.start_continue_timer(job, bench.now);
  bench.take_out(job);
  bench.jobs.end(job, {}, bench.now);
  CHECK_FALSE(bench.timers.earliest());
}

TEST_CASE("jobs: what was received whole is done when all of it was consumed") {
  JobsBench bench;
  Job& job = bench.add("http://a.test/");
  bench.take_out(job);
  job.enter(TransferPhase::active);
  bench.jobs.end_if_delivered(job, bench.now);  // more may come
  CHECK(job.phase() == TransferPhase::active);
  job.body.land(as_bytes("body"));
  job.enter(TransferPhase::delivering);
  bench.jobs.end_if_delivered(job, bench.now);
  CHECK(job.phase() == TransferPhase::delivering);
  job.body.consume(4);
  bench.jobs.end_if_delivered(job, bench.now);
  CHECK(job.phase() == TransferPhase::done);
  CHECK(bench.said<output::Done>().result.has_value());
}

TEST_CASE("jobs: one that is released is gone, and its place is as good as new") {
  JobsBench bench;
  TransferOptions options;
  options.fresh_connection = true;
  Job& job = bench.add("http://a.test/", options);
  const TransferId id = job.id;
  job.retried = bench.now.steady;
  bench.take_out(job);
  job.dial = {3, 3};
  bench.jobs.end(job, {}, bench.now);
  bench.jobs.release(id);
  CHECK(bench.jobs.find(id) == nullptr);
  bench.jobs.release(id);  // again: nothing
  const Job& next = bench.add("http://a.test/");
  REQUIRE(&next == &job);
  CHECK(next.id != id);
  CHECK_FALSE(next.fresh_only);
  CHECK_FALSE(next.retried);
  CHECK(next.dial == pool::DialId{});
  CHECK(next.phase() == TransferPhase::queued);
  CHECK_FALSE(next.progress.done);
}

// ---- when memory has run out ----

TEST_CASE("jobs: what was not received whole is given up, what was stays") {
  JobsBench bench;
  TransferOptions options;
  options.total_timeout = seconds(5);
  Job& queued = bench.add("http://a.test/", options);
  Job& active = bench.add("http://a.test/", options);
  Job& received = bench.add("http://a.test/", options);
  Job& consumed = bench.add("http://a.test/");
  Job& lost = bench.add("http://a.test/");
  Job& over = bench.add("http://a.test/");
  for (Job* job : {&active, &received, &consumed, &lost, &over}) {
    bench.take_out(*job);
    job->enter(TransferPhase::active);
    job->conn = {1, 1};
  }
  for (Job* job : {&active, &received}) job->body.land(as_bytes("body"));
  for (Job* job : {&received, &consumed, &lost}) job->enter(TransferPhase::delivering);
  lost.body_lost = true;
  bench.jobs.end(over, {}, bench.now);
  bench.said<output::Done>();
  bench.pool.reset();
  const Instant given_up = bench.now.steady + seconds(1);
  bench.jobs.give_up(given_up);
  CHECK(bench.jobs.running() == 1);
  CHECK(bench.endpoint(received).transfers == 1);
  CHECK(received.phase() == TransferPhase::delivering);
  CHECK(as_text(received.body.front()) == "body");
  CHECK(bench.timers.is_set(received.total_timer));
  for (const Job* job : {&queued, &active, &consumed, &lost}) {
    CHECK(job->phase() == TransferPhase::done);
    CHECK(job->progress.done == given_up);
    CHECK(job->body.empty());
    CHECK(job->conn == ConnId{});
    CHECK_FALSE(bench.timers.is_set(job->total_timer));
  }
  bench.jobs.check_invariants();
  // Their ends are told one by one, in the order of their places.
  CHECK(bench.jobs.has_deferred());
  CHECK(bench.deferred(queued) == Code::out_of_memory);
  CHECK(bench.deferred(active) == Code::out_of_memory);
  CHECK(bench.deferred(consumed) == std::nullopt);  // it had all
  CHECK(bench.deferred(lost) == Code::out_of_memory);
  CHECK_FALSE(bench.jobs.take_deferred());
  CHECK_FALSE(bench.jobs.has_deferred());
}

TEST_CASE("jobs: one that is released while its end is owed goes with that") {
  JobsBench bench;
  const TransferId first = bench.add("http://a.test/").id;
  const TransferId second = bench.add("http://a.test/").id;
  bench.pool.reset();
  bench.jobs.give_up(bench.now.steady);
  bench.jobs.release(first);
  CHECK(bench.jobs.find(first) != nullptr);
  const auto out = bench.jobs.take_deferred();
  REQUIRE(out);
  CHECK(std::get<output::Done>(*out).transfer == first);
  CHECK(bench.jobs.find(first) == nullptr);
  REQUIRE(bench.jobs.take_deferred());
  CHECK(bench.jobs.find(second) != nullptr);
  bench.jobs.release(second);
  CHECK(bench.jobs.find(second) == nullptr);
}

}  // namespace
