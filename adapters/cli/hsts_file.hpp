// The hosts of --hsts: one store for all operations of a run, filled from the files, and written to them at the end.
// Leaves to others: the format and the rules (core/hsts.hpp), reading files (command_builder).
#pragma once

#include <memory>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"
#include "core/hsts.hpp"

namespace sluice::cli {

// Null: no operation has --hsts. Lines that cannot be used are told of in one warning for each file.
std::shared_ptr<HstsStore> load_hsts(const CommandLine& command, Console& console, UnixSeconds now);
// A file that cannot be written is a warning, and keeps what it held.
void save_hsts(const CommandLine& command, const HstsStore& hosts, Console& console, UnixSeconds now);

}  // namespace sluice::cli
