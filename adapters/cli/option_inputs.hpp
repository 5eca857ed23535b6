// What options take from the world while they are read. Whoever parses is given it; main.cpp has the true one.
#pragma once

#include <expected>
#include <functional>
#include <string>

namespace sluice::cli {

// Both readers answer with the text, or with the system's reason ("No such file ...").
struct OptionInputs {
  std::string home;  // $HOME; empty: no ~/.sluicerc is looked for
  std::function<std::expected<std::string, std::string>(const std::string& path)> read_file;
  std::function<std::expected<std::string, std::string>()> read_stdin;  // all of it; "" when read before
};

}  // namespace sluice::cli
