// What follows a hop of a transfer, by the rules in core/rules that its options ask for.
// Leaves to others: the rules themselves; carrying out what they say (Transfer, core/engine).
#pragma once

#include "core/flow/hop_rule.hpp"

namespace sluice::flow {

class Follow final : public HopRule {
 public:
  bool concerns(const TransferOptions& options) const override {
    return options.redirects || options.retries || options.credentials || options.expect_continue_from ||
           options.proxies;
  }
  Result<std::optional<NextHop>> next(const HopEnd& end) const override;
};

}  // namespace sluice::flow
