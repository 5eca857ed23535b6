// See jobs.hpp.
#include "core/engine/jobs.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/engine/prepare.hpp"

namespace sluice::engine {

using flow::NextHop;
using flow::TransferPhase;

namespace {

// Adds method and URL to the error's text. If memory runs out, the error is unchanged.
void describe(const Job& job, Error& error) noexcept {
  has_memory_for([&] {
    error.context = job.request.method + ' ' + job.request.url.text_without_secrets() + ": " + error.message();
  });
}

}  // namespace

std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

Error no_memory() { return make_error(Code::out_of_memory, {}); }

Error canceled() {
  Error error = make_error(Code::canceled, {});
  has_memory_for([&] { error.context = "canceled by the application"; });
  return error;
}

Error out_of_time(const Job& job, TimerKind kind) {
  const std::string received = ", with " + std::to_string(job.progress.received_body_bytes) + " bytes received";
  if (kind == TimerKind::total_timeout) {
    return make_error(Code::total_timeout, "not finished within " + in_ms(*job.options.total_timeout) + received);
  }
  const std::string within = in_ms(*job.options.attempts_timeout);
  return make_error(Code::attempts_timeout, "not finished within " + within + " of its first attempt" + received);
}

Error out_of_phase(const Job& job) {
  const TransferLimits& limits = *job.options.limits;
  if (job.phase() == TransferPhase::active) {
    return make_error(
        Code::response_timeout,
        "no byte of a response came within " + in_ms(limits.response_timeout.value_or(Duration())) + " of the request");
  }
  return make_error(Code::queue_timeout,
                    "no connection was free within " + in_ms(limits.queue_timeout.value_or(Duration())));
}

Error too_slow(const Job& job) {
  const TransferLimits& limits = *job.options.limits;
  return make_error(Code::too_slow, "slower than " + std::to_string(limits.low_rate.value_or(0)) +
                                        " bytes a second for " + in_ms(limits.low_period) + ", with " +
                                        std::to_string(job.progress.received_body_bytes) + " bytes received and " +
                                        std::to_string(job.upload.sent()) + " sent");
}

void Job::recycle() {
  pace.reset();
  SLUICE_CHECK(!waiting.linked);
  static_cast<pool::Waiter&>(*this) = {};
  Transfer::recycle();
}

// Everything that needs memory comes first, so that nothing was added if memory runs out.
Result<TransferId> Jobs::enlist(Request& request, TransferOptions& options, const EngineOptions& defaults, Now now) {
  return or_out_of_memory([&]() -> Result<TransferId> {
    if (auto valid = check_options(options); !valid) return std::unexpected(std::move(valid.error()));
    if (options.connect_to) {
      if (auto done = prepare_connect_to(options, request.url); !done) return std::unexpected(std::move(done.error()));
    }
    std::unique_ptr<flow::HopCredentials> known;
    if (options.credentials) {
      auto made = prepare_credentials(request, options, defaults, memory_, now);
      if (!made) return std::unexpected(std::move(made.error()));
      known = *std::move(made);
    }
    auto tls = prepare(request, options, defaults, now);
    if (!tls) return std::unexpected(std::move(tls.error()));
    std::unique_ptr<flow::ProxyUse> proxies;
    if (options.proxies && !options.route) {
      proxies = std::make_unique<flow::ProxyUse>();
      auto chosen = proxies->choose(request, options, defaults.default_tls.get());
      if (!chosen) return std::unexpected(std::move(chosen.error()));
    }
    auto pace = options.limits ? Pacer::make({}, options.limits.get(), now) : nullptr;
    TransferId id;
    Job* job = jobs_.emplace(id);
    if (!job) throw std::bad_alloc();
    if (proxies) job->way = proxies->way();
    if (known && known->login) job->account = &known->login->account;
    const bool placed = has_memory_for([&] {
      if (options.total_timeout)
        timers_.set(job->total_timer, *options.total_timeout, TimerKind::total_timeout, id, now);
      scheduler_.place(*job, request, options, *std::move(tls));
    });
    if (!placed) {
      timers_.cancel(job->total_timer);
      jobs_.release(id);
      throw std::bad_alloc();
    }
    job->id = job->transfer = id;
    job->request = std::move(request);
    if (job->request.method.empty()) job->request.method = effective_method(job->request);
    job->options = std::move(options);
    if (known) {
      job->digest = std::move(known->digest);
      job->login = std::move(known->login);
    }
    job->proxies = std::move(proxies);
    if (!std::holds_alternative<std::monostate>(job->request.body)) job->upload = http::UploadBody(job->request.body);
    job->progress.queued = now.steady;
    job->pace = std::move(pace);
    has_paces_ |= job->pace != nullptr;
    if (job->pace) job->pace->receive.transfer = job->pace->send.transfer = id;
    ++running_;
    ++added_;
    outbox_.report([&] {
      const std::string what = job->request.method + ' ' + job->request.url.text_without_secrets();
      return EngineEvent{.kind = EngineEvent::Kind::transfer_added, .transfer = id, .text = what};
    });
    enter_queue(*job, now);
    return id;
  });
}

void Jobs::enter_queue(Job& job, Now now) {
  job.fresh_only = job.options.fresh_connection;
  job.pipewait = job.options.pipewait;
  job.repeatable = job.may_be_repeated();
  scheduler_.enter(job);
  if (scheduler_.counts_on_dials(job)) start_connect_timer(job, now);
  if (job.pace) start_queue_timer(job, now);
}

void Jobs::queue_again(Job& job, Now now) {
  scheduler_.enter_again(job);
  if (scheduler_.counts_on_dials(job)) start_connect_timer(job, now);
  if (job.pace) start_queue_timer(job, now);
}

// ---- hops ----

Result<void> Jobs::begin_hop(Job& job, NextHop following, std::optional<Error> failure, const EngineOptions& defaults,
                             Now now) {
  return or_out_of_memory([&]() -> Result<void> {
    output::HopDone ended{
        job.id, {}, std::move(failure), following.reason, following.after, std::move(following.skipped)};
    const auto code = ended.failure ? std::optional(ended.failure->code) : std::nullopt;
    const bool was_told = ended.failure && job.progress.first_byte;
    if (auto begun = job.begin_hop(following, code, ended.head, now); !begun) return begun;
    job.next_hop.reset();
    stop_exchange_timers(job);
    if (following.reason == HopReason::retry) timers_.cancel(job.attempts_timer);  // the next attempt begins it again
    outbox_.report([&] {
      return EngineEvent{
          .kind = EngineEvent::Kind::hop_ended, .transfer = job.id, .status = ended.head.status, .failure = code};
    });
    if (was_told) outbox_.drop_head(job.id);
    outbox_.put(std::move(ended));
    leave(job);
    if (job.upload.awaits_rewind()) outbox_.put(output::UploadRewind{job.id});
    if (following.after <= Duration::zero()) return queue_hop(job, defaults, now);
    timers_.set(job.wait_timer, following.after, TimerKind::backoff, job.id, now);
    job.enter(TransferPhase::waiting);
    return {};
  });
}

void Jobs::wait(Job& job, Duration time, Now now) {
  leave(job);
  timers_.set(job.wait_timer, time, TimerKind::backoff, job.id, now);
  job.enter(TransferPhase::waiting);
}

Result<void> Jobs::queue_hop(Job& job, const EngineOptions& defaults, Now now) {
  return or_out_of_memory([&]() -> Result<void> {
    const bool was_tls = job.request.url.is_tls();
    auto tls = prepare(job.request, job.options, defaults, now);
    if (!tls) return std::unexpected(std::move(tls.error()));
    if (job.request.method.empty()) job.request.method = effective_method(job.request);
    // The answer to a challenge goes the way of the challenge, unless its URL has become one for https (HSTS).
    const bool same_way = job.reason == HopReason::authentication && job.request.url.is_tls() == was_tls;
    if (job.options.proxies && !job.options.route && !same_way) {
      if (!job.proxies) job.proxies = std::make_unique<flow::ProxyUse>();
      auto chosen = job.proxies->choose(job.request, job.options, defaults.default_tls.get());
      if (!chosen) return chosen;
    }
    place(job, *std::move(tls), now);
    return {};
  });
}

void Jobs::place(Job& job, std::shared_ptr<const TlsConfig> tls, Now now) {
  if (job.login) job.account = &job.login->account;
  if (job.proxies) job.way = job.proxies->way();
  scheduler_.place(job, job.request, job.options, std::move(tls));
  job.progress.queued = now.steady;
  if (job.phase() != TransferPhase::queued) job.enter(TransferPhase::queued);
  enter_queue(job, now);
}

Result<void> Jobs::take_next_way(Job& job, const EngineOptions& defaults, Now now) {
  return or_out_of_memory([&]() -> Result<void> {
    const bool was_tls = job.request.url.is_tls();
    auto tls = prepare(job.request, job.options, defaults, now);
    if (!tls) return std::unexpected(std::move(tls.error()));
    stop_exchange_timers(job);
    leave(job);
    if (job.request.url.is_tls() == was_tls) {
      job.proxies->take_next(job.request, job.options);
    } else {
      auto chosen = job.proxies->choose(job.request, job.options, defaults.default_tls.get());
      if (!chosen) return chosen;
    }
    place(job, *std::move(tls), now);
    return {};
  });
}

// Leaves its endpoint, for another one.
void Jobs::leave(Job& job) {
  scheduler_.left(job);
  static_cast<pool::Waiter&>(job) = {};
  job.transfer = job.id;
}

void Jobs::disarm(Job& job) {
  timers_.cancel(job.total_timer);
  timers_.cancel(job.attempts_timer);
  stop_exchange_timers(job);
}

void Jobs::end(Job& job, Result<void> result, Now now) {
  disarm(job);
  job.enter(TransferPhase::done);
  job.progress.done = now.steady;
  SLUICE_CHECK(running_ > 0);
  --running_;
  scheduler_.left(job);
  job.next_hop.reset();
  if (job.decoded) job.decoded->end();
  if (!result) {
    describe(job, result.error());
    job.end = {false, result.error().retry_safe, result.error().code};
  }
  ++(result ? succeeded_ : failed_);
  if (outbox_.reports()) report_end(job, result);
  job.end.deferred = !outbox_.try_put(output::Done{job.id, std::move(result)});
  if (!job.end.deferred) return;
  has_deferred_ = true;
  deferred_from_ = 0;
}

void Jobs::report_end(const Job& job, const Result<void>& result) {
  outbox_.report([&] {
    EngineEvent event{.kind = EngineEvent::Kind::transfer_ended, .transfer = job.id, .status = job.head.status};
    if (!result) {
      event.failure = result.error().code;
      event.text = result.error().message();
    }
    return event;
  });
}

void Jobs::add_to(Counters& counters) const {
  counters.transfers_running = running_;
  counters.transfers_added = added_;
  counters.transfers_succeeded = succeeded_;
  counters.transfers_failed = failed_;
}

void Jobs::end_if_delivered(Job& job, Now now) {
  if (job.phase() != TransferPhase::delivering || !job.all_consumed()) return;
  end(job, job.decoded ? job.decoded->finish() : Result<void>(), now);
}

void Jobs::release(TransferId id) {
  Job* job = jobs_.find(id);
  if (!job) return;
  if (job->end.deferred) {
    job->removed = true;
  } else {
    jobs_.release(id);
  }
}

// ---- bodies ----

void Jobs::add_body(Job& job, Bytes body) {
  if (!job.body.has_landed()) landed_.push_back(job.id);
  job.body.land(body);
  if (!job.decoded) outbox_.put(output::BodyReady{job.id});
}

Result<void> Jobs::decode(Job& job) {
  if (!job.decoded->empty()) return {};
  auto done = job.decoded->decode(job.body);
  job.progress.decoded_body_bytes = job.decoded->decoded_bytes();
  if (!job.decoded->empty()) outbox_.put(output::BodyReady{job.id});
  return done;
}

void Jobs::keep_landed() {
  for (const TransferId id : landed_) {
    Job* job = jobs_.find(id);
    if (!job) continue;
    if (job->phase() == TransferPhase::done) {
      job->body.drop();
    } else if (!job->body.keep()) {
      job->body.drop();
      job->body_lost = bodies_lost_ = true;
      lost_from_ = 0;
    }
  }
  landed_.clear();
}

std::optional<TransferId> Jobs::take_lost_body() {
  if (!bodies_lost_) return std::nullopt;
  while (const auto id = jobs_.first_live(lost_from_)) {
    lost_from_ = std::size_t{id->index} + 1;
    if (std::exchange(jobs_.find(*id)->body_lost, false)) return id;
  }
  bodies_lost_ = false;
  return std::nullopt;
}

void Jobs::announce_upload(Job& job) {
  if (!job.upload.streamed() || job.upload_announced || job.upload.finished()) return;
  if (job.phase() != TransferPhase::active || job.upload.awaits_rewind()) return;
  if (job.upload.space().empty()) {
    // No space: the buffer is full, or it could not be allocated.
    if (job.upload.capacity_bytes() == 0) throw std::bad_alloc();
    return;
  }
  outbox_.put(output::UploadReady{job.id});
  job.upload_announced = true;
}

// ---- timers ----

void Jobs::start_attempts_timer(Job& job, Now now) {
  timers_.set(job.attempts_timer, *job.options.attempts_timeout, TimerKind::attempts_timeout, job.id, now);
}

void Jobs::start_idle_timer(Job& job, Now now) {
  if (!job.options.idle_timeout) return;
  const Duration unused = job.phase() == TransferPhase::active ? now.steady - job.last_activity : Duration::zero();
  timers_.set(job.idle_timer, *job.options.idle_timeout - unused, TimerKind::idle_timeout, job.id, now);
}

void Jobs::start_continue_timer(Job& job, Now now) {
  if (timers_.is_set(job.continue_timer)) return;
  timers_.set(job.continue_timer, job.options.continue_timeout, TimerKind::continue_timeout, job.id, now);
}

void Jobs::start_connect_timer(Job& job, std::optional<Duration> left, Now now) {
  if (!left || timers_.is_set(job.wait_timer)) return;
  has_memory_for([&] { timers_.set(job.wait_timer, *left, TimerKind::dial_wait, job.id, now); });
}

void Jobs::stop_exchange_timers(Job& job) {
  timers_.cancel(job.wait_timer);
  timers_.cancel(job.idle_timer);
  timers_.cancel(job.continue_timer);
  if (job.pace) pacer_.stop(*job.pace);
}

// Without memory for its timer the transfer waits as long as its other timeouts allow.
void Jobs::start_queue_timer(Job& job, Now now) {
  const TransferLimits* const limits = job.options.limits.get();
  has_memory_for([&] { pacer_.start_phase(*job.pace, limits ? limits->queue_timeout : std::nullopt, now); });
}

void Jobs::start_pace(Job& job, Now now) {
  const TransferLimits* const limits = job.options.limits.get();
  if (!job.pace) job.pace = Pacer::make(job.id, limits, now);
  has_paces_ = true;
  pacer_.begin(*job.pace, limits, job.upload.present(), job.upload.sent(), now);
  allow_upload(job);
}

bool Jobs::change_pace(Job& job, Now now) {
  if (!job.pace && !pacer_.limits_all()) return false;
  if (!job.pace) {
    job.pace = Pacer::make(job.id, nullptr, now);
    job.pace->sent = job.upload.sent();
    has_paces_ = true;
  }
  pacer_.change(*job.pace, job.upload.present() && !job.upload.exhausted(), now);
  allow_upload(job);
  return true;
}

// A piece of a body whose length is not declared may be framed as a chunk, which is sent whatever the rate has become.
void Jobs::allow_upload(Job& job) {
  const std::size_t framed = job.upload.declared_length() ? 0 : job.upload.pending().size();
  job.upload.allow(std::max(job.pace->send.credit, framed));
}

// ---- when memory runs out ----

std::optional<Output> Jobs::take_deferred() {
  while (const auto id = jobs_.first_live(deferred_from_)) {
    Job& job = *jobs_.find(*id);
    deferred_from_ = std::size_t{id->index} + 1;
    if (!std::exchange(job.end.deferred, false)) continue;
    output::Done done{*id, {}};
    if (job.end.failure) {
      done.result = std::unexpected(make_error(*job.end.failure, {}));
      done.result.error().retry_safe = job.end.retry_safe;
    }
    if (job.removed) jobs_.release(*id);
    return done;
  }
  has_deferred_ = false;
  return std::nullopt;
}

void Jobs::give_up(Instant now) noexcept {
  running_ = 0;
  bodies_lost_ = false;
  jobs_.for_each([&](TransferId, Job& job) {
    job.waiting = {};
    job.conn = {};
    job.dial = {};
    if (job.phase() == TransferPhase::done) return;
    const bool received = job.phase() == TransferPhase::delivering && !std::exchange(job.body_lost, false);
    if (received && !job.all_consumed()) {
      ++running_;
      scheduler_.count_again(job);
      return;
    }
    disarm(job);
    if (!received) job.body.drop();
    if (job.decoded) job.decoded->end();
    job.enter(TransferPhase::done);
    job.progress.done = now;
    job.next_hop.reset();
    job.end = {true, false, received ? std::nullopt : std::optional(Code::out_of_memory)};
    ++(received ? succeeded_ : failed_);
  });
  has_deferred_ = true;
  deferred_from_ = 0;
}

void Jobs::check_invariants() const {
  std::size_t running = 0;
  jobs_.for_each([&](TransferId id, const Job& job) {
    SLUICE_CHECK(job.id == id && job.transfer == id);
    if (job.phase() != TransferPhase::done) {
      ++running;
      SLUICE_CHECK(scheduler_.has_place(job) == (job.phase() != TransferPhase::waiting));
    }
    const bool waits = job.phase() == TransferPhase::queued || job.phase() == TransferPhase::dialing;
    // Waits only for its own connection.
    const bool for_its_own = job.phase() == TransferPhase::dialing && job.fresh_only;
    SLUICE_CHECK((waits && !for_its_own) == pool::WaitingList::contains(job));
    SLUICE_CHECK(waits || job.phase() == TransferPhase::waiting || !timers_.is_set(job.wait_timer));
    // What was consumed, or sent, keeps no memory.
    SLUICE_CHECK(!job.body.empty() || !job.body.has_memory());
    const http::UploadBody& upload = job.upload;
    SLUICE_CHECK(!upload.finished() || !upload.empty() || upload.capacity_bytes() == 0);
    constexpr std::size_t kMostBody =
        std::max(limits::kLandingBytes, limits::kMaxStreamWindowBytes) + 4 * limits::kTlsRecordBytes;
    SLUICE_CHECK(job.body.size() <= kMostBody && job.body.kept_bytes() <= 2 * kMostBody);
  });
  SLUICE_CHECK(running == running_);
}

}  // namespace sluice::engine
