// What --help and --version print. Knows the table of options; prints nothing itself.
#pragma once

#include <string>

namespace sluice::cli {

std::string help_text();     // at most 80 columns, ends with a line end
std::string version_text();  // one line for the command, one for what it can

}  // namespace sluice::cli
