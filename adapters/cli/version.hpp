// The version of the command and of the User-Agent it sends. The build may say it; this is what stands otherwise.
#pragma once

#include <string_view>

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0.1.0"
#endif

namespace sluice::cli {

inline constexpr std::string_view kVersion = SLUICE_VERSION;
inline constexpr std::string_view kUserAgent = "sluice/" SLUICE_VERSION;

}  // namespace sluice::cli
