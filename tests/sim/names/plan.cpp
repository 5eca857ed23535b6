// See plan.hpp.
#include "tests/sim/names/plan.hpp"

#include "core/base/random.hpp"

namespace sluice::simtest::names {

using std::chrono::seconds;

Plan draw_plan(std::uint64_t seed) {
  Random random(Seed{seed ^ 0x6e61'6d65'7320'6d6fu});
  Plan plan;
  plan.seed = seed;
  constexpr int kTtls[] = {-1, -1, -1, 0, 3, 20};
  const int ttl = kTtls[random.below(6)];
  if (ttl >= 0) plan.cache.ttl = seconds(ttl);
  constexpr int kMaxTtls[] = {60, 60, 4, 1'000};
  plan.cache.max_ttl = seconds(kMaxTtls[random.below(4)]);
  constexpr int kNegative[] = {0, 0, 2, 15};
  plan.cache.negative_ttl = seconds(kNegative[random.below(4)]);
  constexpr int kStale[] = {0, 0, 5, 40};
  plan.cache.stale_for = seconds(kStale[random.below(4)]);
  plan.has_rule = random.below(2) == 0;
  plan.hosts = static_cast<int>(1 + random.below(3));
  plan.steps = static_cast<int>(20 + random.below(200));
  return plan;
}

std::string describe(const Plan& plan) {
  const auto in_seconds = [](Duration time) { return std::to_string(time / seconds(1)) + " s"; };
  return "names " + std::to_string(plan.hosts) + ", steps " + std::to_string(plan.steps) + ", ttl " +
         (plan.cache.ttl ? in_seconds(*plan.cache.ttl) : "of the answer") + ", at most " +
         in_seconds(plan.cache.max_ttl) + ", failures " + in_seconds(plan.cache.negative_ttl) + ", stale for " +
         in_seconds(plan.cache.stale_for) + (plan.has_rule ? ", with a rule" : "") + "\n";
}

IpAddress address_of(int host, int number, bool ipv6) {
  IpAddress address;
  address.kind = ipv6 ? IpAddress::Kind::ipv6 : IpAddress::Kind::ipv4;
  if (ipv6) {
    address.bytes = {0x20, 0x01, 0x0d, 0xb8};
    address.bytes[14] = static_cast<std::uint8_t>(host);
    address.bytes[15] = static_cast<std::uint8_t>(number);
  } else {
    address.bytes = {198, 18, static_cast<std::uint8_t>(host), static_cast<std::uint8_t>(number)};
  }
  return address;
}

std::optional<IpAddress> PlannedRule::judge(const IpAddress& address) {
  const std::size_t last = address.kind == IpAddress::Kind::ipv6 ? 15 : 3;
  if (address.bytes[last] % kForbidden == 0) return std::nullopt;
  IpAddress led_to = address;
  if (address.bytes[last] == kReplaced) led_to.bytes[last] = kReplacement;
  return led_to;
}

AddressRule::Answer PlannedRule::ask(const Question& question) {
  const auto led_to = judge(question.address);
  if (!led_to) return {.kind = Answer::Kind::forbid};
  asked.push_back(*led_to);
  if (*led_to == question.address) return {};
  return {.kind = Answer::Kind::replace, .replacement = *led_to};
}

}  // namespace sluice::simtest::names
