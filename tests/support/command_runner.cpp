// See command_runner.hpp.
#include "tests/support/command_runner.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "core/base/ascii.hpp"

namespace sluice::test {
namespace {

constexpr auto kLongestRun = std::chrono::seconds(60);

// Runs in the child between fork and exec: uses only calls that are safe there.
void redirect(int from, int to) {
  if (from < 0 || ::dup2(from, to) < 0) ::_exit(126);
}

// Whether what the user has set, an entry "NAME=VALUE", would change what the command does.
bool changes_runs(std::string_view entry) {
  const std::string name = to_lower(entry.substr(0, entry.find('=')));
  return name == "home" || name == "sslkeylogfile" || name.ends_with("_proxy");
}

}  // namespace

std::string command_path() {
  if (const char* path = std::getenv("SLUICE_COMMAND"); path != nullptr && *path != '\0') return path;
  const auto own = std::filesystem::read_symlink("/proc/self/exe");
  return (own.parent_path().parent_path().parent_path() / "adapters/cli/sluice").string();
}

RunningCommand::RunningCommand(std::vector<std::string> arguments, const CommandOptions& options) {
  const std::string binary = command_path();
  if (::access(binary.c_str(), X_OK) != 0) throw std::runtime_error("there is no command at " + binary);
  const auto directory = options.directory.empty() ? own_.path() / "work" : options.directory;
  std::filesystem::create_directories(directory);
  const std::string out = options.stdout_path.empty() ? (own_.path() / "out").string() : options.stdout_path;
  const std::string err = (own_.path() / "err").string();

  std::array<int, 2> input = {-1, -1};
  if (options.stdin_text) {
    if (::pipe2(input.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    if (::write(input[1], options.stdin_text->data(), options.stdin_text->size()) < 0)
      throw std::runtime_error("write to a pipe");
    ::close(input[1]);
  }
  arguments.insert(arguments.begin(), binary);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<std::string> environment = options.environment;
  environment.push_back("HOME=" + own_.path().string());  // the ~/.sluicerc of the user is not read
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    if (!changes_runs(*entry)) environment.emplace_back(*entry);
  }
  std::vector<char*> envp;
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);

  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    int in = options.stdin_text ? input[0] : options.stdin_fd;
    if (in < 0) in = ::open("/dev/null", O_RDONLY);
    redirect(in, STDIN_FILENO);
    redirect(options.stdout_fd >= 0 ? options.stdout_fd : ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600),
             STDOUT_FILENO);
    redirect(options.stderr_fd >= 0 ? options.stderr_fd : ::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600),
             STDERR_FILENO);
    if (::chdir(directory.c_str()) != 0) ::_exit(126);
    if (options.most_descriptors > 0) {
      const rlimit limit = {.rlim_cur = static_cast<rlim_t>(options.most_descriptors),
                            .rlim_max = static_cast<rlim_t>(options.most_descriptors)};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::_exit(126);
    }
    ::execve(binary.c_str(), argv.data(), envp.data());
    ::_exit(127);
  }
  if (input[0] >= 0) ::close(input[0]);
}

RunningCommand::~RunningCommand() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

CommandResult RunningCommand::wait() {
  const auto end = std::chrono::steady_clock::now() + kLongestRun;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  pid_ = -1;
  CommandResult result;
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (std::filesystem::exists(own_.path() / "out")) result.out = read_file(own_.path() / "out");
  if (std::filesystem::exists(own_.path() / "err")) result.err = read_file(own_.path() / "err");
  return result;
}

CommandResult run_command(std::vector<std::string> arguments, const CommandOptions& options) {
  return RunningCommand(std::move(arguments), options).wait();
}

}  // namespace sluice::test
