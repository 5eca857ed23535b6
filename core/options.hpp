// The options of an engine, of a transfer and of TLS. Plain values; nothing is read from files or the environment.
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
#include "credentials.hpp"
#include "error.hpp"
#include "priority.hpp"
#include "retry_options.hpp"
#include "stores.hpp"
#include "types.hpp"

namespace sluice {

class AddressRule;      // address_rule.hpp
class AltSvcStore;      // alt_svc.hpp
class CookieJar;        // cookies.hpp
class HstsStore;        // hsts.hpp
class ProxyChooser;     // proxy.hpp
struct ProxyProtocol;   // proxy.hpp
class TlsSigner;        // tls_hooks.hpp
class TlsVerifier;      // tls_hooks.hpp
struct SocketOptions;   // socket_options.hpp
struct TransferLimits;  // transfer_limits.hpp

enum class TlsVersion : std::uint8_t { tls1_2, tls1_3 };

// Whether a server may renegotiate over TLS 1.2. Some servers do so to ask for a client certificate after they have
// read the request. At most one renegotiation on a connection is allowed: after a request, before the first byte of its
// response, with the same server certificate, and bound to the first handshake (RFC 5746). Any other is an error
// (tls_failed).
enum class TlsRenegotiation : std::uint8_t {
  never,
  with_certificate,  // only if the client has a certificate
  once,              // also if it has none; the server is told so
};

// Encrypted Client Hello (RFC 9849), which hides the name of the host from the path. Its keys are those of
// TlsOptions::ech_config_list, which are always required, or else those of the host's HTTPS record (RFC 9848), which is
// looked up for if_known and required (see EngineOptions::https_records).
enum class EncryptedHello : std::uint8_t {
  none,
  grease,  // without keys, a hello that looks like an encrypted one (6.2)
  // If there are keys. The HTTPS records are waited for, but no longer than one second after the first addresses
  // (limits::kKeysDelay): if they come later, or their look-up fails, the name goes in clear. A server that has no keys
  // any more, and proves it (6.1.6), is connected to without.
  if_known,
  required,  // without keys that the server takes the handshake fails (tls_handshake)
};

// What a TLS configuration is made of. Owns its text.
struct TlsOptions {
  // The certificates to trust, in PEM form, one or more. Empty, with verify_peer: every server is refused.
  std::string trust_anchors_pem = {};
  // False: neither the certificate chain nor the name is checked. Else a chain is accepted if its validity period,
  // names, purpose and name constraints (DNS names, addresses) allow it and no certificate in it is weak: RSA keys have
  // 2,048 bits or more, curves are P-256, P-384, P-521 or Ed25519, also for the trust anchor; signatures by MD5 or
  // SHA-1 are refused, except on the trust anchor itself. Among several certificates with the same name and key
  // (renewed, cross-signed) a valid one is found.
  bool verify_peer = true;
  std::string certificate_pem = {};       // the client's certificate, then its chain; empty: none
  std::string private_key_pem = {};       // the key of that certificate; may be in the same text
  std::string private_key_password = {};  // for an encrypted key
  TlsVersion min_version = TlsVersion::tls1_2;
  TlsVersion max_version = TlsVersion::tls1_3;
  // Protocol names in order of preference; empty: no ALPN, and so no HTTP/2 by agreement. "h2" need not be here: it is
  // put before them, or left out, as TransferOptions::http_versions says.
  std::vector<std::string> alpn = {"http/1.1"};
  bool session_resumption = true;
  TlsRenegotiation renegotiation = TlsRenegotiation::with_certificate;
  bool key_log = false;            // session secrets are given out as output::KeyLog; for debugging only
  bool keep_certificates = false;  // TransferInfo::certificates is filled in
  // SHA-256 hashes of public keys (SubjectPublicKeyInfo, RFC 7469 2.4), 32 bytes each: the key of the server's
  // certificate must be one of them, also without verify_peer; else the error is tls_pin. Empty: any key.
  std::vector<std::string> pinned_public_keys = {};
  // Ciphers of TLS 1.2 in OpenSSL's notation ("ECDHE-RSA-AES128-GCM-SHA256:..."), of TLS 1.3 by their names
  // ("TLS_AES_128_GCM_SHA256:..."), groups ("X25519:P-256") and signature algorithms ("rsa_pss_rsae_sha256:..."), in
  // order of preference. Empty: the defaults of this library. Of ciphers, those that are not known are left out if
  // there is one that is. The TLS library offers all three ciphers of TLS 1.3 in an order of its own: if the server
  // chooses one that is not named, the handshake fails (tls_handshake).
  std::string ciphers = {};
  std::string tls13_ciphers = {};
  std::string groups = {};
  std::string signature_algorithms = {};
  // Revocation lists (RFC 5280 5) in PEM form: a certificate of the peer's chain that one of them lists is refused, and
  // so is one for whose issuer none is here. Empty, or without verify_peer: none are asked.
  std::string revocation_lists_pem = {};
  // The server must staple a valid OCSP response (RFC 6066 8); else the error is tls_status. It can be valid only if
  // the chain was verified: without verify_peer, or where a TlsVerifier has accepted another chain, the handshake
  // fails.
  bool require_status = false;
  // Signs with the key of certificate_pem in place of private_key_pem, for keys that cannot leave their place. Null:
  // none.
  std::shared_ptr<const TlsSigner> signer = {};
  // Asked besides what verify_peer checks, or in its place (TlsVerifier::Counts). Null: none.
  std::shared_ptr<const TlsVerifier> verifier = {};
  // A list of configurations for Encrypted Client Hello (ECHConfigList, RFC 9849), in its wire form, as an HTTPS record
  // in DNS has it. If the server takes none of them, the connection is made once more with those that it names in
  // their place and that its certificate for the public name vouches for; without such the handshake fails
  // (tls_handshake). Empty: none.
  std::string ech_config_list = {};
  EncryptedHello ech = EncryptedHello::none;
  // A request whose method is safe (RFC 9110 9.2.1) and that has no body may be sent before the handshake is complete,
  // if it is the first one of a connection that resumes a session of TLS 1.3 whose server allows it (0-RTT, RFC 8446
  // 2.3, RFC 8470). Who can record it can send it to the server once more, and it is not forward secret: so only for
  // servers for which that is no harm. The server's certificate is checked before, as in the session, and no response
  // is read before the handshake is complete. If the server refuses the data, or answers 425, the request is sent
  // again without. Not used by a Connection. TransferInfo::early_bytes tells.
  bool early_data = false;

  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

// TlsOptions, parsed and checked once and shared by all transfers that use them. Immutable; engines in several threads
// may use one at the same time. Two configurations with equal options have equal identities. Only transfers with equal
// identities share connections and TLS sessions (SB-05, SB-06).
class TlsConfig {
 public:
  // Errors: tls_config (its message says which part cannot be used and why), out_of_memory.
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

// How HTTP/1 responses are read (RFC 9112).
//  - tolerant: also accepts what servers send and browsers and curl read: LF as line end, folded lines, several equal
//    Content-Lengths, statuses up to 999, Content-Length together with chunked (chunked counts), `Transfer-Encoding:
//    identity`, chunk sizes padded with blanks, control bytes in values, field names that are not tokens. If it is not
//    certain where a response ends, its connection is not used again.
//  - strict: each of these is an error (malformed_response).
enum class Http1 : std::uint8_t { tolerant, strict };

// Which versions of HTTP a transfer may use. In a build without libnghttp2 there is only HTTP/1 (Features::http2): then
// add() returns invalid_option for the last two.
enum class HttpVersions : std::uint8_t {
  any,  // over TLS HTTP/2 if the server takes it (ALPN, RFC 7301), else HTTP/1.1; without TLS HTTP/1.1
  // HTTP/1.0 requests (RFC 1945): each ends its connection, none waits for 100 (Continue), and a body of unknown length
  // cannot be sent (invalid_request). Responses are read as ever.
  http1_0,
  http1_1,  // HTTP/1.1 alone
  // HTTP/2 alone, also without TLS (RFC 9113 3.3). Over TLS nothing else is offered, and a server that says nothing
  // about it is taken to speak HTTP/2.
  http2_prior_knowledge,
  // The same, but over TLS the server must agree to HTTP/2: else the error is http2_error, or tls_handshake if it ends
  // the handshake because of that (no_application_protocol, RFC 7301 3.2).
  at_least_http2,
};

// Which addresses of a host may be used.
enum class AddressFamily : std::uint8_t { any, ipv4, ipv6 };

// Where to connect instead of the URL's host and port. The Host field, SNI and the certificate check still use the
// URL's. Both members must be set: else add() returns invalid_option.
struct ConnectTo {
  std::string host = {};
  std::uint16_t port = 0;
  friend bool operator==(const ConnectTo&, const ConnectTo&) = default;
};

// What carries a connection that is not TCP to an address: a Unix-domain socket, a serial line, a pipe. The core then
// resolves no name and tries no address: it gives the route to its driver in output::Connect, and the driver knows what
// to do with it. adapters/transport.hpp is the base class for those that Multi accepts. Transfers that name a route
// keep it alive until remove(), and the engine keeps it alive while connections over it are open. The destructor may
// run inside any call on the engine and must not call the engine.
class Route {
 public:
  virtual ~Route() = default;
  Route(const Route&) = delete;
  Route& operator=(const Route&) = delete;
  // Transfers to one origin share connections if their routes have equal identities. Empty: only if they have the same
  // route object.
  const std::string& identity() const { return identity_; }
  // For messages and TransferInfo: "/run/app.sock". Never empty; must hold no secret.
  const std::string& name() const { return name_; }
  // How many connections to one origin may be open at once; 0: no limit. A route to a single stream says 1; transfers
  // then wait for each other.
  std::size_t max_connections() const { return max_connections_; }
  // The streams are protected already, by TLS or the like, and open only if the peer was verified to be the URL's host
  // (or connect_to's, as the route has it). An https URL then gets no TLS here, and TransferOptions::tls is not asked;
  // cookies, redirects and HSTS treat it as any https URL. An end that the peer has not announced (RFC 8446 6.1) must
  // be an error of the stream. As the route of a proxy it has no effect: what an https proxy needs is made here.
  bool is_secure() const { return is_secure_; }

 protected:
  Route(std::string identity, std::string name, std::size_t max_connections, bool is_secure = false)
      : identity_(std::move(identity)),
        name_(name.empty() ? std::string("an unnamed route") : std::move(name)),
        max_connections_(max_connections),
        is_secure_(is_secure) {}

 private:
  const std::string identity_;
  const std::string name_;
  const std::size_t max_connections_;
  const bool is_secure_;
};

// Which redirects are followed, and how (RFC 9110 15.4): the statuses 301, 302, 303, 307 and 308 with a Location. The
// next request goes to the Location, resolved against the URL, whose fragment it has if it has none itself.
//
// A POST becomes a GET without a body after 301, 302 and 303; after 303 so does every method but HEAD. All other
// requests are repeated as they are, with their body; if the body cannot be given again, the transfer fails
// (rewind_failed).
//
// Credentials and the application's own fields stay with their origin (scheme, host and port): once a redirect has led
// to another one, the requests that follow do not have them. Fields that hold no secret and describe what is wanted go
// on: Accept and its kin, Cache-Control, Content-Type, -Encoding and -Language, conditions (If-...), Range, Referer,
// TE, User-Agent and others that cannot hold one. The user and password in a Location are not used.
struct RedirectOptions {
  std::uint32_t max_redirects = 50;  // the next one is an error (too_many_redirects)
  bool keep_post_301 = false;        // a POST stays a POST with its body after 301
  bool keep_post_302 = false;
  bool keep_post_303 = false;
  // The method is never changed, and the body is dropped as that of a POST: what -X of curl does.
  bool keep_method = false;
  bool trust_other_origins = false;  // all fields but Host, credentials included, go to every origin
  bool http = true;                  // redirects to http URLs are followed; false: an error (unsupported_scheme)
  bool https = true;
  // Referer is set to the URL that redirected, without user, password and fragment; not from https to http.
  bool auto_referer = false;
  friend bool operator==(const RedirectOptions&, const RedirectOptions&) = default;
};

// How the codings of a response body are undone: gzip, deflate, br and zstd, as far as this build has their libraries;
// of transfer codings only gzip and deflate (RFC 9112 7.2).
// At most five codings of one body are undone; more, or one that is not known, are an error (unsupported_coding), and
// so is data that breaks the rules of its coding (bad_coding) or ends too early (truncated). A body is decoded as far
// as the application consumes it, so it takes little memory, however large it becomes.
struct DecodingOptions {
  bool content = true;  // content codings (RFC 9110 8.4)
  // Transfer codings besides chunked (RFC 9112 7) are asked for and undone: a request without a TE gets "TE: gzip",
  // with TE in its Connection field (RFC 9110 10.1.4). False: a response that has one is an error (unsupported_coding).
  bool transfer = false;
  bool ask = true;  // with `content`: a request without an Accept-Encoding gets one that names all that can be undone
  // How many times as large as the received body so far the decoded body so far may be, once that is more than 1 MiB;
  // nullopt: no limit. A larger one ends the transfer with body_too_large. TransferOptions::max_body_bytes holds for
  // both.
  std::optional<std::uint32_t> max_ratio = {};
  friend bool operator==(const DecodingOptions&, const DecodingOptions&) = default;
};

// The options of one transfer. Not an aggregate, for the same reason as Request (request.hpp).
struct TransferOptions {
  TransferOptions() = default;

  // For https. Null: EngineOptions::default_tls. If both are null, add() returns tls_config for an https URL.
  std::shared_ptr<const TlsConfig> tls = {};
  std::optional<ConnectTo> connect_to = {};
  AddressFamily family = AddressFamily::any;
  // It is HTTP/1.1, whatever this says, with credentials that may log in a connection (NTLM, Negotiate). With a proxy
  // that forwards the request (http without a tunnel) Proxy::http2 counts instead.
  HttpVersions http_versions = HttpVersions::any;
  // Null: TCP. With a route, the host and port of connect_to (or of the URL) are only passed to the route.
  std::shared_ptr<Route> route = {};
  // Null: no proxy. With a route it is not asked. With a proxy, connect_to is the place to which the (last) proxy is
  // asked to lead, in a tunnel if it is an HTTP proxy, and `family` is that of the addresses that are looked up here.
  std::shared_ptr<const ProxyChooser> proxies = {};
  // How sockets are made for the connections: local address, keep-alive and so on. Transfers share connections only if
  // these are equal. Null: as the system does it. Not asked with a route.
  std::shared_ptr<const SocketOptions> socket = {};
  // Each connection begins with the line of the PROXY protocol: the first bytes for the origin, TLS included, so after
  // the handshakes with proxies that lead to it, and the first for a proxy that forwards requests. Where an address of
  // the connection is not known, as with a route, it is "PROXY UNKNOWN". Transfers share connections only if these are
  // equal. Engine only, not Connection. Null: there is no such line.
  std::shared_ptr<const ProxyProtocol> proxy_protocol = {};
  // Further limits, of phases and rates. Null: none.
  std::shared_ptr<const TransferLimits> limits = {};
  // From the start of name resolution until the connection can carry a request, TLS included. Zero or more, as all
  // timeouts here; nullopt: no limit. A transfer that waits for a connection which is made for another one, and which
  // may carry both, has this time too: from add(), or from the start of that connection if that is later.
  std::optional<Duration> connect_timeout = std::chrono::seconds(300);
  // From add() to Done, the time in the queue included.
  std::optional<Duration> total_timeout = {};
  // From the first attempt to Done, retries included; the time in the queue before the first attempt does not count. An
  // attempt begins when the transfer gets a connection, or when a connection is begun for it (name resolution
  // included).
  std::optional<Duration> attempts_timeout = {};
  // The longest time without a byte in either direction while the transfer has a connection; more than zero. Time in
  // which the application does not consume or supply body bytes does not count.
  std::optional<Duration> idle_timeout = {};
  // The greatest accepted size of the response body in bytes, counted without chunk framing (RFC 9112 7.1); nullopt: no
  // limit. A larger body ends the transfer with body_too_large: at the head, if Content-Length says so, else when the
  // first byte too many comes. Over HTTP/1 the connection is then closed. With `decoding`, the decoded body may not be
  // larger either.
  std::optional<std::uint64_t> max_body_bytes = {};
  // Do not use a connection that was used before. At the limit of connections for its origin such a transfer waits for
  // its turn, and those after it wait for theirs, also beside a connection with room: so it cannot wait for ever.
  bool fresh_connection = false;
  // While a connection is being made that can probably carry this transfer too (HTTP/2), the transfer waits for it.
  // False: if no connection has room and no other transfer is before it in line, one more is made at once.
  bool pipewait = true;
  bool forbid_reuse = false;        // close the connection after this transfer
  std::optional<Http1> http1 = {};  // nullopt: EngineOptions::http1
  // A response without a head (HTTP/0.9) is accepted: all of it is the body, and head() has status 0. False: such a
  // response is the error not_http.
  bool allow_http0_9 = false;
  // A body that only the end of the connection ends counts as complete even if TLS ends without a close_notify. Anyone
  // on the network path can cause such an end; TransferInfo::tls_truncated tells that it happened. This holds for an
  // end between two TLS records; an end inside a record is always an error.
  bool tls_truncation_ok = false;
  bool keep_raw_head = false;  // ResponseHead::raw() has the bytes of each response head
  // A user and password in the URL are sent as Basic credentials (RFC 7617), percent-decoded, unless the request has an
  // Authorization field. False: they are not sent.
  bool send_url_credentials = true;
  std::optional<RedirectOptions> redirects = {};  // nullopt: a redirect is a response like any other
  // Sent as its schemes say, and used to answer challenges (RFC 9110 11, status 401), unless the request has an
  // Authorization field of its own; the user and password of the URL count where it has no user. They stay with the
  // origin of the URL, as the fields of a request do (RedirectOptions), but for those of a netrc file. Null: only the
  // user and password of the URL are sent, and a challenge is a response like any other.
  std::shared_ptr<const Credentials> credentials = {};
  // Codings of the body are undone. nullopt: only `chunked`, which frames it.
  std::optional<DecodingOptions> decoding = {};
  // The body is given as it is on the wire: no coding is undone, whatever `decoding` says, and over HTTP/1 a chunked
  // one has its chunk size lines and trailers. All sizes are those of these bytes.
  bool raw_body = false;
  // For logs and debugging: each request head is reported as it is sent, credentials included (output::HeadSent), so
  // are the heads of CONNECT and its responses (output::ConnectHead), and response heads keep their bytes as with
  // keep_raw_head; HopDone has the body that is skipped. In Multi: TransferHandler::on_head_sent, on_connect_head,
  // on_head_received and on_hop_done.
  bool report_heads = false;
  // False: a request that met a connection which the server had closed already is not sent again on another one; the
  // transfer ends with that failure. True: it is, where the server cannot have processed it, or where its method is
  // idempotent (RFC 9110 9.2.2).
  bool resend = true;
  // nullopt: a transfer that fails ends at once.
  std::optional<RetryOptions> retries = {};
  // A request whose body has at least this many bytes, or an unknown number, has "Expect: 100-continue" (RFC 9110
  // 10.1.1), unless it has an Expect field already; if the server answers it with 417, it is sent again without.
  // nullopt: no such field is added.
  std::optional<std::uint64_t> expect_continue_from = {};
  // How long a request with "Expect: 100-continue" waits for an answer before it sends its body all the same.
  Duration continue_timeout = std::chrono::seconds(1);
  // Each response of the transfer is given to the jar, and each request gets the jar's cookies for its URL, before
  // those of its own Cookie field. Null: no cookies but the request's own.
  std::shared_ptr<CookieJar> cookies = {};
  // Requests have a Priority field (RFC 9218) that says this, unless they have one of their own; and over HTTP/2 the
  // bodies of more urgent requests are sent first, among those of one connection. nullopt: no such field is added, and
  // the server takes it as Priority{}. An urgency above 7 is invalid_option.
  std::optional<Priority> priority = {};
  // For the application: Multi gives it back in its Message. Never dereferenced.
  void* user_data = nullptr;
};

// The limits that may change while an engine runs. The members are described in EngineOptions.
struct EngineLimits {
  std::size_t max_connections = 0;
  std::size_t max_connections_per_origin = 0;
  std::size_t max_connections_per_proxy = 0;
  Duration idle_connection_timeout = std::chrono::seconds(60);
  std::optional<Duration> max_connection_age = {};
  std::size_t max_connection_uses = 0;
  std::optional<std::uint64_t> max_receive_rate = {};
  std::optional<std::uint64_t> max_send_rate = {};
  friend bool operator==(const EngineLimits&, const EngineLimits&) = default;
};

// How long answers of look-ups are kept. A negative time counts as zero. With a shared NameStore each engine uses what
// is in the store by its own rules.
struct NameCacheOptions {
  // In place of the TTL that an answer has, and of max_ttl; zero: an answer serves only those that wait for it.
  std::optional<Duration> ttl = {};
  Duration max_ttl = std::chrono::seconds(60);  // a longer TTL counts as this, and so does an unknown one
  // How long it is remembered that a name does not exist, or has no address (Error::name_absent): who asks in that time
  // gets the same error at once. Zero: those that wait for it share the error, and the next one asks again. Another
  // failure of a look-up may pass (a server that fails or does not answer), and is never remembered (RFC 2308 7).
  Duration negative_ttl = std::chrono::seconds(0);
  // How long after its end an answer is still used, while a new one is looked up: connections that begin later use the
  // new one. If the new look-up fails, the old answer is used until this time is over.
  Duration stale_for = std::chrono::seconds(0);
  friend bool operator==(const NameCacheOptions&, const NameCacheOptions&) = default;
};

struct EngineOptions {
  // Addresses of a host for one port, which are used without a look-up. If two entries have the same host and port, the
  // later one counts. The host "*" is each host that has no entry of its own for this port.
  struct KnownAddresses {
    std::string host = {};
    std::uint16_t port = 0;
    std::vector<IpAddress> addresses = {};
    // The entry is used as long as an answer without a TTL (NameCacheOptions), from the engine's first look-up on.
    bool expires = false;
  };

  std::shared_ptr<const TlsConfig> default_tls = {};
  Http1 http1 = Http1::tolerant;  // for transfers without TransferOptions::http1
  // The greatest number of connections at once, in total and to one origin; 0: no limit. Connections that no transfer
  // uses or waits for are closed to make room. A connection that is being made counts as one, even while it tries
  // several addresses of its host: at most 8, started 250 ms apart (RFC 8305 5).
  std::size_t max_connections = 0;
  std::size_t max_connections_per_origin = 0;
  // The same to one proxy, which is known by its host and port or its route, whatever the origins and the user. The
  // first proxy of a chain counts. Origins that wait because of it get their connections in turn.
  std::size_t max_connections_per_proxy = 0;
  Duration idle_connection_timeout = std::chrono::seconds(60);  // an unused connection is closed after this time
  // A connection that is older carries no further exchange; nullopt: no limit.
  std::optional<Duration> max_connection_age = {};
  std::size_t max_connection_uses = 0;  // the greatest number of exchanges on one connection; 0: no limit
  // A PING is sent on an HTTP/2 connection after this time without a byte from the peer, also while it is idle; if no
  // answer comes in the same time again, its transfers fail (http2_error) and it is closed. Where a PING has to wait
  // after other bytes, that time begins when it is sent, as long as some of them are. nullopt or zero: none, but for
  // the few that measure the round trip while a large body comes. Where an HTTP/2 proxy has a tunnel (CONNECT), its end
  // is asked too, whatever is spoken in the tunnel.
  std::optional<Duration> http2_ping_interval = {};
  // A request for one https host may go on the HTTP/2 connection of another one (coalescing, RFC 9113 9.1.1): where the
  // host's addresses have that connection's address, at the same port, its certificate is valid for the host too by all
  // that the TLS options say, with verify_peer, and all options by which connections are told apart are equal. Without
  // a proxy, a route, connect_to, a zone and an account (NTLM, Negotiate) only, and not for fresh_connection. It is
  // looked for when a connection would be made. One that is being made is waited for: once, and for 250 ms if it is not
  // even open. At max_connections no idle one is closed before the addresses are known. As long as the one that was
  // found can be used, the host's addresses are not looked up again. If the server answers 421, the host's requests
  // have connections of their own from then on; the one that was answered is sent once more, whatever its method, with
  // TransferOptions::resend and if its body can be sent again: else the 421 is its response.
  bool coalesce_connections = false;
  // The greatest number of body bytes a second of all transfers together, on average; nullopt or 0: no limit. A changed
  // one holds at once. See also TransferLimits.
  std::optional<std::uint64_t> max_receive_rate = {};
  std::optional<std::uint64_t> max_send_rate = {};
  NameCacheOptions name_cache = {};
  // The HTTPS records (RFC 9460) of the host of an https URL are looked up with its addresses, and the first one that
  // can be used says where to connect: the port, the name whose addresses count, and addresses to use until those are
  // known. If no connection can be made there, it is made as without records (3), except where all records have keys
  // for Encrypted Client Hello and the transfer uses them (RFC 9848 5.1). True: for all such transfers; false: for
  // those only whose TLS options want keys (EncryptedHello). Never through a proxy or a route, nor with connect_to or
  // known_addresses. An http URL is never made https by a record (RFC 9460 9.5); see `hsts`.
  bool https_records = false;
  // Asked about each address before a connection to it is begun. Null: all are allowed.
  std::shared_ptr<AddressRule> address_rule = {};
  std::vector<KnownAddresses> known_addresses = {};
  // For what is drawn at random: waits between retries, and the nonces of authentication. The same seed gives the same
  // numbers. nullopt: Multi takes one from its Environment, and an engine alone has a fixed one.
  std::optional<Seed> seed = {};
  // Events are reported (output::Observed). Without memory for one, it is left out. In Multi: MultiOptions::observer.
  bool report_events = false;
  // Hosts that are used over https only (RFC 6797): a request for http goes to https instead (8.3) if its host is in
  // the store, and responses over verified TLS change the store. Any number of engines may share it, in one thread at a
  // time. Null: none.
  std::shared_ptr<HstsStore> hsts = {};
  // Alternative services (RFC 7838) that responses over verified TLS name are kept here. They are not used yet: there
  // is no protocol but HTTP/1. Shared as `hsts` is. Null: none.
  std::shared_ptr<AltSvcStore> alt_svc = {};
  // Null: the engine has a store of its own. Else it is shared with the other engines that have it (stores.hpp).
  std::shared_ptr<TlsSessionStore> tls_sessions = {};
  std::shared_ptr<NameStore> names = {};
};

}  // namespace sluice
