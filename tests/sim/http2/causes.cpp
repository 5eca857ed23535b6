// See causes.hpp.
#include "tests/sim/http2/causes.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>

#include "core/base/limits.hpp"

namespace sluice::simtest::http2 {
namespace {

// Names of faults (sim::World::faults()) that end one exchange, or none.
constexpr std::string_view kOfExchanges[] = {"refused exchange",
                                             "calm",
                                             "needs HTTP/1.1",
                                             "goaway needs HTTP/1.1",
                                             "reset at head",
                                             "exchange reset in body",
                                             "two statuses",
                                             "upper-case name",
                                             "connection field",
                                             "long body",
                                             "short body over HTTP/2",
                                             "late head",
                                             "no status",
                                             "never",
                                             "refused by limit",
                                             "goaway announced",
                                             "goaway",
                                             "idle close",
                                             "interim flood"};

constexpr int kEnhanceYourCalm = 11;

using Faults = std::map<std::string, std::uint64_t, std::less<>>;

bool has_connection_fault(const Faults& faults) {
  return std::ranges::any_of(
      faults, [](const auto& fault) { return std::ranges::find(kOfExchanges, fault.first) == std::end(kOfExchanges); });
}

bool has_any(const Faults& faults, std::span<const std::string_view> names) {
  return std::ranges::any_of(names, [&](const std::string_view name) { return faults.contains(name); });
}

// Of a connection with the origin that was open until now, or until the first transfer that waited for it gave up: all
// are added within this time.
constexpr Duration kAdding = std::chrono::seconds(10);
bool has_open_fault(const sim::World& world, sim::OriginNumber origin, std::span<const std::string_view> names) {
  return std::ranges::any_of(world.connects(), [&](const sim::ConnectRecord& record) {
    return record.origin == origin && record.over.value_or(Instant::max()) >= world.now().steady - kAdding &&
           has_any(world.faults(record.conn), names);
  });
}

// It was not processed more often than it is sent again, or its body cannot be sent again.
bool is_refused_for_good(const Account& account, const Faults& faults, const TransferInfo& info) {
  // The origin does not see these requests.
  const bool limited = faults.contains("refused by limit") || faults.contains("goaway");
  if (account.refusals == 0 && !limited) return false;
  const bool once = account.plan->upload.kind == UploadPlan::Kind::streamed && !account.plan->upload.rewindable;
  return once || account.plan->upload.expects_continue || info.retries >= sluice::limits::kMaxRetries ||
         account.plan->reply.interims > 0;
}

}  // namespace

bool is_never_good(sim::Http2Fault fault) {
  using Fault = sim::Http2Fault;
  switch (fault) {
    case Fault::none:
    case Fault::reset_in_body:  // of a response that has none
    case Fault::closes_in_body:
    case Fault::resets_in_body:
    case Fault::data_after_end:
    case Fault::overrun:
      return false;
    case Fault::refused:
    case Fault::calm:
    case Fault::needs_http1:
    case Fault::goaway_http1:
    case Fault::reset_at_head:
    case Fault::two_statuses:
    case Fault::upper_case_name:
    case Fault::connection_field:
    case Fault::long_body:
    case Fault::short_body:
    case Fault::late_head:
    case Fault::no_status:
    case Fault::zero_update:
    case Fault::interim_flood:
    case Fault::settings_flood:
    case Fault::update_flood:
    case Fault::priority_flood:
    case Fault::hpack_bomb:
    case Fault::push_promise:
    case Fault::continuations:
    case Fault::pings:
    case Fault::empty_frames:
    case Fault::huge_frame:
    case Fault::bad_setting:
    case Fault::idle_stream:
    case Fault::stray_data:
    case Fault::goaway_calm:
      return true;
  }
  return true;
}

bool has_cause(const Error& error, const Plan& plan, const Account& account, const sim::World& world,
               const TransferInfo& info) {
  using Fault = sim::Http2Fault;
  const TransferPlan& transfer = *account.plan;
  const OriginPlan& origin = plan.origins[transfer.origin];
  const Faults& faults = world.faults(info.conn);
  const bool broken = has_connection_fault(faults);
  const Fault fault = account.faulty ? transfer.reply.http2.fault : Fault::none;
  switch (error.code) {
    case Code::canceled:
      return transfer.cancel.has_value();
    case Code::http2_stream:
      // A request that came after the GOAWAY was not seen.
      if (account.needs_http1 || faults.contains("goaway needs HTTP/1.1")) return true;
      return fault != Fault::none || is_refused_for_good(account, faults, info);
    case Code::http2_error:
      if (transfer.versions == HttpVersions::at_least_http2 && origin.tls && origin.http2 < 1000) return true;
      // Many small updates of windows look like a flood.
      if (origin.options.window_step < 50 && error.detail == kEnhanceYourCalm) return true;
      return broken || is_refused_for_good(account, faults, info);
    case Code::connection_closed:
    case Code::truncated:
    case Code::receive_failed:
    case Code::send_failed:
    case Code::tls_failed:
    case Code::tls_handshake:
      return broken;
    case Code::response_too_large:
      return fault == Fault::interim_flood || fault == Fault::hpack_bomb;
    case Code::connect_failed:
    case Code::connect_timeout:
      return !plan.calm;
    case Code::rewind_failed:
      return transfer.upload.kind == UploadPlan::Kind::streamed && !transfer.upload.rewindable && account.tries > 0;
    case Code::total_timeout: {
      if (account.paused && !account.pause_over) return true;
      // A client that reads a flood slowly may answer all of it.
      if (transfer.reply.never || (fault >= Fault::pings && fault <= Fault::empty_frames)) return true;
      // It waits for the place of an exchange that goes on for ever, on a connection that can carry few, or none more.
      const bool few_places =
          plan.max_connections_per_origin > 0 || origin.options.max_streams < 100 || !origin.options.changes.empty();
      constexpr std::string_view kForEver[] = {"never", "pings"};
      if (few_places && has_open_fault(world, transfer.origin, kForEver)) return true;
      // An origin that floods reads nothing more. The transfer may wait for a dead connection, and have none itself.
      constexpr std::string_view kDead[] = {"stall", "silent", "half open", "settings flood"};
      const bool dead = has_any(faults, kDead) || has_open_fault(world, transfer.origin, kDead);
      // A PING finds it; but an origin of which all connections die takes long if there may be one or two at a time.
      const bool found = plan.ping_interval && (plan.max_connections_per_origin == 0 || !origin.options.silent_after);
      return (dead && !found) || !plan.calm;
    }
    default:
      return false;
  }
}

}  // namespace sluice::simtest::http2
