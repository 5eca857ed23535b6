// The versions of the libraries in the command. The only file of the command that includes their headers.
#pragma once

#include <string>

namespace sluice::cli {

std::string library_versions();  // "BoringSSL (API 17), llhttp 8.1.0, c-ares 1.18.1, nghttp2/1.52.0"

}  // namespace sluice::cli
