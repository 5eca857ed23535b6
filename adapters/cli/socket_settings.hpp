// The options about sockets and name servers: what their values mean, and the SocketOptions that they make, once for
// each group of options. Leaves to others: what the system makes of these (adapters/net/socket_setup.hpp).
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "adapters/cli/arguments.hpp"
#include "adapters/cli/command_line.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "core/socket_options.hpp"

namespace sluice::cli {

// Applies --local-port, --keepalive-time and so on. Error: what is wrong, for a message after the option's name.
std::expected<void, std::string> apply_socket_option(const Argument& argument, SocketSettings& settings);
// Applies --dns-servers and its kin. Errors as above.
std::expected<void, std::string> apply_name_option(const Argument& argument, NameSettings& settings);

// EngineOptions::http2_ping_interval: one engine has all transfers, so the shortest --keepalive-time counts, but for
// groups of options with --no-keepalive. nullopt: no --keepalive-time counts. Without one there are no PINGs: some
// servers end the connections of those that send many.
std::optional<Duration> ping_interval(const CommandLine& command);

class SocketChoices {
 public:
  // The settings must outlive this object. Blocks for as long as the system looks up a host name of --interface. Error:
  // --interface names nothing that a socket can be bound to; exit code 45, as in curl.
  using Chosen = std::expected<std::shared_ptr<const SocketOptions>, Failure>;
  Chosen for_settings(const Settings& settings);

 private:
  std::map<const Settings*, Chosen> made_;
};

}  // namespace sluice::cli
