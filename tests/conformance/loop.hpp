// An application's event loop, with a Multi attached by the binding under test. Each binding implements it in one file
// of this folder; the tests see only this interface.
//
// Includes the application's own descriptors and timers, which must be served as if there were no Multi. Leaves
// transfers to the tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "adapters/multi.hpp"

namespace sluice::conformance {

using Milliseconds = std::chrono::milliseconds;

// Single-threaded. In the callbacks everything is allowed except run_until() and destroying the loop; detach() is not
// allowed in those of a Multi.
class Loop {
 public:
  virtual ~Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // One Multi at a time; it must live until detach(). `after` is called after each drive.
  virtual void attach(Multi& multi, AfterDrive after) = 0;
  // Detaches it, in any state. It may be attached again, to this loop or another.
  virtual void detach() = 0;

  // The application's own descriptors: `readable` is called while there is something to read. One watch for each
  // descriptor; it ends before the descriptor is closed.
  virtual void watch(int fd, std::function<void()> readable) = 0;
  virtual void unwatch(int fd) = 0;
  // A periodic timer of the application, due one period after it was last due; returns a number for cancel(). Of
  // several late ticks only one is delivered.
  virtual int every(Milliseconds period, std::function<void()> tick) = 0;
  virtual void cancel(int timer) = 0;

  // Runs until `condition` holds, which is checked after each wakeup; false: not within `limit`, or failure() says why.
  virtual bool run_until(const std::function<bool()>& condition, Milliseconds limit) = 0;

  // The number of wakeups from waiting since the loop was created.
  std::size_t turns() const { return turns_; }
  // Why run_until() ended early; returned once.
  std::optional<Error> take_failure() { return std::exchange(failure_, std::nullopt); }

 protected:
  Loop() = default;
  std::size_t turns_ = 0;
  std::optional<Error> failure_;
};

// These three are defined in the binding's file.
std::unique_ptr<Loop> make_loop();
const char* loop_name();
// False: descriptors must be below FD_SETSIZE.
bool holds_many_descriptors();

}  // namespace sluice::conformance
