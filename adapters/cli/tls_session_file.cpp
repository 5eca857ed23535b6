// See tls_session_file.hpp.
#include "adapters/cli/tls_session_file.hpp"

#include <sys/stat.h>

#include "adapters/cli/output_file.hpp"
#include "adapters/cli/text.hpp"

namespace sluice::cli {

TlsSessionFile::TlsSessionFile(const std::optional<StateFile>& file, UnixSeconds now) : file_(file) {
  if (!file_) return;
  store_ = TlsSessionStore::create();
  if (file_->text.empty()) return;
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
  const bool exists = ::stat(file_->name.c_str(), &present) == 0 && S_ISREG(present.st_mode);
  if (exists && (present.st_mode & 077) != 0) ::chmod(file_->name.c_str(), 0600);
  if (const auto saved = replace_file(file_->name, text); !saved) {
    console.warning("the TLS sessions were not saved: " + saved.error());
  }
}

}  // namespace sluice::cli
