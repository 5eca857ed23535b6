// See world.hpp. The oracles: what must be true after each drive, and for each transfer that ends.
#include <algorithm>
#include <initializer_list>
#include <utility>

#include "tests/sim/http2/causes.hpp"
#include "tests/sim/multi/drives.hpp"
#include "tests/sim/multi/world.hpp"

namespace sluice::simtest::driven {

void World::before_drive() {
  drive_began_ = environment_.steady();
  progress_before_ = environment_.progress_made();
  in_drive = true;
}

void World::after_drive(Drive answer, int running, bool asked_for) {
  in_drive = false;
  switch (answer) {
    case Drive::ok:
      break;
    case Drive::call_again:
      if (const auto wait = multi_->timeout(); !wait || wait->count() != 0)
        fail("call_again", "and the timeout is not 0");
      break;
    case Drive::recursive_call:
      return fail("a drive from outside is no recursive one", "recursive_call");
    case Drive::failed:
      return fail("the stack stays usable", "a drive answered failed");
  }
  if (asked_for && answer == Drive::ok && environment_.progress_made() == progress_before_) ++idle_drives_;
  if (!asked_for) excuse_idle_drive();  // it may have done what a later drive is asked for
  check_counts(running);
  drives_->check_watches();
  if (answer != Drive::ok) return;
  for (const auto& client : clients_) client->driven();
  for (const auto& client : clients_) {
    if (client->deadline && client->running() && !client->plan().no_handler && drive_began_ > *client->deadline)
      fail("no transfer outlives its deadline", client->name());
  }
  // Calls that the sink made at the end of the drive have not had their effect yet.
  if (const auto wait = multi_->timeout(); wait && wait->count() == 0) return;
  if (multi_->connections() != environment_.streams())
    fail("connections() agrees",
         std::to_string(multi_->connections()) + " instead of " + std::to_string(environment_.streams()));
  if (multi_->waits_for_signals() != (environment_.waiting_for_signals() > 0))
    fail("waits_for_signals() agrees", "it does not");
}

void World::check_counts(int running) {
  if (running != static_cast<int>(multi_->running()))
    fail("running counts agree",
         "a drive said " + std::to_string(running) + ", running() " + std::to_string(multi_->running()));
  int sure = 0, unknown = 0;
  for (const auto& client : clients_) {
    if (client->running()) ++(client->plan().no_handler ? unknown : sure);
  }
  if (running < sure || running > sure + unknown)
    fail("running counts agree",
         std::to_string(running) + " instead of " + std::to_string(sure) + " to " + std::to_string(sure + unknown));
  const auto check = [&](std::size_t limit, std::size_t stand, const char* what) {
    if (limit > 0 && stand > limit)
      fail("limits", std::to_string(stand) + " connections " + what + ", at most " + std::to_string(limit));
  };
  check(plan().max_connections, environment_.streams(), "in all");
  for (std::size_t i = 0; i < plan().origins.size(); ++i) {
    const PerMille plain = plan().origins[i].line.plain;
    if (plain != 0 && plain != 1000) continue;  // two endpoints
    check(plan().max_connections_per_origin, environment_.streams(i), "to one origin");
    if (plain == 0) check(plan().origins[i].max_connections, environment_.streams(i), "over one route");
  }
}

void World::judge(Client& client, const Message& message) {
  if (message.result) return judge_success(client, message);
  const Error& error = message.result.error();
  if (error.blame == Blame::internal) fail("no error is internal", client.name() + ": " + error.message());
  if (!explained(client, error, message.progress))
    fail("a failure has a cause", client.name() + ": " + std::string(to_string(error.code)) + ", " + error.message());
}

void World::judge_success(Client& client, const Message& message) {
  const TransferPlan& plan = client.plan();
  const bool head = plan.method == "HEAD";
  const std::size_t expected = head ? 0 : plan.size;
  const OriginPlan& origin = this->plan().origins[plan.origin];
  // If only the end of the stream gives the length of a body, an early end looks the same, except with TLS.
  const bool may_be_short = plan.reply.framing == sim::HttpReply::Framing::until_close && !origin.tls &&
                            !origin.http2 && environment_.has_happened(plan.origin, Fault::early_end);
  if (client.received > expected || (client.received < expected && !may_be_short))
    fail("a success has the origin's bytes",
         client.name() + ": " + std::to_string(client.received) + " of " + std::to_string(expected));
  if (message.status != plan.reply.status) fail("a success has the origin's status", client.name());
  if (!plan.no_handler && (client.heads != 1 || client.status != message.status))
    fail("one head", client.name() + " has heard of none");
  if (!plan.no_handler && message.info.retries == 0 && client.interims != static_cast<int>(plan.reply.interims.size()))
    fail("interim responses", client.name() + ": " + std::to_string(client.interims));
  if (!plan.reply.early && !client.arrived_whole) fail("uploads arrive whole", client.name());
  if (!plan.reply.early && plan.fail_upload_at) fail("a failed upload is no success", client.name());
  const sim::OriginFault origin_fault = plan.reply.origin_fault;
  const bool harmless = origin_fault == sim::OriginFault::none || origin_fault == sim::OriginFault::surplus ||
                        (origin_fault == sim::OriginFault::bad_chunk && head);
  if (!harmless) fail("a origin_fault is no success", client.name() + ": " + std::string(to_string(origin_fault)));
  const sim::Http2Fault wrong = plan.reply.http2.fault;
  if (http2::is_never_good(wrong)) fail("a fault is no success", client.name() + ": " + std::string(to_string(wrong)));
  if (origin.http2 != (message.info.stream_id != 0)) fail("the version is as asked", client.name());
  if (plan.max_body_bytes && client.received > *plan.max_body_bytes) fail("max_body_bytes", client.name());
  const bool trailers = plan.reply.framing == sim::HttpReply::Framing::chunked && !plan.reply.trailers.empty() && !head;
  if (trailers && !multi_->trailers(client.id).contains("X-Sum")) fail("trailers", client.name());
  if (message.info.route != (client.by_route ? "the simulated line" : ""))
    fail("a transfer knows its route", client.name());
  if (message.progress.received_body_bytes != client.received) fail("figures", client.name());
}

// Whether a fault at the transfer's origin, or a call of its owner, can have this effect.
bool World::explained(const Client& client, const Error& why, const Progress& progress) const {
  const TransferPlan& plan = client.plan();
  const OriginPlan& origin = this->plan().origins[plan.origin];
  const auto any = [&](std::initializer_list<Fault> faults) {
    return std::ranges::any_of(faults, [&](Fault fault) { return environment_.has_happened(plan.origin, fault); });
  };
  const auto waited = [&](const std::optional<Duration>& limit) {
    return limit && progress.done && *progress.done - progress.queued >= *limit;
  };
  using enum Fault;
  switch (why.code) {
    case Code::connect_failed:
      return any({refused, open_failed, reset, stall});
    case Code::send_failed:
    case Code::receive_failed:
      return any({error, early_end, lie, reset, idle_close, origin_fault});
    case Code::connection_closed:
      return any({early_end, reset, idle_close, origin_fault});
    case Code::truncated:
      return any({early_end, reset, origin_fault});
    case Code::malformed_response:
    case Code::not_http:
    case Code::unsupported_coding:
    case Code::unexpected_upgrade:
    case Code::response_too_large:
      return any({origin_fault});
    case Code::tls_handshake:
    case Code::tls_failed:
      return origin.tls && (any({error, early_end, lie, reset, idle_close}) || (origin.http2 && any({origin_fault})));
    case Code::http2_error:
    case Code::http2_stream:
      return origin.http2 && any({error, early_end, lie, reset, idle_close, origin_fault});
    case Code::canceled:
      return client.canceled;
    case Code::connect_timeout:
      return waited(plan.connect_timeout);
    case Code::total_timeout:
      return waited(plan.total_timeout);
    case Code::idle_timeout:
      return waited(plan.idle_timeout);
    case Code::resolve_failed:
      return any({name_fails});
    case Code::upload_failed:
      return plan.fail_upload_at.has_value();
    case Code::body_too_large:
      return plan.max_body_bytes && (*plan.max_body_bytes < plan.size || has_wrong_body(plan));
    case Code::attempts_timeout:  // no plan has one
    case Code::rewind_failed:     // nor a rewindable stream
    case Code::queue_timeout:
    case Code::resolve_timeout:
    case Code::tls_timeout:
    case Code::response_timeout:
    case Code::too_slow:
    case Code::address_forbidden:
    case Code::bind_failed:
    case Code::tls_pin:
    case Code::tls_status:
    case Code::too_many_redirects:
    case Code::proxy_resolve_failed:  // proxies have their own runs (tests/sim/proxies)
    case Code::tunnel_failed:
    case Code::socks_failed:
    case Code::invalid_url:
    case Code::unsupported_scheme:
    case Code::invalid_request:
    case Code::invalid_option:
    case Code::tls_config:
    case Code::tls_certificate:
    case Code::too_many_descriptors:
    case Code::descriptor_too_large:
    case Code::recursive_call:
    case Code::out_of_memory:
    case Code::bad_coding:
    case Code::authentication_failed:
    case Code::internal:
      return false;
  }
  return false;
}

}  // namespace sluice::simtest::driven
