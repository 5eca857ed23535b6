// The engine's insides, one class in a file for each idea:
//   transfers.cpp  the application's calls, a transfer's end           scheduler.cpp  who gets which connection, and the limits
//   dial.cpp       names, addresses, the race to connect               facts.cpp      what the world says about a connection
//   exchange.cpp   from a session's events to transfers                timers.cpp     deadlines           invariants.cpp  self-checks
//   shortage.cpp   what is done when memory runs out
// Nothing here walks all transfers: every list is of those that wait for the event at hand.
#pragma once

#include <new>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/slot_map.hpp"
#include "core/base/timer_heap.hpp"
#include "core/engine.hpp"
#include "core/engine/landing.hpp"
#include "core/engine/origin.hpp"
#include "core/engine/outbox.hpp"
#include "core/engine/transfer.hpp"
#include "core/tls/session_cache.hpp"

namespace sluice {

struct Resolution {
  void recycle() { origin = {}; }
  engine::OriginId origin;
};

class Engine::Impl {
 public:
  using Transfer = engine::Transfer;
  using Socket = engine::Socket;
  using Origin = engine::Origin;
  using Dial = engine::Dial;
  using OriginId = engine::OriginId;

  explicit Impl(EngineOptions options) : options_(std::move(options)) {}

  // ---- transfers.cpp ----
  // Request and options are moved from. It is known whether the transfer was added before what follows may run short of memory.
  void add(Request& request, TransferOptions& options, Now now, Result<TransferId>& added);
  void cancel(TransferId id, Now now);  // remove() is this and release()
  void release(TransferId id) {
    Transfer* transfer = transfers_.find(id);
    if (!transfer) return;
    if (transfer->owed_done.owed) {
      transfer->removed = true;
    } else {
      transfers_.release(id);
    }
  }
  void consume_body(TransferId id, std::size_t bytes, Now now);
  MutableBytes upload_space(TransferId id);
  void commit_upload(TransferId id, std::size_t bytes, Now now);
  void finish_upload(TransferId id, Now now);
  void fail_upload(TransferId id, std::string why, Now now);
  TransferInfo info(TransferId id) const;
  const Transfer* find(TransferId id) const { return transfers_.find(id); }
  // What getters answer for a stale id.
  struct Nothing {
    Request request;
    ResponseHead head;
    Fields fields;
    Progress progress;
  };
  const Nothing& nothing() const { return nothing_; }
  std::size_t running() const { return running_; }

  // ---- facts.cpp ----
  void handle_connected(ConnId id, Now now);
  MutableBytes receive_space(ConnId id);
  void handle_received(ConnId id, std::size_t bytes, Now now);
  void handle_eof(ConnId id, std::string_view why, Now now);
  void handle_io_error(ConnId id, Error error, Now now);
  OutputView transmit(ConnId id) const;
  bool must_look_first(ConnId id) const;
  void handle_sent(ConnId id, std::size_t bytes, Now now);
  Interest interest(ConnId id) const;

  // ---- dial.cpp ----
  void handle_resolved(ResolveId id, Result<NameAnswer> answer, Now now);

  // ---- timers.cpp ----
  void handle_timeout(Now now);
  std::optional<Deadline> deadline() const;

  // ---- shortage.cpp ----
  // The end of an entry that ran out of memory, in whatever state it left things: every transfer and connection ends.
  void give_up() noexcept;

  std::optional<Output> poll_output();
  bool has_output() const { return !outbox_.empty() || owes_outputs_; }
  std::size_t connections() const { return sockets_open_; }
  std::size_t idle_connections() const { return idle_.size(); }
  void close_idle_connections(Now now);
  EngineLimits limits() const {
    return {options_.max_connections, options_.max_connections_per_origin, options_.idle_connection_timeout};
  }
  void set_limits(const EngineLimits& limits, Now now);
  void check_invariants() const;

 private:
  // ---- all entries (facts.cpp) ----
  Now clamp(Now now);              // monotone; every public entry begins with it
  void begin_fact(Now now);        // the drain rule; what was closed goes
  Socket* fact_about(ConnId id, Now& now);
  void finish_entry(Now now);      // every public entry ends with it: what became possible is scheduled
  template <class Kind>
  bool try_put(Kind output) noexcept {
    if (outbox_.try_put(std::move(output))) return true;
    owe();
    return false;
  }
  void try_put_head(TransferId id, Bytes head) noexcept;
  void interest_changed(Socket& socket);  // perhaps, and not by a fact about itself
  void after_bytes(Socket& socket, Now now);
  void after_sending(const Socket& socket, Transfer& transfer, Now now);
  std::size_t readable_bytes(const Socket& socket) const;
  void keep_landed_bodies();
  void pump(Socket& socket, Now now);
  void take_key_log();

  // ---- transfers.cpp ----
  void describe(const Transfer& transfer, Error& error) const noexcept;
  void end(Transfer& transfer, Result<void> result, Now now);  // the only way to Done
  void fail(Transfer& transfer, Error error, Now now);         // gives up what the transfer holds, then ends it
  void abort_exchange(Transfer& transfer, Error error, Now now);
  void finish_if_delivered(Transfer& transfer, Now now);
  Result<TransferId> enlist(Request& request, TransferOptions& options, Now now);
  void announce_upload(Transfer& transfer);
  void upload_changed(Transfer& transfer, Now now);

  // ---- scheduler.cpp ----
  Origin* origin_for(const Request& request, const TransferOptions& options, std::shared_ptr<const TlsConfig> tls);
  void describe_origin(Origin& origin, const Request& request, const TransferOptions& options) const;
  void make_pending(Origin& origin);  // something changed that may let it go on
  void run_pending(Now now);
  void retire_if_unused(Origin& origin);
  void forget(Origin& origin);
  void schedule(Origin& origin, Now now);
  Transfer* next_for(Origin& origin, const Socket& socket, Now now);
  bool wants_fresh(const Origin& origin, const Transfer& transfer) const;
  bool may_take(const Origin& origin, const Transfer& transfer, const Socket& socket, Now now) const;
  Duration idle_limit(const Socket& socket) const;
  void note_end(const Socket& socket, Now now);
  static void note_kept(Origin& origin);
  bool is_surplus(const Origin& origin) const;
  std::size_t connections_allowed(const Origin& origin) const;
  void leave_queue(Origin& origin, Transfer& transfer);
  bool claim_room(Origin& origin, const Transfer& transfer);
  bool has_spare() const { return !idle_.empty() || !orphans_.empty(); }
  void close_spare();
  bool must_yield(const Socket& socket, const Origin& origin) const;
  void take_slot(Origin& origin);
  void free_slot(Origin& origin);
  void assign(Socket& socket, Transfer& transfer, Now now);  // the transfer waits in no list any more
  http::ResponseRules response_rules(const Transfer& transfer) const;
  Result<void> open_exchange(Socket& socket, Transfer& transfer, Now now);
  void note_times(const Socket& socket, Transfer& transfer, Now now) const;
  void release(Socket& socket, Now now);                     // without an exchange: hand on, park, or close
  void park(Socket& socket, Origin& origin, Now now);
  void unpark(Socket& socket);
  void close_socket(Socket& socket, bool say_goodbye);
  void close_stream(Socket& socket, bool say_goodbye);

  // ---- dial.cpp ----
  void start_dial(Origin& origin, Transfer& sponsor, Now now);
  void look_up(Dial& dial, Origin& origin, Now now);
  void sponsor_dial(Dial& dial, Origin& origin, Transfer& sponsor, Now now);
  void note_connection(const Socket& winner, Transfer& sponsor, Now now);
  void resolve(Origin& origin);
  void use_addresses(Dial& dial, const std::vector<IpAddress>& addresses, Now now);
  Result<void> keep_usable(Origin& origin, std::vector<IpAddress> addresses);
  Result<void> take_part(Origin& origin, NameAnswer answer, Now now);
  Result<void> take_addresses(Origin& origin, Result<NameAnswer> answer, Now now);
  static void learn(Dial& dial, const std::vector<IpAddress>& addresses);
  bool waits_for_ipv6(Dial& dial, Now now);
  void all_failed(Dial& dial, const Origin& origin, Now now);
  static void note_failure(Dial& dial, const Origin& origin, const Error& error);
  void attempt_next(Dial& dial, Now now);
  void begin_attempt(Dial& dial, const Origin& origin);
  void attempt_failed(Dial& dial, Socket& socket, Error error, Now now);
  void race_won(Dial& dial, Socket& winner, Now now);
  void dial_failed(Dial& dial, Error error, Now now);
  void close_attempts(Dial& dial, const Socket* but);
  void end_dial(Dial& dial, bool keep_slot);
  void adopt(Dial& dial, bool abandon_orphan, Now now);
  void limit_orphan(Dial& dial, Now now);
  void forget_orphan(Dial& dial, Origin& origin);
  void abandon(Dial& dial);
  Result<void> build_stack(Socket& socket, const Origin& origin);
  void check_secured(Socket& socket, Now now);
  void on_secured(Socket& socket, Dial& dial, Now now);

  // ---- exchange.cpp ----
  void deliver(Socket& socket, MutableBytes plain, Now now);
  bool unasked(const Socket& socket) const;
  void dispatch(Socket& socket, Now now);
  void on_event(Socket& socket, Transfer& transfer, http::Event& event, Now now);
  void stop_continue_timer(const Socket& socket, Transfer& transfer);
  void check_interims(Transfer& transfer, Now now);
  void on_head(Transfer& transfer, std::optional<std::uint64_t> body_length, Now now);
  void on_body(Transfer& transfer, Bytes body, Now now);
  void on_eof(Socket& socket, std::string_view why, Now now);
  void on_io_error(Socket& socket, Error error, Now now);
  void on_end_of_stream(Socket& socket, StreamEnd how, std::string_view why, Now now);
  void detach(Socket& socket, Transfer& transfer);  // they have nothing to do with each other any more
  void connection_failed(Socket& socket, Error error, Now now);
  bool may_retry(const Socket& socket, const Transfer& transfer) const;
  bool timed_out_at_peer(const Socket& socket, const Transfer& transfer) const;
  void repeat(Socket& socket, Transfer& transfer);
  static void note_keep_alive(Socket& socket, const ResponseHead& head);
  void retry(Transfer& transfer);
  Transfer* transfer_of(const Socket& socket, http::StreamId stream);

  // ---- shortage.cpp ----
  // Takes a step on behalf of what `id` names. Without memory for it that is lost, and nothing else. A step throws only where
  // all that it has changed so far is whole.
  template <class Tag, class Step>
  void or_lose(Id<Tag> id, Now now, Step step) {
    try {
      step();
    } catch (const std::bad_alloc&) {
      lose(id, now);
    }
  }
  void lose(TransferId id, Now now);
  void lose(ConnId id, Now now);
  void lose(engine::DialId id, Now now);
  void owe();  // an output found no room
  void queue_owed();
  std::optional<Output> take_owed();
  void release_closed();
  void fail_bodiless(Now now);
  void give_up_sockets() noexcept;
  void give_up_transfers() noexcept;

  // ---- timers.cpp ----
  static Instant later(Instant from, Duration by);
  template <class Tag>
  void set_timer(TimerHeap::Handle& handle, Duration after, TimerKind kind, Id<Tag> owner, Now now);
  void disarm(Transfer& transfer);
  void on_timer(const TimerHeap::Entry& entry, Now now);
  void on_transfer_timer(Transfer& transfer, TimerKind kind, Now now);
  void on_idle_timer(Transfer& transfer, Now now);
  bool waits_for_application(const Transfer& transfer) const;
  void note_activity(Transfer& transfer, Now now);
  void note_attempt(Transfer& transfer, Now now);
  std::string still_tried(const Dial& dial) const;
  void on_dial_timeout(Dial& dial, Now now);
  void on_connection_expiry(Socket& socket, Now now);

  EngineOptions options_;
  bool limits_changed_ = false;  // so that more connections than they allow may be in use
  Instant latest_;

  // Before the sockets, whose layers point to them.
  tls::SessionCache tls_sessions_;
  std::vector<std::string> key_log_;

  SlotMap<Transfer, TransferTag> transfers_;
  SlotMap<Socket, ConnTag> sockets_;
  SlotMap<Origin, engine::OriginTag> origins_;
  SlotMap<Dial, engine::DialTag> dials_;
  SlotMap<Resolution, ResolveTag> resolutions_;
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, OriginId, KeyHash, std::equal_to<>> origin_by_key_;
  std::string key_scratch_;

  TimerHeap timers_;
  engine::Landing landing_;
  std::vector<TransferId> landed_;  // transfers that have a view into landing_
  std::vector<http::Event> events_;
  engine::Outbox outbox_;
  bool owes_outputs_ = false;   // some found no room in there: their objects know (shortage.cpp)
  std::size_t owed_socket_ = 0, owed_transfer_ = 0;  // objects before these owe nothing
  std::vector<ConnId> closed_;  // their ids end with the next fact
  bool closed_unlisted_ = false;  // so do those of others that are closed
  bool bodies_lost_ = false;      // some transfers' bytes could not be kept; they fail with the next fact, and one is due
  ConnId current_;              // the connection that the present fact is about
  const Nothing nothing_{};

  engine::EngineIdleList idle_;  // the longest idle one at the front
  engine::EngineOrphanList orphans_;  // dials that nobody waits for, the oldest such at the front
  engine::PendingList pending_;   // origins to look at before the present entry ends
  engine::StarvedList starved_;   // origins that wait for the limit on all connections, the longest waiting one at the front
  bool starved_turn_ = false;     // the origin being scheduled was at the front of starved_ and may open one connection
  engine::UnusedList unused_;     // origins without anything, kept for their addresses; the oldest at the front
  std::size_t running_ = 0;
  std::size_t open_ = 0;          // as Origin::open, over all origins
  std::size_t sockets_open_ = 0;  // between Output::Connect and Output::Close
};

}  // namespace sluice
