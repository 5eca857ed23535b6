// The decoder of zstd (RFC 8878) over libzstd, with the greatest window that a content coding may have (RFC 9659).
// Leaves to others: zstd_absent.cpp takes the place of zstd_decoder.cpp in a build without libzstd.
#pragma once

#include <memory>

#include "core/content/decoder.hpp"

namespace sluice::content {

bool has_zstd();  // whether this build has libzstd

// Several frames, one after another, are one body, and skippable frames are skipped (RFC 8878 3.1). A checksum is
// verified if there is one. bad_coding is also a window of more than 8 MiB, a frame that needs a dictionary, and a
// frame of a format before RFC 8878. Errors: out_of_memory, unsupported_coding (there is no libzstd).
Result<std::unique_ptr<Decoder>> make_zstd_decoder();

}  // namespace sluice::content
