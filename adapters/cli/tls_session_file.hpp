// --ssl-sessions: TLS sessions of earlier runs, read at the start and written at the end. Leaves to others: which of
// them a connection may use, and the form of the file (core/stores.hpp), reading it (command_builder).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"
#include "core/stores.hpp"

namespace sluice::cli {

class TlsSessionFile {
 public:
  // `file`: of --ssl-sessions; nullopt: there is none, and no store.
  TlsSessionFile(const std::optional<StateFile>& file, UnixSeconds now);
  const std::shared_ptr<TlsSessionStore>& store() const { return store_; }
  const std::string& warning() const { return warning_; }  // "": none
  // Replaces the file, for the owner alone (0600), if there is something new. A file that could not be read stays as it
  // is: it may be another program's; so does one that others than its owner can change. One that cannot be written is a
  // warning.
  void save(Console& console, UnixSeconds now) const;

 private:
  const std::optional<StateFile>& file_;
  std::shared_ptr<TlsSessionStore> store_;
  std::string warning_;
};

}  // namespace sluice::cli
