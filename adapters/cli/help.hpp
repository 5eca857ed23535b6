// The texts of --help and --version, made from the option table. Leaves printing to others.
#pragma once

#include <string>

namespace sluice::cli {

std::string help_text();     // at most 80 columns, ends with a line end
std::string version_text();  // one line for the command, one for its features

}  // namespace sluice::cli
