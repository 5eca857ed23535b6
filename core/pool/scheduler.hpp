// Which transfer gets which connection, as those who carry transfers see it (core/engine/). The pool decides so for an
// engine; a Connection, which has one stream, has one line of transfers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/options.hpp"
#include "core/pool/endpoint.hpp"
#include "core/pool/pooled_connection.hpp"
#include "core/request.hpp"

namespace sluice::pool {

// What is to be done. The scheduler has done its part: a waiter that is served is in no list any more, a connection not
// idle.
struct Grant {
  enum class Kind : std::uint8_t {
    serve,      // `connection` carries an exchange for `waiter`
    dial,       // a connection is made for `waiter`: dial_begun(), or failed
    take_over,  // `dial` goes on for `waiter`
    close,      // `connection`, which is idle, is closed
    abandon,    // `dial`, which nobody waits for, is given up
    forget,     // `endpoint` is of no use any more: forget()
  };
  Kind kind = {};
  Endpoint* endpoint = nullptr;
  PooledConnection* connection = nullptr;
  DialSlot* dial = nullptr;
  Waiter* waiter = nullptr;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // ---- waiters ----
  // Finds the endpoint of this request under these options and notes it in the waiter, which enters next.
  // std::bad_alloc: nothing has changed.
  virtual void place(Waiter& waiter, const Request& request, const TransferOptions& options,
                     std::shared_ptr<const TlsConfig> tls) = 0;
  virtual void enter(Waiter& waiter) = 0;        // at the end of the queue
  virtual void enter_again(Waiter& waiter) = 0;  // at the front: it was served, and that came to nothing
  virtual bool counts_on_dials(const Waiter& waiter) const = 0;  // in the queue: one made for others may carry it too
  virtual void withdraw(Waiter& waiter) = 0;                     // it waits no more; nothing to do where it does not
  virtual void left(const Waiter& waiter) = 0;                   // it is over: the endpoint has one transfer less
  // After everything else was forgotten, as memory had run out: this one is not over.
  virtual void count_again(const Waiter& waiter) noexcept = 0;

  // ---- connections that stand ----
  // An exchange on it ended, or it has its session and nobody is served by it yet. It is `usable` for another. It may
  // be said that a waiter is served at once, or that it is closed; else it is parked where it has no exchange.
  // std::bad_alloc: it is in no list.
  virtual std::optional<Grant> released(PooledConnection& connection, bool usable, Now now) = 0;
  virtual void room_changed(PooledConnection& connection) = 0;  // an exchange was opened on it, or its room has changed
  virtual void closed(PooledConnection& connection) = 0;        // it stands no more
  virtual void note_end(const PooledConnection& connection, Now now) = 0;  // as its peer made it

  // ---- for tests ----
  virtual bool has_place(const Waiter& waiter) const = 0;  // its endpoint is there
  virtual std::size_t open() const = 0;                    // connections and dials that count; no fewer than stand
};

}  // namespace sluice::pool
