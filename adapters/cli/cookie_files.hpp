// The cookies of a run: one jar for all operations, filled from the files of -b, and written to those of -c at the end.
// Leaves to others: the format and the rules (core/cookies.hpp), reading files (command_builder).
#pragma once

#include <memory>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"
#include "core/cookies.hpp"

namespace sluice::cli {

// Null: no operation keeps cookies. Lines that are no cookies are told of in one warning for each file; and one warning
// says that public suffixes are not known, where that is so.
std::shared_ptr<CookieJar> load_cookies(const CommandLine& command, Console& console, Now now);
// A file that cannot be written is a warning, as in curl, and keeps what it held.
void save_cookies(const CommandLine& command, CookieJar& jar, Console& console, Now now);

}  // namespace sluice::cli
