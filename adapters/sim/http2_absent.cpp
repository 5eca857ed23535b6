// The HTTP/2 origin of sim_origin.hpp in a build without libnghttp2: one of HTTP/1.1.
#include <utility>

#include "adapters/sim_origin.hpp"

namespace sluice::sim {

bool has_http2_origin() { return false; }

Accept http2_origin(Responder responder, Http2OriginOptions options) {
  return http_origin(std::move(responder), options.http1);
}

}  // namespace sluice::sim
