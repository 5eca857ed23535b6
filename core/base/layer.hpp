// The interface of a layer between HTTP and the transport: it turns wire bytes into plain bytes and back (TLS, a proxy
// handshake). Layers form a stack: the wire bytes of one layer are the plain bytes of the layer below it. A layer knows
// nothing of HTTP, transfers or sockets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/address.hpp"
#include "core/base/stream_end.hpp"
#include "core/error.hpp"
#include "core/stream_security.hpp"
#include "core/types.hpp"
#include "core/url.hpp"

namespace sluice {

// Why a call on a layer returned.
enum class Pump : std::uint8_t {
  progressed,  // everything possible was done, and it was more than nothing
  need_input,  // it needs bytes from below
  need_space,  // it needs room in the buffer that it writes to
  closed,  // the peer ended an established() stream by the layer's own message (close_notify); no plain bytes follow
  failed,  // permanent; see error()
};

// What is known about the stream of a connection, for TransferInfo. Shared by the connection and its transfers.
struct StreamFacts {
  Address local = {};  // of the transport; Kind::none: not known
  // What the layers have agreed on with the peer.
  std::string_view version, cipher, group;  // static text; "": not known to any layer
  std::string alpn, subject, issuer;        // the same, but owned
  bool resumed = false;
  bool verified = false;  // as StreamSecurity, with the next two
  UnixSeconds not_before = 0, not_after = 0;
  bool forwarder_http2 = false;                           // the proxy that gets the requests has agreed to HTTP/2
  int connect_status = 0;                                 // as TransferInfo::connect_status
  std::vector<std::string> certificates;                  // as TransferInfo::certificates
  std::vector<StreamSecurity> proxies;                    // as TransferInfo::proxy_tls
  std::shared_ptr<const StreamSecurity> given = nullptr;  // of a stream that was protected already: has the static text

  // Takes over what is known of such a stream. May throw std::bad_alloc.
  void take(std::shared_ptr<const StreamSecurity> security) {
    given = std::move(security);
    version = given->version;
    cipher = given->cipher;
    group = given->group;
    alpn = given->alpn;
    subject = given->subject;
    issuer = given->issuer;
    verified = given->verified;
    not_before = given->not_before;
    not_after = given->not_after;
    certificates = given->certificates;
    resumed = given->resumed;
  }
};

// Whether a handshake that has failed may succeed on another connection.
enum class Again : std::uint8_t {
  no,
  yes,
  with_basic,  // yes, and the proxy is now known to ask for Basic credentials
  with_ntlm,   // the same for NTLM
  with_negotiate,
  with_keys,  // yes, with the keys for Encrypted Client Hello that Layer::keys_to_retry() has
};

class Layer {
 public:
  virtual ~Layer() = default;

  // For messages: what the layer does until it is established ("TLS handshake"), and the code if that fails
  // (tls_handshake). Static text.
  virtual std::string_view task() const = 0;
  virtual Code failure() const = 0;
  // Adds what it knows. Called after it is established. May throw std::bad_alloc.
  virtual void describe(StreamFacts&) const {}

  // Called once, before every other call. May append the first bytes (a ClientHello) to `wire_out`.
  virtual Pump start(std::vector<std::uint8_t>& wire_out, Now now) = 0;
  // Takes bytes from the front of `wire_in` and writes plain bytes to the front of `plain_out`; both then begin after
  // what was taken or written. Handshake messages, alerts and the like are appended to `wire_out`. Continues until it
  // returns need_input (then `wire_in` is empty), need_space, closed or failed; never progressed. Bytes that were
  // decoded before a failure are valid.
  virtual Pump decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) = 0;
  // Takes bytes from the front of `plain_in`, which then begins after them, and appends their wire form to `wire_out`,
  // until `plain_in` is empty or `wire_out` holds `wire_cap` bytes or more. While the layer waits for the peer it takes
  // nothing and returns need_input: the caller tries again after each decode(). Only when established().
  virtual Pump encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now now) = 0;
  // Of the bytes that encode() took, some are in no wire bytes yet: the layer waits for the peer.
  virtual bool holds_plain() const { return false; }
  // Nothing is sent for a while: frees what only sending needs.
  virtual void drop_memory() noexcept {}
  // True when plain bytes may be encoded. For TLS: the handshake is complete and the peer was verified.
  virtual bool established() const = 0;
  virtual Again again() const { return Again::no; }              // after a failure, or if the stream below ended now
  virtual std::string_view keys_to_retry() const { return {}; }  // with Again::with_keys; empty: without keys
  // Whether the peer has proved to be this host too, by the rules by which it was accepted: then requests for that host
  // may be sent to it (RFC 9113 9.1.1). Only when established.
  virtual bool proves(const std::string& /*host*/, HostKind, std::uint16_t /*port*/, Now) { return false; }
  // From now on the layer changes no byte: a channel may do without it.
  virtual bool passes_all() const { return false; }
  // How the stream would have ended by this layer's rules, if the stream below ended now. `clean`: a close_notify was
  // received.
  virtual StreamEnd stream_end() const = 0;
  bool eof_is_clean() const { return stream_end() == StreamEnd::clean; }
  // When handle_timeout() has something to do (a PING, or the end of the wait for its answer); nullopt: nothing. What
  // it is when the handshakes are over says whether it is asked again.
  virtual std::optional<Instant> deadline() const { return std::nullopt; }
  // May append to `wire_out`. `sends`: since the last call the wire has taken bytes, and others still wait for it,
  // maybe some of this layer. Pump::failed: see error().
  virtual Pump handle_timeout(std::vector<std::uint8_t>& /*wire_out*/, bool /*sends*/, Now) { return Pump::progressed; }
  // Appends the layer's closing message (a close_notify) to `wire_out`. A second call does nothing, and nothing is
  // encoded afterwards. Without memory the message is left out.
  virtual void close(std::vector<std::uint8_t>& wire_out) noexcept = 0;
  // Valid after Pump::failed, as long as the layer exists.
  virtual const Error& error() const = 0;
};

}  // namespace sluice
