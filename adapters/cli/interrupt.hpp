// Ctrl-C, SIGTERM and SIGHUP as a fact that a poll loop can wait for. The one mutable global of the command: a signal
// handler has nowhere else to write to.
#pragma once

namespace sluice::cli {

class InterruptGuard {
 public:
  // Catches the signals until it is destroyed, and ignores SIGPIPE. The second signal of a kind ends the process at
  // once. One inside another shares what the outer one has caught. On one thread.
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  int fd() const { return read_; }  // readable once a signal came; -1: none could be made
 private:
  int read_ = -1;
  int write_ = -1;
};

// The signal that came, 0 for none.
int interrupted_by();

}  // namespace sluice::cli
