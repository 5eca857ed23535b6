// Who makes the tokens of --negotiate and --proxy-negotiate: one provider for each --delegation and service, made when
// it is needed first. Leaves the
// tokens to adapters/gssapi.hpp.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <set>
#include <string>

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
  std::shared_ptr<NegotiateProvider> get_for_proxy(GssapiDelegation delegation, bool warns, const std::string& service);

 private:
  struct Wanted {
    GssapiDelegation delegation;
    bool warns;
    std::string service;
    bool proxy;
    friend auto operator<=>(const Wanted&, const Wanted&) = default;
  };
  std::shared_ptr<NegotiateProvider> make(const Wanted& wanted);

  Console& console_;
  std::map<Wanted, std::shared_ptr<NegotiateProvider>> made_;
  std::set<std::string, std::less<>> warned_;
};

}  // namespace sluice::cli
