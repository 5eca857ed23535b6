// See header_dump.hpp.
#include "adapters/cli/header_dump.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace sluice::cli {

HeaderDumps::~HeaderDumps() {
  for (const auto& [settings, fd] : open_) ::close(fd);
}

FileResult<int> HeaderDumps::descriptor(const Settings& settings) {
  if (const auto found = open_.find(&settings); found != open_.end()) return found->second;
  const std::string& path = settings.dump_header;
  if (settings.create_dirs) {
    if (auto made = create_parent_directories(path); !made) return std::unexpected(made.error());
  }
  const auto named = named_descriptor(path);
  const int fd = named ? ::fcntl(*named, F_DUPFD_CLOEXEC, 3)
                       : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
  if (fd < 0) return std::unexpected("write to " + path + ": " + std::strerror(errno));
  open_.emplace(&settings, fd);
  return fd;
}

FileResult<void> HeaderDumps::open(const Settings& settings) {
  if (settings.dump_header.empty() || settings.dump_header == "-" || settings.dump_header == "%") return {};
  if (const FileResult<int> fd = descriptor(settings); !fd) return std::unexpected(fd.error());
  return {};
}

FileResult<void> HeaderDumps::write(const Settings& settings, std::string_view text) {
  if (settings.dump_header.empty()) return {};
  if (settings.dump_header == "-") return console_.print(text);
  if (settings.dump_header == "%") {
    console_.note(text);
    return {};
  }
  const FileResult<int> fd = descriptor(settings);
  if (!fd) return std::unexpected(fd.error());
  return write_all(*fd, as_bytes(text), settings.dump_header);
}

}  // namespace sluice::cli
