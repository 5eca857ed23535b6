// The outputs of the core: what it asks its driver to do and what it tells the application, and the types of the
// related getters. Plain values that own their data. Leaves to others: when an output is given (engine.hpp,
// connection.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "address.hpp"
#include "engine_event.hpp"
#include "error.hpp"
#include "https_record.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "response.hpp"
#include "socket_options.hpp"
#include "types.hpp"

namespace sluice {

namespace output {
// For the driver: find the addresses of `host`. The answer may serve connections to several ports. Answer with
// handle_resolved(), once or in several parts (NameAnswer). `host` is never an IP literal. If it ends in a dot, the
// name is complete: no search domain may be added (SB-85).
struct Resolve {
  ResolveId id = {};
  std::string host = {};
  AddressFamily family = AddressFamily::any;
  // Not 0: the HTTPS records of the host for this port are wanted too, those of https_owner() (dns_message.hpp). A
  // driver that cannot look them up answers without.
  std::uint16_t https_port = 0;
};
// For the driver: the answer to this Resolve is not needed any more. A late answer does no harm.
struct CancelResolve {
  ResolveId id = {};
};
// For the driver: open a byte stream to `address`, or through `route`. Answer with handle_connected() or
// handle_io_error().
struct Connect {
  ConnId conn = {};
  Address address = {};               // Kind::none if there is a route
  std::shared_ptr<Route> route = {};  // null: TCP
  // With a route: the host of connect_to or of the URL. An IPv6 address has no brackets; its zone follows after '%'.
  std::string host = {};
  std::uint16_t port = 0;  // with a route: the port of connect_to or of the URL
  // TransferOptions::socket. Null: as the system does it, or there is a route.
  std::shared_ptr<const SocketOptions> socket = {};
  // The address at this end is needed: TransferOptions::proxy_protocol is set, and its line names it. A driver that
  // does not give it to handle_connected() makes that line "PROXY UNKNOWN".
  bool wants_local = false;
};
// For the driver: close the stream. If transmit() still holds bytes (a close_notify), they may be sent first where one
// write takes them. The id is stale from the next handle_* call on.
struct Close {
  ConnId conn = {};
};
// For the driver: interest(conn) may have changed for a reason other than a fact about that connection.
struct InterestChanged {
  ConnId conn = {};
};
// An interim response has come: a 1xx other than 101 (RFC 9110 15.2).
struct InterimReady {
  TransferId transfer = {};
  ResponseHead head = {};
};
// The bytes of the transfer's request head, credentials included, as they will be sent. Given if
// TransferOptions::report_heads is set, once for each connection that the request is sent on.
struct HeadSent {
  TransferId transfer = {};
  std::string head = {};
};
// What a proxy is asked on the way to a tunnel (CONNECT), and what it answers: the bytes of one head, credentials
// included. Given if TransferOptions::report_heads is set for the transfer that the connection is made for; the proxy's
// head when it is complete, interim ones included.
struct ConnectHead {
  TransferId transfer = {};
  ConnId conn = {};
  bool received = false;  // false: it is sent
  std::string head = {};
};
// The head of the final response is complete: see head(transfer). Not given if the hop has ended meanwhile and another
// one follows: HopDone has the head.
struct HeadReady {
  TransferId transfer = {};
};
// Bytes of the response body have come: see body(transfer), which is not empty. Given once for each arrival, not again
// for bytes that were left.
struct BodyReady {
  TransferId transfer = {};
};
// There is room for more of a streamed request body: upload_space(transfer) is not empty.
struct UploadReady {
  TransferId transfer = {};
};
// The request is sent again, so its body must be given again from the first byte. Given for a BodyStream that is
// rewindable and of which bytes were committed. Answer with rewind_upload(), or with fail_upload() if that is
// impossible. Until then upload_space() is empty, and commit_upload() and finish_upload() have no effect.
struct UploadRewind {
  TransferId transfer = {};
};
// A hop of the transfer has ended and another one follows (see Hop). From here on the getters describe the next hop.
// The end of the last hop is the transfer's Done.
struct HopDone {
  TransferId transfer = {};
  ResponseHead head = {};             // of the response of the hop that ended; status 0: there was none
  std::optional<Error> failure = {};  // why the hop failed; nullopt: its response made another hop necessary
  HopReason next = {};                // why another hop follows
  Duration wait = {};                 // how long it waits before it begins
  // With TransferOptions::report_heads: the skipped body of the hop's response, as far as it was received, without
  // transfer coding. At most 64 KiB.
  std::string body = {};
};
// The end of a transfer, given once: the response was received and consumed completely, or the transfer failed. head(),
// trailers(), progress() and info() stay readable until remove(). No output about the transfer follows.
struct Done {
  TransferId transfer = {};
  Result<void> result = {};
};
// Something has happened that EngineOptions::report_events asks for.
struct Observed {
  EngineEvent event = {};
};
// A line of the TLS key log (NSS format, without a line end). Given if TlsOptions::key_log is set. It holds secrets.
struct KeyLog {
  std::string line = {};
};
}  // namespace output

// What Engine::poll_output() returns.
using Output = std::variant<output::Resolve, output::CancelResolve, output::Connect, output::Close,
                            output::InterestChanged, output::InterimReady, output::HeadReady, output::BodyReady,
                            output::UploadReady, output::UploadRewind, output::HopDone, output::Done, output::KeyLog,
                            output::HeadSent, output::ConnectHead, output::Observed>;

// What to wait for on a stream: that it is readable, that it is writable.
struct Interest {
  bool read = false;
  bool write = false;
  friend bool operator==(const Interest&, const Interest&) = default;
};

// The answer to output::Resolve.
struct NameAnswer {
  NameAnswer() = default;
  NameAnswer(std::vector<IpAddress> known, std::optional<Duration> good_for = {}, bool and_more_to_come = false)
      : addresses(std::move(known)), ttl(good_for), more_to_come(and_more_to_come) {}

  // All addresses known so far, the best first (RFC 6724). Those of a later answer replace them.
  std::vector<IpAddress> addresses = {};
  // How long the addresses may be used for further connections; zero: not at all; nullopt: unknown. What the engine
  // makes of it: NameCacheOptions.
  std::optional<Duration> ttl = {};
  // The look-up of the other address family, or of the HTTPS records, continues, and another answer follows. The engine
  // begins to connect at once if it has an IPv6 address, else 50 ms later (limits::kResolutionDelay, RFC 8305 3). If
  // the next answer is an error, the look-up ends and these addresses remain in use.
  bool more_to_come = false;
  // The HTTPS records of the host, if they were wanted (output::Resolve::https_port). Null: there are none, or they are
  // not known. `ttl` counts for them too.
  std::shared_ptr<const HttpsRecords> https = {};
  // With more_to_come: they are still looked up. From the first addresses on, a connection waits for them no longer
  // than 50 ms (limits::kResolutionDelay), with EncryptedHello::if_known one second (limits::kKeysDelay), and with
  // EncryptedHello::required until they have come.
  bool https_to_come = false;
  // Their look-up has failed, so it is not known whether there are any. A connection that wants keys from them (see
  // EncryptedHello) looks the name up again; for others this is as if there were none.
  bool https_failed = false;
};

// What a deadline is for. The first three and attempts_timeout are the timeouts of TransferOptions.
enum class TimerKind : std::uint8_t {
  connect_timeout,
  total_timeout,
  idle_timeout,
  continue_timeout,   // the wait for 100 (Continue) is over: the body is sent (RFC 9110 10.1.1)
  address_stagger,    // the next address of a host is tried (RFC 8305 5)
  connection_expiry,  // a connection was unused for long enough to be closed
  resolution_delay,   // the wait for IPv6 addresses is over (RFC 8305 3)
  attempts_timeout,
  backoff,    // the wait before a transfer's next hop
  session,    // a timer of the HTTP session
  dial_wait,  // the connect timeout of a transfer that waits for a connection which is made for others
  // TransferLimits, and the rates of EngineLimits:
  phase_timeout,     // queue_timeout or response_timeout
  dial_phase,        // resolve_timeout or tls_timeout
  low_rate,          // the speed of a transfer is measured
  rate_receive,      // a transfer may receive again
  rate_send,         // a transfer may send again
  rate_receive_all,  // transfers that wait for their share of the rate of all
  rate_send_all,
};

// When handle_timeout() has something to do, and what.
struct Deadline {
  Instant at = {};
  TimerKind why = {};
};

}  // namespace sluice
