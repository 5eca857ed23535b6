// See segment_file.hpp.
#include "adapters/cli/segment_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace sluice::cli {
namespace {

constexpr std::string_view kPartEnding = ".part";
constexpr std::string_view kJournalSuffix = ".journal";

std::string journal_name(const std::string& part) {
  return part.substr(0, part.size() - kPartEnding.size()) + std::string(kJournalSuffix);
}

// Another user may have put a file of that name there.
bool is_own(int fd, struct stat& status) {
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
}

// nullopt: errno says why.
std::optional<std::string> read_own(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  constexpr std::size_t kMost = 1024 * 1024;  // more than a journal may have
  std::string text;
  std::array<char, 16 * 1024> buffer = {};
  struct stat status = {};
  ssize_t count = is_own(fd, status) ? 1 : -1;
  if (count < 0) errno = EPERM;
  while (count > 0 && text.size() <= kMost) {
    count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return count < 0 ? std::nullopt : std::optional(std::move(text));
}

// Whether the name still is this file's: its last writer may just have given it the final name.
bool still_has_name(const struct stat& file, const std::string& name) {
  struct stat named = {};
  return ::lstat(name.c_str(), &named) == 0 && named.st_dev == file.st_dev && named.st_ino == file.st_ino;
}

FoundSegments not_taken(const std::string& file, std::string_view why) {
  FoundSegments none;
  none.warning = file + " is not used, the download starts anew: " + std::string(why);
  return none;
}

}  // namespace

FileResult<FoundSegments> find_segments(const std::string& path, const std::string& url) {
  const std::string part = newest_part(path, kSegmentsSuffix);
  if (part.empty()) return FoundSegments();
  const std::string journal = journal_name(part);
  const int fd = ::open(part.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return not_taken(part, std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd);
    return std::unexpected("write to " + part + ": another process is writing it");
  }
  struct stat status = {};
  std::string why;
  FoundSegments found{fd, part, {}, {}};
  if (!is_own(fd, status)) {
    why = "it is not a file of this user";
  } else if (!still_has_name(status, part)) {
    ::close(fd);
    return FoundSegments();
  } else if (const auto text = read_own(journal); !text) {
    why = journal + ": " + std::strerror(errno);
  } else if (auto parts = parse_segment_journal(*text, static_cast<std::uint64_t>(status.st_size)); !parts) {
    why = "its journal is not valid: " + std::string(parts.error());
  } else if (parts->url != url) {
    why = "its journal is of another URL";
  } else {
    found.parts = *std::move(parts);
  }
  if (why.empty()) return found;
  ::close(fd);
  return not_taken(part, why);
}

FileResult<void> save_journal(const std::string& part, const SegmentedParts& parts) {
  const std::string journal = journal_name(part), fresh = journal + ".new";
  ::unlink(fresh.c_str());
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return std::unexpected("write to " + fresh + ": " + std::strerror(errno));
  auto saved = write_all(fd, as_bytes(format_segment_journal(parts)), fresh);
  ::close(fd);
  if (saved && ::rename(fresh.c_str(), journal.c_str()) == 0) return {};
  if (saved) saved = std::unexpected("rename " + fresh + ": " + std::strerror(errno));
  ::unlink(fresh.c_str());
  return saved;
}

void remove_journal(const std::string& part) { ::unlink(journal_name(part).c_str()); }

}  // namespace sluice::cli
