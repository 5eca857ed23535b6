// See file_input.hpp.
#include "adapters/cli/file_input.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::cli {

std::expected<std::string, std::string> read_whole(int fd, std::size_t most) {
  std::string text;
  char buffer[64 * 1024];
  while (true) {
    const ssize_t count = ::read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(std::string(std::strerror(errno)));
    if (count == 0) return text;
    if (static_cast<std::size_t>(count) > most - text.size())
      return std::unexpected("it has more than " + std::to_string(most) + " bytes");
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

std::expected<std::string, std::string> read_whole_file(const std::string& path, std::size_t most) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return std::unexpected(std::string(std::strerror(errno)));
  auto text = read_whole(fd, most);
  ::close(fd);
  return text;
}

}  // namespace sluice::cli
