// `sluice --demo`: shows the main job offline. Starts the demonstration's server, has the command download
// its files in parallel, half of them over HTTPS with a CA made on the spot, checks every checksum, and says what
// happened.
#pragma once

namespace sluice::demo {

// The exit code: 0 when every file came whole, 1 when anything went wrong.
int run_demo();

}  // namespace sluice::demo
