// `sluice --demo`: a demonstration without a network. Starts a server on loopback, downloads its files in parallel,
// half of them over HTTPS with a new CA, checks every checksum, and reports the result. Leaves the server to demo/.
#pragma once

namespace sluice::demo {

// The exit code: 0 if every file is complete and correct, else 1.
int run_demo();

}  // namespace sluice::demo
