// Who makes the tokens of --negotiate: one provider for each --delegation, made when it is needed first. Leaves the
// tokens to adapters/gssapi.hpp.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "adapters/cli/console.hpp"
#include "adapters/gssapi.hpp"
#include "core/credentials.hpp"

namespace sluice::cli {

class NegotiateProviders {
 public:
  // `console` must outlive this object and the transfers.
  explicit NegotiateProviders(Console& console) : console_(console) {}

  // `warns`: that there is no token, and why, is a warning, once. Null: this build has no GSSAPI.
  std::shared_ptr<NegotiateProvider> get(GssapiDelegation delegation, bool warns);

 private:
  Console& console_;
  std::map<std::pair<GssapiDelegation, bool>, std::shared_ptr<NegotiateProvider>> made_;
  std::set<std::string, std::less<>> warned_;
};

}  // namespace sluice::cli
