// child_process(): see ../transport.hpp.
//
// A socket pair is the child's standard input and output at once, so there is one descriptor to watch, and writing to a
// child that is gone raises no SIGPIPE. Ended children are collected without waiting: when their connection is closed,
// when another is dialled, and at the latest, then with a little patience, when the dialer and its last connection are
// gone. A process is signalled only while waitpid() says that it is an uncollected child of ours, so never another one
// that got its number.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

#include "adapters/net/clock.hpp"
#include "adapters/transport/socket_stream.hpp"
#include "adapters/transport/words.hpp"

extern char** environ;

namespace sluice {
namespace {

using transport::connect_error;
using transport::SocketStream;

// After SIGTERM a child has this long before SIGKILL follows; the first while others come and go, the second in the
// end.
constexpr Duration kPatience = std::chrono::seconds(1);
constexpr int kLastPatienceMs = 100;

// Also true if somebody else has collected it, or SIGCHLD is ignored.
bool collected(pid_t pid, int flags = WNOHANG) {
  pid_t answer = 0;
  do answer = ::waitpid(pid, nullptr, flags);
  while (answer < 0 && errno == EINTR);
  return answer != 0;
}

// The processes of one dialer that have not been collected.
class Children {
 public:
  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children() {
    for (int waited_ms = 0; waited_ms < kLastPatienceMs; ++waited_ms) {
      collect_ended();
      if (processes_.empty()) return;
      ::poll(nullptr, 0, 1);
    }
    for (const Process& process : processes_) {
      if (collected(process.pid)) continue;
      ::kill(process.pid, SIGKILL);
      collected(process.pid, 0);
    }
  }

  void add(pid_t pid) { processes_.push_back({pid, std::nullopt}); }

  // Its connection is closed.
  void retire(pid_t pid) {
    const auto at =
        std::find_if(processes_.begin(), processes_.end(), [&](const Process& one) { return one.pid == pid; });
    if (at == processes_.end()) return;
    if (!collected(pid)) {
      ::kill(pid, SIGTERM);
      at->told_at = net::read_steady();
    } else {
      processes_.erase(at);
    }
    collect();
  }

  void collect() {
    collect_ended();
    const Instant now = net::read_steady();
    for (const Process& process : processes_) {
      if (process.told_at && now - *process.told_at >= kPatience) ::kill(process.pid, SIGKILL);
    }
  }

 private:
  struct Process {
    pid_t pid = -1;
    std::optional<Instant> told_at;  // to end
  };

  void collect_ended() {
    std::erase_if(processes_, [](const Process& one) { return one.told_at && collected(one.pid); });
  }

  std::vector<Process> processes_;
};

class ChildStream final : public SocketStream {
 public:
  ChildStream(net::Descriptor socket, pid_t pid, std::shared_ptr<Children> children)
      : SocketStream(std::move(socket)), pid_(pid), children_(std::move(children)) {}
  ~ChildStream() override {
    socket_.reset();  // the end of its input is the first thing a child hears
    children_->retire(pid_);
  }
  Result<Opening> open() override { return Opening::done; }

  // ECONNRESET: it has ended without reading all it was sent, which for a pipe would be the end of its output and
  // nothing else.
  Transferred receive(MutableBytes space) override {
    Transferred moved = SocketStream::receive(space);
    if (moved.error == ECONNRESET) moved = {.bytes = 0, .would_block = false, .eof = true, .error = 0};
    return moved;
  }

 private:
  const pid_t pid_;
  const std::shared_ptr<Children> children_;
};

// What posix_spawn needs besides the command, released again.
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

  // Answers 0 or an errno. The child gets `socket`, its standard error, and nothing else of ours; no signal is ignored
  // or held back.
  int spawn(const std::vector<std::string>& words, int socket, pid_t& pid) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    const auto do_all = [&](std::initializer_list<int> errors) {
      for (const int error : errors) error_ = error_ != 0 ? error_ : error;
    };
    if (error_ != 0) return error_;
    do_all({::posix_spawnattr_setsigdefault(&attributes_, &all), ::posix_spawnattr_setsigmask(&attributes_, &none),
            ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK),
            ::posix_spawn_file_actions_adddup2(&actions_, socket, STDIN_FILENO),
            ::posix_spawn_file_actions_adddup2(&actions_, socket, STDOUT_FILENO),
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

// %h, %p and %%; any other percent sign stands for itself.
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

// Every word with its length before it, so that no two commands look alike.
std::string identity_of(const std::vector<std::string>& command) {
  std::string identity = "child:";
  for (const std::string& word : command) identity += std::to_string(word.size()) + ':' + word;
  return identity;
}

class ChildDialer final : public Dialer {
 public:
  // The name leaves the arguments out: they may hold secrets.
  explicit ChildDialer(std::vector<std::string> command)
      : Dialer(identity_of(command), "command " + command[0], 0), command_(std::move(command)) {}

  Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal) override {
    const std::string attempt = "connect by " + name();
    if (target.host.starts_with('-') || target.host.find('\0') != std::string::npos) {
      return std::unexpected(make_error(Code::connect_failed, attempt + ": the host is no name to hand to a program"));
    }
    children_->collect();
    std::vector<std::string> words = {command_[0]};
    for (std::size_t i = 1; i < command_.size(); ++i) words.push_back(expand(command_[i], target));

    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      return std::unexpected(connect_error(attempt, errno));
    }
    net::Descriptor ours(ends[0]);
    const net::Descriptor theirs(ends[1]);  // blocking, as programs expect it
    if (::fcntl(ours.get(), F_SETFL, O_RDWR | O_NONBLOCK) != 0) return std::unexpected(connect_error(attempt, errno));
    pid_t pid = -1;
    if (const int error = SpawnSettings().spawn(words, theirs.get(), pid); error != 0) {
      return std::unexpected(connect_error(attempt, error));
    }
    children_->add(pid);
    return std::make_unique<ChildStream>(std::move(ours), pid, children_);
  }

 private:
  const std::vector<std::string> command_;
  const std::shared_ptr<Children> children_ = std::make_shared<Children>();
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
