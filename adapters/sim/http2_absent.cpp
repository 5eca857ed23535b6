// The HTTP/2 origin of sim_origin.hpp in a build without libnghttp2: one of HTTP/1.1. There is no proxy.
#include <utility>

#include "adapters/sim/http2_proxy.hpp"
#include "adapters/sim_origin.hpp"

namespace sluice::sim {

bool has_http2_origin() { return false; }

Accept http2_origin(Responder responder, Http2OriginOptions options) {
  return http_origin(std::move(responder), options.http1);
}

std::unique_ptr<Peer> http2_proxy(Http2Gate&, const Http2ProxyOptions&) { return nullptr; }

}  // namespace sluice::sim
