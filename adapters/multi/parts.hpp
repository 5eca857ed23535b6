// The parts of a Multi. Each part knows only those before it and is described in its own file. Leaves their order in a
// drive to driver.hpp.
#pragma once

#include <memory>

#include "adapters/environment.hpp"
#include "adapters/multi.hpp"
#include "adapters/multi/callbacks.hpp"
#include "adapters/multi/pace.hpp"
#include "adapters/multi/streams.hpp"
#include "adapters/multi/transfers.hpp"
#include "adapters/multi/watches.hpp"
#include "core/engine.hpp"

namespace sluice::multi {

struct Parts {
  // Errors: as Multi::create(). May throw std::bad_alloc.
  static Result<std::unique_ptr<Parts>> create(MultiOptions options);

  Environment& environment;
  const std::unique_ptr<Waiter> waiter;
  Watches watches;
  Transfers transfers;
  std::unique_ptr<NameResolver> resolver;  // made last in create(), because it has descriptors to be watched
  Engine engine;
  Pace pace;
  Streams streams;
  Callbacks callbacks;

 private:
  Parts(MultiOptions& options, std::shared_ptr<const SocketCalls> calls, Environment& in, std::unique_ptr<Waiter> by);
};

}  // namespace sluice::multi
