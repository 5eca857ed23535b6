// The whole boundary of sluice's core: facts go in by handle_*, edges come out of one queue by poll_output, levels are
// getters.
//
// Knows transfers, connections, reuse, limits and timers. Owns no socket, clock, thread or file: its driver tells it
// what happened and what time it is, and does what it asks. adapters/multi.hpp is one such driver,
// tests/examples/engine_by_hand.cpp another. core/connection.hpp is for callers who have one stream already and want
// HTTP on it.
//
// Rules of the road
//  - One thread at a time. No callbacks, so no re-entrancy.
//  - Drain rule, checked: before a handle_* call the output queue must be empty. Application calls (add, remove,
//    cancel, consume_body, those about uploads, close_idle_connections, set_limits) are legal at any moment, also
//    between two poll_output calls.
//  - After every handle_* call about a connection, look at interest(conn) of that connection again; changes on any
//    other connection are announced by Output::InterestChanged.
//  - A stale id is never an error: setters do nothing, getters answer with an empty value.
//  - Views (Bytes, references) live until the next non-const call on the engine.
//  - Time is clamped: a `now` before an earlier one counts as that earlier one.
//  - Memory may run out: no call throws for it but the constructor (std::bad_alloc, and there is no engine). add()
//    answers out_of_memory and has added nothing. In any other call the transfer or connection at hand is lost: each
//    transfer on it has its one Done (out_of_memory, or what it failed with, perhaps without its message), a connection
//    its Close; those who only share the engine are not affected, and one that may be tried again is. What is TLS's own
//    shortage may be told as tls_handshake, tls_certificate or tls_failed, where BoringSSL does not say that it was
//    one; it is never taken for success. Where nothing can go on, as without the buffer that all connections receive
//    into, every transfer that is not received whole ends so. The engine is whole and usable afterwards in any case,
//    and telling needs no memory: such outputs come last. A CancelResolve, a HeadSent or a line of the key log may get
//    lost, and info() be incomplete.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "options.hpp"
#include "outputs.hpp"
#include "progress.hpp"
#include "request.hpp"
#include "response.hpp"
#include "types.hpp"

namespace sluice {

class Engine {
 public:
  explicit Engine(EngineOptions options);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  // ---- the application's side ----

  // Queues a transfer and starts what can be started. The request is owned from here on (BodyView's bytes stay the
  // caller's). request() then has the method filled in, and Authorization where the URL holds a user (see
  // TransferOptions::send_url_credentials). Errors: invalid_request, invalid_option, tls_config, out_of_memory; nothing
  // was added then.
  Result<TransferId> add(Request request, TransferOptions options, Now now);
  // Ends a transfer that is not done with Code::canceled; it stays until remove(). A no-op for one that is done.
  void cancel(TransferId transfer, Now now);
  // Ends a transfer and forgets it. One that is not done yet gets its Done with Code::canceled first, as an output.
  void remove(TransferId transfer, Now now);
  bool contains(TransferId transfer) const;
  // True from the end of the transfer on, which may be before its Done is taken from the queue, and until remove().
  // False for a stale id.
  bool is_done(TransferId transfer) const;

  // All of the present hop, which is the last one after Done.
  const Request& request(TransferId transfer) const;
  const ResponseHead& head(TransferId transfer) const;  // status 0 before HeadReady
  const Fields& trailers(TransferId transfer) const;
  const Progress& progress(TransferId transfer) const;
  TransferInfo info(TransferId transfer) const;
  // All hops so far, the present or last one included, in their order. Without memory: fewer, or none.
  std::vector<Hop> hops(TransferId transfer) const;

  // The body's bytes that are ready now and not consumed, without transfer coding (RFC 9112 7). Empty: none are, or the
  // id is stale. Bytes that are not consumed stay: they are backpressure, as reading from the peer stops at 64 KiB of
  // them.
  Bytes body(TransferId transfer) const;
  // Gives up the first `bytes` of body(transfer), so that what comes after them can be read from the peer. bytes <=
  // body(transfer).size(), which is checked: more is a bug of the caller's and stops the process. Where bytes are gone
  // meanwhile, because the transfer has ended or memory ran out, `bytes` may be what the size was before. May put
  // outputs into the queue, Done among them. A stale id: no effect.
  void consume_body(TransferId transfer, std::size_t bytes, Now now);

  // Streamed request bodies (BodyStream). upload_space is empty while there is no room, and before a connection is
  // there.
  MutableBytes upload_space(TransferId transfer);
  void commit_upload(TransferId transfer, std::size_t bytes, Now now);  // bytes <= upload_space(transfer).size()
  void finish_upload(TransferId transfer, Now now);                     // fewer than declared: the transfer fails
  // The answer to UploadRewind: the body comes again, from its first byte. No effect where that was not asked.
  void rewind_upload(TransferId transfer, Now now);
  // The source broke: Code::upload_failed. In answer to UploadRewind: rewind_failed.
  void fail_upload(TransferId transfer, std::string why, Now now);

  std::size_t running() const;  // transfers that were added and are not done

  // ---- facts about the world ----

  void handle_resolved(ResolveId resolve, Result<NameAnswer> answer, Now now);
  void handle_connected(ConnId conn, Now now);
  // Where to recv() to, straight: shared by all connections, so call it right before the read. Empty: read interest is
  // off.
  MutableBytes receive_space(ConnId conn);
  void handle_received(ConnId conn, std::size_t bytes, Now now);  // bytes <= receive_space(conn).size()
  // `why`: what the driver knows of it ("exited with status 1"), for the error of a response that it cut; empty:
  // nothing.
  void handle_eof(ConnId conn, Now now, std::string_view why = {});
  void handle_io_error(ConnId conn, Error error, Now now);  // connect_failed, send_failed or receive_failed
  OutputView transmit(ConnId conn) const;
  // True: what transmit() holds begins a request that must not be sent twice (RFC 9110 9.2.2), on a connection that was
  // used before. Its peer may have ended it meanwhile: read once more what has come before the first byte goes out.
  bool must_look_first(ConnId conn) const;
  void handle_sent(ConnId conn, std::size_t bytes, Now now);  // bytes <= what transmit() held
  void handle_timeout(Now now);                               // early, late and needless calls are harmless

  // ---- what the world should do next ----

  std::optional<Output> poll_output();
  bool has_output() const;
  // What the driver should wait for on this connection's stream: `read`, call receive_space() and read when bytes have
  // come; `write`, transmit() is not empty. A level, not an edge: look again after each fact about this connection and
  // after each InterestChanged. Both false: wait for nothing. So it is before handle_connected(), after Close and for a
  // stale id; how a connection attempt is watched is the driver's affair.
  Interest interest(ConnId conn) const;
  // The earliest instant at which handle_timeout() has something to do, and what that is. It may be in the past: call
  // at once. nullopt: no timer runs. It may change with every call on the engine; look again before each sleep. Coming
  // late delays timeouts and nothing else.
  std::optional<Deadline> deadline() const;

  // ---- for watching it ----

  std::size_t connections() const;  // open ones, idle and connecting included
  std::size_t idle_connections() const;
  void close_idle_connections(Now now);
  // Limits may change at any time. Connections past a lowered one are closed when they are idle, now or after what they
  // carry; no transfer ends for it. A negative time counts as none.
  EngineLimits limits() const;
  void set_limits(EngineLimits limits, Now now);
  // Stops the process if an internal rule is broken; walks everything, for tests.
  void check_invariants() const;

 private:
  friend struct EngineParts;  // for tests
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
