// What every benchmark program measures of its own process (rusage), and the one line that it prints. Independent of
// HTTP.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

struct Job {
  const char* url = nullptr;
  std::size_t at_once = 1;
  std::uint64_t requests = 0;  // measured requests, after a first round that opens every connection
  const char* ca_file = nullptr;
  bool each_its_own = false;  // each request has a connection of its own
  bool shares_one = false;    // all requests share one HTTP/2 connection

  // PROGRAM URL AT_ONCE REQUESTS [CA_FILE|-] [own|h2]
  static Job from(int count, char** words) {
    if (count < 4) {
      std::fprintf(stderr, "usage: %s URL AT_ONCE REQUESTS [CA_FILE|-] [own|h2]\n", words[0]);
      std::exit(2);
    }
    rlimit descriptors = {};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    const auto says = [&](const char* word) { return count > 5 && std::strcmp(words[5], word) == 0; };
    return {words[1],
            std::strtoull(words[2], nullptr, 10),
            std::strtoull(words[3], nullptr, 10),
            count > 4 && std::strcmp(words[4], "-") != 0 ? words[4] : nullptr,
            says("own"),
            says("h2")};
  }
};

class Figures {
 public:
  Figures() { begin(); }
  // Starts the measurement; memory is measured from the first call.
  void begin() {
    if (base_kib_ == 0) base_kib_ = usage().ru_maxrss;
    cpu_ = cpu_seconds();
    wall_ = std::chrono::steady_clock::now();
  }
  void end() {
    cpu_ = cpu_seconds() - cpu_;
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_).count();
  }
  void print(std::uint64_t requests, std::uint64_t bytes) const {
    std::printf("requests=%llu bytes=%llu seconds=%.6f cpu=%.6f memory_kib=%ld\n",
                static_cast<unsigned long long>(requests), static_cast<unsigned long long>(bytes), seconds_, cpu_,
                usage().ru_maxrss - base_kib_);
  }

 private:
  static rusage usage() {
    rusage used = {};
    getrusage(RUSAGE_SELF, &used);
    return used;
  }
  static double cpu_seconds() {
    const rusage used = usage();
    return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  }
  long base_kib_ = 0;
  double cpu_ = 0, seconds_ = 0;
  std::chrono::steady_clock::time_point wall_;
};

[[noreturn]] inline void die(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

}  // namespace bench
