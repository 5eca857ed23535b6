// See parts.hpp.
#include "adapters/multi/parts.hpp"

#include <utility>

namespace sluice::multi {
namespace {

// Moves resolve_overrides to known_addresses: the core does not look these names up.
EngineOptions engine_options(MultiOptions& given, Environment& environment) {
  EngineOptions options = std::move(given.engine);
  if (!options.seed) options.seed = environment.seed();
  if (given.observer) options.report_events = true;
  for (ResolveOverride& one : given.resolve_overrides) {
    options.known_addresses.push_back({std::move(one.host), one.port, std::move(one.addresses), one.expires});
  }
  return options;
}

NameOptions name_options(MultiOptions& given, std::shared_ptr<const SocketCalls> calls, Watches& watches) {
  NameOptions options;
  options.servers = std::move(given.dns_servers);
  options.interface = std::move(given.dns_interface);
  options.local_addresses = std::move(given.dns_local_addresses);
  options.calls = std::move(calls);
  // If a descriptor cannot be watched, its question times out, and that is the error.
  options.watch = [&watches](int fd, bool read, bool write) {
    watches.set(fd, static_cast<std::uint8_t>((read ? kEventRead : 0) | (write ? kEventWrite : 0)), {});
  };
  return options;
}

}  // namespace

Result<std::unique_ptr<Parts>> Parts::create(MultiOptions options) {
  Environment& environment = options.environment ? *options.environment : system_environment();
  auto waiter = environment.make_waiter();
  if (!waiter) return std::unexpected(std::move(waiter.error()));
  std::shared_ptr<const SocketCalls> calls;
  if (options.sockets.open || options.sockets.configure) {
    calls = std::make_shared<const SocketCalls>(std::move(options.sockets));
  }
  std::unique_ptr<Parts> parts(new Parts(options, calls, environment, std::move(*waiter)));
  auto resolver = environment.make_resolver(name_options(options, std::move(calls), parts->watches));
  if (!resolver) return std::unexpected(std::move(resolver.error()));
  parts->resolver = std::move(*resolver);
  return parts;
}

Parts::Parts(MultiOptions& options, std::shared_ptr<const SocketCalls> calls, Environment& in,
             std::unique_ptr<Waiter> by)
    : environment(in),
      waiter(std::move(by)),
      watches(*waiter),
      engine(engine_options(options, environment)),
      pace(environment, options.max_reads_per_perform, options.max_drive_time),
      streams(environment, *waiter, watches, engine, pace, options.local_addresses, std::move(calls)),
      callbacks(engine, transfers, pace, std::move(options.observer)) {}

}  // namespace sluice::multi
