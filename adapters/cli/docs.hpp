// The manual page and the shell completions, made from the option table during the build. Pure functions. Leaves
// writing them to docs_main.cpp.
#pragma once

#include <string>

namespace sluice::cli {

std::string man_page();  // sluice(1), in roff with the man macros
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

}  // namespace sluice::cli
