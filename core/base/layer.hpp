// What may stand between HTTP and the transport: a machine that turns wire bytes into plain bytes and back (TLS, a
// proxy's handshake). Layers stack: the wire of one is the plain of the one below. A layer knows nothing of HTTP,
// transfers or sockets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/stream_end.hpp"
#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice {

enum class Pump : std::uint8_t {
  progressed,  // everything that could be done was done, and something was
  need_input,  // waits for bytes from below
  need_space,  // waits for room in what it was given to write to
  closed,      // the peer ended an established() stream in the layer's own way (close_notify); no more plain bytes come
  failed,      // sticky; see error()
};

// What the layers of a connection have agreed on with the peer, for those who watch; made once for each connection.
struct LayerFacts {
  std::string version, cipher, alpn, subject, issuer;  // "" where it does not apply
  bool resumed = false;
};

class Layer {
 public:
  virtual ~Layer() = default;

  // What it does until it is established, and the code of a failure of that, for messages: "TLS handshake",
  // tls_handshake.
  virtual std::string_view task() const = 0;
  virtual Code failure() const = 0;
  // Adds what it knows, once it is established. May throw std::bad_alloc.
  virtual void describe(LayerFacts&) const {}

  // Called once before anything else; may put first bytes (a ClientHello) into `wire_out`.
  virtual Pump start(std::vector<std::uint8_t>& wire_out, Now now) = 0;
  // Takes bytes from the front of `wire_in` (it advances) and writes plain bytes to the front of `plain_out` (it
  // advances by what was written). Handshake answers, alerts and the like are appended to `wire_out`. Goes on until it
  // answers need_input with `wire_in` empty, need_space, closed or failed; never progressed. Bytes decoded before a
  // failure count.
  virtual Pump decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) = 0;
  // Takes bytes from the front of `plain_in` (it advances) and appends their wire form to `wire_out`, until `plain_in`
  // is empty or `wire_out` holds `wire_cap` bytes or more. Answers need_input, and takes nothing, while the layer
  // itself waits for the peer: the caller tries again after each decode(). Legal only when established().
  virtual Pump encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now now) = 0;
  // True once plain bytes may be encoded, which for TLS means: handshake done and the peer verified.
  virtual bool established() const = 0;
  // If the stream below ended now: what end that is by this layer's rules. `clean`: a close_notify was seen.
  virtual StreamEnd stream_end() const = 0;
  bool eof_is_clean() const { return stream_end() == StreamEnd::clean; }
  // Says goodbye: appends a close_notify or the like to `wire_out`. Idempotent; nothing is encoded afterwards. Without
  // memory for it the stream ends without a word.
  virtual void close(std::vector<std::uint8_t>& wire_out) noexcept = 0;
  // Meaningful after failed.
  virtual const Error& error() const = 0;
};

}  // namespace sluice
