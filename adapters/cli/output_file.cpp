// See output_file.hpp.
#include "adapters/cli/output_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "adapters/cli/interrupt.hpp"

namespace sluice::cli {
namespace {

constexpr std::string_view kPartSuffix = ".part";
constexpr std::size_t kRandomChars = 6;
constexpr std::size_t kMaxNameBytes = NAME_MAX;
constexpr std::size_t kShortNameBytes = 40;  // short enough for file systems that allow less than NAME_MAX
constexpr int kAttempts = 100;

std::unexpected<std::string> failed(std::string_view what, const std::string& path, int error) {
  return std::unexpected(std::string(what) + " " + path + ": " + std::strerror(error));
}

// A file cannot be renamed over a mount point (EBUSY), for example a file that a container's host has mounted.
bool is_mount_point(const std::string& path) {
  struct statx status = {};
  return ::statx(AT_FDCWD, path.c_str(), 0, 0, &status) == 0 &&
         (status.stx_attributes_mask & status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// The path that open(2) would create for `path`: the target of a symbolic link that points to nothing.
std::string created_path(std::string path) {
  constexpr int kMostLinks = 40;  // the kernel's own limit
  for (int i = 0; i < kMostLinks; ++i) {
    std::error_code none;
    const std::filesystem::path link = std::filesystem::read_symlink(path, none);
    if (none) break;
    path = (std::filesystem::path(path).parent_path() / link).string();
  }
  return path;
}

std::string random_chars() {
  // 32 characters, so that all are equally likely.
  constexpr std::string_view kChars = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, kRandomChars> bytes = {};
  std::string text;
  if (::getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK) < 0) bytes = {};  // uniqueness is guaranteed by O_EXCL
  for (const unsigned char byte : bytes) text += kChars[byte % kChars.size()];
  return text;
}

// "folder/NAME.abc123.part" with at most `most` bytes after the folder. NAME is cut between UTF-8 characters.
std::string part_name(const std::string& target, std::string_view suffix, std::size_t most) {
  const std::size_t slash = target.rfind('/');
  const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  std::size_t end = std::min(target.size(), begin + most - suffix.size() - kRandomChars - 1);
  while (end < target.size() && end > begin && (static_cast<unsigned char>(target[end]) & 0xC0U) == 0x80U) --end;
  return target.substr(0, end) + "." + random_chars() + std::string(suffix);
}

// A file that is only this user's under only this name: what is written to it is written to nothing else.
bool is_own_part(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == ::geteuid();
}

// The same, and a response's body is in it, as far as the file system can tell.
bool is_usable_part(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0 || !is_own_part(status)) return false;
  return may_have_version(path);
}

// Renames if there is no file with the new name. Returns 0 or an errno.
int rename_to_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL) return errno;
  // The file system (NFS) does not know the flag.
  if (::link(from.c_str(), to.c_str()) != 0) return errno;
  ::unlink(from.c_str());
  return 0;
}

// Whether the error means that the folder allows no new file, so that an existing file can only be written in place.
bool folder_refuses(int error) {
  return error == EACCES || error == EPERM || error == EROFS || error == EBUSY || error == EXDEV;
}

}  // namespace

OutputFile::OutputFile(std::string path, const Options& options) : path_(std::move(path)), options_(options) {}

OutputFile::~OutputFile() { abandon(); }

FileResult<void> OutputFile::open() {
  if (is_standard_output()) {
    fd_ = STDOUT_FILENO;
    return {};
  }
  if (const auto named = named_descriptor(path_)) {
    fd_ = ::fcntl(*named, F_DUPFD_CLOEXEC, 3);
    if (fd_ < 0) return failed("write to", path_, errno);
    is_stream_ = true;
    return {};
  }
  if (options_.create_directories) {
    if (auto made = create_parent_directories(path_); !made) return made;
  }
  struct stat present = {};
  if (::stat(path_.c_str(), &present) != 0) {
    // The name of the part file may be shorter, so a final name that is too long is reported now and not after the
    // whole body.
    if (errno != ENOENT) return failed("write to", path_, errno);
    return open_new();
  }
  if (S_ISDIR(present.st_mode)) return failed("write to", path_, EISDIR);
  if (!S_ISREG(present.st_mode)) {  // a device or a pipe cannot be replaced by renaming
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd_ < 0) return failed("write to", path_, errno);
    is_stream_ = true;
    return {};
  }
  if (options_.existing == Existing::refuse) return failed("write to", path_, EEXIST);
  if (options_.existing == Existing::number) return open_new();
  if (::access(path_.c_str(), W_OK) != 0) return failed("write to", path_, errno);
  std::array<char, PATH_MAX> real = {};
  if (::realpath(path_.c_str(), real.data()) == nullptr) return failed("write to", path_, errno);
  target_ = real.data();
  if (is_mount_point(target_)) return open_in_place();
  // Other users must not be able to open the part before it has the permissions of the file that it replaces.
  if (const int error = open_part(present.st_mode & 0700); error != 0) {
    return folder_refuses(error) ? open_in_place() : failed("write to", path_, error);
  }
  // Keeps the owner, if this process may change it.
  if (::fchown(fd_, present.st_uid, present.st_gid) != 0) errno = 0;
  ::fchmod(fd_, present.st_mode & 0777);
  return {};
}

FileResult<void> OutputFile::open_new() {
  // A link that points to nothing is a file that exists, where such a file stays.
  const bool replaces = options_.existing == Existing::replace;
  struct stat present = {};
  if (options_.existing == Existing::refuse && ::lstat(path_.c_str(), &present) == 0) {
    return failed("write to", path_, EEXIST);
  }
  target_ = replaces ? created_path(path_) : path_;
  if (const int error = open_part(options_.mode.value_or(0666)); error != 0) return failed("write to", path_, error);
  // The mode was asked for, so the umask does not count.
  if (options_.mode && ::fchmod(fd_, *options_.mode) != 0) return failed("set the permissions of", part_, errno);
  return {};
}

std::optional<OutputFile::Partial> OutputFile::find_partial() const {
  struct stat status = {};
  const auto is_regular = [&](const std::string& name) {
    return ::stat(name.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  };
  std::string found = is_regular(path_) ? path_ : newest_part(path_, kPartSuffix, is_usable_part);
  if (found.empty() || !is_regular(found)) return std::nullopt;
  return Partial{.path = found,
                 .bytes = static_cast<std::uint64_t>(status.st_size),
                 .version = read_version(found, status),
                 .is_target = found == path_};
}

// A file with the final name loses it while it is continued: under that name a file is always whole. Where the folder
// allows no other name, it is written in place.
FileResult<void> OutputFile::open_partial(const Partial& partial, std::uint64_t bytes) {
  target_ = created_path(path_);
  // The user has chosen the final name, also if it is that of a link.
  const int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | (partial.is_target ? 0 : O_NOFOLLOW | O_NONBLOCK);
  const int fd = ::open(partial.path.c_str(), flags);
  if (fd < 0) return failed("write to", partial.path, errno);
  struct stat status = {};
  if (!partial.is_target && (::fstat(fd, &status) != 0 || !is_own_part(status))) {
    ::close(fd);
    return std::unexpected("write to " + partial.path + ": it is not a file of this user with one name");
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd);
    return std::unexpected("write to " + partial.path + ": another process is writing it");
  }
  kept_ = bytes;
  part_ = partial.path;
  if (partial.is_target) {
    if (const int error = set_aside(); error != 0) {
      ::close(fd);
      return failed("rename", path_, error);
    }
  }
  fd_ = fd;
  auto kept = restart();
  if (kept && partial.version.known()) note_version(partial.version);  // its file has a new time now
  return kept;
}

void OutputFile::adopt_part(int fd, std::string part) {
  target_ = created_path(path_);
  part_ = std::move(part);
  fd_ = fd;
}

// Gives the file with the final name the name of a part. Returns 0 or an errno.
int OutputFile::set_aside() {
  int error = open_part(0600);
  if (error == 0) {
    ::close(std::exchange(fd_, -1));
    if (::rename(target_.c_str(), part_.c_str()) != 0) {
      error = errno;
      ::unlink(part_.c_str());
    }
  }
  was_target_ = error == 0;
  if (error == 0) return 0;
  part_.clear();
  in_place_ = folder_refuses(error);
  return in_place_ ? 0 : error;
}

// Returns 0 or an errno. Uses only a file that this call has created (O_EXCL): SB-87.
int OutputFile::open_part(mode_t permissions) {
  std::size_t most = kMaxNameBytes;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    part_ = part_name(target_, part_suffix_, most);
    fd_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, permissions);
    if (fd_ >= 0) {
      ::flock(fd_, LOCK_EX | LOCK_NB);  // so that no other process continues it meanwhile
      return 0;
    }
    if (errno == ENAMETOOLONG && most == kMaxNameBytes) {
      most = kShortNameBytes;
      continue;
    }
    if (errno != EEXIST) break;
  }
  part_.clear();
  return errno;
}

FileResult<void> OutputFile::open_in_place() {
  fd_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd_ < 0) return failed("write to", path_, errno);
  in_place_ = true;
  // Two processes that write the same file in place would mix their bytes.
  int error = ::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK ? 0 : EBUSY;
  if (error == 0 && ::ftruncate(fd_, 0) != 0) error = errno;
  if (error == 0) remove_version(fd_);  // of what was there
  if (error == 0) return {};
  ::close(std::exchange(fd_, -1));
  if (error == EBUSY) return std::unexpected("write to " + path_ + ": another process is writing it");
  return failed("write to", path_, error);
}

FileResult<void> OutputFile::write(Bytes bytes) {
  return write_all(fd_, bytes, is_standard_output() ? "standard output" : path_);
}

FileResult<void> OutputFile::write_at(std::uint64_t position, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(position));
    if (written < 0 && errno == EINTR && interrupted_by() == 0) continue;
    if (written < 0) return failed("write to", path_, errno);
    position += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

FileResult<void> OutputFile::restart() {
  if (fd_ < 0 || is_stream_) return {};
  const auto at = static_cast<off_t>(kept_);
  if (::ftruncate(fd_, at) != 0 || ::lseek(fd_, at, SEEK_SET) != at) return failed("write again to", path_, errno);
  return {};
}

FileResult<void> OutputFile::set_time(UnixSeconds modified) {
  if (fd_ < 0 || is_stream_ || is_standard_output()) return {};
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = modified, .tv_nsec = 0}};
  if (::futimens(fd_, times) != 0) return failed("set the time of", path_, errno);
  return {};
}

FileResult<void> OutputFile::commit() {
  if (fd_ < 0) return {};
  if (is_standard_output()) {
    fd_ = -1;
    return {};
  }
  // Some file systems report a full disk only on close: closing a duplicate reports it and leaves this descriptor open.
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (copy < 0 || ::close(copy) != 0) return failed("write to", path_, errno);
  if (version_) stamp_version(fd_, *version_);
  if (auto placed = part_.empty() ? FileResult<void>() : put_in_place(); !placed) return placed;
  ::close(std::exchange(fd_, -1));
  return {};
}

FileResult<void> OutputFile::put_in_place() {
  if (options_.existing != Existing::replace) return put_beside();
  if (::rename(part_.c_str(), target_.c_str()) == 0) return {};
  return copy_part(errno);
}

// Also if a file with one of these names was created since open(), it stays.
FileResult<void> OutputFile::put_beside() {
  constexpr int kMostNumber = 100;  // as in curl
  const int most = options_.existing == Existing::number ? kMostNumber : 0;
  for (int number = 0; number <= most; ++number) {
    const std::string ending = number == 0 ? "" : "." + std::to_string(number);
    const std::string name = target_ + ending;
    const bool is_free = !options_.is_free || options_.is_free(name);
    const int error = is_free ? rename_to_new(part_, name) : EEXIST;
    if (error == 0) {
      path_ += ending;
      return {};
    }
    if (error != EEXIST) return failed("rename " + part_ + " to", name, error);
  }
  return failed("write to", path_, EEXIST);
}

// A folder may allow to create files but not to replace them (sticky bit, EPERM): then the bytes are copied into the
// target.
FileResult<void> OutputFile::copy_part(int rename_error) {
  const auto refused = [&] { return failed("rename " + part_ + " to", target_, rename_error); };
  if (!folder_refuses(rename_error)) return refused();
  const int from = ::open(part_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (from < 0) return refused();
  // Without O_CREAT, because the file exists.
  const int to = ::open(target_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
  FileResult<void> copied;
  if (to < 0) copied = refused();
  if (to >= 0) remove_version(to);  // of what was there
  std::array<std::uint8_t, 64 * 1024> buffer = {};
  while (copied) {
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count < 0) copied = failed("read", part_, errno);
    if (count <= 0) break;
    copied = write_all(to, Bytes(buffer).first(static_cast<std::size_t>(count)), path_);
  }
  ::close(from);
  if (copied) put_attributes(to);  // a refusal was reported for the part
  if (copied && version_) stamp_version(to, *version_);
  if (to >= 0 && ::close(to) != 0 && copied) copied = failed("write to", path_, errno);
  if (copied) ::unlink(part_.c_str());
  return copied;
}

std::string OutputFile::abandon(bool remove) {
  if (fd_ < 0) return "";
  // What was there before stays.
  if (remove && was_target_ && ::ftruncate(fd_, static_cast<off_t>(kept_)) != 0) remove = false;
  struct stat left = {};
  const bool known = ::fstat(fd_, &left) == 0;
  const bool unchanged = known && left.st_size == static_cast<off_t>(kept_);
  if (version_) stamp_version(fd_, *version_);
  if (!is_standard_output()) ::close(fd_);
  fd_ = -1;
  if (in_place_) return target_;
  if (was_target_ && unchanged && rename_to_new(part_, target_) == 0) return "";
  if (!part_.empty() && ((unchanged && kept_ == 0) || remove)) {  // nothing was received: leave no file
    ::unlink(part_.c_str());
    return "";
  }
  return part_;
}

FileResult<void> OutputFile::set_attributes(std::vector<std::pair<std::string, std::string>> attributes) {
  attributes_ = std::move(attributes);
  return put_attributes(fd_);
}

FileResult<void> OutputFile::put_attributes(int fd) const {
  for (const auto& [name, value] : attributes_) {
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) {
      return failed("set the attribute " + name + " of", path_, errno);
    }
  }
  return {};
}

void OutputFile::note_version(const Version& version) {
  if (fd_ < 0 || is_stream_ || is_standard_output()) return;
  version_ = version;
  write_version(fd_, version);
}

std::string newest_part(const std::string& given, std::string_view suffix, bool (*usable)(const std::string& part)) {
  const std::filesystem::path path(created_path(given));
  const std::string begin = path.filename().string() + ".";
  const std::size_t size = begin.size() + kRandomChars + suffix.size();
  std::string newest;
  std::filesystem::file_time_type latest;
  std::error_code error;
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() != size || !name.starts_with(begin) || !name.ends_with(suffix)) continue;
    if (usable != nullptr && !usable(entry.path().string())) continue;
    const auto changed = entry.last_write_time(error);
    if (error || (!newest.empty() && changed <= latest)) continue;
    newest = (path.parent_path() / name).string();
    latest = changed;
  }
  return newest;
}

FileResult<void> replace_file(const std::string& path, std::string_view text) {
  OutputFile file(path, {.mode = 0600});
  auto done = file.open();
  if (done) done = file.write(as_bytes(text));
  if (done) done = file.commit();
  if (!done) file.abandon(true);
  return done;
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
    // EROFS or EACCES may also be returned for a directory that exists.
    const int error = errno;
    struct stat present = {};
    if (::stat(directory.c_str(), &present) != 0) return failed("create directory", directory, error);
  }
  return {};
}

std::optional<int> named_descriptor(std::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    const std::string_view digits = path.substr(folder.size());
    int number = -1;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (end.ec == std::errc() && end.ptr == digits.data() + digits.size()) return number;
  }
  return std::nullopt;
}

std::string path_key(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(created_path(path), error);
  if (error) return std::filesystem::path(path).lexically_normal().string();
  const auto real = std::filesystem::weakly_canonical(absolute, error);
  return (error ? absolute.lexically_normal() : real).string();
}

}  // namespace sluice::cli
