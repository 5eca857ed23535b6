// What must follow a hop, by what core/options.hpp and core/retry_options.hpp promise, without the engine's rules.
// Pure. Leaves to hops.cpp: comparing it with what follows.
#include <algorithm>
#include <charconv>
#include <system_error>

#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {
namespace {

bool redirects(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

bool is_transient(int status) {
  constexpr int kTransient[] = {408, 429, 500, 502, 503, 504, 522, 524};
  return std::ranges::find(kTransient, status) != std::end(kTransient);
}

// Failures after which there is never another try.
bool is_final(Code code) {
  constexpr Code kFinal[] = {Code::invalid_url,          Code::unsupported_scheme, Code::invalid_request,
                             Code::invalid_option,       Code::tls_config,         Code::canceled,
                             Code::rewind_failed,        Code::upload_failed,      Code::recursive_call,
                             Code::descriptor_too_large, Code::out_of_memory,      Code::internal,
                             Code::total_timeout};
  return std::ranges::find(kFinal, code) != std::end(kFinal);
}

bool may_be_tried_again(const Error& error, const RetryOptions& options) {
  if (is_final(error.code)) return false;
  const bool is_timeout = error.code == Code::connect_timeout || error.code == Code::idle_timeout;
  if (is_timeout || error.code == Code::resolve_failed || options.all_errors) return true;
  return options.connection_refused && error.code == Code::connect_failed &&
         error.detail == static_cast<int>(std::errc::connection_refused);
}

// Of a Retry-After field.
Duration asked_by(const Answered& answer) {
  Duration asked = {};
  for (const auto& [name, value] : answer.fields) {
    std::int64_t seconds = 0;
    if (name != "Retry-After") continue;
    std::from_chars(value.data(), value.data() + value.size(), seconds);
    asked = std::chrono::seconds(seconds);
  }
  return asked;
}

}  // namespace

// A stream that is not rewindable can be given once.
bool Oracles::can_give_again(const Seen& seen) {
  const UploadPlan& upload = seen.plan->upload;
  return !upload.is_stream() || upload.rewindable || seen.committed == 0;
}

// A response is judged when its head is complete.
Following Oracles::after_response(const Seen& seen, const Answered& answer, Instant decided) const {
  const Chain& chain = *seen.chain;
  const TransferPlan& plan = answer.plan;
  const bool has_location =
      std::ranges::any_of(answer.fields, [](const auto& field) { return field.first == "Location"; });
  if (answer.denied) {
    if (auto answered = after_denial(seen, answer)) return *answered;
  }
  if (plan.follows && has_location && redirects(plan.reply.status)) {
    if (chain.redirects >= plan.follows->max_redirects) return {.error = Code::too_many_redirects};
    const bool takes_body = chain.stages[chain.stage + 1].plan.upload.kind != UploadPlan::Kind::none;
    if (takes_body && !can_give_again(seen)) return {.error = Code::rewind_failed};
    return {.next = HopReason::redirect};
  }
  if (!plan.retries) return {};
  const bool is_tried =
      is_transient(plan.reply.status) || (plan.retries->options.all_error_statuses && plan.reply.status >= 400);
  return is_tried ? another_try(seen, decided, asked_by(answer)) : Following{};
}

Following Oracles::after_failure(const Seen& seen, const Error& error) const {
  const auto& retries = seen.plan->retries;
  if (!retries || !may_be_tried_again(error, retries->options)) return {};
  if (seen.head && !retries->options.after_head) return {};
  const Chain& chain = *seen.chain;
  return another_try(seen, now(), chain.shown ? asked_by(*chain.shown) : Duration());
}

Following Oracles::another_try(const Seen& seen, Instant decided, Duration asked) const {
  const RetryOptions& options = seen.plan->retries->options;
  if (seen.chain->retries >= options.max_retries || !can_give_again(seen)) return {};
  const Duration whole = std::chrono::seconds(1) * (1 << std::min(seen.chain->retries, 9u));
  Following again{.next = HopReason::retry};
  again.most = std::max(asked, options.delay.value_or(whole));
  again.least = std::max(asked, options.delay.value_or(options.jitter ? whole / 2 : whole));
  if (!options.max_time) return again;
  const Duration left = *options.max_time - (decided - seen.added_at);
  if (again.least > left) return {};
  again.is_certain = again.most <= left;
  again.most = std::min(again.most, left);
  return again;
}

}  // namespace sluice::simtest
