// What the command waits with: one of four loops over the same Multi (--loop). Knows how to carry transfers on and when
// to come back; what a transfer does, and when the command has had enough, belongs to others.
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
  // Carries on what can be carried on now. Loops that do so while they wait have nothing to do here. Never
  // recursive_call.
  virtual Drive perform() = 0;
  // Waits for work of the Multi's, `extra` (`ready` is filled), or `longest`.
  virtual Result<void> wait(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) = 0;
};

// Error: a loop that was not built in, or that the system does not give.
Result<std::unique_ptr<Loop>> make_loop(LoopKind kind, Multi& multi);

// Behind make_loop, one a file.
Result<std::unique_ptr<Loop>> make_epoll_loop(Multi& multi);
Result<std::unique_ptr<Loop>> make_libuv_loop(Multi& multi);

}  // namespace sluice::cli
