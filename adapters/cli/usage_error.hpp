// Why a command line cannot be run. Plain values, which the parsers make. Leaves printing to main.cpp.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

// An error of a whole command line, or of one of its operations. `message` is one line without "sluice: " and without a
// line end; it holds no credentials. Print "sluice: <message>", and if exit_code is kExitUsage also "; try 'sluice
// --help'".
struct UsageError {
  int exit_code = 2;
  std::string message;
};

// The message if there is no URL.
inline constexpr std::string_view kNoUrl = "no URL specified";

}  // namespace sluice::cli
