// An engine or a connection alone with other parts than the usual ones, for tests: sessions of another kind than
// HTTP/1, rules for hops.
#pragma once

#include <memory>

#include "core/connection.hpp"
#include "core/engine.hpp"
#include "core/flow/hop_rule.hpp"
#include "core/http/session.hpp"

namespace sluice {

struct EngineParts {
  // Null: as without.
  static Engine make(EngineOptions options, std::unique_ptr<http::SessionFactory> sessions,
                     std::unique_ptr<flow::HopRule> rule = nullptr);
};

struct ConnectionParts {
  // The options are as Connection::create demands. May throw std::bad_alloc.
  static Connection make(ConnectionOptions options, std::unique_ptr<http::SessionFactory> sessions);
};

}  // namespace sluice
