// See zstd_decoder.hpp. In place of zstd_decoder.cpp in a build without libzstd (meson_options.txt).
#include "core/content/zstd_decoder.hpp"

namespace sluice::content {

bool has_zstd() { return false; }

Result<std::unique_ptr<Decoder>> make_zstd_decoder() {
  return std::unexpected(make_error(Code::unsupported_coding, {}));
}

}  // namespace sluice::content
