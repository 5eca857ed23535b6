// See children.hpp. The static objects have no destructors, because streams may be closed after those would have run.
#include "adapters/transport/children.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "adapters/net/clock.hpp"

namespace sluice::transport {
namespace {

// Most processes end at once, so the first check is early; the interval is doubled after each check.
constexpr Duration kFirstLook = std::chrono::milliseconds(20);
constexpr Duration kPatience = std::chrono::seconds(1);
constexpr Duration kAfterKill = std::chrono::milliseconds(20);
constexpr int kLastPatienceMs = 100;

constinit std::mutex mutex;
constinit ChildProcess* first = nullptr;
constinit std::atomic<bool> any = false;  // so that programs without children take no lock
constinit bool at_exit = false;

// True also if other code has collected it, or if SIGCHLD is ignored.
bool collected(pid_t pid) {
  pid_t answer = 0;
  do answer = ::waitpid(pid, nullptr, WNOHANG);
  while (answer < 0 && errno == EINTR);
  return answer != 0;
}

enum class Look : std::uint8_t { at_those_due, at_all, to_kill };

void look(Look how) {
  const std::lock_guard lock(mutex);
  const Instant now = net::read_steady();
  for (ChildProcess** at = &first; *at;) {
    ChildProcess& process = **at;
    const bool due = how != Look::at_those_due || now >= process.look_at;
    if (due && collected(process.pid)) {
      *at = process.next;
      delete &process;
      continue;
    }
    const Duration waited = now - process.told_at;
    if (due && (waited >= kPatience || how == Look::to_kill)) {
      ::kill(process.pid, SIGKILL);
      process.look_at = now + kAfterKill;
    } else if (due) {
      process.look_at = process.told_at + std::min(kPatience, 2 * std::max(waited, kFirstLook));
    }
    at = &process.next;
  }
  any = first != nullptr;
}

// True: no process is left.
bool wait_for_all() {
  for (int waited_ms = 0; waited_ms < kLastPatienceMs; ++waited_ms) {
    if (any) look(Look::at_all);
    if (!any) return true;
    ::poll(nullptr, 0, 1);
  }
  return false;
}

}  // namespace

void retire_child(std::unique_ptr<ChildProcess> process) {
  if (process->pid > 0 && !collected(process->pid)) {
    ::kill(process->pid, SIGTERM);
    process->told_at = net::read_steady();
    process->look_at = process->told_at + kFirstLook;
    const std::lock_guard lock(mutex);
    process->next = first;
    first = process.release();
    any = true;
    if (!std::exchange(at_exit, true)) std::atexit(finish_children);
  }
  collect_children();
}

std::optional<Instant> children_deadline() {
  if (!any) return std::nullopt;
  const std::lock_guard lock(mutex);
  std::optional<Instant> at;
  for (const ChildProcess* one = first; one; one = one->next) at = std::min(at.value_or(one->look_at), one->look_at);
  return at;
}

void collect_children() {
  if (any) look(Look::at_those_due);
}

void finish_children() {
  if (wait_for_all()) return;
  look(Look::to_kill);
  wait_for_all();
}

}  // namespace sluice::transport
