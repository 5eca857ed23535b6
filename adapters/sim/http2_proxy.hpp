// The far end of one connection on which a proxy speaks HTTP/2: tunnels to other peers, each on a stream of its own
// (RFC 9113 8.5), and requests that it forwards. Leaves frames to http2_server, and to its owner: who is let through,
// to where, and which misdeeds there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "adapters/sim/http2_server.hpp"
#include "adapters/sim_origin.hpp"

namespace sluice::sim {

// What a proxy does to a stream in place of its answer, or in the middle of it. Each is reported by Line::admit().
enum class Http2ProxyDeed : std::uint8_t {
  none,
  refuses,     // RST_STREAM(REFUSED_STREAM), in place of the answer
  resets,      // RST_STREAM(CONNECT_ERROR)
  ends,        // END_STREAM, as if the target had ended
  goes_away,   // GOAWAY that spares this stream: nothing is wrong with it
  breaks_off,  // GOAWAY(INTERNAL_ERROR), and the end of the connection
  silent,      // nothing is read or sent any more
};

// What becomes of one request.
struct Http2ProxyAnswer {
  HttpReply reply = {};             // without a peer: the answer
  std::unique_ptr<Peer> peer = {};  // of CONNECT: the tunnel's far end; then only status and fields of the reply count
  Http2ProxyDeed deed = Http2ProxyDeed::none;
  std::size_t after = 0;  // bytes of the tunnel to the client before the deed; 0: it comes in place of the answer
};

class Http2Gate {
 public:
  // The request is complete, or CONNECT, whose target is an authority; all others have an absolute target. Fields
  // without those of HTTP/2 alone.
  virtual Http2ProxyAnswer answer(const HttpRequest& request) = 0;

 protected:
  ~Http2Gate() = default;
};

struct Http2ProxyOptions {
  std::uint32_t max_streams = 100;
  std::uint32_t window = 65'535;       // SETTINGS_INITIAL_WINDOW_SIZE: of the bytes to each target
  std::size_t window_step = SIZE_MAX;  // windows are opened by at most so much in a WINDOW_UPDATE
  std::size_t frame_bytes = 16'384;    // most bytes of a tunnel in a frame
};

// `gate` must outlive the peer. Null in a build without libnghttp2.
std::unique_ptr<Peer> http2_proxy(Http2Gate& gate, const Http2ProxyOptions& options);

}  // namespace sluice::sim
