// Decoders of gzip (RFC 1952) and deflate (RFC 1950, and RFC 1951 without its wrapper) over zlib. Leaves to others:
// zlib_absent.cpp takes the place of zlib_decoder.cpp in a build without zlib.
#pragma once

#include <memory>

#include "core/content/decoder.hpp"

namespace sluice::content {

bool has_zlib();  // whether this build has zlib

// Several gzip members, one after another, are one body (RFC 1952 2.2). Checksums and lengths are verified. Errors:
// out_of_memory, unsupported_coding (there is no zlib).
Result<std::unique_ptr<Decoder>> make_gzip_decoder();
// RFC 9110 8.4.1.2 says that deflate is the zlib format, and some servers send a bare deflate stream. The first two
// bytes decide: a zlib header (RFC 1950 2.2), or the beginning of a stream. Errors: as above.
Result<std::unique_ptr<Decoder>> make_deflate_decoder();

}  // namespace sluice::content
