// The event loop of the command: one of four loops with the same Multi (--loop). Drives the Multi and waits. Leaves to
// others: what a transfer does, and when the command ends.
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <span>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/exit_code.hpp"
#include "adapters/multi.hpp"

namespace sluice::cli {

class Loop {
 public:
  virtual ~Loop() = default;
  // Does the work that can be done now. Does nothing in loops that do it inside wait(). Never returns recursive_call.
  virtual Drive perform() = 0;
  // Waits for work of the Multi, for `extra` (their `ready` is set), or for `longest`.
  virtual Result<void> wait(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) = 0;
};

// Error: the loop was not built in, or the system refuses it.
Result<std::unique_ptr<Loop>> make_loop(LoopKind kind, Multi& multi);

// For make_loop; each is in a file of its own.
Result<std::unique_ptr<Loop>> make_epoll_loop(Multi& multi);
Result<std::unique_ptr<Loop>> make_libuv_loop(Multi& multi);

}  // namespace sluice::cli
