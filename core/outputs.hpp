// What the core asks of its driver and tells its application: the outputs, and the levels that go with them. Plain
// values that own what they hold. Leaves to others: when they are said (engine.hpp, connection.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "address.hpp"
#include "error.hpp"
#include "options.hpp"
#include "response.hpp"
#include "types.hpp"

namespace sluice {

// What a driver is asked to do and an application is told. Each owns its values.
namespace output {
// Find the addresses of `host`, which may be for connections to several of its ports; answer with handle_resolved:
// once, or in parts as they come (NameAnswer). IP literals are never asked for. A final dot says that the name is
// whole: no search domain may be added to it (SB-85).
struct Resolve {
  ResolveId id = {};
  std::string host = {};
  AddressFamily family = AddressFamily::any;
};
// No answer is wanted any more; one that comes all the same does no harm.
struct CancelResolve {
  ResolveId id = {};
};
// Begin a byte stream to `address`, or by `route`; answer with handle_connected or handle_io_error.
struct Connect {
  ConnId conn = {};
  Address address = {};               // kind none with a route
  std::shared_ptr<Route> route = {};  // null: TCP
  std::string host = {};              // with a route: what it is asked for, by connect_to or the URL; an address is
                                      // without brackets, a zone follows it after %
  std::uint16_t port = 0;             // with a route
};
// Give the stream up. What transmit() still holds may be sent if it fits at once (a close_notify), then close. The id
// is stale as soon as this output has been taken and handle_* is next called.
struct Close {
  ConnId conn = {};
};
// interest(conn) may have changed for a reason other than a fact about that connection.
struct InterestChanged {
  ConnId conn = {};
};
// A 1xx other than 101.
struct InterimReady {
  TransferId transfer = {};
  ResponseHead head = {};
};
// The transfer's request head is on its way, as `head` has it byte for byte, credentials included. Said where
// TransferOptions::report_heads asks for it, once for each connection that the request is put on (it is tried again on
// another).
struct HeadSent {
  TransferId transfer = {};
  std::string head = {};
};
// head(transfer) is the final response's.
struct HeadReady {
  TransferId transfer = {};
};
// body(transfer) is not empty. Said once for each time bytes arrive; the level is body() itself.
struct BodyReady {
  TransferId transfer = {};
};
// A streamed request body has room: upload_space(transfer) is not empty.
struct UploadReady {
  TransferId transfer = {};
};
// The body of the request is to be given again from its first byte, since the request is sent once more: said of a
// BodyStream that is rewindable, of which bytes were given. Answer with Engine::rewind_upload(), or with fail_upload()
// where it cannot be. Until then upload_space() is empty, and what is said of the old bytes has no effect.
struct UploadRewind {
  TransferId transfer = {};
};
// A hop of the transfer has ended, and another follows (see Hop): the getters are the next one's from here on. The last
// hop's end is the transfer's Done.
struct HopDone {
  TransferId transfer = {};
  ResponseHead head = {};             // of the hop's response; status 0: there was none
  std::optional<Error> failure = {};  // why it is tried again; none: the response said what follows
};
// The one end of a transfer: everything was received and consumed, or it failed. head(), trailers(), progress() and
// info() stay readable until remove(). After it no output names the transfer.
struct Done {
  TransferId transfer = {};
  Result<void> result = {};
};
// A line of the TLS key log (NSS format, no line end), where TlsOptions::key_log asked for it.
struct KeyLog {
  std::string line = {};
};
}  // namespace output

using Output =
    std::variant<output::Resolve, output::CancelResolve, output::Connect, output::Close, output::InterestChanged,
                 output::InterimReady, output::HeadReady, output::BodyReady, output::UploadReady, output::UploadRewind,
                 output::HopDone, output::Done, output::KeyLog, output::HeadSent>;

struct Interest {
  bool read = false;
  bool write = false;
  friend bool operator==(const Interest&, const Interest&) = default;
};

// What is known of a name: an answer to output::Resolve.
struct NameAnswer {
  NameAnswer() = default;
  NameAnswer(std::vector<IpAddress> known, std::optional<Duration> good_for = {}, bool and_more_to_come = false)
      : addresses(std::move(known)), ttl(good_for), more_to_come(and_more_to_come) {}

  // All that are known so far, the best first (RFC 6724): a later answer's take the place of these.
  std::vector<IpAddress> addresses = {};
  // How long they may be used for other connections; zero: not at all; nullopt: not known. At most limits::kResolveTtl
  // counts.
  std::optional<Duration> ttl = {};
  // The look-up goes on, in the other family, and another answer follows. Connecting does not wait for it: it begins at
  // once if there is an IPv6 address, else limits::kResolutionDelay later (RFC 8305 3). An error after this ends the
  // look-up, and these addresses remain.
  bool more_to_come = false;
};

enum class TimerKind : std::uint8_t {
  connect_timeout,
  total_timeout,
  idle_timeout,
  continue_timeout,
  address_stagger,
  connection_expiry,
  resolution_delay,
  attempts_timeout,
  backoff,    // a transfer waits before its next hop
  session,    // HTTP's own: a peer that was asked whether it is alive, and the like
  dial_wait,  // the connect timeout of a transfer that waits for a connection which is made for others
};

struct Deadline {
  Instant at = {};
  TimerKind why = {};
};

}  // namespace sluice
