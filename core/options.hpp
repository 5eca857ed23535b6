// What an application can choose, for an engine, for a transfer and for TLS. Plain values, nothing read from the world.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "address.hpp"
#include "error.hpp"
#include "stores.hpp"
#include "types.hpp"

namespace sluice {

enum class TlsVersion : std::uint8_t { tls1_2, tls1_3 };

// Whether a server may renegotiate over TLS 1.2, which some do to ask for a client certificate after they have read the
// request. Allowed is one on a connection, after a request and before the first byte of its response, by a server that
// shows the same certificate again and binds the two handshakes together (RFC 5746). Any other is an error.
enum class TlsRenegotiation : std::uint8_t {
  never,
  with_certificate,  // where there is a client certificate to ask for
  once,              // also without one: the server is told then that there is none
};

struct TlsOptions {
  // Certificates, one or many; empty with verify_peer: nothing is trusted, all is refused.
  std::string trust_anchors_pem = {};
  bool verify_peer = true;                // false, by explicit request only: chain and name are not looked at
  std::string certificate_pem = {};       // the client's own: leaf first, then its chain; empty: none
  std::string private_key_pem = {};       // belongs to it; may be in the same text
  std::string private_key_password = {};  // for an encrypted key
  TlsVersion min_version = TlsVersion::tls1_2;
  TlsVersion max_version = TlsVersion::tls1_3;
  std::vector<std::string> alpn = {"http/1.1"};  // offered in this order; empty: none
  bool session_resumption = true;
  TlsRenegotiation renegotiation = TlsRenegotiation::with_certificate;
  bool key_log = false;  // secrets come out as Output::KeyLog; for debugging only

  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

// TlsOptions parsed and checked once, and shared by every transfer that uses them. Immutable; may be used by engines in
// several threads at once. Two configurations with equal options have equal identities, and only such transfers share
// connections and sessions (SB-05, SB-06).
class TlsConfig {
 public:
  // Error tls_config says which part is unusable and why.
  static Result<std::shared_ptr<const TlsConfig>> create(TlsOptions options);
  virtual ~TlsConfig() = default;
  using Identity = std::array<std::uint8_t, 32>;
  const Identity& identity() const { return identity_; }  // SHA-256 over all options
  const TlsOptions& options() const { return options_; }

 protected:
  TlsConfig(TlsOptions options, const Identity& identity) : options_(std::move(options)), identity_(identity) {}

 private:
  TlsOptions options_;
  Identity identity_;
};

// How HTTP/1 responses are read.
//  - tolerant: also what browsers and curl read because servers send it: LF as line end, folded lines, equal
//    Content-Lengths, statuses up to 999, Content-Length beside chunked (which wins), `Transfer-Encoding: identity`,
//    chunk sizes padded with blanks, control bytes in values, odd names. What leaves a doubt about where the response
//    ends is the last on its connection.
//  - strict: each of these is an error (malformed_response).
enum class Http1 : std::uint8_t { tolerant, strict };

enum class AddressFamily : std::uint8_t { any, ipv4, ipv6 };

// Where to connect instead of the URL's host and port. The Host field, SNI and certificate check keep the URL's.
struct ConnectTo {
  std::string host = {};
  std::uint16_t port = 0;
  friend bool operator==(const ConnectTo&, const ConnectTo&) = default;
};

// What carries a connection when it is not TCP to an address: a Unix-domain socket, a serial line, a pipe. The core
// resolves no name and tries no address then: it hands the route back in Output::Connect to its driver, who knows what
// to make of it. adapters/transport.hpp is the base for those that Multi takes. Kept by the transfers that name it
// until remove(), and by the engine while connections over it are open; the destructor may run inside any call of the
// engine's and must not call it.
class Route {
 public:
  virtual ~Route() = default;
  Route(const Route&) = delete;
  Route& operator=(const Route&) = delete;
  // Transfers to one origin share connections if their routes are equal in this. Empty: only if they have this very
  // object.
  const std::string& identity() const { return identity_; }
  // For messages and TransferInfo: "/run/app.sock". Holds no secret; never empty.
  const std::string& name() const { return name_; }
  // How many connections of one origin may be open at once; 0: no limit. A route to a single stream says 1, and
  // transfers wait in line.
  std::size_t max_connections() const { return max_connections_; }

 protected:
  Route(std::string identity, std::string name, std::size_t max_connections)
      : identity_(std::move(identity)),
        name_(name.empty() ? std::string("an unnamed route") : std::move(name)),
        max_connections_(max_connections) {}

 private:
  const std::string identity_;
  const std::string name_;
  const std::size_t max_connections_;
};

// Not an aggregate, for the reason that Request is none (request.hpp).
struct TransferOptions {
  TransferOptions() = default;

  // For https. Null: the engine's default; null there as well: an error for an https URL.
  std::shared_ptr<const TlsConfig> tls = {};
  std::optional<ConnectTo> connect_to = {};
  AddressFamily family = AddressFamily::any;
  // Null: TCP. With one, connect_to (or the URL) only says what host and port the route is asked for.
  std::shared_ptr<Route> route = {};
  // From the start of name resolution until the connection can carry a request (TLS included).
  std::optional<Duration> connect_timeout = std::chrono::seconds(300);
  // From add() to Done, waiting in the queue included.
  std::optional<Duration> total_timeout = {};
  // From the first attempt to Done, retries included; waiting in the queue before it does not count. An attempt begins
  // when the transfer gets a connection, or when one is begun for it (its name resolution included).
  std::optional<Duration> attempts_timeout = {};
  // Without a byte in either direction while the transfer has a connection; time in which the application does not
  // consume or supply body bytes does not count.
  std::optional<Duration> idle_timeout = {};
  // The most bytes of response body that are taken, counted without transfer coding (RFC 9112 7); none: no limit. One
  // byte more ends the transfer with body_too_large: with the head, where Content-Length says so, else when that byte
  // comes. Its connection is closed then.
  std::optional<std::uint64_t> max_body_bytes = {};
  bool fresh_connection = false;    // do not take a kept-alive one
  bool forbid_reuse = false;        // close the connection afterwards
  std::optional<Http1> http1 = {};  // none: the engine's
  // A response without a head (HTTP/0.9) is taken: all of it is the body, and head() has status 0. Else: Error
  // not_http.
  bool allow_http0_9 = false;
  // A body that only the end of the connection ends is whole also where TLS ends without a close_notify, which anybody
  // on the way can bring about. TransferInfo::tls_truncated says that it was so. Between two records only: an end
  // within one is always an error.
  bool tls_truncation_ok = false;
  bool keep_raw_head = false;  // ResponseHead::raw() holds the bytes of each response head
  // A user and password in the URL are sent as Basic credentials (RFC 7617), percent-decoded, unless the request has an
  // Authorization field. False: they are not.
  bool send_url_credentials = true;
  // For logs and debugging: each request head is told as it goes out, credentials included (output::HeadSent), and
  // response heads keep their bytes, as with keep_raw_head. With Multi: TransferHandler::on_head_sent and
  // on_head_received.
  bool report_heads = false;
  // The application's own, given back in Multi's Message. Never looked at.
  void* user_data = nullptr;
};

// What may be changed while an engine runs; see the members of the same names in EngineOptions.
struct EngineLimits {
  std::size_t max_connections = 0;
  std::size_t max_connections_per_origin = 0;
  Duration idle_connection_timeout = std::chrono::seconds(60);
  friend bool operator==(const EngineLimits&, const EngineLimits&) = default;
};

struct EngineOptions {
  // Addresses of a host that are known without a look-up, for one port of it. A later entry counts for the same place.
  struct KnownAddresses {
    std::string host = {};
    std::uint16_t port = 0;
    std::vector<IpAddress> addresses = {};
  };

  std::shared_ptr<const TlsConfig> default_tls = {};
  Http1 http1 = Http1::tolerant;  // for transfers that do not choose
  // Most connections at once, in total and to one origin; 0: no limit. Those that nobody uses or waits for are closed
  // to make room. One that is being made counts as one, however many addresses of its host it tries at once: at most 8,
  // 250 ms apart (RFC 8305).
  std::size_t max_connections = 0;
  std::size_t max_connections_per_origin = 0;
  Duration idle_connection_timeout = std::chrono::seconds(60);  // kept alive unused this long
  std::vector<KnownAddresses> known_addresses = {};
  // Shared with other engines; null: the engine's own.
  std::shared_ptr<TlsSessionStore> tls_sessions = {};
  std::shared_ptr<NameStore> names = {};
};

}  // namespace sluice
