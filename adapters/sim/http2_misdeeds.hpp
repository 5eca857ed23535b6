// Frames of HTTP/2, written byte by byte, that a correct server never sends, for Http2Fault; and frames that mean
// nothing. Heads are HPACK literals without index, so that they can stand between the frames of libnghttp2. Leaves to
// http2_peer: when they are sent.
#pragma once

#include <cstdint>
#include <string>

#include "adapters/sim_origin.hpp"

namespace sluice::sim {

// "": the fault is not made of frames like these.
std::string wrong_frames(Http2Fault fault, std::uint32_t stream, const HttpReply& reply);
// Frames of an unknown type, PRIORITY, ALTSVC and ORIGIN: a client ignores them.
std::string noise_frames(std::uint32_t stream);

}  // namespace sluice::sim
