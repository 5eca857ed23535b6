// See tls_session_file.hpp.
#include "adapters/cli/tls_session_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "adapters/cli/output_file.hpp"
#include "adapters/cli/text.hpp"

namespace sluice::cli {

namespace {

// Who can write the file can pose as any server, and who can read it has the secrets. True also if there is no file
// yet.
bool is_of_this_user_alone(const std::string& path) {
  struct stat present = {};
  if (::lstat(path.c_str(), &present) != 0) return errno == ENOENT;
  return S_ISREG(present.st_mode) && present.st_uid == ::geteuid() && (present.st_mode & 022) == 0;
}

}  // namespace

TlsSessionFile::TlsSessionFile(const std::optional<StateFile>& file, UnixSeconds now) : file_(file) {
  if (!file_) return;
  store_ = TlsSessionStore::create();
  if (file_->text.empty()) return;
  if (!is_of_this_user_alone(file_->name)) {
    warning_ = printable(file_->name) + " is not used: others than its owner, who must be this user, can change it";
    return;
  }
  if (const auto added = store_->import_sessions(file_->text, now); !added) {
    warning_ = printable(file_->name) + " stays as it is: " + added.error().message();
  }
}

void TlsSessionFile::save(Console& console, UnixSeconds now) const {
  if (!file_ || file_->name.empty() || !warning_.empty()) return;
  const std::string text = store_->export_sessions(now);
  if (text == file_->text) return;
  // A file that is there keeps its permissions, so they come first.
  struct stat present = {};
  const bool exists = ::lstat(file_->name.c_str(), &present) == 0;
  const bool is_safe = is_of_this_user_alone(file_->name);
  if (!is_safe || (exists && (present.st_mode & 077) != 0 && ::chmod(file_->name.c_str(), 0600) != 0)) {
    console.warning("the TLS sessions were not saved: " + printable(file_->name) + " is not this user's alone");
    return;
  }
  if (const auto saved = replace_file(file_->name, text); !saved) {
    console.warning("the TLS sessions were not saved: " + saved.error());
  }
}

}  // namespace sluice::cli
