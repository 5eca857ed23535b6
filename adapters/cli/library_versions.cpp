// See library_versions.hpp.
#include "adapters/cli/library_versions.hpp"

#include <ares.h>
#include <llhttp.h>
#include <openssl/base.h>

#include "core/features.hpp"

namespace sluice::cli {

std::string library_versions() {
  const std::string_view nghttp2 = nghttp2_library_version();
  // BoringSSL has no releases, only an API version.
  return "BoringSSL (API " + std::to_string(BORINGSSL_API_VERSION) + "), llhttp " +
         std::to_string(LLHTTP_VERSION_MAJOR) + "." + std::to_string(LLHTTP_VERSION_MINOR) + "." +
         std::to_string(LLHTTP_VERSION_PATCH) + ", c-ares " + ares_version(nullptr) +
         (nghttp2.empty() ? std::string() : ", nghttp2/" + std::string(nghttp2));
}

}  // namespace sluice::cli
