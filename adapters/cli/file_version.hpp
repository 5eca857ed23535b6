// Which version of a resource a file is, kept in an attribute of the file, with its size and time when it was closed:
// they tell whether another program has changed the file since then. Where the file system has no such attributes,
// nothing is kept. Leaves to others: what the version is good for (continued_download).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::cli {

// As the response said. "": not known.
struct FileVersion {
  std::string if_range;  // what a request for the rest can have as If-Range
  std::string etag, last_modified;
  std::optional<std::uint64_t> size;  // of the whole
  bool known() const { return size || !if_range.empty() || !etag.empty() || !last_modified.empty(); }
};

// While the file is written: also if this process is killed, it is there.
void write_version(int fd, const FileVersion& version);
// The same when no more is written.
void stamp_version(int fd, const FileVersion& version);
void remove_version(int fd);

// Of a file with this status. Nothing is known of a file that another program has changed since then.
FileVersion read_version(const std::string& path, const struct stat& status);
// False: none was kept, though the file system could have.
bool may_have_version(const std::string& path);

}  // namespace sluice::cli
