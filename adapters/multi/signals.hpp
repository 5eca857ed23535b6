// The mailbox of transports without a descriptor: which connections are to be tried again. Signals come from any
// thread, also when the Multi is gone; the driver empties the box in its own.
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
  // `waiter` is woken by a signal that nobody attends to; it must stay until close().
  explicit Signals(const Waiter& waiter) : waiter_(&waiter) {}

  // A signal for this connection. It keeps the box alive.
  static TransportSignal make(const std::shared_ptr<Signals>& box, ConnId conn);
  void close();  // nothing is woken any more

  // Between these two nothing is woken: the driver asks waiting() after it has left, and does not sleep then.
  void attend();
  void leave();
  bool waiting() const;
  // Moves all that were given since the last call, each once. False: some were given for which there was no memory; any
  // connection may be meant.
  bool take(Fifo<ConnId>& into);

 private:
  struct Bell {
    std::shared_ptr<Signals> box;
    ConnId conn;
    std::atomic<bool> rung = false;  // it is in the box
  };
  void ring(const std::shared_ptr<Bell>& bell);

  mutable std::mutex mutex_;
  const Waiter* waiter_;  // null: closed
  std::vector<std::shared_ptr<Bell>> rung_;
  std::vector<std::shared_ptr<Bell>> taken_;
  bool attended_ = false;
  bool lost_ = false;  // a signal found no room
};

}  // namespace sluice::multi
