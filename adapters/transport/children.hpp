// What becomes of the processes behind child_process() when their connections are closed: told to end, killed when they
// take too long, collected. One list for the whole program, since a process may outlive its dialer and its Multi. Any
// thread.
//
// A process is signalled only while waitpid(2) says that it is an uncollected child of ours, so never another one that
// got its number.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include "core/types.hpp"

namespace sluice::transport {

// Made before the process is started, so that no lack of memory can lose it.
struct ChildProcess {
  pid_t pid = -1;
  Instant told_at, look_at;
  ChildProcess* next = nullptr;  // in the list, which owns it then
};

// Its connection is closed: SIGTERM. Never waits.
void retire_child(std::unique_ptr<ChildProcess> process);

// When collect_children() is due; none: nothing is left.
std::optional<Instant> children_deadline();
// Looks at those that are due: takes what has ended, and kills what was told a second ago. Never waits.
void collect_children();
// Waits for all that were told, a tenth of a second at most, and kills the rest. At the end of the program it is called
// by itself.
void finish_children();

}  // namespace sluice::transport
