// The command's limits of speed over loopback: --limit-rate in both directions, -y and -Y.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

struct Timed {
  CommandResult result;
  std::chrono::steady_clock::duration took;
};
Timed timed(const std::vector<std::string>& words) {
  const auto begun = std::chrono::steady_clock::now();
  CommandResult result = run_command(words);
  return {std::move(result), std::chrono::steady_clock::now() - begun};
}

}  // namespace

TEST_CASE("--limit-rate: a download and an upload take the time that their size needs") {
  const std::string body(60'000, 'x');
  LoopbackServer server([&](const std::string& request) { return ok(request.starts_with("GET") ? body : "done"); });
  const Timed down = timed({"-sS", "--limit-rate", "40000", server.url()});
  CHECK(down.result.out == body);
  CHECK(down.took >= 1300ms);
  CHECK(down.took < 5s);
  const Timed up = timed({"-sS", "--limit-rate", "40000", "--data-binary", body, server.url()});
  CHECK(up.result.out == "done");
  CHECK(up.took >= 1300ms);
  CHECK(up.took < 5s);
  CHECK(timed({"-sS", "--limit-rate", "0", server.url()}).took < 1300ms);
}

TEST_CASE("-y and -Y: a transfer that is too slow ends with 28 and says how slow it was") {
  LoopbackServer server([&](const std::string& request) {
    if (request.starts_with("GET /fine")) return ok("0123456789");
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789", .hold = false};
  });
  const Timed slow = timed({"-sS", "-y", "1", "-Y", "1000", server.url("/slow")});
  CHECK(slow.result.exit_code == 28);
  CHECK(slow.result.out == "0123456789");
  CHECK(slow.result.err.contains("slower than 1000 bytes a second for 1000 ms, with 10 bytes received and 0 sent"));
  CHECK(slow.took >= 1s);
  CHECK(slow.took < 5s);
  CHECK(run_command({"-sS", "-y", "1", "-Y", "1000", server.url("/fine")}).out == "0123456789");
}
