#include "adapters/cli/output_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "adapters/cli/interrupt.hpp"

namespace sluice::cli {
namespace {

constexpr std::string_view kPartSuffix = ".part";
constexpr std::size_t kMaxNameBytes = NAME_MAX;

std::unexpected<std::string> failed(std::string_view what, const std::string& path, int error) {
  return std::unexpected(std::string(what) + " " + path + ": " + std::strerror(error));
}

bool same_file(int fd, const std::string& path) {
  struct stat by_fd = {};
  struct stat by_path = {};
  return ::fstat(fd, &by_fd) == 0 && ::stat(path.c_str(), &by_path) == 0 && by_fd.st_dev == by_path.st_dev &&
         by_fd.st_ino == by_path.st_ino;
}

std::string part_name(const std::string& target) {
  const std::size_t slash = target.rfind('/');
  const std::size_t name_begin = slash == std::string::npos ? 0 : slash + 1;
  // A name that is as long as names may be still has a part.
  return target.substr(0, name_begin + std::min(target.size() - name_begin, kMaxNameBytes - kPartSuffix.size())) +
         std::string(kPartSuffix);
}

}  // namespace

OutputFile::OutputFile(std::string path, bool create_directories)
    : path_(std::move(path)), create_directories_(create_directories) {}

OutputFile::~OutputFile() { abandon(); }

FileResult<void> OutputFile::open() {
  if (is_standard_output()) {
    fd_ = STDOUT_FILENO;
    return {};
  }
  target_ = path_;
  if (create_directories_) {
    if (auto made = create_parent_directories(path_); !made) return made;
  }
  struct stat present = {};
  if (::stat(path_.c_str(), &present) != 0) {
    // Its part has a shorter name: better said now than when the whole body is there.
    if (errno == ENAMETOOLONG) return failed("write to", path_, errno);
    return open_part();
  }
  if (S_ISDIR(present.st_mode)) return failed("write to", path_, EISDIR);
  if (!S_ISREG(present.st_mode)) {  // a device or a pipe has no name to be renamed to
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd_ < 0) return failed("write to", path_, errno);
    return {};
  }
  if (::access(path_.c_str(), W_OK) != 0) return failed("write to", path_, errno);
  std::array<char, PATH_MAX> real = {};
  if (::realpath(path_.c_str(), real.data()) == nullptr) return failed("write to", path_, errno);
  target_ = real.data();
  if (auto opened = open_part(); !opened) return opened;
  ::fchmod(fd_, present.st_mode & 0777);  // keeps the permissions of what is going to be replaced
  return {};
}

FileResult<void> OutputFile::open_part() {
  part_ = part_name(target_);
  // Another process may be writing the same file, or just be giving it its final name: only one that is locked and
  // still stands under its name is ours to empty.
  for (int attempt = 0; attempt < 8; ++attempt) {
    fd_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (fd_ < 0) break;
    struct stat status = {};
    if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
      errno = EINVAL;
      break;
    }
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) errno = EBUSY;
      break;
    }
    if (same_file(fd_, part_)) {
      if (::ftruncate(fd_, 0) != 0) break;
      return {};
    }
    ::close(fd_);
    fd_ = -1;
    errno = EBUSY;
  }
  const int error = errno;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  const std::string name = part_;
  part_.clear();
  if (error == EBUSY) return std::unexpected("write to " + name + ": another process is writing it");
  return failed("write to", name, error);
}

FileResult<void> OutputFile::write(Bytes bytes) {
  return write_all(fd_, bytes, is_standard_output() ? "standard output" : path_);
}

FileResult<void> OutputFile::commit() {
  if (fd_ < 0) return {};
  const int fd = fd_;
  if (is_standard_output()) {
    fd_ = -1;
    return {};
  }
  // Some file systems report a full disk on close only: ask by closing a copy, while ours still holds the lock.
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0 || ::close(copy) != 0) return failed("write to", path_, errno);
  if (!part_.empty() && ::rename(part_.c_str(), target_.c_str()) != 0) {
    return std::unexpected("rename " + part_ + " to " + target_ + ": " + std::strerror(errno));
  }
  fd_ = -1;
  ::close(fd);
  return {};
}

std::string OutputFile::abandon() {
  if (fd_ < 0) return "";
  if (!is_standard_output()) ::close(fd_);
  fd_ = -1;
  return part_;
}

FileResult<void> write_all(int fd, Bytes bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR && interrupted_by() == 0) continue;
    if (written < 0 && errno == EAGAIN) {  // somebody else has made the open file non-blocking
      pollfd writable = {.fd = fd, .events = POLLOUT, .revents = 0};
      if (::poll(&writable, 1, -1) > 0 || (errno == EINTR && interrupted_by() == 0)) continue;
    }
    if (written < 0) return failed("write to", name, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

FileResult<void> create_parent_directories(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string directory = path.substr(0, at);
    if (::mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST) continue;
    // "Read-only" or "permission denied" may be said of one that is there already.
    const int error = errno;
    struct stat present = {};
    if (::stat(directory.c_str(), &present) != 0) return failed("create directory", directory, error);
  }
  return {};
}

std::string path_key(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  return (error ? std::filesystem::path(path) : absolute).lexically_normal().string();
}

}  // namespace sluice::cli
