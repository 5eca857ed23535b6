// See parts.hpp.
#include "core/engine/parts.hpp"

#include <utility>

#include "core/engine/impl.hpp"

namespace sluice {

Engine EngineParts::make(EngineOptions options, std::unique_ptr<http::SessionFactory> sessions) {
  return Engine(std::make_unique<Engine::Impl>(std::move(options), std::move(sessions)));
}

}  // namespace sluice
