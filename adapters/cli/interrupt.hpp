// Ctrl-C, SIGTERM and SIGHUP as a descriptor that a poll loop can wait for. The only mutable global of the command,
// because a signal handler can write nowhere else. Leaves stopping the transfers to command.cpp.
#pragma once

namespace sluice::cli {

class InterruptGuard {
 public:
  // Catches the signals until it is destroyed, and ignores SIGPIPE. A second signal of the same kind ends the process
  // at once. A nested guard shares the outer guard's state. One thread only.
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  int fd() const { return read_; }  // readable after a signal came; -1: the descriptor could not be made
 private:
  int read_ = -1;
  int write_ = -1;
};

// The signal that came; 0: none.
int interrupted_by();

}  // namespace sluice::cli
