// An engine with other parts than the usual ones, for tests: sessions of another kind than HTTP/1.
#pragma once

#include <memory>

#include "core/engine.hpp"
#include "core/http/session.hpp"

namespace sluice {

struct EngineParts {
  static Engine make(EngineOptions options, std::unique_ptr<http::SessionFactory> sessions);
};

}  // namespace sluice
