// The target of a download: the standard output, or a file that is written under a temporary name in the same folder
// and renamed when it is complete. So a file under its final name is complete; the bytes of a failed transfer stay in
// "<name>.<random>.part", a name that no other file has (SB-87). An existing file that cannot be replaced (a mount
// point, a folder without write permission) is written in place.
// Leaves to others: what is written, and the exit code of a failure.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/cli/file_version.hpp"
#include "core/types.hpp"

namespace sluice::cli {

// The error is one line: what was tried, on what, and the system's reason.
template <class T>
using FileResult = std::expected<T, std::string>;

class OutputFile {
 public:
  // What happens to a file that has the name already. Devices, pipes and descriptors are written all the same.
  enum class Existing : std::uint8_t {
    replace,
    number,  // it stays: NAME.1 is written, or NAME.2, up to NAME.100 (--no-clobber); the first that `is_free`
    refuse,  // it stays: an error
  };
  struct Options {
    bool create_directories = false;
    Existing existing = Existing::replace;
    // The permissions of a file that did not exist; nullopt: 0666 less the umask.
    std::optional<std::uint32_t> mode = {};
    bool is_name = false;  // "-" is a file of that name, and not the standard output
    // Of a name that no file has: whether nothing else is to be written there. Null: it is free.
    std::function<bool(const std::string& path)> is_free = {};
  };
  using Version = FileVersion;
  // What an earlier transfer has left of the file.
  struct Partial {
    std::string path;
    std::uint64_t bytes = 0;
    Version version;
    bool is_target = false;  // it has the final name already
  };
  // "-" is the standard output, unless the options say otherwise. Nothing is changed before open().
  explicit OutputFile(std::string path) : OutputFile(std::move(path), Options()) {}
  OutputFile(std::string path, const Options& options);
  ~OutputFile();  // does abandon()
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::string& path() const { return path_; }  // after commit(): the name that was given
  // Another name, before open().
  void set_path(std::string path, Existing existing) {
    path_ = std::move(path);
    options_.existing = existing;
  }
  // Another end of the name of the part that open() makes, for a part that no other transfer must take for the begin of
  // the file. Before open().
  void set_part_suffix(std::string_view suffix) { part_suffix_ = suffix; }
  // The part's name while it is open; "": none (in place, a device, a pipe).
  const std::string& part() const { return part_; }
  bool is_standard_output() const { return path_ == "-" && !options_.is_name; }
  bool is_open() const { return fd_ >= 0; }

  FileResult<void> open();
  // The file under the final name, else the part file of that name that was changed last and that this user's sluice
  // has made (SB-87); nullopt: there is none.
  std::optional<Partial> find_partial() const;
  // Instead of open(): what is written follows the first `bytes` bytes of `partial`, which becomes this file's part.
  FileResult<void> open_partial(const Partial& partial, std::uint64_t bytes);
  // Instead of open(): `part` is this file's part and stays as it is. Takes the descriptor, which is open for writing.
  void adopt_part(int fd, std::string part);
  // Blocks until all bytes are written.
  FileResult<void> write(Bytes bytes);
  // The same from this position of the file on. Only with a part.
  FileResult<void> write_at(std::uint64_t position, Bytes bytes);
  // Drops also what open_partial() has kept.
  FileResult<void> restart_whole() {
    kept_ = 0;
    return restart();
  }
  // Drops what was written, so that another attempt can be written; nothing is dropped while it is not open. What went
  // to a device, a pipe or a descriptor stays, as in curl.
  FileResult<void> restart();
  // The time of its last change, while it is open and no more is written. Nothing happens to a device, a pipe or a
  // descriptor.
  FileResult<void> set_time(UnixSeconds modified);
  // Closes the file and gives it its final name.
  FileResult<void> commit();
  // Closes the file. The earlier file under the final name stays, unless it was written in place. Returns the name of
  // the file with the bytes so far; "": none. `remove`: deletes these bytes, unless they were written in place.
  std::string abandon(bool remove = false);
  // Kept with the file under its final name: names ("user.mime_type") with values. While it is open. Error: the file
  // system refuses one of them; those before it are kept.
  FileResult<void> set_attributes(std::vector<std::pair<std::string, std::string>> attributes);
  // Kept with the file, for Partial::version, also if this process is killed. While it is open.
  void note_version(const Version& version);

 private:
  FileResult<void> open_new();
  int open_part(mode_t permissions);
  int set_aside();
  FileResult<void> open_in_place();
  FileResult<void> put_in_place();
  FileResult<void> put_beside();
  FileResult<void> copy_part(int rename_error);
  FileResult<void> put_attributes(int fd) const;

  std::string path_;
  std::string target_;  // path_ with symbolic links followed
  std::string part_;    // "": none (in place, a device, a pipe)
  std::string part_suffix_ = ".part";
  bool in_place_ = false;
  bool is_stream_ = false;   // a device, a pipe or a descriptor: what was written stays
  bool was_target_ = false;  // the part had the final name before
  std::uint64_t kept_ = 0;   // bytes of an earlier transfer at its begin
  Options options_;
  std::vector<std::pair<std::string, std::string>> attributes_;
  std::optional<Version> version_;  // what is kept with the file
  int fd_ = -1;
};

// The part file of `path` that was changed last: "<path>.<random><suffix>"; "": none. `usable`: the others do not
// count.
std::string newest_part(const std::string& path, std::string_view suffix,
                        bool (*usable)(const std::string& part) = nullptr);

// Writes the file beside the old one and renames it; a new file is its owner's alone. After an error the old one is
// unchanged.
FileResult<void> replace_file(const std::string& path, std::string_view text);

// Blocks until all bytes are written; `name` is for the error.
FileResult<void> write_all(int fd, Bytes bytes, const std::string& name);

// Makes all missing directories of `path` (--create-dirs).
FileResult<void> create_parent_directories(const std::string& path);

// The descriptor of this process that `path` names ("/dev/stdout", "/dev/fd/3"); nullopt: none. Its file must not be
// replaced or truncated, because others write to it by that descriptor.
std::optional<int> named_descriptor(std::string_view path);

// Two paths with equal keys name the same file, which need not exist yet. Symbolic links are followed.
std::string path_key(const std::string& path);

}  // namespace sluice::cli
