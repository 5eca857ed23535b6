// What a Multi is made of, each part knowing those before it: see their own files. The driver says whose turn it is.
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
  // Errors as Multi::create(). May throw std::bad_alloc.
  static Result<std::unique_ptr<Parts>> create(MultiOptions options);

  Environment& environment;
  const std::unique_ptr<Waiter> waiter;
  Watches watches;
  Transfers transfers;
  std::unique_ptr<NameResolver> resolver;  // made last, since it has descriptors to be watched
  Engine engine;
  Pace pace;
  Streams streams;
  Callbacks callbacks;

 private:
  Parts(MultiOptions& options, Environment& in, std::unique_ptr<Waiter> by);
};

}  // namespace sluice::multi
