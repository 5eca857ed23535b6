// The oracles about codings and cookies. Leaves the bytes of a decoded body to outputs.cpp.
#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

// Received and decoded bytes are counted apart.
void Oracles::judge_sizes(const Seen& seen) {
  const Progress& progress = engine().progress(seen.id);
  const bool coded = is_coded(*seen.plan) && reply_has_body(*seen.plan);
  const std::size_t received = coded ? seen.received : seen.taken;
  if (progress.received_body_bytes != received) {
    report("figures", name(seen) + ": " + std::to_string(progress.received_body_bytes) +
                          " bytes received by the engine's count, " + std::to_string(received) + " by ours");
  }
  if (progress.decoded_body_bytes != (coded ? seen.taken : 0)) {
    report("figures", name(seen) + ": " + std::to_string(progress.decoded_body_bytes) +
                          " bytes decoded by the engine's count, " + std::to_string(seen.taken) + " by ours");
  }
  const bool has_length = seen.plan->reply.framing == sim::HttpReply::Framing::length && reply_has_body(*seen.plan);
  if (has_length && progress.expected_body_bytes != seen.received) {
    report("figures", name(seen) + ": the engine expects not the " + std::to_string(seen.received) +
                          " bytes that it was promised");
  }
}

// Each host sets one cookie that names it, so no other host may see it; and none may see one that is not asked for. The
// request's own cookie follows, at its own origin only.
void Oracles::judge_cookies(const Seen& seen, const TransferPlan& plan, const sim::HttpRequest& request) {
  const std::string* field = request.field("cookie");
  const std::string host = host_of(scenario_.origins[plan.origin], plan), of_host = "of=" + host;
  std::string cookie = field ? *field : "";
  const std::string own = own_cookie_of(seen, plan);
  const bool has_own = !own.empty() && cookie.ends_with(own);
  if (has_own != !own.empty()) report("cookies", name(seen) + ": its own cookie is not sent to " + host);
  if (has_own) cookie.resize(cookie.size() - own.size());
  if (has_own && cookie.ends_with("; ")) cookie.resize(cookie.size() - 2);
  if (cookie.empty()) {
    if (seen.has_cookie && is_present(seen, plan))
      report("cookies", name(seen) + ": the cookie of " + host + " is not sent");
    return;
  }
  if (!plan.cookies) report("cookies", name(seen) + ": has no jar, and sends " + cookie);
  if (cookie != of_host) report("cookies", name(seen) + ": " + host + " is sent " + cookie);
}

}  // namespace sluice::simtest
