// What is remembered of hosts: --hsts and --alt-svc. One store of each for all operations of a run, filled from the
// files, and written to them at the end. Leaves to others: the formats and the rules (core/hsts.hpp, core/alt_svc.hpp),
// reading files (command_builder).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"
#include "core/alt_svc.hpp"
#include "core/hsts.hpp"

namespace sluice::cli {

struct HostStores {
  std::shared_ptr<HstsStore> hsts;       // null: no operation has --hsts
  std::shared_ptr<AltSvcStore> alt_svc;  // null: no operation has --alt-svc
  std::vector<std::string> warnings;     // one for each file with lines that cannot be used
};

HostStores load_hosts(const CommandLine& command, UnixSeconds now);
// A file that cannot be written is a warning, and keeps what it held.
void save_hosts(const CommandLine& command, const HostStores& stores, Console& console, UnixSeconds now);

}  // namespace sluice::cli
