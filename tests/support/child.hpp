// A program as a child process of a test: started, waited for until it is ready, and ended by its pid, also if the test
// dies first. Knows processes and loopback ports. Leaves the program and its configuration to others.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sluice::test {

class Child {
 public:
  Child() = default;
  // Starts `command` (found by PATH); its output is appended to `log`.
  Child(const std::vector<std::string>& command, const std::filesystem::path& log);
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;

  pid_t pid() const { return pid_; }
  bool alive();     // collects the process if it has ended
  void stop();      // SIGTERM, then SIGKILL after a while; waits for the end
  void kill_now();  // SIGKILL to it and all of its own children
  // Waits until all `ports` on 127.0.0.1 accept connections; false: the process ended, or ten seconds have passed.
  bool wait_until_accepting(const std::vector<std::uint16_t>& ports);

 private:
  pid_t pid_ = -1;
};

// Different ports on 127.0.0.1 that were free a moment ago. Another process may take one before it is used, so the
// caller must try again with other ports if its server does not start.
std::vector<std::uint16_t> free_ports(std::size_t count);

// The direct children of `pid`, read from /proc.
std::vector<pid_t> children_of(pid_t pid);

// An empty folder that the destructor removes with its content.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void write_file(const std::filesystem::path& path, const std::string& text);
std::string read_file(const std::filesystem::path& path);

}  // namespace sluice::test
