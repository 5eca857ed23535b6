// See file_version.hpp.
#include "adapters/cli/file_version.hpp"

#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace sluice::cli {
namespace {

constexpr const char* kVersionAttribute = "user.sluice.version";  // the lines of FileVersion, and the stamp

std::string stamp_of(const struct stat& status) {
  return std::to_string(status.st_size) + ' ' + std::to_string(status.st_mtim.tv_sec) + '.' +
         std::to_string(status.st_mtim.tv_nsec);
}

void put_version(int fd, const FileVersion& version, const std::string& stamp) {
  const std::string text = version.if_range + '\n' + version.etag + '\n' + version.last_modified + '\n' +
                           (version.size ? std::to_string(*version.size) : "") + '\n' + stamp;
  ::fsetxattr(fd, kVersionAttribute, text.data(), text.size(), 0);
}

}  // namespace

void write_version(int fd, const FileVersion& version) { put_version(fd, version, ""); }

void stamp_version(int fd, const FileVersion& version) {
  struct stat status = {};
  if (::fstat(fd, &status) == 0) put_version(fd, version, stamp_of(status));
}

void remove_version(int fd) { ::fremovexattr(fd, kVersionAttribute); }

FileVersion read_version(const std::string& path, const struct stat& status) {
  std::array<char, 2048> value = {};
  const ssize_t size = ::getxattr(path.c_str(), kVersionAttribute, value.data(), value.size());
  std::string_view text(value.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const auto next_line = [&] {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return std::string(line);
  };
  FileVersion version;
  version.if_range = next_line();
  version.etag = next_line();
  version.last_modified = next_line();
  std::uint64_t whole = 0;
  const std::string line = next_line();
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), whole);
  if (error == std::errc() && end == line.data() + line.size()) version.size = whole;
  // There is no stamp if the process that wrote the file was killed.
  const std::string stamp = next_line();
  const bool too_large = version.size && static_cast<std::uint64_t>(status.st_size) > *version.size;
  return too_large || (!stamp.empty() && stamp != stamp_of(status)) ? FileVersion() : version;
}

bool may_have_version(const std::string& path) {
  return ::lgetxattr(path.c_str(), kVersionAttribute, nullptr, 0) >= 0 || errno != ENODATA;
}

}  // namespace sluice::cli
