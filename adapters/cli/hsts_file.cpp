// See hsts_file.hpp.
#include "adapters/cli/hsts_file.hpp"

#include <set>
#include <string>

#include "adapters/cli/output_file.hpp"
#include "adapters/cli/text.hpp"

namespace sluice::cli {

std::shared_ptr<HstsStore> load_hsts(const CommandLine& command, Console& console, UnixSeconds now) {
  std::shared_ptr<HstsStore> hosts;
  std::set<std::string> loaded;
  for (const Operation& operation : command.operations) {
    const auto& file = operation.settings->hsts;
    if (!file) continue;
    if (!hosts) hosts = std::make_shared<HstsStore>();
    if (!loaded.insert(file->name).second) continue;
    const std::size_t bad = hosts->load(file->text, now);
    if (bad == 0) continue;
    console.warning(printable(file->name) + ": " + std::to_string(bad) +
                    (bad == 1 ? " line is not a host" : " lines are not hosts") + " with an expiry");
  }
  return hosts;
}

void save_hsts(const CommandLine& command, const HstsStore& hosts, Console& console, UnixSeconds now) {
  std::set<std::string> written;
  for (const Operation& operation : command.operations) {
    const auto& file = operation.settings->hsts;
    if (!file || file->name.empty() || !written.insert(file->name).second) continue;
    if (auto saved = replace_file(file->name, hosts.save(now)); !saved) {
      console.warning("the hosts of --hsts were not saved: " + saved.error());
    }
  }
}

}  // namespace sluice::cli
