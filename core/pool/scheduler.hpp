// The interface by which core/engine/ learns which transfer gets which connection. The pool implements it for an
// engine. A Connection, which has one stream, implements it with one queue. Leaves exchanges and dials to core/engine/.
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

// What the caller must do. The scheduler has already updated its lists: a waiter that is served is in no list, and its
// connection is not idle.
struct Grant {
  enum class Kind : std::uint8_t {
    serve,      // open an exchange for `waiter` on `connection`
    dial,       // make a connection to `endpoint` for `waiter`: dial_begun(), or the transfer ends
    take_over,  // `dial` continues with `waiter` as sponsor
    close,      // close `connection`, which is idle
    abandon,    // give up `dial`, which has no sponsor
    forget,     // `endpoint` is not needed any more: forget()
  };
  Kind kind = {};
  Endpoint* endpoint = nullptr;
  PooledConnection* connection = nullptr;
  DialSlot* dial = nullptr;
  Waiter* waiter = nullptr;
  bool borrows = false;  // with dial: see DialSlot
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // ---- waiters ----
  // Finds the endpoint of this request with these options, for the waiter's account, and stores it in the waiter;
  // enter() follows. Throws std::bad_alloc; nothing has changed then.
  virtual void place(Waiter& waiter, const Request& request, const TransferOptions& options,
                     std::shared_ptr<const TlsConfig> tls) = 0;
  virtual void enter(Waiter& waiter) = 0;        // at the end of the queue
  virtual void enter_again(Waiter& waiter) = 0;  // at the front of the queue: for a retry
  // A waiter that has just entered the queue may be carried by a connection that is being made for others.
  virtual bool counts_on_dials(const Waiter& waiter) const = 0;
  virtual void withdraw(Waiter& waiter) = 0;    // it does not wait any more; does nothing if it did not
  virtual void left(const Waiter& waiter) = 0;  // the transfer has ended, or leaves the endpoint
  // After reset(), because memory had run out: this transfer has not ended and counts again.
  virtual void count_again(const Waiter& waiter) noexcept = 0;

  // ---- established connections ----
  // An exchange on the connection has ended, or it has its session but no exchange. `usable`: it can carry another
  // exchange. Returns a grant to serve a waiter or to close the connection; nullopt: it has exchanges, or is now idle.
  // Throws std::bad_alloc; the connection is then in no list.
  virtual std::optional<Grant> released(PooledConnection& connection, bool usable, Now now) = 0;
  virtual void room_changed(PooledConnection& connection) = 0;  // an exchange was opened on it, or its room has changed
  virtual void closed(PooledConnection& connection) = 0;        // it is closed
  // The peer has refused an exchange on it, maybe because it did not say in time how many it takes.
  virtual void note_refusal(const PooledConnection&) {}
  virtual void note_end(const PooledConnection& connection, Now now) = 0;  // the peer has ended it
  // Its peer takes the waiter's requests over HTTP/1.1 only: from now on the connections of the waiter's endpoint are
  // made for that, and it uses no connection of another one. False: they must not be.
  virtual bool needs_http1(const PooledConnection&, const Waiter&) { return false; }

  // ---- for tests ----
  virtual bool has_place(const Waiter& waiter) const = 0;  // its endpoint exists
  virtual std::size_t open() const = 0;                    // number of established connections and dials
};

}  // namespace sluice::pool
