// See plan.hpp.
#include "tests/sim/limits/plan.hpp"

#include <iterator>

#include "core/base/random.hpp"
#include "tests/sim/mode_run.hpp"

namespace sluice::simtest::limits {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// In two of three cases none.
std::optional<Duration> draw_time(Random& random, std::uint64_t most_ms) {
  const Duration drawn = milliseconds(200 + random.below(most_ms));
  return one_in(random, 3) ? std::optional(drawn) : std::nullopt;
}

std::optional<std::uint64_t> draw_rate(Random& random) {
  const std::uint64_t scale = one_in(random, 2) ? 2'000 : 100'000;
  const std::uint64_t drawn = 50 + random.below(scale);
  return one_in(random, 3) ? std::optional(drawn) : std::nullopt;
}

TransferLimits draw_limits(Random& random) {
  TransferLimits limits;
  limits.queue_timeout = draw_time(random, 6'000);
  limits.resolve_timeout = draw_time(random, 6'000);
  limits.tls_timeout = draw_time(random, 6'000);
  limits.response_timeout = draw_time(random, 6'000);
  const std::uint64_t low = 1 + random.below(3'000);
  if (one_in(random, 3)) limits.low_rate = low;
  limits.low_period = milliseconds(500 + random.below(5'000));
  limits.max_receive_rate = draw_rate(random);
  limits.max_send_rate = draw_rate(random);
  return limits;
}

TransferPlan draw_transfer(Random& random, std::size_t origins) {
  TransferPlan transfer;
  transfer.origin = random.below(origins);
  transfer.start = milliseconds(random.below(5'000));
  const std::size_t upload = 1 + random.below(20'000), bytes = random.below(one_in(random, 3) ? 40'000 : 3'000);
  if (one_in(random, 3)) transfer.upload = upload;
  transfer.bytes = bytes;
  transfer.reply_after = milliseconds(one_in(random, 2) ? 0 : random.below(5'000));
  transfer.chunked = one_in(random, 3);
  transfer.limits = draw_limits(random);
  // Slower than this a transfer would meet no limit and take an hour.
  if (transfer.limits.max_receive_rate && *transfer.limits.max_receive_rate < 200) transfer.bytes %= 2'000;
  if (transfer.limits.max_send_rate && *transfer.limits.max_send_rate < 200) transfer.upload %= 2'000;
  return transfer;
}

sim::Weather draw_weather_of_limits(Random& random) {
  sim::Weather weather;
  if (one_in(random, 2)) weather.max_piece = 1 + random.below(one_in(random, 2) ? 50 : 2'000);
  if (one_in(random, 2)) weather.bandwidth = 300 + random.below(30'000);
  if (one_in(random, 3)) weather.max_send = 1 + random.below(500);
  if (one_in(random, 3)) weather.window = 200 + random.below(5'000);
  weather.jitter = milliseconds(random.below(20));
  weather.late_reads = share(random);
  weather.stale_facts = share(random);
  weather.needless_timeouts = share(random);
  weather.stalls = one_in(random, 2) ? share(random) : sim::PerMille{0};
  weather.fault_within = 1 + random.below(20'000);
  return weather;
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  std::uint64_t state = seed ^ 0x1117'5000'0000'0003u;
  Random random(Seed{splitmix64(state)});
  Plan plan;
  plan.seed = seed;
  plan.weather = draw_weather_of_limits(random);
  plan.limits.max_connections = one_in(random, 3) ? 1 + random.below(3) : 0;
  plan.limits.max_connections_per_origin = one_in(random, 2) ? 1 + random.below(2) : 0;
  plan.limits.max_connection_uses = one_in(random, 3) ? 1 + random.below(3) : 0;
  if (one_in(random, 3)) plan.limits.max_connection_age = milliseconds(100 + random.below(5'000));
  if (one_in(random, 3)) plan.limits.max_receive_rate = 200 + random.below(30'000);
  if (one_in(random, 3)) plan.limits.max_send_rate = 200 + random.below(30'000);
  if (one_in(random, 3)) plan.network_changes = milliseconds(random.below(8'000));
  constexpr OriginKind kKinds[] = {OriginKind::answers,  OriginKind::answers, OriginKind::answers, OriginKind::answers,
                                   OriginKind::nameless, OriginKind::mute,    OriginKind::never};
  const std::size_t origins = 1 + random.below(3), transfers = 1 + random.below(8);
  for (std::size_t i = 0; i < origins; ++i) {
    const OriginKind kind = kKinds[random.below(std::size(kKinds))];
    plan.origins.push_back({kind, one_in(random, 3)});
  }
  for (std::size_t i = 0; i < transfers; ++i) plan.transfers.push_back(draw_transfer(random, origins));
  if (one_in(random, 3)) {
    plan.rates_change = RateChange{.at = milliseconds(random.below(8'000)), .receive = {}, .send = {}};
    if (!one_in(random, 3)) plan.rates_change->receive = 200 + random.below(5'000);
    if (!one_in(random, 3)) plan.rates_change->send = 200 + random.below(5'000);
  }
  return plan;
}

std::string describe(const Plan& plan) {
  const auto ms = [](Duration time) { return std::to_string(time / milliseconds(1)) + " ms"; };
  std::string text = "limits, seed " + std::to_string(plan.seed) + "\n";
  const auto add = [&](std::string_view name, const auto& value, const auto& as_text_of) {
    if (value) text.append(" ").append(name).append(" ").append(as_text_of(*value));
  };
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  text += "engine: connections " + std::to_string(plan.limits.max_connections) + ", of an origin " +
          std::to_string(plan.limits.max_connections_per_origin) + ", uses " +
          std::to_string(plan.limits.max_connection_uses);
  add("age", plan.limits.max_connection_age, ms);
  add("receives", plan.limits.max_receive_rate, number);
  add("sends", plan.limits.max_send_rate, number);
  add("network changes at", plan.network_changes, ms);
  if (plan.rates_change) {
    text += " rates change at " + ms(plan.rates_change->at);
    add("to receive", plan.rates_change->receive, number);
    add("to send", plan.rates_change->send, number);
  }
  text += "\n";
  for (const OriginPlan& origin : plan.origins) {
    text += "origin of kind " + std::to_string(static_cast<int>(origin.kind)) + (origin.tls ? ", TLS\n" : "\n");
  }
  for (const TransferPlan& transfer : plan.transfers) {
    text += "transfer to " + std::to_string(transfer.origin) + " at " + ms(transfer.start) + ", sends " +
            std::to_string(transfer.upload) + ", gets " + std::to_string(transfer.bytes) + " after " +
            ms(transfer.reply_after) + ";";
    const TransferLimits& limits = transfer.limits;
    add("queue", limits.queue_timeout, ms);
    add("resolve", limits.resolve_timeout, ms);
    add("tls", limits.tls_timeout, ms);
    add("response", limits.response_timeout, ms);
    add("low", limits.low_rate, number);
    add("receives", limits.max_receive_rate, number);
    add("sends", limits.max_send_rate, number);
    text += " period " + ms(limits.low_period) + "\n";
  }
  return text;
}

}  // namespace sluice::simtest::limits
