// Thousands of URLs in one run of the `sluice` command: all are fetched, and they cost little more memory than few.
#include <doctest/doctest.h>

#include <sys/types.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>

#include "tests/support/command_runner.hpp"
#include "tests/support/origin_server.hpp"

using namespace sluice::test;

namespace {

// What a URL may cost in KiB: it is read and checked before the first is fetched, so it costs something. What must cost
// nothing is a transfer that has ended. ASan makes each allocation larger.
#if defined(__SANITIZE_ADDRESS__)
constexpr long kMostForEach = 4;
#elif defined(__has_feature)
constexpr long kMostForEach = __has_feature(address_sanitizer) ? 4 : 1;
#else
constexpr long kMostForEach = 1;
#endif

// ASan keeps freed memory, which would count as used.
const std::string kLittleQuarantine =
    "ASAN_OPTIONS=" + std::string(std::getenv("ASAN_OPTIONS") ? std::getenv("ASAN_OPTIONS") : "") +
    ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64";

// The most memory that the process has had so far, in KiB; 0: it has ended.
long most_memory(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  const std::size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::strtol(status.c_str() + at + 6, nullptr, 10);
}

// Fetches that many URLs from a file; returns the most memory that the command had, in KiB. What the system tells of a
// child that has ended includes the time before exec, when it was a copy of this program.
long peak_of(OriginServer& server, int urls) {
  const TempFolder folder;
  std::string list;
  for (int i = 0; i < urls; ++i) list += server.http("/100/" + std::to_string(i)) + "\n";
  write_file(folder.path() / "list", list);
  const int before = server.requests();
  const std::filesystem::path down = folder.path() / "down";
  RunningCommand running(
      {"-sS", "--create-dirs", "--output-dir", "down", "-w", "%{http_code} %{size_download}\\n", "--url", "@list"},
      {.directory = folder.path(), .environment = {kLittleQuarantine}});
  long peak = 0;
  while (const long now = most_memory(running.pid())) {
    peak = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const CommandResult result = running.wait();
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(server.requests() - before == urls);
  std::string expected;
  for (int i = 0; i < urls; ++i) expected += "200 100\n";
  CHECK(result.out == expected);
  CHECK(std::distance(std::filesystem::directory_iterator(down), {}) == urls);
  CHECK(read_file(down / std::to_string(urls - 1)) == pattern(100, static_cast<std::uint64_t>(urls - 1)));
  CHECK(peak > 0);
  return peak;
}

}  // namespace

TEST_CASE("--url @FILE: ten thousand URLs in one run, of which each costs little memory") {
  OriginServer server;
  const long few = peak_of(server, 100);
  const long many = peak_of(server, 10'000);
  INFO(few << " KiB, " << many << " KiB");
  CHECK(many - few < 10'000 * kMostForEach);
}
