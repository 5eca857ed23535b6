// See follow.hpp.
#include "core/flow/follow.hpp"

#include <utility>

#include "core/flow/authentication.hpp"
#include "core/rules/redirect.hpp"
#include "core/rules/retry.hpp"

namespace sluice::flow {

namespace {

using Following = std::optional<NextHop>;

Following retry(const HopEnd& end) {
  const auto& options = end.options.retries;
  if (!options || !end.replayable || (end.told && !options->after_head)) return std::nullopt;
  const auto wait = rules::retry_delay({.options = *options,
                                        .retries = end.counts.retries,
                                        .elapsed = end.now.steady - end.begun,
                                        .status = end.head.status,
                                        .fields = end.head.fields,
                                        .failure = end.failure,
                                        .random = end.memory.random,
                                        .now = end.now.wall});
  if (!wait) return std::nullopt;
  NextHop following = again(end.request, HopReason::retry);
  following.after = *wait;
  return following;
}

// RFC 9110 15.5.18: the server does not know Expect, so the same request may be sent without it.
Following without_expect(const HopEnd& end) {
  constexpr int kExpectationFailed = 417;
  if (end.head.status != kExpectationFailed || !end.options.expect_continue_from) return std::nullopt;
  if (!end.request.fields.contains("Expect")) return std::nullopt;
  NextHop following = again(end.request, HopReason::expectation);
  following.request.fields.remove("Expect");
  return following;
}

Result<Following> redirect(const HopEnd& end) {
  if (!end.options.redirects) return std::nullopt;
  auto found = rules::redirect(
      {.request = end.request, .head = end.head, .options = *end.options.redirects, .redirects = end.counts.redirects});
  if (!found) return std::unexpected(std::move(found.error()));
  if (!*found) return std::nullopt;
  NextHop following;
  following.request = std::move((*found)->request);
  following.same_body = (*found)->same_body;
  following.reason = HopReason::redirect;
  return following;
}

// Any but the answer to a challenge.
Result<Following> other_hop(const HopEnd& end) {
  if (end.failure) return retry(end);
  if (Following following = without_expect(end)) return following;
  if (auto following = redirect(end); !following || *following) return following;
  return retry(end);
}

}  // namespace

Result<std::optional<NextHop>> Follow::next(const HopEnd& end) const {
  if (!end.failure) {
    note_authentication_info(end);
    if (auto answered = answer_proxy(end); !answered || *answered) return answered;
    if (auto answered = answer_challenge(end); !answered || *answered) return answered;
  }
  auto following = other_hop(end);
  if (!following || !*following) return following;
  if (auto authorized = authorize_next(**following, end); !authorized) {
    return std::unexpected(std::move(authorized.error()));
  }
  return following;
}

}  // namespace sluice::flow
