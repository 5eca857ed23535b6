// sluice-docs man|bash|zsh|fish: writes one of the texts of docs.hpp to the standard output. Used by the build; not
// installed.
#include <cstdio>
#include <string>
#include <string_view>

#include "adapters/cli/docs.hpp"

int main(int argc, char** argv) {
  using namespace sluice::cli;
  const std::string_view kind = argc == 2 ? argv[1] : "";
  std::string text;
  if (kind == "man") text = man_page();
  if (kind == "bash") text = bash_completion();
  if (kind == "zsh") text = zsh_completion();
  if (kind == "fish") text = fish_completion();
  if (text.empty()) {
    std::fputs("Usage: sluice-docs man|bash|zsh|fish\n", stderr);
    return 2;
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? 0 : 1;
}
