// See cookie_files.hpp.
#include "adapters/cli/cookie_files.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "adapters/cli/output_file.hpp"
#include "adapters/cli/text.hpp"
#include "core/base/limits.hpp"
#include "core/features.hpp"

namespace sluice::cli {

std::shared_ptr<CookieJar> load_cookies(const CommandLine& command, Console& console, Now now) {
  const auto keeps = [](const Operation& operation) { return operation.settings->cookies; };
  if (!std::ranges::any_of(command.operations, keeps)) return nullptr;
  if (!features().psl) {
    console.warning(
        "cookies: this sluice was built without libpsl: it does not know under which domains anybody can have a site");
  }
  auto jar = CookieJar::create();
  // First the files whose session cookies do not count: so those of the other files are not removed with them.
  for (const bool without_session : {true, false}) {
    for (const CookieFile& file : command.cookie_files) {
      if (file.without_session != without_session) continue;
      const CookieFileReport report = jar->load(file.text, now);
      const std::size_t bad = report.refused + report.unknown;
      if (report.dropped > 0) {
        console.warning(printable(file.name) + ": it has more cookies than are kept (" +
                        std::to_string(limits::kMaxCookies) + ", and " + std::to_string(limits::kMaxCookiesPerDomain) +
                        " of one domain): " + std::to_string(report.dropped) + " were left out");
      }
      if (bad == 0) continue;
      console.warning(printable(file.name) + ": " + std::to_string(bad) +
                      (bad == 1 ? " line is not a cookie" : " lines are not cookies") + " that can be taken");
    }
    if (without_session) jar->end_session();
  }
  return jar;
}

void save_cookies(const CommandLine& command, CookieJar& jar, Console& console, Now now) {
  std::set<std::string> written;
  for (const Operation& operation : command.operations) {
    const std::string& path = operation.settings->cookie_jar;
    if (path.empty() || !written.insert(path).second) continue;
    if (path == "-") {
      if (auto printed = console.print(jar.save(now)); !printed) console.warning(printed.error());
      continue;
    }
    if (auto saved = replace_file(path, jar.save(now)); !saved) {
      console.warning("the cookies were not saved: " + saved.error());
    }
  }
}

}  // namespace sluice::cli
