// Multi: an Engine with sockets, c-ares and the steady clock (or another Environment). The names of its functions are
// the usual ones of such libraries.
//
// Turns events of descriptors and the time into facts for the core. Leaves HTTP, reuse, limits and timeouts to the
// engine, and the choice of an event loop to the application, which drives the Multi: by perform + poll, perform +
// fdset + select(2), fd() + perform, or socket_action. A drive is one call of perform() or socket_action().
//
// Memory may run out. No call throws because of that. create(), add() and poll() return out_of_memory. A transfer that
// the shortage affects ends with out_of_memory (see engine.hpp); the others continue. A drive without memory for its
// own data returns Drive::failed and has lost nothing: call it again.
//
// What a TransferHandler throws leaves the drive that called it, and affects nothing else: the next drive continues
// where that one stopped. The transfer whose callback threw ends with Code::canceled and the exception's what() in the
// error: of its callbacks only on_done follows, with the next drive, and so does its Message. An exception from on_done
// changes nothing for its transfer, whose Message exists already. std::bad_alloc does not leave the drive: the drive
// returns Drive::failed, and the transfer ends with out_of_memory. A WatchSink must not throw.
//
// Threads: one thread at a time, except wakeup(). In a callback every call is legal except perform(), socket_action()
// and poll(), which return recursive_call.
#pragma once

#include <sys/select.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../core/engine.hpp"
#include "environment.hpp"

namespace sluice {

class Multi;
class PendingResponse;

// The callbacks of a transfer, called inside a drive. Each function has a default; override those that you need. The
// object belongs to the application and must live until on_done() was called or the transfer was removed. Inside a
// callback every call on the Multi is legal except driving. A callback may remove any transfer, also its own; no
// callback of a removed transfer follows.
class TransferHandler {
 public:
  virtual ~TransferHandler() = default;
  // Only with TransferOptions::report_heads: the bytes of each request head as it is sent, credentials included; again
  // for each connection on which the request is sent again. The view is valid during the call.
  virtual void on_head_sent(Multi&, TransferId, std::string_view) {}
  // Only with TransferOptions::report_heads: a head of the CONNECT handshake with a proxy, for the transfer that the
  // connection is made for.
  virtual void on_connect_head(Multi&, TransferId, const output::ConnectHead&) {}
  // Only with TransferOptions::report_heads: the bytes of each response head, interim ones included, before
  // on_interim() or on_head(). The view is valid during the call.
  virtual void on_head_received(Multi&, TransferId, std::string_view) {}
  // An interim response (1xx) has come; the head of the final response has come.
  virtual void on_interim(Multi&, TransferId, const ResponseHead&) {}
  virtual void on_head(Multi&, TransferId, const ResponseHead&) {}
  // Body bytes have come. Returns how many of them were taken (<= bytes.size()). If fewer than all, the transfer pauses
  // until resume(). The default drops all bytes.
  virtual std::size_t on_body(Multi&, TransferId, Bytes bytes) { return bytes.size(); }
  // For a BodyStream: write into the space and return how many bytes were written; 0 pauses the upload until resume().
  // Multi::finish_upload() or fail_upload() ends the body; both may be called in here.
  virtual std::size_t on_upload(Multi&, TransferId, MutableBytes) { return 0; }
  // For a rewindable BodyStream: the request is sent again. Return true if on_upload() will give the body again from
  // its first byte. False: the transfer fails (rewind_failed).
  virtual bool on_rewind(Multi&, TransferId) { return false; }
  // A hop has ended, and another follows. From here on the Multi's getters describe the next hop.
  virtual void on_hop_done(Multi&, TransferId, const output::HopDone&) {}
  // The transfer has ended. info_read() returns the same as a Message, unless the transfer is removed in here.
  virtual void on_done(Multi&, TransferId, const Result<void>&) {}
};

// What a drive returns.
enum class Drive : std::uint8_t {
  ok,
  // Stopped early for fairness: call it again soon, with the same arguments or as perform(). Until then timeout() is 0
  // and the sink's timer is due, so the loop may first do other work, and should.
  call_again,
  recursive_call,  // called inside a callback; nothing was done
  failed,          // the Multi cannot work for now (out of descriptors, or out of memory for its own data)
};

// The end of a transfer, from info_read(). Owns its data.
struct Message {
  TransferId transfer = {};
  void* user_data = nullptr;  // TransferOptions::user_data
  Result<void> result = {};
  int status = 0;  // of the final response; 0: there was none
  Progress progress = {};
  TransferInfo info = {};
};

// A complete response. Its body is limited only by TransferOptions::max_body_bytes. Returned by Multi::fetch()
// (coroutine.hpp) and by the functions of fetch.hpp.
struct Response {
  ResponseHead head = {};
  std::string body = {};
  Fields trailers = {};
  Progress progress = {};
  TransferInfo info = {};
};

// Why poll() returned.
struct PollResult {
  int ready = 0;       // number of extra descriptors that are ready
  bool woken = false;  // wakeup() was called
};

// For driving by socket_action(): told which descriptors to watch and when a timer is due. Only changes are reported; a
// removal (events 0) comes before the descriptor is closed. The Multi's destructor reports the removal of all
// descriptors, so a sink must outlive the Multi, or be removed before by set_watch_sink(nullptr). Must not throw.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // `events` (Events): what to watch `fd` for, level-triggered. `assigned` is what assign() attached to this
  // descriptor; null at first.
  virtual void on_watch(int fd, std::uint8_t events, void* assigned) = 0;
  // The time at which to call socket_action(kNoSocket, 0), on the clock of Multi::now() (CLOCK_MONOTONIC with the
  // default environment); nullopt: no timer.
  virtual void on_timer(std::optional<Instant> at) = 0;
};

// Sees every event of a Multi with its time (core/engine_event.hpp): for logs, metrics and traces. Called inside a
// drive, once for each event, in order; what happened in an add() or a remove() between two drives is told in the next
// one. Inside every call on the Multi is legal except driving; a transfer may be removed already. Must not throw.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_event(Multi& multi, const EngineEvent& event) = 0;
};

struct ResolveOverride {  // like curl's --resolve: these addresses are used for this host and port
  // A name, in upper or lower case, or "*" for each host without an entry of its own for the port; if no URL can have
  // it, create() returns invalid_option.
  std::string host = {};
  std::uint16_t port = 0;
  std::vector<IpAddress> addresses = {};
  bool expires = false;  // as EngineOptions::KnownAddresses::expires
};

struct MultiOptions {
  // Options of the engine.
  EngineOptions engine = {};
  std::vector<ResolveOverride> resolve_overrides = {};
  // "192.0.2.53", "127.0.0.1:5353" or "[::1]:53", separated by commas; empty: the system's.
  std::string dns_servers = {};
  // The sockets to name servers go through this interface; empty: any. See SocketOptions::interface.
  std::string dns_interface = {};
  // The addresses that these sockets are bound to: the first one of the same family as the server's, if there is one.
  std::vector<IpAddress> dns_local_addresses = {};
  // Called when a socket for a connection or to a name server is made. TransferOptions::socket is heeded besides.
  SocketCalls sockets = {};
  // Fairness: after this many reads, or after this time, a drive stops and returns call_again.
  std::size_t max_reads_per_perform = 256;
  Duration max_drive_time = std::chrono::milliseconds(2);
  // TransferInfo::local is filled in. It costs a system call for each new connection. Connections with the line of the
  // PROXY protocol (TransferOptions::proxy_protocol) ask for it anyway.
  bool local_addresses = false;
  // Null: events are not reported, and cost nothing.
  std::shared_ptr<Observer> observer = {};
  // Gives the clock, streams, names and waiting. Not owned; must outlive the Multi. Null: system_environment(). With
  // the simulated world (sim.hpp) all descriptors of the Multi belong to that world and only its Waiter knows them;
  // poll() and perform() work as usual.
  Environment* environment = nullptr;
};

// Called by the drivers for event loops (epoll.hpp, libuv.hpp, ...) after each drive. Call info_read() in it, and look
// at what another thread has queued before wakeup(). Everything is legal inside except driving and destroying the
// driver.
using AfterDrive = std::function<void(Multi&)>;

class Multi {
 public:
  // Errors: invalid_option (an entry of dns_servers or resolve_overrides, or dns_interface, is invalid; the message
  // names it),
  // too_many_descriptors or internal (the system refuses what a Multi needs), out_of_memory.
  static Result<std::unique_ptr<Multi>> create(MultiOptions options = {});
  // Ends all transfers without a callback and closes all connections. Not inside a callback.
  ~Multi();
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  // ---- transfers ----
  // Adds a transfer without a handler: its body is dropped, and its Message tells how it ended. Errors: as Engine::add;
  // invalid_option (the route is not a Dialer, or the body is a BodyStream, which needs a handler).
  Result<TransferId> add(Request request, TransferOptions options = {});
  // Adds a transfer with a handler, which must outlive the transfer. With a null `handler` the application takes the
  // body with body() and consume_body(). No callback tells that body bytes have come, and the transfer does not end
  // before its body is consumed (all_paused() is true if no transfer can continue). Use null for that purpose only; the
  // other add() drops bodies.
  Result<TransferId> add(Request request, TransferOptions options, TransferHandler* handler);
  // For coroutines; defined in coroutine.hpp. Adds the transfer now, so that a coroutine can start several transfers
  // before it waits for the first. If add() refuses the request, co_await returns the error at once without suspending;
  // so it does for a BodyStream, whose bytes nothing could supply (invalid_option).
  inline PendingResponse fetch(Request request, TransferOptions options = {});
  // Ends a transfer and forgets it. Legal at any moment. Its unread Message is dropped, and its handler is not called
  // any more. No effect for a stale id.
  void remove(TransferId transfer);
  // Ends a transfer with Code::canceled: on_done() and the Message come in the next drive, or in the current one. Call
  // remove() afterwards, as after every end. No effect on a transfer that has ended.
  void cancel(TransferId transfer);
  // Ends a pause of on_body() or on_upload(). The callbacks come in the next drive.
  void resume(TransferId transfer);
  // For a BodyStream: the body is complete; or its source has failed, and `why` becomes the error's message. As the
  // functions of Engine with these names, and so is set_priority().
  void finish_upload(TransferId transfer, Fields trailers = {});
  void fail_upload(TransferId transfer, std::string why);
  void set_priority(TransferId transfer, Priority priority);
  // The body bytes that have come and are not consumed, without transfer coding. A view until the next non-const call.
  Bytes body(TransferId transfer) const;
  // Removes the first `bytes` bytes of body(), which makes room for more from the peer. For transfers with a null
  // handler, and for those whose on_body() takes fewer bytes than offered. Legal at any moment, also in a callback and
  // after the end of the transfer. In on_body() these bytes count before the bytes that on_body() returns. Needs bytes
  // <= body().size(): while the transfer runs, a larger number stops the process (SLUICE_CHECK). After the end of the
  // transfer a larger number counts as all bytes. No effect for 0 and for a stale id.
  void consume_body(TransferId transfer, std::size_t bytes);
  // As the getters of Engine with these names.
  const Request& request(TransferId transfer) const;
  const ResponseHead& head(TransferId transfer) const;
  const Fields& trailers(TransferId transfer) const;
  const Progress& progress(TransferId transfer) const;
  TransferInfo info(TransferId transfer) const;
  std::vector<Hop> hops(TransferId transfer) const;
  Instant now() const;  // the time now, on the steady clock of the environment

  // ---- driving ----
  // Reads and writes what can be read and written now, runs expired timers, and returns; never blocks. Sets *running
  // (may be null) to running(): 0 means that info_read() has returned, or can return, the last Message.
  Drive perform(int* running = nullptr);
  // Adds all watched descriptors to the sets; sets *highest to the highest one, or to -1. Error: descriptor_too_large
  // (a descriptor is not below FD_SETSIZE); the sets and *highest are then unchanged.
  Result<void> fdset(fd_set* read, fd_set* write, fd_set* except, int* highest) const;
  // The longest time to wait before the next perform(), rounded up to whole milliseconds. 0: call it now. nullopt: no
  // limit.
  std::optional<std::chrono::milliseconds> timeout() const;
  // Waits until a watched or an extra descriptor is ready, until the deadline, a wakeup(), or for `longest`. Waits also
  // if there is nothing to watch. Runs no transfer: call perform() next. Errors: recursive_call, internal (the system
  // cannot wait), out_of_memory.
  Result<PollResult> poll(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest);
  // From any thread: a running poll() returns at once, else the next one does. Never lost.
  void wakeup();
  // One descriptor that is readable whenever perform() should be called: a watched descriptor is ready, the deadline
  // has passed, work is left (call_again, resume()), or wakeup() was called. Any event loop can use it: watch it for
  // reading, level-triggered, and call perform(). Owned by the Multi; never changes. After the first call the Multi
  // also sets the descriptor's timer, which costs a system call from time to time.
  int fd();
  // Readable from a wakeup() until the next perform() or poll(), or socket_action() for this descriptor. A WatchSink is
  // told to watch it as any other. fdset() does not add it, so that *highest can be -1: a select loop that uses
  // wakeup() adds it itself and calls take_wakeup(). Owned by the Multi; never changes.
  int wakeup_fd() const;
  // For a loop that waits on wakeup_fd() itself: whether there was a wakeup() since the last call, or since the last
  // poll(). A wakeup() that perform() has seen counts too.
  bool take_wakeup();
  // True if transfers run but none can continue: each was paused by on_body(), or its body waits for consume_body(),
  // and none has a total_timeout or an attempts_timeout. Only resume(), consume_body(), cancel() and remove() change
  // that. Walks all transfers.
  bool all_paused() const;
  // True if a connection without a descriptor is open, or waits for its TransportSignal to open: there may be work
  // although nothing is watched and no deadline is set.
  bool waits_for_signals() const;

  // ---- driving by single descriptors ----
  // Sets the sink; null: none. Not owned. The current watches are reported at once. What assign() has attached is
  // forgotten.
  void set_watch_sink(WatchSink* sink);
  WatchSink* watch_sink() const;  // the current sink; null: none
  // Reports what happened on `fd` (Events) and does the work for it. kNoSocket: the timer is due, or to begin. A
  // descriptor that is not watched is ignored.
  Drive socket_action(int fd, std::uint8_t events, int* running = nullptr);
  static constexpr int kNoSocket = -1;
  void assign(int fd, void* value);  // `value` is given to on_watch() for this descriptor

  // ---- results ----
  // The Message of the next transfer that has ended; each is returned once. nullopt: none. Sets *left (may be null) to
  // the number of further Messages.
  std::optional<Message> info_read(int* left = nullptr);
  // Transfers without a Message yet.
  std::size_t running() const;
  std::size_t connections() const;  // open ones, idle and connecting ones included
  std::size_t idle_connections() const;
  Counters counters() const;  // at any time, at constant cost

  // ---- the connection pool ----
  void close_idle_connections();
  void network_changed();  // see Engine::network_changed()
  // Limits may change at any time. A lowered limit ends no transfer. See Engine::set_limits().
  EngineLimits limits() const;
  void set_limits(EngineLimits limits);

  // The lines of the TLS key log since the last call (TlsOptions::key_log). They hold secrets.
  std::vector<std::string> take_key_log();

 private:
  class Impl;
  Multi();
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
