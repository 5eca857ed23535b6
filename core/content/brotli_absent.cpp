// See brotli_decoder.hpp. In place of brotli_decoder.cpp in a build without libbrotlidec (meson_options.txt).
#include "core/content/brotli_decoder.hpp"

namespace sluice::content {

bool has_brotli() { return false; }

Result<std::unique_ptr<Decoder>> make_brotli_decoder() {
  return std::unexpected(make_error(Code::unsupported_coding, {}));
}

}  // namespace sluice::content
