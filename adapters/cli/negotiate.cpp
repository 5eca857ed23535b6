// See negotiate.hpp.
#include "adapters/cli/negotiate.hpp"

#include <string_view>

namespace sluice::cli {

std::shared_ptr<NegotiateProvider> NegotiateProviders::get(GssapiDelegation delegation, bool warns) {
  return make({.delegation = delegation, .warns = warns, .service = "HTTP", .proxy = false});
}

std::shared_ptr<NegotiateProvider> NegotiateProviders::get_for_proxy(GssapiDelegation delegation, bool warns,
                                                                     const std::string& service) {
  return make({.delegation = delegation, .warns = warns, .service = service, .proxy = true});
}

std::shared_ptr<NegotiateProvider> NegotiateProviders::make(const Wanted& wanted) {
  std::shared_ptr<NegotiateProvider>& known = made_[wanted];
  if (known) return known;
  GssapiOptions options{.delegation = wanted.delegation, .service = wanted.service};
  if (wanted.warns) {
    const std::string option = wanted.proxy ? "--proxy-negotiate: " : "--negotiate: ";
    options.on_no_token = [this, option](std::string_view why) {
      const std::string text = option + std::string(why);
      if (warned_.insert(text).second) console_.warning(text);
    };
  }
  if (auto made = gssapi_provider(std::move(options))) known = *std::move(made);
  return known;
}

}  // namespace sluice::cli
