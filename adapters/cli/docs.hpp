// The manual page and the completions of shells, made from the table of options when the command is built. Pure text.
#pragma once

#include <string>

namespace sluice::cli {

std::string man_page();  // sluice(1), in roff with the man macros
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

}  // namespace sluice::cli
