// Jobs alone, with the timers, the outbox and the pool that they need.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "core/engine/jobs.hpp"
#include "core/pool/pool.hpp"
#include "tests/support/urls.hpp"

namespace sluice::test {

struct JobsBench {
  Result<TransferId> try_add(Request request, TransferOptions options) {
    return jobs.enlist(request, options, defaults, now);
  }
  engine::Job& add(std::string_view url, TransferOptions options = {}) {
    const auto id = try_add(Request(good(url)), std::move(options));
    REQUIRE(id);
    return *jobs.find(*id);
  }
  pool::Endpoint& endpoint(const engine::Job& job) { return *pool.find(job.endpoint); }
  // It no longer waits for a connection.
  void take_out(engine::Job& job) { pool.withdraw(job); }
  // As if a connection carried it.
  engine::Job& add_active(std::string_view url, TransferOptions options = {}) {
    engine::Job& job = add(url, std::move(options));
    take_out(job);
    job.enter(flow::TransferPhase::active);
    job.last_activity = now.steady;
    return job;
  }
  // The next output, which must be of this kind.
  template <class Kind>
  Kind said() {
    auto out = outbox.pop();
    REQUIRE(out);
    REQUIRE(std::holds_alternative<Kind>(*out));
    return std::get<Kind>(std::move(*out));
  }
  // The next end not yet queued, which must be this transfer's: how it failed.
  std::optional<Code> deferred(const engine::Job& job) {
    const auto out = jobs.take_deferred();
    REQUIRE(out);
    const auto& done = std::get<output::Done>(*out);
    CHECK(done.transfer == job.id);
    return done.result ? std::nullopt : std::optional(done.result.error().code);
  }

  Timers timers;
  engine::Outbox outbox;
  pool::Pool pool{EngineLimits{}, timers};
  engine::Jobs jobs{timers, outbox, pool};
  EngineOptions defaults;
  Now now{Instant(std::chrono::hours(1)), 0};
};

}  // namespace sluice::test
