// See scenario.hpp. Every draw is made, also if it does not count: a feature that is off gets its harmless value, and
// nothing else changes. The order of evaluating arguments is not defined, so no call here has two draws among its
// arguments.
#include "tests/sim/scenario/scenario.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/base/limits.hpp"
#include "tests/sim/scenario/draw.hpp"

namespace sluice::simtest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void draw_weather(Draw& draw, sim::Weather& weather) {
  using enum Feature;
  const auto chance = [&] { return draw.pick<sim::PerMille>({30, 120, 400}); };
  draw.set(pieces, weather.max_piece, draw.pick<std::size_t>({1, 2, 7, 60, 500, 2'000, 17'000}));
  draw.set(partial_sends, weather.max_send, draw.pick<std::size_t>({1, 3, 20, 100, 1'000, 5'000}));
  draw.set(small_window, weather.window, draw.pick<std::size_t>({40, 300, 1'460, 8'000}));
  draw.set<Duration>(jitter, weather.jitter, milliseconds(draw.between(1, 100)));
  draw.set<Duration>(far, weather.delay, milliseconds(draw.between(20, 900)));
  draw.set(bandwidth, weather.bandwidth, draw.pick<std::size_t>({500, 2'000, 10'000, 100'000}));
  draw.set(refused, weather.refused, chance());
  draw.set(hangs, weather.hangs, chance());
  draw.set(half_open, weather.half_open, chance());
  draw.set(resets, weather.resets, chance());
  draw.set(closes_early, weather.closes_early, chance());
  draw.set(half_closes, weather.half_closes, chance());
  draw.set(stalls, weather.stalls, chance());
  const auto often = std::max<sim::PerMille>(weather.closes_early, 300);
  // With TLS this is not a clean end.
  if (draw.has(tls)) draw.set(closes_early, weather.closes_early, often);
  weather.fault_within = draw.pick<std::size_t>({60, 400, 4'000});
  // Also after the handshake, between the records of a response that only a proper close ends (see draw_reply).
  if (draw.has(tls) && draw.has(closes_early) && draw.has(until_close)) weather.fault_within = 9'000;
  draw.set(stale_facts, weather.stale_facts, chance());
  draw.set<sim::PerMille>(needless_timeouts, weather.needless_timeouts,
                          static_cast<sim::PerMille>(draw.between(10, 300)));
  draw.set<sim::PerMille>(leaps, weather.leaps, static_cast<sim::PerMille>(draw.between(1, 20)));
  weather.max_leap = draw.pick<Duration>({milliseconds(300), seconds(10), seconds(120)});
  draw.set(late_reads, weather.late_reads, draw.pick<sim::PerMille>({100, 400, 1000}));
  weather.late_by = draw.pick<Duration>({milliseconds(5), milliseconds(100), seconds(2)});
}

void draw_name(Draw& draw, sim::NameSpec& name) {
  using enum Feature;
  const auto chance = [&] { return draw.pick<sim::PerMille>({100, 400}); };
  draw.set<Duration>(slow_names, name.delay, milliseconds(draw.between(0, 4'000)));
  draw.set<Duration>(slow_names, name.jitter, milliseconds(draw.between(0, 500)));
  draw.set(name_fails, name.fails, chance());
  draw.set(name_never, name.never, chance());
  draw.set(name_wrong, name.wrong, chance());
}

IpAddress ipv4(std::size_t origin, std::uint8_t which) {
  IpAddress address;
  address.kind = IpAddress::Kind::ipv4;
  address.bytes = {192, 0, 2, static_cast<std::uint8_t>(10 * (origin + 1) + which)};
  return address;
}
IpAddress ipv6(std::size_t origin, std::uint8_t which) {
  IpAddress address;
  address.kind = IpAddress::Kind::ipv6;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  address.bytes[14] = static_cast<std::uint8_t>(origin + 1);
  address.bytes[15] = static_cast<std::uint8_t>(which + 1);
  return address;
}

}  // namespace

OriginPlan draw_origin(std::uint64_t seed, std::size_t index, FeatureSet on) {
  using enum Feature;
  Draw draw(seed, kOrigins + index, on);
  OriginPlan origin;
  origin.host = "origin-" + std::to_string(index) + ".test";
  const std::uint16_t port = draw.pick<std::uint16_t>({80, 80, 8080});
  const bool with_tls = !draw.one_in(4);
  draw.set(tls, origin.tls, with_tls);
  origin.port = origin.tls ? 443 : port;
  origin.addresses = {ipv4(index, 0)};
  std::vector<IpAddress> many;
  const std::uint64_t fours = draw.below(3), sixes = draw.below(3);
  for (std::uint8_t i = 0; i < fours; ++i) many.push_back(ipv4(index, i));
  for (std::uint8_t i = 0; i < sixes; ++i) many.push_back(ipv6(index, i));
  if (many.empty()) many.push_back(ipv6(index, 0));
  if (draw.one_in(2)) std::ranges::reverse(many);
  draw.set(addresses, origin.addresses, many);
  draw_name(draw, origin.name);
  origin.name.addresses = origin.addresses;
  draw.set<std::optional<Duration>>(idle_closes, origin.options.keep_alive,
                                    milliseconds(draw.pick({1, 2, 3, 20, 200, 2'000, 30'000})));
  draw.set<std::size_t>(few_requests, origin.options.max_requests, draw.between(1, 4));
  draw.set(no_continue, origin.options.answers_continue, false);
  const auto certificate =
      draw.pick({sim::Certificate::wrong_name, sim::Certificate::expired, sim::Certificate::untrusted});
  const bool is_bad = draw.one_in(3);
  if (origin.tls && is_bad) draw.set(bad_certificates, origin.certificate, certificate);
  const bool is_old = draw.one_in(2);
  if (origin.tls) draw.set(tls12, origin.tls12, is_old);
  const Duration later = milliseconds(draw.pick({-2'000, -30, 0, 20, 49, 51, 300, 10'000}));
  draw.set<std::optional<Duration>>(split_names, origin.name.ipv6_later, later);
  draw.set(split_names, origin.name.rest_never, draw.pick<sim::PerMille>({0, 300}));
  draw.set(split_names, origin.name.ttl,
           draw.pick<std::optional<Duration>>({std::nullopt, seconds(0), seconds(5), seconds(3'600)}));
  return origin;
}

namespace {

// The same host at another port.
OriginPlan twin_of(const OriginPlan& origin) {
  OriginPlan twin = origin;
  twin.port = origin.tls ? 8443 : origin.port == 80 ? 8080 : 80;
  return twin;
}

void draw_engine(Draw& draw, Scenario& scenario) {
  using enum Feature;
  draw.set<std::size_t>(total_limit, scenario.max_connections, draw.between(1, 5));
  draw.set<std::size_t>(origin_limit, scenario.max_connections_per_origin, draw.between(1, 3));
  draw.set<Duration>(short_expiry, scenario.idle_connection_timeout, milliseconds(draw.pick({0, 5, 300, 5'000})));
  const std::uint64_t closes = draw.between(1, 3);
  for (std::uint64_t i = 0; i < closes; ++i) {
    const Duration when = milliseconds(draw.below(5'000));
    if (draw.has(close_idle)) scenario.close_idle.push_back(when);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    scenario.routes.push_back({i == 0 ? "" : "route " + std::to_string(i), static_cast<std::size_t>(draw.below(3))});
  }
  // Many transfers of different kinds with few connections: connections must be closed to make room for other kinds.
  const bool is_crowd = draw.one_in(6) && scenario.drawn > 1;
  if (!is_crowd) return;
  scenario.drawn += 2 * limits::kExchangesBeforeYield;
  draw.set<std::size_t>(total_limit, scenario.max_connections, 1);
}

std::size_t draw_count(Draw& draw) {
  const std::uint64_t kind = draw.below(8), within = draw.below(1000);
  if (kind == 0) return 1;
  if (kind <= 3) return 2 + within % 4;
  if (kind <= 6) return 6 + within % 7;
  return 13 + within % 28;
}

}  // namespace

// The cost of a scenario is limited: if bytes move one by one, there are few of them.
std::size_t byte_budget(const Scenario& scenario) {
  const std::size_t a_twentieth = scenario.weather.bandwidth / 20;
  const std::size_t piece =
      std::min({scenario.weather.max_piece, a_twentieth, scenario.weather.max_send, scenario.weather.window});
  const std::size_t steps = 300 / std::max<std::size_t>(scenario.drawn, 3);
  return std::min<std::size_t>(piece, 40'000) * steps;
}

namespace {

std::size_t draw_bytes(Draw& draw, std::size_t budget) {
  const std::uint64_t kind = draw.below(8);
  const std::size_t small = draw.size(120), medium = draw.size(6'000), huge = draw.between(60'000, 400'000);
  const std::size_t large = draw.one_in(2) ? huge : medium;
  std::size_t bytes = kind == 0 ? 0 : kind <= 4 ? small : medium;
  if (kind >= 6) draw.set(Feature::large, bytes, large);
  return std::min(bytes, std::max<std::size_t>(budget, 40));
}

void draw_upload(Draw& draw, std::size_t budget, TransferPlan& plan) {
  using enum Feature;
  const std::uint64_t kind = draw.below(4);
  const std::size_t bytes = draw_bytes(draw, budget);
  const bool waits = draw.one_in(2);
  const std::size_t most = draw.size(4'000), broken_at = draw.below(bytes + 1);
  const Duration every = milliseconds(draw.below(400));
  const bool breaks = draw.one_in(3);
  if (!draw.has(uploads) || (plan.method != "POST" && plan.method != "PUT")) return;
  UploadPlan& upload = plan.upload;
  upload.kind = kind % 2 == 0 ? UploadPlan::Kind::owned : UploadPlan::Kind::view;
  if (kind >= 2) {
    draw.set(streams, upload.kind, kind == 2 ? UploadPlan::Kind::stream : UploadPlan::Kind::stream_with_length);
  }
  upload.bytes = bytes;
  draw.set(expects, upload.expects_continue, waits);
  if (!upload.is_stream()) return;
  draw.set(slow_sources, upload.most, std::max(most, bytes / 20));
  draw.set(slow_sources, upload.every, every);
  if (breaks) draw.set<std::optional<std::size_t>>(source_fails, upload.breaks_at, broken_at);
}

// HTTP/1.0 has no chunks and no interim responses.
void draw_version(Draw& draw, ReplyPlan& reply) {
  const bool is_old = draw.one_in(2), stays = draw.one_in(2);
  draw.set(Feature::http10, reply.http10, is_old);
  if (!reply.http10) return;
  reply.keep_alive = stays && reply.framing != sim::HttpReply::Framing::until_close;
  if (reply.framing == sim::HttpReply::Framing::chunked) reply.framing = sim::HttpReply::Framing::length;
  reply.trailers = false;
  reply.interims.clear();
}

// In one read with the first response: in a read of its own it could not be told from the response to the next request.
void draw_second_response(Draw& draw, const Scenario& scenario, ReplyPlan& reply) {
  const bool comes = draw.one_in(3);
  const bool in_pieces = scenario.weather.max_piece != SIZE_MAX || scenario.weather.bandwidth != SIZE_MAX;
  const bool in_one_read = !in_pieces && reply.bytes <= 6'000;
  if (!comes || !in_one_read || reply.origin_fault != sim::OriginFault::none || !draw.has(Feature::second_responses))
    return;
  reply.origin_fault = sim::OriginFault::second_response;
  reply.one_write = true;
  if (reply.framing == sim::HttpReply::Framing::until_close) reply.framing = sim::HttpReply::Framing::length;
}

}  // namespace

void draw_reply(Draw& draw, const Scenario& scenario, std::size_t budget, TransferPlan& plan) {
  using enum Feature;
  using Framing = sim::HttpReply::Framing;
  ReplyPlan& reply = plan.reply;
  reply.bytes = draw_bytes(draw, budget);
  const std::uint64_t framing = draw.below(4);
  if (framing <= 1) draw.set(chunked, reply.framing, Framing::chunked);
  if (framing == 2) draw.set(until_close, reply.framing, Framing::until_close);
  reply.chunk_bytes = std::max(draw.size(5'000), reply.bytes / 40);
  // With many records, so that a cut is between two of them.
  if (draw.has(tls) && reply.framing == Framing::until_close && budget > 10'000) {
    reply.bytes = 2'000 + reply.bytes % 5'000;
    reply.chunk_bytes = 150;
  }
  const bool with_trailers = draw.one_in(2);
  if (reply.framing == Framing::chunked) draw.set(trailers, reply.trailers, with_trailers);
  std::vector<int> early_hints;
  for (std::uint64_t i = draw.below(4); i > 0; --i) early_hints.push_back(draw.pick({102, 103, 103, 199}));
  draw.set(interims, reply.interims, early_hints);
  draw.set(statuses, reply.status, draw.pick({200, 201, 204, 304, 404, 500, 599}));
  draw.set<Duration>(slow_replies, reply.delay, milliseconds(draw.below(3'000)));
  const bool says_close = draw.one_in(3), is_early = draw.one_in(2), is_fault = draw.one_in(3);
  draw.set(closing, reply.close, says_close);
  if (plan.upload.bytes > 0) draw.set(early, reply.early, is_early);
  if (reply.early) reply.status = 413;
  auto origin_fault =
      static_cast<sim::OriginFault>(draw.between(1, static_cast<std::uint64_t>(sim::OriginFault::never)));
  // A second response has a feature of its own.
  if (origin_fault == sim::OriginFault::second_response) origin_fault = sim::OriginFault::surplus;
  const std::uint64_t common = draw.below(6);  // those that matter for a reused connection
  if (common <= 1) origin_fault = sim::OriginFault::silent_close;
  if (common == 2) origin_fault = sim::OriginFault::surplus;
  if (common >= 2 && reply.early) origin_fault = sim::OriginFault::abrupt_close;
  if (is_fault) draw.set(origin_faults, reply.origin_fault, origin_fault);
  // Its heads are as long as a thousand others; and nothing follows a response that ends with the connection.
  const bool is_large =
      reply.origin_fault == sim::OriginFault::huge_head || reply.origin_fault == sim::OriginFault::too_many_interims;
  if (is_large && budget < 100'000) reply.origin_fault = sim::OriginFault::garbage;
  if (reply.origin_fault == sim::OriginFault::surplus && reply.framing == Framing::until_close)
    reply.framing = Framing::length;
  draw_version(draw, reply);
  const bool at_once = draw.one_in(2);
  draw.set(one_write, reply.one_write, at_once);
  const bool begins = draw.one_in(2);
  draw_second_response(draw, scenario, reply);
  if (plan.upload.bytes > 0 && !reply.early && reply.origin_fault == sim::OriginFault::none)
    draw.set(early_ok, reply.begins_early, begins);
  if (reply.begins_early && (!reply_has_body(plan) || reply.status >= 400)) reply.status = 200;
}

namespace {

// With its own draws, so that the rest of a seed does not depend on it.
void draw_oddity(const Scenario& scenario, TransferPlan& plan) {
  Draw draw(scenario.seed, kOddities + plan.number, scenario.on);
  const auto last = static_cast<std::uint64_t>(sim::Oddity::blank_before_colon);
  const auto oddity = static_cast<sim::Oddity>(draw.between(1, last));
  const bool is_odd = draw.one_in(2);
  if (is_odd && plan.reply.origin_fault == sim::OriginFault::none)
    draw.set(Feature::oddities, plan.reply.oddity, oddity);
}

// The same for codings and cookies. If the end of the connection ends a body, a coded one may be cut unnoticed by all
// but its decoder: then it is left as it is.
void draw_rules(const Scenario& scenario, TransferPlan& plan) {
  Draw draw(scenario.seed, kRules + 1000 + plan.number, scenario.on);
  const bool is_coded = draw.one_in(2), has_jar = !draw.one_in(4);
  if (is_coded && plan.reply.framing != sim::HttpReply::Framing::until_close)
    draw.set(Feature::codings, plan.coded, true);
  if (has_jar) draw.set(Feature::cookies, plan.cookies, true);
}

void draw_application(Draw& draw, const Scenario& scenario, TransferPlan& plan) {
  using enum Feature;
  const std::size_t bytes = plan.reply.bytes;
  const std::size_t most = std::max(draw.size(5'000), bytes / 20);
  const Duration every = milliseconds(draw.below(200));
  if (draw.one_in(2)) draw.set(partial_reads, plan.read.most, most);
  if (plan.read.most != SIZE_MAX) plan.read.every = every;
  const std::size_t pauses_at = draw.below(bytes + 1);
  const bool for_ever = draw.one_in(12);
  const Duration pause = milliseconds(draw.below(20'000));
  if (draw.one_in(3)) {
    draw.set<std::optional<std::size_t>>(pauses, plan.read.pauses_at, pauses_at);
    if (!for_ever || draw.has(idle_timeouts)) plan.read.pause = pause;  // an idle timer would run for ever
  }
  const auto when = static_cast<CancelPlan::When>(draw.between(1, static_cast<std::uint64_t>(CancelPlan::When::done)));
  const std::uint64_t unit = draw.pick<std::uint64_t>({0, 1, 3, 10, 50, 3'000});
  plan.cancel.after = milliseconds(unit * draw.below(10));
  plan.cancel.victim = plan.number;
  if (draw.one_in(3)) plan.cancel.victim = static_cast<std::uint32_t>(draw.below(scenario.drawn));
  if (draw.one_in(3)) draw.set(cancels, plan.cancel.when, when);
  const bool stays = draw.one_in(2), loses_count = draw.one_in(2);
  draw.set(kept, plan.kept, stays);
  draw.set(stale_calls, plan.stale_calls, loses_count);
}

void draw_options(Draw& draw, const Scenario& scenario, TransferPlan& plan) {
  using enum Feature;
  const OriginPlan& origin = scenario.origins[plan.origin];
  const bool by_address = draw.one_in(3), by_alias = draw.one_in(3), by_route = draw.one_in(2);
  const AddressFamily family = draw.pick({AddressFamily::any, AddressFamily::ipv4, AddressFamily::ipv6});
  const std::size_t route = draw.below(scenario.routes.size());
  if (by_address && !origin.tls) draw.set(literals, plan.literal, true);
  if (by_alias && !plan.literal) draw.set(connect_to, plan.connect_to, true);
  if (by_route) draw.set<std::optional<std::size_t>>(routes, plan.route, route);
  draw.set(families, plan.family, family);
  plan.connect_timeout = seconds(300);
  const Duration connect_within = milliseconds(4 + draw.size(4'000)), total_within = milliseconds(draw.size(20'000));
  const Duration idle_within = milliseconds(draw.size(5'000));
  const std::uint64_t body_within = draw.below(plan.reply.bytes + plan.reply.bytes / 2 + 1);
  const bool limits_connect = draw.one_in(2), limits_total = draw.one_in(2), limits_idle = draw.one_in(2);
  const bool limits_body = draw.one_in(2), is_fresh = draw.one_in(3), is_last = draw.one_in(3);
  draw.set<std::optional<Duration>>(no_connect_timeout, plan.connect_timeout, std::nullopt);
  if (limits_connect) draw.set<std::optional<Duration>>(connect_timeouts, plan.connect_timeout, connect_within);
  if (limits_total) draw.set<std::optional<Duration>>(total_timeouts, plan.total_timeout, total_within);
  if (limits_idle) draw.set<std::optional<Duration>>(idle_timeouts, plan.idle_timeout, idle_within);
  if (limits_body) draw.set<std::optional<std::uint64_t>>(body_limit, plan.max_body_bytes, body_within);
  draw.set(fresh, plan.fresh, is_fresh);
  draw.set(no_reuse, plan.no_reuse, is_last);
  const bool by_other_tls = draw.one_in(2);
  if (origin.tls) draw.set(tls_configs, plan.other_tls, by_other_tls);
}

TransferPlan draw_transfer(const Scenario& scenario, std::uint32_t number, Duration spread_over) {
  using enum Feature;
  Draw draw(scenario.seed, kTransfers + number, scenario.on);
  const std::size_t budget = byte_budget(scenario);
  TransferPlan plan;
  plan.number = number;
  plan.origin = draw.below(scenario.origins.size() - (scenario.on.has(twin_ports) ? 1 : 0));
  draw.set<std::string>(methods, plan.method, draw.pick({"GET", "HEAD", "POST", "PUT", "POST", "DELETE"}));
  if (draw.has(uploads) && plan.method == "GET" && draw.below(2) == 0) plan.method = "PUT";
  plan.filler = draw.one_in(6) ? std::min(draw.size(3'000), budget) : 0;
  draw_upload(draw, budget, plan);
  draw_reply(draw, scenario, budget, plan);
  draw_application(draw, scenario, plan);
  draw_options(draw, scenario, plan);
  draw_oddity(scenario, plan);
  draw_rules(scenario, plan);
  const bool at_twin = draw.one_in(2);
  if (plan.origin == 0 && at_twin) draw.set(twin_ports, plan.origin, scenario.origins.size() - 1);
  const auto start = static_cast<Duration::rep>(draw.below(static_cast<std::uint64_t>(spread_over.count()) + 1));
  draw.set(spread, plan.start, Duration(start));
  const auto behind = static_cast<std::uint32_t>(draw.below(number + 1u));
  if (behind < number && draw.one_in(2)) draw.set<std::optional<std::uint32_t>>(chains, plan.behind, behind);
  return plan;
}

// More names than an engine keeps, asked for by transfers that are removed before the answer.
void add_many_names(Scenario& scenario, Duration spread_over) {
  constexpr std::uint32_t kMany = 290;
  for (std::uint32_t i = 0; i < kMany && scenario.on.has(Feature::many_names); ++i) {
    TransferPlan plan;
    plan.number = static_cast<std::uint32_t>(scenario.drawn);
    plan.connect_to = plan.own_name = true;
    plan.start = spread_over / 2 + std::chrono::microseconds(10) * i;
    plan.cancel = {.when = CancelPlan::When::time, .after = {}, .victim = plan.number};
    plan.connect_timeout = seconds(300);
    scenario.transfers.push_back(std::move(plan));
    ++scenario.drawn;
  }
}

}  // namespace

Scenario make_scenario(std::uint64_t seed, const Reduction& reduction) {
  Scenario scenario;
  scenario.seed = seed;
  scenario.on = draw_swarm(seed).without(reduction.off);
  if (reduction.only) scenario.on = scenario.on.without(FeatureSet::all().without(*reduction.only));
  Draw weather(seed, kWeather, scenario.on);
  draw_weather(weather, scenario.weather);
  Draw engine(seed, kEngine, scenario.on);
  scenario.drawn = draw_count(engine);
  const std::size_t more = engine.below(4);
  const std::size_t origins = 1 + (scenario.on.has(Feature::origins) ? more : 0);
  const Duration spread_over = engine.pick<Duration>({milliseconds(5), milliseconds(300), seconds(5), seconds(150)});
  draw_engine(engine, scenario);
  draw_mux_engine(scenario);
  const bool byte_by_byte = byte_budget(scenario) < 2'000;
  if (byte_by_byte) scenario.drawn = std::min<std::size_t>(scenario.drawn, 6);
  for (std::size_t i = 0; i < origins; ++i) scenario.origins.push_back(draw_origin(seed, i, scenario.on));
  if (scenario.on.has(Feature::twin_ports)) scenario.origins.push_back(twin_of(scenario.origins.front()));
  for (std::uint32_t number = 0; number < scenario.drawn; ++number) {
    scenario.transfers.push_back(draw_transfer(scenario, number, spread_over));
  }
  multiplex(scenario);
  draw_hops(scenario);
  add_many_names(scenario, spread_over);
  if (reduction.keep) {
    std::erase_if(scenario.transfers,
                  [&](const TransferPlan& plan) { return !std::ranges::binary_search(*reduction.keep, plan.number); });
  }
  for (TransferPlan& plan : scenario.transfers) {  // no transfer waits for one that is left out
    if (plan.behind && reduction.keep && !std::ranges::binary_search(*reduction.keep, *plan.behind))
      plan.behind.reset();
  }
  return scenario;
}

std::string body_of(std::uint64_t seed, std::uint32_t number, Direction direction, std::size_t bytes) {
  std::uint64_t state = seed ^ (std::uint64_t{number} << 32) ^ static_cast<std::uint64_t>(direction);
  state = splitmix64(state) | 1;
  std::string body(bytes, '\0');
  for (std::size_t at = 0; at < bytes; at += 8) {
    std::uint64_t word = state += 0x9e37'79b9'7f4a'7c15u;
    word = (word ^ word >> 31) * 0xbf58'476d'1ce4'e5b9u;
    if (std::endian::native == std::endian::big) word = std::byteswap(word);
    std::memcpy(&body[at], &word, std::min<std::size_t>(8, bytes - at));
  }
  return body;
}

bool is_of(AddressFamily family, const IpAddress& address) {
  return family == AddressFamily::any || (family == AddressFamily::ipv4) == (address.kind == IpAddress::Kind::ipv4);
}

bool has_family(const OriginPlan& origin, AddressFamily family) {
  return std::ranges::any_of(origin.addresses, [family](const IpAddress& address) { return is_of(family, address); });
}

std::string alias_of(const OriginPlan& origin, const TransferPlan& transfer) {
  return transfer.own_name ? "alias-" + std::to_string(transfer.number) + "-of-" + origin.host
                           : "alias-of-" + origin.host;
}

bool reply_has_body(const TransferPlan& transfer) {
  return transfer.method != "HEAD" && transfer.reply.status != 204 && transfer.reply.status != 304;
}

std::string host_of(const OriginPlan& origin, const TransferPlan& transfer) {
  if (!transfer.literal) return origin.host;
  const IpAddress& address = origin.addresses.front();
  return address.kind == IpAddress::Kind::ipv6 ? '[' + address.to_string() + ']' : address.to_string();
}

bool is_surplus(sim::OriginFault origin_fault) {
  return origin_fault == sim::OriginFault::surplus || origin_fault == sim::OriginFault::second_response;
}

bool reply_closes(const ReplyPlan& reply) {
  return reply.close || reply.framing == sim::HttpReply::Framing::until_close || (reply.http10 && !reply.keep_alive) ||
         sim::leaves_doubt(reply.oddity, reply.status, reply.framing);
}

}  // namespace sluice::simtest
