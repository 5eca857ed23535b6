// Why a command line cannot be carried out. Plain values; who finds it out makes them, main.cpp prints them.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

// Of a whole command line, or of one of its operations. `message` is one line, without a "sluice: " in front and
// without a line end; it holds no credentials. Print "sluice: <message>", and where exit_code is kExitUsage also "; try
// 'sluice --help'".
struct UsageError {
  int exit_code = 2;
  std::string message;
};

// The message where nothing is named to be fetched.
inline constexpr std::string_view kNoUrl = "no URL specified";

}  // namespace sluice::cli
