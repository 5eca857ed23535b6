// What is drawn before a run of the mode for names: the options of the engine, and the rule for addresses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/address_rule.hpp"
#include "core/options.hpp"

namespace sluice::simtest::names {

struct Plan {
  std::uint64_t seed = 0;
  NameCacheOptions cache;
  bool has_rule = false;
  int hosts = 1;
  int steps = 100;
};

Plan draw_plan(std::uint64_t seed);
// The seed is one for HTTPS records (records.hpp).
inline bool has_records(std::uint64_t seed) { return seed % 4 == 3; }
std::string describe(const Plan& plan);

// Address `number` of a host. By its number the rule decides: kForbidden multiples are forbidden, and kReplaced leads
// to the address with the number kReplacement.
IpAddress address_of(int host, int number, bool ipv6);
inline constexpr int kForbidden = 4, kReplaced = 7, kReplacement = 107;

// Records the addresses that it was asked about.
class PlannedRule final : public AddressRule {
 public:
  Answer ask(const Question& question) override;
  // What the rule makes of an address; nullopt: it is forbidden.
  static std::optional<IpAddress> judge(const IpAddress& address);
  std::vector<IpAddress> asked;  // and allowed, as they were given out
};

}  // namespace sluice::simtest::names
