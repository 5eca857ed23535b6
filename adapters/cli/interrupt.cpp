// See interrupt.hpp.
#include "adapters/cli/interrupt.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>

namespace sluice::cli {
namespace {

volatile std::sig_atomic_t caught_signal = 0;
volatile std::sig_atomic_t wake_fd = -1;
const InterruptGuard* outermost = nullptr;

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

void on_signal(int number) {
  const int saved = errno;
  caught_signal = number;
  const char byte = 0;
  if (wake_fd >= 0 && ::write(static_cast<int>(wake_fd), &byte, 1) < 0) {
    // If the pipe is full, it is readable already.
  }
  errno = saved;
}

void set_action(int number, void (*handler)(int)) {
  struct sigaction present = {};
  // If the process was started with the signal ignored (nohup), it stays ignored.
  if (::sigaction(number, nullptr, &present) == 0 && present.sa_handler == SIG_IGN) return;
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // no SA_RESTART: a blocked write must return
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  if (outermost != nullptr) {
    read_ = outermost->read_;
    return;
  }
  outermost = this;
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    read_ = ends[0];
    write_ = ends[1];
  }
  caught_signal = 0;
  wake_fd = write_;
  std::signal(SIGPIPE, SIG_IGN);
  for (const int number : kSignals) set_action(number, on_signal);
}

InterruptGuard::~InterruptGuard() {
  if (outermost != this) return;
  outermost = nullptr;
  for (const int number : kSignals) set_action(number, SIG_DFL);
  wake_fd = -1;
  if (read_ >= 0) ::close(read_);
  if (write_ >= 0) ::close(write_);
}

int interrupted_by() { return static_cast<int>(caught_signal); }

}  // namespace sluice::cli
