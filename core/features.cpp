// See features.hpp.
#include "core/features.hpp"

#include "core/content/brotli_decoder.hpp"
#include "core/content/zlib_decoder.hpp"
#include "core/content/zstd_decoder.hpp"
#include "core/http2/session.hpp"
#include "core/rules/public_suffix.hpp"
#include "core/url/idn.hpp"

namespace sluice {

Features features() {
  return {.zlib = content::has_zlib(),
          .brotli = content::has_brotli(),
          .zstd = content::has_zstd(),
          .psl = rules::has_public_suffix_list(),
          .idn = url::has_idn(),
          .http2 = http2::has_http2()};
}

std::string_view nghttp2_library_version() { return http2::library_version(); }

}  // namespace sluice
