// See doh_setup.hpp.
#include "adapters/cli/doh_setup.hpp"

#include <utility>

#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/option_table.hpp"
#include "adapters/doh.hpp"

namespace sluice::cli {

std::expected<std::unique_ptr<Environment>, Failure> make_doh(const CommandLine& command) {
  if (command.doh.url.empty() || command.operations.empty()) return nullptr;
  const auto refused = [](const Error& error) {
    const std::string option = "option " + option_spec(OptionId::doh_url).dashed() + ": ";
    return std::unexpected(Failure{exit_code(error), option + error.message()});
  };
  auto server = Url::parse(command.doh.url);
  if (!server) return refused(server.error());
  Settings settings = *command.operations.front().settings;
  settings.tls.insecure = command.doh.insecure;
  settings.tls.cert.clear();
  settings.tls.key.clear();
  auto tls = TlsConfigs(false).for_origin(settings);
  if (!tls) return std::unexpected(std::move(tls.error()));
  auto made = doh_environment({.server = *std::move(server), .tls = *std::move(tls)});
  if (!made) return refused(made.error());
  return *std::move(made);
}

}  // namespace sluice::cli
