// The Environment of a simulated world (../environment.hpp). Makes its parts, which are in files of their own.
#pragma once

#include <memory>
#include <utility>

#include "adapters/sim/host.hpp"
#include "adapters/sim/resolver.hpp"
#include "adapters/sim/tcp.hpp"
#include "adapters/sim/waiter.hpp"

namespace sluice::sim {

class VirtualEnvironment final : public Environment {
 public:
  explicit VirtualEnvironment(Host& host) : host_(host) {}

  Instant steady() const override { return host_.now().steady; }
  Now now() const override { return host_.now(); }
  Result<std::unique_ptr<Waiter>> make_waiter() override { return std::make_unique<VirtualWaiter>(host_); }
  Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions options) override {
    return std::make_unique<VirtualResolver>(host_, std::move(options));
  }
  std::unique_ptr<Transport> tcp(const Address& address) override { return std::make_unique<Tcp>(host_, address); }

 private:
  Host& host_;
};

}  // namespace sluice::sim
