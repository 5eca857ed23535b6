// See jobs.hpp. Workers take the next seed from shared memory, and send a record for each through a pipe of their own.
#include "tests/sim/jobs.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "core/base/check.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#define SLUICE_SIM_LEAKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define SLUICE_SIM_LEAKS 1
#endif
#endif

namespace sluice::simtest {
namespace {

constexpr unsigned kSecondsForOne = 120;  // a seed takes milliseconds

// What a worker reports about one seed; the texts of a finding follow, cut to a limit.
struct Record {
  std::uint64_t seed, hash, steps;
  std::uint32_t oracle_bytes, message_bytes;
};
constexpr std::size_t kMostText = 1500;

// In memory that all processes share.
struct Shared {
  std::atomic<std::uint64_t> next{0};  // how many seeds were given out
  std::atomic<bool> stop{false};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

#ifdef SLUICE_SIM_LEAKS
constexpr bool kFindsLeaks = true;
bool leaks_memory() { return __lsan_do_recoverable_leak_check() != 0; }
#else
constexpr bool kFindsLeaks = false;
bool leaks_memory() { return false; }
#endif

void write_all(int to, const std::string& bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t wrote = ::write(to, bytes.data() + at, bytes.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) ::_exit(3);  // the parent does not read any more
    at += static_cast<std::size_t>(wrote);
  }
}

std::string encode(std::uint64_t seed, const RunResult& result) {
  const Finding finding = result.finding.value_or(Finding{});
  const std::string oracle = finding.oracle.substr(0, kMostText), message = finding.message.substr(0, kMostText);
  Record record{};
  record.seed = seed;
  record.hash = result.hash;
  record.steps = result.steps;
  record.oracle_bytes = static_cast<std::uint32_t>(oracle.size());
  record.message_bytes = static_cast<std::uint32_t>(message.size());
  return std::string(reinterpret_cast<const char*>(&record), sizeof record) + oracle + message;
}

// Removes the first record from `bytes` and returns it; nullopt: it is incomplete.
std::optional<std::pair<std::uint64_t, RunResult>> decode(std::string& bytes) {
  Record record{};
  if (bytes.size() < sizeof record) return std::nullopt;
  std::memcpy(&record, bytes.data(), sizeof record);
  const std::size_t whole = sizeof record + record.oracle_bytes + record.message_bytes;
  if (bytes.size() < whole) return std::nullopt;
  RunResult result;
  result.hash = record.hash;
  result.steps = record.steps;
  if (record.oracle_bytes > 0) {
    result.finding = Finding{bytes.substr(sizeof record, record.oracle_bytes),
                             bytes.substr(sizeof record + record.oracle_bytes, record.message_bytes)};
  }
  bytes.erase(0, whole);
  return std::pair(record.seed, std::move(result));
}

std::optional<Finding> finding_of_status(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    return Finding{"hangs", "more than " + std::to_string(kSecondsForOne) + " seconds"};
  }
  if (WIFSIGNALED(status)) return Finding{"crash", "signal " + std::to_string(WTERMSIG(status))};
  if (WEXITSTATUS(status) != 0) {
    return Finding{"crash", "exit status " + std::to_string(WEXITSTATUS(status)) + ", as a sanitizer's report has it"};
  }
  return std::nullopt;
}

// The line in the stderr of a crash that identifies it: the summary of a sanitizer, or else the first line, of a CHECK,
// an assertion or UBSan. Addresses, which differ between runs, are removed from the latter.
std::string line_of_crash(const std::string& text) {
  const std::size_t summary = text.find("SUMMARY: ");
  const std::size_t from = summary == std::string::npos ? std::min(text.find_first_not_of('\n'), text.size()) : summary;
  std::string line = text.substr(from, std::min(text.find('\n', from), text.size()) - from);
  if (summary != std::string::npos) return line;
  for (std::size_t at = 0; (at = line.find("0x", at)) != std::string::npos; at += 2) {
    const std::size_t digits = std::min(line.find_first_not_of("0123456789abcdef", at + 2), line.size());
    line.erase(at + 2, digits - at - 2);
  }
  return line;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

class Crew {
 public:
  Crew(const JobOptions& options, const RunSeed& run) : options_(options), run_(run) {
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SLUICE_CHECK(memory != MAP_FAILED);
    shared_ = new (memory) Shared;
  }
  ~Crew() { ::munmap(shared_, sizeof(Shared)); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  Tally go() {
    const auto started = std::chrono::steady_clock::now();
    const std::size_t workers = std::max<std::size_t>(1, std::min<std::uint64_t>(options_.jobs, options_.count));
    for (std::size_t i = 0; i < workers; ++i) hire();
    auto next_progress = started + std::chrono::seconds(10);
    while (!workers_.empty()) {
      listen();
      const auto now = std::chrono::steady_clock::now();
      if (!options_.shows_progress || now < next_progress) continue;
      next_progress = now + std::chrono::seconds(10);
      std::fprintf(stderr, "%llu of %llu seeds, %zu failed\n", static_cast<unsigned long long>(done()),
                   static_cast<unsigned long long>(options_.count), tally_.failures.size());
    }
    tally_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    std::ranges::sort(tally_.failures, {}, &Failure::seed);
    return std::move(tally_);
  }

 private:
  struct Worker {
    pid_t pid = -1;
    int from = -1;
    std::string bytes;
    std::uint64_t at_work = 0;  // the seed that it has begun, as it reported
    bool works = false;
  };

  std::uint64_t done() const { return tally_.passed + tally_.failures.size(); }

  void hire() {
    int ends[2];
    SLUICE_CHECK(::pipe(ends) == 0);
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    SLUICE_CHECK(pid >= 0);
    if (pid == 0) {
      ::close(ends[0]);
      work(ends[1]);
    }
    ::close(ends[1]);
    workers_.push_back({.pid = pid, .from = ends[0], .bytes = {}});
  }

  // Runs in the worker. Reports the seed that it begins, and then the result.
  [[noreturn]] void work(int to) {
    while (!shared_->stop) {
      const std::uint64_t number = shared_->next++;
      if (number >= options_.count) break;
      const std::uint64_t seed = options_.first + number;
      write_all(to, "b" + std::string(reinterpret_cast<const char*>(&seed), sizeof seed));
      ::alarm(kSecondsForOne);
      const RunResult result = run_(seed);
      ::alarm(0);
      if (result.finding && options_.until_failure) shared_->stop = true;
      write_all(to, "e" + encode(seed, result));
    }
    ::_exit(leaks_memory() ? 4 : 0);
  }

  void listen() {
    std::vector<pollfd> polls;
    for (const Worker& worker : workers_) polls.push_back({worker.from, POLLIN, 0});
    if (::poll(polls.data(), polls.size(), 1'000) <= 0) return;
    for (std::size_t i = polls.size(); i-- > 0;) {
      if (polls[i].revents != 0) hear(i);
    }
  }

  void hear(std::size_t index) {
    Worker& worker = workers_[index];
    char buffer[16 * 1024];
    const ssize_t count = ::read(worker.from, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) return;
    if (count > 0) {
      worker.bytes.append(buffer, static_cast<std::size_t>(count));
      take_records(worker);
      return;
    }
    const Worker gone = std::move(worker);
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
    ::close(gone.from);
    const int status = wait_for(gone.pid);
    if (gone.works) {
      tally_.failures.push_back(
          {gone.at_work, finding_of_status(status).value_or(Finding{"crash", "it has left without a word"})});
      if (options_.until_failure) shared_->stop = true;
      hire();
    } else if (status != 0) {
      tally_.failures.push_back({options_.first, {"leaks", "memory is lost in some of the seeds from this one on"}});
    }
  }

  void take_records(Worker& worker) {
    while (!worker.bytes.empty()) {
      if (worker.bytes.front() == 'b') {
        if (worker.bytes.size() < 1 + sizeof worker.at_work) return;
        std::memcpy(&worker.at_work, worker.bytes.data() + 1, sizeof worker.at_work);
        worker.bytes.erase(0, 1 + sizeof worker.at_work);
        worker.works = true;
        continue;
      }
      std::string rest = worker.bytes.substr(1);
      auto record = decode(rest);
      if (!record) return;
      worker.bytes = std::move(rest);
      worker.works = false;
      count(record->first, record->second);
    }
  }

  // A sum, so that the order in which seeds end does not matter.
  void count(std::uint64_t seed, const RunResult& result) {
    std::uint64_t state = seed * 0x9e37'79b9'7f4a'7c15u ^ result.hash;
    tally_.hash += splitmix64(state);
    tally_.steps += result.steps;
    if (result.finding) {
      tally_.failures.push_back({seed, *result.finding});
    } else {
      ++tally_.passed;
    }
  }

  const JobOptions& options_;
  const RunSeed& run_;
  Shared* shared_ = nullptr;
  std::vector<Worker> workers_;
  Tally tally_;
};

}  // namespace

bool finds_leaks() { return kFindsLeaks; }

Tally run_seeds(const JobOptions& options, const RunSeed& run) { return Crew(options, run).go(); }

std::optional<Finding> run_apart(const std::function<RunResult()>& run) {
  int ends[2];
  SLUICE_CHECK(::pipe(ends) == 0);
  std::FILE* const words = std::tmpfile();
  SLUICE_CHECK(words != nullptr);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  SLUICE_CHECK(pid >= 0);
  if (pid == 0) {
    ::close(ends[0]);
    ::dup2(::fileno(words), STDERR_FILENO);
    ::alarm(kSecondsForOne);
    write_all(ends[1], encode(0, run()));
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string bytes;
  char buffer[4096];
  while (true) {
    const ssize_t count = ::read(ends[0], buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  const int status = wait_for(pid);
  std::string said(64 * 1024, '\0');
  std::rewind(words);
  said.resize(std::fread(said.data(), 1, said.size(), words));
  std::fclose(words);
  if (auto record = decode(bytes)) return record->second.finding;
  Finding finding = finding_of_status(status).value_or(Finding{"crash", "it has left without a word"});
  if (const std::string line = line_of_crash(said); finding.oracle == "crash" && !line.empty())
    finding.message += ": " + line;
  return finding;
}

}  // namespace sluice::simtest
