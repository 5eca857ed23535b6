// The oracles about requests at their origins: whose they are, what is in them, and what their connection has carried
// before. Leaves what only transfers with several hops have to hops.cpp.
#include <algorithm>
#include <charconv>

#include "tests/sim/oracles/oracles.hpp"

namespace sluice::simtest {

namespace {

// As in the URL; the default port is left out (RFC 9110 7.2).
std::string host_field(const OriginPlan& origin, const TransferPlan& plan) {
  const std::string host = host_of(origin, plan);
  return origin.port == (origin.tls ? 443 : 80) ? host : host + ':' + std::to_string(origin.port);
}

// Other errors may come when the complete response is already there.
bool breaks_connection(Code code) {
  switch (code) {
    case Code::connection_closed:
    case Code::truncated:
    case Code::send_failed:
    case Code::receive_failed:
    case Code::malformed_response:
    case Code::not_http:
    case Code::unexpected_upgrade:
    case Code::response_too_large:
    case Code::tls_failed:
    case Code::idle_timeout:
      return true;
    default:
      return false;
  }
}

// The number at the start of the text, which is removed; 0: none.
std::uint32_t take_number(std::string_view& text) {
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return number;
}

}  // namespace

// The path has the number of the transfer, and after redirects of the stage.
Served Oracles::on_request(std::size_t origin, const sim::HttpRequest& request) {
  std::string_view rest = std::string_view(request.target).substr(std::min<std::size_t>(1, request.target.size()));
  const std::uint32_t number = take_number(rest);
  rest.remove_prefix(std::min<std::size_t>(1, rest.size()));
  const std::size_t stage = take_number(rest);
  Seen* seen = find(number);
  const bool is_known = seen && seen->added && stage <= (seen->chain ? seen->chain->stage : 0);
  if (!is_known || request.target != path_of(number, stage)) {
    report("requests", "a request that nobody made reaches origin " + std::to_string(origin) + ": " + request.method +
                           " " + request.target);
    return {};
  }
  const TransferPlan& plan = seen->chain ? seen->chain->stages[stage].plan : *seen->plan;
  if (plan.origin != origin) report("requests", name(*seen) + " reaches origin " + std::to_string(origin));
  judge_request(*seen, plan, request);
  if (seen->chain) judge_own_fields(*seen, seen->chain->stages[stage], request);
  std::vector<Visit>& visits = visits_[{origin, request.connection}];
  const auto visit = std::ranges::find(visits.rbegin(), visits.rend(), request.number, &Visit::request);
  const bool is_new = visit == visits.rend();
  const bool is_late = seen->chain && stage != seen->chain->stage;  // of an earlier hop
  if (is_new) {
    if (!is_late) {
      judge_order(origin, request, *seen);
      judge_turn(*seen);
    }
    Answered* answered = answer(*seen, stage, request);
    const std::size_t kind = seen->chain ? seen->chain->kinds[stage] : seen->kind;
    visits.push_back({number, request.number, kind, answered ? &answered->plan : seen->plan, answered});
    seen->place = request.number;
    ++seen->arrivals;
    const std::size_t most = seen->chain ? seen->chain->hops_at[stage] : 1;
    const std::size_t arrived = answered ? arrivals_at(*seen, stage) : seen->arrivals;
    if (!is_idempotent(plan.method) && arrived > most)
      report("twice", name(*seen) + ": a " + plan.method + " arrives " + std::to_string(arrived) + " times");
  } else if (visit->number != number) {
    report("requests", name(*seen) + ": its body comes behind another's head");
  }
  Answered* answered = is_new ? visits.back().answer : visit->answer;
  const bool whole = request.body == (plan.upload.bytes == 0 ? "" : seen->upload);
  if (!request.body.empty() && !whole) {
    report("upload", name(*seen) + ": the origin got " + std::to_string(request.body.size()) +
                         " bytes that are not the " + std::to_string(plan.upload.bytes) + " sent");
  }
  if (whole && !(is_new && plan.upload.bytes > 0)) {
    seen->upload_arrived = true;
    if (answered) answered->whole = true;
    if (!is_late) judge_arrival(*seen);
  }
  return {seen, answered};
}

void Oracles::judge_request(const Seen& seen, const TransferPlan& plan, const sim::HttpRequest& request) {
  if (request.method != plan.method) report("requests", name(seen) + ": its method arrives as " + request.method);
  const std::string* host = request.field("host");
  if (!host || *host != host_field(scenario_.origins[plan.origin], plan))
    report("requests", name(seen) + ": Host arrives as " + (host ? *host : "nothing"));
  judge_cookies(seen, plan, request);
  // RFC 8470 2.1: it may be replayed.
  if (request.early_data && (!is_safe(request.method) || plan.upload.bytes > 0))
    report("early data", name(seen) + ": a " + request.method + " that must not be replayed was sent early");
  const std::string* filler = request.field("x-filler");
  if ((filler ? filler->size() : 0) != plan.filler) report("requests", name(seen) + ": a field has another length");
}

// Whether this request may come on that connection, after the earlier ones.
void Oracles::judge_order(std::size_t origin, const sim::HttpRequest& request, const Seen& seen) {
  const TransferPlan& plan = *seen.plan;
  const auto found = visits_.find({origin, request.connection});
  if (found == visits_.end() || found->second.empty()) return;
  if (plan.fresh && engine().info(seen.id).retries == 0) report("reuse", name(seen) + " asked for a fresh connection");
  for (const Visit& visit : found->second) {
    const Seen& before = *find(visit.number);
    const std::string whom = name(seen) + " behind " + std::to_string(visit.number);
    if (visit.plan->no_reuse) report("reuse", whom + ", which forbade it");
    if (reply_closes(visit.plan->reply)) report("reuse", whom + ", whose response said close");
    if (visit.kind != seen.kind) report("reuse", whom + ", which is of another kind");
    const bool was_its_last_hop = !visit.answer || visit.answer->hops == before.chain->hops;
    if (before.failure && was_its_last_hop && !multiplexes(seen) && breaks_connection(*before.failure))
      report("reuse", whom + ", which has failed");
    if (visit.number == plan.number && (!visit.answer || visit.answer->hops == seen.chain->hops))
      report("reuse", whom + ", itself");
  }
}

}  // namespace sluice::simtest
