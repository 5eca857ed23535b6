// The streams of the engine's connections, by ConnId, with the state of each. Plain data. Leaves reading and writing to
// streams.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/transport.hpp"
#include "core/address.hpp"
#include "core/types.hpp"

namespace sluice::multi {

// One connection and its stream.
struct Connection {
  std::string peer() const { return route ? route->name() : address.to_string(); }  // for messages

  ConnId id;  // default: this entry is free
  std::unique_ptr<Transport> stream;
  int fd = -1;                   // the descriptor that is or was watched; -1: none, signals are used
  int write_fd = -1;             // a second descriptor for writing; -1: none
  Address address;               // with TCP only
  std::shared_ptr<Route> route;  // null: TCP
  bool wants_local = false;      // output::Connect::wants_local
  bool opening = false;
  bool write_blocked = false;           // the stream takes no more bytes: wait until it is writable
  bool send_waits_to_read = false;      // a blocked send waits until the descriptor is readable
  bool receive_waits_to_write = false;  // a blocked receive waits until it is writable
  bool send_queued = false;
  bool read_queued = false;
  bool signal_queued = false;
  bool waits_for_signal = false;  // it has no descriptor, or open() waits for a signal
  std::string thrown;             // what a call of the stream has thrown (it must not throw)
  int send_error = 0;             // errno of a failed send: the engine still reads, because a response may have come
  bool may_read = false;          // no would_block since the last event or signal
  bool sending = false;           // the engine has had bytes for it since its last send
  std::uint64_t read_in = 0;      // the number of the drive that last read everything
};

class Connections {
 public:
  Connection& open(ConnId id, std::unique_ptr<Transport> stream);
  // Null: closed, or it never existed. Valid until the next open().
  Connection* find(ConnId id);
  void close(ConnId id);  // only after its watch has ended
  std::vector<Connection>& all() { return by_index_; }
  std::size_t waiting_for_signals() const { return waiting_for_signals_; }
  void set_waits_for_signal(Connection& connection, bool waits);

 private:
  std::size_t waiting_for_signals_ = 0;
  std::vector<Connection> by_index_;
};

}  // namespace sluice::multi
