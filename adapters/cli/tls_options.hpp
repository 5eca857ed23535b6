// The options of TLS, for origins and (--proxy-NAME) for https proxies, as TlsSettings. Leaves files to tls_setup.hpp.
#pragma once

#include <expected>
#include <string>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/option_table.hpp"
#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

// `id` is an option of TLS. `value`: its value; of a flag, `on` says whether it is switched on.
std::expected<void, UsageError> set_tls_option(OptionId id, const std::string& value, bool on, Settings& settings);

}  // namespace sluice::cli
