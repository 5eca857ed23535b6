// See plan.hpp.
#include "tests/sim/http2/plan.hpp"

#include <algorithm>
#include <iterator>

#include "core/base/limits.hpp"
#include "core/base/random.hpp"
#include "tests/sim/mode_run.hpp"

namespace sluice::simtest::http2 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What this seed is about.
enum class Theme : std::uint8_t { faultless, misdeeds, storm };

template <class T, std::size_t N>
T pick(Random& random, const T (&from)[N]) {
  return from[random.below(N)];
}

sim::PerMille rare(Random& random) {
  return one_in(random, 3) ? static_cast<sim::PerMille>(random.below(250)) : sim::PerMille{0};
}

sim::Weather draw_weather(Random& random, bool storm) {
  sim::Weather weather;
  if (one_in(random, 2)) weather.max_piece = 1 + random.below(one_in(random, 3) ? 40 : 6'000);
  if (one_in(random, 4)) weather.max_send = 1 + random.below(one_in(random, 3) ? 30 : 3'000);
  if (one_in(random, 3)) weather.bandwidth = 100'000 + random.below(2'000'000);
  if (one_in(random, 3)) weather.window = 2'000 + random.below(30'000);
  weather.delay = milliseconds(1 + random.below(30));
  weather.jitter = milliseconds(random.below(10));
  if (one_in(random, 3)) weather.late_reads = 300;
  if (!storm) return weather;
  weather.resets = rare(random);
  weather.closes_early = rare(random);
  weather.half_closes = rare(random);
  weather.stalls = rare(random);
  weather.refused = rare(random);
  weather.stale_facts = rare(random);
  weather.needless_timeouts = rare(random);
  weather.fault_within = 1 + random.below(20'000);
  return weather;
}

// Settings that change; the last one lets everything go on.
std::vector<sim::Http2Change> draw_changes(Random& random, sim::Http2OriginOptions& options) {
  std::vector<sim::Http2Change> changes;
  Duration at = Duration::zero();
  const std::size_t count = 1 + random.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    at += milliseconds(1 + random.below(1'500));
    sim::Http2Change change{.at = at};
    if (one_in(random, 2)) change.max_streams = static_cast<std::uint32_t>(random.below(4));
    if (one_in(random, 2))
      change.upload_window = static_cast<std::uint32_t>(random.below(one_in(random, 2) ? 50 : 70'000));
    changes.push_back(change);
  }
  at += milliseconds(1 + random.below(1'500));
  changes.push_back({.at = at, .max_streams = options.max_streams, .upload_window = 65'535});
  return changes;
}

OriginPlan draw_origin(Random& random, Theme theme) {
  constexpr std::uint32_t kLimits[] = {100, 100, 1'000, 5, 2, 1};
  OriginPlan origin;
  origin.tls = one_in(random, 3);
  if (one_in(random, 4)) origin.http2 = one_in(random, 2) ? sim::PerMille{0} : sim::PerMille{500};
  for (std::size_t i = 0; origin.tls && i < 3 && one_in(random, 2); ++i)
    origin.others.push_back({.is_apart = one_in(random, 4), .refuses_guests = one_in(random, 4)});
  sim::Http2OriginOptions& options = origin.options;
  options.max_streams = pick(random, kLimits);
  if (one_in(random, 3)) options.upload_window = static_cast<std::uint32_t>(1 + random.below(2'000));
  if (one_in(random, 4)) {
    options.upload_window = static_cast<std::uint32_t>(100'000 + random.below(900'000));
    options.connection_window = 100'000 + random.below(2'000'000);
  }
  if (one_in(random, 3)) options.window_step = 1 + random.below(one_in(random, 2) ? 3 : 500);
  options.takes_priorities = one_in(random, 2);
  if (one_in(random, 4)) options.ping_every = milliseconds(20 + random.below(2'000));
  if (theme == Theme::faultless && one_in(random, 2)) {  // its connections are kept, and shared by all
    options.max_streams = 100;
    options.window_step = SIZE_MAX;
    return origin;
  }
  if (one_in(random, 4)) options.changes = draw_changes(random, options);
  if (one_in(random, 5)) {
    options.goes_away_after = 1 + random.below(12);
    options.two_steps = one_in(random, 2);
    options.unprocessed = random.below(4);
  }
  if (one_in(random, 5)) options.keep_alive = milliseconds(50 + random.below(3'000));
  if (theme == Theme::misdeeds && one_in(random, 6)) options.silent_after = 1 + random.below(10);
  return origin;
}

UploadPlan draw_upload(Random& random, bool small) {
  UploadPlan upload;
  upload.kind = one_in(random, 2) ? UploadPlan::Kind::owned : UploadPlan::Kind::streamed;
  upload.bytes = random.below(small || one_in(random, 2) ? 3'000 : one_in(random, 4) ? 200'000 : 20'000);
  upload.says_length = one_in(random, 2);
  upload.rewindable = !one_in(random, 3);
  if (upload.kind == UploadPlan::Kind::streamed && !upload.says_length && one_in(random, 2))
    upload.trailers = 1 + random.below(3);
  if (one_in(random, 4)) upload.pause = milliseconds(random.below(3'000));
  upload.expects_continue = one_in(random, 6);
  return upload;
}

sim::Http2Fault draw_fault(Random& random) {
  using Fault = sim::Http2Fault;
  // Half of all faults end the exchange alone.
  if (one_in(random, 3)) return Fault::refused;
  if (one_in(random, 10)) return Fault::overrun;
  const auto last = static_cast<std::uint64_t>(one_in(random, 2) ? Fault::interim_flood : Fault::overrun);
  return static_cast<Fault>(1 + random.below(last));
}

ReplyPlan draw_reply(Random& random, const OriginPlan& origin, const UploadPlan& upload, Theme theme) {
  constexpr int kStatuses[] = {200, 200, 200, 200, 201, 404, 500, 204, 304};
  ReplyPlan reply;
  reply.status = pick(random, kStatuses);
  reply.bytes = random.below(one_in(random, 8) ? 700'000 : one_in(random, 2) ? 20'000 : 300);
  reply.says_length = one_in(random, 2);
  reply.trailers = one_in(random, 4) ? 1 + random.below(3) : 0;
  reply.interims = one_in(random, 4) ? 1 + random.below(3) : 0;
  if (one_in(random, 2)) reply.delay = milliseconds(random.below(one_in(random, 4) ? 5'000 : 200));
  if (upload.kind != UploadPlan::Kind::none) {
    reply.early = one_in(random, origin.tls ? 2 : 5);
    // A client stops sending where an error has come.
    reply.begins_early = !reply.early && reply.status < 400 && one_in(random, 6);
    reply.http2.stops_upload = one_in(random, 2);
  }
  if (one_in(random, 2)) reply.http2.frame_bytes = std::max<std::size_t>(1 + random.below(3'000), reply.bytes / 200);
  if (one_in(random, 4)) reply.http2.padding = random.below(256);
  if (one_in(random, 3)) reply.http2.pause = milliseconds(1 + random.below(20));
  reply.http2.noise = one_in(random, 8);
  if (upload.kind == UploadPlan::Kind::none && one_in(random, 8))
    reply.redirect = random.below(one_in(random, 2) ? 100'000 : 2'000);
  reply.http2.frame_bytes = std::max<std::size_t>(reply.http2.frame_bytes, reply.redirect.value_or(0) / 200);
  const bool over_http2 = !origin.tls || origin.http2 > 0;
  if (theme != Theme::misdeeds || !over_http2 || !one_in(random, 4)) return reply;
  reply.http2.fault = draw_fault(random);
  if (one_in(random, 2)) reply.faulty_tries = 1;
  if (one_in(random, 10)) reply.never = true;
  return reply;
}

// More than a window, while the application does not read.
void overrun(Random& random, TransferPlan& transfer) {
  transfer.method = "GET";
  transfer.upload = {};
  transfer.reply.status = 200;
  transfer.reply.bytes = 600'000 + random.below(300'000);
  transfer.reply.http2.frame_bytes = sim::Http2Reply{}.frame_bytes;  // of a try without the fault
  transfer.reply.http2.pause = Duration::zero();
  transfer.pauses_at = random.below(1'000);
  transfer.pause = seconds(5 + random.below(5));
}

FieldsPlan draw_fields(Random& random) {
  constexpr std::uint8_t kUrgencies = 8;
  const auto urgency = [&] { return static_cast<std::uint8_t>(random.below(kUrgencies)); };
  FieldsPlan fields;
  if (one_in(random, 3)) {
    const std::size_t count = 1 + random.below(4);
    for (std::size_t i = 0; i < count; ++i)
      fields.cookies.push_back("c" + std::to_string(i) + "=" + std::string(random.below(40), 'v'));
  }
  fields.has_jar = one_in(random, 4);
  if (one_in(random, 3)) fields.priority = {.urgency = urgency(), .incremental = one_in(random, 2)};
  if (!one_in(random, 4)) return fields;
  fields.later = {.urgency = urgency(), .incremental = one_in(random, 2)};
  if (fields.priority == fields.later) fields.priority.reset();
  fields.later_at = milliseconds(random.below(one_in(random, 2) ? 300 : 3'000));
  return fields;
}

TransferPlan draw_transfer(Random& random, const std::vector<OriginPlan>& origins, HttpVersions usual, Theme theme) {
  constexpr const char* kMethods[] = {"GET", "GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE"};
  TransferPlan transfer;
  transfer.origin = random.below(origins.size());
  const OriginPlan& origin = origins[transfer.origin];
  transfer.host = random.below(origin.others.size() + 1);
  transfer.is_modern = one_in(random, 8);
  transfer.start = milliseconds(random.below(one_in(random, 2) ? 50 : 6'000));
  transfer.method = pick(random, kMethods);
  constexpr HttpVersions kKnown[] = {HttpVersions::http2_prior_knowledge, HttpVersions::at_least_http2};
  transfer.versions = origin.tls ? usual : pick(random, kKnown);
  if (one_in(random, 10)) transfer.versions = HttpVersions::http1_1;
  if (transfer.method == "POST" || transfer.method == "PUT")
    transfer.upload = draw_upload(random, origin.options.window_step < 100 || origin.options.upload_window < 200);
  transfer.fields = draw_fields(random);
  transfer.reply = draw_reply(random, origin, transfer.upload, theme);
  // So that its change comes before the response.
  if (transfer.fields.later && one_in(random, 3)) transfer.reply.delay = seconds(5 + random.below(5));
  // More than what a connection keeps.
  const bool is_large = transfer.upload.kind != UploadPlan::Kind::none && origin.options.connection_window > 300'000;
  if (is_large && one_in(random, 2)) transfer.upload.bytes += 300'000;
  // More than what waits in the network, so that the response comes before the end of the request.
  if (transfer.reply.early && origin.tls) transfer.upload.bytes += 100'000;
  if (transfer.reply.http2.fault == sim::Http2Fault::overrun) {
    overrun(random, transfer);
  } else if (one_in(random, 8)) {
    transfer.pauses_at = random.below(transfer.reply.bytes + 1);
    transfer.pause = milliseconds(1 + random.below(one_in(random, 2) ? 100'000 : 2'000));
  }
  const bool whole = transfer.reply.http2.fault == sim::Http2Fault::overrun;
  if (theme != Theme::faultless && !whole && one_in(random, 8)) transfer.cancel = milliseconds(random.below(3'000));
  return transfer;
}

std::string in_ms(Duration time) { return std::to_string(time / milliseconds(1)) + " ms"; }

std::string of_fields(const FieldsPlan& fields) {
  std::string text;
  if (!fields.cookies.empty()) text += ", cookies " + std::to_string(fields.cookies.size());
  if (fields.has_jar) text += ", cookies of the jar";
  if (fields.priority) text += ", priority " + priority_field(*fields.priority);
  if (fields.later) text += ", priority " + priority_field(*fields.later) + " after " + in_ms(fields.later_at);
  return text;
}

std::string of_upload(const UploadPlan& upload) {
  if (upload.kind == UploadPlan::Kind::none) return "";
  std::string text = ", uploads " + std::to_string(upload.bytes);
  if (upload.kind == UploadPlan::Kind::streamed) text += upload.says_length ? " streamed" : " streamed without length";
  if (!upload.rewindable) text += " once";
  if (upload.trailers > 0) text += " with trailers";
  if (upload.pause > Duration::zero()) text += ", waiting " + in_ms(upload.pause);
  if (upload.expects_continue) text += ", expects 100";
  return text;
}

std::string of_reply(const ReplyPlan& reply) {
  std::string text = "; " + std::to_string(reply.status) + " with " + std::to_string(reply.bytes);
  if (reply.trailers > 0) text += ", trailers";
  if (reply.interims > 0) text += ", interims";
  if (reply.delay > Duration::zero()) text += ", after " + in_ms(reply.delay);
  if (reply.early) text += ", early";
  if (reply.begins_early) text += ", begins early";
  if (reply.http2.frame_bytes < 16'384) text += ", frames of " + std::to_string(reply.http2.frame_bytes);
  if (reply.http2.pause > Duration::zero()) text += " every " + in_ms(reply.http2.pause);
  if (reply.http2.fault != sim::Http2Fault::none) text += ", FAULT " + std::string(to_string(reply.http2.fault));
  if (reply.faulty_tries != SIZE_MAX) text += " once";
  if (reply.never) text += ", NEVER";
  if (reply.redirect) text += ", after a redirect with " + std::to_string(*reply.redirect);
  return text;
}

std::string of_origin(const OriginPlan& origin) {
  const sim::Http2OriginOptions& options = origin.options;
  std::string text = origin.tls ? "TLS, " + std::to_string(origin.http2) + " per mille HTTP/2" : "plain";
  text += ", streams " + std::to_string(options.max_streams) + ", window " + std::to_string(options.upload_window);
  if (options.connection_window > 65'535) text += " and " + std::to_string(options.connection_window);
  if (options.window_step != SIZE_MAX) text += " in steps of " + std::to_string(options.window_step);
  for (const sim::Http2Change& change : options.changes) {
    text += ", at " + in_ms(change.at) + ":";
    if (change.max_streams) text += " streams " + std::to_string(*change.max_streams);
    if (change.upload_window) text += " window " + std::to_string(*change.upload_window);
  }
  for (const HostPlan& host : origin.others) {
    text += host.is_apart ? ", a host apart" : ", another host";
    if (host.refuses_guests) text += " without guests";
  }
  if (options.takes_priorities) text += ", takes priorities";
  if (options.ping_every) text += ", PING every " + in_ms(*options.ping_every);
  if (options.goes_away_after) text += ", GOAWAY after " + std::to_string(*options.goes_away_after);
  if (options.two_steps) text += " in two steps";
  if (options.unprocessed > 0) text += " without the last " + std::to_string(options.unprocessed);
  if (options.keep_alive) text += ", keeps alive " + in_ms(*options.keep_alive);
  if (options.silent_after) text += ", SILENT after " + std::to_string(*options.silent_after);
  return text;
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  std::uint64_t state = seed ^ 0x4112'0002'0000'0001u;
  Random random(Seed{splitmix64(state)});
  constexpr Theme kThemes[] = {Theme::faultless, Theme::misdeeds, Theme::misdeeds, Theme::storm};
  constexpr HttpVersions kUsual[] = {HttpVersions::any, HttpVersions::any, HttpVersions::any,
                                     HttpVersions::at_least_http2, HttpVersions::http2_prior_knowledge};
  const Theme theme = pick(random, kThemes);
  Plan plan;
  plan.seed = seed;
  plan.calm = theme != Theme::storm;
  plan.faultless = theme == Theme::faultless;
  plan.weather = draw_weather(random, theme == Theme::storm);
  if (one_in(random, 4)) plan.max_connections_per_origin = 1 + random.below(2);
  if (one_in(random, 8)) plan.max_connection_uses = 1 + random.below(10);
  if (one_in(random, 2)) plan.ping_interval = milliseconds(1'000 + random.below(one_in(random, 2) ? 3'000 : 20'000));
  plan.coalesces = !one_in(random, 3);
  const std::size_t origins = 1 + random.below(2), transfers = 1 + random.below(one_in(random, 3) ? 60 : 12);
  for (std::size_t i = 0; i < origins; ++i) plan.origins.push_back(draw_origin(random, theme));
  // Many PING frames that are not answered look like a flood.
  const bool is_slow = plan.weather.max_send < 200;
  for (OriginPlan& origin : plan.origins) {
    if (is_slow && origin.options.ping_every) *origin.options.ping_every += seconds(2);
  }
  const HttpVersions usual = pick(random, kUsual);
  for (std::size_t i = 0; i < transfers; ++i)
    plan.transfers.push_back(draw_transfer(random, plan.origins, usual, theme));
  // A run has so many steps as its weather has pieces.
  const std::size_t most = 2'000 * std::min({plan.weather.max_piece, plan.weather.max_send, std::size_t{4'000}}) / 8;
  for (TransferPlan& transfer : plan.transfers) {
    transfer.reply.bytes = std::min(transfer.reply.bytes, 500 + most);
    transfer.upload.bytes = std::min(transfer.upload.bytes, 500 + most);
    sim::Http2Fault& fault = transfer.reply.http2.fault;
    if (fault == sim::Http2Fault::interim_flood && plan.weather.max_piece < 8) fault = sim::Http2Fault::refused;
  }
  return plan;
}

bool keeps_connections(const Plan& plan, std::size_t origin) {
  const bool reads = !plan.origins[origin].options.silent_after;
  return plan.calm && reads && std::ranges::none_of(plan.transfers, [&](const TransferPlan& transfer) {
           return transfer.origin == origin && transfer.reply.http2.fault >= sim::Http2Fault::zero_update;
         });
}

// A send takes half of the most on average, and the next one is possible after a delay.
Duration longest_wait(const Plan& plan) {
  constexpr std::size_t kHead = 300, kBuffered = 2 * limits::kWireOutBytes;
  if (plan.weather.max_send == SIZE_MAX) return Duration::zero();
  std::size_t bytes = 0;
  for (const TransferPlan& transfer : plan.transfers) bytes += kHead + transfer.upload.bytes;
  const std::size_t sends = std::min(bytes, kBuffered) / std::max<std::size_t>(plan.weather.max_send / 3, 1) + 1;
  return sends * (plan.weather.delay + plan.weather.jitter);
}

std::string host_of(std::size_t origin, std::size_t host) {
  const std::string name = "origin" + std::to_string(origin) + ".test";
  return host == 0 ? name : "other" + std::to_string(host) + "." + name;
}

bool may_share(const OriginPlan& origin, std::size_t host, std::size_t other) {
  const auto is_apart = [&](std::size_t number) { return number > 0 && origin.others[number - 1].is_apart; };
  return host == other || (!is_apart(host) && !is_apart(other));
}

std::string describe(const Plan& plan) {
  std::string text = "HTTP/2, seed " + std::to_string(plan.seed) + (plan.calm ? ", calm" : "") +
                     (plan.faultless ? ", faultless" : "") + "\n";
  if (plan.max_connections_per_origin > 0)
    text += "connections to an origin: " + std::to_string(plan.max_connections_per_origin) + "\n";
  if (plan.max_connection_uses > 0) text += "uses of a connection: " + std::to_string(plan.max_connection_uses) + "\n";
  if (plan.coalesces) text += "connections are shared by hosts\n";
  if (plan.ping_interval) text += "PING every " + in_ms(*plan.ping_interval) + "\n";
  for (std::size_t i = 0; i < plan.origins.size(); ++i)
    text += "origin " + std::to_string(i) + ": " + of_origin(plan.origins[i]) + "\n";
  for (std::size_t i = 0; i < plan.transfers.size(); ++i) {
    const TransferPlan& transfer = plan.transfers[i];
    text += "transfer " + std::to_string(i) + ": " + transfer.method + " of " + std::to_string(transfer.origin) +
            (transfer.host > 0 ? "." + std::to_string(transfer.host) : "") + (transfer.is_modern ? " modern" : "") +
            " from " + in_ms(transfer.start) + ", versions " + std::to_string(static_cast<int>(transfer.versions)) +
            of_fields(transfer.fields) + of_upload(transfer.upload) + of_reply(transfer.reply);
    if (transfer.pauses_at)
      text += "; pauses at " + std::to_string(*transfer.pauses_at) + " for " + in_ms(transfer.pause);
    if (transfer.cancel) text += "; canceled after " + in_ms(*transfer.cancel);
    text += "\n";
  }
  return text;
}

}  // namespace sluice::simtest::http2
