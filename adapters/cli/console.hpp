// The two streams of the command: lines for people to the standard error, asked-for text to the standard output. Takes
// the progress display off the screen first, so that nothing lands among its lines.
#pragma once

#include <string>
#include <string_view>

#include "adapters/cli/output_file.hpp"
#include "adapters/cli/progress_display.hpp"

namespace sluice::cli {

class Console {
 public:
  // `errors`, `warnings`: whether such lines are shown at all (-s, -S).
  Console(ProgressDisplay& progress, bool errors, bool warnings)
      : progress_(progress), errors_(errors), warnings_(warnings) {}

  // "sluice: (7) TEXT", one line whatever TEXT holds.
  void error(int exit_code, std::string_view text);
  void warning(std::string_view text);
  // A warning that what was written may not be whole: shown where errors are.
  void doubt(std::string_view text);
  // Text with its line ends, as it is.
  void note(std::string_view text);
  FileResult<void> print(std::string_view text);  // to the standard output

 private:
  ProgressDisplay& progress_;
  bool errors_;
  bool warnings_;
};

}  // namespace sluice::cli
