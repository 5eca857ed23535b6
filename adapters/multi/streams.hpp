// Opens, watches, reads, writes and closes the streams of the engine's connections. Reports the result of each call to
// the engine, one fact at a time; the driver takes the engine's outputs after each call.
//   streams.cpp opening, watching and closing; the queues
//   stream_io.cpp reading and writing
//
// Knows no transfers and no application. Leaves to the driver how much is done at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "adapters/environment.hpp"
#include "adapters/multi/connections.hpp"
#include "adapters/multi/deadlines.hpp"
#include "adapters/multi/fifo.hpp"
#include "adapters/multi/pace.hpp"
#include "adapters/multi/signals.hpp"
#include "adapters/multi/watches.hpp"
#include "core/engine.hpp"

namespace sluice::multi {

class Streams {
 public:
  // `local_addresses`: as in MultiOptions. `socket_calls`: MultiOptions::sockets; null: none.
  Streams(Environment& environment, const Waiter& waiter, Watches& watches, Engine& engine, Pace& pace,
          bool local_addresses, std::shared_ptr<const SocketCalls> socket_calls = {})
      : environment_(environment),
        waiter_(waiter),
        watches_(watches),
        engine_(engine),
        pace_(pace),
        local_addresses_(local_addresses),
        socket_calls_(std::move(socket_calls)) {}
  ~Streams() { close_all(); }
  void close_all();  // ends each watch before its stream; afterwards no signal wakes the waiter
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // Gets memory in the queues for everything that one step can add: a connection's fact, its turn to send, its turn to
  // be read. Throws std::bad_alloc before the step has begun, so that nothing is lost inside a step.
  void make_room();

  // ---- a drive begins and ends ----
  // How a drive knows which descriptors are ready: only those given to socket_action(); by asking the system; or it has
  // handled all that were ready.
  enum class Look : std::uint8_t { handed_in, asks, done };
  void begin_drive(Look look);
  void end_drive();
  void looked();
  // The drive was cut short, and a signal or an event that is reported only once may be lost: the next drive tries
  // every stream.
  void try_all() { try_all_ = true; }

  // ---- requests of the engine ----
  void connect(output::Connect& what);
  void close(ConnId conn);
  // Makes the watch and the queues agree with the engine's interest. In the steady state nothing changes.
  void refresh(ConnId conn);
  // Calls refresh() for the connection that the last fact was about. Call it after the outputs were taken. False: there
  // was none.
  bool refresh_next();

  // ---- events ----
  enum class Then : std::uint8_t {
    nothing,  // no fact was reported
    settle,   // a fact may have been reported: take the outputs
    read,     // there is something to read
  };
  // The stream may get further, because of events on its descriptor (Events) or because of a signal (no events).
  Then advance(ConnId conn, std::uint8_t events);

  // ---- turns ----
  // Takes the signals that were given since the last call, and the deadlines that are over. Throws std::bad_alloc.
  void gather_signals();
  bool has_signaled() const { return !signaled_.empty(); }
  std::optional<ConnId> next_signaled();  // each connection once; nullopt: none is left
  bool has_reads() const { return !reads_.empty(); }
  ConnId next_read();
  enum class Received : std::uint8_t {
    nothing,    // no byte, and no fact was reported
    all,        // a fact was reported, and nothing is left for now
    more,       // a fact was reported, and more may be left
    no_budget,  // no read is left in this drive; it was queued
  };
  Received receive(ConnId conn);
  void queue_read(ConnId conn);
  bool has_sends() const { return !sends_.empty(); }
  // The next connection to send on. `look`: first read it (receive()); if that stops early, call queue_send().
  struct Send {
    ConnId conn;
    bool look = false;
  };
  std::optional<Send> next_send();
  // One send. If bytes are left after it, the connection is queued again after the others.
  void send(ConnId conn);
  void queue_send(ConnId conn);
  // Facts that arose while outputs were being taken, when no fact may be reported to the engine.
  std::size_t facts() const { return facts_.size(); }
  void tell_fact();

  bool has_work() const;                                                     // work is left for the next drive
  std::optional<Instant> deadline() const { return deadlines_.earliest(); }  // when a transport wants to be tried again
  bool waits_for_signals() const { return connections_.waiting_for_signals() > 0; }
  bool had_routes() const { return signals_ != nullptr; }

 private:
  struct Fact {
    ConnId conn;
    std::optional<Error> error;  // nullopt: connected
  };

  // streams.cpp
  Result<std::unique_ptr<Transport>> make_stream(output::Connect& what);
  void begin_stream(output::Connect& what);
  void open(Connection& connection);
  void watch(Connection& connection, std::uint8_t events);
  void watch_one(const Connection& connection, int before, int fd, int events);
  void watch_nothing(const Connection& connection);
  void forget(const Connection& connection);
  void ask_deadline(const Connection& connection);
  void queue_all();
  void queue_signaled(ConnId conn);
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
  const bool local_addresses_;
  const std::shared_ptr<const SocketCalls> socket_calls_;
  Connections connections_;
  std::uint64_t drive_ = 0;  // counts the drives
  Look look_ = Look::handed_in;
  std::optional<ConnId> to_refresh_;
  Fifo<Fact> facts_;
  Fifo<ConnId> sends_;                // connections that have bytes to send and are not known to be blocked
  Fifo<ConnId> reads_;                // connections whose last read filled the buffer, so more may have come
  std::shared_ptr<Signals> signals_;  // null: no route was dialled yet
  bool in_drive_ = false;             // inside a drive: signals do not wake the waiter
  Fifo<ConnId> given_;                // taken from signals_
  Fifo<ConnId> signaled_;             // those of given_ that were not tried yet, each once
  Deadlines deadlines_;
  bool try_all_ = false;  // every stream counts as signaled
};

}  // namespace sluice::multi
