// See host_files.hpp.
#include "adapters/cli/host_files.hpp"

#include <set>
#include <string>

#include "adapters/cli/output_file.hpp"
#include "adapters/cli/text.hpp"

namespace sluice::cli {

namespace {

using Member = std::optional<StateFile> Settings::*;

template <class Store>
std::shared_ptr<Store> load(const CommandLine& command, Member member, std::vector<std::string>& warnings,
                            UnixSeconds now) {
  std::shared_ptr<Store> store;
  std::set<std::string> loaded;
  for (const Operation& operation : command.operations) {
    const auto& file = (*operation.settings).*member;
    if (!file) continue;
    if (!store) store = std::make_shared<Store>();
    if (!loaded.insert(file->name).second) continue;
    const std::size_t dropped = store->dropped();
    const std::size_t bad = store->load(file->text, now);
    if (bad > 0) {
      warnings.push_back(printable(file->name) + ": " + std::to_string(bad) +
                         (bad == 1 ? " line is not a host" : " lines are not hosts") + " with an expiry");
    }
    if (store->dropped() == dropped) continue;
    warnings.push_back(printable(file->name) + ": it has more hosts than are kept (" + std::to_string(store->size()) +
                       "): " + std::to_string(store->dropped() - dropped) + " were left out, which expire first");
  }
  return store;
}

template <class Store>
void save(const CommandLine& command, Member member, const Store& store, Console& console, UnixSeconds now) {
  std::set<std::string> written;
  for (const Operation& operation : command.operations) {
    const auto& file = (*operation.settings).*member;
    if (!file || file->name.empty() || !written.insert(file->name).second) continue;
    if (auto saved = replace_file(file->name, store.save(now)); !saved) {
      console.warning("what is known of hosts was not saved: " + saved.error());
    }
  }
}

}  // namespace

HostStores load_hosts(const CommandLine& command, UnixSeconds now) {
  HostStores stores;
  stores.hsts = load<HstsStore>(command, &Settings::hsts, stores.warnings, now);
  stores.alt_svc = load<AltSvcStore>(command, &Settings::alt_svc, stores.warnings, now);
  return stores;
}

void save_hosts(const CommandLine& command, const HostStores& stores, Console& console, UnixSeconds now) {
  if (stores.hsts) save(command, &Settings::hsts, *stores.hsts, console, now);
  if (stores.alt_svc) save(command, &Settings::alt_svc, *stores.alt_svc, console, now);
}

}  // namespace sluice::cli
