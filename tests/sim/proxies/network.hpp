// The proxies and origins of a plan as peers of a simulated world. A proxy does its handshake and then becomes the peer
// that it leads to, so a connection through two proxies is one line. Leaves judging to run.cpp: the origins tell by
// which proxies a request came, and as whom.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/sim/tls_material.hpp"
#include "adapters/sim_origin.hpp"
#include "core/base/random.hpp"
#include "tests/sim/proxies/plan.hpp"

namespace sluice::simtest::proxies {

// How a request has reached its origin.
struct Passed {
  std::vector<std::size_t> proxies;
  std::vector<std::string> users;  // of each proxy: who has logged in; "": nobody
};

class Network {
 public:
  using Respond = std::function<sim::HttpReply(std::size_t origin, const Passed& passed, const sim::HttpRequest&)>;
  using Report = std::function<void(std::string oracle, std::string message)>;

  // `plan` must outlive this object.
  Network(const Plan& plan, Respond respond, Report report);

  std::unique_ptr<sim::Peer> proxy(std::size_t proxy, Passed passed);
  std::unique_ptr<sim::Peer> origin(std::size_t origin, Passed passed);
  // What listens there, with TLS if it has that. Null: nobody.
  std::unique_ptr<sim::Peer> at(std::string_view host, std::uint16_t port, Passed passed);
  sim::HttpReply respond(std::size_t origin, const Passed& passed, const sim::HttpRequest& request) const {
    return respond_(origin, passed, request);
  }
  void report(std::string oracle, std::string message) const { report_(std::move(oracle), std::move(message)); }
  const Plan& plan() const { return plan_; }
  bool happens(sim::PerMille rate) { return below(1'000) < rate; }
  std::size_t below(std::size_t most) { return random_.below(most); }
  static IpAddress address_of(std::size_t origin);
  static IpAddress address_of_proxy(std::size_t proxy);

 private:
  const Plan& plan_;
  const Respond respond_;
  const Report report_;
  Random random_;
  sim::TlsMaterial material_;
};

}  // namespace sluice::simtest::proxies
