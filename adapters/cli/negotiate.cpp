// See negotiate.hpp.
#include "adapters/cli/negotiate.hpp"

#include <string_view>

namespace sluice::cli {

std::shared_ptr<NegotiateProvider> NegotiateProviders::get(GssapiDelegation delegation, bool warns) {
  std::shared_ptr<NegotiateProvider>& known = made_[{delegation, warns}];
  if (known) return known;
  GssapiOptions options{.delegation = delegation};
  if (warns) {
    options.on_no_token = [this](std::string_view why) {
      if (warned_.emplace(why).second) console_.warning("--negotiate: " + std::string(why));
    };
  }
  if (auto made = gssapi_provider(std::move(options))) known = *std::move(made);
  return known;
}

}  // namespace sluice::cli
