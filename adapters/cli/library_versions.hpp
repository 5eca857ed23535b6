// What the command is built on. The only file of the command that looks into these libraries' headers.
#pragma once

#include <string>

namespace sluice::cli {

std::string library_versions();  // "BoringSSL (API 17), llhttp 8.1.0, c-ares 1.18.1"

}  // namespace sluice::cli
