// The streams under the engine's connections: opened, watched, read, written, closed. Tells the engine what came of
// each call, one fact at a time; what comes out of the engine is taken by the driver, between calls of this.
//   streams.cpp    opened, watched and closed; what waits for its turn
//   stream_io.cpp  read and written
//
// Knows no transfers and no application, and not how much is done at once: that is the driver's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "adapters/environment.hpp"
#include "adapters/multi/connections.hpp"
#include "adapters/multi/fifo.hpp"
#include "adapters/multi/pace.hpp"
#include "adapters/multi/signals.hpp"
#include "adapters/multi/watches.hpp"
#include "core/engine.hpp"

namespace sluice::multi {

class Streams {
 public:
  Streams(Environment& environment, const Waiter& waiter, Watches& watches, Engine& engine, Pace& pace)
      : environment_(environment), waiter_(waiter), watches_(watches), engine_(engine), pace_(pace) {}
  ~Streams() { close_all(); }
  void close_all();  // each watch ends before its stream; no signal wakes anybody any more
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // Room in the queues for all that one step can put there: a connection's fact, its turn to send, its turn to be read.
  // Throws std::bad_alloc before the step has begun, so that nothing is lost in the middle of one.
  void make_room();

  // ---- a drive begins and ends ----
  // How a drive knows what is ready: only what is handed in; by asking the system; and when it has seen to all that was
  // ready.
  enum class Look : std::uint8_t { handed_in, asks, done };
  void begin_drive(Look look);
  void end_drive();
  void looked();
  // The drive was cut short and what it had in hand is lost (a signal, an event that is told once): the next tries
  // every stream instead.
  void try_all() { try_all_ = true; }

  // ---- what the engine asks for ----
  void connect(output::Connect& what);
  void close(ConnId conn);
  // Brings what is watched and what is queued in line with the engine's interest. In the steady state it finds nothing
  // to change.
  void refresh(ConnId conn);
  // A fact was told of a connection: once its outputs are taken, its interest is looked at. False: there was none.
  bool refresh_next();

  // ---- what has happened ----
  enum class Then : std::uint8_t {
    nothing,  // no fact was told
    settle,   // a fact may have been
    read,     // there is something to read
  };
  // Something may go on: by an event on its descriptor (Events), or by a signal, which says nothing more.
  Then advance(ConnId conn, std::uint8_t events);

  // ---- turns ----
  void gather_signals();  // those given since the last time; throws std::bad_alloc
  bool has_signaled() const { return !signaled_.empty(); }
  std::optional<ConnId> next_signaled();  // each connection once; null: none of them is there any more
  bool has_reads() const { return !reads_.empty(); }
  ConnId next_read();
  enum class Received : std::uint8_t {
    nothing,    // not a byte, and no fact
    all,        // a fact was told, and there is nothing more for now
    more,       // a fact was told, and more may be there
    no_budget,  // it is queued: no read is left of this drive
  };
  Received receive(ConnId conn);
  void queue_read(ConnId conn);
  bool has_sends() const { return !sends_.empty(); }
  // Whose turn it is to send. `look`: it must be read before (receive()), and queue_send() if that is stopped in the
  // middle.
  struct Send {
    ConnId conn;
    bool look = false;
  };
  std::optional<Send> next_send();
  // One send; if there is more to go after it, the connection queues up again behind the others.
  void send(ConnId conn);
  void queue_send(ConnId conn);
  // Facts that came up while outputs were being taken, when the engine cannot be told.
  std::size_t facts() const { return facts_.size(); }
  void tell_fact();

  bool has_work() const;  // something of the above is left for the next drive
  bool waits_for_signals() const { return connections_.waiting_for_signals() > 0; }
  bool had_routes() const { return signals_ != nullptr; }

 private:
  struct Fact {
    ConnId conn;
    std::optional<Error> error;  // none: connected
  };

  // streams.cpp
  Result<std::unique_ptr<Transport>> make_stream(output::Connect& what);
  void begin_stream(output::Connect& what);
  void open(Connection& connection);
  void watch(Connection& connection, std::uint8_t events);
  void watch_one(const Connection& connection, int before, int fd, int events);
  void watch_nothing(const Connection& connection);
  void forget(const Connection& connection);
  void queue_all();
  void queue_send(Connection& connection);
  void queue_read(Connection& connection);
  // stream_io.cpp
  bool must_look(const Connection& connection) const;
  Received take(Connection& connection, MutableBytes space);

  Environment& environment_;
  const Waiter& waiter_;
  Watches& watches_;
  Engine& engine_;
  Pace& pace_;
  Connections connections_;
  std::uint64_t drive_ = 0;  // counts them
  Look look_ = Look::handed_in;
  std::optional<ConnId> to_refresh_;
  Fifo<Fact> facts_;
  Fifo<ConnId> sends_;                // have something to send and are not known to be blocked
  Fifo<ConnId> reads_;                // filled a whole read the last time, so more may wait
  std::shared_ptr<Signals> signals_;  // null: no route was dialled yet
  bool in_drive_ = false;             // signals are attended to
  Fifo<ConnId> given_;                // taken out of signals_
  Fifo<ConnId> signaled_;             // of those, each connection once, and not looked at yet
  bool try_all_ = false;              // every stream is as if it had been signaled
};

}  // namespace sluice::multi
