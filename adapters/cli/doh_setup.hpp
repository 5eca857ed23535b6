// --doh-url: the environment of a Multi that looks names up by DNS over HTTPS. Leaves look-ups to adapters/doh.hpp.
#pragma once

#include <expected>
#include <memory>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "adapters/environment.hpp"

namespace sluice::cli {

// Null: the command asks for none. Trust anchors and proxies are those of the first group. It must outlive the Multi.
std::expected<std::unique_ptr<Environment>, Failure> make_doh(const CommandLine& command);

}  // namespace sluice::cli
