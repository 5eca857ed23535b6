// See upload_source.hpp.
#include "adapters/cli/upload_source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace sluice::cli {

std::expected<std::unique_ptr<UploadSource>, std::string> UploadSource::open(const std::string& path) {
  const bool standard_input = path == "-";
  const std::string name = standard_input ? "standard input" : path;
  const auto failed = [&](int error) { return std::unexpected("read " + name + ": " + std::strerror(error)); };
  // A descriptor of its own in both cases, so that closing it does not close the standard input.
  const int fd = standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return failed(errno);
  struct stat status = {};
  int error = ::fstat(fd, &status) != 0 ? errno : 0;
  if (error == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
  if (error != 0) {
    ::close(fd);
    return failed(error);
  }
  std::optional<std::uint64_t> length;
  off_t at = 0;
  if (S_ISREG(status.st_mode)) {
    at = std::max<off_t>(0, ::lseek(fd, 0, SEEK_CUR));
    length = static_cast<std::uint64_t>(std::max<off_t>(0, status.st_size - at));
  }
  return std::unique_ptr<UploadSource>(new UploadSource(fd, name, length, at));
}

UploadSource::~UploadSource() { ::close(fd_); }

bool UploadSource::rewind() {
  if (length_ ? ::lseek(fd_, start_, SEEK_SET) < 0 : read_ > kept_.size()) return false;
  sent_ = 0;
  return true;
}

bool UploadSource::begin_at(std::uint64_t position) {
  if (!length_ || position >= *length_) return false;
  const off_t at = start_ + static_cast<off_t>(position);
  if (::lseek(fd_, at, SEEK_SET) != at) return false;
  start_ = at;
  *length_ -= position;
  return true;
}

std::expected<UploadSource::Piece, std::string> UploadSource::read(MutableBytes space) {
  if (length_) space = space.first(static_cast<std::size_t>(std::min<std::uint64_t>(space.size(), *length_ - sent_)));
  if (space.empty()) return Piece{.end = length_ && sent_ == *length_};
  if (!length_ && sent_ < read_) {  // after a rewind
    const std::string_view rest = std::string_view(kept_).substr(static_cast<std::size_t>(sent_));
    const std::size_t count = std::min(space.size(), rest.size());
    std::memcpy(space.data(), rest.data(), count);
    sent_ += count;
    return Piece{.bytes = count};
  }
  if (!length_) {
    pollfd watched = {.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 0) == 0) return Piece{.later = true};
  }
  ssize_t count = 0;
  do {
    count = ::read(fd_, space.data(), space.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return Piece{.later = true};
  if (count < 0) return std::unexpected("read " + name_ + ": " + std::strerror(errno));
  if (count == 0 && length_) {
    return std::unexpected("read " + name_ + ": it became shorter, " + std::to_string(sent_) + " of " +
                           std::to_string(*length_) + " bytes");
  }
  sent_ += static_cast<std::uint64_t>(count);
  if (!length_) {
    read_ = sent_;
    const std::string_view bytes = as_text(space.first(static_cast<std::size_t>(count)));
    kept_ += bytes.substr(0, kKeptBytes - kept_.size());
  }
  return Piece{.bytes = static_cast<std::size_t>(count), .end = count == 0 || (length_ && sent_ == *length_)};
}

}  // namespace sluice::cli
