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

// One thread. Everything is legal in the callbacks but run_until() and the end of the loop; detach() is not legal in
// those of a Multi.
class Loop {
 public:
  virtual ~Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // One Multi at a time; it must stay until detach(). `after` is called after each drive.
  virtual void attach(Multi& multi, AfterDrive after) = 0;
  // Takes it off, whatever it is doing. It may be attached again, here or elsewhere.
  virtual void detach() = 0;

  // The application's own descriptors: `readable` is called while there is something to read. One watch for each
  // descriptor; it ends before the descriptor is closed.
  virtual void watch(int fd, std::function<void()> readable) = 0;
  virtual void unwatch(int fd) = 0;
  // The application's own timer, again and again, a period after it was last due; answers a number for cancel(). Of
  // late ticks one is made up for.
  virtual int every(Milliseconds period, std::function<void()> tick) = 0;
  virtual void cancel(int timer) = 0;

  // Until `condition` holds, which is looked at whenever the loop has woken up; false: not within `limit`, or failure()
  // says why.
  virtual bool run_until(const std::function<bool()>& condition, Milliseconds limit) = 0;

  // How often the loop has woken up from waiting, or would have, since it was made.
  std::size_t turns() const { return turns_; }
  // What made run_until() give up early, once.
  std::optional<Error> take_failure() { return std::exchange(failure_, std::nullopt); }

 protected:
  Loop() = default;
  std::size_t turns_ = 0;
  std::optional<Error> failure_;
};

// These three are the binding's file's.
std::unique_ptr<Loop> make_loop();
const char* loop_name();
// False: descriptors end at FD_SETSIZE.
bool holds_many_descriptors();

}  // namespace sluice::conformance
