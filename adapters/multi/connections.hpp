// The sockets behind the engine's connection ids. Knows which is whose and what is pending on it; reads and writes
// nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "adapters/net/descriptor.hpp"
#include "core/address.hpp"
#include "core/types.hpp"

namespace sluice::multi {

struct Connection {
  ConnId id;  // none: free
  net::Descriptor socket;
  Address address;  // for messages
  bool connecting = false;
  bool write_blocked = false;  // the socket took less than it was given: wait until it is writable
  bool send_queued = false;
  bool read_queued = false;
};

class Connections {
 public:
  Connection& open(ConnId id, net::Descriptor socket, Address address);
  // Null: closed, or never there. Views until the next open().
  Connection* find(ConnId id);
  void close(ConnId id);  // after its watch has ended
  std::vector<Connection>& all() { return by_index_; }

 private:
  std::vector<Connection> by_index_;
};

}  // namespace sluice::multi
