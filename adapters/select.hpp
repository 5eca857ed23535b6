// Multi over select(2): one wait for a loop of your own, and the smallest loop there is.
//
//   for (;;) {
//     const sluice::Drive drive = multi.perform();
//     while (auto message = multi.info_read()) finished(*message);
//     const auto longest = drive == sluice::Drive::call_again ? 0ms : until_my_next_timer();
//     if (auto waited = sluice::select_wait(multi, my_descriptors, longest); !waited) return give_up(waited.error());
//   }
//
// Knows select(2) and its limit of FD_SETSIZE descriptor numbers. Leaves everything else to Multi; where more
// descriptors may be open, Multi::poll() does the same without the limit.
#pragma once

#include <chrono>
#include <span>

#include "adapters/multi.hpp"

namespace sluice {

// Waits by select(2) for any watch, `extra` (each one's `ready` is filled), the Multi's deadline, a wakeup() or
// `longest`. Does no transfer work: call perform() next, whatever it answers. A wakeup() is told of once, also one that came during a
// perform(). Not for callbacks, which must not wait. Errors: descriptor_too_large, one does not fit in an
// fd_set; internal with what select(2) answered.
Result<PollResult> select_wait(Multi& multi, std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest);

// Drives until no transfer is running. Messages stay in the Multi for info_read(). Errors: as select_wait();
// recursive_call; invalid_option when every transfer left is paused, for which nobody else could call resume().
Result<void> run(Multi& multi);

}  // namespace sluice
