// A program as a child of the test: started, watched until it is ready, and ended by its pid, also when the test dies
// first. Knows processes and loopback ports; what the program is, and how it is configured, belongs to others.
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
  // Starts `command` (found by PATH); what it writes goes to the end of `log`.
  Child(const std::vector<std::string>& command, const std::filesystem::path& log);
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;

  pid_t pid() const { return pid_; }
  bool alive();     // collects it when it has ended
  void stop();      // SIGTERM, then SIGKILL after a while; waits for the end
  void kill_now();  // SIGKILL to it and all of its own children
  // Waits until every one of `ports` on 127.0.0.1 accepts; false: it ended, or ten seconds have passed.
  bool wait_until_accepting(const std::vector<std::uint16_t>& ports);

 private:
  pid_t pid_ = -1;
};

// Ports on 127.0.0.1 that were free a moment ago, all different. Another process may still take one first, so whoever
// starts a server on them tries again with others when it does not come up.
std::vector<std::uint16_t> free_ports(std::size_t count);

// The direct children of `pid`, by /proc.
std::vector<pid_t> children_of(pid_t pid);

// A folder that is empty at first and gone with the object.
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
