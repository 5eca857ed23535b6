// Ends the processes of child_process() after their connections are closed: SIGTERM, SIGKILL if they do not end in
// time, and waitpid(2). One list for the whole program, because a process may outlive its dialer and its Multi. All
// functions may be called from any thread. Leaves starting processes to child.cpp.
//
// A process gets a signal only while waitpid(2) shows that it is an uncollected child of this process, so never another
// process with the same number.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include "core/types.hpp"

namespace sluice::transport {

// Allocated before the process is started, so that a lack of memory cannot lose it.
struct ChildProcess {
  pid_t pid = -1;
  Instant told_at, look_at;
  ChildProcess* next = nullptr;  // next in the list, which then owns it
};

// Its connection is closed: sends SIGTERM. Does not wait.
void retire_child(std::unique_ptr<ChildProcess> process);

// When collect_children() is due; nullopt: no process is left.
std::optional<Instant> children_deadline();
// Checks the processes that are due: collects those that have ended, and sends SIGKILL one second after SIGTERM. Does
// not wait.
void collect_children();
// Waits for all retired processes, at most 100 ms, then kills and collects the rest. Called automatically at exit(3).
void finish_children();

}  // namespace sluice::transport
