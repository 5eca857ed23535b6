// See parts.hpp.
#include "core/engine/parts.hpp"

#include <utility>

#include "core/engine/connection_impl.hpp"
#include "core/engine/impl.hpp"

namespace sluice {

Engine EngineParts::make(EngineOptions options, std::unique_ptr<http::SessionFactory> sessions,
                         std::unique_ptr<flow::HopRule> rule) {
  return Engine(std::make_unique<Engine::Impl>(std::move(options), std::move(sessions), std::move(rule)));
}

Connection ConnectionParts::make(ConnectionOptions options, std::unique_ptr<http::SessionFactory> sessions) {
  return Connection(std::make_unique<Connection::Impl>(std::move(options), std::move(sessions)));
}

}  // namespace sluice
