// The output streams of the command: messages to the standard error, requested text to the standard output. Clears the
// progress display first, so that the two are not mixed. Leaves the texts to others.
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

  // "sluice: (7) TEXT". One line: control bytes in TEXT are replaced.
  void error(int exit_code, std::string_view text);
  void warning(std::string_view text);
  // A warning that the output may be incomplete; shown whenever errors are shown.
  void doubt(std::string_view text);
  // Prints text unchanged.
  void note(std::string_view text);
  FileResult<void> print(std::string_view text);  // to the standard output

 private:
  ProgressDisplay& progress_;
  bool errors_;
  bool warnings_;
};

// --stderr: what this process writes to the standard error from now on goes to the file, which is truncated; "-" is the
// standard output.
FileResult<void> redirect_messages(const std::string& path);

}  // namespace sluice::cli
