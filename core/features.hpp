// Which optional parts this build of the library has.
#pragma once

#include <string_view>

#include "language.hpp"

namespace sluice {

struct Features {
  bool zlib = false;    // the content codings gzip and deflate
  bool brotli = false;  // br
  bool zstd = false;    // zstd
  bool psl = false;     // the Public Suffix List, for cookies
  bool idn = false;     // hosts with characters beyond ASCII
  bool http2 = false;   // HTTP/2
};

// Never fails; any thread at any time.
Features features();
// "1.52.0": the version of libnghttp2, which HTTP/2 is made with; "" without HTTP/2. Static text. Any thread.
std::string_view nghttp2_library_version();

}  // namespace sluice
