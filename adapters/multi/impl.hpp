// The implementation of Multi: the calls that an application may make at any moment, also inside a callback. They
// change the engine and the queues for the next drive, and use no socket. Leaves driving to driver.hpp, and the public
// functions to ../multi.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/multi/driver.hpp"

namespace sluice {

class Multi::Impl {
 public:
  Impl(std::unique_ptr<multi::Parts> parts, Multi& owner);

  multi::Driver& driver() { return driver_; }
  multi::Parts& parts() { return *parts_; }
  const Engine& engine() const { return engine_; }
  std::size_t running() const { return transfers_.running(); }

  Result<TransferId> add(Request request, TransferOptions options, TransferHandler* handler);
  Result<TransferId> add_dropping(Request request, TransferOptions options);
  void remove(TransferId transfer);
  void cancel(TransferId transfer);
  void close_idle_connections();
  void network_changed();
  void set_limits(EngineLimits limits);
  void resume(TransferId transfer);
  void finish_upload(TransferId transfer, Fields trailers);
  void set_priority(TransferId transfer, Priority priority);
  void fail_upload(TransferId transfer, std::string why);
  void consume_body(TransferId transfer, std::size_t bytes);
  bool all_paused() const;
  std::optional<Message> info_read(int* left);

 private:
  const std::unique_ptr<multi::Parts> parts_;
  multi::Driver driver_;
  multi::Transfers& transfers_;  // one of the parts
  Engine& engine_;               // one of the parts
  TransferHandler dropping_;     // the handler of transfers without one
};

}  // namespace sluice
