// Where a download goes: a file, written beside its final name and renamed when it is whole, or the standard output.
// So a file under its final name is complete; what a failed transfer received stays in "<name>.<random>.part", a name
// that nobody else has (SB-87). A file that is there and cannot be replaced (a mount point, a folder without write
// permission) is written in place.
// Knows files; leaves to others what is written and which exit code a failure is.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace sluice::cli {

// The error is one line: what was tried, on what, what the system said.
template <class T>
using FileResult = std::expected<T, std::string>;

class OutputFile {
 public:
  // "-" is the standard output. Nothing is touched before open().
  explicit OutputFile(std::string path, bool create_directories = false);
  ~OutputFile();  // as abandon()
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::string& path() const { return path_; }
  bool is_standard_output() const { return path_ == "-"; }
  bool is_open() const { return fd_ >= 0; }

  FileResult<void> open();
  // Blocks until all of it is written.
  FileResult<void> write(Bytes bytes);
  // Closes, and gives the file its final name.
  FileResult<void> commit();
  // Closes. What stood under the final name stays, unless it had to be written in place. Returns the name under which
  // the bytes so far are left, "" for none. `remove`: they go, unless they had to be written in place.
  std::string abandon(bool remove = false);

 private:
  int open_part(mode_t permissions);
  FileResult<void> open_in_place();
  FileResult<void> copy_part(int rename_error);

  std::string path_;
  std::string target_;  // path_ with symbolic links followed
  std::string part_;    // "": none (in place, a device, a pipe)
  bool in_place_ = false;
  bool create_directories_;
  int fd_ = -1;
};

// Blocks until all of it is written; `name` is for the error.
FileResult<void> write_all(int fd, Bytes bytes, const std::string& name);

// Every directory on the way to `path`, as --create-dirs wants it.
FileResult<void> create_parent_directories(const std::string& path);

// The descriptor of this process that `path` names ("/dev/stdout", "/dev/fd/3"). A file that it refers to must not be
// replaced or emptied: others write to it as well, by that descriptor.
std::optional<int> named_descriptor(std::string_view path);

// Two paths with equal keys name the same file, there or yet to be made. Symbolic links are followed.
std::string path_key(const std::string& path);

}  // namespace sluice::cli
