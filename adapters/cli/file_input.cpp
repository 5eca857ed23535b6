// See file_input.hpp.
#include "adapters/cli/file_input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace sluice::cli {
namespace {

using Text = std::expected<std::string, std::string>;

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

Text failed() { return std::unexpected(std::string(std::strerror(errno))); }

// Drops the first bytes, and returns what follows, up to `count` bytes.
Text read_from(int fd, std::uint64_t dropped, std::uint64_t count, std::size_t most) {
  std::string text;
  char buffer[64 * 1024];
  while (count > 0) {
    const bool drops = dropped > 0;
    const std::uint64_t wanted = std::min<std::uint64_t>(sizeof(buffer), drops ? dropped : count);
    const ssize_t got = ::read(fd, buffer, static_cast<std::size_t>(wanted));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    (drops ? dropped : count) -= static_cast<std::uint64_t>(got);
    if (drops) continue;
    if (static_cast<std::size_t>(got) > most - text.size())
      return std::unexpected("it has more than " + std::to_string(most) + " bytes");
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

Text read_opened(const std::string& path, std::uint64_t first, std::uint64_t count, std::size_t most) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return failed();
  struct stat status = {};
  const bool is_file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const auto position = static_cast<off_t>(std::min<std::uint64_t>(first, std::numeric_limits<off_t>::max()));
  if (is_file && first > 0 && ::lseek(fd, position, SEEK_SET) == position) first = 0;
  Text text = read_from(fd, first, count, most);
  ::close(fd);
  return text;
}

}  // namespace

Text read_whole(int fd, std::size_t most) { return read_from(fd, 0, kAll, most); }

Text read_whole_file(const std::string& path, std::size_t most) { return read_opened(path, 0, kAll, most); }

Text read_file_part(const std::string& path, std::uint64_t first, std::uint64_t count, std::size_t most) {
  return path == "-" ? read_from(STDIN_FILENO, first, count, most) : read_opened(path, first, count, most);
}

}  // namespace sluice::cli
