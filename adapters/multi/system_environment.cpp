// See ../environment.hpp. The environment of the system: joins the clock and the poller (net/), the resolver and TCP
// streams (transport/).
#include <sys/random.h>

#include <utility>

#include "adapters/environment.hpp"
#include "adapters/net/clock.hpp"
#include "adapters/net/poller.hpp"
#include "adapters/resolver/resolver.hpp"
#include "adapters/transport/children.hpp"
#include "adapters/transport/tcp.hpp"

namespace sluice {
namespace {

class System final : public Environment {
 public:
  Instant steady() const override { return net::read_steady(); }
  Now now() const override { return net::read_clock(); }

  Seed seed() override {
    Seed drawn;
    // Without the system's numbers the clock's must do: nothing secret is made from them.
    if (::getrandom(&drawn.value, sizeof drawn.value, GRND_NONBLOCK) < 0) {
      drawn.value = static_cast<std::uint64_t>(net::read_steady().time_since_epoch().count());
    }
    return drawn;
  }

  Result<std::unique_ptr<Waiter>> make_waiter() override {
    auto made = net::Poller::create();
    if (!made) return std::unexpected(std::move(made.error()));
    return std::make_unique<net::Poller>(std::move(*made));
  }
  Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions options) override {
    if (auto valid = net::check_servers(options.servers); !valid) return std::unexpected(std::move(valid.error()));
    if (auto valid = net::check_interface(options.interface); !valid) return std::unexpected(std::move(valid.error()));
    net::ResolverOptions wanted;
    wanted.servers = std::move(options.servers);
    wanted.sockets = {.interface = std::move(options.interface), .local_addresses = std::move(options.local_addresses)};
    wanted.calls = std::move(options.calls);
    wanted.watch = std::move(options.watch);
    return std::make_unique<net::Resolver>(std::move(wanted));
  }
  std::unique_ptr<Transport> tcp(const Address& address) override { return transport::tcp(address); }
  std::unique_ptr<Transport> tcp_with(const Address& address, const TcpOptions& options) override {
    return transport::tcp(address, options);
  }

  std::optional<Instant> upkeep_due() const override { return transport::children_deadline(); }
  void do_upkeep() override { transport::collect_children(); }
  void finish_upkeep() override { transport::finish_children(); }
};

}  // namespace

Environment& system_environment() {
  static System system;
  return system;
}

}  // namespace sluice
