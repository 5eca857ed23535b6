// For tests: makes an Engine or a Connection with sessions of another kind than HTTP/1, and an Engine with a rule for
// hops. Not installed.
#pragma once

#include <memory>

#include "core/connection.hpp"
#include "core/engine.hpp"
#include "core/flow/hop_rule.hpp"
#include "core/http/session.hpp"

namespace sluice {

struct EngineParts {
  // Null: as in Engine's constructor. Throws std::bad_alloc.
  static Engine make(EngineOptions options, std::unique_ptr<http::SessionFactory> sessions,
                     std::unique_ptr<flow::HopRule> rule = nullptr);
};

struct ConnectionParts {
  // The options must be valid for Connection::create. Throws std::bad_alloc.
  static Connection make(ConnectionOptions options, std::unique_ptr<http::SessionFactory> sessions);
};

}  // namespace sluice
