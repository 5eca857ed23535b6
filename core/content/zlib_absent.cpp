// See zlib_decoder.hpp. In place of zlib_decoder.cpp in a build without zlib (meson_options.txt).
#include "core/content/zlib_decoder.hpp"

namespace sluice::content {

bool has_zlib() { return false; }

Result<std::unique_ptr<Decoder>> make_gzip_decoder() {
  return std::unexpected(make_error(Code::unsupported_coding, {}));
}
Result<std::unique_ptr<Decoder>> make_deflate_decoder() {
  return std::unexpected(make_error(Code::unsupported_coding, {}));
}

}  // namespace sluice::content
