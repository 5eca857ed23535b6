// Multi: an Engine with real sockets, c-ares and the steady clock (or another Environment), and nothing clever. The
// names are the field's.
//
// Knows how to turn descriptors and time into facts for the core. Leaves HTTP, reuse, limits and timeouts to the
// engine, and the choice of an event loop to its user: drive it by perform + poll, perform + fdset + select(2), fd() +
// perform, or socket_action.
//
// Memory may run out: no call throws for it. create(), add() and poll() answer out_of_memory; a transfer that it hits
// ends with that (see engine.hpp), the others go on. A drive that has none for its own book-keeping answers
// Drive::failed, having lost nothing: call it again.
//
// What a TransferHandler throws leaves the perform() or socket_action() that called it, and harms nothing else: the
// next drive goes on where that one stopped. The transfer whose callback threw ends with Code::canceled and what() in
// the message: of its callbacks only on_done still comes, with the next drive, as its message does. What on_done itself
// throws changes nothing for its transfer, whose message is there. A std::bad_alloc does not leave the drive, which
// answers Drive::failed, as for any shortage; the transfer's code is out_of_memory. A WatchSink must not throw.
//
// Thread rules: one thread at a time, except wakeup(). Everything is legal in a callback but driving (perform,
// socket_action, poll), which answers recursive_call.
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

// What a transfer tells its owner while it runs. Every function has a default, so one overrides what one needs. Objects
// belong to the application and must outlive the transfer (until its Done was read, or remove()). Any call on the Multi
// is legal inside but driving; removing a transfer, also the own one, is safe: no further call for it follows.
class TransferHandler {
 public:
  virtual ~TransferHandler() = default;
  // With TransferOptions::report_heads alone: the bytes of each request head as it goes out, credentials included; once
  // more for each connection on which the request is tried again. A view for the length of the call.
  virtual void on_head_sent(Multi&, TransferId, std::string_view) {}
  // With it too: the bytes of each response head, interim ones included, before on_interim or on_head tells of it. As
  // above.
  virtual void on_head_received(Multi&, TransferId, std::string_view) {}
  virtual void on_interim(Multi&, TransferId, const ResponseHead&) {}
  virtual void on_head(Multi&, TransferId, const ResponseHead&) {}
  // Answers how many of the bytes it took (<= bytes.size()). Fewer: the transfer pauses until resume() is called.
  // The default leaves nothing: bytes are dropped.
  virtual std::size_t on_body(Multi&, TransferId, Bytes bytes) { return bytes.size(); }
  // For BodyStream: fill `space` and answer how many bytes were written; 0 pauses until resume(). finish_upload() or
  // fail_upload() on the Multi ends it, also from inside.
  virtual std::size_t on_upload(Multi&, TransferId, MutableBytes) { return 0; }
  // For a BodyStream that is rewindable: the request is sent once more, and on_upload() is asked for its body from the
  // first byte. False: that cannot be, and the transfer fails (rewind_failed).
  virtual bool on_rewind(Multi&, TransferId) { return false; }
  // A hop has ended, and another follows: the Multi's getters are the next one's from here on.
  virtual void on_hop_done(Multi&, TransferId, const output::HopDone&) {}
  // Said when the transfer ended; info_read() gives the same as a message unless the transfer was removed in here.
  virtual void on_done(Multi&, TransferId, const Result<void>&) {}
};

enum class Drive : std::uint8_t {
  ok,
  // Stopped early for fairness: wants to be called again at once, with the same arguments or as perform(). timeout() is
  // 0 and a sink's timer is due meanwhile, so a loop that goes round first, as it should, loses nothing.
  call_again,
  recursive_call,  // called from inside a callback; nothing was done
  failed,          // the whole stack is unusable for now (out of descriptors, or of memory for its own book-keeping)
};

struct Message {
  TransferId transfer = {};
  void* user_data = nullptr;  // TransferOptions::user_data
  Result<void> result = {};
  int status = 0;  // of the final response; 0 when there was none
  Progress progress = {};
  TransferInfo info = {};
};

// A transfer that succeeded, collected whole: TransferOptions::max_body_bytes is what bounds it. fetch() answers it, of
// a Multi (coroutine.hpp) or in one statement (fetch.hpp).
struct Response {
  ResponseHead head = {};
  std::string body = {};
  Fields trailers = {};
  Progress progress = {};
  TransferInfo info = {};
};

struct PollResult {
  int ready = 0;       // extra descriptors that are ready
  bool woken = false;  // by wakeup()
};

// For socket_action: told of changes only, a removal (events 0) before the descriptor is closed. So the Multi's
// destructor calls it as well, for each descriptor that is still watched: a sink outlives the Multi, or is taken away
// before by set_watch_sink(nullptr).
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // `assigned` is what assign() attached to this descriptor, null at first.
  virtual void on_watch(int fd, std::uint8_t events, void* assigned) = 0;
  // One absolute deadline on Multi::now()'s clock, CLOCK_MONOTONIC; nullopt: none.
  virtual void on_timer(std::optional<Instant> at) = 0;
};

struct ResolveOverride {  // as curl's --resolve: these addresses for this host and port
  std::string host = {};  // a name, in any case; Multi::create() answers invalid_option for what no URL can have as one
  std::uint16_t port = 0;
  std::vector<IpAddress> addresses = {};
};

struct MultiOptions {
  EngineOptions engine = {};
  std::vector<ResolveOverride> resolve_overrides = {};
  std::string dns_servers = {};  // "192.0.2.53", "127.0.0.1:5353" or "[::1]:53", comma-separated; empty: the system's
  // Fairness: after this many reads, or this long, a drive stops and answers call_again.
  std::size_t max_reads_per_perform = 256;
  Duration max_drive_time = std::chrono::milliseconds(2);
  // Where clock, streams, names and waiting come from; not owned, must outlive the Multi. Null: sockets
  // (system_environment()). With another one, "descriptors" here are that one's own, which only its Waiter knows:
  // poll() and perform() drive such a Multi as any other.
  Environment* environment = nullptr;
};

// What a loop's binding calls after each drive: the place for info_read(), and for looking at what another thread
// queued before it called wakeup(). All but driving and destroying the binding is legal inside.
using AfterDrive = std::function<void(Multi&)>;

class Multi {
 public:
  // Errors: invalid_option names the entry of dns_servers or resolve_overrides that cannot be; internal where the
  // system refuses what every Multi needs; out_of_memory.
  static Result<std::unique_ptr<Multi>> create(MultiOptions options = {});
  ~Multi();
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  // ---- transfers ----
  // Without a handler the body is dropped, and the transfer ends by itself: its Message says how. Errors: as
  // Engine::add; invalid_option for a route that is no Dialer, and for a BodyStream, which needs a handler to come
  // from.
  Result<TransferId> add(Request request, TransferOptions options = {});
  // A null `handler` leaves the body to body() and consume_body(). No callback tells that there is one, and the
  // transfer does not end before its body is consumed (all_paused() is true where no transfer can go on). Pass null for
  // that only; the other add() drops bodies.
  Result<TransferId> add(Request request, TransferOptions options, TransferHandler* handler);
  // For coroutines, defined in adapters/coroutine.hpp: starts now, so that one coroutine may start several before it
  // waits for the first. What add() refuses is answered with its error at once, without suspending, and so is a
  // BodyStream, for which there is no handler to supply the bytes (invalid_option).
  inline PendingResponse fetch(Request request, TransferOptions options = {});
  // At any moment; an unread message of it is dropped, and its handler is not called any more.
  void remove(TransferId transfer);
  // Ends a transfer and tells of it: on_done and a Message with Code::canceled come from the next drive, or from this
  // one. remove() is to follow as after any other end. No effect on one that has ended.
  void cancel(TransferId transfer);
  // After on_body took less, or on_upload gave nothing; callbacks come from the next drive.
  void resume(TransferId transfer);
  void finish_upload(TransferId transfer);
  void fail_upload(TransferId transfer, std::string why);
  // What has arrived, decoded, and was not consumed. A view until the next non-const call.
  Bytes body(TransferId transfer) const;
  // Takes `bytes` bytes from the front of body(), which makes room for more from the peer. For transfers added with a
  // null handler, and for those whose on_body() takes fewer bytes than it is offered; legal at any moment, also in a
  // callback and after Done. In on_body() it counts before the bytes that on_body() answers with. bytes <=
  // body().size(), which the caller must see to: more stops the program (a SLUICE_CHECK) while the transfer runs. After
  // Done, or with a stale id, more counts as all or as nothing. 0: no effect.
  void consume_body(TransferId transfer, std::size_t bytes);
  const Request& request(TransferId transfer) const;
  const ResponseHead& head(TransferId transfer) const;
  const Fields& trailers(TransferId transfer) const;
  const Progress& progress(TransferId transfer) const;
  TransferInfo info(TransferId transfer) const;
  std::vector<Hop> hops(TransferId transfer) const;
  Instant now() const;  // the steady clock that drives this Multi (its environment's), read now

  // ---- driving ----
  // Reads and writes what can be read and written now, runs expired timers, returns; never blocks. *running (may be
  // null) gets the number of transfers that have no message yet, as running() does: 0 means that info_read() has, or
  // has given, the last one.
  Drive perform(int* running = nullptr);
  // Adds bits for all watched descriptors; *highest gets the highest one or -1. Error descriptor_too_large: one does
  // not fit in FD_SETSIZE; the sets and *highest are then as they were.
  Result<void> fdset(fd_set* read, fd_set* write, fd_set* except, int* highest) const;
  // How long to wait at most before the next perform; 0: call now; nullopt: no limit. Rounded up to whole milliseconds.
  std::optional<std::chrono::milliseconds> timeout() const;
  // Waits for any watch, extra descriptors, the deadline, a wakeup or `longest`. Sleeps even with nothing to watch.
  // Does no transfer work.
  Result<PollResult> poll(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest);
  // From any thread, also while poll() is not running: the next (or present) poll() returns at once. Never lost.
  void wakeup();
  // One descriptor that is readable whenever perform() should be called: a watched descriptor is ready, the deadline
  // has passed, work is left (call_again, resume()), or wakeup() was called. All that a foreign loop needs: watch it
  // for reading, level-triggered, and call perform(). Owned by the Multi; the first call also sets its timer, which
  // costs a system call now and then from there on.
  int fd();
  // Readable from a wakeup() until the next perform(), poll(), or socket_action() on it. A WatchSink is told of it like
  // of any other watch; fdset() leaves it out, so that it can say -1: a select loop that wants to be woken adds it, and
  // calls take_wakeup(). Owned by the Multi, the same for its life.
  int wakeup_fd() const;
  // For a loop that waits on wakeup_fd() itself: takes a wakeup(), also one that perform() has seen meanwhile, which
  // poll() would tell of.
  bool take_wakeup();
  // Something runs, and nothing that runs can go on: on_body has paused each of them, or its body waits for
  // consume_body() (see add()), and none has a total_timeout or an attempts_timeout. Only resume(), consume_body() and
  // remove() change that, whatever else is watched or due. Looks at all transfers.
  bool all_paused() const;
  // A connection without a descriptor is open, or one that waits for its TransportSignal to open: that may give work
  // although nothing is watched and no deadline is set.
  bool waits_for_signals() const;

  // ---- driving by single descriptors ----
  // null: none. Present watches are reported at once; what assign() attached is forgotten.
  void set_watch_sink(WatchSink* sink);
  WatchSink* watch_sink() const;  // the present one; null: none
  // What happened on `fd` (Events); kNoSocket: a timer ran out, or a first kick. A descriptor not watched is ignored.
  Drive socket_action(int fd, std::uint8_t events, int* running = nullptr);
  static constexpr int kNoSocket = -1;
  void assign(int fd, void* value);  // handed to on_watch for this descriptor from now on

  // ---- results ----
  // The next finished transfer, each once; *left (may be null) gets how many more wait.
  std::optional<Message> info_read(int* left = nullptr);
  std::size_t running() const;
  std::size_t connections() const;  // open ones, idle and connecting included
  std::size_t idle_connections() const;

  // ---- the pool ----
  void close_idle_connections();
  // May change at any time; a lowered limit ends no transfer. See Engine::set_limits().
  EngineLimits limits() const;
  void set_limits(EngineLimits limits);

  // Lines of the TLS key log since the last call.
  std::vector<std::string> take_key_log();

 private:
  class Impl;
  Multi();
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
