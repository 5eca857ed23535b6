// The decoder of br (RFC 7932) over libbrotlidec. Leaves to others: brotli_absent.cpp takes the place of
// brotli_decoder.cpp in a build without that library.
#pragma once

#include <memory>

#include "core/content/decoder.hpp"

namespace sluice::content {

bool has_brotli();  // whether this build has libbrotlidec

// The format has no checksum: some broken data decodes to other bytes. Errors: out_of_memory, unsupported_coding (there
// is no libbrotlidec).
Result<std::unique_ptr<Decoder>> make_brotli_decoder();

}  // namespace sluice::content
