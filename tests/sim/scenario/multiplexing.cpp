// Scenarios in which some origins multiplex (tests/sim/mux). Uses its own draws, on top of those for HTTP/1: what only
// HTTP/1 has is removed for an origin that multiplexes.
#include <algorithm>

#include "tests/sim/scenario/draw.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {
namespace {

MuxPlan draw_mux_origin(const Scenario& scenario, std::size_t index) {
  using enum Feature;
  Draw draw(scenario.seed, kMuxOrigins + index, scenario.on);
  MuxPlan mux;
  draw.set<std::size_t>(few_exchanges, mux.capacity, draw.pick<std::size_t>({1, 2, 3, 8, 30}));
  mux.frame_bytes = draw.pick<std::size_t>({100, 1'000, 4'000, 16'000});
  const std::size_t lowers = draw.between(1, 12), lowered = draw.between(0, 3);
  if (draw.one_in(2)) draw.set(few_exchanges, mux.lowers_after, lowers);
  mux.lowered = std::max<std::size_t>(lowered, 1);
  const std::size_t away = draw.between(1, 20), closes = draw.between(1, 20), nonsense = draw.between(1, 20);
  draw.set(goes_away, mux.goes_away_after, away);
  const std::uint64_t how = draw.below(3);
  if (how <= 1) draw.set(mux_ends, mux.closes_after, closes);
  if (how == 2) draw.set(mux_ends, mux.nonsense_after, nonsense);
  return mux;
}

void draw_mux_transfer(const Scenario& scenario, TransferPlan& plan) {
  using enum Feature;
  Draw draw(scenario.seed, kMuxTransfers + plan.number, scenario.on);
  const int times = static_cast<int>(draw.between(1, 4)) / 2 + 1;  // at most two are sent again
  const bool is_refused = draw.one_in(4), is_reset = draw.one_in(5);
  if (is_refused) draw.set(refusals, plan.mux_reply.refusals, std::min(times, 3));
  const auto end =
      draw.pick({MuxReplyPlan::End::reset_at_head, MuxReplyPlan::End::reset_in_body, MuxReplyPlan::End::never});
  if (is_reset) draw.set(exchange_resets, plan.mux_reply.end, end);
  ReplyPlan& reply = plan.reply;
  using Framing = sim::HttpReply::Framing;
  if (reply.framing == Framing::until_close) reply.framing = Framing::length;
  if (reply.early) reply.status = 200;
  reply.early = reply.close = reply.http10 = reply.keep_alive = reply.one_write = false;
  reply.origin_fault = sim::OriginFault::none;
  reply.oddity = sim::Oddity::none;
  plan.upload.expects_continue = false;
  plan.coded = plan.cookies = false;  // the test's own sessions know neither
}

}  // namespace

void draw_mux_engine(Scenario& scenario) {
  if (!scenario.on.has(Feature::multiplexing)) return;
  Draw draw(scenario.seed, kMultiplexing + 1, scenario.on);
  scenario.mux_capacity = draw.pick<std::size_t>({100, 100, 10, 3});
  scenario.mux_expected = draw.pick<std::size_t>({100, 100, 4, 1});
  const std::size_t more = draw.pick<std::size_t>({5, 15, 30, 110}), fewer = draw.below(5);
  scenario.drawn += more - fewer;
}

void multiplex(Scenario& scenario) {
  if (!scenario.on.has(Feature::multiplexing)) return;
  Draw draw(scenario.seed, kMultiplexing + 2, scenario.on);
  const bool over_tls = draw.one_in(2);
  for (std::size_t i = 0; i < scenario.origins.size(); ++i) {
    OriginPlan& origin = scenario.origins[i];
    const bool is_old = draw.one_in(3);
    const bool multiplexes = origin.tls ? over_tls : i == 0 || !is_old;
    if (multiplexes) origin.mux = draw_mux_origin(scenario, i);
  }
  for (TransferPlan& plan : scenario.transfers) {
    if (scenario.origins[plan.origin].mux) draw_mux_transfer(scenario, plan);
  }
}

}  // namespace sluice::simtest
