// Multi with select(2): a wait for an application's own loop, and the smallest complete loop.
// Knows select(2) and its limit: descriptors must be below FD_SETSIZE. Leaves everything else to Multi. If more
// descriptors may be open, Multi::poll() does the same without the limit.
//
// Example: fetches all the URLs of its command line at once, while a timer of its own says how many still run.
//   #include <algorithm>
//   #include <chrono>
//   #include <iostream>
//   #include <utility>
//
//   #include <sluice/select.hpp>
//
//   using namespace std::chrono_literals;
//
//   int main(int argc, char** argv) {
//     sluice::TransferHandler discard;  // whose defaults drop what comes; must outlive the transfers
//     const auto multi = sluice::Multi::create().value();
//     int succeeded = 0;
//     for (int i = 1; i < argc; ++i) {
//       sluice::Request request;
//       const auto url = sluice::Url::parse(argv[i]);
//       if (url) request.url = *url;
//       const auto added = url ? multi->add(std::move(request), {}, &discard) : std::unexpected(url.error());
//       if (!added) std::cerr << added.error().message() << '\n';
//     }
//     for (auto tick = multi->now() + 100ms;;) {
//       const sluice::Drive drive = multi->perform();
//       while (const auto message = multi->info_read()) {
//         const auto url = multi->request(message->transfer).url.text_without_secrets();
//         const auto bytes = message->progress.received_body_bytes;
//         if (message->result) std::cout << message->status << ' ' << bytes << ' ' << url << '\n';
//         else std::cerr << message->result.error().message() << '\n';
//         succeeded += message->result.has_value();
//         multi->remove(message->transfer);
//       }
//       if (multi->running() == 0 || drive == sluice::Drive::failed) break;
//       const auto left = std::chrono::ceil<std::chrono::milliseconds>(tick - multi->now());
//       // Descriptors of your own would stand in the empty braces.
//       if (!sluice::select_wait(*multi, {}, std::max(left, 0ms))) break;  // one does not fit in an fd_set
//       if (multi->now() < tick) continue;
//       std::cerr << multi->running() << " running\n";
//       tick = multi->now() + 100ms;
//     }
//     return succeeded == argc - 1 ? 0 : 1;
//   }
#pragma once

#include <chrono>
#include <span>

#include "multi.hpp"

namespace sluice {

// Waits with select(2) until a watched descriptor or one of `extra` is ready (their `ready` is set), until the Multi's
// deadline, a wakeup(), or for `longest`. Runs no transfer: call perform() next, also after an error. Each wakeup() is
// reported once, also one that came during a perform(). Must not be called in a callback. Errors: descriptor_too_large
// (a descriptor does not fit into an fd_set), internal (select(2) failed).
Result<PollResult> select_wait(Multi& multi, std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest);

// Drives the Multi until no transfer runs. Messages stay in the Multi for info_read(). Errors: as select_wait();
// recursive_call; invalid_option (all remaining transfers are paused, and nothing could call resume()); internal, or
// the drive failed.
Result<void> run(Multi& multi);

}  // namespace sluice
