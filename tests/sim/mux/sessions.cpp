// See origin.hpp. Chooses the session of a connection.
#include "core/http1/session.hpp"
#include "tests/sim/mux/origin.hpp"
#include "tests/support/mux_session.hpp"

namespace sluice::simtest {
namespace {

class Sessions final : public http::SessionFactory {
 public:
  Sessions(const Scenario& scenario, Oracles& oracles) : scenario_(scenario), oracles_(oracles) {
    for (const OriginPlan& origin : scenario.origins) over_tls_ |= origin.tls && origin.mux.has_value();
  }
  std::unique_ptr<http::Session> make(std::string_view alpn) override {
    // With TLS all origins are of one kind. Without TLS the connection that gets a session is the one that connected
    // last.
    const bool multiplexes = alpn.empty() ? oracles_.newest_multiplexes() : over_tls_;
    if (!multiplexes) return http1::make_session();
    auto session = std::make_unique<test::MuxSession>(scenario_.mux_capacity, std::nullopt, &oracles_);
    oracles_.made(*session, !alpn.empty());
    return session;
  }
  std::size_t expected_exchanges(bool tls, http::Protocol) const override {
    return tls && !over_tls_ ? 1 : scenario_.mux_expected;
  }

 private:
  const Scenario& scenario_;
  Oracles& oracles_;
  bool over_tls_ = false;
};

}  // namespace

std::unique_ptr<http::SessionFactory> mux_sessions(const Scenario& scenario, Oracles& oracles) {
  return std::make_unique<Sessions>(scenario, oracles);
}

}  // namespace sluice::simtest
