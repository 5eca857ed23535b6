// Which file of a command is written by whom, so that nothing replaces what another has written: a body per file, and
// no body in a file of an option (-D, --har, -c). Devices, pipes and open descriptors are shared by all. Knows names
// only. Leaves to others: writing, and files that were there before (output_file).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "adapters/cli/command_line.hpp"

namespace sluice::cli {

class FileClaims {
 public:
  explicit FileClaims(const CommandLine& command);

  // Two options that would write the same file, as one line; nullopt: there are none.
  const std::optional<std::string>& contradiction() const { return contradiction_; }

  // Reserves the file for a body. nullptr: it is reserved, or shared by all; else what is written there.
  const char* claim(const std::string& path);
  // Whether a body of this command was written there, or will be.
  bool is_claimed(const std::string& path) const;

 private:
  // What an option writes to a file. Two that only append may share one.
  struct Use {
    const char* what = nullptr;
    bool appends = false;
  };
  void add(const std::string& path, Use use);
  void add_settings(const Settings& settings);

  std::map<std::string, Use> options_;  // by path_key()
  std::set<std::string> bodies_;        // the same keys
  std::optional<std::string> contradiction_;
};

}  // namespace sluice::cli
