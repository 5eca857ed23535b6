// child_process(): see ../transport.hpp.
//
// Two pipes, as every program expects: with a socket bash reads ~/.bashrc, /dev/stdin cannot be opened, and both
// directions share one O_NONBLOCK. Leaves ending the processes to children.hpp.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "adapters/net/descriptor.hpp"
#include "adapters/transport.hpp"
#include "adapters/transport/children.hpp"
#include "adapters/transport/file_io.hpp"
#include "adapters/transport/words.hpp"

extern char** environ;

namespace sluice {
namespace {

using transport::ChildProcess;
using transport::connect_error;

struct Pipe {
  net::Descriptor read, write;
};

// Returns 0 or an errno. Both ends are blocking, and their numbers are above 2, also if this process runs without
// standard descriptors.
int make_pipe(Pipe& pipe) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
  pipe.read = net::Descriptor(ends[0]);
  pipe.write = net::Descriptor(ends[1]);
  for (net::Descriptor* end : {&pipe.read, &pipe.write}) {
    if (end->get() > STDERR_FILENO) continue;
    net::Descriptor higher(::fcntl(end->get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!higher) return errno;
    *end = std::move(higher);
  }
  return 0;
}

// O_NONBLOCK affects only this end of the pipe: the other end is another open file.
int make_non_blocking(const net::Descriptor& end, int mode) {
  return ::fcntl(end.get(), F_SETFL, mode | O_NONBLOCK) == 0 ? 0 : errno;
}

class ChildStream final : public Transport {
 public:
  ~ChildStream() override {
    to_child_.reset();  // the child first sees the end of its input
    from_child_.reset();
    transport::retire_child(std::move(process_));
  }
  // Returns 0 or an errno. If it fails or throws, no process was started.
  int start(const std::vector<std::string>& words);

  Result<Opening> open() override { return Opening::done; }
  int fd() const override { return from_child_.get(); }
  int write_fd() const override { return to_child_.get(); }
  Transferred receive(MutableBytes space) override {
    Transferred moved = transport::read_file(from_child_.get(), space);
    if (moved.bytes > 0 && moved.bytes < space.size()) moved.would_block = true;  // the pipe was emptied
    return moved;
  }
  Transferred send(std::span<const Bytes> pieces) override { return transport::write_file(to_child_.get(), pieces); }
  std::string end_reason() const override;

 private:
  net::Descriptor to_child_, from_child_;
  std::unique_ptr<ChildProcess> process_ = std::make_unique<ChildProcess>();
};

// The pipes close shortly before waitpid(2) has a result; "" in that case. The process is collected later
// (children.hpp).
std::string ChildStream::end_reason() const {
  siginfo_t info = {};
  const bool known = ::waitid(P_PID, static_cast<id_t>(process_->pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  if (!known || info.si_pid == 0) return {};
  return (info.si_code == CLD_EXITED ? "exited with status " : "killed by signal ") + std::to_string(info.si_status);
}

// The attributes and file actions for posix_spawn; freed by the destructor.
class SpawnSettings {
 public:
  SpawnSettings() : error_(::posix_spawnattr_init(&attributes_)) {
    if (error_ != 0) return;
    error_ = ::posix_spawn_file_actions_init(&actions_);
    if (error_ != 0) ::posix_spawnattr_destroy(&attributes_);
    ready_ = error_ == 0;
  }
  ~SpawnSettings() {
    if (!ready_) return;
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // Returns 0 or an errno. The child gets `input`, `output` and the caller's standard error, and no other descriptor;
  // no signal is ignored or blocked in it.
  int spawn(const std::vector<std::string>& words, int input, int output, pid_t& pid) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    const auto do_all = [&](std::initializer_list<int> errors) {
      for (const int error : errors) error_ = error_ != 0 ? error_ : error;
    };
    if (error_ != 0) return error_;
    do_all({::posix_spawnattr_setsigdefault(&attributes_, &all), ::posix_spawnattr_setsigmask(&attributes_, &none),
            ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK),
            ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO),
            ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO),
            ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1)});
    if (error_ != 0) return error_;
    std::vector<char*> arguments;
    for (const std::string& word : words)
      arguments.push_back(const_cast<char*>(word.c_str()));  // posix_spawn only reads
    arguments.push_back(nullptr);
    return ::posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
  int error_ = 0;
  bool ready_ = false;
};

int ChildStream::start(const std::vector<std::string>& words) {
  Pipe to, from;
  for (const int error : {make_pipe(to), make_pipe(from)}) {
    if (error != 0) return error;
  }
  for (const int error : {make_non_blocking(to.write, O_WRONLY), make_non_blocking(from.read, O_RDONLY)}) {
    if (error != 0) return error;
  }
  const int error = SpawnSettings().spawn(words, to.read.get(), from.write.get(), process_->pid);
  if (error != 0) return process_->pid = -1, error;
  to_child_ = std::move(to.write);
  from_child_ = std::move(from.read);
  return 0;
}

// Replaces %h, %p and %%; other percent signs are unchanged.
std::string expand(const std::string& argument, const DialTarget& target) {
  std::string out;
  for (std::size_t i = 0; i < argument.size(); ++i) {
    const char next = argument[i] == '%' && i + 1 < argument.size() ? argument[i + 1] : '\0';
    if (next == 'h') {
      out += target.host;
    } else if (next == 'p') {
      out += std::to_string(target.port);
    } else if (next == '%') {
      out += '%';
    } else {
      out += argument[i];
      continue;
    }
    ++i;
  }
  return out;
}

// Each word has its length before it, so that different commands have different identities.
std::string identity_of(const std::vector<std::string>& command) {
  std::string identity = "child:";
  for (const std::string& word : command) identity += std::to_string(word.size()) + ':' + word;
  return identity;
}

class ChildDialer final : public Dialer {
 public:
  // The arguments are not in the name, because they may hold secrets.
  explicit ChildDialer(std::vector<std::string> command)
      : Dialer(identity_of(command), "command " + command[0], 0), command_(std::move(command)) {}

  Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal) override {
    const std::string attempt = "connect by " + name();
    if (target.host.starts_with('-') || target.host.find('\0') != std::string::npos) {
      return std::unexpected(make_error(Code::connect_failed, attempt + ": the host is no name to hand to a program"));
    }
    transport::collect_children();
    std::vector<std::string> words = {command_[0]};
    for (std::size_t i = 1; i < command_.size(); ++i) words.push_back(expand(command_[i], target));
    auto stream = std::make_unique<ChildStream>();
    if (const int error = stream->start(words); error != 0) return std::unexpected(connect_error(attempt, error));
    return stream;
  }

 private:
  const std::vector<std::string> command_;
};

}  // namespace

Result<std::shared_ptr<Dialer>> child_process(std::vector<std::string> command) {
  if (command.empty() || command[0].empty()) {
    return std::unexpected(make_error(Code::invalid_option, "a child process needs the name of a program"));
  }
  for (const std::string& word : command) {
    if (word.find('\0') == std::string::npos) continue;
    return std::unexpected(make_error(Code::invalid_option, "a command cannot hold a NUL byte"));
  }
  return std::make_shared<ChildDialer>(std::move(command));
}

}  // namespace sluice
