// The version of the command and of its User-Agent field. The build may define it; this is the default.
#pragma once

#include <string_view>

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0.1.0"
#endif

namespace sluice::cli {

inline constexpr std::string_view kVersion = SLUICE_VERSION;
inline constexpr std::string_view kUserAgent = "sluice/" SLUICE_VERSION;

}  // namespace sluice::cli
