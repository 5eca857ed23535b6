// The streams behind the engine's connection ids. Knows which is whose and what is pending on it; reads and writes
// nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/transport.hpp"
#include "core/address.hpp"
#include "core/types.hpp"

namespace sluice::multi {

struct Connection {
  std::string peer() const { return route ? route->name() : address.to_string(); }  // for messages

  ConnId id;  // none: free
  std::unique_ptr<Transport> stream;
  int fd = -1;                   // the one that is watched, or was last; -1: signals tell
  int write_fd = -1;             // another one, for writing only; -1: there is none
  Address address;               // with TCP
  std::shared_ptr<Route> route;  // null: TCP
  bool opening = false;
  bool write_blocked = false;           // the stream takes nothing more: wait until it is writable
  bool send_waits_to_read = false;      // or until it is readable
  bool receive_waits_to_write = false;  // and the other way round
  bool send_queued = false;
  bool read_queued = false;
  bool signal_queued = false;
  bool waits_for_signal = false;  // it has no descriptor, or its open() waits for something else
  std::string thrown;             // what a call of the stream has thrown, which it must not
  int send_error = 0;             // the engine reads on, for the answer may be there; it is over when nothing more is
  bool may_read = false;          // nothing has said would_block since the last event or signal
  bool sending = false;           // the engine has more for it since its last send
  std::uint64_t read_in = 0;      // the drive that last read all that was there
};

class Connections {
 public:
  Connection& open(ConnId id, std::unique_ptr<Transport> stream);
  // Null: closed, or never there. Views until the next open().
  Connection* find(ConnId id);
  void close(ConnId id);  // after its watch has ended
  std::vector<Connection>& all() { return by_index_; }
  std::size_t waiting_for_signals() const { return waiting_for_signals_; }
  void set_waits_for_signal(Connection& connection, bool waits);

 private:
  std::size_t waiting_for_signals_ = 0;
  std::vector<Connection> by_index_;
};

}  // namespace sluice::multi
