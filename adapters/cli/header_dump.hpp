// -D: writes response heads to a file, the standard output or the standard error. The URLs of one group share a file:
// the first transfer truncates it, the others append. Leaves the text to verbose.hpp.
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

  // Opens the file, so that an error is known before anything is sent. Does nothing without -D.
  FileResult<void> open(const Settings& settings);
  // Does nothing without -D. `settings` must outlive this object.
  FileResult<void> write(const Settings& settings, std::string_view text);

 private:
  FileResult<int> descriptor(const Settings& settings);
  Console& console_;
  std::map<const Settings*, int> open_;
};

}  // namespace sluice::cli
