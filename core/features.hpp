// Which optional parts this build of the library has.
#pragma once

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

}  // namespace sluice
