// -D: response heads into a file or the standard output. The URLs of one group share a file: the first transfer empties
// it, the others are appended. Knows files; the text comes from verbose.hpp.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"

namespace sluice::cli {

class HeaderDumps {
 public:
  explicit HeaderDumps(Console& console) : console_(console) {}
  ~HeaderDumps();
  HeaderDumps(const HeaderDumps&) = delete;
  HeaderDumps& operator=(const HeaderDumps&) = delete;

  // Opens the file, so that one that cannot be written is known before anything is sent. Nothing without -D.
  FileResult<void> open(const Settings& settings);
  // Nothing without -D. `settings` must outlive this.
  FileResult<void> write(const Settings& settings, std::string_view text);

 private:
  FileResult<int> descriptor(const Settings& settings);
  Console& console_;
  std::map<const Settings*, int> open_;
};

}  // namespace sluice::cli
