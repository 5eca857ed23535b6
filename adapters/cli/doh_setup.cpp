// See doh_setup.hpp.
#include "adapters/cli/doh_setup.hpp"

#include <utility>

#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/option_table.hpp"
#include "adapters/cli/proxy_setup.hpp"
#include "adapters/cli/socket_settings.hpp"
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
  // What is known of the origin's certificate, and who the client is, is not for the server of names.
  TlsSettings& tls_settings = settings.tls;
  tls_settings.insecure = command.doh.insecure;
  tls_settings.cert_status = command.doh.cert_status;
  tls_settings.cert.clear();
  tls_settings.key.clear();
  tls_settings.password.clear();
  tls_settings.pinned.clear();
  tls_settings.ech_list.clear();
  tls_settings.ech = EncryptedHello::none;
  TlsConfigs configs(false);
  auto tls = configs.for_origin(settings);
  if (!tls) return std::unexpected(std::move(tls.error()));
  auto socket = SocketChoices().for_settings(settings);
  if (!socket) return std::unexpected(std::move(socket.error()));
  // The proxies are those that the server's URL would have as a transfer of the first group.
  Operation query = command.operations.front();
  query.url = *server;
  auto proxies = ProxyChoosers(configs).for_operation(query);
  if (!proxies) return std::unexpected(std::move(proxies.error()));
  auto made = doh_environment({.server = *std::move(server),
                               .tls = *std::move(tls),
                               .socket = *std::move(socket),
                               .proxies = *std::move(proxies)});
  if (!made) return refused(made.error());
  return *std::move(made);
}

}  // namespace sluice::cli
