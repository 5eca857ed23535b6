// The boundary of sluice's core. The caller reports facts with handle_* calls; events come out of one queue with
// poll_output(); states are read with getters.
//
// The engine knows transfers, connections, reuse, limits and timers. It owns no socket, clock, thread or file: the code
// that does (the driver) tells it what happened and what time it is, and does what the outputs ask for.
// adapters/multi.hpp is one driver, tests/examples/engine_by_hand.cpp another. core/connection.hpp is for callers that
// have one stream already and want HTTP on it.
//
// Rules
//  - One thread at a time. No callbacks, so no re-entrancy; what it is given to ask (ProxyChooser,
//    NegotiateProvider, AddressRule) must not call it.
//  - The drain rule: the output queue must be empty before each handle_* call. This is checked, and a violation stops
//    the process. Application calls (add, remove, cancel, consume_body, those about uploads, close_idle_connections,
//    set_limits) are legal at any moment, also between two poll_output() calls.
//  - After each handle_* call about a connection, call interest(conn) for that connection again. A change on any other
//    connection is announced by output::InterestChanged.
//  - A stale id is never an error: a call that would change something does nothing, a getter returns an empty value.
//  - Views (Bytes, references) live until the next non-const call on the engine.
//  - Time does not go back: a `now` that is before an earlier `now` counts as the earlier one.
//  - Memory may run out. Only the constructor throws std::bad_alloc then. add() returns out_of_memory and has added
//    nothing. In any other call the transfer or the connection that the call is about is lost: each transfer on it gets
//    its one Done (with out_of_memory, or with the error that it failed with, perhaps without the message), and a
//    connection gets its Close. A transfer that may be sent again is sent again. Other transfers and connections of the
//    engine are not affected. A shortage inside TLS may be reported as tls_handshake, tls_certificate or tls_failed,
//    where BoringSSL does not tell the cause; it is never taken for success. If nothing can continue, for example
//    without the buffer that all connections receive into, every transfer whose response was not received completely
//    ends with out_of_memory. The engine is consistent and usable afterwards in every case. Reporting such an end needs
//    no memory; these outputs come last. A CancelResolve, a HeadSent, a ConnectHead, a KeyLog or an Observed may be
//    lost, and info() and hops() may be incomplete.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address.hpp"
#include "counters.hpp"
#include "error.hpp"
#include "options.hpp"
#include "outputs.hpp"
#include "progress.hpp"
#include "request.hpp"
#include "response.hpp"
#include "stream_security.hpp"
#include "types.hpp"

namespace sluice {

class Engine {
 public:
  // Throws std::bad_alloc. An engine that was moved from may only be destroyed or assigned to.
  explicit Engine(EngineOptions options);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  // ---- for the application ----

  // Queues a transfer and starts it if a connection or a limit allows that now. The engine owns the request from here
  // on; the bytes of a BodyView stay the caller's. In request() the method is then filled in, and Authorization too
  // where the URL has a user (see TransferOptions::send_url_credentials). Errors: invalid_request, invalid_option (a
  // negative timeout, an idle_timeout of zero, a connect_to without host or port), tls_config (https without a
  // configuration), out_of_memory. After an error nothing was added.
  Result<TransferId> add(Request request, TransferOptions options, Now now);
  // Ends a transfer with Code::canceled. It stays readable until remove(). No effect if it is done.
  void cancel(TransferId transfer, Now now);
  // Ends a transfer and forgets it: its id is stale afterwards. If it is not done yet, a Done with Code::canceled is
  // put into the output queue first.
  void remove(TransferId transfer, Now now);
  bool contains(TransferId transfer) const;
  // True from the end of the transfer until remove(); its Done may still be in the queue. False for a stale id.
  bool is_done(TransferId transfer) const;

  // The next five describe the current hop (see Hop in progress.hpp), after Done the last one.
  const Request& request(TransferId transfer) const;
  const ResponseHead& head(TransferId transfer) const;  // status 0 before HeadReady
  const Fields& trailers(TransferId transfer) const;
  const Progress& progress(TransferId transfer) const;
  TransferInfo info(TransferId transfer) const;
  // All hops so far in their order, the current or last one included. If memory runs out: fewer, or none.
  std::vector<Hop> hops(TransferId transfer) const;

  // The bytes of the response body that are ready and not consumed yet, after transfer coding was removed (RFC 9112 7):
  // the first contiguous piece. Empty: there are none, or the id is stale. Bytes that are not consumed stay, and this
  // is the backpressure: at 64 KiB of them the engine stops reading from the peer.
  Bytes body(TransferId transfer) const;
  // Removes the first `bytes` bytes of body(transfer), so that more can be read from the peer. Needs bytes <=
  // body(transfer).size(): a larger number is a bug of the caller's and stops the process. There is one exception: if
  // the transfer ended or memory ran out since the size was read, `bytes` may be the earlier size. May put outputs into
  // the queue, also Done. No effect for a stale id.
  void consume_body(TransferId transfer, std::size_t bytes, Now now);

  // Streamed request bodies (BodyStream). The application writes into upload_space(), a view of at most 64 KiB into the
  // engine's buffer, then calls commit_upload() with the number of bytes written. upload_space() is empty while the
  // buffer is full, before the request has a connection, and after the end of the body.
  MutableBytes upload_space(TransferId transfer);
  void commit_upload(TransferId transfer, std::size_t bytes, Now now);  // bytes <= upload_space(transfer).size()
  void finish_upload(TransferId transfer, Now now);  // fewer bytes than BodyStream::length: ends with upload_failed
  // The body is complete, and these fields follow it (RFC 9110 6.5), such as a checksum: over HTTP/1 after the last
  // chunk, over HTTP/2 in a HEADERS frame. Announce them by a Trailer field in the request (6.6.2); a server may ignore
  // them. If the request is sent again, they are asked for again with the body; those of an empty body are kept. The
  // transfer ends with invalid_request if the body has a length, or if a field frames or routes the message, must be
  // known before the body (6.5.1), or cannot be sent at all, or if they have more bytes than a request's head may have.
  void finish_upload(TransferId transfer, Fields trailers, Now now);
  // The answer to output::UploadRewind: the application will give the body again from its first byte. No effect if that
  // was not asked for.
  void rewind_upload(TransferId transfer, Now now);
  // The application cannot give the rest of the body: the transfer ends with Code::upload_failed. In answer to
  // UploadRewind: with Code::rewind_failed. `why` becomes the error's message; it must not hold credentials.
  void fail_upload(TransferId transfer, std::string why, Now now);

  // From now on the transfer has this priority, as if TransferOptions::priority said so. Over HTTP/2 the server is told
  // (PRIORITY_UPDATE, RFC 9218 7.1) if its SETTINGS say that it listens; over HTTP/1 only requests that are sent later
  // have it. A Priority field of the application's own stays as it is. An urgency above 7 counts as 7. No effect for a
  // stale id, after the response, and while the request goes with a TLS handshake (TlsOptions::early_data).
  void set_priority(TransferId transfer, Priority priority, Now now);

  std::size_t running() const;  // transfers that were added and have not ended

  // ---- for the driver: facts about the world ----

  // The answer to output::Resolve. An error is reported to the transfers that wait for the name.
  void handle_resolved(ResolveId resolve, Result<NameAnswer> answer, Now now);
  // The stream of output::Connect is open. `local`: its address at this end, for TransferInfo and for what
  // output::Connect::wants_local says; Kind::none: not known.
  // `security`: what a stream of a secure route (Route::is_secure) says of its protection; null: nothing.
  void handle_connected(ConnId conn, Now now, const Address& local = {},
                        std::shared_ptr<const StreamSecurity> security = nullptr);
  // The buffer to read into, at most 256 KiB. All connections share it, so call this right before the read and
  // handle_received() right after it. Empty: interest(conn).read is false.
  MutableBytes receive_space(ConnId conn);
  void handle_received(ConnId conn, std::size_t bytes, Now now);  // bytes <= receive_space(conn).size()
  // The peer ended the stream. `why` is what the driver knows about the reason ("exited with status 1"). It is added to
  // the error if a response is cut short. Empty: nothing is known.
  void handle_eof(ConnId conn, Now now, std::string_view why = {});
  void handle_io_error(ConnId conn, Error error, Now now);  // code: connect_failed, send_failed or receive_failed
  // The bytes to send now. Empty: nothing. Any other call may change them: send them, and report them by handle_sent(),
  // before the next one. Only set_limits() may come between.
  OutputView transmit(ConnId conn) const;
  // True: transmit() begins with a request that must not be sent twice (RFC 9110 9.2.2), and the connection was used
  // before. The peer may have closed the connection in the meantime, so read what has come before the first byte is
  // sent.
  bool must_look_first(ConnId conn) const;
  void handle_sent(ConnId conn, std::size_t bytes, Now now);  // bytes <= what transmit() held
  void handle_timeout(Now now);                               // early, late and unneeded calls do no harm

  // ---- for the driver: what to do next ----

  // The oldest output that was not taken yet; nullopt: there is none.
  std::optional<Output> poll_output();
  bool has_output() const;
  // What the driver should wait for on this connection's stream. `read`: wait until it is readable, then call
  // receive_space() and read. `write`: transmit() is not empty. This is a state, not an event: ask again after each
  // fact about this connection and after each InterestChanged. Both are false before handle_connected(), after Close
  // and for a stale id. How to watch a connection attempt is the driver's decision.
  Interest interest(ConnId conn) const;
  // The earliest instant at which handle_timeout() has something to do, and what that is. It may be in the past: then
  // call handle_timeout() at once. nullopt: no timer runs. Any call on the engine may change it, so ask again before
  // each wait. A late handle_timeout() delays timeouts and nothing else.
  std::optional<Deadline> deadline() const;

  // ---- counts and limits ----

  std::size_t connections() const;  // open ones, idle and connecting included
  std::size_t idle_connections() const;
  Counters counters() const;
  // Closes every connection that has no exchange.
  void close_idle_connections(Now now);
  // The application knows that the network is another one now (a cable, a VPN): connections without an exchange are
  // closed, the others carry no further one, and names are looked up again. No transfer ends because of this.
  void network_changed(Now now);
  // Limits may change at any time. If there are more connections than a lowered limit allows, idle ones are closed now
  // and others after their exchanges. No transfer ends because of this. A negative time counts as zero.
  EngineLimits limits() const;
  void set_limits(EngineLimits limits, Now now);
  // Stops the process if an internal rule is broken. Walks all objects: for tests.
  void check_invariants() const;

 private:
  friend struct EngineParts;  // for tests
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
