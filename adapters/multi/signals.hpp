// Collects the signals of transports without a descriptor: which connections must be tried again. Signals may come from
// any thread, also after the Multi is gone; the driver takes them in its own thread. Leaves trying them to streams.hpp.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/multi/fifo.hpp"
#include "adapters/transport.hpp"
#include "core/types.hpp"

namespace sluice::multi {

class Signals {
 public:
  // A signal outside attend() and leave() wakes `waiter`, which must stay valid until close().
  explicit Signals(const Waiter& waiter) : waiter_(&waiter) {}

  // Makes the signal of this connection. It keeps the box alive. Throws std::bad_alloc.
  static TransportSignal make(const std::shared_ptr<Signals>& box, ConnId conn);
  void close();  // the waiter is not used any more

  // Between these two calls the waiter is not woken: after leave() the driver asks waiting(), and if true it does not
  // sleep.
  void attend();
  void leave();
  bool waiting() const;
  // Moves the connections that were signaled since the last call, each once. False: a signal was lost for lack of
  // memory, so any connection may be ready.
  bool take(Fifo<ConnId>& into);

 private:
  struct Bell {
    std::shared_ptr<Signals> box;
    ConnId conn;
    std::atomic<bool> rung = false;  // it is in rung_
  };
  void ring(const std::shared_ptr<Bell>& bell);

  mutable std::mutex mutex_;
  const Waiter* waiter_;  // null: closed
  std::vector<std::shared_ptr<Bell>> rung_;
  std::vector<std::shared_ptr<Bell>> taken_;
  bool attended_ = false;
  bool lost_ = false;  // there was no memory for a signal
};

}  // namespace sluice::multi
